//! Explores models: a test program whose tests are the rows of a table, and the report of each.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use contract::sync::thread::JoinHandle;
use contract::sync::{EXPLORES, explore, reached, repeats};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use records::model_report::{CUT_EXIT_CODE, ModelVerdict};
use wording::models as words;

use crate::running::{Model, Running, Sink, say};
use crate::{bounds, failure, watchdog};

/// Held by the model that is being explored. The explorers map and unmap a stack for each thread of each
/// execution, and the system serialises that for a process: on two processors, two models at once take four
/// times as long as each alone.
static EXPLORING: Mutex<()> = Mutex::new(());

/// Runs the test program: one test for each model, filtered by the command line.
pub fn run(models: Vec<Model>) -> ExitCode {
    static IS_CUT: AtomicBool = AtomicBool::new(false);
    let trial = |model: Model| {
        Trial::ignorable_test(model.name.clone(), move || {
            // Each model has a thread of its own, since explorers keep their state, and the shim its counts,
            // by thread.
            let thread = thread::Builder::new().name(model.name.clone()).spawn(move || model.explore())?;
            match thread.join() {
                Ok(None | Some(ModelVerdict::Passed { .. })) => Ok(Completion::Completed),
                Ok(Some(verdict @ ModelVerdict::Cut { .. })) => {
                    // Relaxed: read after all tests have been joined.
                    IS_CUT.store(true, Ordering::Relaxed);
                    Ok(Completion::ignored_with(words::verdict(&verdict)))
                }
                Ok(Some(verdict)) => Ok(Completion::ignored_with(words::verdict(&verdict))),
                Err(_) => Err(Failed::without_message()),
            }
        })
    };
    let arguments = Arguments::from_args();
    let conclusion = libtest_mimic::run(&arguments, models.into_iter().map(trial).collect());
    match IS_CUT.load(Ordering::Relaxed) && !conclusion.has_failed() {
        true => ExitCode::from(CUT_EXIT_CODE as u8),
        false => conclusion.exit_code(),
    }
}

impl Model {
    /// Explores the model and reports its verdict; `None` when it belongs to another shard, and in a build
    /// that does not explore, which runs the scenario on real threads.
    ///
    /// Any panic fails the model, even one that is caught. A job that is meant to panic does so by
    /// [`std::panic::resume_unwind`], as the workloads' jobs do.
    ///
    /// # Panics
    ///
    /// When the model fails, when the environment sets impossible bounds, or when the report cannot be
    /// written.
    pub fn explore(self) -> Option<ModelVerdict> {
        let plan = bounds::plan(self.bounds);
        let sink = Sink::from_environment();
        if !bounds::is_in_shard(&plan, &self.name) {
            say(&format!("{:<75} is not in shard {}", self.name, plan.shard));
            sink.not_in_shard(&self);
            return None;
        }
        let _alone = EXPLORES.then(|| EXPLORING.lock().unwrap_or_else(PoisonError::into_inner));
        let lacking = self.needs.lacking();
        let scenario = Arc::clone(&self.scenario);
        let running = Running {
            model: self,
            plan,
            began: Instant::now(),
            executions: Arc::default(),
            sink,
            has_ended: Arc::default(),
        };
        if let Some(verdict) = lacking {
            if EXPLORES {
                running.finish(&running.report(verdict.clone()));
            }
            return Some(verdict);
        }
        let executions = Arc::clone(&running.executions);
        let counted = move || {
            // Relaxed: a count that no modelled thread reads.
            executions.fetch_add(u64::from(!repeats()), Ordering::Relaxed);
            sut::execution(&scenario);
        };
        if !EXPLORES {
            explore(&running.plan, counted);
            println!("{}: not explored, but run on real threads", running.model.name);
            return None;
        }
        running.sink.started(&running.model);
        let watchdog = watchdog::watch(running.clone(), bounds::deadline());
        let watchdog = watchdog.unwrap_or_else(|error| panic!("cannot start the watchdog: {error}"));
        let watch = failure::watch(running.clone());
        let explored = explore(&running.plan, counted);
        drop((watch, watchdog));
        let verdict = bounds::verdict(explored, reached());
        running.finish(&running.report(verdict.clone()));
        Some(verdict)
    }
}

/// The result of a thread of a scenario.
///
/// # Panics
///
/// When the thread panicked.
pub fn joined<T>(thread: JoinHandle<T>) -> T {
    thread.join().expect("a thread of the model panicked")
}
