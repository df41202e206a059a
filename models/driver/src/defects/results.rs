//! The results: what every row found, stored in `models/defects/results.json`.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use records::model_report::{
    ExplorationLimit, ExploredModels, ModelFailure, ModelReport, ModelVerdict, TimedWaits,
};
use records::verify::Method;
use serde::{Deserialize, Serialize};

use wording::models as words;

use super::judge::{Came, ExpectedExploration, ExploredModel};
use crate::evidence::short;

/// The file of the results, below the project's folder.
pub const RESULTS: &str = "models/defects/results.json";

/// The endings of the names of models that differ only in the capacity of their channel.
const CAPACITIES: [&str; 3] = ["_rendezvous", "_buffered", "_unbounded"];
const CAPACITY: &str = "_at_capacity";

/// The version of the format. Reading a file of another version is an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Format;

impl Format {
    /// The number in the file.
    pub const VERSION: u32 = 1;
}

impl TryFrom<u32> for Format {
    type Error = String;

    fn try_from(version: u32) -> Result<Self, String> {
        match version {
            Format::VERSION => Ok(Format),
            _ => Err(format!("format {version} of results: expected {}", Format::VERSION)),
        }
    }
}

impl From<Format> for u32 {
    fn from(_: Format) -> u32 {
        Format::VERSION
    }
}

/// All results.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Results {
    /// The version of the format.
    pub format: Format,
    /// In the order of the document.
    pub rows: Vec<RowResult>,
}

/// The result of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowResult {
    /// The name of the row.
    pub name: String,
    /// The method.
    pub method: Method,
    /// The version of the crate, without the patch of a planted defect.
    pub version: String,
    /// When the row ended (RFC 3339, UTC).
    pub at: String,
    /// Seconds to fetch, instrument and build.
    pub build_seconds: f64,
    /// Seconds to explore.
    pub explore_seconds: f64,
    /// The outcome.
    pub outcome: RowOutcome,
    /// Differences from what the row expects, a sentence each.
    pub deviations: Vec<String>,
}

/// The outcome of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum RowOutcome {
    /// Models were explored.
    Explored(Box<Found>),
    /// None could be explored.
    NotExplored {
        /// The reason.
        reason: String,
    },
}

/// What the models of a row found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// The models that failed.
    pub failed: Vec<FailedModels>,
    /// The first failure.
    pub first: Option<Failure>,
    /// The number of models that passed.
    pub passed: u64,
    /// The number of models that each limit cut short.
    pub cut: BTreeMap<ExplorationLimit, u64>,
    /// The number of models that need something that the channel lacks.
    pub unsupported: u64,
    /// The executions of the models that did not fail.
    pub executions: u64,
    /// Of loom, how far these models were explored, each extent with its number of models; the most frequent first.
    pub extents: Vec<(String, u64)>,
    /// How waits with a deadline ended in these models.
    pub timed_waits: TimedWaits,
    /// The speed of the models that passed.
    pub speed: Option<Speed>,
}

/// Models that failed: a single one, or one for each of several capacities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedModels {
    /// The name of the model, or the common beginning of the names.
    pub name: String,
    /// The number of models.
    pub models: u64,
}

/// A failed execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The number of the execution, from 1; `None` when the process crashed.
    pub execution: Option<u64>,
    /// What happened, in words.
    pub what: String,
}

/// The speed of an exploration, in executions a second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// That of the crate.
    pub own: f64,
    /// That of the baseline over the same models, which are those that both pass; `None` when the baseline was not
    /// explored.
    pub baseline: Option<f64>,
    /// The number of models.
    pub models: u64,
}

