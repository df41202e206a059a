//! From the rounds of a run to the cells and rankings of the page.

use std::ffi::OsStr;
use std::path::Path;

use records::command;
use records::model_report::ModelReport;
use records::protocol::Measured;
use records::record::ParamsRecord;
use workloads::profile::Profile;
use workloads::registry::Registry;
use workloads::workload::{Metric, WorkloadInfo};

use super::cells::{CellResult, MeasuredCell, Measurement};
use super::checks;
use super::costs::{Costs, median};
use super::page::{ParamsPage, WorkloadPage};
use super::paired_test::{Pairs, share_blocks};
use super::rank_summary::summarize;
use super::ranking::rank;
use super::scaling;
use super::statistics::{bootstrap, modes};
use crate::collect::runs::{RoundPosition, RunData};
use crate::collect::timelines;
use engine::journal::{RunRecords, Times, metric_value};
use records::plan::{Entry, Launch, Plan};

/// The level of the interval of a cell's median.
const LEVEL: f64 = 0.95;

/// The number of unfolded rankings of a workload without a registered grid, as one of another runner.
const UNREGISTERED_PROMINENT: usize = 4;

/// Whether a group of a run in progress is measured well enough: every ratio to the fastest is as precise as
/// the plan asks. A precision of 0 is never reached, even with nothing to compare.
pub fn settled(plan: &Plan, recorded: &RunRecords, group: usize) -> bool {
    let registry = adapters::registry();
    let by = ranked_by(registry.workload(&plan.groups[group].workload).ok());
    settled_by(plan, recorded, group, by)
}

/// As [`settled`], for a ranking by another metric than the workload's.
pub fn settled_by(plan: &Plan, recorded: &RunRecords, group: usize, by: Metric) -> bool {
    if plan.precision == 0.0 {
        return false;
    }
    let is_ranked = |entry: &usize| {
        let position = (group, *entry);
        !recorded.closed.contains(&position) && !recorded.capacities.contains(&position)
    };
    let entries: Vec<(usize, &Times)> = (0..plan.entries.len())
        .filter(is_ranked)
        .filter_map(|entry| Some((entry, recorded.times.get(&(by, group, entry))?)))
        .collect();
    Pairs::of(&entries).settled(plan.precision)
}

/// The metric that ranks the channels of a workload; wall time for a workload that this build does not know.
fn ranked_by(workload: Option<&WorkloadInfo>) -> Metric {
    workload.map_or(Metric::Throughput, |info| info.ranked_by)
}

/// The metric of a cell's rounds, by epoch and block.
pub fn times(run: &RunData, position: RoundPosition, by: Metric) -> Times {
    let mut times = Times::new();
    for round in run.measured(position) {
        if let (Some(block), Some(value)) = (round.block, metric_value(by, round)) {
            times.entry(round.epoch).or_default().insert(block, value);
        }
    }
    times
}

/// The metric of each entry of a group.
pub fn times_by_entry(run: &RunData, group: usize, by: Metric) -> Vec<Times> {
    (0..run.plan.entries.len()).map(|entry| times(run, (group, entry), by)).collect()
}

/// The pairs of a group, whose entries have these `times`. An entry with another capacity than requested did
/// other work and is in no pair.
pub fn pairs(run: &RunData, group: usize, times: &[Times]) -> Pairs {
    let times = times.iter().enumerate();
    let ranked: Vec<(usize, &Times)> = times
        .filter(|(entry, times)| !times.is_empty() && !run.capacities.contains_key(&(group, *entry)))
        .collect();
    Pairs::of(&ranked)
}

/// The workloads of a run: registered ones in the order of the registry, then the others in the order of the
/// plan.
pub(super) fn workloads(run: &RunData, registry: &Registry, models: &[ModelReport]) -> Vec<WorkloadPage> {
    let mut names: Vec<&str> = Vec::new();
    for group in &run.plan.groups {
        if !names.contains(&group.workload.as_str()) {
            names.push(&group.workload);
        }
    }
    let order = |name: &&str| registry.workloads().position(|info| info.name == *name).unwrap_or(usize::MAX);
    names.sort_by_key(order);
    names.into_iter().map(|name| workload(run, name, registry, models)).collect()
}

