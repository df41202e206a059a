//! Everything that the page says, before it is drawn.

use std::collections::BTreeSet;
use std::path::PathBuf;

use harness::channel::Info;
use harness::machine::Machine;
use harness::model_report::{ModelVerdict, words};
use harness::profile::Profile;
use harness::protocol::ChannelHello;
use harness::record::{ModelRecord, Overhead, ParamsRecord, Run};
use harness::registry::Registry;
use harness::workload::{RankedBy, WorkloadInfo};

use super::cells::{self, Cell, Outcome, Remark};
use super::checks::{self, Verdict};
use super::fingerprints::{Fingerprint, differences, fingerprints};
use super::noise;
use super::rank_summary::{Standing, standing};
use super::ranking::{self, Ranked};
use super::runs;
use super::scaling::{self, Series};
use super::verification::{Scope, Verification};
use crate::collect::Problem;
use crate::collect::records::Records;
use crate::collect::runs::RunData;
use crate::collect::sources::Collected;
use crate::collect::verified::VerifiedRecords;
use crate::numbers;

/// Without a registered grid (a workload of another runner), so many params are prominent.
const PROMINENT_OTHERWISE: usize = 4;

/// The page.
#[derive(Debug)]
pub struct Page {
    /// Where the times come from.
    pub source: Source,
    /// What `cargo bench` measured, where a run is the page's source.
    pub criterion: Option<Box<Page>>,
    /// The workloads with a run.
    pub workloads: Vec<WorkloadPage>,
    /// Registered workloads without a run.
    pub not_run: Vec<&'static WorkloadInfo>,
    /// The channels, in the order of every table; the order gives each its colour.
    pub channels: Vec<ChannelPage>,
    /// The newest overhead over each channel.
    pub overheads: Vec<Overhead>,
    /// The newest record of each model.
    pub models: Vec<ModelRecord>,
    /// What verifications found out.
    pub verification: Verification,
    /// Where everything was measured.
    pub fingerprints: Vec<Fingerprint>,
    /// What a reader has to be warned of.
    pub warnings: Vec<String>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// Who would have been measured but was not available: a name, and why.
    pub not_available: Vec<(String, String)>,
}

/// Where the times of a page come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Criterion's directory.
    Criterion(PathBuf),
    /// The folder of a run.
    Run(PathBuf),
    /// Nothing was measured: the page is of what was verified.
    Nowhere,
}

/// A workload.
#[derive(Debug)]
pub struct WorkloadPage {
    /// Its name.
    pub name: String,
    /// What this build knows of it.
    pub info: Option<&'static WorkloadInfo>,
    /// The newest run, which decides what is shown.
    pub run: Run,
    /// Its params, in the order of the grid.
    pub params: Vec<ParamsPage>,
    /// Series over one axis.
    pub series: Vec<Series>,
    /// Each channel of the run over all params.
    pub standings: Vec<Standing>,
    /// What the models say of its protocol.
    pub models: Option<Verdict>,
}

/// A workload with certain params: one ranking.
#[derive(Clone, Debug)]
pub struct ParamsPage {
    /// The params.
    pub record: ParamsRecord,
    /// A cell for each channel of the run.
    pub cells: Vec<Cell>,
    /// The measured ones, the fastest first.
    pub ranking: Vec<Ranked>,
    /// The unit of what they are ranked by.
    pub unit: &'static str,
    /// Whether it is among the first that a reader should see.
    pub prominent: bool,
}

/// A channel.
#[derive(Debug)]
pub struct ChannelPage {
    /// Its name.
    pub name: String,
    /// What this build knows of it.
    pub info: Option<&'static Info>,
    /// What its runner said of it, where this build does not know it.
    pub told: Option<ChannelHello>,
    /// The versions that were measured: one, unless the runs differ.
    pub versions: BTreeSet<String>,
    /// Whether its own rounds verified themselves.
    pub rounds: Verdict,
    /// What the models say of its own code.
    pub models: Verdict,
}

/// How many cells of the page ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// With a time.
    pub measured: u64,
    /// That the channel or the machine cannot do.
    pub unsupported: u64,
    /// With a failed round.
    pub failed: u64,
    /// Whose measurement cannot be read.
    pub damaged: u64,
    /// Without a record.
    pub not_run: u64,
    /// Rounds that verified themselves.
    pub rounds: u64,
}

