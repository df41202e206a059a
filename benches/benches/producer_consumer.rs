//! Criterion benchmarks of the workload `producer_consumer`, over every channel.

use std::process::ExitCode;

fn main() -> ExitCode {
    suite::bench("producer_consumer")
}
