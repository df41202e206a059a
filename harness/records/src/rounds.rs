//! The lines of a run: one JSON object on each line of `rounds.jsonl`, written as things happen.
//!
//! The lines have the version of their plan ([`super::plan::VERSION`]).

use crate::protocol::Measured;
use serde::{Deserialize, Deserializer, Serialize};

use crate::crash::ProcessFailure;

/// The file of the rounds in the folder of a run.
pub const ROUNDS_FILE: &str = "rounds.jsonl";

/// One line. `group` and `entry` are positions in the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Line {
    /// A process began to measure: the first line, and again after every resumption.
    Began {
        /// When (RFC 3339, UTC).
        at: String,
        /// The checksum of `plan.json`, whose positions the lines name ([`super::plan::checksum_text`]).
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
        #[serde(deserialize_with = "reason_of_any_version")]
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
        /// The failure.
        failure: ProcessFailure,
    },
    /// The run, or a part of it, ended.
    Ended {
        /// When (RFC 3339, UTC).
        at: String,
        /// Why.
        why: EndReason,
    },
}

/// In version 1 a reason began with its kind.
fn reason_of_any_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let reason = String::deserialize(deserializer)?;
    Ok(reason.strip_prefix("unsupported: ").map(str::to_owned).unwrap_or(reason))
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_version_1_are_read() {
        let line = r#"{"kind":"unsupported","group":0,"entry":1,"reason":"unsupported: select (none)"}"#;
        let expected = Line::Unsupported { group: 0, entry: 1, reason: "select (none)".to_owned() };
        assert_eq!(serde_json::from_str::<Line>(line).expect("a line"), expected);
        let line = r#"{"kind":"failed","group":0,"entry":1,"epoch":2,
                       "failure":{"what":"w","ended":"exit code 1","last_words":["a"],"backtrace":null}}"#;
        let Line::Failed { failure, .. } = serde_json::from_str(line).expect("a line") else {
            panic!("{line}")
        };
        assert_eq!(failure.to_string(), "w; exit code 1; stderr ends with: a");
    }
}
