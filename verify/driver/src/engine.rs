//! Carries out a verification: divides the budget among the jobs, runs them one after the other, and records
//! each verdict at once.
//!
//! Methods with a fixed number of cases come first and take the time they need: conformance, then the models.
//! Before each endless method, the rest of the budget is divided evenly among those that remain. One job runs
//! at a time, so that the threads of a case have all processors.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use model_driver::models::BASELINE;
use records::command;
use records::files::{Recorder, now};
use records::format::Format;
use records::machine::Machine;
use records::record::{Record, Verdict, VerdictRecord};
use records::verify::{Method, MethodOutcome, Shard, Task};

use super::worker::{CaseReport, Job, NoReport, WorkerProgram};
use engine::progress::Progress;
use model_driver::instrumented::{self, Crate, Exploration};
use model_driver::models::{self, NotExplored};

/// The share of the budget that the model scripts leave to the endless methods. The models end by themselves,
/// and a first run spends most of their time on compilation.
const LEFT_BY_MODELS: f64 = 0.05;

/// The minimum time of a job, so that it runs a few cases even when the budget is spent.
const MIN_SHARE: Duration = Duration::from_millis(200);

/// The reason why a channel of another program has no models.
const NOT_INSTRUMENTABLE: &str =
    "its source is not written on chanlab's primitives, which the models control";

/// The reason why a published crate is not explored by default: fetching, building and exploring it takes too
/// long.
pub const ON_REQUEST: &str =
    "its source is instrumented only on request: --method shuttle (or loom) --channel NAME";

/// The request of a verification.
#[derive(Debug)]
pub struct Verification {
    /// The program that runs the cases.
    pub program: WorkerProgram,
    /// The channels, each with its version.
    pub channels: Vec<(String, String)>,
    /// The crates among them that are instrumented for loom and shuttle.
    pub crates: Vec<Crate>,
    /// The only model of these crates to explore.
    pub model: Option<String>,
    /// Whether these crates are built and run in a sandbox.
    pub sandboxed: bool,
    /// The methods.
    pub methods: Vec<Method>,
    /// The seed, which determines the cases.
    pub seed: u64,
    /// The shard of the cases.
    pub shard: Shard,
    /// The only case to run.
    pub only: Option<u64>,
    /// The approximate duration.
    pub budget: Duration,
    /// The deadline of a case.
    pub deadline: Duration,
    /// The folder for pictures and logs.
    pub folder: PathBuf,
    /// The machine it runs on.
    pub machine: Machine,
}

/// A piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// The cases of a method over the channel at this position.
    Cases(usize, Method),
    /// The script of a method.
    Models(Method),
    /// The models of a method over the instrumented crate of the channel at this position.
    Instrumented(usize, Method),
    /// Only a verdict for the channel at this position, without running anything.
    NotInstrumentable(usize, Method),
}

impl Verification {
    /// The work, in order.
    fn work(&self) -> Vec<Work> {
        let asked = |method: &Method| self.methods.contains(method);
        let channels = 0..self.channels.len();
        let mut work = Vec::new();
        if asked(&Method::Conformance) {
            work.extend(channels.clone().map(|channel| Work::Cases(channel, Method::Conformance)));
        }
        // Shuttle takes seconds; loom has the rest of the models' part.
        for method in [Method::Shuttle, Method::Loom].into_iter().filter(asked) {
            let (own, others): (Vec<_>, Vec<_>) =
                channels.clone().partition(|&channel| self.has_models(channel));
            work.extend(others.into_iter().map(|channel| match self.crate_of(channel).is_some() {
                true => Work::Instrumented(channel, method),
                false => Work::NotInstrumentable(channel, method),
            }));
            if !own.is_empty() {
                work.push(Work::Models(method));
            }
        }
        for channel in channels {
            let endless = self.methods.iter().filter(|method| is_endless(**method));
            work.extend(endless.map(|method| Work::Cases(channel, *method)));
        }
        work
    }

