//! The file of a run's rounds: read, repaired, appended to.
//!
//! A line is one write, so a process that is killed leaves at most one line unfinished, that of the round in
//! flight. A resumed run cuts it off first.
//!
//! # After a power cut
//!
//! A write alone is not on the disk. [`RoundsFile::sync`] waits for the disk at the end of every epoch and of
//! the run, where nothing is measured: to wait after each round of some milliseconds would disturb the next
//! one. So a power cut costs at most the rounds of the epoch in progress, which a resumed run measures again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use records::checksum::{self, Checksum, Seal, plan_checksum};
use records::files::{MAX_FILE_LEN, now, read_at_most};
use records::lines::{self, Checksums, Damage};
use records::plan::PLAN_FILE;
use records::protocol::{self, Measured};
use workloads::latency::{Histogram, Percentiles, from_pairs};
use workloads::workload::Metric;

use super::plan_file;
use records::rounds::{Line, ROUNDS_FILE, RoundLine};

/// The value of `metric` in a round, in nanoseconds and above 0; `None` where it is not known: a percentile
/// needs at least 10 messages beyond it.
pub fn metric_value(metric: Metric, round: &RoundLine) -> Option<f64> {
    let measured = &round.measured;
    let value = match metric {
        Metric::Latency => Percentiles::from_histogram(&latency(measured)?).p99? as f64,
        Metric::Throughput => measured.ns_per_op(),
        Metric::Cpu => measured.cpu_ns_per_op()?,
    };
    (value > 0.0 && value.is_finite()).then_some(value)
}

/// The values of an entry in a group that are compared, such as its times in ns/op, by epoch and block.
pub type Times = BTreeMap<u32, BTreeMap<u32, f64>>;

/// The latencies of a round's messages; `None` when they are unknown or malformed: times that do not ascend,
/// or a count that overflows.
pub fn latency(round: &Measured) -> Option<Histogram<u64>> {
    from_pairs(round.latency.as_ref()?).ok()
}

/// The recorded part of a run, as a resumed run needs it.
#[derive(Clone, Debug, Default)]
pub struct RunRecords {
    /// The number of lines.
    pub lines: usize,
    /// Rounds that are recorded: group, entry, epoch, block.
    pub rounds: BTreeSet<(usize, usize, u32, Option<u32>)>,
    /// Cells that are no longer measured: unsupported or failed.
    pub closed: BTreeSet<(usize, usize)>,
    /// Messages of a round, by group.
    pub sizes: BTreeMap<usize, u64>,
    /// The values that may be compared, without warm-up rounds, by group and entry.
    pub times: BTreeMap<(Metric, usize, usize), Times>,
    /// The cells whose channel has another capacity than the requested one.
    pub capacities: BTreeSet<(usize, usize)>,
    /// The number of the next round.
    pub next_round: u64,
    /// Milliseconds of measuring so far.
    pub at_ms: u64,
}

impl RunRecords {
    /// Takes a line into account.
    pub fn add(&mut self, line: &Line) {
        self.lines += 1;
        match line {
            Line::Sized { group, messages } => {
                self.sizes.insert(*group, *messages);
            }
            Line::Capacity { group, entry, .. } => {
                self.capacities.insert((*group, *entry));
            }
            Line::Round(round) => {
                self.rounds.insert((round.group, round.entry, round.epoch, round.block));
                for metric in Metric::ALL {
                    if let (Some(block), Some(value)) = (round.block, metric_value(metric, round)) {
                        let cell = self.times.entry((metric, round.group, round.entry)).or_default();
                        cell.entry(round.epoch).or_default().insert(block, value);
                    }
                }
                self.next_round = self.next_round.max(round.measured.round.saturating_add(1));
                self.at_ms = self.at_ms.max(round.at_ms);
            }
            Line::Unsupported { group, entry, .. } | Line::Failed { group, entry, .. } => {
                self.closed.insert((*group, *entry));
            }
            Line::Began { .. } | Line::Strays { .. } | Line::Shortage { .. } | Line::Ended { .. } => {}
        }
    }
}

/// The reason why the rounds of a run cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be opened, read, repaired or written.
    #[error("cannot {what} {}: {error}", path.display())]
    File {
        /// The verb.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A whole line is damaged.
    #[error("{}:{line}: {damage}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        damage: Damage,
    },
    /// A line does not follow the one before it.
    #[error("{}:{line}: the line does not follow the one before it: lines were lost, moved or written twice", path.display())]
    Unlinked {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The first line names another plan.
    #[error("{}: {PLAN_FILE} was changed after the run began: start another run", path.display())]
    OtherPlan {
        /// The file.
        path: PathBuf,
    },
}

