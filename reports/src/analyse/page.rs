//! The page as data: numbers and facts, without a sentence. [`super::build`] fills it once and
//! [`crate::render`] writes it.

use std::path::PathBuf;

use records::machine::Machine;
use records::model_report::{ExplorationLimit, ModelReport};
use records::protocol::ChannelHello;
use records::record::{Overhead, ParamsRecord};
use records::verify::Method;
use wording::numbers;
use workloads::workload::WorkloadInfo;

use super::cells::{CellResult, MeasuredCell};
use super::ranking::Ranked;
use super::scaling::Series;
use super::verification::VerificationMatrix;
use crate::collect::problem::Problem;
use crate::collect::runs::RunState;
use crate::collect::timelines::TimelinePart;

/// Everything the page shows.
#[derive(Debug)]
pub struct Page {
    /// The run that every ranking, chart and verdict comes from; `None` when nothing was measured by `chanlab
    /// run`.
    pub run: Option<RunSummary>,
    /// How many cells of the run ended in which way.
    pub totals: Totals,
    /// The workloads of the run.
    pub workloads: Vec<WorkloadPage>,
    /// Registered workloads that the run left out.
    pub not_run: Vec<&'static WorkloadInfo>,
    /// The channels, in the order of every table. The order also assigns the colours.
    pub channels: Vec<ChannelPage>,
    /// The results of `cargo bench`; `None` when it left none.
    pub criterion: Option<Criterion>,
    /// The newest overhead of each channel and comparison.
    pub overheads: Vec<Overhead>,
    /// The newest record of each model.
    pub models: Vec<ModelReport>,
    /// The results of `chanlab verify`.
    pub verification: VerificationMatrix,
    /// Facts that limit what the page can say.
    pub warnings: Vec<Warning>,
    /// What is damaged or contradicts itself in the files of the page.
    pub problems: Vec<Problem>,
    /// Channels that the run could not include: name and reason.
    pub not_available: Vec<(String, String)>,
}

/// Where the numbers of a run come from.
#[derive(Clone, Debug)]
pub struct RunSummary {
    /// Its folder.
    pub folder: PathBuf,
    /// When it began (RFC 3339, UTC).
    pub began: String,
    /// The command line.
    pub command: String,
    /// The profile, or `selected`.
    pub profile: String,
    /// The machine, the compiler and the versions.
    pub machine: Machine,
    /// Whether it is finished.
    pub state: RunState,
    /// The command that resumes it.
    pub resume: String,
}

impl Page {
    /// Whether the page shows a run that is not finished.
    pub fn is_unfinished(&self) -> bool {
        self.run.as_ref().is_some_and(|run| !run.state.is_done())
    }
}

/// A workload.
#[derive(Debug)]
pub struct WorkloadPage {
    /// Its name.
    pub name: String,
    /// Its registration; `None` for a workload that only another runner knows.
    pub info: Option<&'static WorkloadInfo>,
    /// The channels of the run.
    pub channels: Vec<String>,
    /// Its params, in the order of the plan.
    pub params: Vec<ParamsPage>,
    /// Series over one axis.
    pub series: Vec<Series>,
    /// Each channel over all params.
    pub summaries: Vec<RankSummary>,
    /// The models of its protocol, by explorer; empty when no model explores it.
    pub models: Vec<ExplorerResult>,
    /// Where the timeline of a round belongs; `None` when the workload's name is no name of a file.
    pub timeline_file: Option<PathBuf>,
    /// A part of that timeline, if there is one.
    pub timeline: Option<TimelinePart>,
}

/// A workload with its params: one ranking.
#[derive(Clone, Debug)]
pub struct ParamsPage {
    /// The params.
    pub record: ParamsRecord,
    /// A cell for each channel of the run.
    pub cells: Vec<MeasuredCell>,
    /// The measured cells, the fastest first.
    pub ranking: Vec<Ranked>,
    /// The unit of the value that ranks them.
    pub unit: &'static str,
    /// Whether its ranking is shown unfolded.
    pub prominent: bool,
}

