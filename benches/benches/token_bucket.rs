//! Criterion benchmarks of the workload `token_bucket`, over every channel.

use std::process::ExitCode;

fn main() -> ExitCode {
    suite::bench("token_bucket")
}
