//! The line protocol of model processes: one JSON object a line, versioned.
//!
//! A parent starts a model process with a file in [`REPORTS_VARIABLE`] and an identifier of its own in
//! [`REQUEST_VARIABLE`]. The process appends a [`ModelEvent`] when a model starts and another when it ends, each with
//! that identifier: two parents may share a file, and an event belongs to a request by nothing else. A model that
//! started and did not end took its process down.
//!
//! Without the variables a model appends its report to [`crate::record::MODELS_FILE`], where the page finds it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use contract::shard::Shard;

use crate::format::Format;

/// The environment variable with the path of the file, or of the pipe, that events are appended to.
pub const REPORTS_VARIABLE: &str = "CHANLAB_MODEL_REPORTS";

/// The environment variable with the identifier that every event repeats.
pub const REQUEST_VARIABLE: &str = "CHANLAB_REQUEST";

/// The exit code of a model process whose exploration was cut short or met a divergence. A failed model exits with 101, as a test does.
pub const CUT_EXIT_CODE: i32 = 3;

/// The environment variable with the seconds after which a model without a step has hung.
pub const DEADLINE_VARIABLE: &str = "CHANLAB_MODEL_DEADLINE";

/// The version of the lines.
pub const FORMAT: u32 = 1;

/// A line from a model process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum ModelEvent {
    /// The exploration of a model starts.
    Started {
        /// The version of the format.
        format: Format<FORMAT>,
        /// The request.
        request: String,
        /// The model.
        model: String,
        /// The code that it explores.
        subject: ModelSubject,
    },
    /// The model belongs to another shard and is not explored.
    NotInShard {
        /// The version of the format.
        format: Format<FORMAT>,
        /// The request.
        request: String,
        /// The model.
        model: String,
    },
    /// The model has a verdict.
    Ended(Box<ModelReport>),
}

impl ModelEvent {
    /// The request that the event answers.
    pub fn request(&self) -> Option<&str> {
        match self {
            ModelEvent::Started { request, .. } | ModelEvent::NotInShard { request, .. } => Some(request),
            ModelEvent::Ended(report) => report.request.as_deref(),
        }
    }

    /// The name of the model.
    pub fn model(&self) -> &str {
        match self {
            ModelEvent::Started { model, .. } | ModelEvent::NotInShard { model, .. } => model,
            ModelEvent::Ended(report) => &report.model,
        }
    }
}

/// The code that a model explores.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "kebab-case")]
pub enum ModelSubject {
    /// The system under test itself.
    Channel,
    /// The coordination of the workload of this name, over the system under test.
    Workload(String),
}

/// The report on a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelReport {
    /// The version of the format.
    pub format: Format<FORMAT>,
    /// The request that it answers; `None` when no parent asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// When the exploration ended (RFC 3339, UTC).
    pub at: String,
    /// The name of the model.
    pub model: String,
    /// The code that it explores.
    pub subject: ModelSubject,
    /// The name of the channel under test.
    pub sut: String,
    /// Whether the scenario waits with a deadline.
    pub has_timeouts: bool,
    /// The explorer and the bounds that it had.
    pub bounds: ExplorationBounds,
    /// Executions begun.
    pub executions: u64,
    /// Wall time in seconds.
    pub seconds: f64,
    /// How waits with a deadline ended, over all executions; `None` where they are not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timed_waits: Option<TimedWaits>,
    /// The verdict.
    pub verdict: ModelVerdict,
}

impl ModelReport {
    /// The channel or the workload whose code the model explores.
    pub fn subject_name(&self) -> &str {
        match &self.subject {
            ModelSubject::Channel => &self.sut,
            ModelSubject::Workload(name) => name,
        }
    }