/// The longest first line that is read: a line of the kind `began` has about a hundred bytes.
const MAX_FIRST_LINE: u64 = 1 << 16;

/// The checksum of the plan with which the rounds in `folder` were begun, as their first line names it.
///
/// # Errors
///
/// When the file cannot be read.
pub fn begun_with(folder: &Path) -> io::Result<Begun> {
    let file = match File::open(folder.join(ROUNDS_FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Begun::Nothing),
        file => file?,
    };
    let mut line = Vec::new();
    BufReader::new(file.take(MAX_FIRST_LINE)).read_until(b'\n', &mut line)?;
    Ok(match serde_json::from_slice(&line) {
        // A process that was killed while it wrote its first line recorded nothing.
        _ if !line.ends_with(b"\n") && (line.len() as u64) < MAX_FIRST_LINE => Begun::Nothing,
        Ok(Line::Began { plan, .. }) => Begun::With(plan),
        Ok(_) => Begun::Unknown,
        Err(_) => Begun::Damaged,
    })
}

/// How the rounds of a run were begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Nothing is recorded.
    Nothing,
    /// With the plan that has this checksum.
    With(String),
    /// The first line names no plan.
    Unknown,
    /// The first line cannot be read; [`RoundsFile::open`] says why.
    Damaged,
}

/// Appends to the rounds of a run.
#[derive(Debug)]
pub struct RoundsFile {
    path: PathBuf,
    file: File,
    /// The checksum of the last line, or of the plan before the first; `None` in a run of an older version, whose lines
    /// have none.
    last: Option<Checksum>,
}

