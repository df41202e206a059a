//! The models of `models/` over a published channel crate: its source is fetched, a copy is instrumented, and built with the models.
//!
//! [`fetch`] asks cargo for the source of a version, [`workspace`] puts the copy, this project's harness and its models into a workspace
//! of their own, and [`explore`] builds that and runs its models, each in a process of its own: a crate that is broken may
//! take it along. Nothing of this project is changed, and nothing of what it measures is built with any of it.

pub mod adapters;
pub mod fetch;
pub mod std_source;
mod told;
pub mod workspace;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use harness::record::{Answer, MODELS_FILE, now, target_dir};
use harness::verify::{Method, Task};

pub use self::adapters::Adapter;
pub use self::told::Ran;
use super::models::{NotExplored, SECONDS, SEED, SHARD};
use crate::collect::records::Records;
use crate::run::cargo::{Cargo, CargoError};
use crate::run::supervisor::{self, Ending, Streams, Supervised};
use crate::versions::source::CrateSource;

/// What the instrumented channels have in the target directory.
const FOLDER: &str = "chanlab/instrumented";

/// How the log's line begins that says how long it took to fetch, instrument and build; `scripts/instrumented` reads it.
const BUILT: &str = "fetched, instrumented and built in ";

/// A channel's crate, to be instrumented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crate {
    /// The channel's name, as the registry has it, or [`adapters::LISTED`].
    pub channel: String,
    /// The crate's.
    pub package: String,
    /// Which version of it.
    pub source: CrateSource,
    /// Whether the version was named.
    pub is_named: bool,
    /// What makes a channel of it.
    pub adapter: Adapter,
}

impl Crate {
    /// What it is called in the matrix; as it is typed after `--channel`, where it has a name there.
    pub fn name(&self) -> String {
        match self.is_named {
            true => format!("{}@{}", self.channel, self.source.name()),
            false => self.channel.clone(),
        }
    }

    /// The words that ask for it on the command line.
    pub fn asked(&self) -> String {
        match (&self.adapter, &self.source) {
            (Adapter::Given(adapter), CrateSource::Checkout { folder, .. }) => {
                format!("--path {} --adapter {}", folder.display(), adapter.display())
            }
            _ => format!("--channel {}", self.name()),
        }
    }
}

/// How a model is to be explored.
#[derive(Clone, Copy, Debug)]
pub struct Exploration<'a> {
    /// By loom or shuttle.
    pub method: Method,
    /// Which schedules, and for how long.
    pub task: &'a Task,
    /// One model alone.
    pub model: Option<&'a str>,
    /// Where all that is said goes.
    pub log: &'a Path,
}

/// Explores the models over `of`. `shows` is told what is being done, now and then.
///
/// # Errors
///
/// [`NotExplored`].
pub fn explore(
    of: &Crate,
    exploration: &Exploration<'_>,
    stop: &AtomicBool,
    shows: &mut dyn FnMut(&str),
) -> Result<Answer, NotExplored> {
    let began = Instant::now();
    let unavailable = |error: anyhow::Error| NotExplored::NotAvailable(format!("{error:#}"));
    shows("fetching its source");
    let root = std::path::absolute(target_dir().join(FOLDER)).map_err(|error| unavailable(error.into()))?;
    let fetched = fetch::source(&root, &of.package, &of.source).map_err(unavailable)?;
    let folder = root.join(exploration.method.name());
    let generated = workspace::generate(&folder, of, &fetched, exploration.method)
        .map_err(|error| NotExplored::NotInstrumentable(format!("{error:#}")))?;
    let mut log = Log::new(exploration.log).map_err(unavailable)?;
    log.say(&generated.report).map_err(unavailable)?;

    let built = built(&folder, &generated.folder, exploration, stop, &mut |line| shows(line.trim()));
    let programs = built.map_err(|error| match error {
        CargoError::Stopped => NotExplored::Stopped,
        error => {
            NotExplored::NotInstrumentable(format!("its copy cannot be built with the models: {error:#}"))
        }
    })?;
    log.say(&format!("{BUILT}{:.1} s", began.elapsed().as_secs_f64())).map_err(unavailable)?;
    let models =
        programs.iter().map(|program| models(program)).collect::<Result<Vec<_>>>().map_err(unavailable)?;
    let mut all = models.into_iter().flatten().collect::<Vec<_>>();
    if let Some(model) = exploration.model {
        all.retain(|(_, name)| name == model);
        if all.is_empty() {
            return Err(NotExplored::NotAvailable(format!("there is no model {model}")));
        }
    }
    let (count, mut ran) = (all.len(), Vec::new());
    for (program, name) in all {
        let left = exploration.task.budget.saturating_sub(began.elapsed());
        if left.is_zero() {
            break;
        }
        let mut shows_model = || shows(&format!("{name}, {} of {count}", ran.len() + 1));
        let limit = match exploration.method {
            // Loom goes on as long as it may: what one leaves is for the others.
            Method::Loom => left / (count - ran.len()) as u32,
            _ => left,
        };
        let one = run(&program, &name, exploration, limit, stop, &mut shows_model).map_err(unavailable)?;
        let Some(one) = one else { return Err(NotExplored::Stopped) };
        log.say(&one.said).map_err(unavailable)?;
        let is_over = one.ended.is_none();
        ran.push(one);
        if is_over {
            break;
        }
    }
    Ok(told::answer(&ran, count, generated.applied))
}