    /// The name of the explorer.
    pub fn explorer(&self) -> &'static str {
        match self.bounds {
            ExplorationBounds::Loom { .. } => "loom",
            ExplorationBounds::Shuttle { .. } => "shuttle",
        }
    }

    /// Whether the model passed.
    pub fn has_passed(&self) -> bool {
        matches!(self.verdict, ModelVerdict::Passed { .. })
    }

    /// The failure, if the model failed.
    pub fn failure(&self) -> Option<&ModelFailure> {
        match &self.verdict {
            ModelVerdict::Failed(failure) => Some(failure),
            _ => None,
        }
    }

    /// The limit that cut the exploration short, if one did.
    pub fn cut_by(&self) -> Option<ExplorationLimit> {
        match self.verdict {
            ModelVerdict::Cut { limit, .. } => Some(limit),
            _ => None,
        }
    }

    /// How much was explored; `None` of a failure or a divergence, which ended the exploration, and of a model that is
    /// unsupported.
    pub fn coverage(&self) -> Option<Coverage> {
        match self.verdict {
            ModelVerdict::Passed { coverage } | ModelVerdict::Cut { coverage, .. } => Some(coverage),
            ModelVerdict::Failed(_) | ModelVerdict::Unsupported { .. } | ModelVerdict::Diverged(_) => None,
        }
    }
}

/// The bounds of an exploration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "explorer", rename_all = "kebab-case")]
pub enum ExplorationBounds {
    /// Every schedule within the bounds.
    Loom {
        /// The maximum number of preemptions in one execution; `None` bounds none.
        preemptions: Option<u64>,
        /// The maximum number of scheduling points in one execution.
        branches: u64,
        /// The time limit in seconds, within which the bound of preemptions is raised step by step.
        seconds: Option<f64>,
        /// The shard, which is one of the models.
        shard: Shard,
    },
    /// Random and PCT schedules.
    Shuttle {
        /// The number of schedules in all shards.
        schedules: u64,
        /// The depth of PCT schedules.
        depth: u64,
        /// The seed of all schedules.
        seed: u64,
        /// The shard, which is one of the schedules.
        shard: Shard,
        /// Whether one given schedule was run and no other.
        replay: bool,
    },
}

/// The verdict on a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ModelVerdict {
    /// No execution failed.
    Passed {
        /// How much was explored.
        coverage: Coverage,
    },
    /// An execution failed.
    Failed(Box<ModelFailure>),
    /// No execution failed, and the exploration ended at a limit: it is no pass.
    Cut {
        /// The limit.
        limit: ExplorationLimit,
        /// How much was explored before.
        coverage: Coverage,
    },
    /// The system under test lacks something that the scenario needs.
    Unsupported {
        /// The capability or the capacity.
        what: String,
        /// The reason.
        reason: String,
    },
    /// The explorer's choices in one execution do not fit another: neither a failure nor a pass.
    Diverged(Box<Divergence>),
}

/// An execution that became another one than its explorer had planned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Divergence {
    /// Whether the choices are those of a recorded failure, whose code may have been another.
    pub is_replay: bool,
    /// Where and how the executions differ, in words.
    pub what: String,
    /// The last step before, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ModelStep>,
}

/// How much of a model was explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Coverage {
    /// Every schedule that the model has.
    Exhausted,
    /// Every schedule within the bounds.
    Bounds,
    /// Every schedule of at most this many preemptions, which is fewer than the bound, and some others.
    Preemptions(u64),
    /// Some schedules.
    Partial,
}

/// A limit that ends an exploration before its bounds do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExplorationLimit {
    /// An execution has more scheduling points than the bound of branches: it spins.
    Branches,
    /// An execution needs more threads than loom has.
    Threads,
    /// An execution needs more primitives than the std shim has for loom.
    Primitives,
    /// The time limit passed before the schedules of the lowest bound of preemptions were explored.
    Time,
}

impl ExplorationLimit {
    /// Every limit.
    pub const ALL: [ExplorationLimit; 4] = [
        ExplorationLimit::Branches,
        ExplorationLimit::Threads,
        ExplorationLimit::Primitives,
        ExplorationLimit::Time,
    ];
}