impl RoundsFile {
    /// Opens the file of rounds in `folder`, cuts off an unfinished line, and returns the file with its
    /// records.
    ///
    /// # Errors
    ///
    /// [`JournalError`].
    pub fn open(folder: &Path) -> Result<(Self, RunRecords), JournalError> {
        let path = folder.join(ROUNDS_FILE);
        let cannot = |what: &'static str| {
            let path = path.clone();
            move |error| JournalError::File { what, path, error }
        };
        let file =
            OpenOptions::new().create(true).append(true).read(true).open(&path).map_err(cannot("open"))?;
        let text = read_at_most(&path, MAX_FILE_LEN).map_err(cannot("read"))?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            file.set_len(whole as u64).map_err(cannot("repair"))?;
        }
        let mut last = Some(plan_checksum(&fs::read(folder.join(PLAN_FILE)).unwrap_or_default()));
        let mut records = RunRecords::default();
        for line in lines::read(&text[..whole], Checksums::AllOrNone) {
            let number = line.number;
            let damaged = |damage| JournalError::Damaged { path: path.clone(), line: number, damage };
            records.add(&line.value.map_err(damaged)?);
            last = match line.seal {
                Seal::Absent => None,
                Seal::Present { after, named, .. } if after == last => Some(named),
                Seal::Present { .. } if records.lines == 1 => {
                    return Err(JournalError::OtherPlan { path });
                }
                Seal::Present { .. } => return Err(JournalError::Unlinked { path, line: number }),
            };
        }
        Ok((RoundsFile { path, file, last }, records))
    }

    /// Records that a process begins to measure, and with which plan.
    ///
    /// # Errors
    ///
    /// When the plan cannot be read, or the line cannot be written.
    pub fn begin(&mut self) -> Result<(), JournalError> {
        let folder = self.path.parent().unwrap_or(Path::new("")).to_owned();
        let plan = plan_file::checksum(&folder).map_err(|error| JournalError::File {
            what: "read",
            path: folder.join(PLAN_FILE),
            error,
        })?;
        self.append(&Line::Began { at: now(), plan })?;
        self.sync()?;
        // A new file also has to be in its folder after a power cut.
        let synced = File::open(&folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| JournalError::File { what: "write", path: folder, error })
    }

    /// Waits until all lines are on the disk.
    ///
    /// # Errors
    ///
    /// When the system cannot write them, for example because the disk is full.
    pub fn sync(&self) -> Result<(), JournalError> {
        let failed = |error| JournalError::File { what: "write", path: self.path.clone(), error };
        self.file.sync_data().map_err(failed)
    }

    /// Appends a line with one write.
    ///
    /// # Errors
    ///
    /// When the line could not be written whole. Its written part is removed, as far as the system allows.
    pub fn append(&mut self, line: &Line) -> Result<(), JournalError> {
        self.try_append(line).map_err(|error| JournalError::File {
            what: "write",
            path: self.path.clone(),
            error,
        })
    }

    fn try_append(&mut self, line: &Line) -> io::Result<()> {
        let (bytes, checksum) = match self.last {
            Some(last) => {
                checksum::line(line, Some(last)).map(|(bytes, checksum)| (bytes, Some(checksum)))?
            }
            None => (protocol::line(line), None),
        };
        let before = self.file.metadata().map(|data| data.len());
        let error = match self.file.write(&bytes) {
            Ok(count) if count == bytes.len() => {
                self.last = checksum;
                return Ok(());
            }
            Ok(_) => io::Error::new(io::ErrorKind::StorageFull, "only part of a line could be written"),
            Err(error) => error,
        };
        if let Ok(length) = before {
            // The next resumption would do the same.
            let _ = self.file.set_len(length);
        }
        Err(error)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use testing::strategies;

    fn round(epoch: u32, number: u64) -> Line {
        Line::Round(RoundLine {
            group: 0,
            entry: 1,
            epoch,
            block: Some(0),
            at_ms: number * 10,
            extended_ns: None,
            measured: Measured { round: number, messages: 10, wall_ns: 1_000, ..Measured::default() },
        })
    }

    #[test]
    fn an_unfinished_line_is_cut_off_and_the_others_are_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut rounds, recorded) = RoundsFile::open(folder.path()).expect("a new one");
        assert!(recorded.rounds.is_empty());
        rounds.append(&round(0, 4)).expect("written");
        rounds.append(&round(1, 5)).expect("written");
        let path = folder.path().join(ROUNDS_FILE);
        let whole = std::fs::read(&path).expect("there");
        for cut in 1..60 {
            std::fs::write(&path, [&whole[..], &whole[..cut]].concat()).expect("written");
            let (_, recorded) = RoundsFile::open(folder.path()).expect("repaired");
            assert_eq!(recorded.rounds.len(), 2);
            assert_eq!((recorded.next_round, recorded.at_ms), (6, 50));
            assert_eq!(std::fs::read(&path).expect("there"), whole);
        }
    }

    #[test]
    fn the_first_line_names_the_plan() {
        let folder = tempfile::tempdir().expect("a folder");
        let begun = || begun_with(folder.path()).expect("readable");
        assert_eq!(begun(), Begun::Nothing, "there is no file");
        std::fs::write(folder.path().join(PLAN_FILE), "123456789").expect("written");
        let (mut rounds, _) = RoundsFile::open(folder.path()).expect("a new one");
        assert_eq!(begun(), Begun::Nothing, "the file is empty");
        rounds.begin().expect("written");
        rounds.append(&round(0, 0)).expect("written");
        rounds.sync().expect("on the disk");
        // The check value of CRC-32.
        assert_eq!(begun(), Begun::With("cbf43926".to_owned()));
        let path = folder.path().join(ROUNDS_FILE);
        std::fs::write(&path, "{\"kind\":\"began\"").expect("written");
        assert_eq!(begun(), Begun::Nothing, "the line is not whole");
        let sized = "{\"kind\":\"sized\",\"group\":0,\"messages\":1}\n";
        let endless = "x".repeat(100_000);
        for (text, expected) in
            [(sized, Begun::Unknown), ("not a line\n", Begun::Damaged), (&endless, Begun::Damaged)]
        {
            std::fs::write(&path, text).expect("written");
            assert_eq!(begun(), expected, "{text:.40}");
        }
    }

    #[test]
    fn a_percentile_needs_ten_messages_beyond_it() {
        let of = |metric: Metric, latency: &str| {
            let line = format!(
                r#"{{"group":0,"entry":0,"epoch":0,"block":0,"at_ms":0,
                    "cell":0,"round":0,"messages":1000,"wall_ns":10000000,"latency":{latency}}}"#
            );
            metric_value(metric, &serde_json::from_str(&line).expect("a round"))
        };
        assert_eq!(of(Metric::Throughput, "[[500,990],[90000,10]]"), Some(10_000.0));
        let latency = of(Metric::Latency, "[[500,990],[90000,10]]").expect("10 messages lie beyond it");
        assert!((500.0..510.0).contains(&latency), "{latency}");
        // With so few messages, chance would decide the 99th percentile.
        assert_eq!(of(Metric::Latency, "[[500,999]]"), None);
        assert_eq!(of(Metric::Cpu, "[[500,999]]"), None);
        // Malformed pairs.
        assert_eq!(of(Metric::Latency, "[[500,18446744073709551615],[600,1]]"), None);
    }

    #[test]
    fn a_damaged_line_is_named_by_its_number() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut rounds, _) = RoundsFile::open(folder.path()).expect("a new one");
        rounds.append(&round(0, 0)).expect("written");
        let path = folder.path().join(ROUNDS_FILE);
        let mut text = std::fs::read(&path).expect("there");
        text.extend_from_slice(b"not a line\n");
        std::fs::write(&path, text).expect("written");
        let error = RoundsFile::open(folder.path()).expect_err("damaged");
        assert!(error.to_string().contains("rounds.jsonl:2: not a record ("), "{error}");
    }

    #[test]
    fn a_changed_lost_or_repeated_line_or_another_plan_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let plan = folder.path().join(PLAN_FILE);
        std::fs::write(&plan, "a plan").expect("written");
        let (mut rounds, _) = RoundsFile::open(folder.path()).expect("a new one");
        for number in 0..3 {
            rounds.append(&round(0, number)).expect("written");
        }
        let path = folder.path().join(ROUNDS_FILE);
        let text = std::fs::read_to_string(&path).expect("there");
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let refused = |text: &str| {
            std::fs::write(&path, text).expect("written");
            RoundsFile::open(folder.path()).expect_err(text).to_string()
        };
        let changed = refused(&text.replacen("\"wall_ns\":1000", "\"wall_ns\":1001", 1));
        assert!(
            changed.contains("rounds.jsonl:1: the line was changed: it names the checksum "),
            "{changed}"
        );
        let lost = refused(&[lines[0], lines[2]].concat());
        assert!(lost.contains("rounds.jsonl:2: the line does not follow the one before it"), "{lost}");
        let twice = refused(&[lines[0], lines[0]].concat());
        assert!(twice.contains("rounds.jsonl:2: the line does not follow"), "{twice}");
        std::fs::write(&path, &text).expect("written");
        RoundsFile::open(folder.path()).expect("as it was");
        std::fs::write(&plan, "another plan").expect("written");
        let other = RoundsFile::open(folder.path()).expect_err("another plan").to_string();
        assert!(other.ends_with("plan.json was changed after the run began: start another run"), "{other}");
    }

    #[test]
    fn a_run_of_an_older_version_goes_on_without_checksums() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(ROUNDS_FILE);
        std::fs::write(&path, protocol::line(&round(0, 0))).expect("written");
        let (mut rounds, _) = RoundsFile::open(folder.path()).expect("an older one");
        rounds.append(&round(0, 1)).expect("written");
        let text = std::fs::read_to_string(&path).expect("there");
        assert_eq!(text.lines().count(), 2);
        assert!(!text.contains("crc32"), "{text}");
    }

    proptest! {
        #[test]
        fn a_line_is_read_as_it_was_written(line in strategies::line()) {
            let text = serde_json::to_string(&line).expect("plain data");
            prop_assert!(!text.contains('\n'), "{}", text);
            prop_assert_eq!(serde_json::from_str::<Line>(&text).expect("a line"), line);
        }

        #[test]
        fn a_run_that_was_cut_off_anywhere_goes_on_after_its_last_whole_line(
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
            let (mut rounds, _) = RoundsFile::open(folder.path()).expect("repaired");
            rounds.append(&added).expect("written");
            let read = std::fs::read_to_string(&path).expect("text");
            let read: Vec<Line> = read.lines().map(|line| serde_json::from_str(line).expect("whole")).collect();
            let whole = all.as_bytes()[..cut].iter().filter(|byte| **byte == b'\n').count();
            prop_assert_eq!(&read[..whole], &lines[..whole]);
            prop_assert_eq!(&read[whole..], [added]);
        }

        #[test]
        fn compared_values_are_positive_and_finite(line in strategies::line()) {
            let mut recorded = RunRecords::default();
            recorded.add(&line);
            let values = recorded.times.values().flat_map(BTreeMap::values).flat_map(BTreeMap::values);
            for value in values {
                prop_assert!(*value > 0.0 && value.is_finite(), "{}", value);
            }
        }
    }
}
