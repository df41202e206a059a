//! Runs a model: explores it, says in one line how far that went, and leaves a record for the page.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use harness::machine::Machine;
use harness::record::{self, MODELS_FILE, Record, Recorder, TimedWaits};
use harness::registry::Registry;
use harness::sync::thread::JoinHandle;
use harness::sync::{Bounds, EXPLORER, EXPLORES, Explored, Plan, Reached, explore, reached};

use crate::bounds;
use crate::failure;

/// Held by the model that is being explored. The explorers map and unmaps a stack for each thread of each execution, and the system
/// serialises that for a process: measured on two processors, two models at once take four times as long as each alone.
static EXPLORING: Mutex<()> = Mutex::new(());

/// The file of models that were built with mutants, which nobody reads but people.
const MUTANTS_FILE: &str = "chanlab-mutants.jsonl";

/// What is explored, and how far.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// Its name: that of the test it is in, so that the name runs it again.
    pub name: &'static str,
    /// The channel or the workload that it explores.
    pub subject: &'static str,
    /// How far, unless the environment asks for other bounds.
    pub bounds: Bounds,
}

/// Explores a model and records what became of it in the models' file of the target directory.
///
/// In a build that does not explore, the model runs on real threads and nothing is recorded.
///
/// # Panics
///
/// When the model fails, or when its record cannot be written.
pub fn model(
    name: &'static str,
    subject: &'static str,
    bounds: Bounds,
    body: impl Fn() + Sync + Send + 'static,
) {
    // What becomes of a model of mutants is no news for the page.
    let file = if cfg!(feature = "mutants") { MUTANTS_FILE } else { MODELS_FILE };
    let recorder = Recorder::new(record::target_dir().join(file));
    Model { name, subject, bounds }.run(recorder, body);
}

/// Says that a model asks for what the channel does not have, and why: it is neither explored nor recorded.
pub fn unsupported(name: &str, reason: &str) {
    say(&format!("{name:<75} {reason}"));
}

impl Model {
    /// As [`model`], with the record elsewhere.
    ///
    /// A panic on the way is the failure of the model, wherever it is caught: a job that is meant to panic does so by
    /// [`std::panic::resume_unwind`], as the workloads' jobs do.
    ///
    /// # Panics
    ///
    /// When the model fails, or when its record cannot be written.
    pub fn run(self, recorder: Recorder, body: impl Fn() + Sync + Send + 'static) {
        self.assert_named_after_its_test();
        let plan = bounds::asked(self.bounds);
        if !bounds::is_in_shard(&plan, self.name) {
            return say(&format!("{:<75} is not in part {}", self.name, plan.shard));
        }
        let _alone = EXPLORES.then(|| EXPLORING.lock().unwrap_or_else(PoisonError::into_inner));
        let running = Running {
            model: self,
            plan: plan.clone(),
            began: Instant::now(),
            executions: Arc::default(),
            recorder,
        };
        let executions = Arc::clone(&running.executions);
        let body: Arc<dyn Fn() + Send + Sync> = Arc::new(body);
        let counted = move || {
            // Relaxed: a count that no modelled thread reads.
            executions.fetch_add(1, Ordering::Relaxed);
            sut::execution(&body);
        };
        if EXPLORES {
            let watch = failure::watch(running.clone());
            let explored = explore(&plan, counted);
            drop(watch);
            running.passed(explored, bounds::in_words(&plan, reached()));
        } else {
            explore(&plan, counted);
            println!("{}: not explored, but run on real threads", self.name);
        }
    }

    /// The test harness names the thread of a test after it, unless it runs all tests on one thread.
    fn assert_named_after_its_test(&self) {
        if let Some(test) = thread::current().name().filter(|&name| name != "main") {
            assert_eq!(self.name, test, "a model has the name of its test, which replays it");
        }
    }
}

/// A model that is being explored.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) model: Model,
    pub(crate) plan: Plan,
    began: Instant,
    /// Executions begun.
    executions: Arc<AtomicUsize>,
    recorder: Recorder,
}

impl Running {
    pub(crate) fn executions(&self) -> usize {
        // Relaxed: the thread that counts is the one that explores.
        self.executions.load(Ordering::Relaxed)
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Writes and says how far the exploration went, within these bounds in words.
    pub(crate) fn passed(&self, explored: Explored, bounds: String) {
        // Past the capture of the tests' output: how far a model went is worth a line also when it passes.
        say(&self.line(explored, &bounds));
        self.record(Some(explored), bounds);
    }

    /// Writes that the model failed.
    pub(crate) fn failed(&self) {
        self.record(None, bounds::in_words(&self.plan, Reached::Plan));
    }

    /// Writes what became of the model; `None`: it failed.
    fn record(&self, explored: Option<Explored>, bounds: String) {
        let record = Record::Model(record::Model {
            at: record::now(),
            model: self.model.name.to_owned(),
            subject: self.model.subject.to_owned(),
            method: EXPLORER.name().to_owned(),
            passed: explored.is_some(),
            executions: self.executions(),
            exhausted: explored.is_some_and(|explored| explored.exhausted),
            bounds,
            seconds: self.elapsed().as_secs_f64(),
            // Counted by the thread that explores, which a failure is not told from.
            timed_waits: explored.and_then(|_| timed_waits()),
            machine: Machine::current(&Registry::new()),
        });
        self.recorder.append(&record).unwrap_or_else(|error| {
            panic!("failed to write {}: {error}", self.recorder.path().display());
        });
    }

    /// How far the exploration went, in one line.
    fn line(&self, explored: Explored, bounds: &str) -> String {
        let timed = timed_waits().filter(|waits| *waits != TimedWaits::default());
        let timed = timed
            .map(|TimedWaits { woken, expired }| format!("; timed waits: {woken} woken, {expired} expired"));
        format!(
            "{:<17} {:<75} {:>9} executions {:>6.1} s  {}{}{}",
            self.model.subject,
            self.model.name,
            self.executions(),
            self.elapsed().as_secs_f64(),
            bounds,
            if explored.exhausted { ": exhausted" } else { "" },
            timed.unwrap_or_default(),
        )
    }
}

/// How the waits with a deadline ended, in the executions of this thread: those of one model, since each has a thread of its own.
fn timed_waits() -> Option<TimedWaits> {
    sut::timed_waits().map(|(woken, expired)| TimedWaits { woken, expired })
}

/// Writes to the error stream itself: the test harness captures what `eprintln!` writes, and loses it when a failure aborts.
pub(crate) fn say(text: &str) {
    // One write, so that lines of models that run at once do not mix. A closed stream is no failure of the model.
    let _ = io::stderr().write_all(format!("{text}\n").as_bytes());
}

/// The result of a thread of a model.
///
/// # Panics
///
/// When the thread panicked.
pub fn joined<T>(thread: JoinHandle<T>) -> T {
    thread.join().expect("a thread of the model panicked")
}
