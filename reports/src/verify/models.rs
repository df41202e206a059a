//! loom and shuttle: the scripts that explore the models of `models/`, and what their records say of each subject.
//!
//! They need a checkout and cargo, since a model is another build of the code. Where either is lacking, the answer is that the method is
//! not available, with the reason.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use harness::record::{Answer, MODELS_FILE, Model, now, target_dir};
use harness::verify::{Finding, Method, Outcome, Shard, Task};

use crate::analyse::checks::{BASELINE, newest_models};
use crate::collect::records::Records;
use crate::numbers;
use crate::render::checks::exhausted;
use crate::run::process::{kill, status_words, wait};
use crate::versions::workspace::project;

/// What the script explores within small bounds.
const SMALL: &str = "--small";

/// The environment variables that the scripts take the seed and the part from.
pub(crate) const SEED: &str = "CHANLAB_SHUTTLE_SEED";
pub(crate) const SHARD: &str = "CHANLAB_SHARD";

/// The environment variable that bounds loom's time for a model.
pub(crate) const SECONDS: &str = "CHANLAB_LOOM_SECONDS";

/// How often it is looked whether the script has ended.
const LOOK: Duration = Duration::from_millis(100);

/// So many lines of what the script said of a failed model are kept.
const LONGEST_REPORT: usize = 80;

/// So many lines are kept of a script that failed without a failed model.
const LAST_WORDS: usize = 8;

/// What a script left.
#[derive(Debug)]
pub struct Explored {
    /// What became of each model.
    pub models: Vec<Model>,
    /// How the script ended; `None` when it was ended because its time was over.
    pub ended: Option<ExitStatus>,
    /// All that it said.
    pub said: String,
}

/// Why there is nothing.
#[derive(Debug)]
pub enum NotExplored {
    /// In words, why it cannot be here and now.
    NotAvailable(String),
    /// In words, why it cannot be for this channel.
    NotInstrumentable(String),
    /// Somebody asked to stop.
    Stopped,
}

/// Whether a method has models, and runs by a script.
pub fn has_models(method: Method) -> bool {
    matches!(method, Method::Loom | Method::Shuttle)
}

/// Explores the models by `method`, the part that `task` asks for and for no longer than its budget; all that is said goes to the file `log`. `waits` is called now and then.
///
/// # Errors
///
/// [`NotExplored`].
pub fn explore(
    method: Method,
    task: &Task,
    log: &Path,
    stop: &AtomicBool,
    waits: &mut dyn FnMut(),
) -> Result<Explored, NotExplored> {
    let script = script(method).map_err(NotExplored::NotAvailable)?;
    let cannot = |error: io::Error| {
        NotExplored::NotAvailable(format!("{} could not be run ({error})", script.display()))
    };
    let target = std::path::absolute(target_dir()).map_err(cannot)?;
    let record = target.join(method.name()).join(MODELS_FILE);
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder).map_err(cannot)?;
    }
    let output = File::create(log).map_err(cannot)?;
    let (began, since) = (now(), Instant::now());
    let mut process = Command::new(&script)
        .arg(SMALL)
        // The records are where this program looks for them, whatever the environment says.
        .env("CARGO_TARGET_DIR", &target)
        .env(SEED, task.seed.to_string())
        .env(SHARD, task.shard.to_string())
        .stdin(Stdio::null())
        .stderr(output.try_clone().map_err(cannot)?)
        .stdout(output)
        .process_group(0)
        .spawn()
        .map_err(cannot)?;
    let ended = loop {
        waits();
        // Relaxed: a flag that a signal sets; nothing else is read because of it.
        if stop.load(Ordering::Relaxed) {
            kill(&mut process);
            return Err(NotExplored::Stopped);
        }
        if let Some(status) = wait(&mut process, LOOK) {
            break Some(status);
        }
        if since.elapsed() >= task.budget {
            kill(&mut process);
            break None;
        }
    };
    let records = Records::read(&record).unwrap_or_default();
    // An older record says nothing of what was explored now.
    let models: Vec<Model> = records
        .models
        .into_iter()
        .filter(|model| model.at >= began && model.method == method.name())
        .collect();
    // What cannot be read is told as nothing.
    let said = fs::read(log).unwrap_or_default();
    let said = String::from_utf8_lossy(&said).into_owned();
    Ok(Explored { models: newest_models(&models), ended, said })
}

