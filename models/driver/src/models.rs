//! loom and shuttle: the scripts that explore the models of `models/`, and the verdict on each subject.
//!
//! They need a checkout and cargo, since a model is another build of the code. Without them the method is not
//! available.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use baseline::MutexDeque;
use contract::channel::Channel;
use records::files::read_events;
use records::files::{Recorder, now, target_dir};
use records::model_report::{
    DEADLINE_VARIABLE, ExploredModels, ModelEvent, ModelReport, ModelSubject, REPORTS_VARIABLE,
    REQUEST_VARIABLE,
};
use records::record::{MODELS_FILE, Record, Verdict};
use records::verify::{Finding, Method, MethodOutcome, Shard, Task};

use super::evidence::outcome;
use crate::versions::workspace::project;
use engine::shortage::Shortage;
use engine::supervisor::{self, Ending, Streams, Supervised, status_words};

/// The only channel of this build that is written on primitives that the models control.
pub const BASELINE: &str = MutexDeque::INFO.name;

/// The argument of a script for small bounds.
const SMALL: &str = "--small";

/// The environment variables with the seed and the shard.
pub(crate) const SEED: &str = "CHANLAB_SHUTTLE_SEED";
pub(crate) const SHARD: &str = "CHANLAB_SHARD";

/// The environment variable with loom's time limit for a model.
pub(crate) const SECONDS: &str = "CHANLAB_LOOM_SECONDS";

/// The minimum deadline of a step, which no code takes that is not stuck.
const MIN_DEADLINE: Duration = Duration::from_secs(2);

/// The number of lines in a tail of a log.
const TAIL_LINES: usize = 8;

/// The result of a script.
#[derive(Debug)]
pub struct ScriptExploration {
    /// The events of its models.
    pub events: Vec<ModelEvent>,
    /// How the script ended; `None` when it was killed because its time was over.
    pub ended: Option<ExitStatus>,
    /// The last lines of its log.
    pub tail: Vec<String>,
}

/// The reason why there is no result.
#[derive(Debug)]
pub enum NotExplored {
    /// The method is not available here, for this reason.
    NotAvailable(String),
    /// The channel cannot be instrumented, for this reason.
    NotInstrumentable(String),
    /// The machine lacked something.
    Shortage(Shortage),
    /// The user asked to stop.
    Stopped,
}

/// Whether a method explores models.
pub fn has_models(method: Method) -> bool {
    matches!(method, Method::Loom | Method::Shuttle)
}

/// An identifier for the request of reports, which no other request has.
pub(super) fn request_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    // Relaxed: only the numbers have to differ.
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{}-{number}", now(), std::process::id())
}

/// The seconds after which a model without a step has hung, for a process that has the time `limit`: it has to
/// say so before the limit ends it.
pub(super) fn hang_seconds(deadline: Duration, limit: Duration) -> String {
    deadline.min((limit / 2).max(MIN_DEADLINE)).as_secs_f64().to_string()
}

/// The file of reports next to a log.
pub(super) fn reports_file(log: &Path) -> PathBuf {
    log.with_extension("models.jsonl")
}

