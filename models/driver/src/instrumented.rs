//! The models of `models/` over a published channel crate: its source is fetched, a copy is instrumented and
//! built with the models.
//!
//! [`fetch`] asks cargo for the source of a version, [`workspace`] generates a workspace with the copy, this
//! project's harness and its models, and [`explore`] builds it and runs its models, each in a process of its
//! own: a broken crate may take its process down. Nothing of this project is changed, and nothing that it
//! measures is built with any of it.

pub mod adapters;
pub mod fetch;
pub mod std_source;
pub mod workspace;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use records::files::{read_events, target_dir};
use records::model_report::{
    DEADLINE_VARIABLE, ExploredModels, ModelEvent, ModelReport, ModelVerdict, REPORTS_VARIABLE,
    REQUEST_VARIABLE,
};
use records::record::Verdict;
use records::verify::{Method, Task};

pub use self::adapters::Adapter;
use super::evidence::outcome;
use super::models::{NotExplored, SECONDS, SEED, SHARD, hang_seconds, reports_file, request_id, tail};
use crate::versions::source::CrateSource;
use engine::cargo::{Cargo, CargoError};
use engine::sandbox::Sandbox;
use engine::shortage::Shortage;
use engine::supervisor::{self, Ending, Streams, Supervised, status_words};

/// The folder of instrumented channels in the target directory.
const FOLDER: &str = "chanlab/explored";

/// The minimum time for a model with loom.
const MIN_TIME: Duration = Duration::from_millis(10);

/// The time after its limit at which a model process that should have ended by itself is killed.
const EXIT_TIMEOUT: Duration = Duration::from_secs(5);

/// The crate of a channel, to be instrumented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crate {
    /// The name of a registered channel, or of one that is verified only.
    pub channel: String,
    /// The crate's name.
    pub package: String,
    /// The version.
    pub source: CrateSource,
    /// Whether the version was named.
    pub is_named: bool,
    /// The file that puts it behind the contract.
    pub adapter: Adapter,
}

impl Crate {
    /// Its name in the matrix, and after `--channel` if that accepts it.
    pub fn name(&self) -> String {
        match self.is_named {
            true => format!("{}@{}", self.channel, self.source.name()),
            false => self.channel.clone(),
        }
    }

    /// The command-line arguments that select it.
    pub fn asked(&self) -> Vec<OsString> {
        match (&self.adapter, &self.source) {
            (Adapter::Given(adapter), CrateSource::Checkout { folder, .. }) => {
                vec!["--path".into(), folder.into(), "--adapter".into(), adapter.into()]
            }
            _ => vec!["--channel".into(), self.name().into()],
        }
    }
}

/// An exploration of the models over a crate.
#[derive(Clone, Copy, Debug)]
pub struct Exploration<'a> {
    /// Loom or shuttle.
    pub method: Method,
    /// The schedules, and the budget.
    pub task: &'a Task,
    /// The one model to explore; `None` explores all.
    pub model: Option<&'a str>,
    /// The time after which a model without a step has hung.
    pub deadline: Duration,
    /// The file for all output; the reports go to the file next to it.
    pub log: &'a Path,
    /// Environment variables of the build.
    pub environment: &'a [(&'a str, &'a str)],
    /// Whether the crate is built and run in a sandbox.
    pub sandboxed: bool,
}