/// The script of a method, where all that it needs is there.
fn script(method: Method) -> Result<PathBuf, String> {
    let project = project().map_err(|error| error.to_string())?;
    let script = project.join("scripts").join(method.name());
    if !script.is_file() {
        return Err(format!("there is no {}", script.display()));
    }
    let cargo = Command::new("cargo").arg("--version").stdin(Stdio::null()).output();
    match cargo {
        Ok(output) if output.status.success() => Ok(script),
        Ok(output) => Err(format!("cargo does not run: {}", status_words(output.status))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err("there is no cargo on the path, which builds the models".to_owned())
        }
        Err(error) => Err(format!("cargo could not be started ({error})")),
    }
}

/// What was explored of each subject, the baseline first, and the command that shows a failure again.
///
/// The baseline always has one, so that it is known that the part was looked at.
pub fn answers(method: Method, task: &Task, explored: &Explored) -> Vec<(String, Answer, Option<String>)> {
    let mut subjects: BTreeSet<&str> = explored.models.iter().map(|model| model.subject.as_str()).collect();
    subjects.remove(BASELINE);
    let subjects = [BASELINE].into_iter().chain(subjects);
    subjects.map(|subject| answer(method, task, explored, subject)).collect()
}

fn answer(
    method: Method,
    task: &Task,
    explored: &Explored,
    subject: &str,
) -> (String, Answer, Option<String>) {
    let own: Vec<&Model> = explored.models.iter().filter(|model| model.subject == subject).collect();
    let schedules = own.iter().map(|model| model.executions as u64).sum();
    let failed = explored.models.iter().any(|model| !model.passed);
    let (answer, replay) = match (own.iter().find(|model| !model.passed), explored.ended) {
        (Some(model), _) => {
            let replay =
                format!("{}scripts/{method} {SMALL} {} -- --exact", settings(method, task), model.model);
            (Answer::Ran(Outcome::Failed(Box::new(finding(model, &explored.said)))), Some(replay))
        }
        (None, None) => (Answer::Ran(Outcome::OutOfTime { cases: schedules, all: None }), None),
        // Another subject's model failed, and is the reason for the script's end.
        (None, Some(status)) if (status.success() || failed) && !own.is_empty() => {
            (Answer::Ran(Outcome::Passed { cases: schedules, bounds: bounds(&own) }), None)
        }
        // A part may hold models of others only.
        (None, Some(status)) if status.success() && task.shard != Shard::WHOLE => {
            (Answer::Ran(Outcome::Passed { cases: 0, bounds: "no model in this part".to_owned() }), None)
        }
        (None, Some(status)) => {
            let how = format!("scripts/{method} ended with {}", status_words(status));
            let words = telling(&explored.said);
            if explored.models.is_empty() {
                let last = words.last().map_or_else(String::new, |last| format!("; its last words: {last}"));
                (Answer::NotAvailable { reason: format!("{how} and left no record{last}") }, None)
            } else if subject == BASELINE {
                // Nobody knows whose it is: it is one failure, and no pass of anybody's.
                let finding = Finding {
                    scenario: "all models".to_owned(),
                    expected: "the script succeeds, or some model is recorded as failed".to_owned(),
                    happened: format!("{how}, and no model is recorded as failed\n{}", words.join("\n")),
                    ..Finding::default()
                };
                let replay = format!("{}scripts/{method} {SMALL}", settings(method, task));
                (Answer::Ran(Outcome::Failed(Box::new(finding))), Some(replay))
            } else {
                let reason = format!("{how}, and did not record whose fault it is: see {BASELINE}");
                (Answer::NotAvailable { reason }, None)
            }
        }
    };
    (subject.to_owned(), answer, replay)
}

