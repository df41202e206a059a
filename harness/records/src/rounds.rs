//! The lines of a run: one JSON object on each line of `rounds.jsonl`, written as things happen.
//!
//! The lines have the version of their plan ([`super::plan::VERSION`]).

use crate::protocol::{FailureCause, Measured};
use serde::{Deserialize, Serialize};

use crate::crash::ProcessFailure;

/// The file of the rounds in the folder of a run.
pub const ROUNDS_FILE: &str = "rounds.jsonl";

/// One line. `group` and `entry` are positions in the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[expect(clippy::large_enum_variant, reason = "nearly every line is a round")]
pub enum Line {
    /// A process began to measure: the first line, and again after every resumption.
    Began {
        /// When (RFC 3339, UTC).
        at: String,
        /// The checksum of `plan.json`, whose positions the lines name ([`super::checksum::plan_checksum`]).
        plan: String,
    },
    /// The number of messages in the rounds of a group: the same for each entry, so that all do the same work.
    Sized {
        /// The group.
        group: usize,
        /// Messages of a round.
        messages: u64,
    },
    /// The capacity that a channel really has, where it is not the requested one.
    Capacity {
        /// The group.
        group: usize,
        /// The entry.
        entry: usize,
        /// The effective capacity.
        effective: String,
    },
    /// A round.
    Round(RoundLine),
    /// The entry, or the machine, cannot do it.
    Unsupported {
        /// The group.
        group: usize,
        /// The entry.
        entry: usize,
        /// Why.
        reason: String,
    },
    /// A round failed, or its runner did: the cell's times are void.
    Failed {
        /// The group.
        group: usize,
        /// The entry.
        entry: usize,
        /// The epoch.
        epoch: u32,
        /// The kind of the failure; `None` in a run of version 2.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<CellFailure>,
        /// The failure.
        failure: ProcessFailure,
    },
    /// The machine lacked something for a cell's next round, which ended the run. The cell stays open.
    Shortage {
        /// The group.
        group: usize,
        /// The entry.
        entry: usize,
        /// What was lacking, and the limits.
        reason: String,
    },
    /// Processes left the group of an entry's runner and outlived it. They ran beside the rounds of the epoch, whose
    /// times may include their load. They were killed.
    Strays {
        /// The entry.
        entry: usize,
        /// The epoch.
        epoch: u32,
        /// The processes.
        processes: Vec<Stray>,
    },
    /// The run, or a part of it, ended.
    Ended {
        /// When (RFC 3339, UTC).
        at: String,
        /// Why.
        why: EndReason,
    },
}

/// The kind of a cell's failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellFailure {
    /// A round, or its runner, did not end by its deadline.
    Hang,
    /// A thread of a round panicked.
    Panic,
    /// The round's check found a violation.
    Violation,
    /// The runner claimed something impossible, or something else than it was asked for.
    ImpossibleClaim,
    /// The runner broke the protocol: no reply, a line that is no reply, a refusal.
    Protocol,
}

impl CellFailure {
    /// The cell's failure for the cause that a runner gives; `None` for a shortage, which is no failure.
    pub fn from_cause(cause: FailureCause) -> Option<Self> {
        match cause {
            FailureCause::Hang => Some(CellFailure::Hang),
            FailureCause::Panic => Some(CellFailure::Panic),
            FailureCause::Violation => Some(CellFailure::Violation),
            FailureCause::Shortage => None,
        }
    }
}

/// A process that left its process group and outlived the child that it descends from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stray {
    /// Its identifier.
    pub id: u32,
    /// Its command line.
    pub command: String,
}

/// The reason of an unsupported cell in a run whose plan has this version: in version 1 it began with its kind.
pub fn reason(version: u32, recorded: String) -> String {
    let own = recorded.strip_prefix("unsupported: ").filter(|_| version == 1).map(str::to_owned);
    own.unwrap_or(recorded)
}

/// A verified round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoundLine {
    /// The group.
    pub group: usize,
    /// The entry.
    pub entry: usize,
    /// The epoch: all rounds of an entry in it come from one process, unless that failed or the run was resumed.
    pub epoch: u32,
    /// The block in the epoch; `None` for a warm-up round.
    pub block: Option<u32>,
    /// Milliseconds of measuring since the run began, without the time between a stop and its resumption.
    pub at_ms: u64,
    /// Nanoseconds by which the round exceeded its deadline, because its threads waited for a processor. The whole
    /// round takes at most [`MAX_EXTENSION`](workloads::workload::MAX_EXTENSION) deadlines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extended_ns: Option<u64>,
    /// The measured values. Their `round` numbers the rounds of the run in the order of the requests.
    #[serde(flatten)]
    pub measured: Measured,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndReason {
    /// The plan is carried out.
    Done,
    /// There was a stop request.
    Interrupted,
    /// The machine lacked something that no channel is to blame for. A resumed run goes on.
    Shortage,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_version_1_are_read() {
        let recorded = || "unsupported: select (none)".to_owned();
        assert_eq!([reason(1, recorded()), reason(2, recorded())], ["select (none)".to_owned(), recorded()]);
        let line = r#"{"kind":"failed","group":0,"entry":1,"epoch":2,
                       "failure":{"what":"w","ended":"exit code 1","last_words":["a"],"backtrace":null}}"#;
        let Line::Failed { failure, .. } = serde_json::from_str(line).expect("a line") else {
            panic!("{line}")
        };
        assert_eq!(failure.to_string(), "w; exit code 1; stderr ends with: a");
    }
}
