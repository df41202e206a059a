//! Verification of a channel, harder than the rounds of a benchmark: the methods, their tasks and their outcomes.
//!
//! A method runs numbered *cases*. A case is made from the task's seed and its number alone, so cases can be split among machines
//! ([`Shard`]) and a single one can be repeated ([`Task::only`]). The methods that run a channel's own code are in the crate `verify`;
//! loom and shuttle are in `models/`.
//!
//! A channel under verification may hang, abort or corrupt memory. A method therefore runs in a worker process ([`cases`]) with a
//! deadline, and announces each case before it begins, so that the last announced case is to blame.

pub mod cases;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::model_report::ExplorationLimit;
use contract::shard::seed_of;
pub use contract::shard::{NoShard, Shard};

/// A way to verify a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Self-checking rounds of every workload.
    Rounds,
    /// Scenarios that any channel must pass.
    Conformance,
    /// Random operation sequences on one thread, in lockstep with a model.
    Properties,
    /// Concurrent histories that must have a legal order.
    Linearizability,
    /// Every schedule of small models, weak memory included.
    Loom,
    /// Random and PCT schedules of larger models.
    Shuttle,
}

impl Method {
    /// Every method, in the order in which tables show them.
    pub const ALL: [Method; 6] = [
        Method::Rounds,
        Method::Conformance,
        Method::Properties,
        Method::Linearizability,
        Method::Loom,
        Method::Shuttle,
    ];

    /// Its name on the command line and in records.
    pub fn name(self) -> &'static str {
        match self {
            Method::Rounds => "rounds",
            Method::Conformance => "conformance",
            Method::Properties => "properties",
            Method::Linearizability => "linearizability",
            Method::Loom => "loom",
            Method::Shuttle => "shuttle",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name is not that of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {}", Method::ALL.map(Method::name).join(", "))]
pub struct UnknownMethod;

impl FromStr for Method {
    type Err = UnknownMethod;

    fn from_str(name: &str) -> Result<Self, UnknownMethod> {
        Method::ALL.into_iter().find(|method| method.name() == name).ok_or(UnknownMethod)
    }
}

/// The task of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// The seed that, with its number, decides a case.
    pub seed: u64,
    /// The shard of the cases to run.
    pub shard: Shard,
    /// A single case to repeat; the shard is then ignored.
    pub only: Option<u64>,
    /// The time after which no case begins.
    pub budget: Duration,
}

impl Task {
    /// The cases of this task, until the budget is spent. `all` is their fixed number, or `None` if only time limits them.
    pub fn cases(&self, all: Option<u64>) -> impl Iterator<Item = u64> + use<> {
        let (task, began) = (*self, Instant::now());
        let end = match (task.only, all) {
            (Some(case), _) => case.saturating_add(1),
            (None, all) => all.unwrap_or(u64::MAX),
        };
        (task.only.unwrap_or(0)..end)
            .filter(move |&case| task.only.is_some() || task.shard.has(case))
            .take_while(move |_| task.only.is_some() || began.elapsed() < task.budget)
    }

    /// The seed of a case ([`seed_of`]).
    pub fn seed_of(&self, case: u64) -> u64 {
        seed_of(self.seed, case)
    }
}

/// The outcome of a method over a channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum MethodOutcome {
    /// No case failed.
    Passed {
        /// The number of cases that were run.
        cases: u64,
        /// The extent in words: sizes, threads, operations.
        bounds: String,
    },
    /// A case failed.
    Failed(Box<Finding>),
    /// The channel lacks a capability that every case needs.
    Unsupported {
        /// The reason.
        reason: String,
    },
    /// The method could not decide: its own search exceeded a limit. Neither a pass nor a failure.
    Unknown {
        /// The number of cases that were run.
        cases: u64,
        /// What could not be decided, in words.
        reason: String,
    },
    /// The machine lacked a thread for a case. Only a worker says so: a verification ends there and records no
    /// verdict.
    Shortage {
        /// What was lacking.
        reason: String,
    },
    /// The time was over before a case had ended, or before all of a fixed number had.
    OutOfTime {
        /// The number of cases that were run.
        cases: u64,
        /// The fixed number of cases; `None` if there is none.
        all: Option<u64>,
    },
    /// No model failed, and some explorations ended at a limit: not everything was explored.
    Cut {
        /// Executions explored, those of all models.
        cases: u64,
        /// The number of models that each limit cut short.
        cuts: BTreeMap<ExplorationLimit, u64>,
        /// The number of models explored, those included.
        models: u64,
        /// How far all of them went, in words.
        bounds: String,
    },
}

/// The evidence of a failed case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The case.
    pub case: u64,
    /// The name of the scenario, or a description of the case in one line.
    pub scenario: String,
    /// The expected behaviour.
    pub expected: String,
    /// The observed behaviour.
    pub happened: String,
    /// The steps of each thread in the smallest scenario found.
    pub threads: Vec<ThreadSteps>,
    /// The history as an SVG document, if the method draws one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
}

/// The steps of a thread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadSteps {
    /// The thread's name.
    pub thread: String,
    /// The steps in order. The numbers order the steps of all threads in time.
    pub steps: Vec<(u64, String)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_do_not_overlap_and_are_together_all() {
        let of = 3;
        let task = |index| Task {
            seed: 1,
            shard: Shard { index, of },
            only: None,
            budget: Duration::from_secs(3600),
        };
        let mut all: Vec<u64> = (1..=of).flat_map(|index| task(index).cases(Some(20))).collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..20));
        let one = Task { only: Some(7), ..task(1) };
        assert!(one.cases(Some(20)).eq([7]));
    }
}
