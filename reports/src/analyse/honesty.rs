//! The experiments that test `chanlab run` itself: the plans of their runs, and their results.
//!
//! - *A/A*: every channel runs under two names. Each difference found is a false alarm.
//! - *Sensitivity*: a channel runs next to a copy of itself that is slowed by a known amount, on work whose
//!   bottleneck is the receiver, so that the slowdown of a receive equals the slowdown of the round.
//!
//! A comparison has two entries, as in `chanlab ab`. The adjustment for other pairs is left out: it would
//! make false alarms rarer and slowdowns harder to find.

use std::ops::Range;

use records::machine::Machine;
use records::record::Overhead;

use super::paired_test::{Pair, Pairs};
use engine::journal::{RunRecords, Times};
use records::plan::Launch;
use records::plan::{Entry, Plan};
use workloads::workload::Metric;

/// The suffix of the second name of a channel in an A/A run.
const SECOND: &str = " again";

/// Every entry of `plan` twice.
pub fn doubled(plan: Plan) -> Plan {
    let again = |entry: &Entry| Entry { name: entry.name.clone() + SECOND, ..entry.clone() };
    let entries = plan.entries.iter().flat_map(|entry| [entry.clone(), again(entry)]).collect();
    Plan { entries, ..plan }
}

/// `plan` over the slowed channel, once for each number of steps; the first is the reference.
pub fn slowed(plan: Plan, steps: &[u64]) -> Plan {
    let version = plan.machine.channels.get("crossbeam").cloned().unwrap_or_default();
    let entry = |&steps: &u64| Entry {
        name: format!("slowed by {steps} steps"),
        channel: "slowed".to_owned(),
        version: version.clone(),
        launch: Launch::Slowed(steps),
        about: None,
    };
    Plan { entries: steps.iter().map(entry).collect(), ..plan }
}

/// The comparison of two entries on a group, over a range of epochs; `None` when one has no times.
pub fn compared(
    recorded: &RunRecords,
    group: usize,
    [one, other]: [usize; 2],
    epochs: Range<u32>,
) -> Option<Pair> {
    let of = |entry: usize| -> Option<Times> {
        let times = recorded.times.get(&(Metric::Throughput, group, entry));
        let times = times.filter(|_| !recorded.closed.contains(&(group, entry)))?;
        Some(times.range(epochs.clone()).map(|(epoch, blocks)| (*epoch, blocks.clone())).collect())
    };
    Pairs::of(&[(one, &of(one)?), (other, &of(other)?)]).between(one, other)
}

/// The comparisons of pairs of entries on each group, each over `epochs` consecutive epochs.
pub fn trials(plan: &Plan, recorded: &RunRecords, pairs: &[[usize; 2]], epochs: u32) -> Vec<Pair> {
    let mut found = Vec::new();
    for group in 0..plan.groups.len() {
        for trial in 0..plan.most_epochs / epochs {
            let part = trial * epochs..(trial + 1) * epochs;
            found.extend(pairs.iter().filter_map(|&pair| compared(recorded, group, pair, part.clone())));
        }
    }
    found
}

/// The pairs of a [`doubled`] plan: each channel and its copy.
pub fn twins(plan: &Plan) -> Vec<[usize; 2]> {
    (0..plan.entries.len() / 2).map(|pair| [2 * pair + 1, 2 * pair]).collect()
}

/// The result of the A/A experiment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alarms {
    /// Comparisons of a channel with itself.
    pub comparisons: usize,
    /// False alarms: comparisons with a significant difference.
    pub different: usize,
    /// The median half width of the intervals, as a share of the ratio.
    pub half_width: f64,
}

impl Alarms {
    /// The minimum number of comparisons for a meaningful share.
    pub const MIN_COMPARISONS: usize = 200;

    /// The maximum share of false alarms.
    pub const MAX_SHARE: f64 = 0.02;

    /// The result of these comparisons of a channel with itself.
    pub fn from_pairs(pairs: &[Pair]) -> Self {
        Alarms {
            comparisons: pairs.len(),
            different: pairs.iter().filter(|pair| pair.differs()).count(),
            half_width: middle(pairs.iter().map(Pair::half_width)),
        }
    }

    /// The share of false alarms.
    pub fn share(&self) -> f64 {
        self.different as f64 / self.comparisons as f64
    }

    /// Whether the target is met.
    pub fn is_met(&self) -> bool {
        self.comparisons >= Self::MIN_COMPARISONS && self.share() <= Self::MAX_SHARE
    }
}

/// The result of the trials of one planted slowdown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// The slowdown, in per cent.
    pub percent: u64,
    /// The steps of work that cause it.
    pub steps: u64,
    /// The number of trials.
    pub trials: usize,
    /// Trials that found it: a significant difference in the right direction.
    pub found: usize,
    /// The median of the measured ratios.
    pub ratio: f64,
}

impl Found {
    /// The slowdown that the target applies to, in per cent.
    pub const PERCENT: u64 = 5;

