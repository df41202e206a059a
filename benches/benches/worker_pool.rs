//! Criterion benchmarks of the workload `worker_pool`, over every channel.

use std::process::ExitCode;

fn main() -> ExitCode {
    suite::bench("worker_pool")
}
