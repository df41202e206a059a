//! Explores a row, in this process: from the published source to what its models found.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use contract::shard::Shard;
use records::files::{now, read_events, target_dir};
use records::machine::Machine;
use records::model_report::{ExploredModels, ModelEvent, ModelReport, REPORTS_VARIABLE, REQUEST_VARIABLE};
use records::record::Verdict;
use records::verify::{Finding, Method, MethodOutcome, Task};

use super::judge::{self, ExpectedExploration, Version};
use super::planting::plant;
use super::results::{self, Clean, Found, RowOutcome, RowResult, Times};
use crate::instrumented::adapters::default_version;
use crate::instrumented::std_source::STD;
use crate::instrumented::{self, Adapter, Crate, Exploration, fetch};
use crate::models::{NotExplored, SEED as SEED_VARIABLE, request_id, tail};
use crate::versions::source::CrateSource;
use crate::versions::workspace::{ADAPTERS, project};
use engine::supervisor::{Ending, Streams, Supervised, status_words};

/// The seed of every row.
pub const SEED: u64 = 7;

/// The budget of a row, building included.
pub const SHUTTLE_BUDGET: Duration = Duration::from_secs(1800);
/// As long as it lasts, loom explores more.
pub const LOOM_BUDGET: Duration = Duration::from_secs(240);

/// The time after which a model without a step has hung.
const DEADLINE: Duration = Duration::from_secs(40);

/// The folder in the target directory with copies and logs.
const FOLDER: &str = "chanlab/defects";

/// A build of which cargo keeps much for the next patch.
const INCREMENTAL: (&str, &str) = ("CARGO_INCREMENTAL", "1");
/// A build that is ready sooner, and whose programs are slower.
const FAST_BUILD: (&str, &str) = ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");

/// Explores rows.
#[derive(Debug)]
pub struct Explorer<'a> {
    /// This machine, which names the channels' locked versions.
    pub machine: Machine,
    /// Whether rows are built sooner rather than fast.
    pub is_small: bool,
    /// The stop request.
    pub stop: &'a AtomicBool,
}

/// A row that was explored.
#[derive(Debug)]
pub struct Explored {
    /// The result.
    pub result: RowResult,
    /// The executions that each model explored without a failure.
    pub clean: Clean,
}

