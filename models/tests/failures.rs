//! Failing models: each of these must fail, report its failure, and fail again when it is replayed.
//!
//! A model that fails may take its process along, so each runs in a process of its own: this program again,
//! with the name of one test. Only a build that explores can promise a failure; in others these tests end at
//! once. `scripts/mutants` shows that the models find likely mistakes in the code itself.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

use contract::sync::{
    Arc, AtomicUsize, Condvar, EXPLORER, EXPLORES, Explorer, Mutex, Ordering, lock, thread, wait,
};
use models::needs::Needs;
use models::{Model, bounds, joined};
use records::files::read_events;
use records::model_report::{
    ModelEvent, ModelFailure, ModelReport, ModelVerdict, REPORTS_VARIABLE, REQUEST_VARIABLE,
};

/// Runs this program with one test, in a process of its own that appends its reports to the file.
fn alone(name: &str, reports: &Path, request: &str, schedule: Option<&str>) -> (Output, ModelReport) {
    let mut command = Command::new(env::current_exe().expect("this program has a path"));
    command.args([name, "--exact", "--nocapture"]);
    command.env(REPORTS_VARIABLE, reports).env(REQUEST_VARIABLE, request);
    // Far more than any step takes.
    command.env(bounds::DEADLINE, "1");
    for setting in [bounds::PREEMPTIONS, bounds::BRANCHES, bounds::SCHEDULES, bounds::SEED, bounds::SHARD] {
        command.env_remove(setting);
    }
    command.envs(schedule.map(|schedule| (bounds::REPLAY, schedule)));
    let output = command.output().expect("this program runs");
    let events = read_events(reports, request).expect("the events can be read");
    let [ModelEvent::Started { model, .. }, ModelEvent::Ended(report)] = &events[..] else {
        panic!("expected a start and an end: {events:#?}")
    };
    assert_eq!((model.as_str(), report.model.as_str()), (name, name));
    (output, (**report).clone())
}

/// The failure in a report of a process that failed with a message that contains `message`.
fn failure(output: &Output, report: ModelReport, message: &str) -> ModelFailure {
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "it passed:\n{printed}");
    assert!(printed.contains(message), "it failed, but not with `{message}`:\n{printed}");
    let failure = report.failure().unwrap_or_else(|| panic!("reported as {report:#?}"));
    assert!(failure.message.contains(message), "{failure:#?}");
    assert!(printed.contains(&failure.replay.command), "{printed}");
    failure.clone()
}

/// The file for the reports on a model, which does not exist yet.
fn reports_of(name: &str) -> PathBuf {
    let reports = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("failures-{name}.jsonl"));
    let _ = fs::remove_file(&reports);
    reports
}

/// Explores a planted model in a process of its own; the file for its reports, its output and its report. `None` in
/// that process, and where nothing is explored.
fn explored(
    name: &'static str,
    body: impl Fn() + Sync + Send + 'static,
) -> Option<(PathBuf, Output, ModelReport)> {
    if !EXPLORES {
        println!("{name}: not tried, since nothing is explored in this build");
        return None;
    }
    if env::var_os(REPORTS_VARIABLE).is_some() {
        Model::of_workload(name, "planted", Needs::NOTHING, bounds::DEFAULT, body).explore();
        return None;
    }
    let reports = reports_of(name);
    let (output, report) = alone(name, &reports, "first", None);
    Some((reports, output, report))
}

/// Checks that the model fails with a message that contains `message`.
fn fails(name: &'static str, message: &str, body: impl Fn() + Sync + Send + 'static) {
    let Some((reports, output, report)) = explored(name, body) else { return };
    let first = failure(&output, report, message);
    if EXPLORER == Explorer::Loom {
        assert_eq!(first.replay.command, format!("scripts/loom {name} -- --exact"));
        assert_eq!(first.replay.environment.get("LOOM_LOCATION").map(String::as_str), Some("1"));
        return;
    }
    assert_eq!(first.replay.command, format!("scripts/shuttle {name} -- --exact"));
    let schedule = first.replay.choices.expect("shuttle's choices are recorded");
    let (output, report) = alone(name, &reports, "again", Some(&schedule));
    let again = failure(&output, report, message);
    assert_eq!(again.execution, 1, "one schedule is replayed");
    assert_eq!(again.replay.choices, Some(schedule));
    assert_eq!(again.steps, first.steps);
}