/// What the script was told by the environment, as it is typed before a command. Loom's models know no seed.
fn settings(method: Method, task: &Task) -> String {
    let seed = (method == Method::Shuttle).then(|| format!("{SEED}={} ", task.seed));
    let shard = (task.shard != Shard::WHOLE).then(|| format!("{SHARD}={} ", task.shard));
    [seed, shard].into_iter().flatten().collect()
}

/// The lines that tell why a script failed: those of failed tests, panics and errors; the last ones where there are none.
fn telling(said: &str) -> Vec<&str> {
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let tells = |line: &&str| {
        line.ends_with("... FAILED") || line.starts_with("error") || line.contains(" panicked at ")
    };
    let telling: Vec<&str> = lines.iter().copied().filter(tells).take(LAST_WORDS).collect();
    match telling.is_empty() {
        true => lines[lines.len().saturating_sub(LAST_WORDS)..].to_vec(),
        false => telling,
    }
}

fn finding(model: &Model, said: &str) -> Finding {
    // What a failed model says begins so, and ends with how to replay it.
    let head = format!("model {} of {} failed", model.model, model.subject);
    let lines = said.lines().skip_while(|line| !line.starts_with(&head));
    let mut report: Vec<&str> = Vec::new();
    for line in lines.take(LONGEST_REPORT) {
        let last = report.last().is_some_and(|last: &&str| last.starts_with("to replay"));
        report.push(line);
        if last {
            break;
        }
    }
    Finding {
        scenario: format!("model {}", model.model),
        expected: format!("it passes in every schedule that is tried: {}", model.bounds),
        happened: if report.is_empty() {
            format!("it failed in execution {}", numbers::separated(model.executions as u64))
        } else {
            report.join("\n")
        },
        ..Finding::default()
    }
}

