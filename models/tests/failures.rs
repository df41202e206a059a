//! What a failing model says: each of these must fail, be told and recorded as a failure, and fail again when it is replayed.
//!
//! A model that fails may take its process with it, so each runs in a process of its own: this program again, with the
//! name of one test. Only a build that explores can promise to find them; in others these tests end at once. `scripts/mutants` shows
//! that the models find likely mistakes in the code itself.

use std::path::Path;
use std::process::{Command, Output};
use std::{env, fs};

use harness::record::Recorder;
use harness::sync::{
    Arc, AtomicUsize, Condvar, EXPLORER, EXPLORES, Explorer, Mutex, Ordering, lock, thread, wait,
};
use models::{Model, bounds, joined};

/// Set in the process that runs the model.
const ALONE: &str = "CHANLAB_PLANTED";

/// This program with one test, in a process of its own.
fn alone(name: &str, schedule: Option<&str>) -> Output {
    let mut command = Command::new(env::current_exe().expect("this program has a path"));
    command.args([name, "--exact", "--nocapture"]).env(ALONE, "1");
    for setting in [bounds::PREEMPTIONS, bounds::BRANCHES, bounds::SCHEDULES, bounds::SEED, bounds::SHARD] {
        command.env_remove(setting);
    }
    command.envs(schedule.map(|schedule| (bounds::REPLAY, schedule)));
    command.output().expect("this program runs")
}

/// Checks that the model fails with a message that contains `says`.
fn fails(name: &'static str, says: &str, body: impl Fn() + Sync + Send + 'static) {
    if !EXPLORES {
        println!("{name}: not tried, since nothing is explored in this build");
        return;
    }
    let record = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("failures-{name}.jsonl"));
    if env::var_os(ALONE).is_some() {
        let model = Model { name, subject: "planted", bounds: bounds::DEFAULT };
        model.run(Recorder::new(record), body);
        return;
    }
    let _ = fs::remove_file(&record);
    let output = alone(name, None);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "it passed:\n{said}");
    assert!(said.contains(says), "it failed, but not with `{says}`:\n{said}");
    let recorded = fs::read_to_string(record).expect("the failure is recorded");
    assert!(recorded.contains(r#""passed":false"#), "recorded as {recorded}");
    assert!(recorded.contains(r#""exhausted":false"#), "recorded as {recorded}");
    if EXPLORER == Explorer::Loom {
        let replay = format!("LOOM_LOCATION=1 scripts/loom {name} -- --exact");
        assert!(said.contains(&replay), "nothing says how to replay it:\n{said}");
        return;
    }
    let (_, replay) = said.split_once("CHANLAB_SHUTTLE_SCHEDULE=").expect("it says how to replay it");
    let (schedule, rest) = replay.split_once(' ').expect("a command follows the schedule");
    assert!(rest.starts_with(&format!("scripts/shuttle {name} -- --exact")), "{rest}");
    let again = alone(name, Some(schedule));
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(!again.status.success(), "the replay passed:\n{said}");
    assert!(said.contains(says), "the replay failed, but not with `{says}`:\n{said}");
    assert!(said.contains("failed in execution 1 (one schedule, replayed)"), "{said}");
}

#[test]
fn a_deadlock() {
    fails("a_deadlock", "deadlock", || {
        let shared = Arc::new((Mutex::new(false), Condvar::new()));
        let waiting = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let said = lock(&shared.0);
                if !*said {
                    drop(wait(&shared.1, said));
                }
            })
        };
        // The mistake: the notification is sent before there is something to see.
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
            // The mistake: two steps where one belongs.
            thread::spawn(move || count.store(count.load(Ordering::SeqCst) + 1, Ordering::SeqCst))
        });
        increments.into_iter().for_each(joined);
        assert_eq!(count.load(Ordering::SeqCst), 2, "an update was lost");
    });
}

/// As a job's own panic is.
#[test]
fn a_panic_without_a_word() {
    fails("a_panic_without_a_word", "a thread panicked", || {
        joined(thread::spawn(|| std::panic::resume_unwind(Box::new("quiet"))));
    });
}