/// A channel over all params of a workload.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RankSummary {
    /// The channel.
    pub channel: String,
    /// Params with a time, at the requested capacity.
    pub measured: usize,
    /// Params with a time, at another capacity.
    pub altered: usize,
    /// Params where it is the fastest or tied with the fastest.
    pub fastest: usize,
    /// The smallest and the largest of its ratios to the fastest; `None` without a time.
    pub ratios: Option<[f64; 2]>,
    /// Params that the channel or the machine does not support.
    pub unsupported: usize,
    /// Params where a round failed.
    pub failed: usize,
    /// Params whose records contradict themselves.
    pub contradictory: usize,
    /// Params where it was in no block with the fastest.
    pub not_paired: usize,
    /// Params without a round.
    pub not_run: usize,
}

/// A channel.
#[derive(Debug)]
pub struct ChannelPage {
    /// Its name.
    pub name: String,
    /// Its description; `None` for a channel of a runner that gave none.
    pub about: Option<ChannelHello>,
    /// The version of the run.
    pub version: Option<String>,
    /// The self-checks of its own rounds.
    pub rounds: RoundsCheck,
    /// The models of its own code.
    pub models: ModelsCheck,
}

/// The self-checks of a channel's rounds, over all cells of the page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoundsCheck {
    /// Rounds that verified themselves.
    pub verified: u64,
    /// The cells with a failed round: workload and params.
    pub failed: Vec<(String, String)>,
}

/// The models of a channel's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelsCheck {
    /// Models ran on its code.
    Explored(Vec<ExplorerResult>),
    /// No model ran on its code.
    NotRun(ModelSource),
}

/// Where models of a channel would come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelSource {
    /// The scripts: the channel is the baseline.
    Scripts,
    /// `chanlab verify`, which instruments the published crate.
    Instrumentation,
    /// Nowhere: this build does not know the channel.
    Unknown,
}

/// The models that one explorer ran on the same code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplorerResult {
    /// `loom` or `shuttle`.
    pub explorer: String,
    /// How many models it ran.
    pub models: usize,
    /// How many of them it explored in every schedule that exists.
    pub exhausted: usize,
    /// The models that failed.
    pub failed: Vec<String>,
    /// The models whose exploration a limit cut short: they have not passed.
    pub cut: Vec<String>,
    /// The distinct bounds of the models.
    pub bounds: Vec<String>,
}

/// The results of `cargo bench`. They enter no ranking.
#[derive(Clone, Debug)]
pub struct Criterion {
    /// Criterion's directory.
    pub folder: PathBuf,
    /// The newest result of each benchmark, grouped by machine.
    pub machines: Vec<CriterionMachine>,
}

/// The benchmarks of one machine with the same compiler and versions.
#[derive(Clone, Debug)]
pub struct CriterionMachine {
    /// The machine.
    pub machine: Machine,
    /// Its benchmarks.
    pub benchmarks: Vec<CriterionBenchmark>,
}

/// A criterion benchmark.
#[derive(Clone, Debug)]
pub struct CriterionBenchmark {
    /// The group: workload and params.
    pub group: String,
    /// The channel.
    pub channel: String,
    /// When it ended (RFC 3339, UTC).
    pub at: String,
    /// The profile.
    pub profile: String,
    /// How it ended.
    pub result: BenchmarkResult,
    /// The channel's capacity, where it differs from the requested one.
    pub effective_capacity: Option<String>,
    /// Whether threads of an earlier, hung round were still running.
    pub beside_abandoned_threads: bool,
    /// The command that repeats its rounds.
    pub replay: String,
}

/// How a criterion benchmark ended.
#[derive(Clone, Debug, PartialEq)]
pub enum BenchmarkResult {
    /// Criterion has a time for it, and every round verified itself.
    Measured {
        /// The median of the samples, in ns/op.
        median: f64,
        /// Criterion's interval of that median, in ns/op.
        interval: [f64; 2],
        /// The level of the interval.
        level: f64,
    },
    /// The channel or the machine does not support it; the reason.
    Unsupported(String),
    /// A round failed; the reason.
    Failed(String),
    /// Criterion's files are missing or damaged.
    Damaged(Problem),
}