impl Explorer<'_> {
    /// Explores a row; `None` after a stop request. `baseline` is what the baseline's models took, and `shows` is called
    /// with the current step.
    ///
    /// # Errors
    ///
    /// When the target directory cannot be used, or a patch does not apply.
    pub fn explore(
        &self,
        row: &ExpectedExploration,
        baseline: &Times,
        shows: &mut dyn FnMut(&str),
    ) -> Result<Option<Explored>> {
        let began = Instant::now();
        let root = root()?;
        let (of, version) = match self.crate_of(row, &root) {
            Ok(of) => of,
            // Relaxed: a flag that a signal handler sets; it guards no other data.
            Err(_) if self.stop.load(Ordering::Relaxed) => return Ok(None),
            Err(error) => return Err(error),
        };
        let budget = if row.method == Method::Loom { LOOM_BUDGET } else { SHUTTLE_BUDGET };
        let mut environment = Vec::new();
        if self.is_small || matches!(row.version, Version::Patched(_)) {
            environment.push(INCREMENTAL);
        }
        if self.is_small {
            environment.push(FAST_BUILD);
        }
        let exploration = Exploration {
            method: row.method,
            task: &Task { seed: SEED, shard: Shard::WHOLE, only: None, budget },
            model: row.model.as_deref(),
            deadline: DEADLINE,
            log: &root.join(format!("{}-{}.log", row.name().replace('@', "-"), row.method)),
            environment: &environment,
            sandboxed: false,
        };
        let answered = instrumented::explore(&of, &exploration, self.stop, shows);
        let seconds = began.elapsed().as_secs_f64();
        let result = |build_seconds: f64, outcome, deviations| RowResult {
            name: row.name(),
            method: row.method,
            version,
            at: now(),
            build_seconds,
            explore_seconds: (seconds - build_seconds).max(0.0),
            outcome,
            deviations,
        };
        Ok(Some(match answered {
            Ok((answer, models)) => {
                let deviations = deviations(row, &answer, &models);
                let crash = finding(&answer).and_then(|finding| finding.happened.lines().next());
                let found = Found::new(&models, crash, baseline);
                let built = models.build_seconds.unwrap_or(seconds).min(seconds);
                Explored {
                    result: result(built, RowOutcome::Explored(Box::new(found)), deviations),
                    clean: results::clean(&models),
                }
            }
            Err(NotExplored::Stopped) => return Ok(None),
            Err(NotExplored::Shortage(shortage)) => return Err(shortage.into()),
            Err(NotExplored::NotAvailable(reason) | NotExplored::NotInstrumentable(reason)) => {
                let deviations = vec![format!("it could not be explored: {reason}")];
                let outcome = RowOutcome::NotExplored { reason };
                Explored { result: result(seconds, outcome, deviations), clean: Clean::new() }
            }
        }))
    }

    /// The crate of a row, and its published version.
    fn crate_of(&self, row: &ExpectedExploration, root: &Path) -> Result<(Crate, String)> {
        let channel = &row.channel;
        let listed = default_version(channel);
        let registry = adapters::registry();
        let package = registry.channels().find(|info| info.name == *channel).and_then(|info| info.package);
        let package = match package {
            Some(package) => package.to_owned(),
            None if listed.is_some() || channel == STD => channel.clone(),
            None => bail!("{channel} is no channel of a published crate"),
        };
        let locked = self.machine.channels.get(channel).and_then(|known| known.split(' ').nth(1));
        let newest = listed.as_deref().or(locked);
        let version = match &row.version {
            Version::Published(version) => version.clone(),
            Version::Newest | Version::Patched(_) => {
                newest.with_context(|| format!("{channel} has no version"))?.to_owned()
            }
        };
        let published = CrateSource::Published(version.clone());
        let at = |folder: PathBuf| CrateSource::parse(&package, &format!("path:{}", folder.display()));
        let original = || {
            Ok::<_, anyhow::Error>(fetch::source(root, &package, &published, self.stop)?.own().folder.clone())
        };
        let (source, adapter) = match (&row.version, &row.adapter) {
            (Version::Patched(planted), _) => {
                (at(plant(root, planted, &original()?)?)?, Adapter::of_channel(channel)?)
            }
            (_, Some(adapter)) => {
                let file = project()?.join(ADAPTERS).join("versions").join(format!("{adapter}.rs"));
                (at(original()?)?, Adapter::Given(file))
            }
            (_, None) => (published, Adapter::of_channel(channel)?),
        };
        let is_named = row.version != Version::Newest;
        Ok((Crate { channel: channel.clone(), package, source, is_named, adapter }, version))
    }

    /// The times of the baseline's models by shuttle, with the same schedules; `None` after a stop request.
    ///
    /// # Errors
    ///
    /// When `scripts/shuttle` does not explore them.
    pub fn baseline(&self, shows: &mut dyn FnMut(&str)) -> Result<Option<Times>> {
        const SCRIPT: &str = "scripts/shuttle";
        let root = root()?;
        fs::create_dir_all(&root).with_context(|| format!("cannot make {}", root.display()))?;
        let (log, reports) = (root.join("baseline.log"), root.join("baseline.models.jsonl"));
        let output = fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let request = request_id();
        let mut command = Command::new(project()?.join(SCRIPT));
        command
            .args(["--test", "channel", "--test", "workloads"])
            .env("CARGO_TARGET_DIR", std::path::absolute(target_dir())?)
            .env(REPORTS_VARIABLE, &reports)
            .env(REQUEST_VARIABLE, &request)
            .env(SEED_VARIABLE, SEED.to_string());
        let mut script = Supervised::start(command, Streams::File(output))
            .with_context(|| format!("{SCRIPT} does not run"))?;
        let mut polled = || shows(tail(&log).last().map_or("building", String::as_str));
        match script.run_to_end(None, Some(self.stop), &mut polled) {
            Ending::Stopped | Ending::TimedOut => Ok(None),
            Ending::Exited(status) if status.success() => {
                let events = read_events(&reports, &request)
                    .with_context(|| format!("cannot read {}", reports.display()))?;
                let ended: Vec<ModelReport> = events
                    .into_iter()
                    .filter_map(|event| match event {
                        ModelEvent::Ended(report) => Some(*report),
                        _ => None,
                    })
                    .collect();
                Ok(Some(results::times(&ended)))
            }
            Ending::Exited(status) => {
                bail!("{SCRIPT} ended with {}: see {}", status_words(status), log.display())
            }
        }
    }
}

/// The absolute folder of copies and logs.
fn root() -> Result<PathBuf> {
    Ok(std::path::absolute(target_dir().join(FOLDER))?)
}

/// What came otherwise than the row expects. An exploration that did not reach all of its models can be no match.
fn deviations(row: &ExpectedExploration, answer: &Verdict, models: &ExploredModels) -> Vec<String> {
    let mut wrong = judge::deviations(row, &results::explored(models));
    if let Verdict::Ran(MethodOutcome::Unsupported { reason }) = answer {
        wrong.push(format!("no model could be explored: {reason}"));
    }
    if let Verdict::Ran(MethodOutcome::Unknown { reason, .. }) = answer {
        wrong.push(reason.clone());
    }
    let explored = models.reports.iter().map(|report| &report.model).chain(&models.crashed);
    let explored = explored.collect::<std::collections::BTreeSet<_>>().len() as u64;
    if let Some(planned) = models.planned.filter(|planned| *planned > explored) {
        wrong.push(format!("only {explored} of {planned} models were explored before the time was over"));
    }
    wrong
}

fn finding(answer: &Verdict) -> Option<&Finding> {
    match answer {
        Verdict::Ran(MethodOutcome::Failed(finding)) => Some(finding),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::judge::Expected;
    use super::*;
    use crate::evidence::tests::{PASSED, report};

    fn row() -> ExpectedExploration {
        ExpectedExploration {
            channel: "a".to_owned(),
            version: Version::Newest,
            method: Method::Shuttle,
            model: None,
            what: String::new(),
            adapter: None,
            expected: Expected::Exactly(Vec::new()),
        }
    }

    #[test]
    fn an_exploration_that_did_not_reach_every_model_deviates() {
        let models = |planned| ExploredModels {
            planned: Some(planned),
            reports: vec![report("m", PASSED)],
            ..ExploredModels::default()
        };
        let answer = Verdict::Ran(MethodOutcome::OutOfTime { cases: 1, all: None });
        assert_eq!(deviations(&row(), &answer, &models(1)), [""; 0]);
        assert_eq!(
            deviations(&row(), &answer, &models(2)),
            ["only 1 of 2 models were explored before the time was over"]
        );
    }
}
