//! Runs a model or a method in a process with a deadline, since a mutant may hang, abort or corrupt memory.

use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use baseline::MutexDeque;
use contract::channel::Channel;
use engine::supervisor::{Ending, Streams, Supervised};
use records::files::read_events;
use records::model_report::{ModelEvent, REPORTS_VARIABLE, REQUEST_VARIABLE};
use records::verify::cases::{WorkerEvent, WorkerRequest};
use records::verify::{Method, MethodOutcome, Shard, Task};
use serde_json::from_str;

use crate::builds::{Builds, Model};
use crate::results::Detection;
use crate::table::Mutant;
use crate::workspace::VARIABLE;

/// A model that takes longer has hung. The longest takes some ten seconds on a processor of its own.
const MODEL_TIMEOUT: Duration = Duration::from_secs(240);

/// The time in which a method starts cases.
const BUDGET: Duration = Duration::from_secs(2);

/// A method that has not ended this long after its budget has hung.
const METHOD_TIMEOUT: Duration = Duration::from_secs(8);

/// A property of `service/core` that takes longer has hung. The longest takes some seconds.
const PROPERTY_TIMEOUT: Duration = Duration::from_secs(60);

/// The seed of the methods: any number, always the same one, so that a run can be repeated.
const SEED: u64 = 20_241_124;

/// The bounds of the models: loom's are those of `scripts/loom --small`.
const BOUNDS: [(&str, &str); 2] = [("CHANLAB_LOOM_PREEMPTIONS", "2"), ("CHANLAB_SHUTTLE_ITERATIONS", "2000")];

/// The exit code of a test program in which a test failed.
const FAILED_TEST: i32 = 101;

/// The identifier of the only request that a process gets.
const REQUEST: &str = "mutants";

/// A process that ended.
struct Ended {
    /// `None` when it was killed at its deadline.
    status: Option<ExitStatus>,
    output: String,
    errors: String,
    seconds: f64,
}

fn run(mut command: Command, mutant: Option<&Mutant>, timeout: Duration) -> Result<Ended> {
    command.env_remove(VARIABLE).envs(mutant.map(|mutant| (VARIABLE, &mutant.name)));
    command.env("RUST_BACKTRACE", "0");
    let (words, began) = (format!("{command:?}"), Instant::now());
    // A worker ends when its standard input is closed, so that stays open while it runs.
    let mut process = Supervised::start(command, Streams::CollectWithInput)
        .with_context(|| format!("cannot run {words}"))?;
    let status = match process.run_to_end(Some(timeout), None, &mut || ()) {
        Ending::Exited(status) => Some(status),
        Ending::TimedOut | Ending::Stopped => None,
    };
    let seconds = began.elapsed().as_secs_f64();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Ended { status, output: text(process.stdout()), errors: text(process.stderr()), seconds })
}

/// Explores models until one fails: first the one that caught the mutant last time, then those of its own
/// test targets. Models that the table leaves out are not explored.
///
/// # Errors
///
/// When a model fails for another reason than a violation that it found.
pub(crate) fn explore(
    builds: &Builds,
    explorer: Method,
    mutant: Option<&Mutant>,
    hint: Option<&str>,
) -> Result<Detection> {
    let mut models: Vec<&Model> = builds.models(explorer).iter().collect();
    let tests = mutant.map_or(&[][..], |mutant| &mutant.tests);
    models.retain(|model| mutant.is_none_or(|mutant| mutant.is_for(&model.name)));
    models.sort_by_key(|model| {
        let rank = tests.iter().position(|test| *test == model.target).unwrap_or(tests.len());
        (hint != Some(&model.name), rank)
    });
    let began = Instant::now();
    for model in &models {
        if let Some(caught) = explore_model(model, mutant)? {
            return Ok(caught);
        }
    }
    Ok(Detection::Passed { tried: models.len() as u64, seconds: began.elapsed().as_secs_f64() })
}

/// Explores the model of this name; returns whether it caught the mutant.
///
/// # Errors
///
/// When the explorer has no such model, or as [`explore`].
pub(crate) fn catches(builds: &Builds, explorer: Method, mutant: &Mutant, name: &str) -> Result<bool> {
    let model = builds.models(explorer).iter().find(|model| model.name == name);
    let model = model.with_context(|| {
        format!("{explorer} has no model {name}, which caught {}: run scripts/mutants {0}", mutant.name)
    })?;
    Ok(explore_model(model, Some(mutant))?.is_some())
}