/// How far the models go: how many there are, how many of them were exhausted, and their different bounds.
fn bounds(models: &[&Model]) -> String {
    let mut bounds: Vec<&str> = models.iter().map(|model| model.bounds.as_str()).collect();
    bounds.sort_unstable();
    bounds.dedup();
    let count = numbers::count(models.len() as u64, "model");
    let complete = models.iter().filter(|model| model.exhausted).count();
    format!("{count}{}: {}", exhausted(complete, models.len()), bounds.join("; or "))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use harness::machine::Machine;
    use harness::registry::Registry;

    use super::*;

    fn model(name: &str, subject: &str, passed: bool) -> Model {
        // As a record has it, so that what records do not have to hold is not asked for.
        let record = serde_json::json!({
            "at": now(), "model": name, "subject": subject, "method": "loom", "passed": passed, "executions": 1_000,
            "bounds": "every schedule", "seconds": 1.0, "machine": Machine::current(&Registry::new()),
        });
        serde_json::from_value(record).expect("a model")
    }

    const FAILED: i32 = 1 << 8;

    const TASK: Task = Task { seed: 7, shard: Shard::WHOLE, only: None, budget: Duration::ZERO };

    /// Without the seed and the part, the script would try other schedules.
    #[test]
    fn a_replay_asks_for_the_same_schedules() {
        let failed = explored(vec![model("queue", BASELINE, false)], Some(FAILED), "");
        let part = Task { shard: Shard { index: 2, of: 3 }, ..TASK };
        let replay = |method, task| answers(method, task, &failed).remove(0).2.expect("it failed");
        assert_eq!(replay(Method::Loom, &TASK), "scripts/loom --small queue -- --exact");
        assert_eq!(
            replay(Method::Shuttle, &part),
            "CHANLAB_SHUTTLE_SEED=7 CHANLAB_SHARD=2/3 scripts/shuttle --small queue -- --exact"
        );
    }

    fn explored(models: Vec<Model>, status: Option<i32>, said: &str) -> Explored {
        Explored { models, ended: status.map(ExitStatus::from_raw), said: said.to_owned() }
    }

    #[test]
    fn each_subject_has_an_answer_of_its_own() {
        let said = "Compiling\n\nmodel quit of worker_pool failed in execution 7 (b)\ndeadlock\n\nto replay:\n  scripts/loom quit\nnoise";
        let models = vec![
            model("queue", BASELINE, true),
            model("hand_off", BASELINE, true),
            model("quit", "worker_pool", false),
        ];
        let answers = answers(Method::Loom, &TASK, &explored(models, Some(FAILED), said));
        let [(baseline, passed, None), (pool, failed, Some(replay))] = &answers[..] else {
            panic!("{answers:#?}")
        };
        assert_eq!((baseline.as_str(), pool.as_str()), (BASELINE, "worker_pool"));
        let bounds = "2 models: every schedule".to_owned();
        assert_eq!(*passed, Answer::Ran(Outcome::Passed { cases: 2_000, bounds }));
        let Answer::Ran(Outcome::Failed(finding)) = failed else { panic!("{failed:?}") };
        assert!(finding.happened.starts_with("model quit of worker_pool failed in execution 7"));
        assert!(finding.happened.ends_with("to replay:\n  scripts/loom quit"), "{}", finding.happened);
        assert_eq!(replay, "scripts/loom --small quit -- --exact");
    }

    #[test]
    fn bounds_say_how_many_models_were_exhausted() {
        let exhausted = |name| Model { exhausted: true, ..model(name, BASELINE, true) };
        let bounded = Model {
            bounds: "all schedules of at most 2 preemptions".to_owned(),
            ..model("many", BASELINE, true)
        };
        let models = vec![exhausted("queue"), exhausted("hand_off"), bounded];
        let answers = answers(Method::Loom, &TASK, &explored(models, Some(0), ""));
        let bounds = "3 models, 2 of them exhausted (every schedule): all schedules of at most 2 preemptions; or every schedule";
        assert_eq!(answers[0].1, Answer::Ran(Outcome::Passed { cases: 3_000, bounds: bounds.to_owned() }));
    }

    #[test]
    fn a_script_that_was_ended_exhausts_nothing() {
        let answers = answers(Method::Loom, &TASK, &explored(vec![model("queue", BASELINE, true)], None, ""));
        assert_eq!(answers[0].1, Answer::Ran(Outcome::OutOfTime { cases: 1_000, all: None }));
    }

    #[test]
    fn models_that_cannot_be_built_are_not_available_and_no_pass() {
        let answers = answers(
            Method::Shuttle,
            &TASK,
            &explored(Vec::new(), Some(FAILED), "error: could not compile\n"),
        );
        let [(_, Answer::NotAvailable { reason }, None)] = &answers[..] else { panic!("{answers:?}") };
        assert_eq!(
            reason,
            "scripts/shuttle ended with exit code 1 and left no record; its last words: error: could not compile"
        );
    }

    /// For example when a model aborts the process, and nobody could record that: one failure, and no pass.
    #[test]
    fn a_script_that_fails_beside_models_that_passed_is_a_failure() {
        let passed = || vec![model("queue", BASELINE, true), model("quit", "worker_pool", true)];
        let said = "running 3 tests\ntest quit_twice ... FAILED\nnoise\nerror: 1 target failed:\n";
        let all = answers(Method::Loom, &TASK, &explored(passed(), Some(FAILED), said));
        let [(_, Answer::Ran(Outcome::Failed(finding)), Some(_)), (_, Answer::NotAvailable { reason }, None)] =
            &all[..]
        else {
            panic!("{all:?}")
        };
        assert_eq!(
            finding.happened,
            "scripts/loom ended with exit code 1, and no model is recorded as failed\n\
             test quit_twice ... FAILED\nerror: 1 target failed:"
        );
        assert!(reason.ends_with("did not record whose fault it is: see mutex-deque"), "{reason}");
    }

    #[test]
    fn no_model_of_the_baseline_is_no_pass_of_it_unless_it_is_a_part() {
        let others = explored(vec![model("quit", "worker_pool", true)], Some(0), "");
        let all = answers(Method::Loom, &TASK, &others);
        assert!(!matches!(all[0].1, Answer::Ran(Outcome::Passed { .. })), "{all:?}");
        let part = Task { shard: Shard { index: 1, of: 9 }, ..TASK };
        let bounds = "no model in this part".to_owned();
        let all = answers(Method::Loom, &part, &others);
        assert_eq!(all[0].1, Answer::Ran(Outcome::Passed { cases: 0, bounds }));
    }
}
