//! Verification of a channel, harder than the rounds of a benchmark: which methods there are, what each is asked, what it answers.
//!
//! A method looks at numbered *cases*, and a case is made of the task's seed and its number alone. So cases can be split
//! among machines ([`Shard`]) and a single one can be looked at again ([`Task::only`]). The methods that look at a channel's own
//! code are in the crate `verify`; loom and shuttle are in `models/`.
//!
//! A channel under verification may hang, abort or write where it must not: whoever calls a method does so in a process of its own
//! ([`cases`]), with a deadline, and is told of each case before it begins, so that the last one told is the one to blame.

pub mod cases;

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::shard::seed_of;
pub use crate::shard::{NoShard, Shard};

/// A way to verify a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Self-checking rounds of every workload.
    Rounds,
    /// Scenarios that any channel must pass.
    Conformance,
    /// Random operation sequences on one thread beside a model.
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

/// What is no method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {}", Method::ALL.map(Method::name).join(", "))]
pub struct NoMethod;

impl FromStr for Method {
    type Err = NoMethod;

    fn from_str(name: &str) -> Result<Self, NoMethod> {
        Method::ALL.into_iter().find(|method| method.name() == name).ok_or(NoMethod)
    }
}

/// What a method is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Decides every case, together with its number.
    pub seed: u64,
    /// Which cases.
    pub shard: Shard,
    /// One case alone, to look at it again; the shard is of no matter then.
    pub only: Option<u64>,
    /// No case begins after so long.
    pub budget: Duration,
}

impl Task {
    /// The cases of this task, of `all` that there are (`None`: as many as there is time for), until the budget is spent.
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

/// What a method found out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum MethodOutcome {
    /// No case failed.
    Passed {
        /// Cases looked at.
        cases: u64,
        /// How far that goes, in words: sizes, threads, operations.
        bounds: String,
    },
    /// A case failed.
    Failed(Box<Finding>),
    /// The channel lacks what every case of the method needs.
    Unsupported {
        /// Why.
        reason: String,
    },
    /// The method could not decide: its own search exceeded a limit. Neither a pass nor a failure.
    Unknown {
        /// The number of cases that were run.
        cases: u64,
        /// What could not be decided, in words.
        reason: String,
    },
    /// The time was over before a case had ended, or before all of a fixed number had.
    OutOfTime {
        /// Cases looked at.
        cases: u64,
        /// Of so many; `None` where there is no fixed number.
        all: Option<u64>,
    },
}

/// A failure: what is needed to believe it, and to see it again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The case.
    pub case: u64,
    /// The scenario's name, or what the case does, in one line.
    pub scenario: String,
    /// What was expected.
    pub expected: String,
    /// What happened.
    pub happened: String,
    /// The smallest scenario found: what each thread did.
    pub threads: Vec<ThreadSteps>,
    /// The history as a picture, where the method draws one (a whole SVG document).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
}

/// What a thread did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadSteps {
    /// The thread's name.
    pub thread: String,
    /// Its steps, in order. The numbers order the steps of all threads in time.
    pub steps: Vec<(u64, String)>,
}

/// A method over one channel. It calls the second argument with the number of each case before it begins.
pub type Verify = fn(&Task, &mut dyn FnMut(u64)) -> MethodOutcome;

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