/// A fact that limits what the page can say.
#[derive(Clone, Debug, PartialEq)]
pub enum Warning {
    /// Something was made on another machine or with other versions than the run; the differences.
    Elsewhere(WarningSource, Vec<String>),
    /// Cells with a failed round.
    FailedCells(u64),
    /// Criterion benchmarks with a failed round.
    FailedBenchmarks(u64),
    /// Criterion benchmarks whose times cannot be read.
    DamagedBenchmarks(u64),
    /// Criterion benchmarks that shared the machine with threads of a hung round.
    BesideAbandonedThreads(u64),
    /// A model failed.
    FailedModel {
        /// The model.
        model: String,
        /// The channel or workload that it explores.
        subject: String,
        /// The explorer.
        explorer: String,
    },
    /// A limit cut the exploration of a model short.
    CutModel {
        /// The model.
        model: String,
        /// The channel or workload that it explores.
        subject: String,
        /// The explorer.
        explorer: String,
        /// The limit.
        limit: ExplorationLimit,
    },
    /// The harness costs more than its target.
    OverheadMissed {
        /// Comparisons that miss the target.
        missed: u64,
        /// All comparisons.
        of: u64,
        /// The largest ratio among those that miss it.
        worst: f64,
    },
    /// A method of verification failed on a channel.
    FailedVerification {
        /// The channel or workload.
        subject: String,
        /// The method.
        method: Method,
    },
    /// The verified version is not the measured one.
    OtherVersion {
        /// The channel.
        channel: String,
        /// The verified version.
        verified: String,
        /// The measured version.
        measured: String,
    },
    /// The slowest 1 in 20 calibration loops took at least this multiple of the median.
    Unsteady(f64),
    /// The share of the processors' time that a hypervisor took.
    Stolen(f64),
}

/// The results that a [`Warning::Elsewhere`] concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarningSource {
    /// The overhead of the harness.
    Overheads,
    /// The criterion benchmarks.
    Criterion,
}

impl Page {
    /// The failures that the page shows, each kind in a few words; empty when nothing failed. Damage is among
    /// [`Page::problems`].
    pub fn failures(&self) -> Vec<String> {
        let count = |is_kind: fn(&Warning) -> bool| {
            self.warnings.iter().filter(|warning| is_kind(warning)).count() as u64
        };
        let benchmarks = self.warnings.iter().find_map(|warning| match warning {
            Warning::FailedBenchmarks(benchmarks) => Some(*benchmarks),
            _ => None,
        });
        [
            (self.totals.failed, "failed cell"),
            (benchmarks.unwrap_or(0), "failed criterion benchmark"),
            (count(|warning| matches!(warning, Warning::FailedModel { .. })), "failed model"),
            (count(|warning| matches!(warning, Warning::FailedVerification { .. })), "failed verification"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| numbers::count(count, what))
        .collect()
    }
}

/// How many cells ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Cells with a time.
    pub measured: u64,
    /// Cells that the channel or the machine does not support.
    pub unsupported: u64,
    /// Cells with a failed round.
    pub failed: u64,
    /// Cells whose records contradict themselves.
    pub contradictory: u64,
    /// Cells without a round.
    pub not_run: u64,
    /// Rounds that verified themselves.
    pub rounds: u64,
}

impl Totals {
    /// The totals over all cells of these workloads.
    pub fn over(workloads: &[WorkloadPage]) -> Self {
        let mut totals = Totals::default();
        for cell in cells(workloads) {
            totals.rounds = totals.rounds.saturating_add(cell.rounds);
            *match cell.result {
                CellResult::Measured(_) => &mut totals.measured,
                CellResult::Unsupported(_) => &mut totals.unsupported,
                CellResult::Failed(_) => &mut totals.failed,
                CellResult::Contradictory => &mut totals.contradictory,
                CellResult::NotRun => &mut totals.not_run,
            } += 1;
        }
        totals
    }
}

/// Every cell of these workloads.
pub fn cells(workloads: &[WorkloadPage]) -> impl Iterator<Item = &MeasuredCell> {
    workloads.iter().flat_map(|workload| &workload.params).flat_map(|params| &params.cells)
}

impl Criterion {
    /// Every benchmark.
    pub fn benchmarks(&self) -> impl Iterator<Item = &CriterionBenchmark> {
        self.machines.iter().flat_map(|machine| &machine.benchmarks)
    }
}
