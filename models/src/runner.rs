//! Explores models: a test program whose tests are the rows of a table, and the report of each.

use std::env;
use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use contract::channel::{Capability, Capacity, Channel};
use contract::sync::thread::JoinHandle;
use contract::sync::{Bounds, EXPLORES, ExplorationPlan, explore, reached};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use records::files::{Recorder, append_line, now, target_dir};
use records::format::Format;
use records::model_report::{
    CUT_EXIT_CODE, ModelEvent, ModelReport, ModelSubject, ModelVerdict, REPORTS_VARIABLE, REQUEST_VARIABLE,
    TimedWaits,
};
use records::record::{MODELS_FILE, Record};
use sut::Adapter;
use wording::models as words;

use crate::needs::Needs;
use crate::{bounds, failure};

/// Held by the model that is being explored. The explorers map and unmap a stack for each thread of each
/// execution, and the system serialises that for a process: on two processors, two models at once take four
/// times as long as each alone.
static EXPLORING: Mutex<()> = Mutex::new(());

/// A model: a scenario with the bounds of its exploration.
#[derive(Clone)]
pub struct Model {
    /// Its name, which runs it again.
    pub name: String,
    /// The code that it explores.
    pub subject: ModelSubject,
    /// The requirements of the scenario on the system under test.
    pub needs: Needs,
    /// The bounds, unless the environment has others.
    pub bounds: Bounds,
    scenario: Arc<dyn Fn() + Send + Sync>,
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").field("name", &self.name).finish_non_exhaustive()
    }
}

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
    /// A model of the channel under test, opened with this capacity.
    pub fn of_channel(
        name: String,
        capacity: Capacity,
        needs: &[Capability],
        bounds: Bounds,
        scenario: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let needs = Needs { capacity: Some(capacity), capabilities: needs.to_vec() };
        Model { name, subject: ModelSubject::Channel, needs, bounds, scenario: Arc::new(scenario) }
    }

    /// A model of the coordination of a workload.
    pub fn of_workload(
        name: impl Into<String>,
        workload: &str,
        needs: Needs,
        bounds: Bounds,
        scenario: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let subject = ModelSubject::Workload(workload.to_owned());
        Model { name: name.into(), subject, needs, bounds, scenario: Arc::new(scenario) }
    }

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
        let running = Running { model: self, plan, began: Instant::now(), executions: Arc::default(), sink };
        if let Some(verdict) = lacking {
            if EXPLORES {
                running.finish(&running.report(verdict.clone()));
            }
            return Some(verdict);
        }
        let executions = Arc::clone(&running.executions);
        let counted = move || {
            // Relaxed: a count that no modelled thread reads.
            executions.fetch_add(1, Ordering::Relaxed);
            sut::execution(&scenario);
        };
        if !EXPLORES {
            explore(&running.plan, counted);
            println!("{}: not explored, but run on real threads", running.model.name);
            return None;
        }
        running.sink.started(&running.model);
        let watch = failure::watch(running.clone());
        let explored = explore(&running.plan, counted);
        drop(watch);
        let verdict = bounds::verdict(explored, reached());
        running.finish(&running.report(verdict.clone()));
        Some(verdict)
    }
}

/// A model that is being explored.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) model: Model,
    plan: ExplorationPlan,
    began: Instant,
    /// Executions begun.
    executions: Arc<AtomicU64>,
    sink: Sink,
}

impl Running {
    pub(crate) fn executions(&self) -> u64 {
        // Relaxed: the thread that counts is the one that explores.
        self.executions.load(Ordering::Relaxed)
    }

    /// The report, made on the thread that explores, which counts the timed waits.
    pub(crate) fn report(&self, verdict: ModelVerdict) -> ModelReport {
        ModelReport {
            format: Format,
            request: self.sink.request(),
            at: now(),
            model: self.model.name.clone(),
            subject: self.model.subject.clone(),
            sut: Adapter::INFO.name.to_owned(),
            has_timeouts: self.model.needs.has_timeouts(),
            bounds: bounds::report(&self.plan),
            executions: self.executions(),
            seconds: self.began.elapsed().as_secs_f64(),
            timed_waits: sut::timed_waits().map(|(woken, expired)| TimedWaits { woken, expired }),
            verdict,
        }
    }

    /// Prints the report and hands it over.
    pub(crate) fn finish(&self, report: &ModelReport) {
        // Past any capture of the tests' output: the coverage of a model that passed is worth a line.
        say(&match report.failure() {
            Some(failure) => words::failure(report, failure),
            None => words::line(report),
        });
        self.sink.ended(report);
    }
}

/// Where reports go.
#[derive(Clone, Debug)]
enum Sink {
    /// To the parent that asked, as events.
    Events { path: PathBuf, request: String },
    /// To the record that the page reads.
    Record(Recorder),
}

impl Sink {
    fn from_environment() -> Self {
        match env::var_os(REPORTS_VARIABLE) {
            Some(path) => {
                let request = env::var(REQUEST_VARIABLE);
                let request = request
                    .unwrap_or_else(|error| panic!("{REPORTS_VARIABLE} needs {REQUEST_VARIABLE}: {error}"));
                Sink::Events { path: path.into(), request }
            }
            None => Sink::Record(Recorder::new(target_dir().join(MODELS_FILE))),
        }
    }

    fn request(&self) -> Option<String> {
        match self {
            Sink::Events { request, .. } => Some(request.clone()),
            Sink::Record(_) => None,
        }
    }

    fn started(&self, model: &Model) {
        if let Sink::Events { request, .. } = self {
            let (model, subject) = (model.name.clone(), model.subject.clone());
            self.event(&ModelEvent::Started { format: Format, request: request.clone(), model, subject });
        }
    }

    fn not_in_shard(&self, model: &Model) {
        if let Sink::Events { request, .. } = self {
            let (request, model) = (request.clone(), model.name.clone());
            self.event(&ModelEvent::NotInShard { format: Format, request, model });
        }
    }

    fn ended(&self, report: &ModelReport) {
        match self {
            Sink::Events { .. } => self.event(&ModelEvent::Ended(Box::new(report.clone()))),
            Sink::Record(recorder) => {
                let record = Record::Model(Box::new(report.clone()));
                recorder.append(&record).unwrap_or_else(|error| {
                    panic!("cannot write {}: {error}", recorder.path().display());
                });
            }
        }
    }

    fn event(&self, event: &ModelEvent) {
        if let Sink::Events { path, .. } = self {
            append_line(path, event)
                .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        }
    }
}

/// Writes to the error stream itself: the test harness captures what `eprintln!` writes, and loses it when a
/// failure aborts.
pub(crate) fn say(text: &str) {
    // One write, so that lines of models that run at once do not mix. A closed stream does not fail the
    // model.
    let _ = io::stderr().write_all(format!("{text}\n").as_bytes());
}

/// The result of a thread of a scenario.
///
/// # Panics
///
/// When the thread panicked.
pub fn joined<T>(thread: JoinHandle<T>) -> T {
    thread.join().expect("a thread of the model panicked")
}
