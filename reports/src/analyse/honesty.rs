//! The experiments that ask whether `chanlab run` can be believed: the plans of their runs, and what these say.
//!
//! - *A/A*: every channel under two names. Whatever is called different is a false alarm.
//! - *Sensitivity*: a channel and the same channel slowed, by a planted amount, on work where the receiver is the
//!   bottleneck, so that what is planted is what has to be measured.
//!
//! A comparison is made as `chanlab ab` makes it: of two entries alone, without the adjustment for other pairs, which would
//! make false alarms rarer and slowdowns harder to find.

use std::ops::Range;

use super::pairs::{Pair, Pairs, Times};
use crate::run::child::Launch;
use crate::run::plan::{Entry, Plan};
use crate::run::record::Recorded;

/// The second name of a channel in an A/A run.
const AGAIN: &str = " again";

/// Every entry of `plan` twice.
pub fn doubled(plan: Plan) -> Plan {
    let again = |entry: &Entry| Entry { name: entry.name.clone() + AGAIN, ..entry.clone() };
    let entries = plan.entries.iter().flat_map(|entry| [entry.clone(), again(entry)]).collect();
    Plan { entries, ..plan }
}

/// `plan` over the slowed channel, once for each of these numbers of steps; the first is the reference.
pub fn slowed(plan: Plan, steps: &[u64]) -> Plan {
    let version = plan.machine.channels.get("crossbeam").cloned().unwrap_or_default();
    let entry = |&steps: &u64| Entry {
        name: format!("slowed by {steps} steps"),
        channel: "slowed".to_owned(),
        version: version.clone(),
        launch: Launch::Slowed(steps),
    };
    Plan { entries: steps.iter().map(entry).collect(), ..plan }
}

/// One comparison of two entries on a group, over some of the epochs.
pub fn compared(
    recorded: &Recorded,
    group: usize,
    [one, other]: [usize; 2],
    epochs: Range<u32>,
) -> Option<Pair> {
    let of = |entry: usize| -> Option<Times> {
        let times =
            recorded.times.get(&(group, entry)).filter(|_| !recorded.closed.contains(&(group, entry)))?;
        Some(times.range(epochs.clone()).map(|(epoch, blocks)| (*epoch, blocks.clone())).collect())
    };
    Pairs::of(&[(one, &of(one)?), (other, &of(other)?)]).between(one, other)
}

/// The comparisons of pairs of entries on each group, each over so many epochs in a row.
pub fn trials(plan: &Plan, recorded: &Recorded, pairs: &[[usize; 2]], epochs: u32) -> Vec<Pair> {
    let mut found = Vec::new();
    for group in 0..plan.groups.len() {
        for trial in 0..plan.most_epochs / epochs {
            let part = trial * epochs..(trial + 1) * epochs;
            found.extend(pairs.iter().filter_map(|&pair| compared(recorded, group, pair, part.clone())));
        }
    }
    found
}

/// The pairs of a [`doubled`] plan: each channel beside itself.
pub fn twins(plan: &Plan) -> Vec<[usize; 2]> {
    (0..plan.entries.len() / 2).map(|pair| [2 * pair + 1, 2 * pair]).collect()
}

/// Those of `pairs` that are called different.
pub fn called_different(pairs: &[Pair]) -> usize {
    pairs.iter().filter(|pair| pair.differs()).count()
}

/// Those of `pairs` that are called different, in the direction that was planted.
pub fn found_slower(pairs: &[Pair]) -> usize {
    pairs.iter().filter(|pair| pair.differs() && pair.ratio > 1.0).count()
}

/// The middle of the ratios.
pub fn median_ratio(pairs: &[Pair]) -> f64 {
    let mut ratios: Vec<f64> = pairs.iter().map(|pair| pair.ratio).collect();
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Times of two entries on one group: the second takes `factor` times as long; noise is a few per cent, and the same each time.
    fn recorded(factor: f64, epochs: u32) -> Recorded {
        let time = |entry: u64, epoch: u32, block: u32| {
            let state = (u64::from(epoch) * 131 + u64::from(block) * 31 + entry * 17 + 7)
                .wrapping_mul(0x9E37_79B9_7F4A_7C15);
            100.0 * (1.0 + 0.04 * ((state >> 40) as f64 / f64::from(1_u32 << 24) - 0.5))
        };
        let mut recorded = Recorded::default();
        for (entry, factor) in [(0, 1.0), (1, factor)] {
            let times: Times = (0..epochs)
                .map(|epoch| {
                    let blocks: BTreeMap<u32, f64> =
                        (0..2).map(|block| (block, factor * time(entry, epoch, block))).collect();
                    (epoch, blocks)
                })
                .collect();
            recorded.times.insert((0, entry as usize), times);
        }
        recorded
    }

    #[test]
    fn a_planted_slowdown_is_found_and_equal_channels_are_not_called_different() {
        let whole = |factor| compared(&recorded(factor, 20), 0, [1, 0], 0..20).expect("both have times");
        assert!(!whole(1.0).differs(), "{:?}", whole(1.0));
        let slower = whole(1.05);
        assert!(slower.differs() && slower.ratio > 1.03, "{slower:?}");
        assert_eq!((found_slower(&[whole(1.0), slower.clone()]), called_different(&[slower])), (1, 1));
        // Five epochs are no verdict.
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
