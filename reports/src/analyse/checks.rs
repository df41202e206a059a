//! What the checks say of a channel or a workload, in words. A check that did not run on a channel's own code is no pass.

use harness::channel::{Channel, Info};
use harness::channels::mutex_deque::MutexDeque;
use harness::model_report::{ModelReport, ModelVerdict, words};
use harness::record::{ModelRecord, Overhead};

use super::cells::Outcome;
use super::page::WorkloadPage;
use crate::numbers;

/// The channel that the models of workloads run over.
pub const BASELINE: &str = MutexDeque::INFO.name;

/// The scripts that run the models.
const MODELS_SCRIPTS: &str = "scripts/loom, scripts/shuttle";

/// What a check says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How it is to be taken.
    pub kind: VerdictKind,
    /// In words.
    pub words: String,
}

/// How a verdict is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerdictKind {
    /// It ran on the channel's own code and found nothing.
    Passed,
    /// It found a fault.
    Failed,
    /// It says nothing of the channel's own code.
    Silent,
}

/// The newest record of each model, in the order in which the models first appear.
pub fn newest_models(models: &[ModelRecord]) -> Vec<ModelRecord> {
    let key = |model: &ModelReport| (model.model.clone(), model.subject_name().to_owned(), model.explorer());
    newest(models, |one, other| key(&one.report) == key(&other.report))
}

/// The newest record of the overhead over each channel.
pub fn newest_overheads(overheads: &[Overhead]) -> Vec<Overhead> {
    newest(overheads, |one, other| (&one.channel, &one.against) == (&other.channel, &other.against))
}

/// The last of those records that have the same subject, in the order in which the subjects first appear.
fn newest<T: Clone>(records: &[T], same_subject: impl Fn(&T, &T) -> bool) -> Vec<T> {
    let mut newest: Vec<T> = Vec::new();
    for record in records {
        match newest.iter_mut().find(|known| same_subject(known, record)) {
            Some(known) => known.clone_from(record),
            None => newest.push(record.clone()),
        }
    }
    newest
}

/// The verification of a channel's own rounds, over all cells of the page.
pub fn rounds(channel: &str, workloads: &[WorkloadPage]) -> Verdict {
    let mut verified: u64 = 0;
    let mut failed = Vec::new();
    for workload in workloads {
        for params in &workload.params {
            for cell in params.cells.iter().filter(|cell| cell.channel == channel) {
                verified = verified.saturating_add(cell.rounds);
                if matches!(cell.outcome, Outcome::Failed(_)) {
                    failed.push(format!("{} with {}", workload.name, params.record.id));
                }
            }
        }
    }
    let verified_words = format!("{} verified", numbers::count(verified, "round"));
    match (verified, failed.len()) {
        (0, 0) => Verdict { kind: VerdictKind::Silent, words: "not run".to_owned() },
        (_, 0) => Verdict { kind: VerdictKind::Passed, words: format!("{verified_words}, none failed") },
        (_, cells) => Verdict {
            kind: VerdictKind::Failed,
            words: format!(
                "failed in {}: {}; {verified_words} in others",
                numbers::count(cells as u64, "cell"),
                failed.join(", ")
            ),
        },
    }
}

/// What the models say of a channel's own code. `info` is what this build knows of the channel.
pub fn channel_models(channel: &str, info: Option<&Info>, models: &[ModelRecord]) -> Verdict {
    let own = of_subject(channel, models);
    if !own.is_empty() {
        return of_models(&own);
    }
    let words = match info {
        Some(info) if info.name != BASELINE => {
            format!(
                "not run (chanlab verify --method shuttle --channel {} explores its own source)",
                info.name
            )
        }
        Some(_) => format!("not run ({MODELS_SCRIPTS})"),
        None => "not run: not known to this build".to_owned(),
    };
    Verdict { kind: VerdictKind::Silent, words }
}

/// What the models say of a workload's protocol; `None` when no model explores it.
pub fn workload_models(workload: &str, models: &[ModelRecord]) -> Option<Verdict> {
    let own = of_subject(workload, models);
    let found = (!own.is_empty()).then(|| of_models(&own))?;
    Some(Verdict {
        // Its own code is the workload's; of the other channels it says nothing, so it is no pass of the page's cells.
        kind: match found.kind {
            VerdictKind::Failed => VerdictKind::Failed,
            VerdictKind::Passed | VerdictKind::Silent => VerdictKind::Silent,
        },
        words: format!("protocol only, over {BASELINE}: {}", found.words),
    })
}

/// The reports on a subject. Models of capabilities that it declares to lack say nothing of it.
fn of_subject<'a>(subject: &str, models: &'a [ModelRecord]) -> Vec<&'a ModelReport> {
    let is_unsupported = |report: &ModelReport| matches!(report.verdict, ModelVerdict::Unsupported { .. });
    let reports = models.iter().map(|model| &model.report);
    reports.filter(|report| report.subject_name() == subject && !is_unsupported(report)).collect()
}

/// The models' verdict, by explorer: one of them says nothing of the schedules of another.
fn of_models(models: &[&ModelReport]) -> Verdict {
    let mut explorers: Vec<&str> = models.iter().map(|model| model.explorer()).collect();
    explorers.sort_unstable();
    explorers.dedup();
    let words = explorers.iter().map(|explorer| {
        let own: Vec<&ModelReport> =
            models.iter().copied().filter(|model| model.explorer() == *explorer).collect();
        format!("{explorer}: {}", of_explorer(&own))
    });
    let words = words.collect::<Vec<_>>().join("; ");
    let kind = if models.iter().any(|model| model.failure().is_some()) {
        VerdictKind::Failed
    } else if models.iter().all(|model| model.has_passed()) {
        VerdictKind::Passed
    } else {
        // An exploration that was cut short is no pass.
        VerdictKind::Silent
    };
    Verdict { kind, words }
}

