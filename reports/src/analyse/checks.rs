//! What the checks say of a channel or a workload, in words. A check that did not run on a channel's own code is no pass.

use harness::channel::{Channel, Info};
use harness::channels::mutex_deque::MutexDeque;
use harness::record::{Model, Overhead};

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
pub fn newest_models(models: &[Model]) -> Vec<Model> {
    newest(models, |one, other| {
        (&one.model, &one.subject, &one.method) == (&other.model, &other.subject, &other.method)
    })
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
pub fn channel_models(channel: &str, info: Option<&Info>, models: &[Model]) -> Verdict {
    let own: Vec<_> = models.iter().filter(|model| model.subject == channel).collect();
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
pub fn workload_models(workload: &str, models: &[Model]) -> Option<Verdict> {
    let own: Vec<_> = models.iter().filter(|model| model.subject == workload).collect();
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

/// How many of these models were explored in every schedule that there is, as a part of a sentence on them; empty when none was.
pub fn exhausted(models: &[&Model]) -> String {
    let exhausted = models.iter().filter(|model| model.exhausted).count();
    let which = match exhausted {
        0 => return String::new(),
        1 if models.len() == 1 => String::new(),
        all if all == models.len() => "all of them ".to_owned(),
        some => format!("{} of them ", numbers::separated(some as u64)),
    };
    format!(", {which}exhausted (every schedule)")
}

/// What these models say, each explorer for itself: what one of them tries says nothing of what another one does.
fn of_models(models: &[&Model]) -> Verdict {
    let mut explorers: Vec<&str> = models.iter().map(|model| model.method.as_str()).collect();
    explorers.sort_unstable();
    explorers.dedup();
    let words = explorers.iter().map(|explorer| {
        let own: Vec<&Model> = models.iter().copied().filter(|model| model.method == *explorer).collect();
        format!("{explorer}: {}", of_explorer(&own))
    });
    let words = words.collect::<Vec<_>>().join("; ");
    let kind = match models.iter().all(|model| model.passed) {
        true => VerdictKind::Passed,
        false => VerdictKind::Failed,
    };
    Verdict { kind, words }
}

/// What models that have the same explorer say, in words.
fn of_explorer(models: &[&Model]) -> String {
    let failed: Vec<_> =
        models.iter().filter(|model| !model.passed).map(|model| model.model.as_str()).collect();
    let count = numbers::count(models.len() as u64, "model");
    if !failed.is_empty() {
        return format!("{} of {count} failed: {}", failed.len(), failed.join(", "));
    }
    let mut bounds: Vec<_> = models.iter().map(|model| model.bounds.as_str()).collect();
    bounds.sort_unstable();
    bounds.dedup();
    let bounds = match bounds[..] {
        [only] => only,
        _ => "within bounds that differ, see the table of models",
    };
    format!("{count} passed{}: {bounds}", exhausted(models))
}

#[cfg(test)]
mod tests {
    use harness::machine::Machine;
    use harness::registry::Registry;

    use super::*;

    fn model(name: &str, subject: &str, passed: bool) -> Model {
        Model {
            at: "2026-01-02T03:04:05Z".to_owned(),
            model: name.to_owned(),
            subject: subject.to_owned(),
            method: "loom".to_owned(),
            passed,
            executions: 1_000,
            exhausted: false,
            bounds: "all schedules of at most 2 preemptions".to_owned(),
            seconds: 1.0,
            timed_waits: None,
            machine: Machine::current(&Registry::new()),
        }
    }

    #[test]
    fn only_a_channel_with_models_of_its_own_passes() {
        let models = [
            model("hand-off", BASELINE, true),
            model("queue", BASELINE, true),
            model("shutdown", "worker_pool", true),
        ];
        let registry = Registry::new();
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
            "protocol only, over mutex-deque: loom: 1 model passed: all schedules of at most 2 preemptions"
        );
        assert_eq!(verdict.kind, VerdictKind::Silent);
        assert_eq!(workload_models("pipeline", &models), None);
    }

    #[test]
    fn only_models_that_were_exhausted_are_called_so() {
        let said = |exhausted: &[bool]| {
            let models: Vec<Model> = exhausted
                .iter()
                .map(|&exhausted| Model { exhausted, ..model("queue", BASELINE, true) })
                .collect();
            super::exhausted(&models.iter().collect::<Vec<_>>())
        };
        assert_eq!(said(&[false, false]), "");
        assert_eq!(said(&[false, true, true]), ", 2 of them exhausted (every schedule)");
        assert_eq!(said(&[true, true]), ", all of them exhausted (every schedule)");
        assert_eq!(said(&[true]), ", exhausted (every schedule)");
    }

    #[test]
    fn each_explorer_speaks_for_itself() {
        let by_shuttle = |passed| Model { method: "shuttle".to_owned(), ..model("queue", BASELINE, passed) };
        // The same model by another explorer is no newer record of it.
        let models = newest_models(&[model("queue", BASELINE, true), by_shuttle(false)]);
        let verdict = channel_models(BASELINE, None, &models);
        assert_eq!(
            verdict.words,
            "loom: 1 model passed: all schedules of at most 2 preemptions; shuttle: 1 of 1 model failed: queue"
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
