//! What a run leaves behind: one JSON object on each line of `rounds.jsonl`, written as things happen.
//!
//! A line is one write, so a process that is killed leaves at most one line unfinished, and that is the round in flight. Whoever
//! goes on cuts it off first.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use harness::latency::{Histogram, Percentiles, from_pairs};
use harness::protocol::Measured;
use harness::workload::RankedBy;
use serde::{Deserialize, Serialize};

/// The file of the rounds in the folder of a run.
pub const ROUNDS_FILE: &str = "rounds.jsonl";

/// One line. `group` and `entry` are places in the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Line {
    /// How many messages the rounds of a group have: as many for each entry, so that all do the same work.
    Sized {
        /// The group.
        group: usize,
        /// Messages of a round.
        messages: u64,
    },
    /// The capacity that a channel really has, where it is not the one asked for.
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
        /// What happened.
        failure: Failure,
    },
    /// The run, or a part of it, ended.
    Ended {
        /// When (RFC 3339, UTC).
        at: String,
        /// Why.
        why: Why,
    },
}

/// The reason of a lack, without the word that whoever shows it puts before it.
pub fn without_prefix(reason: &str) -> &str {
    reason.strip_prefix("unsupported: ").unwrap_or(reason)
}

/// A verified round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoundLine {
    /// The group.
    pub group: usize,
    /// The entry.
    pub entry: usize,
    /// The epoch: all its rounds of an entry come from one process, unless that failed or the run was resumed.
    pub epoch: u32,
    /// The block in the epoch; `None` for a round that warms up.
    pub block: Option<u32>,
    /// Milliseconds of measuring since the run began, the time between a stop and its resumption left out.
    pub at_ms: u64,
    /// What was measured. Its `round` numbers the rounds of the run in the order in which they were asked for.
    #[serde(flatten)]
    pub measured: Measured,
}

/// What the channels of a group are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// The 99th percentile of a message's latency.
    Latency,
    /// Wall time for each message.
    Throughput,
    /// Processor time for each message.
    Cpu,
}

impl By {
    /// Everything that channels may be compared by.
    pub const ALL: [By; 3] = [By::Latency, By::Throughput, By::Cpu];

    /// What counts of a round, in nanoseconds and above 0; `None` where it was not told, as a percentile that has fewer than 10
    /// messages beyond it.
    pub fn of(self, round: &RoundLine) -> Option<f64> {
        let measured = &round.measured;
        let value = match self {
            By::Latency => Percentiles::from_histogram(&latency(measured)?).p99? as f64,
            By::Throughput => measured.ns_per_op(),
            By::Cpu => measured.cpu_ns_per_op()?,
        };
        (value > 0.0 && value.is_finite()).then_some(value)
    }
}

/// What is compared of an entry in a group, such as its times in ns/op, by epoch and block.
pub type Times = BTreeMap<u32, BTreeMap<u32, f64>>;

/// How long the messages of a round took; `None` where it was not told, or makes no sense: times that do not rise, or more of them than
/// can be counted.
pub fn latency(round: &Measured) -> Option<Histogram<u64>> {
    from_pairs(round.latency.as_ref()?).ok()
}

impl From<RankedBy> for By {
    fn from(by: RankedBy) -> By {
        match by {
            RankedBy::Time => By::Throughput,
            RankedBy::Latency => By::Latency,
        }
    }
}

/// What became of a runner that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What happened, in words.
    pub what: String,
    /// How the process ended, in words; `None` when it went on.
    pub ended: Option<String>,
    /// The last lines of its standard error.
    pub last_words: Vec<String>,
    /// Where its threads were, for a hang; or why that is not known.
    pub backtrace: Option<String>,
}

impl fmt::Display for Failure {
    /// In one line: what happened, how the process ended, and its last word.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(ended) = &self.ended {
            write!(f, "; {ended}")?;
        }
        if let Some(last) = self.last_words.last() {
            write!(f, "; its last words: {last}")?;
        }
        Ok(())
    }
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The plan is carried out.
    Done,
    /// Somebody asked it to stop.
    Interrupted,
}

