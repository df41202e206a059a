//! Two runs beside each other: what may be compared between them, and how it turned out.
//!
//! The runs were not interleaved, so that whatever the machine did meanwhile is a difference like any other. What can be kept out is
//! that other machines, compilers or settings pass for a change of a channel: [`unlike`] finds them.

use std::collections::BTreeMap;

use harness::machine::Machine;

use super::changes::{Change, Changes, Shift, Side};
use super::costs::median;
use super::differences::{difference, machine_differences};
use super::runs::times;
use crate::collect::runs::{RoundPosition, RunData};
use crate::numbers;
use crate::run::plan::{Entry, Plan};
use crate::run::record::By;

/// The machine was another one, as it were, when a fixed piece of work took so much longer, as a share.
const DRIFT: f64 = 0.03;

/// Rounds of one run that have so many times the messages of the other's are told of.
const OTHER_SIZE: f64 = 2.0;

/// What of two runs is unlike, so that a difference between them tells nothing of the channels; empty when they may be compared.
pub fn unlike(old: &Plan, new: &Plan) -> Vec<String> {
    let mut found = machine_differences(&old.machine, &new.machine);
    if let (Some(one), Some(other)) = (own_version(&old.machine), own_version(&new.machine)) {
        found.extend(difference("harness", one, other));
    }
    found.extend(difference("threads' placement", &old.placement, &new.placement));
    let counted = |plan: &Plan| if plan.allocations { "counted" } else { "not counted" };
    found.extend(difference("allocations", counted(old), counted(new)));
    found
}

/// The version of chanlab, which is that of its own channels.
fn own_version(machine: &Machine) -> Option<&str> {
    machine.channels.values().map(String::as_str).find(|version| version.starts_with("chanlab "))
}

/// Two runs, compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// The cells that both have.
    pub changes: Changes,
    /// What was not compared, and why; and what has to be known beside the changes.
    pub remarks: Vec<String>,
    /// Channels of other versions that were left out.
    pub other_versions: Vec<String>,
}

/// Compares each cell that both runs have. Channels of different versions are left out, unless `across_versions`.
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
        let unlike = |(one, other): &(f64, f64)| one / other >= OTHER_SIZE || other / one >= OTHER_SIZE;
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

/// How long a fixed piece of work took before the rounds of a run, in ns: the median. `None` when its runners do not tell.
fn spin(run: &RunData) -> Option<f64> {
    let rounds = run.rounds.values().flatten();
    median(rounds.filter_map(|round| round.measured.spin_ns).map(|spin| spin as f64).collect())
}

/// What is to be told when that changed.
fn drift(old: Option<f64>, new: Option<f64>) -> Option<String> {
    let ratio = new? / old?;
    ((ratio - 1.0).abs() > DRIFT).then(|| {
        format!(
            "a fixed piece of work took {} the time in the new run: the machine itself had changed",
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
    let epochs = times(run, place, By::Throughput).into_values();
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
    fn a_machine_that_slowed_down_is_told_of() {
        assert_eq!(drift(Some(100.0), Some(102.0)), None);
        assert_eq!(drift(None, Some(102.0)), None);
        let told = drift(Some(100.0), Some(150.0)).expect("half as much again");
        assert!(told.starts_with("a fixed piece of work took 1.50× the time in the new run"), "{told}");
        assert!(drift(Some(150.0), Some(100.0)).is_some());
    }
}