#[test]
fn a_deadlock() {
    fails("a_deadlock", "deadlock", || {
        let shared = Arc::new((Mutex::new(false), Condvar::new()));
        let waiting = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let ready = lock(&shared.0);
                if !*ready {
                    drop(wait(&shared.1, ready));
                }
            })
        };
        // The mistake: the notification is sent before the flag is set.
        shared.1.notify_all();
        *lock(&shared.0) = true;
        joined(waiting);
    });
}

#[test]
fn an_assertion() {
    fails("an_assertion", "an update was lost", || {
        let count = Arc::new(AtomicUsize::new(0));
        let increments = [0, 1].map(|_| {
            let count = Arc::clone(&count);
            // The mistake: a load and a store instead of one increment.
            thread::spawn(move || count.store(count.load(Ordering::SeqCst) + 1, Ordering::SeqCst))
        });
        increments.into_iter().for_each(joined);
        assert_eq!(count.load(Ordering::SeqCst), 2, "an update was lost");
    });
}

/// Such as the panic of a job.
#[test]
fn a_panic_without_a_word() {
    fails("a_panic_without_a_word", "a thread panicked", || {
        joined(thread::spawn(|| std::panic::resume_unwind(Box::new("quiet"))));
    });
}

/// The explorer cannot schedule what blocks the thread of the system: nothing but the watchdog ends it.
#[test]
fn a_wait_on_the_system() {
    fails("a_wait_on_the_system", "no modelled step", || {
        let count = Arc::new(AtomicUsize::new(0));
        let waiting = {
            let count = Arc::clone(&count);
            thread::spawn(move || {
                count.fetch_add(1, Ordering::SeqCst);
                // The mistake: std's, and not the explorer's. It may end without a cause.
                loop {
                    std::thread::park();
                }
            })
        };
        count.fetch_add(1, Ordering::SeqCst);
        joined(waiting);
    });
}

/// Nor can it end a loop that takes no step.
#[test]
fn a_loop_without_a_step() {
    fails("a_loop_without_a_step", "no modelled step", || {
        let flag = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let looping = {
            let flag = std::sync::Arc::clone(&flag);
            thread::spawn(move || {
                // The mistake: an atomic that the explorer does not know.
                while !flag.load(std::sync::atomic::Ordering::SeqCst) {
                    std::hint::spin_loop();
                }
            })
        };
        let other = thread::spawn(move || {
            thread::yield_now();
            flag.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        joined(looping);
        joined(other);
    });
}

/// Code that decides by what the explorer does not control is not deterministic: no failure of it could be
/// replayed.
#[test]
fn a_count_of_its_own_executions() {
    static EXECUTIONS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let name = "a_count_of_its_own_executions";
    let body = || {
        let count = Arc::new(AtomicUsize::new(0));
        let other = {
            let count = Arc::clone(&count);
            thread::spawn(move || count.fetch_add(1, Ordering::SeqCst))
        };
        // The mistake: it outlives the execution.
        if EXECUTIONS.fetch_add(1, std::sync::atomic::Ordering::SeqCst) % 2 == 1 {
            let third = Arc::clone(&count);
            joined(thread::spawn(move || third.fetch_add(1, Ordering::SeqCst)));
        }
        count.store(count.load(Ordering::Acquire) + 1, Ordering::Release);
        joined(other);
    };
    let Some((reports, output, report)) = explored(name, body) else { return };
    let ModelVerdict::Diverged(divergence) = &report.verdict else { panic!("{report:#?}") };
    assert!(!output.status.success() && !divergence.is_replay, "{divergence:#?}");
    if EXPLORER == Explorer::Shuttle {
        let (output, report) = alone(name, &reports, "again", Some("0.9"));
        let ModelVerdict::Diverged(divergence) = &report.verdict else { panic!("{report:#?}") };
        assert!(!output.status.success() && divergence.is_replay, "{divergence:#?}");
        assert!(
            divergence.what.starts_with("at choice 2, thread 9 ran, and now it cannot"),
            "{divergence:#?}"
        );
    }
}