/// Explores the models by `method`: the shard of `task`, for at most its budget. A model that takes no step for
/// `deadline` has hung. The output goes to the file
/// `log`, and the events to the file next to it. `waits` is called at every poll.
///
/// # Errors
///
/// [`NotExplored`].
pub fn explore(
    method: Method,
    task: &Task,
    deadline: Duration,
    log: &Path,
    stop: &AtomicBool,
    waits: &mut dyn FnMut(),
) -> Result<ScriptExploration, NotExplored> {
    let script = script(method)?;
    let cannot = |error: io::Error| {
        NotExplored::NotAvailable(format!("{} could not be run ({error})", script.display()))
    };
    let target = std::path::absolute(target_dir()).map_err(cannot)?;
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder).map_err(cannot)?;
    }
    let output = File::create(log).map_err(cannot)?;
    let (reports, request) = (std::path::absolute(reports_file(log)).map_err(cannot)?, request_id());
    let mut command = Command::new(&script);
    command
        .arg(SMALL)
        .env("CARGO_TARGET_DIR", &target)
        .env(REPORTS_VARIABLE, &reports)
        .env(REQUEST_VARIABLE, &request)
        .env(DEADLINE_VARIABLE, hang_seconds(deadline, task.budget))
        .env(SEED, task.seed.to_string())
        .env(SHARD, task.shard.to_string());
    let mut process = Supervised::start(command, Streams::File(output)).map_err(cannot)?;
    let ended = match process.run_to_end(Some(task.budget), Some(stop), waits) {
        Ending::Exited(status) => Some(status),
        Ending::TimedOut => None,
        Ending::Stopped => return Err(NotExplored::Stopped),
    };
    let events = read_events(&reports, &request).map_err(|error| {
        NotExplored::NotAvailable(format!(
            "cannot read the models' reports in {} ({error})",
            reports.display()
        ))
    })?;
    keep(&events, &target.join(method.name()).join(MODELS_FILE)).map_err(cannot)?;
    let explored = ScriptExploration { events, ended, tail: tail(log) };
    match shortage(method, &explored, process.foreign_signal()) {
        Some(shortage) => Err(NotExplored::Shortage(shortage)),
        None => Ok(explored),
    }
}

/// The shortage that ended a script, or a model of it; `None` when a model failed, or another reason ended it.
fn shortage(method: Method, explored: &ScriptExploration, signal: Option<i32>) -> Option<Shortage> {
    let how = explored.ended.filter(|status| !status.success()).map(status_words)?;
    let has_failed =
        |event: &ModelEvent| matches!(event, ModelEvent::Ended(report) if report.failure().is_some());
    if explored.events.iter().any(has_failed) {
        return None;
    }
    Shortage::from_end(format!("scripts/{method} ended: {how}"), signal, &explored.tail)
}

/// Appends the reports to the record of models that the page reads, as models do when no parent asks for
/// their reports.
fn keep(events: &[ModelEvent], record: &Path) -> io::Result<()> {
    let recorder = Recorder::new(record);
    for event in events {
        if let ModelEvent::Ended(report) = event {
            recorder.append(&Record::Model(report.clone()))?;
        }
    }
    Ok(())
}

/// The last lines of a file; none of one that cannot be read.
pub(super) fn tail(file: &Path) -> Vec<String> {
    let text = fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].iter().map(|&line| line.to_owned()).collect()
}

/// The script of a method, if everything that it needs is available.
fn script(method: Method) -> Result<PathBuf, NotExplored> {
    let project = project().map_err(|error| NotExplored::NotAvailable(error.to_string()))?;
    let script = project.join("scripts").join(method.name());
    if !script.is_file() {
        return Err(NotExplored::NotAvailable(format!("there is no {}", script.display())));
    }
    let mut cargo = Command::new("cargo");
    cargo.arg("--version");
    let reason = match supervisor::output(cargo, None) {
        Ok(output) if output.is_success() => return Ok(script),
        Ok(output) => {
            let how = output.status.map_or_else(String::new, status_words);
            format!("cargo does not run: {how}")
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            "there is no cargo on the path, which builds the models".to_owned()
        }
        Err(error) => format!("cargo could not be started ({error})"),
    };
    Err(NotExplored::NotAvailable(reason))
}

/// The verdict on one subject.
#[derive(Clone, Debug, PartialEq)]
pub struct SubjectVerdict {
    /// The baseline, or the workload.
    pub subject: String,
    /// The verdict.
    pub verdict: Verdict,
    /// The command that reproduces a failure.
    pub replay: Option<String>,
    /// The evidence.
    pub models: ExploredModels,
}

