//! Runs a model or a method in a process of its own, and reads from what it says what became of it.

use std::io::{self, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use harness::channel::Channel;
use harness::channels::mutex_deque::MutexDeque;
use harness::mutants::{Mutant, VARIABLE};
use harness::verify::cases::{WorkerEvent, WorkerRequest};
use harness::verify::{MethodOutcome, Shard, Task};
use models::bounds::{PREEMPTIONS, SCHEDULES};
use models::table::Verdict;

use crate::builds::{Builds, Model};

/// A model that takes longer has hung. The longest takes some ten seconds, alone on its processor.
const LONGEST_MODEL: Duration = Duration::from_secs(240);

/// No case begins after so long.
const BUDGET: Duration = Duration::from_secs(2);

/// Any number; the same one each time, so that a run can be repeated.
const SEED: u64 = 20_241_124;

/// A method that has not ended so long after its budget has hung.
const GRACE: Duration = Duration::from_secs(8);

/// Loom's bound, as scripts/loom --small has it.
const LOOM_PREEMPTIONS: &str = "2";

/// Shuttle's schedules of each model.
const SHUTTLE_SCHEDULES: &str = "2000";

/// What a process said before it ended.
struct Ended {
    /// `None`: it was killed at its deadline.
    status: Option<ExitStatus>,
    output: String,
    errors: String,
    seconds: f64,
}

fn run(command: &mut Command, mutant: Option<Mutant>, deadline: Duration) -> io::Result<Ended> {
    command.env_remove(VARIABLE).envs(mutant.map(|mutant| (VARIABLE, mutant.name())));
    // A method ends with its input, which is open as long as somebody waits for it here.
    command.env("RUST_BACKTRACE", "0").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let began = Instant::now();
    let mut child = command.spawn()?;
    let reading = [
        child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
        child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
    ]
    .map(|pipe| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            // What was read until the pipe broke is what there is.
            let _ = pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
            String::from_utf8_lossy(&bytes).into_owned()
        })
    });
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if began.elapsed() > deadline {
            child.kill()?;
            child.wait()?;
            break None;
        }
        thread::sleep(Duration::from_millis(2));
    };
    let seconds = began.elapsed().as_secs_f64();
    let [output, errors] = reading.map(|reader| reader.join().unwrap_or_default());
    Ok(Ended { status, output, errors, seconds })
}

/// Explores one model; after how many executions it failed, and in how many seconds, if it did.
pub(crate) fn one_model(
    builds: &Builds,
    explorer: &str,
    mutant: Option<Mutant>,
    name: &str,
) -> io::Result<Option<(u64, f64)>> {
    let model = builds.models(explorer).iter().find(|model| model.name == name);
    explore(model.ok_or_else(|| io::Error::other(format!("no model {name} for {explorer}")))?, mutant)
}

fn explore(model: &Model, mutant: Option<Mutant>) -> io::Result<Option<(u64, f64)>> {
    let mut command = Command::new(&model.program);
    command.args([&model.name, "--exact", "--nocapture"]);
    command.env(PREEMPTIONS, LOOM_PREEMPTIONS).env(SCHEDULES, SHUTTLE_SCHEDULES);
    let ended = run(&mut command, mutant, LONGEST_MODEL)?;
    if ended.status.is_some_and(|status| status.success()) {
        return Ok(None);
    }
    let executions = ended
        .errors
        .split_once("failed in execution ")
        .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
    // Whoever hangs or is killed by a signal has no last word; any other failure that no model tells of is not the mutant's.
    if executions.is_none() && ended.status.is_some_and(|status| status.code().is_some()) {
        return Err(io::Error::other(format!("{} failed without a word:\n{}", model.name, ended.errors)));
    }
    Ok(Some((executions.unwrap_or(0), ended.seconds)))
}

/// Explores models until one fails: first the one that failed last time, then those of the mistake's own place.
pub(crate) fn models(
    builds: &Builds,
    explorer: &str,
    mutant: Option<Mutant>,
    hint: Option<&str>,
) -> io::Result<Verdict> {
    let mut models: Vec<&Model> = builds.models(explorer).iter().collect();
    models.sort_by_key(|model| {
        let about = mutant.is_some_and(|mutant| model.is_about(mutant.place()));
        (hint != Some(model.name.as_str()), !about)
    });
    let began = Instant::now();
    for model in &models {
        if let Some((after, seconds)) = explore(model, mutant)? {
            return Ok(Verdict::Caught { by: model.name.clone(), after, seconds });
        }
    }
    Ok(Verdict::Passed { looked_at: models.len() as u64, seconds: began.elapsed().as_secs_f64() })
}

/// Runs a method over the baseline.
pub(crate) fn method(builds: &Builds, name: &str, mutant: Option<Mutant>) -> io::Result<Verdict> {
    let method = name.parse().map_err(io::Error::other)?;
    let task = Task { seed: SEED, shard: Shard::WHOLE, only: None, budget: BUDGET };
    let asked = WorkerRequest { channel: MutexDeque::INFO.name.to_owned(), method, task };
    let mut command = Command::new(&builds.method);
    let ended = run(command.arg(asked.to_argument()), mutant, BUDGET + GRACE)?;
    let seconds = ended.seconds;
    // A process that was killed may leave half a line.
    let told = ended.output.lines().filter_map(|line| serde_json::from_str(line).ok());
    let (mut begun, mut outcome) = (0, None);
    for told in told {
        match told {
            WorkerEvent::Begins { .. } => begun += 1,
            WorkerEvent::Ended { outcome: told } => outcome = Some(told),
            WorkerEvent::Hello { .. } => {}
        }
    }
    let caught = |by: &str, after| Verdict::Caught { by: by.to_owned(), after, seconds };
    Ok(match ended.status {
        None => caught("it hung", begun),
        Some(status) if !status.success() => caught(&format!("it ended with {status}"), begun),
        Some(_) => match outcome {
            Some(MethodOutcome::Failed(finding)) => caught(&finding.scenario, begun),
            Some(MethodOutcome::Unsupported { reason }) => Verdict::Unsupported { reason },
            Some(
                MethodOutcome::Passed { cases, .. }
                | MethodOutcome::Unknown { cases, .. }
                | MethodOutcome::OutOfTime { cases, .. },
            ) => Verdict::Passed { looked_at: cases, seconds },
            None => return Err(io::Error::other(format!("{name} answered `{}`", ended.output))),
        },
    })
}
