//! Criterion benchmarks of the workload `open_loop`, over every channel.

use std::process::ExitCode;

fn main() -> ExitCode {
    benches::bench("open_loop")
}
