//! From the rounds of a run to the cells and rankings of the page.

use harness::protocol::Measured;
use harness::record::{ModelRecord, Run};
use harness::registry::Registry;
use harness::workload::{RankedBy, WorkloadInfo};

use super::cells::{Cell, Outcome};
use super::costs::{Costs, median};
use super::page::{ParamsPage, WorkloadPage, is_prominent};
use super::paired_test::Pairs;
use super::ranking::Ranked;
use super::statistics::{bootstrap, modes};
use crate::collect::criterion::Measurement;
use crate::collect::runs::{RoundPosition, RunData};
use crate::run::journal::{Metric, RunRecords, Times};
use crate::run::plan::{Launch, Plan};

/// The level of the interval of a cell's median.
const LEVEL: f64 = 0.95;

/// Whether a group of a run that goes on is measured well enough: every ratio to the first of its ranking as precisely as its plan
/// asks. A precision of 0 is never reached, also where there is nothing to compare.
pub fn settled(plan: &Plan, recorded: &RunRecords, group: usize) -> bool {
    let registry = adapters::registry();
    let by = ranked_by(registry.workload(&plan.groups[group].workload).ok());
    settled_by(plan, recorded, group, by.into())
}

/// As [`settled`], for a ranking by something else than the workload's own.
pub fn settled_by(plan: &Plan, recorded: &RunRecords, group: usize, by: Metric) -> bool {
    if plan.precision == 0.0 {
        return false;
    }
    let is_ranked = |entry: &usize| {
        let place = (group, *entry);
        !recorded.closed.contains(&place) && !recorded.capacities.contains(&place)
    };
    let entries: Vec<(usize, &Times)> = (0..plan.entries.len())
        .filter(is_ranked)
        .filter_map(|entry| Some((entry, recorded.times.get(&(by, group, entry))?)))
        .collect();
    Pairs::of(&entries).settled(plan.precision)
}

/// What the channels of a workload are ranked by; wall time where this build does not know it.
fn ranked_by(workload: Option<&WorkloadInfo>) -> RankedBy {
    workload.map_or(RankedBy::Time, |info| info.ranked_by)
}

/// What is compared of a cell's rounds, by epoch and block.
pub fn times(run: &RunData, place: RoundPosition, by: Metric) -> Times {
    let mut times = Times::new();
    for round in run.measured(place) {
        if let (Some(block), Some(value)) = (round.block, by.of(round)) {
            times.entry(round.epoch).or_default().insert(block, value);
        }
    }
    times
}

/// What is compared of each entry of a group.
pub fn of_entries(run: &RunData, group: usize, by: Metric) -> Vec<Times> {
    (0..run.plan.entries.len()).map(|entry| times(run, (group, entry), by)).collect()
}

/// The pairs of a group, whose entries have these `times`. Who has another capacity than asked for did other work, and is not among
/// them.
pub fn pairs(run: &RunData, group: usize, times: &[Times]) -> Pairs {
    let times = times.iter().enumerate();
    let ranked: Vec<(usize, &Times)> = times
        .filter(|(entry, times)| !times.is_empty() && !run.capacities.contains_key(&(group, *entry)))
        .collect();
    Pairs::of(&ranked)
}