/// Explores one model; `None` when it passes.
fn explore_model(model: &Model, mutant: Option<&Mutant>) -> Result<Option<Detection>> {
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let events = folder.path().join("events.jsonl");
    let mut command = Command::new(&model.program);
    command.args([&model.name, "--exact", "--nocapture"]).envs(BOUNDS);
    command.env(REPORTS_VARIABLE, &events).env(REQUEST_VARIABLE, REQUEST);
    let ended = run(command, mutant, MODEL_TIMEOUT)?;
    if ended.status.is_some_and(|status| status.success()) {
        return Ok(None);
    }
    let events = read_events(&events, REQUEST).context("cannot read a model's events")?;
    let report = events.into_iter().rev().find_map(|event| match event {
        ModelEvent::Ended(report) => Some(report),
        ModelEvent::Started { .. } | ModelEvent::NotInShard { .. } => None,
    });
    // A model that hangs or is killed by a signal leaves no report. Any other failure without one has another
    // cause than the mutant.
    if report.is_none() && ended.status.is_some_and(|status| status.code().is_some()) {
        bail!("{} failed without a report:\n{}", model.name, ended.errors);
    }
    let after = report.map_or(0, |report| report.executions);
    Ok(Some(Detection::Caught { by: model.name.clone(), after, seconds: ended.seconds }))
}

/// Tries the properties of `service/core` until one fails: first the one that caught the mutant last time.
///
/// # Errors
///
/// When a test ends in another way than a property that holds or fails.
pub(crate) fn properties_of_core(
    builds: &Builds,
    mutant: Option<&Mutant>,
    hint: Option<&str>,
) -> Result<Detection> {
    let mut properties: Vec<&Model> = builds.core.iter().collect();
    properties.sort_by_key(|property| hint != Some(&property.name));
    let began = Instant::now();
    for Model { program, name, .. } in &properties {
        let mut command = Command::new(program);
        // Another mutant's failures are none of this one's.
        command.args([name, "--exact"]).env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1");
        command.env("PROPTEST_RNG_SEED", SEED.to_string());
        let ended = run(command, mutant, PROPERTY_TIMEOUT)?;
        match ended.status.map(|status| status.code()) {
            Some(Some(0)) => continue,
            // It hung, was killed by a signal, or failed.
            None | Some(None | Some(FAILED_TEST)) => {}
            Some(Some(code)) => bail!("{name} ended with code {code}:\n{}{}", ended.output, ended.errors),
        }
        // A test without random cases is one case.
        let passed = ended.output.lines().find_map(|line| line.trim().strip_prefix("successes: "));
        let after = 1 + passed.and_then(|passed| passed.parse::<u64>().ok()).unwrap_or(0);
        return Ok(Detection::Caught { by: name.clone(), after, seconds: ended.seconds });
    }
    Ok(Detection::Passed { tried: properties.len() as u64, seconds: began.elapsed().as_secs_f64() })
}

/// Runs a method over the baseline.
///
/// # Errors
///
/// When the worker ends without an outcome.
pub(crate) fn run_method(builds: &Builds, method: Method, mutant: Option<&Mutant>) -> Result<Detection> {
    let task = Task { seed: SEED, shard: Shard::WHOLE, only: None, budget: BUDGET };
    let request = WorkerRequest { channel: MutexDeque::INFO.name.to_owned(), method, task };
    let mut command = Command::new(&builds.worker);
    command.arg(request.to_argument());
    let ended = run(command, mutant, BUDGET + METHOD_TIMEOUT)?;
    let seconds = ended.seconds;
    let (mut begun, mut outcome) = (0, None);
    // A process that was killed may leave half a line.
    for event in ended.output.lines().filter_map(|line| from_str(line).ok()) {
        match event {
            WorkerEvent::Begins { .. } => begun += 1,
            WorkerEvent::Ended { outcome: reported } => outcome = Some(reported),
            WorkerEvent::Hello { .. } => {}
        }
    }
    let caught = |by: &str| Detection::Caught { by: by.to_owned(), after: begun, seconds };
    Ok(match ended.status {
        None => caught("it hung"),
        Some(status) if !status.success() => caught(&format!("it ended with {status}")),
        Some(_) => match outcome {
            Some(MethodOutcome::Failed(finding)) => caught(&finding.scenario),
            Some(MethodOutcome::Unsupported { reason }) => Detection::Unsupported { reason },
            Some(
                MethodOutcome::Passed { cases, .. }
                | MethodOutcome::OutOfTime { cases, .. }
                | MethodOutcome::Unknown { cases, .. }
                | MethodOutcome::Cut { cases, .. },
            ) => Detection::Passed { tried: cases, seconds },
            Some(MethodOutcome::Shortage { reason }) => bail!("{method}: {reason}"),
            None => bail!("{method} ended without an outcome: `{}`", ended.output),
        },
    })
}
