//! The results of the checks, by channel and by workload. A check that did not run on a channel's own code is no pass.

use harness::channel::Info;
use harness::record::{Model, Overhead};

use super::cells::CellResult;
use super::page::{ExplorerResult, ModelSource, ModelsCheck, RoundsCheck, WorkloadPage};

/// The channel that the models of workloads run over.
pub const BASELINE: &str = "mutex-deque";

/// The newest record of each model, in the order in which the models first appear.
pub fn newest_models(models: &[Model]) -> Vec<Model> {
    newest(models, |one, other| {
        (&one.model, &one.subject, &one.method) == (&other.model, &other.subject, &other.method)
    })
}

/// The newest overhead of each channel and comparison.
pub fn newest_overheads(overheads: &[Overhead]) -> Vec<Overhead> {
    newest(overheads, |one, other| (&one.channel, &one.against) == (&other.channel, &other.against))
}

/// The last of the records on each subject, in the order in which the subjects first appear.
pub(super) fn newest<T: Clone>(records: &[T], same_subject: impl Fn(&T, &T) -> bool) -> Vec<T> {
    let mut newest: Vec<T> = Vec::new();
    for record in records {
        match newest.iter_mut().find(|known| same_subject(known, record)) {
            Some(known) => known.clone_from(record),
            None => newest.push(record.clone()),
        }
    }
    newest
}

/// The self-checks of a channel's rounds, over all cells of the page.
pub fn rounds(channel: &str, workloads: &[WorkloadPage]) -> RoundsCheck {
    let mut check = RoundsCheck::default();
    for workload in workloads {
        for params in &workload.params {
            for cell in params.cells.iter().filter(|cell| cell.channel == channel) {
                check.verified = check.verified.saturating_add(cell.rounds);
                if matches!(cell.result, CellResult::Failed(_)) {
                    check.failed.push((workload.name.clone(), params.record.id.clone()));
                }
            }
        }
    }
    check
}

/// The models of a channel's own code. `info` is its registration in this build.
pub fn channel_models(channel: &str, info: Option<&Info>, models: &[Model]) -> ModelsCheck {
    let explored = by_explorer(channel, models);
    if !explored.is_empty() {
        return ModelsCheck::Explored(explored);
    }
    ModelsCheck::NotRun(match info {
        Some(info) if info.name == BASELINE => ModelSource::Scripts,
        Some(_) => ModelSource::Instrumentation,
        None => ModelSource::Unknown,
    })
}

/// The models of a workload's protocol; empty when no model explores it.
pub fn workload_models(workload: &str, models: &[Model]) -> Vec<ExplorerResult> {
    by_explorer(workload, models)
}

/// The models of `subject`. Each explorer is reported separately: the schedules of one say nothing about those of another.
fn by_explorer(subject: &str, models: &[Model]) -> Vec<ExplorerResult> {
    let of_subject = || models.iter().filter(|model| model.subject == subject);
    let mut explorers: Vec<&str> = of_subject().map(|model| model.method.as_str()).collect();
    explorers.sort_unstable();
    explorers.dedup();
    explorers
        .into_iter()
        .map(|explorer| {
            let own: Vec<&Model> = of_subject().filter(|model| model.method == explorer).collect();
            let mut bounds: Vec<String> = own.iter().map(|model| model.bounds.clone()).collect();
            bounds.sort_unstable();
            bounds.dedup();
            ExplorerResult {
                explorer: explorer.to_owned(),
                models: own.len(),
                exhausted: own.iter().filter(|model| model.exhausted).count(),
                failed: own.iter().filter(|model| !model.passed).map(|model| model.model.clone()).collect(),
                bounds,
            }
        })
        .collect()
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

    fn explored(check: ModelsCheck) -> Vec<ExplorerResult> {
        match check {
            ModelsCheck::Explored(results) => results,
            ModelsCheck::NotRun(source) => panic!("not run: {source:?}"),
        }
    }

    #[test]
    fn only_a_channel_with_models_of_its_code_is_explored() {
        let models = [
            model("hand-off", BASELINE, true),
            model("queue", BASELINE, true),
            model("shutdown", "worker_pool", true),
        ];
        let registry = Registry::new();
        for info in registry.channels() {
            let check = channel_models(info.name, Some(info), &models);
            match info.name {
                BASELINE => assert_eq!(explored(check)[0].models, 2),
                name => assert_eq!(check, ModelsCheck::NotRun(ModelSource::Instrumentation), "{name}"),
            }
        }
        let protocol = workload_models("worker_pool", &models);
        assert_eq!((protocol.len(), protocol[0].models), (1, 1));
        assert_eq!(workload_models("pipeline", &models), []);
    }

    #[test]
    fn each_explorer_is_reported_separately() {
        let by_shuttle = |passed| Model { method: "shuttle".to_owned(), ..model("queue", BASELINE, passed) };
        // The same model under another explorer is no newer record of it.
        let models = newest_models(&[model("queue", BASELINE, true), by_shuttle(false)]);
        let found = explored(channel_models(BASELINE, None, &models));
        let failed: Vec<_> =
            found.iter().map(|result| (result.explorer.as_str(), &result.failed[..])).collect();
        assert_eq!(failed, [("loom", &[][..]), ("shuttle", &["queue".to_owned()][..])]);
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
        let found = explored(channel_models(BASELINE, None, &newest));
        assert_eq!((found[0].models, &found[0].failed[..]), (2, &["queue".to_owned()][..]));
    }
}
