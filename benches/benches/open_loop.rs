//! Criterion benchmarks of the workload `open_loop`, over every channel.

use std::process::ExitCode;

fn main() -> ExitCode {
    suite::bench("open_loop")
}