/// What is recorded of a run so far: what a resumption needs to know.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// Rounds that are there: group, entry, epoch, block.
    pub rounds: BTreeSet<(usize, usize, u32, Option<u32>)>,
    /// Cells that are not measured any more: unsupported, or failed.
    pub closed: BTreeSet<(usize, usize)>,
    /// Messages of a round, by group.
    pub sizes: BTreeMap<usize, u64>,
    /// What may be compared, warm-up left out, by group and entry.
    pub times: BTreeMap<(By, usize, usize), Times>,
    /// The cells whose channel really has another capacity than was asked for.
    pub capacities: BTreeSet<(usize, usize)>,
    /// The number of the next round.
    pub next_round: u64,
    /// Milliseconds of measuring so far.
    pub at_ms: u64,
}

impl Recorded {
    /// Takes a line into account.
    pub fn add(&mut self, line: &Line) {
        match line {
            Line::Sized { group, messages } => {
                self.sizes.insert(*group, *messages);
            }
            Line::Capacity { group, entry, .. } => {
                self.capacities.insert((*group, *entry));
            }
            Line::Round(round) => {
                self.rounds.insert((round.group, round.entry, round.epoch, round.block));
                for by in By::ALL {
                    if let (Some(block), Some(value)) = (round.block, by.of(round)) {
                        let cell = self.times.entry((by, round.group, round.entry)).or_default();
                        cell.entry(round.epoch).or_default().insert(block, value);
                    }
                }
                self.next_round = self.next_round.max(round.measured.round.saturating_add(1));
                self.at_ms = self.at_ms.max(round.at_ms);
            }
            Line::Unsupported { group, entry, .. } | Line::Failed { group, entry, .. } => {
                self.closed.insert((*group, *entry));
            }
            Line::Ended { .. } => {}
        }
    }
}

/// Appends to the rounds of a run.
#[derive(Debug)]
pub struct Rounds {
    path: PathBuf,
    file: File,
}

