//! The cells of the page: for each workload the grid of its newest run, and for each cell what its newest record says.

use std::fmt;

use harness::record::{CellRecord, Run, Status};

use super::costs::Costs;
use super::fingerprints::differences;
use super::statistics::modes::Mode;
use crate::collect::Problem;
use crate::collect::criterion::{Benchmarks, Measurement};
use crate::collect::records::Records;
use crate::numbers;

/// A channel over a workload's params, as the page shows it.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The channel.
    pub channel: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Rounds that ran and verified themselves; the time may be lost all the same.
    pub rounds: u64,
    /// The capacity that the channel really has, where it is not the one asked for.
    pub effective_capacity: Option<String>,
    /// What has to be known beside the outcome.
    pub remarks: Vec<Remark>,
    /// The command that runs rounds of it again.
    pub replay: Option<String>,
    /// What it costs beside time; `None` without a measurement, and for criterion, which does not tell.
    pub costs: Option<Costs>,
    /// The modes of its rounds, where there are several.
    pub modes: Vec<Mode>,
}

/// Something to be known of a cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Remark {
    /// It is not of the workload's newest run.
    AnotherRun {
        /// The run it is of; `None` when only its name is left.
        run: Option<Box<Run>>,
        /// The name of that run.
        name: String,
        /// Whether the machine and the versions were others.
        differs: bool,
    },
    /// It was measured beside threads that a hung round left behind.
    BesideAbandonedThreads,
    /// The samples spread: the median does not stand for them.
    Wide {
        /// The bounds of the middle samples, in ns/op.
        middle: [f64; 2],
    },
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remark::AnotherRun { run: None, name, .. } => {
                write!(f, "of another run, {name}, whose own record is missing")
            }
            Remark::AnotherRun { run: Some(run), differs, .. } => {
                write!(f, "of another run, on {}", numbers::date(&run.began))?;
                if *differs {
                    write!(f, ", with another machine or other versions")?;
                }
                Ok(())
            }
            Remark::BesideAbandonedThreads => {
                write!(f, "measured beside threads of a round that hung, which took processor time")
            }
            Remark::Wide { middle: [low, high] } => write!(
                f,
                "wide: 8 of 10 samples between {} and {} ns/op",
                numbers::measured(*low),
                numbers::measured(*high)
            ),
        }
    }
}

/// What became of a cell.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It has a time.
    Measured(Measurement),
    /// The channel or the machine cannot do it, and why.
    Unsupported(String),
    /// A round failed, and why: no time, whatever criterion has.
    Failed(String),
    /// It was measured, and its measurement cannot be read.
    Damaged(Problem),
    /// No record of it.
    NotRun,
}

impl Cell {
    /// Its measurement, if it has one.
    pub fn measurement(&self) -> Option<&Measurement> {
        match &self.outcome {
            Outcome::Measured(measurement) => Some(measurement),
            _ => None,
        }
    }

    /// Why there is no time, in a word; `None` when there is one.
    pub fn lack(&self) -> Option<&'static str> {
        match self.outcome {
            Outcome::Measured(_) => None,
            Outcome::Unsupported(_) => Some("unsupported"),
            Outcome::Failed(_) => Some("failed"),
            Outcome::Damaged(_) => Some("damaged"),
            Outcome::NotRun => Some("not run"),
        }
    }
}

/// The cell of `channel` over `params` in the newest run of a workload.
pub(super) fn cell(
    records: &Records,
    benchmarks: &Benchmarks,
    newest: &Run,
    params: &str,
    channel: &str,
) -> Cell {
    let record =
        records.cells.iter().rev().find(|cell| {
            cell.workload == newest.workload && cell.params == params && cell.channel == channel
        });
    let Some(record) = record else {
        return Cell {
            channel: channel.to_owned(),
            outcome: Outcome::NotRun,
            rounds: 0,
            effective_capacity: None,
            remarks: Vec::new(),
            replay: None,
            costs: None,
            modes: Vec::new(),
        };
    };
    let mut remarks = Vec::new();
    if record.run != newest.run {
        remarks.push(of_another_run(records, newest, record));
    }
    let mut verified = 0;
    let outcome = match &record.status {
        Status::Measured { rounds, messages, beside_abandoned_threads } => {
            verified = *rounds;
            if *beside_abandoned_threads {
                remarks.push(Remark::BesideAbandonedThreads);
            }
            let group = format!("{}/{params}", newest.workload);
            match benchmarks.measurement(&group, channel, *messages) {
                Ok(measurement) => {
                    remarks.extend(spread(&measurement));
                    Outcome::Measured(measurement)
                }
                Err(problem) => Outcome::Damaged(problem),
            }
        }
        // Older records repeat the word.
        Status::Unsupported { reason } => {
            Outcome::Unsupported(reason.strip_prefix("unsupported: ").unwrap_or(reason).to_owned())
        }
        Status::Failed { reason } => Outcome::Failed(reason.clone()),
    };
    Cell {
        channel: channel.to_owned(),
        outcome,
        rounds: verified,
        effective_capacity: record.effective_capacity.clone(),
        remarks,
        replay: Some(record.replay.clone()),
        costs: None,
        modes: Vec::new(),
    }
}

fn of_another_run(records: &Records, newest: &Run, record: &CellRecord) -> Remark {
    let run = records.runs.iter().rev().find(|run| run.run == record.run);
    Remark::AnotherRun {
        differs: run.is_some_and(|run| !differences(&run.machine, &newest.machine).is_empty()),
        run: run.cloned().map(Box::new),
        name: record.run.clone(),
    }
}

/// The middle share of the samples whose spread is told of.
const MIDDLE: f64 = 0.8;

/// A spread over the middle of the samples, largest over least, from which on it is told of.
const WIDE_SPREAD: f64 = 1.5;

/// Fewer samples have no middle to speak of.
const FEWEST_SAMPLES: usize = 10;

/// The samples' spread, when one number does not stand for them.
fn spread(measurement: &Measurement) -> Option<Remark> {
    let mut samples = measurement.samples.clone();
    samples.sort_by(f64::total_cmp);
    if samples.len() < FEWEST_SAMPLES {
        return None;
    }
    let at = |share: f64| samples[((samples.len() - 1) as f64 * share).round() as usize];
    let middle = [at((1.0 - MIDDLE) / 2.0), at((1.0 + MIDDLE) / 2.0)];
    (middle[1] >= middle[0] * WIDE_SPREAD).then_some(Remark::Wide { middle })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measurement(samples: Vec<f64>) -> Measurement {
        Measurement {
            median: 1.0,
            interval: [1.0, 1.0],
            level: 0.95,
            samples,
            rounds_per_sample: 1,
            messages: 1,
            epochs: None,
        }
    }

    #[test]
    fn two_modes_are_told_of_and_one_straggler_is_not() {
        let modes = [vec![166.0; 5], vec![2_530.0; 5]].concat();
        assert_eq!(
            spread(&measurement(modes)).map(|remark| remark.to_string()).as_deref(),
            Some("wide: 8 of 10 samples between 166 and 2,530 ns/op")
        );
        let straggler = [vec![166.0; 19], vec![2_530.0]].concat();
        assert_eq!(spread(&measurement(straggler)), None);
    }
}
