//! Criterion benchmarks of the workload `fan_in`, over every channel.

use std::process::ExitCode;

fn main() -> ExitCode {
    suite::bench("fan_in")
}
