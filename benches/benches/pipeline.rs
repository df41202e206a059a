//! Criterion benchmarks of the workload `pipeline`, over every channel.

use std::process::ExitCode;

fn main() -> ExitCode {
    suite::bench("pipeline")
}
