//! The costs of a cell other than wall time: medians over its rounds, for each delivered message.

use std::collections::BTreeMap;

use records::protocol::Measured;
use workloads::latency::{Percentiles, histogram};

use engine::journal::latency;

/// The costs of a cell. A cost that its runner does not report is `None`, never zero.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Costs {
    /// Processor time of all threads, in ns/op.
    pub cpu_ns: Option<f64>,
    /// Voluntary context switches, for each message.
    pub voluntary: Option<f64>,
    /// Involuntary context switches, for each message.
    pub involuntary: Option<f64>,
    /// Heap allocations for each message.
    pub allocations: Option<f64>,
    /// Allocated bytes, for each message.
    pub allocated_bytes: Option<f64>,
    /// The peak resident memory of its process, in bytes.
    pub peak_bytes: Option<u64>,
    /// The latency of messages, over all rounds.
    pub latency: Option<Percentiles>,
    /// The figures of the workload: medians over the rounds, by name.
    pub figures: BTreeMap<String, f64>,
    /// Hardware counters for each message, by name.
    pub counters: BTreeMap<String, f64>,
}

impl Costs {
    /// The costs of these rounds.
    pub fn of(rounds: &[&Measured]) -> Self {
        let per_op = |count: fn(&Measured) -> Option<u64>| {
            let ratio = |round: &&Measured| Some(count(round)? as f64 / round.messages as f64);
            median(rounds.iter().filter_map(ratio).collect())
        };
        Costs {
            cpu_ns: median(rounds.iter().filter_map(|round| round.cpu_ns_per_op()).collect()),
            voluntary: per_op(|round| round.voluntary),
            involuntary: per_op(|round| round.involuntary),
            allocations: per_op(|round| round.allocations),
            allocated_bytes: per_op(|round| round.allocated_bytes),
            peak_bytes: rounds.iter().filter_map(|round| round.peak_bytes).max(),
            latency: percentiles(rounds),
            figures: named(
                rounds
                    .iter()
                    .flat_map(|round| round.figures.iter().map(|figure| (figure.name.clone(), figure.value))),
            ),
            counters: named(rounds.iter().flat_map(|round| {
                let per_op =
                    |(name, count): (&String, &u64)| (name.clone(), *count as f64 / round.messages as f64);
                round.counters.iter().map(per_op)
            })),
        }
    }
}

/// The percentiles over all rounds together: one round has too few messages beyond a high percentile.
fn percentiles(rounds: &[&Measured]) -> Option<Percentiles> {
    let mut all = histogram();
    for round in rounds {
        // An implausible histogram makes no latency.
        let own = latency(round)?;
        all.len().checked_add(own.len())?;
        all += own;
    }
    (!all.is_empty()).then(|| Percentiles::from_histogram(&all))
}

fn named(values: impl Iterator<Item = (String, f64)>) -> BTreeMap<String, f64> {
    let mut by_name: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (name, value) in values.filter(|(_, value)| value.is_finite()) {
        by_name.entry(name).or_default().push(value);
    }
    by_name.into_iter().filter_map(|(name, values)| Some((name, median(values)?))).collect()
}

/// The median; `None` without values.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    Some(f64::midpoint(values[last / 2], values[values.len() / 2]))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use records::protocol::NamedFigure;

    use super::*;
    use testing::strategies;

    #[test]
    fn costs_are_medians_and_unreported_ones_are_absent() {
        let round = |user_ns: u64, share: f64| Measured {
            messages: 10,
            wall_ns: 1_000,
            user_ns: Some(user_ns),
            system_ns: Some(500),
            voluntary: Some(5),
            figures: vec![NamedFigure { name: "share".to_owned(), value: share }],
            latency: Some(vec![[100, 990], [5_000, 10]]),
            ..Measured::default()
        };
        let rounds = [round(500, 0.5), round(9_500, 0.9), round(1_500, 0.7)];
        let costs = Costs::of(&rounds.iter().collect::<Vec<_>>());
        assert_eq!(costs.cpu_ns, Some(200.0));
        assert_eq!(costs.voluntary, Some(0.5));
        assert_eq!((costs.involuntary, costs.allocations, costs.peak_bytes), (None, None, None));
        assert_eq!(costs.figures["share"], 0.7);
        let latency = costs.latency.expect("it was reported");
        // 30 of 3,000 messages lie at 5 us: the 99th percentile has enough beyond it, the 99.9th has not.
        assert!(latency.p99.is_some() && latency.p99_9.is_none(), "{latency:?}");
        assert_eq!(Costs::of(&[]), Costs::default());
        // The sum of the two in the middle would be infinite.
        assert_eq!(median(vec![1.7e308, 1.7e308]), Some(1.7e308));
    }

    proptest! {
        #[test]
        fn any_report_of_a_runner_has_finite_costs(mut rounds in vec(strategies::measured(), 0..5)) {
            // Rounds of nothing are left out when a run is read.
            rounds.iter_mut().for_each(|round| round.messages = round.messages.max(1));
            let costs = Costs::of(&rounds.iter().collect::<Vec<_>>());
            let reported = [costs.cpu_ns, costs.voluntary, costs.involuntary, costs.allocations, costs.allocated_bytes];
            let reported = reported.into_iter().flatten().chain(costs.figures.into_values()).chain(costs.counters.into_values());
            for cost in reported {
                prop_assert!(cost.is_finite(), "{}", cost);
            }
        }

        #[test]
        fn a_median_splits_its_values_in_half_in_any_order(values in vec(-1e6..1e6, 1..20)) {
            let middle = median(values.clone()).expect("there are values");
            let no_more = values.iter().filter(|value| **value <= middle).count();
            let no_less = values.iter().filter(|value| **value >= middle).count();
            prop_assert!(2 * no_more >= values.len() && 2 * no_less >= values.len(), "{}", middle);
            prop_assert_eq!(median(values.into_iter().rev().collect()), Some(middle));
        }
    }
}