/// Explores the models over `of`. Calls `shows` with the current step.
///
/// # Errors
///
/// [`NotExplored`].
pub fn explore(
    of: &Crate,
    exploration: &Exploration<'_>,
    stop: &AtomicBool,
    shows: &mut dyn FnMut(&str),
) -> Result<(Verdict, ExploredModels), NotExplored> {
    let began = Instant::now();
    let unavailable = |error: anyhow::Error| NotExplored::NotAvailable(format!("{error:#}"));
    shows("fetching its source");
    let root = std::path::absolute(target_dir().join(FOLDER)).map_err(|error| unavailable(error.into()))?;
    // Relaxed: a flag that a signal handler sets; it guards no other data.
    let fetched = fetch::source(&root, &of.package, &of.source, stop).map_err(|error| {
        if stop.load(Ordering::Relaxed) { NotExplored::Stopped } else { unavailable(error) }
    })?;
    let folder = root.join(exploration.method.name());
    let generated = workspace::generate(&folder, of, &fetched, exploration.method)
        .map_err(|error| NotExplored::NotInstrumentable(format!("{error:#}")))?;
    let mut log = Log::new(exploration.log).map_err(unavailable)?;
    let sandbox = sandbox(&folder, exploration).map_err(NotExplored::NotAvailable)?;
    log.say(&generated.report).map_err(unavailable)?;

    let built = built(&folder, &generated.folder, exploration, sandbox.as_ref(), stop, &mut |line| {
        shows(line.trim())
    });
    let programs = built.map_err(|error| match error {
        CargoError::Stopped => NotExplored::Stopped,
        error => {
            NotExplored::NotInstrumentable(format!("its copy cannot be built with the models: {error:#}"))
        }
    })?;
    let build_seconds = began.elapsed().as_secs_f64();
    log.say(&format!("fetched, instrumented and built in {build_seconds:.1} s")).map_err(unavailable)?;
    let models = programs
        .iter()
        .map(|program| models(program, sandbox.as_ref()))
        .collect::<Result<Vec<_>>>()
        .map_err(unavailable)?;
    let mut all = models.into_iter().flatten().collect::<Vec<_>>();
    if let Some(model) = exploration.model {
        all.retain(|(_, name)| name == model);
        if all.is_empty() {
            return Err(NotExplored::NotAvailable(format!("there is no model {model}")));
        }
    }
    let count = all.len();
    let mut models = ExploredModels {
        build_seconds: Some(build_seconds),
        changes: Some(generated.applied as u64),
        planned: Some(count as u64),
        ..ExploredModels::default()
    };
    let (mut crashes, mut is_over) = (BTreeMap::new(), false);
    for (index, (program, name)) in all.into_iter().enumerate() {
        let left = exploration.task.budget.saturating_sub(began.elapsed());
        is_over = left.is_zero();
        if is_over {
            break;
        }
        let mut shows_model = || shows(&format!("{name}, {} of {count}", index + 1));
        let limit = match exploration.method {
            // Loom uses all the time it is given, so the other models share what one model leaves.
            Method::Loom => left / (count - index) as u32,
            _ => left,
        };
        let exit = run(&program, &name, exploration, sandbox.as_ref(), limit, stop, &mut shows_model)
            .map_err(|error| match shortage_in(&error) {
                Some(shortage) => NotExplored::Shortage(shortage),
                None => unavailable(error),
            })?;
        let Some(exit) = exit else { return Err(NotExplored::Stopped) };
        log.append(&exit.output).map_err(unavailable)?;
        is_over = exit.status.is_none();
        if let Some(shortage) = exit.shortage(&name) {
            return Err(NotExplored::Shortage(shortage));
        }
        if let Some(crash) = exit.crash() {
            models.crashed.insert(name.clone());
            crashes.insert(name.clone(), crash);
        }
        match exit.last {
            Some(ModelEvent::Ended(report)) => models.reports.push(*report),
            Some(ModelEvent::NotInShard { model, .. }) => drop(models.not_in_shard.insert(model)),
            Some(ModelEvent::Started { .. }) | None => {}
        }
        if is_over {
            break;
        }
    }
    let crash = |model: &str| crashes.get(model).cloned().unwrap_or_default();
    Ok((Verdict::Ran(outcome(&models, is_over, &crash)), models))
}

/// The end of a model's process.
#[derive(Debug)]
struct ModelExit {
    /// The exit status; `None` when the process was killed because the time was over.
    status: Option<ExitStatus>,
    /// The signal that ended it, if this process did not send it.
    signal: Option<i32>,
    /// Its last event.
    last: Option<ModelEvent>,
    /// The file with its output.
    output: PathBuf,
}

impl ModelExit {
    fn report(&self) -> Option<&ModelReport> {
        match &self.last {
            Some(ModelEvent::Ended(report)) => Some(report),
            _ => None,
        }
    }

    /// The shortage that ended the process of `model`; `None` when its report explains its end, or when something
    /// else ended it.
    fn shortage(&self, model: &str) -> Option<Shortage> {
        let status = self.unexplained_end()?;
        let what = format!("the process of model {model} ended: {}", status_words(status));
        Shortage::from_end(what, self.signal, &tail(&self.output))
    }

