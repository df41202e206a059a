//! From the rounds of a run to the cells and rankings of the page.

use std::collections::BTreeMap;

use harness::protocol::Measured;
use harness::record::{Model, Run};
use harness::registry::Registry;
use harness::workload::RankedBy;

use super::cells::{Cell, Outcome};
use super::costs::{Costs, median};
use super::page::{ParamsPage, WorkloadPage, is_prominent};
use super::pairs::{Pairs, Times};
use super::ranking::Ranked;
use super::statistics::{bootstrap, modes};
use crate::collect::criterion::Measurement;
use crate::collect::runs::{Place, RunData};
use crate::run::child::Launch;
use crate::run::plan::Plan;
use crate::run::record::{Recorded, RoundLine, without_prefix};

/// The level of the interval of a cell's median.
const LEVEL: f64 = 0.95;

/// Whether a group of a run that goes on is measured well enough: every ratio to the fastest as precisely as its plan asks. A
/// precision of 0 is never reached, also where there is nothing to compare.
pub fn settled(plan: &Plan, recorded: &Recorded, group: usize) -> bool {
    if plan.precision == 0.0 {
        return false;
    }
    let entries: Vec<(usize, &Times)> = (0..plan.entries.len())
        .filter(|entry| !recorded.closed.contains(&(group, *entry)))
        .filter_map(|entry| Some((entry, recorded.times.get(&(group, entry))?)))
        .collect();
    Pairs::of(&entries).settled(plan.precision)
}

/// What is compared of a round; `None` where it was not told.
pub type Measure<'a> = &'a dyn Fn(&RoundLine) -> Option<f64>;

/// What the channels of a workload are ranked by.
fn ranked(by: RankedBy, round: &RoundLine) -> Option<f64> {
    match by {
        RankedBy::Time => wall(round),
        RankedBy::Latency => p99(round.measured.latency.as_ref()?),
    }
}

/// The 99th percentile of a round's latencies, where 10 messages lie beyond it.
pub(super) fn p99(pairs: &[[u64; 2]]) -> Option<f64> {
    let histogram = harness::latency::from_pairs(pairs).ok()?;
    Some(harness::latency::Percentiles::of(&histogram).p99? as f64)
}

/// The times of a cell, by epoch and block.
pub(super) fn times(run: &RunData, place: Place) -> Times {
    times_by(run, place, &wall)
}

/// What is compared of a cell's rounds, by epoch and block.
fn times_by(run: &RunData, place: Place, measure: Measure<'_>) -> Times {
    let mut times = Times::new();
    for round in run.measured(place) {
        if let (Some(block), Some(value)) = (round.block, measure(round)) {
            times.entry(round.epoch).or_default().insert(block, value);
        }
    }
    times
}

/// Wall time for each message.
fn wall(round: &RoundLine) -> Option<f64> {
    Some(round.measured.ns_per_op())
}

/// The pairs of a group. Who has another capacity than asked for did other work, and is not among them.
pub fn pairs_by(run: &RunData, group: usize, measure: Measure<'_>) -> Pairs {
    let times: BTreeMap<usize, Times> = (0..run.plan.entries.len())
        .filter(|entry| !run.capacities.contains_key(&(group, *entry)))
        .map(|entry| (entry, times_by(run, (group, entry), measure)))
        .filter(|(_, times)| !times.is_empty())
        .collect();
    Pairs::of(&times.iter().map(|(entry, times)| (*entry, times)).collect::<Vec<_>>())
}

/// The workloads of a run, in the order of its plan.
pub(super) fn workloads(run: &RunData, registry: &Registry, models: &[Model]) -> Vec<WorkloadPage> {
    let mut names: Vec<&str> = run.plan.groups.iter().map(|group| group.workload.as_str()).collect();
    names.dedup();
    let place = |name: &&str| registry.workloads().position(|info| info.name == *name);
    names.sort_by_key(place);
    names.dedup();
    names
        .into_iter()
        .map(|name| {
            let info = registry.workload(name).ok();
            let by = info.map_or(RankedBy::Time, |info| info.ranked_by);
            let groups = run.plan.groups.iter().enumerate().filter(|(_, group)| group.workload == name);
            let params: Vec<ParamsPage> = groups
                .enumerate()
                .map(|(index, (group, of))| {
                    let cells: Vec<Cell> =
                        (0..run.plan.entries.len()).map(|entry| cell(run, (group, entry), by)).collect();
                    ParamsPage {
                        ranking: ranking(&cells, &pairs_by(run, group, &|round| ranked(by, round))),
                        unit: by.unit(),
                        prominent: is_prominent(info, &of.params, index),
                        cells,
                        record: of.params.clone(),
                    }
                })
                .collect();
            let plan = &run.plan;
            let own = Run {
                run: run.folder.display().to_string(),
                began: plan.began.clone(),
                command: plan.command.clone(),
                profile: plan.profile.clone(),
                workload: name.to_owned(),
                grid: params.iter().map(|params| params.record.clone()).collect(),
                channels: plan.entries.iter().map(|entry| entry.name.clone()).collect(),
                machine: plan.machine.clone(),
            };
            WorkloadPage::new(own, params, info, models)
        })
        .collect()
}