impl Results {
    /// The stored results; none when there is no file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is of another format.
    pub fn read(project: &Path) -> Result<Self> {
        let file = project.join(RESULTS);
        match fs::read(&file) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).with_context(|| format!("cannot read {}", file.display()))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Results::default()),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
        }
    }

    /// Stores the results.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn write(&self, project: &Path) -> Result<()> {
        let json = serde_json::to_string_pretty(self)? + "\n";
        Ok(engine::replace(&project.join(RESULTS), json.as_bytes())?)
    }

    /// The result of a row.
    pub fn of(&self, row: &ExpectedExploration) -> Option<&RowResult> {
        let name = row.name();
        self.rows.iter().find(|result| result.name == name && result.method == row.method)
    }

    /// Puts a result in the place of the row's former one. Rows are kept in the order of `all`; results of rows that are
    /// not among them are dropped.
    pub fn replace(&mut self, result: RowResult, all: &[ExpectedExploration]) {
        self.rows.retain(|old| (&old.name, old.method) != (&result.name, result.method));
        self.rows.push(result);
        let rows = all.iter().filter_map(|row| self.of(row).cloned());
        self.rows = rows.collect();
    }
}

impl Found {
    /// What `models` found; `crash` describes the first failure when it is that of a process that crashed. `baseline` is
    /// what the baseline's models took.
    pub fn new(models: &ExploredModels, crash: Option<&str>, baseline: &Times) -> Self {
        let failed: Vec<&str> = models.failed().collect();
        let did_not_fail = |report: &&ModelReport| !failed.contains(&report.model.as_str());
        let sound: Vec<&ModelReport> = models.reports.iter().filter(did_not_fail).collect();
        let passed: Vec<&ModelReport> = sound.iter().copied().filter(|report| report.has_passed()).collect();
        let is_unsupported =
            |report: &&&ModelReport| matches!(report.verdict, ModelVerdict::Unsupported { .. });
        let mut cut = BTreeMap::new();
        for limit in sound.iter().filter_map(|report| report.cut_by()) {
            *cut.entry(limit).or_default() += 1;
        }
        let first = models.reports.iter().find_map(ModelReport::failure);
        let first =
            first.map(|failure| Failure { execution: Some(failure.execution), what: what_happened(failure) });
        let crash = crash.map(|what| Failure { execution: None, what: what.to_owned() });
        Found {
            failed: by_family(&failed, &sound),
            first: if failed.is_empty() { None } else { first.or(crash) },
            passed: passed.len() as u64,
            cut,
            unsupported: sound.iter().filter(is_unsupported).count() as u64,
            executions: sound.iter().map(|report| report.executions).sum(),
            extents: extents(&sound),
            timed_waits: sound.iter().filter_map(|report| report.timed_waits).sum(),
            speed: Speed::new(&times(passed), baseline),
        }
    }
}

/// The executions and the seconds of each model, by name.
pub type Times = BTreeMap<String, (u64, f64)>;

/// The times of the models that passed.
pub fn times<'a>(reports: impl IntoIterator<Item = &'a ModelReport>) -> Times {
    let passed = reports.into_iter().filter(|report| report.has_passed());
    passed.map(|report| (report.model.clone(), (report.executions, report.seconds))).collect()
}

/// The executions that a model explored without a failure, by name; `None` when it completed its bounds.
pub type Clean = BTreeMap<String, Option<u64>>;

/// The models that did not fail. An exploration that a limit cut short has seen its executions and no more.
pub fn clean(models: &ExploredModels) -> Clean {
    let reports = models.reports.iter().filter(|report| !models.crashed.contains(&report.model));
    reports
        .filter_map(|report| match report.verdict {
            ModelVerdict::Passed { .. } => Some((report.model.clone(), None)),
            ModelVerdict::Cut { .. } => Some((report.model.clone(), Some(report.executions))),
            _ => None,
        })
        .collect()
}

/// Why it is not proved that `model` fails because of a patch. A model that fails without the patch as well proves
/// nothing. One that was cut short without the patch must have explored there at least the execution that fails with it.
pub fn unproved(without_patch: &Clean, model: &str, failing: Option<u64>) -> Option<String> {
    match (without_patch.get(model), failing) {
        (None, _) => Some(format!("{model} fails without the patch as well, or was not explored")),
        (Some(Some(explored)), Some(failing)) if *explored < failing => Some(format!(
            "{model} fails in execution {failing}, and without the patch only {explored} were explored"
        )),
        _ => None,
    }
}

