//! The results of the checks, by channel and by workload. A check that did not run on a channel's own code is
//! no pass.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use baseline::MutexDeque;
use contract::channel::{Channel, Info};
use records::model_report::{Coverage, ModelReport, ModelVerdict};
use records::record::Overhead;
use wording::models as words;

use super::cells::CellResult;
use super::page::{ExplorerResult, ModelSource, ModelsCheck, RoundsCheck, WorkloadPage};

/// The channel that the models of workloads run over.
pub const BASELINE: &str = MutexDeque::INFO.name;

/// The newest record of each model, in the order in which the models first appear.
pub fn newest_models(models: &[ModelReport]) -> Vec<ModelReport> {
    newest(models, |model| (model.model.as_str(), model.subject_name(), model.explorer()))
}

/// The newest overhead of each channel and comparison.
pub fn newest_overheads(overheads: &[Overhead]) -> Vec<Overhead> {
    newest(overheads, |overhead| (overhead.channel.as_str(), overhead.against.as_str()))
}

/// The last of the records on each subject, in the order in which the subjects first appear.
pub(super) fn newest<'a, T: Clone, S: Ord>(records: &'a [T], subject: impl Fn(&'a T) -> S) -> Vec<T> {
    let mut places: BTreeMap<S, usize> = BTreeMap::new();
    let mut newest: Vec<&T> = Vec::new();
    for record in records {
        match places.entry(subject(record)) {
            Entry::Occupied(place) => newest[*place.get()] = record,
            Entry::Vacant(place) => {
                place.insert(newest.len());
                newest.push(record);
            }
        }
    }
    newest.into_iter().cloned().collect()
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
pub fn channel_models(channel: &str, info: Option<&Info>, models: &[ModelReport]) -> ModelsCheck {
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
pub fn workload_models(workload: &str, models: &[ModelReport]) -> Vec<ExplorerResult> {
    by_explorer(workload, models)
}

/// The models of `subject`. Each explorer is reported separately: the schedules of one say nothing about
/// those of another. A model that needs a capability which the channel declares to lack says nothing, and is
/// left out.
fn by_explorer(subject: &str, models: &[ModelReport]) -> Vec<ExplorerResult> {
    let is_unsupported = |model: &ModelReport| matches!(model.verdict, ModelVerdict::Unsupported { .. });
    let of_subject =
        || models.iter().filter(|model| model.subject_name() == subject && !is_unsupported(model));
    let mut explorers: Vec<&str> = of_subject().map(ModelReport::explorer).collect();
    explorers.sort_unstable();
    explorers.dedup();
    explorers
        .into_iter()
        .map(|explorer| {
            let own: Vec<&ModelReport> = of_subject().filter(|model| model.explorer() == explorer).collect();
            let names = |wanted: fn(&ModelReport) -> bool| {
                own.iter().filter(|model| wanted(model)).map(|model| model.model.clone()).collect()
            };
            let mut bounds: Vec<String> = own.iter().map(|model| explored(model)).collect();
            bounds.sort_unstable();
            bounds.dedup();
            ExplorerResult {
                explorer: explorer.to_owned(),
                models: own.len(),
                exhausted: own.iter().filter(|model| model.coverage() == Some(Coverage::Exhausted)).count(),
                failed: names(|model| model.failure().is_some()),
                cut: names(|model| model.cut_by().is_some()),
                bounds,
            }
        })
        .collect()
}

fn explored(model: &ModelReport) -> String {
    model.coverage().map_or_else(String::new, |coverage| words::explored(&model.bounds, coverage))
}

#[cfg(test)]
mod tests {
    use contract::shard::Shard;
    use records::format::Format;
    use records::model_report::{ExplorationBounds, ExplorationLimit, ModelSubject};

    use super::*;

    fn model(name: &str, subject: &str, passed: bool) -> ModelReport {
        let subject = match subject {
            BASELINE => ModelSubject::Channel,
            workload => ModelSubject::Workload(workload.to_owned()),
        };
        ModelReport {
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
        }
    }

    fn results(check: ModelsCheck) -> Vec<ExplorerResult> {
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
        let registry = adapters::registry();
        for info in registry.channels() {
            let check = channel_models(info.name, Some(info), &models);
            match info.name {
                BASELINE => assert_eq!(results(check)[0].models, 2),
                name => assert_eq!(check, ModelsCheck::NotRun(ModelSource::Instrumentation), "{name}"),
            }
        }
        let protocol = workload_models("worker_pool", &models);
        assert_eq!((protocol.len(), protocol[0].models), (1, 1));
        assert_eq!(workload_models("pipeline", &models), []);
    }

    #[test]
    fn each_explorer_is_reported_separately() {
        let by_shuttle = |passed| {
            let (schedules, depth, seed, shard) = (10, 3, 7, Shard::WHOLE);
            let bounds = ExplorationBounds::Shuttle { schedules, depth, seed, shard, replay: false };
            ModelReport { bounds, ..model("queue", BASELINE, passed) }
        };
        // The same model under another explorer is no newer record of it.
        let models = newest_models(&[model("queue", BASELINE, true), by_shuttle(false)]);
        let found = results(channel_models(BASELINE, None, &models));
        let failed: Vec<_> =
            found.iter().map(|result| (result.explorer.as_str(), &result.failed[..])).collect();
        assert_eq!(failed, [("loom", &[][..]), ("shuttle", &["queue".to_owned()][..])]);
    }

    #[test]
    fn an_unsupported_model_is_left_out_and_a_cut_one_is_named() {
        let (what, reason) = ("select".to_owned(), "none".to_owned());
        let verdict = ModelVerdict::Unsupported { what, reason };
        let lacking = ModelReport { verdict, ..model("select", BASELINE, true) };
        let passed = model("queue", BASELINE, true);
        let found = results(channel_models(BASELINE, None, &[passed.clone(), lacking]));
        assert_eq!((found[0].models, found[0].cut.len()), (1, 0));
        let limit = ExplorationLimit::Branches;
        let verdict = ModelVerdict::Cut { limit, coverage: Coverage::Partial };
        let cut = ModelReport { verdict, ..model("spins", BASELINE, true) };
        let found = results(channel_models(BASELINE, None, &[passed, cut]));
        assert_eq!((found[0].models, &found[0].cut[..]), (2, &["spins".to_owned()][..]));
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
        let found = results(channel_models(BASELINE, None, &newest));
        assert_eq!((found[0].models, &found[0].failed[..]), (2, &["queue".to_owned()][..]));
    }
}
