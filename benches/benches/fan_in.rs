//! Criterion benchmarks of the workload `fan_in`, over every channel.

use std::process::ExitCode;

fn main() -> ExitCode {
    benches::bench("fan_in")
}