/// The workloads of a run, in the order of its plan.
pub(super) fn workloads(run: &RunData, registry: &Registry, models: &[ModelRecord]) -> Vec<WorkloadPage> {
    let mut names: Vec<&str> = run.plan.groups.iter().map(|group| group.workload.as_str()).collect();
    names.dedup();
    let place = |name: &&str| registry.workloads().position(|info| info.name == *name);
    names.sort_by_key(place);
    names.dedup();
    names
        .into_iter()
        .map(|name| {
            let info = registry.workload(name).ok();
            let by = ranked_by(info);
            let groups = run.plan.groups.iter().enumerate().filter(|(_, group)| group.workload == name);
            let params: Vec<ParamsPage> = groups
                .enumerate()
                .map(|(index, (group, of))| {
                    // Once for the cells and their pairs: a percentile takes a histogram of each round.
                    let times = of_entries(run, group, by.into());
                    let cells: Vec<Cell> = times
                        .iter()
                        .enumerate()
                        .map(|(entry, times)| cell(run, (group, entry), times))
                        .collect();
                    ParamsPage {
                        ranking: ranking(&cells, &pairs(run, group, &times)),
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

/// What became of a cell; `times` are what its samples are.
pub fn cell(run: &RunData, place: RoundPosition, times: &Times) -> Cell {
    let (group, entry) = place;
    let measured: Vec<&Measured> = run.measured(place).into_iter().map(|round| &round.measured).collect();
    let epochs: Vec<Vec<f64>> = times.values().map(|blocks| blocks.values().copied().collect()).collect();
    let samples = epochs.concat();
    let (mut costs, mut found) = (None, Vec::new());
    let outcome = if let Some(failure) = run.failed.get(&place) {
        Outcome::Failed(failure.to_string())
    } else if let Some(reason) = run.unsupported.get(&place) {
        Outcome::Unsupported(reason.clone())
    } else if let Some(middle) = median(samples.clone()) {
        costs = Some(Costs::of(&measured));
        found = modes::find(&samples);
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
    use harness::machine::Machine;
    use harness::record::ParamsRecord;

    use super::*;
    use crate::run::plan::{Entry, Group, VERSION};
    use crate::run::record::Line;

    /// A round of entry 0 or 1 whose wall time in ns/op and whose latency at the 99th percentile are about these.
    fn round(entry: usize, epoch: u32, wall: u64, latency: u64) -> Line {
        let line = format!(
            r#"{{"kind":"round","group":0,"entry":{entry},"epoch":{epoch},"block":0,"at_ms":0,
                "cell":0,"round":0,"messages":1000,"wall_ns":{wall}000,"latency":[[500,980],[{latency},20]]}}"#
        );
        serde_json::from_str(&line).expect("a round")
    }

    fn plan(workload: &str) -> Plan {
        let registry = adapters::registry();
        let info = registry.workload(workload).expect("a workload");
        let entry = |name: &str| Entry {
            name: name.to_owned(),
            channel: name.to_owned(),
            version: "1".to_owned(),
            launch: Launch::Own,
            about: None,
        };
        Plan {
            version: VERSION,
            began: "2026-01-02T03:04:05Z".to_owned(),
            command: "chanlab run".to_owned(),
            profile: "quick".to_owned(),
            seed: 1,
            machine: Machine::current(&registry),
            entries: vec![entry("flume"), entry("kanal")],
            groups: vec![Group {
                workload: workload.to_owned(),
                params: ParamsRecord::of(info, &registry.params(workload, "").expect("its defaults")),
                deadline_ns: 1,
                least_messages: 1,
            }],
            blocks: 1,
            budget_seconds: 1,
            fewest_epochs: 1,
            most_epochs: 12,
            precision: 0.05,
            placement: "any".to_owned(),
            allocations: false,
            versions: None,
            not_available: Vec::new(),
        }
    }

    #[test]
    fn a_group_is_settled_by_what_it_is_ranked_by() {
        let recorded = |jump: &dyn Fn(u32) -> [u64; 2]| {
            let mut recorded = RunRecords::default();
            for epoch in 0..12 {
                let [wall, latency] = jump(epoch);
                recorded.add(&round(0, epoch, 10_000, 90_000));
                recorded.add(&round(1, epoch, wall, latency));
            }
            recorded
        };
        // At a rate all take the same time, and their latencies jump.
        let latencies_jump = recorded(&|epoch| [10_010, 90_000 + 20_000 * u64::from(epoch % 5)]);
        let times_jump = recorded(&|epoch| [10_000 + 2_000 * u64::from(epoch % 5), 99_000]);
        let by_time = plan("producer_consumer");
        assert!(settled(&by_time, &latencies_jump, 0) && !settled(&by_time, &times_jump, 0));
        let by_latency = plan("open_loop");
        assert!(!settled(&by_latency, &latencies_jump, 0) && settled(&by_latency, &times_jump, 0));
    }

    /// It is not among the pairs that are ranked, so nobody waits for its ratio.
    #[test]
    fn who_has_another_capacity_is_not_waited_for() {
        let mut recorded = RunRecords::default();
        for epoch in 0..12 {
            recorded.add(&round(0, epoch, 10_000, 90_000));
            recorded.add(&round(1, epoch, 10_000 + 2_000 * u64::from(epoch % 5), 90_000));
        }
        let plan = plan("producer_consumer");
        assert!(!settled(&plan, &recorded, 0));
        recorded.add(&Line::Capacity { group: 0, entry: 1, effective: "1".to_owned() });
        assert!(settled(&plan, &recorded, 0));
    }
}
