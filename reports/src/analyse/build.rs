//! Builds the page from everything that was collected.

use std::collections::BTreeSet;

use records::machine::Machine;
use records::model_report::{ModelReport, ModelVerdict};
use records::protocol::ChannelHello;
use records::record::Overhead;
use workloads::registry::Registry;

use super::differences::differences;
use super::page::{
    BenchmarkResult, ChannelPage, Criterion, Page, RunSummary, Totals, Warning, WarningSource, WorkloadPage,
};
use super::verification::{Scope, VerificationMatrix};
use super::{checks, criterion, noise, runs};
use crate::collect::problem::Problem;
use crate::collect::runs::RunData;
use crate::collect::sources::Collected;

/// Builds the page. `registry` adds the descriptions of this build's channels and workloads.
pub fn page(collected: Collected, registry: &Registry) -> Page {
    let Collected { run, criterion: bench, models: model_records, verified } = collected;
    let models = checks::newest_models(&model_records.models);
    let workloads = run.as_ref().map(|run| runs::workloads(run, registry, &models)).unwrap_or_default();
    let totals = Totals::over(&workloads);
    let criterion = bench.as_ref().and_then(criterion::section);
    let overheads =
        bench.as_ref().map(|bench| checks::newest_overheads(&bench.records.overheads)).unwrap_or_default();
    let channels = channels(run.as_ref(), &workloads, &models, registry);
    let names: Vec<&str> = channels.iter().map(|channel| channel.name.as_str()).collect();
    let verification = VerificationMatrix::new(&verified.records, &names, registry, Scope::AllShards);

    let mut warnings: Vec<Warning> = Vec::new();
    if let Some(run) = &run {
        warnings.extend(elsewhere(&run.plan.machine, &overheads, criterion.as_ref()));
    }
    warnings.extend((totals.failed > 0).then_some(Warning::FailedCells(totals.failed)));
    warnings.extend(criterion.iter().flat_map(benchmark_warnings));
    warnings.extend(models.iter().filter_map(model_warning));
    warnings.extend(missed_overheads(&overheads));
    warnings.extend(run.iter().flat_map(noise::warnings));
    warnings.extend(verification_warnings(&verification, &channels));

    let summary = run.as_ref().map(summary);
    let (run_problems, not_available) =
        run.map(|run| (run.problems, run.plan.not_available)).unwrap_or_default();
    let bench_problems =
        bench.map(|bench| [bench.records.problems, bench.estimates.problems].concat()).unwrap_or_default();
    let mut problems: Vec<Problem> = Vec::new();
    for problem in run_problems
        .into_iter()
        .chain(model_records.problems)
        .chain(bench_problems)
        .chain(criterion.iter().flat_map(damage))
        .chain(verified.problems)
    {
        // The collectors keep a few of each kind, so that this ends soon.
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    Page {
        run: summary,
        totals,
        not_run: registry
            .workloads()
            .filter(|info| !workloads.iter().any(|workload| workload.name == info.name))
            .collect(),
        workloads,
        channels,
        criterion,
        overheads,
        models,
        verification,
        warnings,
        problems,
        not_available,
    }
}

fn summary(run: &RunData) -> RunSummary {
    RunSummary {
        folder: run.folder.clone(),
        began: run.plan.began.clone(),
        command: run.plan.command.clone(),
        profile: run.plan.profile.clone(),
        machine: run.plan.machine.clone(),
        state: run.state,
        resume: runs::resume(&run.plan, &run.folder),
    }
}

/// The registered channels, then those of the run that this build does not know.
fn channels(
    run: Option<&RunData>,
    workloads: &[WorkloadPage],
    models: &[ModelReport],
    registry: &Registry,
) -> Vec<ChannelPage> {
    let entries = || run.iter().flat_map(|run| &run.plan.entries);
    let mut names: Vec<&str> = registry.channels().map(|info| info.name).collect();
    for entry in entries() {
        if !names.contains(&entry.name.as_str()) {
            names.push(&entry.name);
        }
    }
    let channel = |name: &str| {
        let info = registry.channels().find(|info| info.name == name);
        let entry = entries().find(|entry| entry.name == name);
        let recorded = run.and_then(|run| run.plan.machine.channels.get(name));
        ChannelPage {
            name: name.to_owned(),
            about: info
                .map(|info| ChannelHello::from_info(info, ""))
                .or_else(|| entry.and_then(|entry| entry.about.clone())),
            version: entry.map(|entry| &entry.version).or(recorded).cloned(),
            rounds: checks::rounds(name, workloads),
            models: checks::channel_models(name, info, models),
        }
    };
    names.into_iter().map(channel).collect()
}

/// The results from another machine than the run's, or with other versions.
fn elsewhere(machine: &Machine, overheads: &[Overhead], criterion: Option<&Criterion>) -> Vec<Warning> {
    let warning = |source: WarningSource, machines: &mut dyn Iterator<Item = &Machine>| {
        let found: BTreeSet<_> = machines.flat_map(|other| differences(machine, other)).collect();
        (!found.is_empty()).then(|| Warning::Elsewhere(source, found.into_iter().collect()))
    };
    let criterion_machines = criterion.iter().flat_map(|criterion| &criterion.machines);
    [
        warning(WarningSource::Overheads, &mut overheads.iter().map(|overhead| &overhead.machine)),
        warning(WarningSource::Criterion, &mut criterion_machines.map(|known| &known.machine)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn benchmark_warnings(criterion: &Criterion) -> Vec<Warning> {
    let count = |wanted: fn(&BenchmarkResult) -> bool| {
        criterion.benchmarks().filter(|benchmark| wanted(&benchmark.result)).count() as u64
    };
    let failed = count(|result| matches!(result, BenchmarkResult::Failed(_)));
    let damaged = count(|result| matches!(result, BenchmarkResult::Damaged(_)));
    let disturbed =
        criterion.benchmarks().filter(|benchmark| benchmark.beside_abandoned_threads).count() as u64;
    [
        (failed, Warning::FailedBenchmarks(failed)),
        (damaged, Warning::DamagedBenchmarks(damaged)),
        (disturbed, Warning::BesideAbandonedThreads(disturbed)),
    ]
    .into_iter()
    .filter_map(|(count, warning)| (count > 0).then_some(warning))
    .collect()
}

fn model_warning(report: &ModelReport) -> Option<Warning> {
    let (model, subject) = (report.model.clone(), report.subject_name().to_owned());
    let explorer = report.explorer().to_owned();
    match report.verdict {
        // Chanlab's own models are deterministic: a divergence is a failure of theirs.
        ModelVerdict::Failed(_) | ModelVerdict::Diverged(_) => {
            Some(Warning::FailedModel { model, subject, explorer })
        }
        ModelVerdict::Cut { limit, .. } => Some(Warning::CutModel { model, subject, explorer, limit }),
        ModelVerdict::Passed { .. } | ModelVerdict::Unsupported { .. } => None,
    }
}

fn missed_overheads(overheads: &[Overhead]) -> Option<Warning> {
    let missed = overheads.iter().filter(|overhead| overhead.meets_target() == Some(false));
    let ratios: Vec<f64> = missed.map(|overhead| overhead.ratio).collect();
    (!ratios.is_empty()).then(|| Warning::OverheadMissed {
        missed: ratios.len() as u64,
        of: overheads.len() as u64,
        worst: ratios.iter().copied().fold(0.0, f64::max),
    })
}

/// Failures that no newer record contradicts, then versions that differ from the measured ones.
fn verification_warnings(verification: &VerificationMatrix, channels: &[ChannelPage]) -> Vec<Warning> {
    let failures = verification.failures.iter().filter(|failure| !failure.is_earlier);
    let failed = failures.map(|failure| Warning::FailedVerification {
        subject: failure.verified.subject.clone(),
        method: failure.verified.method,
    });
    let other_versions = channels.iter().filter_map(|channel| {
        let row = verification.rows.iter().find(|row| row.subject == channel.name)?;
        let (verified, measured) = (row.version.clone()?, channel.version.clone()?);
        (verified != measured).then(|| Warning::OtherVersion {
            channel: channel.name.clone(),
            verified,
            measured,
        })
    });
    failed.chain(other_versions).collect()
}

/// Warnings about single benchmarks whose files are damaged although their record is readable.
fn damage(criterion: &Criterion) -> impl Iterator<Item = Problem> {
    criterion.benchmarks().filter_map(|benchmark| match &benchmark.result {
        BenchmarkResult::Damaged(problem) => Some(problem.clone()),
        _ => None,
    })
}