/// What became of a cell; its samples are what its workload is ranked by.
pub fn cell(run: &RunData, place: Place, by: RankedBy) -> Cell {
    let (group, entry) = place;
    let rounds = run.measured(place);
    let measured: Vec<&Measured> = rounds.iter().map(|round| &round.measured).collect();
    let samples: Vec<f64> = rounds.iter().filter_map(|round| ranked(by, round)).collect();
    let (mut costs, mut found) = (None, Vec::new());
    let outcome = if let Some(failure) = run.failed.get(&place) {
        Outcome::Failed(failure.to_string())
    } else if let Some(reason) = run.unsupported.get(&place) {
        Outcome::Unsupported(without_prefix(reason).to_owned())
    } else if let Some(middle) = median(samples.clone()) {
        costs = Some(Costs::of(&measured));
        found = modes::find(&samples);
        let epochs: Vec<Vec<f64>> = times_by(run, place, &|round| ranked(by, round))
            .into_values()
            .map(|blocks| blocks.into_values().collect())
            .collect();
        // Without enough epochs for an interval all that is known is where the rounds lie.
        let interval = bootstrap::median(&epochs, LEVEL, run.plan.seed).unwrap_or_else(|| {
            let (least, most) = samples
                .iter()
                .fold((f64::MAX, 0.0_f64), |(least, most), &sample| (least.min(sample), most.max(sample)));
            [least, most]
        });
        Outcome::Measured(Measurement {
            median: middle,
            interval,
            level: LEVEL,
            messages: median(measured.iter().map(|round| round.messages as f64).collect()).unwrap_or(0.0)
                as u64,
            samples,
            rounds_per_sample: 1,
            epochs: Some(epochs.len()),
        })
    } else if measured.is_empty() {
        Outcome::NotRun
    } else {
        Outcome::Unsupported("its rounds tell no 99th percentile of the latency".to_owned())
    };
    let entry = &run.plan.entries[entry];
    let of = &run.plan.groups[group];
    let values: Vec<_> = of.params.values.iter().map(|(name, value)| format!("{name}={value}")).collect();
    Cell {
        channel: entry.name.clone(),
        outcome,
        rounds: run.verified(place),
        effective_capacity: run.capacities.get(&place).cloned(),
        remarks: Vec::new(),
        replay: Some(match &entry.launch {
            Launch::Own | Launch::Slowed { .. } => format!(
                "cargo run --release -- round {} {} {} --rounds 100",
                entry.channel,
                of.workload,
                values.join(",")
            ),
            // `round` has the channels of this build only.
            Launch::Command(words) => format!(
                "cargo run --release -- run {}/{} --channel '{}' --runner '{}'",
                of.workload,
                values.join(","),
                entry.name,
                words.join(" ")
            ),
        }),
        costs,
        modes: found,
    }
}

/// The measured cells by their paired ratios to the fastest; after them those of another capacity, which are not paired.
fn ranking(cells: &[Cell], pairs: &Pairs) -> Vec<Ranked> {
    let tied = pairs.tied();
    let Some(&fastest) = pairs.order.first() else {
        return super::ranking::rank(cells);
    };
    let ranked = pairs.order.iter().map(|&cell| {
        let pair = pairs.between(cell, fastest);
        let ratio = pair.as_ref().map_or(1.0, |pair| pair.ratio);
        Ranked {
            cell,
            ratio,
            ratio_interval: pair.map_or([1.0, 1.0], |pair| pair.interval.unwrap_or([0.0, f64::INFINITY])),
            tied: tied.contains(&cell),
            altered: false,
        }
    });
    let beside = cells[fastest].measurement().map(|measurement| measurement.median);
    let altered = cells.iter().enumerate().filter_map(|(index, cell)| {
        let measurement = cell.measurement().filter(|_| cell.effective_capacity.is_some())?;
        let fastest = beside?;
        Some(Ranked {
            cell: index,
            ratio: measurement.median / fastest,
            ratio_interval: measurement.interval.map(|bound| bound / fastest),
            tied: false,
            altered: true,
        })
    });
    ranked.chain(altered).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(latency: &str) -> RoundLine {
        let line = format!(
            r#"{{"group":0,"entry":0,"epoch":0,"block":0,"at_ms":0,
                "cell":0,"round":0,"messages":1000,"wall_ns":10000000,"latency":{latency}}}"#
        );
        serde_json::from_str(&line).expect("a round")
    }

    #[test]
    fn a_workload_at_a_rate_is_ranked_by_its_latency() {
        let told = round("[[500,990],[90000,10]]");
        assert_eq!(ranked(RankedBy::Time, &told), Some(10_000.0));
        let latency = ranked(RankedBy::Latency, &told).expect("10 messages lie beyond it");
        assert!((500.0..510.0).contains(&latency), "{latency}");
        // Of so few messages the 99th percentile would be an accident.
        assert_eq!(ranked(RankedBy::Latency, &round("[[500,999]]")), None);
    }
}