    /// The minimum share of trials that find it.
    pub const MIN_SHARE: f64 = 0.95;

    /// The result of these trials.
    pub fn from_trials(percent: u64, steps: u64, pairs: &[Pair]) -> Self {
        Found {
            percent,
            steps,
            trials: pairs.len(),
            found: pairs.iter().filter(|pair| pair.differs() && pair.ratio > 1.0).count(),
            ratio: middle(pairs.iter().map(|pair| pair.ratio)),
        }
    }

    /// The share of trials that find it.
    pub fn share(&self) -> f64 {
        self.found as f64 / self.trials as f64
    }

    /// Whether the target is met; `None` for a slowdown without a target.
    pub fn is_met(&self) -> Option<bool> {
        (self.percent == Self::PERCENT).then(|| self.share() >= Self::MIN_SHARE)
    }
}

/// One trial of a planted slowdown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trial {
    /// Its epochs.
    pub epochs: u32,
    /// The measuring time of its two entries on all groups, in seconds.
    pub seconds: f64,
    /// The default budget of `chanlab ab`, in seconds.
    pub budget_seconds: u64,
}

/// The same experiments, decided by criterion.
#[derive(Clone, Debug, PartialEq)]
pub struct Criterion {
    /// False alarms: benchmarks that criterion called faster or slower than themselves.
    pub different: usize,
    /// Benchmarks that were compared with themselves.
    pub comparisons: usize,
    /// For each planted slowdown, in per cent: the trials that find it, and all trials.
    pub found: Vec<(u64, usize, usize)>,
}

/// The results of `chanlab honesty`.
#[derive(Clone, Debug)]
pub struct Honesty {
    /// The command line.
    pub command: String,
    /// When it ended (RFC 3339, UTC).
    pub at: String,
    /// The machine.
    pub machine: Machine,
    /// The epochs of one A/A comparison.
    pub epochs: u32,
    /// The A/A experiment.
    pub alarms: Alarms,
    /// The size of a trial of a planted slowdown.
    pub trial: Trial,
    /// The planted slowdowns.
    pub found: Vec<Found>,
    /// Criterion's results; `None` when it was left out.
    pub criterion: Option<Criterion>,
    /// The cost of the harness, as `cargo bench --bench overhead` recorded it.
    pub overheads: Vec<Overhead>,
}

impl Honesty {
    /// Whether the targets of the first two experiments are met.
    pub fn is_met(&self) -> bool {
        self.alarms.is_met() && !self.has_failed()
    }

    /// Whether an experiment missed its target, and not only for a lack of comparisons.
    pub fn has_failed(&self) -> bool {
        self.alarms.share() > Alarms::MAX_SHARE
            || self.found.iter().any(|found| found.is_met() == Some(false))
    }
}

/// The median; NaN without values.
fn middle(values: impl Iterator<Item = f64>) -> f64 {
    super::costs::median(values.collect()).unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Times of two entries on one group. The second takes `factor` times as long; the noise is a few per
    /// cent and deterministic.
    fn recorded(factor: f64, epochs: u32) -> RunRecords {
        let time = |entry: u64, epoch: u32, block: u32| {
            let state = (u64::from(epoch) * 131 + u64::from(block) * 31 + entry * 17 + 7)
                .wrapping_mul(0x9E37_79B9_7F4A_7C15);
            100.0 * (1.0 + 0.04 * ((state >> 40) as f64 / f64::from(1_u32 << 24) - 0.5))
        };
        let mut recorded = RunRecords::default();
        for (entry, factor) in [(0, 1.0), (1, factor)] {
            let times: Times = (0..epochs)
                .map(|epoch| {
                    let blocks: BTreeMap<u32, f64> =
                        (0..2).map(|block| (block, factor * time(entry, epoch, block))).collect();
                    (epoch, blocks)
                })
                .collect();
            recorded.times.insert((Metric::Throughput, 0, entry as usize), times);
        }
        recorded
    }

    #[test]
    fn a_planted_slowdown_is_found_and_equal_channels_cause_no_alarm() {
        let whole = |factor| compared(&recorded(factor, 20), 0, [1, 0], 0..20).expect("both have times");
        assert!(!whole(1.0).differs(), "{:?}", whole(1.0));
        let slower = whole(1.05);
        assert!(slower.differs() && slower.ratio > 1.03, "{slower:?}");
        let both = [whole(1.0), slower.clone()];
        assert_eq!((Found::from_trials(5, 40, &both).found, Alarms::from_pairs(&[slower]).different), (1, 1));
        // Five epochs cannot decide.
        let few = compared(&recorded(1.05, 20), 0, [1, 0], 5..10).expect("both have times");
        assert_eq!((few.epochs, few.differs()), (5, false));
    }

    #[test]
    fn a_closed_cell_is_no_comparison() {
        let mut recorded = recorded(1.0, 20);
        recorded.closed.insert((0, 1));
        assert_eq!(compared(&recorded, 0, [1, 0], 0..20), None);
    }
}