/// A failed execution.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFailure {
    /// The number of the execution, from 1.
    pub execution: u64,
    /// The panic message.
    pub message: String,
    /// Where the panic was raised, as `file:line:column`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Of a deadlock, the threads that wait; empty where the explorer does not name them. `None` of other failures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<Vec<u64>>,
    /// How the model hung; `None` of other failures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hung: Option<Hang>,
    /// The last steps of the execution, in order.
    pub steps: Vec<ModelStep>,
    /// The frames of the panic, from the innermost; empty unless backtraces are enabled.
    pub backtrace: Vec<Frame>,
    /// How to run it again.
    pub replay: Replay,
}

/// A hang: for long, a thread took no step that the explorer could have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hang {
    /// The seconds without a step that the process could have run.
    pub seconds: u64,
    /// Whether the thread used the processor for most of that time.
    pub spins: bool,
}

/// A step of a modelled thread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelStep {
    /// The number of the thread.
    pub thread: u64,
    /// The step, as a verb in the third person.
    pub step: String,
    /// Its place, as `file:line:column`.
    pub place: String,
}

/// A frame of a backtrace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// The function.
    pub function: String,
    /// The call in it, as `file:line:column`, where the build knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// How to run a failure again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// The explorer's choices in the failed execution, where it takes them; otherwise the whole exploration is repeated,
    /// which is deterministic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choices: Option<String>,
    /// The environment variables to set, the one with the choices included.
    pub environment: BTreeMap<String, String>,
    /// The command.
    pub command: String,
}

/// How waits with a deadline ended while a crate was explored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimedWaits {
    /// Waits that another thread ended.
    pub woken: u64,
    /// Waits whose deadline passed.
    pub expired: u64,
}

impl std::iter::Sum for TimedWaits {
    fn sum<I: Iterator<Item = TimedWaits>>(waits: I) -> Self {
        waits.fold(TimedWaits::default(), |sum, one| TimedWaits {
            woken: sum.woken.saturating_add(one.woken),
            expired: sum.expired.saturating_add(one.expired),
        })
    }
}

/// The reports of all models that a method explored over one subject: the evidence of a verdict.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExploredModels {
    /// Seconds to fetch, instrument and build; `None` of code that is not instrumented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_seconds: Option<f64>,
    /// How often a rule of instrumentation applied; `None` of code that is not instrumented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<u64>,
    /// The number of models that were to be explored, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<u64>,
    /// The report of each model that ended.
    pub reports: Vec<ModelReport>,
    /// The models that belong to other shards.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub not_in_shard: BTreeSet<String>,
    /// The models whose process ended without a report.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub crashed: BTreeSet<String>,
}

impl ExploredModels {
    /// The executions of all models.
    pub fn executions(&self) -> u64 {
        self.reports.iter().fold(0, |all: u64, report| all.saturating_add(report.executions))
    }

    /// The names of the failed models, those whose process crashed included.
    pub fn failed(&self) -> impl Iterator<Item = &str> {
        let failed = self.reports.iter().filter(|report| report.failure().is_some());
        failed.map(|report| report.model.as_str()).chain(self.crashed.iter().map(String::as_str))
    }

    /// The number of models that each limit cut short.
    pub fn cuts(&self) -> BTreeMap<ExplorationLimit, u64> {
        let mut cuts = BTreeMap::new();
        for limit in self.reports.iter().filter_map(ModelReport::cut_by) {
            *cuts.entry(limit).or_default() += 1;
        }
        cuts
    }

    /// The sum of the timed waits of all models.
    pub fn timed_waits(&self) -> TimedWaits {
        self.reports.iter().filter_map(|report| report.timed_waits).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(request: &str) -> ModelEvent {
        ModelEvent::Started {
            format: Format,
            request: request.to_owned(),
            model: "m".to_owned(),
            subject: ModelSubject::Workload("fan_in".to_owned()),
        }
    }

    #[test]
    fn a_newer_line_says_that_it_is_newer() {
        let line = serde_json::to_string(&started("a")).expect("plain data");
        assert!(line.starts_with(r#"{"event":"started","format":1,"#), "{line}");
        let error =
            serde_json::from_str::<ModelEvent>(&line.replace(":1,", ":2,")).expect_err("another format");
        let newer = "written by a newer chanlab: format 2, and this build reads formats up to 1";
        assert!(error.to_string().starts_with(newer), "{error}");
    }
}