impl Rounds {
    /// Opens the rounds of the run in `folder`; returns them with what is there already. A line that was not finished is cut off.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or written, or holds a whole line that is none.
    pub fn open(folder: &Path) -> Result<(Self, Recorded)> {
        let path = folder.join(ROUNDS_FILE);
        let cannot = |what: &str| format!("cannot {what} {}", path.display());
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .open(&path)
            .with_context(|| cannot("open"))?;
        let text = std::fs::read(&path).with_context(|| cannot("read"))?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            file.set_len(whole as u64).with_context(|| cannot("repair"))?;
        }
        let mut recorded = Recorded::default();
        for (index, line) in text[..whole].split_inclusive(|byte| *byte == b'\n').enumerate() {
            let line: Line = serde_json::from_slice(line)
                .with_context(|| format!("{}:{}: not a line of a run", path.display(), index + 1))?;
            recorded.add(&line);
        }
        Ok((Rounds { path, file }, recorded))
    }

    /// Appends a line with one write.
    ///
    /// # Errors
    ///
    /// When it could not be written whole; what was written of it is taken back as far as the system allows.
    pub fn append(&mut self, line: &Line) -> Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        let before = self.file.metadata().map(|data| data.len());
        let written = match self.file.write(&bytes) {
            Ok(count) if count == bytes.len() => return Ok(()),
            Ok(_) => io::Error::new(io::ErrorKind::StorageFull, "only part of a line could be written"),
            Err(error) => error,
        };
        if let Ok(length) = before {
            // The next resumption would do the same.
            let _ = self.file.set_len(length);
        }
        Err(written).with_context(|| format!("cannot write {}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::strategies;

    fn round(epoch: u32, number: u64) -> Line {
        Line::Round(RoundLine {
            group: 0,
            entry: 1,
            epoch,
            block: Some(0),
            at_ms: number * 10,
            measured: Measured { round: number, messages: 10, wall_ns: 1_000, ..Measured::default() },
        })
    }

    #[test]
    fn an_unfinished_line_is_cut_off_and_the_others_are_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut rounds, recorded) = Rounds::open(folder.path()).expect("a new one");
        assert!(recorded.rounds.is_empty());
        rounds.append(&round(0, 4)).expect("written");
        rounds.append(&round(1, 5)).expect("written");
        let path = folder.path().join(ROUNDS_FILE);
        let whole = std::fs::read(&path).expect("there");
        for cut in 1..60 {
            std::fs::write(&path, [&whole[..], &whole[..cut]].concat()).expect("written");
            let (_, recorded) = Rounds::open(folder.path()).expect("repaired");
            assert_eq!(recorded.rounds.len(), 2);
            assert_eq!((recorded.next_round, recorded.at_ms), (6, 50));
            assert_eq!(std::fs::read(&path).expect("there"), whole);
        }
    }

    #[test]
    fn a_latency_is_compared_where_messages_lie_beyond_it() {
        let of = |by: By, latency: &str| {
            let line = format!(
                r#"{{"group":0,"entry":0,"epoch":0,"block":0,"at_ms":0,
                    "cell":0,"round":0,"messages":1000,"wall_ns":10000000,"latency":{latency}}}"#
            );
            by.of(&serde_json::from_str(&line).expect("a round"))
        };
        assert_eq!(of(By::Throughput, "[[500,990],[90000,10]]"), Some(10_000.0));
        let latency = of(By::Latency, "[[500,990],[90000,10]]").expect("10 messages lie beyond it");
        assert!((500.0..510.0).contains(&latency), "{latency}");
        // Of so few messages the 99th percentile would be an accident.
        assert_eq!(of(By::Latency, "[[500,999]]"), None);
        assert_eq!(of(By::Cpu, "[[500,999]]"), None);
        // Pairs that make no sense.
        assert_eq!(of(By::Latency, "[[500,18446744073709551615],[600,1]]"), None);
    }

    #[test]
    fn a_whole_line_that_is_none_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut rounds, _) = Rounds::open(folder.path()).expect("a new one");
        rounds.append(&round(0, 0)).expect("written");
        let path = folder.path().join(ROUNDS_FILE);
        let mut text = std::fs::read(&path).expect("there");
        text.extend_from_slice(b"not a line\n");
        std::fs::write(&path, text).expect("written");
        let error = Rounds::open(folder.path()).expect_err("damaged");
        assert!(error.to_string().ends_with("rounds.jsonl:2: not a line of a run"), "{error}");
    }

    proptest! {
        #[test]
        fn a_line_is_read_as_it_was_written(line in strategies::line()) {
            let text = serde_json::to_string(&line).expect("plain data");
            prop_assert!(!text.contains('\n'), "{}", text);
            prop_assert_eq!(serde_json::from_str::<Line>(&text).expect("a line"), line);
        }

        #[test]
        fn a_run_that_was_cut_off_anywhere_goes_on_from_its_last_whole_line(
            lines in vec(strategies::line(), 1..6),
            cut in any::<Index>(),
            added in strategies::line(),
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join(ROUNDS_FILE);
            let texts: Vec<String> = lines.iter().map(|line| serde_json::to_string(line).expect("plain data") + "\n").collect();
            let all = texts.concat();
            let cut = cut.index(all.len() + 1);
            std::fs::write(&path, &all.as_bytes()[..cut]).expect("written");
            let (mut rounds, _) = Rounds::open(folder.path()).expect("repaired");
            rounds.append(&added).expect("written");
            let read = std::fs::read_to_string(&path).expect("text");
            let read: Vec<Line> = read.lines().map(|line| serde_json::from_str(line).expect("whole")).collect();
            let whole = all.as_bytes()[..cut].iter().filter(|byte| **byte == b'\n').count();
            prop_assert_eq!(&read[..whole], &lines[..whole]);
            prop_assert_eq!(&read[whole..], [added]);
        }

        #[test]
        fn what_is_compared_is_above_nothing(line in strategies::line()) {
            let mut recorded = Recorded::default();
            recorded.add(&line);
            let values = recorded.times.values().flat_map(BTreeMap::values).flat_map(BTreeMap::values);
            for value in values {
                prop_assert!(*value > 0.0 && value.is_finite(), "{}", value);
            }
        }
    }
}
