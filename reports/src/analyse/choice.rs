//! Ranks the channels of one cell by a metric.

use super::cells::{CellResult, MeasuredCell};
use super::costs::median;
use super::paired_test::{Pair, min_epochs};
use super::runs::{cell, pairs, times, times_by_entry};
use crate::collect::runs::RunData;
use workloads::workload::Metric;

/// The ranking of one cell's channels.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The cell: workload and params.
    pub name: String,
    /// The metric that ranks the channels.
    pub by: Metric,
    /// The channels with a value, the best first; never empty.
    pub ranked: Vec<RankedChannel>,
    /// The other channels, each with the reason.
    pub unranked: Vec<(String, Unranked)>,
}

impl Choice {
    /// Whether there are too few epochs to find any difference between the channels, however large.
    pub fn is_blind(&self) -> bool {
        let count = self.ranked.len();
        let fewest = min_epochs(count * count.saturating_sub(1) / 2) as usize;
        self.ranked.iter().filter_map(|ranked| ranked.pair.as_ref()).any(|pair| pair.epochs < fewest)
    }
}

/// A channel with a value.
#[derive(Clone, Debug)]
pub struct RankedChannel {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The median of the metric.
    pub value: f64,
    /// The comparison with the best; `None` for the best itself, and when the two were never in one block.
    pub pair: Option<Pair>,
    /// Whether it is the best, or the test cannot distinguish it from the best.
    pub tied: bool,
    /// Its cell.
    pub cell: MeasuredCell,
}

impl RankedChannel {
    /// The processor time for each message, in ns, if it was measured.
    pub fn cpu_ns(&self) -> Option<f64> {
        self.cell.costs.as_ref().and_then(|costs| costs.cpu_ns)
    }
}

/// Why a channel has no rank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unranked {
    /// The channel or the machine does not support the cell; the reason.
    Unsupported(String),
    /// A round failed; the reason.
    Failed(String),
    /// Its records contradict the plan or each other.
    Contradictory,
    /// It was in no block with the best.
    NotPaired,
    /// It has no rounds.
    NotRun,
    /// It has another capacity than requested.
    OtherCapacity(String),
    /// Its runner does not report the metric.
    WithoutMetric,
}

/// Ranks the channels of a run's only group; `None` when no channel has a value that is compared with another.
pub fn choose(run: &RunData, by: Metric) -> Option<Choice> {
    let group = 0;
    let values = times_by_entry(run, group, by);
    let pairs = pairs(run, group, &values);
    let best = *pairs.order.first().filter(|best| pairs.is_compared(**best))?;
    let tied = pairs.tied();
    let is_ranked = |entry: &usize| *entry == best || pairs.between(*entry, best).is_some();
    let cell = |entry: usize| cell(run, (group, entry), &times(run, (group, entry), Metric::Throughput));
    let ranked = pairs.order.iter().copied().filter(is_ranked).map(|entry| {
        let values = values[entry].values().flat_map(|blocks| blocks.values().copied()).collect();
        RankedChannel {
            name: run.plan.entries[entry].name.clone(),
            version: run.plan.entries[entry].version.clone(),
            value: median(values).unwrap_or(f64::NAN),
            pair: pairs.between(entry, best).filter(|_| entry != best),
            tied: tied.contains(&entry),
            cell: cell(entry),
        }
    });
    let ranked: Vec<RankedChannel> = ranked.collect();
    let unranked = (0..run.plan.entries.len())
        .filter(|entry| !(pairs.order.contains(entry) && is_ranked(entry)))
        .map(|entry| {
            let why = match pairs.order.contains(&entry) {
                true => Unranked::NotPaired,
                false => unranked(cell(entry)),
            };
            (run.plan.entries[entry].name.clone(), why)
        });
    Some(Choice { name: run.plan.groups[group].name(), by, unranked: unranked.collect(), ranked })
}

fn unranked(cell: MeasuredCell) -> Unranked {
    match (cell.result, cell.effective_capacity) {
        (CellResult::Unsupported(reason), _) => Unranked::Unsupported(reason),
        (CellResult::Failed(reason), _) => Unranked::Failed(reason),
        (CellResult::Contradictory, _) => Unranked::Contradictory,
        (CellResult::NotRun, _) => Unranked::NotRun,
        (CellResult::Measured(_), Some(capacity)) => Unranked::OtherCapacity(capacity),
        (CellResult::Measured(_), None) => Unranked::WithoutMetric,
    }
}
