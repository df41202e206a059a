//! Drives criterion over the cells of a workload, for all benchmark files.
//!
//! One iteration of criterion is one round, which times and verifies itself. A cell that is unsupported or
//! fails never reaches criterion's statistics: the result of each cell is recorded next to criterion's data
//! (`records::record`), and the page shows a time only when the record says that every round passed.

mod arguments;
pub mod paired;
mod settings;
mod suite;

use std::env;
use std::panic;
use std::process::ExitCode;

use adapters::crossbeam::Adapter as Crossbeam;
use contract::channel::Channel as _;
use workloads::registry::Registry;
use workloads::slowed;
use workloads::thread_group::panic_message;

pub use self::arguments::{Arguments, BenchMode};
pub use self::settings::Settings;
pub use self::suite::{Suite, Summary, words};

/// The reason why benchmarks failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The command line or the environment names something unknown: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// Something failed: exit code 1.
    #[error("{0}")]
    Failed(String),
}

/// Prints the error, if there is one; returns the exit code.
pub fn ended(result: Result<(), Error>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    eprintln!("error: {error}");
    match error {
        Error::Usage(_) => ExitCode::from(2),
        Error::Failed(_) => ExitCode::FAILURE,
    }
}

/// Lets criterion list the benchmarks (group and function) that the command line selects, without running
/// any.
///
/// # Errors
///
/// [`Error::Usage`] for a filter that is not a regular expression.
pub fn list(
    settings: &Settings,
    benchmarks: impl IntoIterator<Item = (String, &'static str)>,
) -> Result<(), Error> {
    // Criterion panics over an invalid filter. Nothing else runs here, so the hook can be replaced to keep
    // the panic silent.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| ()));
    let criterion = panic::catch_unwind(|| settings.criterion().configure_from_args());
    panic::set_hook(hook);
    let mut criterion = criterion.map_err(|panic| {
        let message = panic_message(&*panic);
        let line = message.lines().next().unwrap_or_default().trim_end_matches(':');
        Error::Usage(format!("{line} (see cargo bench -- --help)"))
    })?;
    for (group, function) in benchmarks {
        let mut group = criterion.benchmark_group(group);
        group.bench_function(function, |_| unreachable!("criterion only lists"));
        group.finish();
    }
    Ok(())
}

/// The `main` of a benchmark file: benchmarks the workload over every registered channel. Fails when a cell
/// failed.
pub fn bench(workload: &str) -> ExitCode {
    ended(registry().and_then(|registry| run(&registry, workload)))
}

/// The registered channels, or the slowed one when [`workloads::slowed::VARIABLE`] is set.
fn registry() -> Result<Registry, Error> {
    let Ok(steps) = env::var(slowed::VARIABLE) else {
        return Ok(adapters::registry());
    };
    let usage = || Error::Usage(format!("{}={steps}: expected a number of steps", slowed::VARIABLE));
    slowed::set(steps.parse().map_err(|_| usage())?);
    Ok(Registry::slowed::<Crossbeam>(adapters::version(&Crossbeam::INFO)))
}

fn run(registry: &Registry, workload: &str) -> Result<(), Error> {
    let arguments = Arguments::from_env();
    let settings = Settings::from_env().map_err(|error| Error::Usage(error.to_string()))?;
    let workload = registry.workload(workload).map_err(|error| Error::Usage(error.to_string()))?;
    let suite = Suite { registry, workload, settings, directory: records::files::criterion_dir() };
    match suite.run(&arguments)?.failed {
        0 => Ok(()),
        1 => Err(Error::Failed("1 benchmark failed, see above".to_owned())),
        failed => Err(Error::Failed(format!("{failed} benchmarks failed, see above"))),
    }
}