/// A file that everything goes to.
struct Log(fs::File, PathBuf);

impl Log {
    fn new(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let file = fs::File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Log(file, path.to_owned()))
    }

    fn say(&mut self, text: &str) -> Result<()> {
        writeln!(self.0, "{text}").with_context(|| format!("cannot write {}", self.1.display()))
    }
}

/// Builds the models. What is below the crate and the harness is built once for all crates.
fn built(
    root: &Path,
    folder: &Path,
    exploration: &Exploration<'_>,
    stop: &AtomicBool,
    say: &mut dyn FnMut(&str),
) -> Result<Vec<PathBuf>, CargoError> {
    let mut words = vec!["test", "--release", "--no-run", "--package", "models"];
    words.extend(tests(exploration.model).iter().flat_map(|test| ["--test", *test]));
    // A crate's own lints are for its authors; as those of any dependency, they end nothing here.
    let built = Cargo::new(folder)
        .args(words)
        .args([Path::new("--target-dir"), &root.join("target")])
        .rustflags(&format!("--cfg {} --cap-lints warn", exploration.method))
        .stop(stop)
        .build(Some(&folder.join("build.log")), say)?;
    Ok(built.into_iter().map(|program| program.executable).collect())
}

/// The tests that have the models, or the one: a channel's models are in modules, by what they are about, and a workload's are not.
fn tests(model: Option<&str>) -> &'static [&'static str] {
    match model {
        None => &["channel", "workloads"],
        Some(model) if model.contains("::") => &["channel"],
        Some(_) => &["workloads"],
    }
}

/// The models of a program, by their names.
fn models(program: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut command = Command::new(program);
    command.arg("--list");
    let output =
        supervisor::output(command, None).with_context(|| format!("{} does not run", program.display()))?;
    let list = String::from_utf8_lossy(&output.stdout);
    let names = list.lines().filter_map(|line| line.strip_suffix(": test"));
    let own = names.filter(|name| *name != NO_MODEL);
    Ok(own.map(|name| (program.to_owned(), name.to_owned())).collect())
}

/// Loom has at least so much time for a model, since it has to have some.
const LEAST: Duration = Duration::from_millis(10);

/// A model that goes by the clock itself ends so long after its time.
const GRACE: Duration = Duration::from_secs(5);

/// A test beside the models.
const NO_MODEL: &str = "every_registered_workload_has_a_model";

/// Runs a model, for at most so long; `None` when somebody asked to stop.
fn run(
    program: &Path,
    name: &str,
    exploration: &Exploration<'_>,
    limit: Duration,
    stop: &AtomicBool,
    shows: &mut dyn FnMut(),
) -> Result<Option<Ran>> {
    let began = now();
    let said = program.with_extension("said");
    let output = fs::File::create(&said).with_context(|| format!("cannot write {}", said.display()))?;
    let mut command = Command::new(program);
    if exploration.method == Method::Loom {
        command.env(SECONDS, limit.max(LEAST).as_secs_f64().to_string());
    }
    command
        .args([name, "--exact", "--nocapture"])
        .env(SEED, exploration.task.seed.to_string())
        .env(SHARD, exploration.task.shard.to_string())
        // For the place in the crate where a failure happened.
        .env("RUST_LIB_BACKTRACE", "1");
    let mut process = Supervised::start(command, Streams::File(output))
        .with_context(|| format!("{} does not run", program.display()))?;
    let ended = match process.run_to_end(Some(limit + GRACE), Some(stop), shows) {
        Ending::Exited(status) => Some(status),
        Ending::TimedOut => None,
        Ending::Stopped => return Ok(None),
    };
    let said = fs::read(&said).with_context(|| format!("cannot read {}", said.display()))?;
    // Beside the programs, where a model's own process looks for the target directory.
    let target = program.ancestors().nth(3).unwrap_or(Path::new(""));
    let records = Records::read(&target.join(MODELS_FILE)).unwrap_or_default();
    // An older record says nothing of what was explored now.
    let record = records.models.into_iter().rev().find(|model| model.at >= began && model.model == name);
    Ok(Some(Ran { name: name.to_owned(), ended, record, said: String::from_utf8_lossy(&said).into_owned() }))
}