fn workload(run: &RunData, name: &str, registry: &Registry, models: &[ModelReport]) -> WorkloadPage {
    let info = registry.workload(name).ok();
    let by = ranked_by(info);
    let groups = run.plan.groups.iter().enumerate().filter(|(_, group)| group.workload == name);
    let params: Vec<ParamsPage> = groups
        .enumerate()
        .map(|(index, (group, of))| {
            // Computed once for cells and pairs: a percentile needs a histogram of each round.
            let times = times_by_entry(run, group, by);
            let cells: Vec<MeasuredCell> =
                times.iter().enumerate().map(|(entry, times)| cell(run, (group, entry), times)).collect();
            let share_blocks = |one: usize, other: usize| share_blocks(&times[one], &times[other]);
            ParamsPage {
                ranking: rank(&cells, &pairs(run, group, &times), &share_blocks),
                unit: by.unit(),
                prominent: is_prominent(info, &of.params, index),
                cells,
                record: of.params.clone(),
            }
        })
        .collect();
    let channels: Vec<String> = run.plan.entries.iter().map(|entry| entry.name.clone()).collect();
    WorkloadPage {
        name: name.to_owned(),
        info,
        series: scaling::series(&params.iter().map(|params| &params.record).collect::<Vec<_>>()),
        summaries: channels.iter().map(|channel| summarize(channel, &params)).collect(),
        models: checks::workload_models(name, models),
        timeline_file: timelines::path(&run.folder, name),
        timeline: run.timelines.get(name).cloned(),
        channels,
        params,
    }
}

/// Whether the ranking of these params is shown unfolded: they are in the grid of the quick profile.
fn is_prominent(info: Option<&WorkloadInfo>, record: &ParamsRecord, index: usize) -> bool {
    info.map_or(index < UNREGISTERED_PROMINENT, |info| {
        info.grid(Profile::Quick).iter().any(|params| params.id() == record.id)
    })
}

/// A cell whose samples are `times`.
pub fn cell(run: &RunData, position: RoundPosition, times: &Times) -> MeasuredCell {
    let (_, entry) = position;
    let measured: Vec<&Measured> = run.measured(position).into_iter().map(|round| &round.measured).collect();
    let epochs: Vec<Vec<f64>> = times.values().map(|blocks| blocks.values().copied().collect()).collect();
    let samples = epochs.concat();
    let (mut costs, mut found) = (None, Vec::new());
    let result = if let Some(failure) = run.failed.get(&position) {
        CellResult::Failed(failure.to_string())
    } else if run.contradictory.contains(&position) {
        CellResult::Contradictory
    } else if let Some(reason) = run.unsupported.get(&position) {
        CellResult::Unsupported(reason.clone())
    } else if let Some(middle) = median(samples.clone()) {
        costs = Some(Costs::of(&measured));
        found = modes::find(&samples);
        // With too few epochs for an interval, the range of the rounds is all that is known.
        let interval = bootstrap::median(&epochs, LEVEL, run.plan.seed).unwrap_or_else(|| {
            let (low, high) = samples
                .iter()
                .fold((f64::MAX, 0.0_f64), |(low, high), &sample| (low.min(sample), high.max(sample)));
            [low, high]
        });
        CellResult::Measured(Measurement {
            median: middle,
            interval,
            level: LEVEL,
            messages: median(measured.iter().map(|round| round.messages as f64).collect()).unwrap_or(0.0)
                as u64,
            samples,
            epochs: epochs.len(),
        })
    } else if measured.is_empty() {
        CellResult::NotRun
    } else {
        CellResult::Unsupported("its rounds report no 99th percentile of the latency".to_owned())
    };
    MeasuredCell {
        channel: run.plan.entries[entry].name.clone(),
        result,
        rounds: run.verified(position),
        effective_capacity: run.capacities.get(&position).cloned(),
        replay: replay(&run.plan, position),
        costs,
        modes: found,
    }
}

