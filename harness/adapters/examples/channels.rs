//! Prints every channel with its version.

fn main() {
    for (channel, version) in adapters::registry().versions() {
        println!("{channel}: {version}");
    }
}
