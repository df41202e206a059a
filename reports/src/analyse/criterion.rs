//! The results of `cargo bench`: the newest record of each benchmark, with the time that criterion has for
//! it.

use std::collections::HashMap;

use records::machine::Machine;
use records::record::{BenchmarkRecord, BenchmarkStatus};

use super::checks::newest;
use super::page::{BenchmarkResult, Criterion, CriterionBenchmark, CriterionMachine};
use crate::collect::criterion::CriterionData;

/// Joins the records with criterion's files; `None` when no benchmark was recorded.
pub(crate) fn section(data: &CriterionData) -> Option<Criterion> {
    let records = newest(&data.records.benchmarks, |one| (&one.workload, &one.params, &one.channel));
    let mut places: HashMap<Machine, usize> = HashMap::new();
    let mut machines: Vec<CriterionMachine> = Vec::new();
    for record in records {
        let benchmark = benchmark(data, &record);
        let place = *places.entry(record.machine).or_insert_with_key(|machine| {
            machines.push(CriterionMachine { machine: machine.clone(), benchmarks: Vec::new() });
            machines.len() - 1
        });
        machines[place].benchmarks.push(benchmark);
    }
    (!machines.is_empty()).then(|| Criterion { folder: data.folder.clone(), machines })
}

fn benchmark(data: &CriterionData, record: &BenchmarkRecord) -> CriterionBenchmark {
    let group = format!("{}/{}", record.workload, record.params);
    let mut beside_abandoned_threads = false;
    let result = match &record.status {
        BenchmarkStatus::Measured { messages, beside_abandoned_threads: disturbed, .. } => {
            beside_abandoned_threads = *disturbed;
            match data.estimates.estimate(&group, &record.channel, *messages) {
                Ok(estimate) => BenchmarkResult::Measured {
                    median: estimate.median,
                    interval: estimate.interval,
                    level: estimate.level,
                },
                Err(problem) => BenchmarkResult::Damaged(problem),
            }
        }
        BenchmarkStatus::Unsupported { reason } => BenchmarkResult::Unsupported(reason.clone()),
        BenchmarkStatus::Failed { reason } => BenchmarkResult::Failed(reason.clone()),
    };
    CriterionBenchmark {
        group,
        channel: record.channel.clone(),
        at: record.at.clone(),
        profile: record.profile.clone(),
        result,
        effective_capacity: record.effective_capacity.clone(),
        beside_abandoned_threads,
        replay: record.replay.clone(),
    }
}