impl Page {
    /// Makes the page of what was collected; `registry` adds what this build knows of channels and workloads.
    pub fn new(collected: Collected, registry: &Registry) -> Self {
        let Collected { input, records, benchmarks, models } = collected;

        let newest_models = checks::newest_models(&models.models);
        let mut workloads = Vec::new();
        for run in newest_runs(&records.runs, registry) {
            let mut grid: Vec<ParamsRecord> = Vec::new();
            for params in &run.grid {
                if !grid.iter().any(|known| known.id == params.id) {
                    grid.push(params.clone());
                }
            }
            let info = registry.workload(&run.workload).ok();
            let params: Vec<_> = grid
                .into_iter()
                .enumerate()
                .map(|(index, record)| {
                    let cells: Vec<_> = run
                        .channels
                        .iter()
                        .map(|channel| cells::cell(&records, &benchmarks, &run, &record.id, channel))
                        .collect();
                    ParamsPage {
                        ranking: ranking::rank(&cells),
                        unit: RankedBy::Time.unit(),
                        prominent: is_prominent(info, &record, index),
                        cells,
                        record,
                    }
                })
                .collect();
            workloads.push(WorkloadPage::new(run, params, info, &newest_models));
        }
        let problems = [records.problems, models.problems, benchmarks.problems].concat();
        let overheads = checks::newest_overheads(&records.overheads);
        Page::assembled(Source::Criterion(input), workloads, overheads, newest_models, problems, registry)
    }

    /// Makes the page of a run, with what `cargo bench` left as a part of it.
    pub fn of_run(run: RunData, criterion: Option<Collected>, models: Records, registry: &Registry) -> Self {
        let newest_models = checks::newest_models(&models.models);
        let workloads = runs::workloads(&run, registry, &newest_models);
        let noise = noise::warnings(&run);
        let criterion = criterion.map(|collected| Box::new(Page::new(collected, registry)));
        let overheads = criterion.as_ref().map_or_else(Vec::new, |page| page.overheads.clone());
        let mut problems = [run.problems, models.problems].concat();
        for problem in criterion.iter().flat_map(|page| &page.problems) {
            if !problems.contains(problem) {
                problems.push(problem.clone());
            }
        }
        let source = Source::Run(run.folder);
        let mut page = Page::assembled(source, workloads, overheads, newest_models, problems, registry);
        page.warnings.extend(noise);
        for channel in page.channels.iter_mut().filter(|channel| channel.info.is_none()) {
            if let Some(entry) = run.plan.entries.iter().find(|entry| entry.name == channel.name) {
                channel.told = entry.about.clone();
                channel.versions.insert(entry.version.clone());
            }
        }
        Page { criterion, not_available: run.plan.not_available, ..page }
    }

    /// Makes a page on which nothing was measured.
    pub fn without_times(models: Records, registry: &Registry) -> Self {
        let newest_models = checks::newest_models(&models.models);
        Page::assembled(Source::Nowhere, Vec::new(), Vec::new(), newest_models, models.problems, registry)
    }

    /// Adds what verifications found out.
    pub fn with_verification(mut self, verified: VerifiedRecords, registry: &Registry) -> Self {
        let channels: Vec<&str> = self.channels.iter().map(|channel| channel.name.as_str()).collect();
        self.verification = Verification::new(&verified.records, &channels, registry, Scope::AllShards);
        for failed in self.verification.failures.iter().filter(|failed| !failed.is_earlier) {
            let (subject, method) = (&failed.verified.subject, failed.verified.method);
            self.warnings.push(format!(
                "Verification of {subject} by {method} failed: see the failure and its replay."
            ));
        }
        for channel in &self.channels {
            let row = self.verification.rows.iter().find(|row| row.subject == channel.name);
            if let Some(version) = row.and_then(|row| row.version.as_ref())
                && !channel.versions.is_empty()
                && !channel.versions.contains(version)
            {
                let measured: Vec<_> = channel.versions.iter().map(String::as_str).collect();
                self.warnings.push(format!(
                    "What was verified of {} is {version}, and what was measured {}.",
                    channel.name,
                    measured.join(", ")
                ));
            }
        }
        self.problems.extend(verified.problems);
        self
    }