    /// The failure, in words, when the process ended in a way that its report does not explain.
    fn crash(&self) -> Option<String> {
        let status = self.unexplained_end()?;
        let what =
            if self.report().is_some() { "after its model had passed" } else { "before its model reported" };
        let lines = tail(&self.output).join("\n");
        Some(format!("its process ended with {}, {what}\n{lines}", status_words(status)))
    }

    /// How the process ended, when its report does not explain that.
    fn unexplained_end(&self) -> Option<ExitStatus> {
        let status = self.status?;
        let is_accounted_for = match (self.report().map(|report| &report.verdict), &self.last) {
            (Some(ModelVerdict::Failed(_) | ModelVerdict::Cut { .. } | ModelVerdict::Diverged(_)), _) => true,
            (Some(_), _) | (None, Some(ModelEvent::NotInShard { .. })) => status.success(),
            (None, _) => false,
        };
        (!is_accounted_for).then_some(status)
    }
}

/// The shortage behind a model's process that could not be run.
fn shortage_in(error: &anyhow::Error) -> Option<Shortage> {
    let cause = error.downcast_ref::<io::Error>()?;
    Shortage::from_error("a model could not be run", cause)
}

/// The log of an exploration.
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

    fn append(&mut self, file: &Path) -> Result<()> {
        let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        self.say(&String::from_utf8_lossy(&text))
    }
}

/// The sandbox of an exploration: the build writes into `root`, and the models write their reports next to the log.
fn sandbox(root: &Path, exploration: &Exploration<'_>) -> Result<Option<Sandbox>, String> {
    if !exploration.sandboxed {
        return Ok(None);
    }
    let reports = exploration.log.parent().filter(|folder| !folder.as_os_str().is_empty());
    let sandbox = Sandbox::new(&[root, reports.unwrap_or(Path::new("."))]);
    sandbox.map(Some).map_err(|why| format!("sandbox: not available, because of {why}"))
}

/// Builds the models. The dependencies of the crate and of the harness are built once for all crates.
fn built(
    root: &Path,
    folder: &Path,
    exploration: &Exploration<'_>,
    sandbox: Option<&Sandbox>,
    stop: &AtomicBool,
    say: &mut dyn FnMut(&str),
) -> Result<Vec<PathBuf>, CargoError> {
    let mut words = vec!["test", "--release", "--no-run", "--package", "models"];
    words.extend(tests(exploration.model).iter().flat_map(|test| ["--test", *test]));
    // A crate's own lints are for its authors; as in any dependency, they stop nothing here.
    let cargo = Cargo::new(folder);
    let cargo = exploration.environment.iter().fold(cargo, |cargo, (name, value)| cargo.env(name, value));
    let built = cargo
        .args(words)
        .args([Path::new("--target-dir"), &root.join("target")])
        .rustflags(&format!("--cfg {} --cap-lints warn", exploration.method))
        .stop(stop)
        .sandbox(sandbox)
        .build(Some(&folder.join("build.log")), say)?;
    Ok(built.into_iter().map(|program| program.executable).collect())
}

/// The test programs to build: for one model only the program that can have it. The models of `channel` are
/// named after their files, `FILE::MODEL`.
fn tests(model: Option<&str>) -> &'static [&'static str] {
    match model {
        None => &["channel", "workloads"],
        Some(model) if model.contains("::") => &["channel"],
        Some(_) => &["workloads"],
    }
}

/// The models of a program, by name.
fn models(program: &Path, sandbox: Option<&Sandbox>) -> Result<Vec<(PathBuf, String)>> {
    let mut command = Command::new(program);
    command.arg("--list");
    if let Some(sandbox) = sandbox {
        command = sandbox.wrap(&command)?;
    }
    let output =
        supervisor::output(command, None).with_context(|| format!("{} does not run", program.display()))?;
    let list = String::from_utf8_lossy(&output.stdout);
    // The format of `--list` is that of Rust's test programs.
    let names = list.lines().filter_map(|line| line.strip_suffix(": test"));
    Ok(names.map(|name| (program.to_owned(), name.to_owned())).collect())
}

