//! Drives criterion over the cells of a workload: what all benchmark files share.
//!
//! One iteration of criterion is one round, which times itself and verifies itself. A cell that is unsupported or fails is
//! never handed to criterion's statistics: what became of each cell is recorded beside criterion's data
//! (`harness::record`), and the page shows a time only where the record says that every round was sound.

mod arguments;
pub mod paired;
mod settings;
mod suite;

use std::process::ExitCode;

use harness::registry::Registry;

pub use self::arguments::{Arguments, Mode};
pub use self::settings::Settings;
pub use self::suite::{Suite, Summary, words};

/// The `main` of a benchmark file: benchmarks the workload over every registered channel, as the command line and the
/// environment ask. Fails when a cell failed.
pub fn bench(workload: &str) -> ExitCode {
    let registry = Registry::new();
    match run(&registry, workload) {
        Ok(summary) if summary.failed == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

fn run(registry: &Registry, workload: &str) -> Result<Summary, String> {
    let arguments = Arguments::from_env();
    let settings = Settings::from_env().map_err(|error| error.to_string())?;
    let workload = registry.workload(workload).map_err(|error| error.to_string())?;
    Suite { registry, workload, settings, directory: harness::record::criterion_dir() }.run(&arguments)
}