    fn assembled(
        source: Source,
        workloads: Vec<WorkloadPage>,
        overheads: Vec<Overhead>,
        newest_models: Vec<ModelRecord>,
        problems: Vec<Problem>,
        registry: &Registry,
    ) -> Self {
        let fingerprints = fingerprints(runs_shown(&workloads));
        let mut page = Page {
            source,
            criterion: None,
            channels: channels(&workloads, &fingerprints, &newest_models, registry),
            not_run: registry
                .workloads()
                .filter(|info| !workloads.iter().any(|workload| workload.name == info.name))
                .collect(),
            workloads,
            overheads,
            models: newest_models,
            verification: Verification::default(),
            fingerprints,
            warnings: Vec::new(),
            not_available: Vec::new(),
            problems,
        };
        page.note_damage();
        page.warn();
        page
    }

    /// How many cells ended how.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for cell in self.cells() {
            totals.rounds = totals.rounds.saturating_add(cell.rounds);
            *match cell.outcome {
                Outcome::Measured(_) => &mut totals.measured,
                Outcome::Unsupported(_) => &mut totals.unsupported,
                Outcome::Failed(_) => &mut totals.failed,
                Outcome::Damaged(_) => &mut totals.damaged,
                Outcome::NotRun => &mut totals.not_run,
            } += 1;
        }
        totals
    }

    /// Every cell.
    pub fn cells(&self) -> impl Iterator<Item = &Cell> {
        self.workloads.iter().flat_map(|workload| &workload.params).flat_map(|params| &params.cells)
    }

    /// Adds the damage of single cells to what could not be read.
    fn note_damage(&mut self) {
        let damage: Vec<_> = self
            .cells()
            .filter_map(|cell| match &cell.outcome {
                Outcome::Damaged(problem) => Some(problem.clone()),
                _ => None,
            })
            .collect();
        for problem in damage {
            if !self.problems.contains(&problem) {
                self.problems.push(problem);
            }
        }
    }

    fn warn(&mut self) {
        let mut warnings = Vec::new();
        if let [first, others @ ..] = &self.fingerprints[..] {
            let mut differing = |what: &str, machines: &mut dyn Iterator<Item = &Machine>| {
                let found: BTreeSet<_> =
                    machines.flat_map(|other| differences(&first.machine, other)).collect();
                if !found.is_empty() {
                    let found: Vec<_> = found.into_iter().collect();
                    warnings.push(format!("{what}: {}.", found.join("; ")));
                }
            };
            differing(
                "Not everything was measured with the same machine and versions, so not all times compare",
                &mut others.iter().map(|other| &other.machine),
            );
            differing(
                "The overhead was measured with another machine or version than the times",
                &mut self.overheads.iter().map(|overhead| &overhead.machine),
            );
            differing(
                "The models were run with another machine or version than the times",
                &mut self.models.iter().map(|model| &model.machine),
            );
        }
        let with_remark = |wanted: fn(&Remark) -> bool| {
            let cells = self.cells().filter(|cell| cell.remarks.iter().any(wanted));
            cells.count() as u64
        };
        let of_another_run = with_remark(|remark| matches!(remark, Remark::AnotherRun { .. }));
        if of_another_run > 0 {
            warnings.push(format!(
                "{} not in the newest run of the workload: what is shown is of another run, and says so.",
                was(of_another_run)
            ));
        }
        let beside_threads = with_remark(|remark| matches!(remark, Remark::BesideAbandonedThreads));
        if beside_threads > 0 {
            warnings.push(format!(
                "{} measured beside threads that a hung round left behind: too slow by an unknown share.",
                was(beside_threads)
            ));
        }
        let totals = self.totals();
        if totals.failed > 0 {
            warnings.push(format!(
                "{} failed: a round of it was wrong, panicked or hung. No time is shown for it, but the command that \
                 runs it again.",
                numbers::count(totals.failed, "cell")
            ));
        }
        if totals.damaged > 0 {
            warnings.push(format!(
                "{} of {} cannot be read: see what could not be read.",
                if totals.damaged == 1 { "The time" } else { "The times" },
                numbers::count(totals.damaged, "cell")
            ));
        }
        for model in self.models.iter().map(|model| &model.report) {
            let what = match &model.verdict {
                ModelVerdict::Failed(_) => "failed".to_owned(),
                ModelVerdict::Cut { limit, .. } => format!("was cut short ({})", words::limit(*limit)),
                ModelVerdict::Passed { .. } | ModelVerdict::Unsupported { .. } => continue,
            };
            let (subject, explorer) = (model.subject_name(), model.explorer());
            warnings.push(format!("The model {} of {subject} {what} by {explorer}.", model.model));
        }
        let missed = || self.overheads.iter().filter(|overhead| overhead.meets_target() == Some(false));
        if missed().count() > 0 {
            let most = missed().map(|overhead| overhead.ratio).fold(0.0, f64::max);
            warnings.push(format!(
                "The harness costs more than its target of {} in {} of {}, up to {}: the times of fast channels hold \
                 that cost.",
                numbers::ratio(Overhead::TARGET),
                missed().count(),
                numbers::count(self.overheads.len() as u64, "comparison"),
                numbers::ratio(most)
            ));
        }
        self.warnings = warnings;
    }
}

