//! Compares two runs that were made separately.
//!
//! The runs were not interleaved, so a drift of the machine between them looks like any other difference.
//! Other machines, compilers and settings can be excluded as causes: [`super::provenance::unlike`] finds them.

use std::collections::BTreeMap;

use super::changes::{Change, Changes, Shift, Side};
use super::costs::median;
use super::differences::difference;
use super::runs::times;
use crate::collect::runs::{RoundPosition, RunData};
use records::plan::{Entry, Plan};
use wording::numbers;
use workloads::workload::Metric;

/// The maximum change of the calibration loop's time that counts as the same machine, as a share.
const MAX_DRIFT: f64 = 0.03;

/// The ratio of two round sizes from which on they are reported.
const SIZE_RATIO: f64 = 2.0;

/// A comparison of two runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// The cells that both have.
    pub changes: Changes,
    /// Cells that were not compared, with the reason, and other facts that limit the comparison.
    pub remarks: Vec<String>,
    /// Channels of other versions that were left out.
    pub other_versions: Vec<String>,
}

/// Compares each cell that both runs have. Channels of different versions are left out, unless
/// `across_versions`.
pub fn compare(old: &RunData, new: &RunData, across_versions: bool) -> Compared {
    let (mut remarks, mut other_versions) = (Vec::new(), Vec::new());
    let mut pairs: Vec<[usize; 2]> = Vec::new();
    let place = |plan: &Plan, wanted: &Entry| plan.entries.iter().position(|entry| entry.name == wanted.name);
    for (index, entry) in old.plan.entries.iter().enumerate() {
        match place(&new.plan, entry) {
            None => remarks.push(format!("{} is only in the old run", entry.name)),
            Some(other) => {
                let version = &new.plan.entries[other].version;
                if let Some(differs) = difference(&entry.name, &entry.version, version) {
                    other_versions.push(differs);
                    if !across_versions {
                        continue;
                    }
                }
                pairs.push([index, other]);
            }
        }
    }
    let only_new = new.plan.entries.iter().filter(|entry| place(&old.plan, entry).is_none());
    remarks.extend(only_new.map(|entry| format!("{} is only in the new run", entry.name)));

    let names: BTreeMap<String, usize> =
        new.plan.groups.iter().enumerate().map(|(index, group)| (group.name(), index)).collect();
    let (mut all, mut common, mut other_sizes) = (Vec::new(), 0, 0);
    for (index, group) in old.plan.groups.iter().enumerate() {
        let Some(&other) = names.get(&group.name()) else { continue };
        common += 1;
        let mut sizes = Vec::new();
        for pair in &pairs {
            let [before, after] = [(index, pair[0]), (other, pair[1])];
            all.push(change(
                format!("{} over {}", group.name(), old.plan.entries[pair[0]].name),
                old,
                before,
                new,
                after,
            ));
            sizes.extend(size(old, before).zip(size(new, after)));
        }
        let unlike = |(one, other): &(f64, f64)| one / other >= SIZE_RATIO || other / one >= SIZE_RATIO;
        other_sizes += u64::from(sizes.iter().any(unlike));
    }
    for (run, which) in [(old, "old"), (new, "new")] {
        let alone = run.plan.groups.len() - common;
        if alone > 0 {
            remarks.push(format!("{} only in the {which} run", numbers::count(alone as u64, "group")));
        }
    }
    if other_sizes > 0 {
        remarks.push(format!(
            "in {} the rounds of one run have twice the messages of the other's, or more: what a message costs may depend on it",
            numbers::count(other_sizes, "group")
        ));
    }
    remarks.extend(drift(spin(old), spin(new)));
    let sides = ["the old run".to_owned(), "the new run".to_owned()];
    Compared { changes: Changes::new(sides, Vec::new(), all), remarks, other_versions }
}

/// The median time of the calibration loop in a run, in ns; `None` when its runners do not report it.
fn spin(run: &RunData) -> Option<f64> {
    let rounds = run.rounds.values().flatten();
    median(rounds.filter_map(|round| round.measured.spin_ns).map(|spin| spin as f64).collect())
}

/// A remark when the calibration loop's time changed.
fn drift(old: Option<f64>, new: Option<f64>) -> Option<String> {
    let ratio = new? / old?;
    ((ratio - 1.0).abs() > MAX_DRIFT).then(|| {
        format!(
            "a calibration loop took {} its time in the new run: the machine itself had changed",
            numbers::ratio(ratio)
        )
    })
}

fn change(name: String, old: &RunData, before: RoundPosition, new: &RunData, after: RoundPosition) -> Change {
    let same_work = old.capacities.get(&before) == new.capacities.get(&after);
    let shift = || Shift::apart(&logs(old, before), &logs(new, after));
    Change {
        name,
        old: Side::of(old, before),
        new: Side::of(new, after),
        beside: Vec::new(),
        same_work,
        shift: if same_work { shift() } else { None },
    }
}

/// For each epoch the log of the median of its blocks' times.
fn logs(run: &RunData, place: RoundPosition) -> Vec<f64> {
    let epochs = times(run, place, Metric::Throughput).into_values();
    epochs.filter_map(|blocks| Some(median(blocks.into_values().collect())?.ln())).collect()
}

/// The messages of a cell's rounds.
fn size(run: &RunData, place: RoundPosition) -> Option<f64> {
    median(run.measured(place).into_iter().map(|round| round.measured.messages as f64).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_slowed_down_is_reported() {
        assert_eq!(drift(Some(100.0), Some(102.0)), None);
        assert_eq!(drift(None, Some(102.0)), None);
        let remark = drift(Some(100.0), Some(150.0)).expect("half as much again");
        assert!(remark.starts_with("a calibration loop took 1.50× its time in the new run"), "{remark}");
        assert!(drift(Some(150.0), Some(100.0)).is_some());
    }
}
