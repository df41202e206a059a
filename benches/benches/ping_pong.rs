//! Criterion benchmarks of the workload `ping_pong`, over every channel.

use std::process::ExitCode;

fn main() -> ExitCode {
    suite::bench("ping_pong")
}