    fn crate_of(&self, channel: usize) -> Option<&Crate> {
        self.crates.iter().find(|of| of.name() == self.channels[channel].0)
    }

    /// The verdict for a channel that has no models and is not instrumented.
    fn not_instrumented(&self, channel: usize) -> Verdict {
        let name = &self.channels[channel].0;
        let is_own = matches!(self.program, WorkerProgram::Own(_))
            && adapters::registry().channels().any(|info| info.name == name);
        match is_own {
            true => Verdict::NotAvailable { reason: ON_REQUEST.to_owned() },
            false => Verdict::NotInstrumentable { reason: NOT_INSTRUMENTABLE.to_owned() },
        }
    }

    fn has_models(&self, channel: usize) -> bool {
        matches!(self.program, WorkerProgram::Own(_)) && self.channels[channel].0 == BASELINE
    }

    /// Runs the verification. `verified` is called after each verdict. Returns the verdicts, and whether they
    /// are complete: a stop request ends it early.
    ///
    /// # Errors
    ///
    /// When a verdict cannot be recorded, or with [`Shortage`](engine::shortage::Shortage) when the machine lacks
    /// something. The verdicts so far are recorded.
    pub fn run(
        &self,
        recorder: &Recorder,
        stop: &AtomicBool,
        progress: &Progress,
        report: &mut dyn FnMut(&VerdictRecord),
    ) -> Result<(Vec<VerdictRecord>, bool)> {
        let (work, began) = (self.work(), Instant::now());
        let mut all = Vec::new();
        for (place, now) in work.iter().enumerate() {
            let left = self.budget.saturating_sub(began.elapsed());
            let share = share(left, self.budget, &work[place..]);
            let answers = match self.one(*now, share, began, stop, progress) {
                Ok(answers) => answers,
                Err(NoReport::Stopped) => {
                    progress.end();
                    return Ok((all, false));
                }
                Err(NoReport::Shortage(shortage)) => {
                    progress.end();
                    return Err(shortage.into());
                }
            };
            for verified in answers {
                recorder
                    .append(&Record::Verified(Box::new(verified.clone())))
                    .with_context(|| format!("cannot write {}", recorder.path().display()))?;
                progress.above(|| report(&verified));
                all.push(verified);
            }
        }
        progress.end();
        Ok((all, true))
    }

