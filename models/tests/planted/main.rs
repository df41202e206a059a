//! The models' own test: planted mistakes, each of which must fail its model, and be told and recorded as a failure.
//!
//! A model that fails may take its process with it, so each runs in a process of its own: this program again, with the
//! name of one test. Only a build that explores can promise to find them; in others these tests end at once.

mod slot;

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use harness::channel::{Capacity, Channel, Receiver, Sender};
use harness::channels::mutex_deque::MutexDeque;
use harness::record::Recorder;
use harness::sync::{Arc, AtomicBool, EXPLORES, Ordering, thread};
use harness::workloads::worker_pool::Quit;
use models::payload::{Payload, Payloads, assert_each_once};
use models::{Model, bounds, joined};

use self::slot::{Mistake, Slot};

/// Set in the process that runs the model.
const ALONE: &str = "CHANLAB_PLANTED";

fn planted(name: &'static str) -> (Model, Recorder) {
    let record = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("planted-{name}.jsonl"));
    (Model { name, subject: "planted", bounds: bounds::DEFAULT }, Recorder::new(record))
}

/// Checks that the model fails with a message that contains `says`.
fn caught(name: &'static str, says: &str, body: impl Fn() + Sync + Send + 'static) {
    if !EXPLORES {
        println!("{name}: not tried, since nothing is explored in this build");
        return;
    }
    let (model, recorder) = planted(name);
    if env::var_os(ALONE).is_some() {
        model.run(recorder, body);
        return;
    }
    let record = recorder.path();
    let _ = fs::remove_file(record);
    let output = Command::new(env::current_exe().expect("this program has a path"))
        .args([name, "--exact", "--nocapture"])
        .env(ALONE, "1")
        .env_remove(bounds::PREEMPTIONS)
        .env_remove(bounds::BRANCHES)
        .output()
        .expect("this program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "the mistake was not caught:\n{said}");
    assert!(said.contains(says), "caught, but not as `{says}`:\n{said}");
    let replay = format!("LOOM_LOCATION=1 scripts/loom {name} -- --exact");
    assert!(said.contains(&replay), "nothing says how to replay it:\n{said}");
    let recorded = fs::read_to_string(record).expect("the failure is recorded");
    assert!(recorded.contains(r#""passed":false"#), "recorded as {recorded}");
}

/// Two takers get a message each.
fn two_takers(mistake: Mistake) {
    let payloads = Payloads::new();
    let slot = Arc::new(Slot::new(mistake));
    let takers = [0, 1].map(|_| {
        let slot = Arc::clone(&slot);
        thread::spawn(move || slot.take().expect("nobody closed the slot").id())
    });
    for seq in 0..2 {
        slot.put(payloads.make(0, seq));
    }
    assert_each_once(takers.map(joined), &[2]);
    drop(slot);
    payloads.assert_each_dropped_once();
}

/// Two takers wait at a slot that is closed.
fn two_takers_at_a_close(mistake: Mistake) {
    let slot = Arc::new(Slot::new(mistake));
    let takers = [0, 1].map(|_| {
        let slot = Arc::clone(&slot);
        thread::spawn(move || slot.take().is_none())
    });
    slot.close();
    assert_eq!(takers.map(joined), [true, true]);
}

/// A message that a taker gets or leaves.
fn a_message_is_left(mistake: Mistake) {
    let payloads = Payloads::new();
    let slot = Arc::new(Slot::new(mistake));
    let taker = {
        let slot = Arc::clone(&slot);
        thread::spawn(move || drop(slot.take()))
    };
    slot.close();
    slot.put(payloads.make(0, 0));
    joined(taker);
    drop(slot);
    payloads.assert_each_dropped_once();
}

#[test]
fn the_slot_without_a_mistake_passes() {
    let (model, recorder) = planted("the_slot_without_a_mistake_passes");
    for body in [two_takers, two_takers_at_a_close, a_message_is_left] {
        model.run(recorder.clone(), move || body(Mistake::None));
    }
}

#[test]
fn if_where_while_belongs() {
    caught("if_where_while_belongs", "nobody closed the slot", || two_takers(Mistake::WaitsOnce));
}

#[test]
fn a_notification_that_is_not_sent() {
    caught("a_notification_that_is_not_sent", "deadlock", || two_takers(Mistake::PutsInSilence));
}

#[test]
fn notify_one_at_a_disconnect() {
    caught("notify_one_at_a_disconnect", "deadlock", || two_takers_at_a_close(Mistake::ClosesForOne));
}

#[test]
fn a_disconnect_between_a_look_and_a_wait() {
    caught("a_disconnect_between_a_look_and_a_wait", "deadlock", || {
        two_takers_at_a_close(Mistake::ClosesUnlocked);
    });
}

#[test]
fn an_undelivered_message_that_leaks() {
    caught("an_undelivered_message_that_leaks", "payload (0, 0)", || {
        a_message_is_left(Mistake::LeaksTheRest);
    });
}

/// A worker that looks at the flag after it took a job, and forgets the job.
fn serve_and_forget(jobs: &impl Receiver<Payload>, results: &impl Sender<Payload>, quit: &Quit) {
    while let Ok(job) = jobs.recv() {
        if quit.raised() || results.send(job).is_err() {
            return;
        }
    }
}

#[test]
fn quit_seen_with_a_job_in_hand() {
    caught("quit_seen_with_a_job_in_hand", "each message arrives exactly once", || {
        let payloads = Payloads::new();
        let (jobs, job_receiver) =
            MutexDeque::open(Capacity::of(1)).expect("the baseline has every capacity");
        let (result_sender, results) =
            MutexDeque::open(Capacity::of(1)).expect("the baseline has every capacity");
        let quit = Quit::new();
        let left = job_receiver.try_clone().expect("the baseline has several consumers");
        let worker = {
            let quit = quit.clone();
            thread::spawn(move || serve_and_forget(&job_receiver, &result_sender, &quit))
        };
        jobs.send(payloads.make(0, 0)).expect("the worker is there");
        quit.raise();
        drop(jobs);
        joined(worker);
        // Delivered, or never taken.
        let done = results.recv().map(|job| job.id()).into_iter();
        let not_taken = left.recv().map(|job| job.id()).into_iter();
        assert_each_once(done.chain(not_taken), &[1]);
    });
}

/// A tick that looks whether there is room, and then waits for it after all.
#[test]
fn a_refill_that_looks_before_it_sends() {
    caught("a_refill_that_looks_before_it_sends", "deadlock", || {
        let (sender, bucket) = MutexDeque::open(Capacity::of(1)).expect("the baseline has every capacity");
        let tickers = [0, 1].map(|ticker| {
            let sender = sender.clone();
            let bucket = bucket.try_clone().expect("the baseline has several consumers");
            thread::spawn(move || {
                if bucket.len() == Ok(0) {
                    let _ = sender.send(ticker);
                }
            })
        });
        tickers.into_iter().for_each(joined);
    });
}

/// Atomics are explored too: a flag that orders nothing is seen before what was done before it.
#[test]
fn a_quit_that_publishes_nothing() {
    caught("a_quit_that_publishes_nothing", "not what was done before", || {
        let quit = Arc::new(AtomicBool::new(false));
        let done = Arc::new(AtomicBool::new(false));
        let worker = {
            let (quit, done) = (Arc::clone(&quit), Arc::clone(&done));
            // The mistake: Relaxed, where `Quit` has Acquire.
            thread::spawn(move || !quit.load(Ordering::Relaxed) || done.load(Ordering::Relaxed))
        };
        done.store(true, Ordering::Relaxed);
        quit.store(true, Ordering::Release);
        assert!(joined(worker), "quit was seen, and not what was done before");
    });
}