impl Speed {
    /// The speed of `own`, over the models that `baseline` has as well; over all of them when it has none. `None` when no
    /// model is left.
    fn new(own: &Times, baseline: &Times) -> Option<Self> {
        let is_compared = |name: &&String| baseline.is_empty() || baseline.contains_key(*name);
        let names: Vec<&String> = own.keys().filter(is_compared).collect();
        let speed = |times: &Times| {
            let (executions, seconds) = names
                .iter()
                .filter_map(|name| times.get(*name))
                .fold((0, 0.0), |(executions, seconds), one| (executions + one.0, seconds + one.1));
            executions as f64 / seconds.max(1e-9)
        };
        (!names.is_empty()).then(|| Speed {
            own: speed(own),
            baseline: (!baseline.is_empty()).then(|| speed(baseline)),
            models: names.len() as u64,
        })
    }
}

/// The models of an exploration, for the judgement.
pub fn explored(models: &ExploredModels) -> Vec<ExploredModel> {
    let crashed = models.crashed.iter().map(|model| ExploredModel {
        model: model.clone(),
        came: Came::Failed,
        timed_waits: None,
    });
    let reported = models.reports.iter().filter(|report| !models.crashed.contains(&report.model));
    let reported = reported.map(|report| ExploredModel {
        model: report.model.clone(),
        came: match report.verdict {
            ModelVerdict::Passed { .. } => Came::Passed,
            ModelVerdict::Failed(_) => Came::Failed,
            ModelVerdict::Cut { .. } => Came::Cut,
            ModelVerdict::Unsupported { .. } => Came::Unsupported,
            ModelVerdict::Diverged(_) => Came::Diverged,
        },
        // As many of a model that failed as there were until then, which says nothing of all its schedules.
        timed_waits: match report.verdict {
            ModelVerdict::Failed(_) => None,
            _ => report.timed_waits.map(|waits| (waits.woken, waits.expired)),
        },
    });
    reported.chain(crashed).collect()
}

/// The failure in one line. The place of a panic is in the harness and says nothing on the crate.
fn what_happened(failure: &ModelFailure) -> String {
    let place = |place: &str| short(place).to_owned();
    let words = words::what_happened(&ModelFailure { place: None, ..failure.clone() }, &place);
    let lines: Vec<&str> = words.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join("; ")
}

/// The failed models, those of all capacities as one family unless a model of the family did not fail.
fn by_family(failed: &[&str], sound: &[&ModelReport]) -> Vec<FailedModels> {
    let mut left = failed.to_vec();
    let mut all = Vec::new();
    while let Some(&first) = left.first() {
        let stem = stem(first);
        let count = left.iter().filter(|model| model.starts_with(stem)).count();
        let is_whole = count > 1
            && !sound.iter().any(|report| report.coverage().is_some() && report.model.starts_with(stem));
        let (name, models) = if is_whole { (stem, count) } else { (first, 1) };
        all.push(FailedModels { name: name.to_owned(), models: models as u64 });
        left.retain(|model| if is_whole { !model.starts_with(stem) } else { *model != first });
    }
    all
}

/// The name of a model without its capacity.
fn stem(model: &str) -> &str {
    let model = model.split_once(CAPACITY).map_or(model, |(stem, _)| stem);
    CAPACITIES.iter().find_map(|capacity| model.strip_suffix(capacity)).unwrap_or(model)
}