    /// Does one piece of work; [`NoReport`] after a stop request or a shortage.
    fn one(
        &self,
        work: Work,
        share: Duration,
        began: Instant,
        stop: &AtomicBool,
        progress: &Progress,
    ) -> Result<Vec<VerdictRecord>, NoReport> {
        let since = Instant::now();
        let show = |now: &str| progress.at(began.elapsed(), self.budget.max(began.elapsed()), now);
        match work {
            Work::NotInstrumentable(channel, method) => {
                let verdict = self.not_instrumented(channel);
                Ok(vec![self.verified(channel, method, share, since, verdict)])
            }
            Work::Instrumented(channel, method) => {
                let of = self.crate_of(channel).ok_or(NoReport::Stopped)?;
                let name = of.name();
                let exploration = Exploration {
                    method,
                    task: &self.task(share),
                    model: self.model.as_deref(),
                    deadline: self.deadline,
                    log: &self.folder.join(format!("{}-{method}.log", name.replace(['@', '/', ':'], "-"))),
                    environment: &[],
                    sandboxed: self.sandboxed,
                };
                let verdict = instrumented::explore(of, &exploration, stop, &mut |what| {
                    show(&format!("{name} by {method}: {what}"));
                });
                let (verdict, models) = match verdict {
                    Ok((verdict, models)) => (verdict, Some(models)),
                    Err(NotExplored::Stopped) => return Err(NoReport::Stopped),
                    Err(NotExplored::Shortage(shortage)) => return Err(shortage.into()),
                    Err(NotExplored::NotAvailable(reason)) => (Verdict::NotAvailable { reason }, None),
                    Err(NotExplored::NotInstrumentable(reason)) => {
                        (Verdict::NotInstrumentable { reason }, None)
                    }
                };
                let replay = matches!(verdict, Verdict::Ran(MethodOutcome::Failed(_))).then(|| {
                    let seed = self.seed.to_string();
                    let words = ["--method", method.name(), "--seed", &seed].map(OsString::from);
                    let model = self.model.iter().flat_map(|model| ["--model", model]).map(OsString::from);
                    let chanlab = ["chanlab", "verify"].map(OsString::from).into_iter();
                    command::line(chanlab.chain(of.asked()).chain(words).chain(model))
                });
                Ok(vec![VerdictRecord {
                    replay,
                    models,
                    ..self.verified(channel, method, share, since, verdict)
                }])
            }
            Work::Cases(channel, method) => {
                let name = &self.channels[channel].0;
                let job = Job {
                    program: &self.program,
                    channel: name,
                    method,
                    task: self.task(share),
                    deadline: self.deadline,
                    limit: share + self.deadline,
                };
                show(&format!("{name} by {method}"));
                let mut shown: Option<Instant> = None;
                let report = job.run_cases(stop, &mut |case| {
                    const SHOW_INTERVAL: Duration = Duration::from_millis(100);
                    if shown.is_none_or(|shown| shown.elapsed() >= SHOW_INTERVAL) {
                        shown = Some(Instant::now());
                        let case = case.map_or_else(String::new, |case| format!(", case {case}"));
                        show(&format!("{name} by {method}{case}"));
                    }
                })?;
                let replay = matches!(report.verdict, Verdict::Ran(MethodOutcome::Failed(_)))
                    .then(|| self.replay(name, method, &report));
                let verified = self.verified(channel, method, share, since, report.verdict);
                Ok(vec![VerdictRecord { crash: report.crash, replay, ..verified }])
            }
            Work::Models(method) => {
                let task = self.task(share);
                let log = self.folder.join(format!("{method}.log"));
                let explored = models::explore(method, &task, self.deadline, &log, stop, &mut || {
                    show(&format!("models by {method}"));
                });
                let baseline = self.channels.iter().position(|(name, _)| name == BASELINE).unwrap_or(0);
                let verified = |verdict| self.verified(baseline, method, share, since, verdict);
                match explored {
                    Err(NotExplored::Stopped) => Err(NoReport::Stopped),
                    Err(NotExplored::Shortage(shortage)) => Err(shortage.into()),
                    Err(NotExplored::NotAvailable(reason) | NotExplored::NotInstrumentable(reason)) => {
                        Ok(vec![verified(Verdict::NotAvailable { reason })])
                    }
                    Ok(explored) => Ok(models::verdicts(method, &task, &explored)
                        .into_iter()
                        .map(|one| {
                            let (subject, replay) = (one.subject, one.replay);
                            VerdictRecord {
                                subject,
                                replay,
                                models: Some(one.models),
                                ..verified(one.verdict)
                            }
                        })
                        .collect()),
                }
            }
        }
    }

    fn task(&self, share: Duration) -> Task {
        Task { seed: self.seed, shard: self.shard, only: self.only, budget: share }
    }

    /// The command that reproduces a failure.
    fn replay(&self, channel: &str, method: Method, report: &CaseReport) -> String {
        let mut words = vec!["chanlab".to_owned(), "verify".to_owned()];
        if let WorkerProgram::Command(program) = &self.program {
            words.extend(["--by".to_owned(), command::joined(program)]);
        }
        let seed = self.seed.to_string();
        words.extend(["--channel", channel, "--method", method.name(), "--seed", &seed].map(str::to_owned));
        let case = match &report.verdict {
            Verdict::Ran(MethodOutcome::Failed(finding)) if report.crash.is_none() => Some(finding.case),
            _ => report.last_case,
        };
        if let Some(case) = case {
            words.extend(["--case".to_owned(), case.to_string()]);
        }
        command::line(words)
    }

