//! Models of what coordinates the workloads, each over the baseline.

use std::process::ExitCode;

mod partitioned_log;
mod token_bucket;
mod worker_pool;

fn main() -> ExitCode {
    models::run([token_bucket::table(), worker_pool::table(), partitioned_log::table()].concat())
}
