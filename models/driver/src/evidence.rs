//! The outcome of a method that explores models, from their typed reports.
//!
//! A failure decides first, then code that is not deterministic, then models that were not reached in time, then
//! explorations that were cut short.
//! The outcome is a pass only when every model was explored within its bounds.

use std::collections::BTreeMap;

use records::model_report::{
    ExplorationBounds, ExploredModels, ModelFailure, ModelReport, ModelVerdict, TimedWaits,
};
use records::verify::{Finding, MethodOutcome, ThreadSteps};
use wording::models as words;

use super::instrumented::workspace::{ADAPTER, COPY, DEPENDENCIES};
use wording::numbers;

/// The number of last steps of a failure that a finding has. The record has all.
const MAX_STEPS: usize = 60;

/// The outcome of `models`. `is_over` means that the time was over before all of them had ended, and `crash`
/// describes a model whose process ended without a report.
pub(super) fn outcome(
    models: &ExploredModels,
    is_over: bool,
    crash: &dyn Fn(&str) -> String,
) -> MethodOutcome {
    let names: Vec<&str> = models.failed().collect();
    if let Some((first, others)) = names.split_first() {
        let failed = models.reports.iter().find_map(|report| Some((report, report.failure()?)));
        let failed = failed.filter(|(report, _)| report.model == *first);
        return MethodOutcome::Failed(Box::new(finding(first, others, failed, crash)));
    }
    let diverged = |report: &ModelReport| match &report.verdict {
        ModelVerdict::Diverged(divergence) => {
            let what = words::diverged(divergence, &|place| short(place).to_owned());
            Some(format!("model {}: {what}", report.model))
        }
        _ => None,
    };
    if let Some(reason) = models.reports.iter().find_map(diverged) {
        return MethodOutcome::Unknown { cases: models.executions(), reason };
    }
    if is_over {
        return MethodOutcome::OutOfTime { cases: models.executions(), all: None };
    }
    let explored: Vec<&ModelReport> =
        models.reports.iter().filter(|report| report.coverage().is_some()).collect();
    if explored.is_empty() && !models.reports.is_empty() {
        return MethodOutcome::Unsupported { reason: reasons(models).join("; ") };
    }
    if explored.is_empty() {
        return MethodOutcome::Unknown {
            cases: 0,
            reason: "no model was explored: none is in this shard".to_owned(),
        };
    }
    let (cases, bounds, cuts) = (models.executions(), bounds(models, &explored), models.cuts());
    match cuts.is_empty() {
        true => MethodOutcome::Passed { cases, bounds },
        false => MethodOutcome::Cut { cases, cuts, models: explored.len() as u64, bounds },
    }
}

/// The number of models, the extent of their exploration, and what was left out.
fn bounds(models: &ExploredModels, explored: &[&ModelReport]) -> String {
    let mut text = numbers::count(explored.len() as u64, "model");
    if let Some(changes) = models.changes {
        text += &format!(" of its instrumented source ({})", numbers::count(changes, "change"));
    }
    text += &words::exhausted(explored.iter().copied());
    text += &format!(": {}", coverage(explored));
    if models.changes.is_some() {
        let seconds: f64 = explored.iter().map(|report| report.seconds).sum();
        let speed = models.executions() as f64 / seconds.max(f64::MIN_POSITIVE);
        text += &format!("; {} a second", numbers::separated(speed as u64));
    }
    let waits = models.timed_waits();
    let has_timeouts = models.changes.is_some() && explored.iter().any(|report| report.has_timeouts);
    if has_timeouts || waits != TimedWaits::default() {
        let [woken, expired] = [waits.woken, waits.expired].map(numbers::separated);
        text += &format!("; timed waits: {woken} woken, {expired} expired");
        if has_timeouts && waits.woken.min(waits.expired) == 0 {
            text += ", so the kind that is 0 was not explored";
        }
    }
    let is_unsupported = |report: &&ModelReport| matches!(report.verdict, ModelVerdict::Unsupported { .. });
    let unsupported = models.reports.iter().filter(is_unsupported).count();
    if unsupported > 0 {
        let unsupported = numbers::count(unsupported as u64, "model");
        text += &format!("; {unsupported} unsupported: {}", reasons(models).join("; "));
    }
    text
}