/// Runs a model, for at most `limit`; `None` after a stop request.
fn run(
    program: &Path,
    name: &str,
    exploration: &Exploration<'_>,
    sandbox: Option<&Sandbox>,
    limit: Duration,
    stop: &AtomicBool,
    shows: &mut dyn FnMut(),
) -> Result<Option<ModelExit>> {
    let output = exploration.log.with_extension("model.log");
    let file = fs::File::create(&output).with_context(|| format!("cannot write {}", output.display()))?;
    let (reports, request) = (std::path::absolute(reports_file(exploration.log))?, request_id());
    let mut command = Command::new(program);
    if exploration.method == Method::Loom {
        command.env(SECONDS, limit.max(MIN_TIME).as_secs_f64().to_string());
    }
    command
        .args([name, "--exact", "--nocapture"])
        .env(REPORTS_VARIABLE, &reports)
        .env(REQUEST_VARIABLE, &request)
        .env(DEADLINE_VARIABLE, hang_seconds(exploration.deadline, limit))
        .env(SEED, exploration.task.seed.to_string())
        .env(SHARD, exploration.task.shard.to_string())
        // For the places in the crate where a failure happened.
        .env("RUST_LIB_BACKTRACE", "1");
    if let Some(sandbox) = sandbox {
        command = sandbox.wrap(&command)?;
    }
    let mut process = Supervised::start(command, Streams::File(file))
        .with_context(|| format!("{} does not run", program.display()))?;
    let status = match process.run_to_end(Some(limit + EXIT_TIMEOUT), Some(stop), shows) {
        Ending::Exited(status) => Some(status),
        Ending::TimedOut => None,
        Ending::Stopped => return Ok(None),
    };
    let mut events =
        read_events(&reports, &request).with_context(|| format!("cannot read {}", reports.display()))?;
    Ok(Some(ModelExit { status, signal: process.foreign_signal(), last: events.pop(), output }))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use records::model_report::{CUT_EXIT_CODE, Coverage, ExplorationLimit};

    use super::super::evidence::tests::{PASSED, report};
    use super::*;

    #[test]
    fn a_report_accounts_for_its_exit_code_and_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let output = folder.path().join("output");
        fs::write(&output, "last\n").expect("written");
        let crash = |verdict: Option<ModelVerdict>, code: i32| {
            let last = verdict.map(|verdict| ModelEvent::Ended(Box::new(report("m", verdict))));
            let status = Some(ExitStatus::from_raw(code << 8));
            ModelExit { status, signal: None, last, output: output.clone() }.crash()
        };
        let cut = ModelVerdict::Cut { limit: ExplorationLimit::Branches, coverage: Coverage::Partial };
        assert_eq!(crash(Some(PASSED), 0), None);
        assert_eq!(crash(Some(cut), CUT_EXIT_CODE), None);
        assert_eq!(crash(Some(ModelVerdict::Failed(Box::default())), 101), None);
        assert_eq!(crash(Some(ModelVerdict::Diverged(Box::default())), CUT_EXIT_CODE), None);
        let words = |what: &str| Some(format!("its process ended with {what}\nlast"));
        assert_eq!(crash(None, 134), words("exit code 134, before its model reported"));
        assert_eq!(crash(None, 0), words("exit code 0, before its model reported"));
        assert_eq!(crash(Some(PASSED), 134), words("exit code 134, after its model had passed"));
    }

    /// A model that the system kills, or that gets no memory, says nothing of the channel. A violation of memory does.
    #[test]
    fn a_model_that_the_machine_ended_is_a_shortage() {
        let folder = tempfile::tempdir().expect("a folder");
        let output = folder.path().join("output");
        let shortage = |signal: i32, lines: &str, last: Option<ModelVerdict>| {
            fs::write(&output, lines).expect("written");
            let last = last.map(|verdict| ModelEvent::Ended(Box::new(report("m", verdict))));
            let status = Some(ExitStatus::from_raw(signal));
            let exit = ModelExit { status, signal: Some(signal), last, output: output.clone() };
            exit.shortage("m").map(|shortage| shortage.to_string())
        };
        let killed = shortage(9, "", None).expect("a shortage");
        assert!(killed.contains("model m ended: killed by signal 9"), "{killed}");
        assert!(killed.contains("memory"), "{killed}");
        let starved = shortage(6, "memory allocation of 4096 bytes failed\n", None).expect("a shortage");
        assert!(starved.contains("memory"), "{starved}");
        assert_eq!(shortage(11, "", None), None);
        assert_eq!(shortage(6, "double free or corruption\n", None), None);
        assert_eq!(shortage(9, "", Some(ModelVerdict::Failed(Box::default()))), None);
    }
}
