//! The work of the rounds of a group: how many messages each delivers, and how many latencies it has.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use records::plan::Group;
use records::rounds::RoundLine;
use workloads::registry::Registry;

/// The messages that a round of a group may deliver whose size is `size`, if the workload leaves that to the moment, as a
/// pool does that quits halfway; `None` where all rounds deliver the same number, and of a workload of another runner.
pub(super) fn open(registry: &Registry, group: &Group, size: u64) -> Option<RangeInclusive<u64>> {
    let values = group.params.values.iter();
    let values: Vec<String> = values.map(|(name, value)| format!("{name}={value}")).collect();
    let params = registry.params(&group.workload, &values.join(",")).ok()?;
    let delivered = registry.delivered(&group.workload, &params, size).ok()?;
    // One less is a message that goes in pairs, and then it is one less in every round.
    (delivered.end().saturating_sub(*delivered.start()) > 1).then_some(delivered)
}

/// For each group the most frequent value of its rounds; of two that are equally frequent the larger.
pub(super) fn usual<'a>(
    rounds: impl IntoIterator<Item = &'a RoundLine>,
    value: impl Fn(&RoundLine) -> Option<u64>,
) -> BTreeMap<usize, u64> {
    let mut counts: BTreeMap<usize, BTreeMap<u64, usize>> = BTreeMap::new();
    for round in rounds {
        if let Some(value) = value(round) {
            *counts.entry(round.group).or_default().entry(value).or_default() += 1;
        }
    }
    let most = |values: BTreeMap<u64, usize>| values.into_iter().max_by_key(|(_, count)| *count);
    counts.into_iter().filter_map(|(group, values)| Some((group, most(values)?.0))).collect()
}