/// The extents to which these models were explored, the most frequent first, each with its number of models
/// when there are several. The bound of branches, which all have, comes once.
fn coverage(explored: &[&ModelReport]) -> String {
    let mut extents: BTreeMap<String, u64> = BTreeMap::new();
    let mut branches = None;
    for report in explored {
        let Some(coverage) = report.coverage() else { continue };
        if let ExplorationBounds::Loom { branches: own, .. } = report.bounds {
            branches = branches.max(Some(own));
        }
        let mut extent = words::schedules(&report.bounds, coverage);
        if let Some(limit) = report.cut_by() {
            extent += &format!(", until {}", words::limit(limit));
        }
        *extents.entry(extent).or_default() += 1;
    }
    let mut extents: Vec<(String, u64)> = extents.into_iter().collect();
    // The sort is stable: extents with the same number stay in the order of their words.
    extents.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let all = match &extents[..] {
        [(only, _)] => only.clone(),
        several => {
            let each =
                several.iter().map(|(extent, count)| format!("{} {extent}", numbers::separated(*count)));
            each.collect::<Vec<_>>().join("; ")
        }
    };
    all + &branches.map_or_else(String::new, |branches| format!(", {branches} branches at most"))
}

/// The different reasons why models are unsupported.
fn reasons(models: &ExploredModels) -> Vec<String> {
    let reason = |report: &ModelReport| match &report.verdict {
        ModelVerdict::Unsupported { what, reason } => Some(words::unsupported(what, reason)),
        _ => None,
    };
    let mut reasons: Vec<String> = models.reports.iter().filter_map(reason).collect();
    reasons.sort_unstable();
    reasons.dedup();
    reasons
}

fn finding(
    first: &str,
    others: &[&str],
    failed: Option<(&ModelReport, &ModelFailure)>,
    crash: &dyn Fn(&str) -> String,
) -> Finding {
    let mut scenario = format!("model {first}");
    if !others.is_empty() {
        scenario += &format!(" (and {} more: {})", others.len(), others.join(", "));
    }
    let Some((report, failure)) = failed else {
        let expected = "it passes, and its process reports that".to_owned();
        return Finding { scenario, expected, happened: crash(first), ..Finding::default() };
    };
    Finding {
        scenario,
        expected: format!("it passes in every schedule that is tried: {}", words::bounds(&report.bounds)),
        happened: happened(report, failure),
        threads: threads(failure),
        ..Finding::default()
    }
}

fn happened(report: &ModelReport, failure: &ModelFailure) -> String {
    let place = |place: &str| short(place).to_owned();
    let mut lines = vec![words::failed_in(report, failure), words::what_happened(failure, &place)];
    // Of a hang, the adapter's places matter as well: what it waits on may be its own.
    let is_own = |place: &&str| is_instrumented(place) || failure.hung.is_some() && is_adapter(place);
    let places = failure.backtrace.iter().filter_map(|frame| frame.place.as_deref());
    let own: Vec<&str> = places.filter(is_own).map(short).collect();
    if let Some(first) = own.first() {
        let whose = if first.starts_with(ADAPTER) { "adapter" } else { "crate" };
        lines.push(format!("in the {whose} at {}", own.join(", called at ")));
    }
    let (what, command) = words::replay(&failure.replay);
    lines.push(format!("{what}: {command}"));
    lines.join("\n")
}

/// The last steps of a failure, by thread. The numbers are those of the steps in the execution.
fn threads(failure: &ModelFailure) -> Vec<ThreadSteps> {
    let mut threads: BTreeMap<u64, Vec<(u64, String)>> = BTreeMap::new();
    let first = failure.steps.len().saturating_sub(MAX_STEPS);
    for (index, step) in failure.steps.iter().enumerate().skip(first) {
        let words = format!("{} {}", step.step, short(&step.place));
        threads.entry(step.thread).or_default().push((index as u64 + 1, words));
    }
    let named = threads.into_iter();
    named.map(|(thread, steps)| ThreadSteps { thread: format!("thread {thread}"), steps }).collect()
}

/// Whether a place is in the crate, or in a dependency that is instrumented as well.
fn is_instrumented(place: &str) -> bool {
    in_the_crate(place).is_some() || in_a_dependency(place).is_some()
}

/// Whether a place is in the adapter.
fn is_adapter(place: &str) -> bool {
    in_the_adapter(place).is_some()
}

/// A place in the adapter, from its name on.
fn in_the_adapter(place: &str) -> Option<&str> {
    let folder = "models/sut/src/";
    let (_, own) = place.split_once(folder)?;
    own.starts_with(ADAPTER).then_some(own)
}

