//! The fuzz targets: each feeds bytes to something that reads what others wrote, and asserts what must hold whatever
//! the bytes are. libFuzzer calls them (`fuzz/src/main.rs`), and a test of `reports` does so with the committed corpus and
//! mutations of it (`reports/tests/corpus`).

mod crates;
mod inert;
mod processes;
mod records;
mod runs;

use std::time::{Duration, Instant};

use ::records::machine::Machine;
use workloads::meters::allocations;
use workloads::registry::Registry;

/// A target.
pub(crate) struct Target {
    /// Its name, which is also that of its folder in the corpus.
    pub(crate) name: &'static str,
    run: fn(&[u8]),
}

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run }
}

/// Every target.
pub(crate) const TARGETS: [Target; 16] = [
    target("criterion", records::criterion),
    target("lines", records::lines),
    target("manifest", crates::manifest),
    target("models", processes::models),
    target("offset-map", processes::offset_map),
    target("plan", runs::plan),
    target("records", records::records),
    target("reply", processes::reply),
    target("run", runs::run),
    target("schedule", processes::schedule),
    target("sealed-run", runs::sealed_run),
    target("source", crates::source),
    target("timeline", runs::timeline),
    target("verified", records::verified),
    target("words", processes::words),
    target("worker", processes::worker),
];

/// The bytes that a target may allocate in all for each byte of its input: most of them are the histograms of rounds, one
/// after the other.
const BYTES_EACH: u64 = 4_096;

/// The bytes that it may allocate for any input: the page of nothing, and what this build knows.
const BYTES: u64 = 64 << 20;

/// The longest time for an input.
const LIMIT: Duration = Duration::from_secs(10);

impl Target {
    /// Feeds `input` to the target.
    ///
    /// # Panics
    ///
    /// When it finds a fault, or takes more memory or time than its size allows.
    pub(crate) fn run(&self, input: &[u8]) {
        assert!(allocations::count(true), "the program has no counting allocator");
        let (before, began) = (allocations::of_this_thread(), Instant::now());
        (self.run)(input);
        let (after, took) = (allocations::of_this_thread(), began.elapsed());
        let bytes = after.unwrap_or_default().bytes - before.unwrap_or_default().bytes;
        let most = BYTES + BYTES_EACH * input.len() as u64;
        assert!(
            bytes <= most,
            "{bytes} bytes allocated for an input of {}, at most {most} allowed",
            input.len()
        );
        assert!(took <= LIMIT, "{took:?} for an input of {} bytes", input.len());
    }
}

/// The line between the parts of an input that stands for several files.
const SEPARATOR: &[u8] = b"\n----\n";

/// The parts of an input; those that it lacks are empty.
fn parts<const COUNT: usize>(input: &[u8]) -> [&[u8]; COUNT] {
    let mut rest = Some(input);
    std::array::from_fn(|_| {
        let all = rest.unwrap_or_default();
        let end = all.windows(SEPARATOR.len()).position(|window| window == SEPARATOR);
        rest = end.map(|end| &all[end + SEPARATOR.len()..]);
        &all[..end.unwrap_or(all.len())]
    })
}

thread_local! {
    /// What this build knows. It is made once: that takes longer than most inputs.
    static REGISTRY: &'static Registry = Box::leak(Box::new(adapters::registry()));
}

fn registry() -> &'static Registry {
    REGISTRY.with(|registry| *registry)
}

/// A machine, for records of this build.
fn machine() -> Machine {
    Machine {
        cpu: "a processor".to_owned(),
        cores: std::thread::available_parallelism().map_or(1, |count| count.get()),
        kernel: "6.1".to_owned(),
        system: "a system".to_owned(),
        rustc: "rustc 1.95.0".to_owned(),
        channels: Default::default(),
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    fn fails(run: impl Fn() + std::panic::UnwindSafe) -> bool {
        std::panic::catch_unwind(run).is_err()
    }

    #[test]
    fn a_target_that_takes_too_much_memory_fails() {
        let (few, many) = (target("few", |_| ()), target("many", |_| drop(black_box(vec![0_u8; 1 << 27]))));
        assert!(!fails(|| few.run(b"")) && fails(|| many.run(b"")));
    }

    #[test]
    fn a_page_with_foreign_elements_or_hidden_characters_fails() {
        inert::html("<!DOCTYPE html><p class=\"a\">&lt;script&gt; on top</p></html>");
        for foreign in
            ["<script>", "<p onclick=\"x\">", "<a href=\"JavaScript:x\">", "\u{202e}", "<iframe>", "NaN×"]
        {
            assert!(fails(|| inert::html(&format!("<p>{foreign}</p></html>"))), "{foreign}");
        }
    }

    #[test]
    fn parts_are_split_at_their_line() {
        assert_eq!(parts(b"a\n----\nb\n----\nc\n----\nd"), [&b"a"[..], b"b", b"c"]);
        assert_eq!(parts(b"a"), [&b"a"[..], b""]);
    }
}