/// The command that repeats the rounds of a cell.
fn replay(plan: &Plan, (group, entry): RoundPosition) -> String {
    let (entry, group) = (&plan.entries[entry], &plan.groups[group]);
    let values: Vec<_> = group.params.values.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let values = values.join(",");
    match &entry.launch {
        Launch::Own | Launch::Slowed { .. } => {
            let words = ["round", &entry.channel, &group.workload, &values, "--rounds", "100"];
            command::line(["cargo", "run", "--release", "--"].into_iter().chain(words))
        }
        // `round` knows only the channels of this build.
        Launch::Command(runner) => {
            let (cell, runner) = (format!("{}/{values}", group.workload), command::joined(runner));
            let channel = name_beside_own(plan, entry);
            let words = ["run", &cell, "--channel", &channel, "--runner", &runner];
            command::line(["cargo", "run", "--release", "--"].into_iter().chain(words))
        }
    }
}

/// The name of a foreign runner's channel in a run of `chanlab run`, which has this build's channels as well. A run of
/// `chanlab ab` calls it by its version.
fn name_beside_own(plan: &Plan, entry: &Entry) -> String {
    let program = plan.programs.iter().find(|program| program.launch == entry.launch);
    let is_taken = adapters::registry().channels().any(|info| info.name == entry.channel);
    match program {
        Some(program) if is_taken => foreign_name(&entry.channel, &program.runner),
        _ if plan.versions.is_some() => entry.channel.clone(),
        _ => entry.name.clone(),
    }
}

/// The name of a channel of another runner, when a channel with its name is in the run already.
pub fn foreign_name(channel: &str, runner: &str) -> String {
    format!("{channel} ({runner})")
}

/// The command that resumes the run of `plan` in `folder`.
pub fn resume(plan: &Plan, folder: &Path) -> String {
    let subcommand = if plan.versions.is_some() { "ab" } else { "run" };
    command::line(["chanlab", subcommand, "--resume"].map(OsStr::new).into_iter().chain([folder.as_os_str()]))
}

#[cfg(test)]
mod tests {
    use records::record::ParamsRecord;

    use super::*;
    use records::plan::{Group, VERSION};
    use records::rounds::Line;

    /// A round of entry 0 or 1 with about this wall time in ns/op and this 99th percentile of the latency.
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
            machine: runner::machine::current(&registry),
            entries: vec![entry("flume"), entry("kanal")],
            groups: vec![Group {
                workload: workload.to_owned(),
                params: ParamsRecord::new(info, &registry.params(workload, "").expect("its defaults")),
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
            programs: Vec::new(),
        }
    }

    #[test]
    fn a_group_settles_by_the_metric_that_ranks_it() {
        let recorded = |jump: &dyn Fn(u32) -> [u64; 2]| {
            let mut recorded = RunRecords::default();
            for epoch in 0..12 {
                let [wall, latency] = jump(epoch);
                recorded.add(&round(0, epoch, 10_000, 90_000));
                recorded.add(&round(1, epoch, wall, latency));
            }
            recorded
        };
        // At a fixed rate the times are equal while the latencies jump.
        let latencies_jump = recorded(&|epoch| [10_010, 90_000 + 20_000 * u64::from(epoch % 5)]);
        let times_jump = recorded(&|epoch| [10_000 + 2_000 * u64::from(epoch % 5), 99_000]);
        let by_time = plan("producer_consumer");
        assert!(settled(&by_time, &latencies_jump, 0) && !settled(&by_time, &times_jump, 0));
        let by_latency = plan("open_loop");
        assert!(!settled(&by_latency, &latencies_jump, 0) && settled(&by_latency, &times_jump, 0));
    }

    /// It is in no pair, so its ratio cannot keep the group from settling.
    #[test]
    fn a_channel_of_another_capacity_delays_no_group() {
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
