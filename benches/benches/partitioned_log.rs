//! Criterion benchmarks of the workload `partitioned_log`, over every channel.

use std::process::ExitCode;

fn main() -> ExitCode {
    suite::bench("partitioned_log")
}
