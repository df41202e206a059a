//! A model, its exploration in progress, and where its reports go.

use std::env;
use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use contract::channel::{Capability, Capacity, Channel};
use contract::sync::{Bounds, ExplorationPlan};
use records::files::{Recorder, append_line, now, target_dir};
use records::format::Format;
use records::model_report::{
    ModelEvent, ModelReport, ModelSubject, ModelVerdict, REPORTS_VARIABLE, REQUEST_VARIABLE, TimedWaits,
};
use records::record::{MODELS_FILE, Record};
use sut::Adapter;
use wording::models as words;

use crate::bounds;
use crate::needs::Needs;

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
    pub(crate) scenario: Arc<dyn Fn() + Send + Sync>,
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").field("name", &self.name).finish_non_exhaustive()
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
}

/// A model that is being explored.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) model: Model,
    pub(crate) plan: ExplorationPlan,
    pub(crate) began: Instant,
    /// Executions begun.
    pub(crate) executions: Arc<AtomicU64>,
    pub(crate) sink: Sink,
    /// Whether the end of the exploration is being reported.
    pub(crate) has_ended: Arc<AtomicBool>,
}

impl Running {
    /// Claims the report on the end for the caller: the watchdog may come while a failure is reported.
    pub(crate) fn claims_end(&self) -> bool {
        // Relaxed: only the order of the claims matters.
        !self.has_ended.swap(true, Ordering::Relaxed)
    }

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
pub(crate) enum Sink {
    /// To the parent that asked, as events.
    Events { path: PathBuf, request: String },
    /// To the record that the page reads.
    Record(Recorder),
}

impl Sink {
    pub(crate) fn from_environment() -> Self {
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

    pub(crate) fn started(&self, model: &Model) {
        if let Sink::Events { request, .. } = self {
            let (model, subject) = (model.name.clone(), model.subject.clone());
            self.event(&ModelEvent::Started { format: Format, request: request.clone(), model, subject });
        }
    }

    pub(crate) fn not_in_shard(&self, model: &Model) {
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