/// A place in the instrumented copy of the crate, from `src` on.
fn in_the_crate(place: &str) -> Option<&str> {
    place.split_once(&format!("{COPY}/src/")).map(|(_, own)| own)
}

/// A place in an instrumented dependency, from its name on.
fn in_a_dependency(place: &str) -> Option<&str> {
    let (before, own) = place.split_once(&format!("{DEPENDENCIES}/"))?;
    (before.is_empty() || before.ends_with('/')).then_some(own)
}

/// The shortest unambiguous form of a place: of the crate from `src` on, of a dependency from its name on, and without the
/// column.
pub(crate) fn short(place: &str) -> &str {
    let own = in_the_crate(place).or_else(|| in_a_dependency(place)).or_else(|| in_the_adapter(place));
    let place = own.unwrap_or(place);
    match place.rsplit_once(':') {
        Some((place, _)) if place.contains(':') => place,
        _ => place,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;

    use contract::shard::Shard;
    use records::format::Format;
    use records::model_report::{
        Coverage, Divergence, ExplorationLimit, Frame, Hang, ModelStep, ModelSubject, Replay,
    };

    use super::*;

    pub(crate) fn report(model: &str, verdict: ModelVerdict) -> ModelReport {
        ModelReport {
            format: Format,
            request: Some("r".to_owned()),
            at: "2026-01-02T03:04:05Z".to_owned(),
            model: model.to_owned(),
            subject: ModelSubject::Channel,
            sut: "crossbeam".to_owned(),
            has_timeouts: false,
            bounds: ExplorationBounds::Shuttle {
                schedules: 10,
                depth: 3,
                seed: 7,
                shard: Shard::WHOLE,
                replay: false,
            },
            executions: 1_000,
            seconds: 2.0,
            timed_waits: Some(TimedWaits { woken: 1_200, expired: 7 }),
            verdict,
        }
    }

    pub(crate) const PASSED: ModelVerdict = ModelVerdict::Passed { coverage: Coverage::Bounds };

    fn by_loom(preemptions: Option<u64>, verdict: ModelVerdict) -> ModelReport {
        let bounds = ExplorationBounds::Loom { preemptions, branches: 9, seconds: None, shard: Shard::WHOLE };
        ModelReport { bounds, timed_waits: None, ..report("m", verdict) }
    }

    fn of(reports: Vec<ModelReport>) -> ExploredModels {
        ExploredModels { changes: Some(5), reports, ..ExploredModels::default() }
    }

    fn no_crash(_: &str) -> String {
        panic!("nothing crashed")
    }

    #[test]
    fn a_finding_has_places_in_the_crate_and_a_column_for_each_thread() {
        let step = |thread, step: &str, place: &str| ModelStep {
            thread,
            step: step.to_owned(),
            place: place.to_owned(),
        };
        let frame = |place: &str| Frame { function: "f".to_owned(), place: Some(place.to_owned()) };
        let failure = ModelFailure {
            execution: 556,
            message: "an atomic is dropped twice".to_owned(),
            place: Some("models/shim/src/life.rs:54:13".to_owned()),
            blocked: None,
            hung: None,
            steps: vec![
                step(2, "loads", "/t/source/src/flavors/list.rs:12:34"),
                step(1, "parks", "source/src/context.rs:7:8"),
            ],
            backtrace: vec![frame("/rust/a.rs:1:1"), frame("./source/src/counter.rs:9:2")],
            replay: Replay {
                choices: Some("0x3.1".to_owned()),
                environment: [("CHANLAB_SHUTTLE_SCHEDULE".to_owned(), "0x3.1".to_owned())].into(),
                command: "chanlab verify".to_owned(),
            },
        };
        let failed = report("d::go", ModelVerdict::Failed(Box::new(failure)));
        let other = report("d::come", ModelVerdict::Failed(Box::default()));
        let MethodOutcome::Failed(finding) = outcome(&of(vec![failed, other]), false, &no_crash) else {
            panic!()
        };
        assert_eq!(finding.scenario, "model d::go (and 1 more: d::come)");
        assert_eq!(
            finding.happened,
            "model d::go of crossbeam failed in execution 556 (10 random and PCT schedules (depth 3), seed 7)\n\
             panicked at models/shim/src/life.rs:54:\nan atomic is dropped twice\nin the crate at counter.rs:9\n\
             to replay this schedule: CHANLAB_SHUTTLE_SCHEDULE=0x3.1 chanlab verify"
        );
        let threads: Vec<_> =
            finding.threads.iter().map(|thread| (thread.thread.as_str(), thread.steps.clone())).collect();
        assert_eq!(
            threads,
            [
                ("thread 1", vec![(2, "parks context.rs:7".to_owned())]),
                ("thread 2", vec![(1, "loads flavors/list.rs:12".to_owned())]),
            ]
        );
    }

    #[test]
    fn an_exploration_that_was_cut_short_is_no_pass() {
        let cut = |limit| by_loom(None, ModelVerdict::Cut { limit, coverage: Coverage::Preemptions(1) });
        let passed = || by_loom(Some(2), PASSED);
        let branches = ExplorationLimit::Branches;
        let one = of(vec![passed(), cut(branches), passed()]);
        let MethodOutcome::Cut { cases, cuts, models, bounds } = outcome(&one, false, &no_crash) else {
            panic!()
        };
        assert_eq!((cases, models, cuts.clone()), (3_000, 3, [(branches, 1)].into()));
        assert_eq!(
            bounds,
            "3 models of its instrumented source (5 changes): 2 all schedules of at most 2 preemptions; \
             1 all schedules of at most 1 preemption and some of more, until an execution exceeded the limit of \
             branches, 9 branches at most; 500 a second"
        );
        assert_eq!(words::cuts(&cuts, 3), "1 of 3 models cut short, by the limit of branches");
        let two = of(vec![cut(branches), cut(ExplorationLimit::Threads), passed()]);
        assert_eq!(
            words::cuts(&two.cuts(), 3),
            "2 of 3 models cut short, 1 by the limit of branches, 1 by the limit of threads"
        );
        // A failure weighs more, and so does what was not explored at all.
        let failed = by_loom(None, ModelVerdict::Failed(Box::default()));
        assert!(matches!(
            outcome(&of(vec![cut(branches), failed]), false, &no_crash),
            MethodOutcome::Failed(_)
        ));
        assert!(matches!(
            outcome(&one, true, &no_crash),
            MethodOutcome::OutOfTime { cases: 3_000, all: None }
        ));
    }

    #[test]
    fn bounds_count_the_models_that_were_exhausted() {
        let exhausted = || by_loom(None, ModelVerdict::Passed { coverage: Coverage::Exhausted });
        let models =
            ExploredModels { changes: None, ..of(vec![exhausted(), exhausted(), by_loom(Some(2), PASSED)]) };
        let MethodOutcome::Passed { bounds, .. } = outcome(&models, false, &no_crash) else { panic!() };
        assert_eq!(
            bounds,
            "3 models, 2 of them exhausted (every schedule): 2 every schedule; \
             1 all schedules of at most 2 preemptions, 9 branches at most"
        );
        let said = |reports: &[ModelReport]| words::exhausted(reports);
        assert_eq!(said(&[by_loom(None, PASSED)]), "");
        assert_eq!(said(&[exhausted(), exhausted()]), ", all of them exhausted (every schedule)");
        assert_eq!(said(&[exhausted()]), ", exhausted (every schedule)");
    }

    #[test]
    fn a_place_in_a_dependency_keeps_the_name_of_the_dependency() {
        let queue = "/t/shuttle/a-1.0.0/dependencies/concurrent-queue/src/bounded.rs:12:34";
        assert!(is_instrumented(queue) && is_instrumented("./source/src/a.rs:1:2"));
        assert!(
            !is_instrumented("models/shim/src/run.rs:1:2") && !is_instrumented("/my-dependencies/a.rs:1:2")
        );
        assert_eq!(short(queue), "concurrent-queue/src/bounded.rs:12");
        assert_eq!(short("./source/src/a.rs:1:2"), "a.rs:1");
    }

    #[test]
    fn a_process_that_ends_without_a_report_is_a_failure() {
        let crashed = BTreeSet::from(["d::go".to_owned()]);
        let models = ExploredModels { crashed, ..of(vec![report("m", PASSED)]) };
        let crash = |model: &str| format!("{model} is gone");
        let MethodOutcome::Failed(finding) = outcome(&models, false, &crash) else { panic!() };
        assert_eq!((finding.scenario.as_str(), finding.happened.as_str()), ("model d::go", "d::go is gone"));
    }

    #[test]
    fn unsupported_models_are_counted_and_are_no_pass_alone() {
        let unsupported = || {
            let (what, reason) = ("select".to_owned(), "none".to_owned());
            let verdict = ModelVerdict::Unsupported { what, reason };
            ModelReport { executions: 0, timed_waits: None, ..report("s", verdict) }
        };
        let bounds = "1 model of its instrumented source (5 changes): 10 random and PCT schedules (depth 3), seed 7; \
                      500 a second; timed waits: 1,200 woken, 7 expired; 1 model unsupported: select (none)";
        assert_eq!(
            outcome(&of(vec![report("m", PASSED), unsupported()]), false, &no_crash),
            MethodOutcome::Passed { cases: 1_000, bounds: bounds.to_owned() }
        );
        let reason = "select (none)".to_owned();
        assert_eq!(
            outcome(&of(vec![unsupported(), unsupported()]), false, &no_crash),
            MethodOutcome::Unsupported { reason }
        );
    }

    #[test]
    fn no_model_at_all_is_no_pass() {
        let reason = "no model was explored: none is in this shard".to_owned();
        assert_eq!(outcome(&of(vec![]), false, &no_crash), MethodOutcome::Unknown { cases: 0, reason });
    }

    #[test]
    fn code_that_is_not_deterministic_is_neither_a_failure_nor_a_pass() {
        let step = |place: &str| ModelStep { thread: 2, step: "locks".to_owned(), place: place.to_owned() };
        let diverged = |is_replay| {
            let (what, after) = (
                "at choice 7, thread 3 ran, and now it cannot".to_owned(),
                Some(step("/t/source/src/a.rs:1:2")),
            );
            ModelVerdict::Diverged(Box::new(Divergence { is_replay, what, after }))
        };
        let said = |is_replay| match outcome(
            &of(vec![report("m", PASSED), report("d::go", diverged(is_replay))]),
            true,
            &no_crash,
        ) {
            MethodOutcome::Unknown { cases: 2_000, reason } => reason,
            other => panic!("{other:?}"),
        };
        let where_ = "at choice 7, thread 3 ran, and now it cannot (after thread 2 locks at a.rs:1)";
        assert!(
            said(true).starts_with(&format!(
                "model d::go: the schedule no longer fits: {where_}; the code has changed"
            )),
            "{}",
            said(true)
        );
        assert!(
            said(false).starts_with(&format!(
                "model d::go: the code is not deterministic, so no failure could be replayed: {where_}"
            )),
            "{}",
            said(false)
        );
    }

    #[test]
    fn a_hang_names_what_blocks_and_what_to_use_instead() {
        let frame = |place: &str| Frame { function: "f".to_owned(), place: Some(place.to_owned()) };
        let failure = ModelFailure {
            execution: 3,
            hung: Some(Hang { seconds: 20, spins: false }),
            steps: vec![ModelStep {
                thread: 1,
                step: "locks".to_owned(),
                place: "/t/source/src/lib.rs:150:9".to_owned(),
            }],
            backtrace: vec![
                frame("/rust/park.rs:1:1"),
                frame("./models/sut/src/adapter.rs:85:40"),
                frame("./source/src/lib.rs:9:2"),
            ],
            ..ModelFailure::default()
        };
        let hung = report("d::go", ModelVerdict::Failed(Box::new(failure)));
        let MethodOutcome::Failed(finding) = outcome(&of(vec![hung]), false, &no_crash) else { panic!() };
        assert!(finding.happened.starts_with(
            "model d::go of crossbeam hung in execution 3 (10 random and PCT schedules (depth 3), seed 7)\n\
             no modelled step for 20 s; the last step: thread 1 locks at lib.rs:150\n\
             it blocks on the thread of the system, which the explorer cannot wake: an adapter has to use chanlab_shim::thread"
        ), "{}", finding.happened);
        assert!(
            finding.happened.contains("\nin the adapter at adapter.rs:85, called at lib.rs:9\n"),
            "{}",
            finding.happened
        );
    }

    #[test]
    fn a_kind_of_timed_wait_that_was_not_explored_is_named() {
        let timed_waits = Some(TimedWaits { woken: 0, expired: 3 });
        let timeouts = ModelReport { has_timeouts: true, timed_waits, ..report("t", PASSED) };
        let MethodOutcome::Passed { bounds, .. } = outcome(&of(vec![timeouts]), false, &no_crash) else {
            panic!()
        };
        let end = "timed waits: 0 woken, 3 expired, so the kind that is 0 was not explored";
        assert!(bounds.ends_with(end), "{bounds}");
    }
}
