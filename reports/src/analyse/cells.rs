//! The cells of a run: one channel on one workload with its params.

use super::costs::Costs;
use super::statistics::modes::Mode;

/// A cell, with everything that its rounds say.
#[derive(Clone, Debug)]
pub struct MeasuredCell {
    /// The channel.
    pub channel: String,
    /// How it ended.
    pub result: CellResult,
    /// Rounds that ran and verified themselves, warm-up included.
    pub rounds: u64,
    /// The channel's capacity, where it differs from the requested one.
    pub effective_capacity: Option<String>,
    /// The command that repeats its rounds.
    pub replay: String,
    /// Its costs; `None` without a measurement.
    pub costs: Option<Costs>,
    /// The modes of its rounds; empty without a measurement.
    pub modes: Vec<Mode>,
}

/// How a cell ended.
#[derive(Clone, Debug)]
pub enum CellResult {
    /// It has a time.
    Measured(Measurement),
    /// The channel or the machine does not support it; the reason.
    Unsupported(String),
    /// A round failed, so that the cell has no time; the reason.
    Failed(String),
    /// Its records contradict the plan or each other, so that no number of it counts.
    Contradictory,
    /// It has no rounds.
    NotRun,
}

/// The value that ranks a cell: time per delivered message, or a latency.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// The median over the rounds, in ns.
    pub median: f64,
    /// The bounds of its confidence interval, in ns.
    pub interval: [f64; 2],
    /// The level of that interval.
    pub level: f64,
    /// The value of every round, in ns, in the order of measurement.
    pub samples: Vec<f64>,
    /// The median number of messages in a round.
    pub messages: u64,
    /// The number of epochs.
    pub epochs: usize,
}

impl MeasuredCell {
    /// Its measurement, if it has one.
    pub fn measurement(&self) -> Option<&Measurement> {
        match &self.result {
            CellResult::Measured(measurement) => Some(measurement),
            _ => None,
        }
    }
}