/// How far loom explored these models.
fn extents(sound: &[&ModelReport]) -> Vec<(String, u64)> {
    let mut extents: BTreeMap<String, u64> = BTreeMap::new();
    for report in sound.iter().filter(|report| report.explorer() == Method::Loom.name()) {
        let Some(coverage) = report.coverage() else { continue };
        let mut extent = words::schedules(&report.bounds, coverage);
        if let Some(limit) = report.cut_by() {
            extent += &format!(", until {}", words::limit(limit));
        }
        *extents.entry(extent).or_default() += 1;
    }
    let mut extents: Vec<(String, u64)> = extents.into_iter().collect();
    // The sort is stable: extents with the same number stay in the order of their words.
    extents.sort_by_key(|(_, models)| std::cmp::Reverse(*models));
    extents
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::tests::{PASSED, report};
    use records::model_report::Coverage;

    fn failed(execution: u64, message: &str) -> ModelVerdict {
        let failure = ModelFailure {
            execution,
            message: message.to_owned(),
            place: Some("models/src/payload.rs:1:1".to_owned()),
            ..ModelFailure::default()
        };
        ModelVerdict::Failed(Box::new(failure))
    }

    fn of(reports: Vec<ModelReport>) -> ExploredModels {
        ExploredModels { reports, ..ExploredModels::default() }
    }

    #[test]
    fn failed_models_of_all_capacities_are_one_family() {
        let models = of(vec![
            report("a_rendezvous", failed(3, "lost")),
            report("a_at_capacity_1", failed(4, "lost")),
            report("b_buffered", failed(5, "lost")),
            report("b_unbounded", PASSED),
        ]);
        let found = Found::new(&models, None, &Times::new());
        let names: Vec<_> = found.failed.iter().map(|failed| (failed.name.as_str(), failed.models)).collect();
        assert_eq!(names, [("a", 2), ("b_buffered", 1)]);
        assert_eq!(found.first, Some(Failure { execution: Some(3), what: "lost".to_owned() }));
        assert_eq!((found.passed, found.executions), (1, 1_000));
    }

    #[test]
    fn a_model_whose_process_crashed_after_it_passed_has_failed() {
        let models = ExploredModels { crashed: ["a".to_owned()].into(), ..of(vec![report("a", PASSED)]) };
        let found = Found::new(&models, Some("its process ended with SIGSEGV"), &Times::new());
        assert_eq!((found.failed.len(), found.passed), (1, 0));
        assert_eq!(found.first.map(|first| first.execution), Some(None));
        let came: Vec<Came> = explored(&models).iter().map(|one| one.came).collect();
        assert_eq!(came, [Came::Failed]);
    }

    #[test]
    fn a_patch_is_proved_by_a_model_that_explored_as_much_without_it() {
        let cut = |executions| ModelReport {
            executions,
            verdict: ModelVerdict::Cut { limit: ExplorationLimit::Time, coverage: Coverage::Partial },
            ..report("cut", PASSED)
        };
        let crashed = ExploredModels { crashed: ["crashed".to_owned()].into(), ..of(vec![]) };
        let models = ExploredModels {
            reports: vec![
                report("passed", PASSED),
                cut(8),
                report("fails", failed(3, "lost")),
                report("crashed", PASSED),
            ],
            ..crashed
        };
        let clean = clean(&models);
        assert_eq!(unproved(&clean, "passed", Some(1 << 40)), None);
        assert_eq!(unproved(&clean, "cut", Some(8)), None);
        assert!(unproved(&clean, "cut", Some(9)).is_some_and(|why| why.contains("only 8 were explored")));
        for model in ["fails", "crashed", "unknown"] {
            assert!(unproved(&clean, model, Some(1)).is_some(), "{model}");
        }
    }

    #[test]
    fn the_speed_is_compared_over_the_models_that_both_pass() {
        let own = times(&[report("a", PASSED), report("b", PASSED), report("c", failed(1, ""))]);
        assert_eq!(own.len(), 2);
        let baseline = Times::from([("a".to_owned(), (100, 0.1)), ("z".to_owned(), (1, 1.0))]);
        let speed = Speed::new(&own, &baseline).expect("both pass a");
        assert_eq!((speed.own, speed.models), (500.0, 1));
        assert!(speed.baseline.is_some_and(|baseline| (baseline - 1_000.0).abs() < 1e-6));
        assert_eq!(Speed::new(&own, &Times::new()).map(|speed| speed.models), Some(2));
        assert_eq!(Speed::new(&Times::new(), &baseline), None);
    }
}