fn was(cells: u64) -> String {
    format!("{} {}", numbers::count(cells, "cell"), if cells == 1 { "was" } else { "were" })
}

/// The newest run of each workload, in the registry's order; workloads that it does not know come last.
fn newest_runs(runs: &[Run], registry: &Registry) -> Vec<Run> {
    let mut newest: Vec<Run> = Vec::new();
    for run in runs.iter().rev() {
        if !newest.iter().any(|known| known.workload == run.workload) {
            newest.push(run.clone());
        }
    }
    newest.reverse();
    newest.sort_by_key(|run| {
        let place = registry.workloads().position(|info| info.name == run.workload);
        place.unwrap_or(usize::MAX)
    });
    newest
}

/// The newest run of each workload, then the others that some cells are of.
fn runs_shown(workloads: &[WorkloadPage]) -> Vec<&Run> {
    let mut shown: Vec<_> = workloads.iter().map(|workload| &workload.run).collect();
    let remarks = workloads
        .iter()
        .flat_map(|workload| &workload.params)
        .flat_map(|params| &params.cells)
        .flat_map(|cell| &cell.remarks);
    for remark in remarks {
        if let Remark::AnotherRun { run: Some(run), .. } = remark
            && !shown.contains(&&**run)
        {
            shown.push(run);
        }
    }
    shown
}

impl WorkloadPage {
    /// A workload whose newest run is `run`, with what is derived of its params.
    pub(super) fn new(
        run: Run,
        params: Vec<ParamsPage>,
        info: Option<&'static WorkloadInfo>,
        models: &[ModelRecord],
    ) -> Self {
        WorkloadPage {
            series: scaling::series(&params),
            standings: run.channels.iter().map(|channel| standing(channel, &params)).collect(),
            models: checks::workload_models(&run.workload, models),
            name: run.workload.clone(),
            info,
            run,
            params,
        }
    }
}

/// Whether params are among the first that a reader should see.
pub(super) fn is_prominent(info: Option<&WorkloadInfo>, record: &ParamsRecord, index: usize) -> bool {
    info.map_or(index < PROMINENT_OTHERWISE, |info| {
        info.grid(Profile::Quick).iter().any(|params| params.id() == record.id)
    })
}

/// The registered channels, then those of the runs that this build does not know.
fn channels(
    workloads: &[WorkloadPage],
    fingerprints: &[Fingerprint],
    models: &[ModelRecord],
    registry: &Registry,
) -> Vec<ChannelPage> {
    let mut names: Vec<String> = registry.channels().map(|info| info.name.to_owned()).collect();
    for channel in workloads.iter().flat_map(|workload| &workload.run.channels) {
        if !names.contains(channel) {
            names.push(channel.clone());
        }
    }
    names
        .into_iter()
        .map(|name| {
            let info = registry.channels().find(|info| info.name == name);
            ChannelPage {
                versions: fingerprints
                    .iter()
                    .filter_map(|fingerprint| fingerprint.machine.channels.get(&name).cloned())
                    .collect(),
                rounds: checks::rounds(&name, workloads),
                models: checks::channel_models(&name, info, models),
                info,
                told: None,
                name,
            }
        })
        .collect()
}