/// The models of one explorer, in words.
fn of_explorer(models: &[&ModelReport]) -> String {
    let named = |wanted: &dyn Fn(&ModelReport) -> bool| {
        let names = models.iter().filter(|model| wanted(model)).map(|model| model.model.as_str());
        names.collect::<Vec<_>>()
    };
    let count = numbers::count(models.len() as u64, "model");
    for (names, what) in [
        (named(&|model| model.failure().is_some()), "failed"),
        (named(&|model| model.cut_by().is_some()), "cut short"),
    ] {
        if !names.is_empty() {
            return format!("{} of {count} {what}: {}", names.len(), names.join(", "));
        }
    }
    let mut bounds: Vec<String> = models.iter().map(|model| explored(model)).collect();
    bounds.sort_unstable();
    bounds.dedup();
    let bounds = match &bounds[..] {
        [only] => only,
        _ => "within bounds that differ, see the table of models",
    };
    format!("{count} passed{}: {bounds}", words::exhausted(models.iter().copied()))
}

fn explored(model: &ModelReport) -> String {
    model.coverage().map_or_else(String::new, |coverage| words::explored(&model.bounds, coverage))
}

#[cfg(test)]
mod tests {
    use harness::machine::Machine;
    use harness::model_report::{Coverage, ExplorationBounds, ExplorationLimit, Format, ModelSubject};
    use harness::shard::Shard;

    use super::*;

    fn model(name: &str, subject: &str, passed: bool) -> ModelRecord {
        let subject = match subject {
            BASELINE => ModelSubject::Channel,
            workload => ModelSubject::Workload(workload.to_owned()),
        };
        let report = ModelReport {
            format: Format,
            request: None,
            at: "2026-01-02T03:04:05Z".to_owned(),
            model: name.to_owned(),
            subject,
            sut: BASELINE.to_owned(),
            has_timeouts: false,
            bounds: ExplorationBounds::Loom {
                preemptions: Some(2),
                branches: 9,
                seconds: None,
                shard: Shard::WHOLE,
            },
            executions: 1_000,
            seconds: 1.0,
            timed_waits: None,
            verdict: match passed {
                true => ModelVerdict::Passed { coverage: Coverage::Bounds },
                false => ModelVerdict::Failed(Box::default()),
            },
        };
        ModelRecord { machine: Machine::current(&adapters::registry()), report }
    }

    #[test]
    fn only_a_channel_with_models_of_its_own_passes() {
        let models = [
            model("hand-off", BASELINE, true),
            model("queue", BASELINE, true),
            model("shutdown", "worker_pool", true),
        ];
        let registry = adapters::registry();
        for info in registry.channels() {
            let verdict = channel_models(info.name, Some(info), &models);
            assert_eq!(
                verdict.kind == VerdictKind::Passed,
                info.name == BASELINE,
                "{}: {}",
                info.name,
                verdict.words
            );
        }
        let verdict = workload_models("worker_pool", &models).expect("it has a model");
        assert_eq!(
            verdict.words,
            "protocol only, over mutex-deque: loom: 1 model passed: all schedules of at most 2 preemptions, 9 branches at most"
        );
        assert_eq!(verdict.kind, VerdictKind::Silent);
        assert_eq!(workload_models("pipeline", &models), None);
    }

    #[test]
    fn a_model_that_was_cut_short_is_no_pass_and_an_unsupported_one_no_hindrance() {
        let mut lacking = model("select", BASELINE, true);
        let (what, reason) = ("select".to_owned(), "none".to_owned());
        lacking.report.verdict = ModelVerdict::Unsupported { what, reason };
        let verdict = channel_models(BASELINE, None, &[model("queue", BASELINE, true), lacking]);
        assert_eq!(verdict.kind, VerdictKind::Passed, "{}", verdict.words);
        let mut cut = model("spins", BASELINE, true);
        let limit = ExplorationLimit::Branches;
        cut.report.verdict = ModelVerdict::Cut { limit, coverage: Coverage::Partial };
        let verdict = channel_models(BASELINE, None, &[model("queue", BASELINE, true), cut]);
        assert_eq!(verdict.words, "loom: 1 of 2 models cut short: spins");
        assert_eq!(verdict.kind, VerdictKind::Silent);
    }

    #[test]
    fn each_explorer_speaks_for_itself() {
        let by_shuttle = |passed| {
            let mut model = model("queue", BASELINE, passed);
            let (schedules, depth, seed, shard) = (10, 3, 7, Shard::WHOLE);
            model.report.bounds = ExplorationBounds::Shuttle { schedules, depth, seed, shard, replay: false };
            model
        };
        // The same model by another explorer is no newer record of it.
        let models = newest_models(&[model("queue", BASELINE, true), by_shuttle(false)]);
        let verdict = channel_models(BASELINE, None, &models);
        assert_eq!(
            verdict.words,
            "loom: 1 model passed: all schedules of at most 2 preemptions, 9 branches at most; shuttle: 1 of 1 model failed: queue"
        );
        assert_eq!(verdict.kind, VerdictKind::Failed);
    }

    #[test]
    fn the_newest_record_of_a_model_counts() {
        let models = [
            model("queue", BASELINE, true),
            model("hand-off", BASELINE, true),
            model("queue", BASELINE, false),
        ];
        let newest = newest_models(&models);
        assert_eq!(newest.len(), 2);
        let verdict = channel_models(BASELINE, None, &newest);
        assert_eq!(verdict.words, "loom: 1 of 2 models failed: queue");
        assert_eq!(verdict.kind, VerdictKind::Failed);
    }
}