    fn verified(
        &self,
        channel: usize,
        method: Method,
        share: Duration,
        since: Instant,
        verdict: Verdict,
    ) -> VerdictRecord {
        let (subject, version) = &self.channels[channel];
        VerdictRecord {
            format: Format,
            at: now(),
            command: command::typed(),
            subject: subject.clone(),
            version: version.clone(),
            method,
            seed: self.seed,
            shard: self.shard,
            only: self.only,
            budget_seconds: share.as_secs_f64(),
            seconds: since.elapsed().as_secs_f64(),
            verdict,
            crash: None,
            replay: None,
            models: None,
            machine: self.machine.clone(),
        }
    }
}

/// Whether a method always has more cases.
fn is_endless(method: Method) -> bool {
    match method {
        Method::Rounds | Method::Properties | Method::Linearizability => true,
        Method::Conformance | Method::Loom | Method::Shuttle => false,
    }
}

/// The time of the first of the `work`, when `left` is the rest of the budget.
fn share(left: Duration, budget: Duration, work: &[Work]) -> Duration {
    let endless = |work: &&Work| matches!(work, Work::Cases(_, method) if is_endless(*method));
    let models = |work: &&Work| matches!(work, Work::Models(_) | Work::Instrumented(..));
    let count = |of: &dyn Fn(&&Work) -> bool| work.iter().filter(of).count().max(1) as u32;
    let share = match work.first() {
        Some(first) if endless(&first) => left / count(&endless),
        Some(first) if models(&first) && work.iter().any(|work| endless(&work)) => {
            left.saturating_sub(budget.mul_f64(LEFT_BY_MODELS)) / count(&models)
        }
        Some(first) if models(&first) => left / count(&models),
        _ => left,
    };
    share.max(MIN_SHARE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verification(channels: &[&str], methods: &[Method]) -> Verification {
        Verification {
            program: WorkerProgram::Own(None),
            channels: channels.iter().map(|name| ((*name).to_owned(), String::new())).collect(),
            crates: Vec::new(),
            model: None,
            sandboxed: false,
            methods: methods.to_vec(),
            seed: 1,
            shard: Shard::WHOLE,
            only: None,
            budget: Duration::from_secs(100),
            deadline: Duration::from_secs(20),
            folder: PathBuf::new(),
            machine: runner::machine::current(&adapters::registry()),
        }
    }

    #[test]
    fn fixed_work_comes_first_and_only_the_baseline_has_models() {
        use Method::{Conformance, Loom, Rounds};
        let mut asked = verification(&[BASELINE, "flume"], &[Rounds, Conformance, Loom]);
        let expected = [
            Work::Cases(0, Conformance),
            Work::Cases(1, Conformance),
            Work::NotInstrumentable(1, Loom),
            Work::Models(Loom),
            Work::Cases(0, Rounds),
            Work::Cases(1, Rounds),
        ];
        assert_eq!(asked.work(), expected);
        asked.channels.remove(0);
        assert!(!asked.work().contains(&Work::Models(Loom)), "the baseline was not selected");
    }

    #[test]
    fn the_budget_is_divided_among_the_endless_methods() {
        let [left, budget] = [60, 100].map(Duration::from_secs);
        let [rounds, conformance] =
            [Method::Rounds, Method::Conformance].map(|method| Work::Cases(0, method));
        let [loom, shuttle] = [Method::Loom, Method::Shuttle].map(Work::Models);
        assert_eq!(share(left, budget, &[conformance, loom, rounds]), left);
        assert_eq!(share(budget, budget, &[shuttle, loom, rounds]), Duration::from_millis(47_500));
        assert_eq!(share(left, budget, &[loom, rounds, rounds]), Duration::from_secs(55));
        assert_eq!(share(Duration::from_secs(4), budget, &[loom, rounds]), MIN_SHARE);
        assert_eq!(share(left, budget, &[shuttle, loom]), Duration::from_secs(30));
        assert_eq!(share(left, budget, &[shuttle]), left);
        assert_eq!(share(left, budget, &[rounds, rounds, rounds]), Duration::from_secs(20));
        assert_eq!(share(Duration::ZERO, budget, &[rounds]), MIN_SHARE);
    }
}