/// The verdict on each subject, the baseline first.
///
/// The baseline always has one, since a shard may hold models of others only.
pub fn verdicts(method: Method, task: &Task, explored: &ScriptExploration) -> Vec<SubjectVerdict> {
    let mut subjects = by_subject(explored);
    let baseline = subjects.remove(BASELINE).unwrap_or_default();
    let is_explained = [&baseline]
        .into_iter()
        .chain(subjects.values())
        .any(|models| models.failed().next().is_some() || !models.cuts().is_empty());
    let all = [(BASELINE.to_owned(), baseline)].into_iter().chain(subjects);
    all.map(|(subject, models)| verdict(method, task, explored, is_explained, subject, models)).collect()
}

/// The models of each subject. Those that a killed script was exploring have not crashed.
fn by_subject(explored: &ScriptExploration) -> BTreeMap<String, ExploredModels> {
    let mut subjects: BTreeMap<String, ExploredModels> = BTreeMap::new();
    let mut ended: BTreeSet<&str> = BTreeSet::new();
    for event in &explored.events {
        if let ModelEvent::Ended(report) = event {
            ended.insert(&report.model);
            let report: ModelReport = (**report).clone();
            subjects.entry(report.subject_name().to_owned()).or_default().reports.push(report);
        }
    }
    if explored.ended.is_some() {
        for event in &explored.events {
            if let ModelEvent::Started { model, subject, .. } = event
                && !ended.contains(model.as_str())
            {
                let subject = match subject {
                    ModelSubject::Channel => BASELINE,
                    ModelSubject::Workload(name) => name,
                };
                subjects.entry(subject.to_owned()).or_default().crashed.insert(model.clone());
            }
        }
    }
    subjects
}

/// The verdict on one subject. `is_explained` says that some model accounts for a script that failed.
fn verdict(
    method: Method,
    task: &Task,
    explored: &ScriptExploration,
    is_explained: bool,
    subject: String,
    models: ExploredModels,
) -> SubjectVerdict {
    let ran = |how: &str| format!("scripts/{method} ended with {how}");
    let script = |arguments: &str| format!("{}scripts/{method} {SMALL}{arguments}", settings(method, task));
    let first = models.failed().next().map(str::to_owned);
    let (verdict, replay) = match (first, explored.ended) {
        (Some(first), status) => {
            let how = status.map_or("the end of its time".to_owned(), status_words);
            let crash =
                |_: &str| format!("{} before the model reported\n{}", ran(&how), explored.tail.join("\n"));
            let replay = script(&format!(" {first} -- --exact"));
            (Verdict::Ran(outcome(&models, false, &crash)), Some(replay))
        }
        (None, None) => (Verdict::Ran(outcome(&models, true, &|_| String::new())), None),
        (None, Some(status)) if (status.success() || is_explained) && !models.reports.is_empty() => {
            (Verdict::Ran(outcome(&models, false, &|_| String::new())), None)
        }
        // A shard may hold models of others only.
        (None, Some(status)) if status.success() && task.shard != Shard::WHOLE => {
            (Verdict::Ran(outcome(&models, false, &|_| String::new())), None)
        }
        (None, Some(status)) => {
            let how = ran(&status_words(status));
            if explored.events.is_empty() {
                let last = explored.tail.last();
                let last =
                    last.map_or_else(String::new, |last| format!("; the last line of its output: {last}"));
                (Verdict::NotAvailable { reason: format!("{how} and reported no model{last}") }, None)
            } else if subject == BASELINE {
                // It cannot be attributed to a subject: it is one failure, and a pass of none.
                let finding = Finding {
                    scenario: "all models".to_owned(),
                    expected: "the script succeeds, or a model fails".to_owned(),
                    happened: format!("{how}, and no model failed\n{}", explored.tail.join("\n")),
                    ..Finding::default()
                };
                (Verdict::Ran(MethodOutcome::Failed(Box::new(finding))), Some(script("")))
            } else {
                let reason = format!("{how}, and no model accounts for it: see {BASELINE}");
                (Verdict::NotAvailable { reason }, None)
            }
        }
    };
    SubjectVerdict { subject, verdict, replay, models }
}

/// The environment of a script, as it is typed before a command. Loom's models have no seed.
fn settings(method: Method, task: &Task) -> String {
    let seed = (method == Method::Shuttle).then(|| format!("{SEED}={} ", task.seed));
    let shard = (task.shard != Shard::WHOLE).then(|| format!("{SHARD}={} ", task.shard));
    [seed, shard].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::time::Duration;

    use records::format::Format;
    use records::model_report::{ModelFailure, ModelVerdict};

    use super::super::evidence::tests::{PASSED, report};
    use super::*;

    fn failed() -> ModelVerdict {
        let message = "deadlock".to_owned();
        ModelVerdict::Failed(Box::new(ModelFailure { execution: 7, message, ..ModelFailure::default() }))
    }

    fn of(subject: &str) -> ModelSubject {
        match subject {
            BASELINE => ModelSubject::Channel,
            workload => ModelSubject::Workload(workload.to_owned()),
        }
    }

    fn model(name: &str, subject: &str, verdict: ModelVerdict) -> ModelEvent {
        let report = ModelReport { subject: of(subject), sut: BASELINE.to_owned(), ..report(name, verdict) };
        ModelEvent::Ended(Box::new(report))
    }

    fn started(name: &str, subject: &str) -> ModelEvent {
        let (request, model) = ("r".to_owned(), name.to_owned());
        ModelEvent::Started { format: Format, request, model, subject: of(subject) }
    }

    const FAILED: i32 = 1 << 8;

    const TASK: Task = Task { seed: 7, shard: Shard::WHOLE, only: None, budget: Duration::ZERO };

    fn explored(events: Vec<ModelEvent>, status: Option<i32>, tail: &[&str]) -> ScriptExploration {
        let tail = tail.iter().map(|&line| line.to_owned()).collect();
        ScriptExploration { events, ended: status.map(ExitStatus::from_raw), tail }
    }

    /// Without the seed and the shard, the script would try other schedules.
    #[test]
    fn a_replay_asks_for_the_same_schedules() {
        let failed = explored(vec![model("queue", BASELINE, failed())], Some(FAILED), &[]);
        let shard = Task { shard: Shard { index: 2, of: 3 }, ..TASK };
        let replay = |method, task| verdicts(method, task, &failed).remove(0).replay.expect("it failed");
        assert_eq!(replay(Method::Loom, &TASK), "scripts/loom --small queue -- --exact");
        assert_eq!(
            replay(Method::Shuttle, &shard),
            "CHANLAB_SHUTTLE_SEED=7 CHANLAB_SHARD=2/3 scripts/shuttle --small queue -- --exact"
        );
    }

    #[test]
    fn each_subject_has_its_own_verdict() {
        let events = vec![
            model("queue", BASELINE, PASSED),
            model("hand_off", BASELINE, PASSED),
            model("quit", "worker_pool", failed()),
        ];
        let verdicts = verdicts(Method::Loom, &TASK, &explored(events, Some(FAILED), &[]));
        let [baseline, pool] = &verdicts[..] else { panic!("{verdicts:#?}") };
        assert_eq!((baseline.subject.as_str(), pool.subject.as_str()), (BASELINE, "worker_pool"));
        assert!(
            matches!(baseline.verdict, Verdict::Ran(MethodOutcome::Passed { cases: 2_000, .. })),
            "{baseline:?}"
        );
        let Verdict::Ran(MethodOutcome::Failed(finding)) = &pool.verdict else { panic!("{pool:?}") };
        assert!(
            finding.happened.starts_with("model quit of worker_pool failed in execution 7"),
            "{finding:?}"
        );
        assert_eq!((baseline.models.reports.len(), pool.models.reports.len()), (2, 1));
        assert_eq!(pool.replay.as_deref(), Some("scripts/loom --small quit -- --exact"));
    }

    #[test]
    fn a_killed_script_is_out_of_time() {
        let events = vec![model("queue", BASELINE, PASSED), started("hand_off", BASELINE)];
        let verdicts = verdicts(Method::Loom, &TASK, &explored(events, None, &[]));
        assert_eq!(verdicts[0].verdict, Verdict::Ran(MethodOutcome::OutOfTime { cases: 1_000, all: None }));
    }

    #[test]
    fn models_that_cannot_be_built_are_not_available_and_no_pass() {
        let output = explored(Vec::new(), Some(FAILED), &["error: could not compile"]);
        let verdicts = verdicts(Method::Shuttle, &TASK, &output);
        let Verdict::NotAvailable { reason } = &verdicts[0].verdict else { panic!("{verdicts:?}") };
        assert_eq!(
            reason,
            "scripts/shuttle ended with exit code 1 and reported no model; \
             the last line of its output: error: could not compile"
        );
    }

    #[test]
    fn a_model_that_takes_its_process_down_has_failed() {
        let events = vec![model("queue", BASELINE, PASSED), started("quit", "worker_pool")];
        let verdicts = verdicts(Method::Loom, &TASK, &explored(events, Some(FAILED), &["signal: 11"]));
        assert!(matches!(verdicts[0].verdict, Verdict::Ran(MethodOutcome::Passed { .. })), "{verdicts:#?}");
        let Verdict::Ran(MethodOutcome::Failed(finding)) = &verdicts[1].verdict else {
            panic!("{verdicts:#?}")
        };
        assert_eq!(
            finding.happened,
            "scripts/loom ended with exit code 1 before the model reported\nsignal: 11"
        );
        assert_eq!(verdicts[1].replay.as_deref(), Some("scripts/loom --small quit -- --exact"));
    }

    #[test]
    fn a_script_that_the_machine_ended_is_a_shortage_unless_a_model_failed() {
        let ends = |verdict: ModelVerdict, last: &str| {
            let events = vec![model("queue", BASELINE, verdict), started("quit", "worker_pool")];
            let explored = explored(events, Some(FAILED), &["error: test failed", last]);
            shortage(Method::Loom, &explored, None).map(|shortage| shortage.to_string())
        };
        let killed = "process didn't exit successfully: `models` (signal: 9, SIGKILL: kill)";
        let reason = ends(PASSED, killed).expect("a shortage");
        assert!(reason.starts_with("scripts/loom ended: exit code 1"), "{reason}");
        assert!(reason.contains("memory"), "{reason}");
        assert_eq!(ends(failed(), killed), None);
        assert_eq!(ends(PASSED, "process didn't exit successfully (signal: 11, SIGSEGV)"), None);
    }

    #[test]
    fn a_script_that_fails_for_no_model_is_one_failure_and_a_pass_of_none() {
        let passed = vec![model("queue", BASELINE, PASSED), model("quit", "worker_pool", PASSED)];
        let tail = ["test bounds ... FAILED", "error: 1 target failed:"];
        let all = verdicts(Method::Loom, &TASK, &explored(passed, Some(FAILED), &tail));
        let [baseline, pool] = &all[..] else { panic!("{all:#?}") };
        let Verdict::Ran(MethodOutcome::Failed(finding)) = &baseline.verdict else { panic!("{all:#?}") };
        assert_eq!(
            finding.happened,
            "scripts/loom ended with exit code 1, and no model failed\n\
             test bounds ... FAILED\nerror: 1 target failed:"
        );
        let Verdict::NotAvailable { reason } = &pool.verdict else { panic!("{all:#?}") };
        assert!(reason.ends_with("no model accounts for it: see mutex-deque"), "{reason}");
    }

    #[test]
    fn no_model_of_the_baseline_is_no_pass_of_it() {
        let others = explored(vec![model("quit", "worker_pool", PASSED)], Some(0), &[]);
        let all = verdicts(Method::Loom, &TASK, &others);
        assert!(!matches!(all[0].verdict, Verdict::Ran(MethodOutcome::Passed { .. })), "{all:?}");
        let shard = Task { shard: Shard { index: 1, of: 9 }, ..TASK };
        let all = verdicts(Method::Loom, &shard, &others);
        assert!(matches!(all[0].verdict, Verdict::Ran(MethodOutcome::Unknown { cases: 0, .. })), "{all:?}");
    }
}
