//! What the models' processes told, as the answer of a method over a channel.

use std::process::ExitStatus;

use harness::record::{Answer, Model, TimedWaits};
use harness::verify::{Finding, MethodOutcome, ThreadSteps};

use super::workspace::DEPENDENCIES;
use crate::numbers;
use crate::run::process::status_words;

/// So many of the last steps of a failure are told; the log has more.
const STEPS_TOLD: usize = 60;

/// So many lines are told of a process that ended without a word of its model.
const LAST_WORDS: usize = 8;

/// What came of a model's process.
#[derive(Debug)]
pub struct Ran {
    /// The model.
    pub name: String,
    /// How the process ended; `None` when it was ended because the time was over.
    pub ended: Option<ExitStatus>,
    /// What the model recorded.
    pub record: Option<Model>,
    /// All that it said.
    pub said: String,
}

/// How the names of the models begin whose threads wait with a deadline.
const TIMEOUTS: &str = "timeouts::";

impl Ran {
    fn failed(&self) -> bool {
        self.record.as_ref().is_some_and(|record| !record.passed)
            || self.ended.is_some_and(|status| !status.success())
    }

    /// Why the channel does not have what the model asks for.
    fn unsupported(&self) -> Option<&str> {
        let line =
            self.said.lines().find(|line| line.starts_with(&self.name) && line.contains(" unsupported: "))?;
        line.split_once(" unsupported: ").map(|(_, reason)| reason)
    }

    fn executions(&self) -> u64 {
        self.record.as_ref().map_or(0, |record| record.executions as u64)
    }
}

/// The answer of the models that `ran`, of `count` that there are, over a copy to which so many rules were `applied`.
pub(super) fn answer(ran: &[Ran], count: usize, applied: usize) -> Answer {
    let executions = ran.iter().map(Ran::executions).sum();
    let failed: Vec<&Ran> = ran.iter().filter(|ran| ran.failed()).collect();
    if let Some((first, others)) = failed.split_first() {
        return Answer::Ran(MethodOutcome::Failed(Box::new(finding(first, others))));
    }
    if ran.len() < count || ran.iter().any(|ran| ran.ended.is_none()) {
        return Answer::Ran(MethodOutcome::OutOfTime { cases: executions, all: None });
    }
    let explored: Vec<&Model> = ran.iter().filter_map(|ran| ran.record.as_ref()).collect();
    let seconds: f64 = explored.iter().map(|model| model.seconds).sum();
    let mut words = format!(
        "{} of its instrumented source ({}): {}; {} a second",
        numbers::count(explored.len() as u64, "model"),
        numbers::count(applied as u64, "change"),
        bounds_in_words(&explored),
        numbers::separated((executions as f64 / seconds.max(f64::MIN_POSITIVE)) as u64),
    );
    let timed =
        explored.iter().filter_map(|model| model.timed_waits).fold(TimedWaits::default(), |sum, one| {
            TimedWaits { woken: sum.woken + one.woken, expired: sum.expired + one.expired }
        });
    let has_timeouts = explored.iter().any(|model| model.model.starts_with(TIMEOUTS));
    if has_timeouts || timed != TimedWaits::default() {
        let [woken, expired] = [timed.woken, timed.expired].map(numbers::separated);
        words += &format!("; timed waits: {woken} woken, {expired} expired");
        if has_timeouts && timed.woken.min(timed.expired) == 0 {
            words += ", so nothing is said of such as are 0";
        }
    }
    let mut reasons: Vec<&str> = ran.iter().filter_map(Ran::unsupported).collect();
    if !reasons.is_empty() {
        let unsupported = numbers::count(reasons.len() as u64, "model");
        reasons.sort_unstable();
        reasons.dedup();
        words += &format!("; {unsupported} unsupported: {}", reasons.join("; "));
    }
    match explored.is_empty() {
        true => Answer::Ran(MethodOutcome::Unsupported { reason: reasons.join("; ") }),
        false => Answer::Ran(MethodOutcome::Passed { cases: executions, bounds: words }),
    }
}

/// The different bounds, each with how many models have it when there are several: the most frequent first. The bound of branches, which all have,
/// is told once.
fn bounds_in_words(explored: &[&Model]) -> String {
    let mut bounds: Vec<(String, u64)> = Vec::new();
    let mut branches = "";
    for model in explored {
        let (words, own) = without_branches(&model.bounds);
        branches = own;
        match bounds.iter_mut().find(|(known, _)| *known == words) {
            Some((_, count)) => *count += 1,
            None => bounds.push((words, 1)),
        }
    }
    bounds.sort_by(|(words, count), (others, other)| other.cmp(count).then_with(|| words.cmp(others)));
    let all = match &bounds[..] {
        [(only, _)] => only.clone(),
        several => {
            let each = several.iter().map(|(words, count)| format!("{} {words}", numbers::separated(*count)));
            each.collect::<Vec<_>>().join("; ")
        }
    };
    all + branches
}

/// Loom's bounds without how many branches an execution may have, and that.
fn without_branches(bounds: &str) -> (String, &str) {
    const BRANCHES: &str = " branches at most";
    let found = bounds.find(BRANCHES).and_then(|at| Some((bounds[..at].rfind(", ")?, at + BRANCHES.len())));
    match found {
        Some((from, to)) => (format!("{}{}", &bounds[..from], &bounds[to..]), &bounds[from..to]),
        None => (bounds.to_owned(), ""),
    }
}

fn finding(first: &Ran, others: &[&Ran]) -> Finding {
    let bounds = first.record.as_ref().map_or("some bounds", |record| record.bounds.as_str());
    let mut scenario = format!("model {}", first.name);
    if !others.is_empty() {
        let names: Vec<&str> = others.iter().map(|other| other.name.as_str()).collect();
        scenario += &format!(" (and {} more: {})", names.len(), names.join(", "));
    }
    let told = Told::read(&first.said);
    let happened = match (told, first.ended) {
        (Some(told), _) => {
            return Finding {
                scenario,
                expected: format!("it passes in every schedule that is tried: {bounds}"),
                happened: told.happened(),
                threads: told.threads(),
                ..Finding::default()
            };
        }
        (None, Some(status)) => {
            let lines: Vec<&str> = first.said.lines().filter(|line| !line.trim().is_empty()).collect();
            let last = lines[lines.len().saturating_sub(LAST_WORDS)..].join("\n");
            format!("its process ended with {}, and no model told of it\n{last}", status_words(status))
        }
        (None, None) => "it failed, and said nothing".to_owned(),
    };
    Finding { scenario, expected: format!("it passes: {bounds}"), happened, ..Finding::default() }
}

/// What a failed model said.
#[derive(Debug, Default)]
struct Told<'a> {
    /// The model, the execution and the panic.
    head: Vec<&'a str>,
    /// Thread, what it did, where.
    steps: Vec<(&'a str, &'a str, &'a str)>,
    /// Places in the crate, from the innermost frame.
    frames: Vec<&'a str>,
    replay: Option<&'a str>,
}

impl<'a> Told<'a> {
    fn read(said: &'a str) -> Option<Self> {
        let mut lines = said
            .lines()
            .skip_while(|line| !(line.starts_with("model ") && line.contains(" failed in execution ")));
        let mut told = Told { head: vec![lines.next()?], ..Told::default() };
        told.head.extend(
            lines.by_ref().take_while(|line| !line.starts_with("its steps")).filter(|line| !line.is_empty()),
        );
        for line in lines.by_ref().take_while(|line| !line.is_empty()) {
            let (thread, rest) = line.trim().split_once(' ')?;
            let (what, place) = rest.rsplit_once(" at ")?;
            told.steps.push((thread, what, short(place)));
        }
        let mut rest = lines.skip_while(|line| line.is_empty());
        for line in rest.by_ref().take_while(|line| !line.starts_with("to replay")) {
            let place = line.trim().strip_prefix("at ").filter(|place| is_instrumented(place));
            told.frames.extend(place.map(short));
        }
        told.replay = rest.next().map(str::trim);
        Some(told)
    }

    fn happened(&self) -> String {
        let mut lines: Vec<String> = self.head.iter().map(|line| (*line).to_owned()).collect();
        if !self.frames.is_empty() {
            lines.push(format!("in the crate at {}", self.frames.join(", called at ")));
        }
        lines.extend(self.replay.map(|replay| format!("this very schedule: {replay}")));
        lines.join("\n")
    }

    fn threads(&self) -> Vec<ThreadSteps> {
        let mut threads: Vec<ThreadSteps> = Vec::new();
        let first = self.steps.len().saturating_sub(STEPS_TOLD);
        for (number, (thread, what, place)) in self.steps.iter().enumerate().skip(first) {
            let own = match threads.iter().position(|known| known.thread == *thread) {
                Some(own) => &mut threads[own],
                None => threads.push_mut(ThreadSteps { thread: (*thread).to_owned(), steps: Vec::new() }),
            };
            own.steps.push((number as u64 + 1, format!("{what} {place}")));
        }
        threads.sort_by(|one, other| one.thread.cmp(&other.thread));
        threads
    }
}

/// What the path of a file of the instrumented copy has in it.
const IN_THE_CRATE: &str = "source/src/";

/// Whether a place is in the crate, or in a dependency that is instrumented as well.
fn is_instrumented(place: &str) -> bool {
    place.contains(IN_THE_CRATE) || in_a_dependency(place).is_some()
}

/// A place in an instrumented dependency, from its name on.
fn in_a_dependency(place: &str) -> Option<&str> {
    let (before, own) = place.split_once(&format!("{DEPENDENCIES}/"))?;
    (before.is_empty() || before.ends_with('/')).then_some(own)
}

/// The place of a step, as short as it says all: a crate's file from `src` on, a dependency's from its name on, without the column.
fn short(place: &str) -> &str {
    let own = place.split_once(IN_THE_CRATE).map(|(_, own)| own);
    let place = own.or_else(|| in_a_dependency(place)).unwrap_or(place);
    match place.rsplit_once(':') {
        Some((place, _)) if place.contains(':') => place,
        _ => place,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use harness::machine::Machine;
    use harness::registry::Registry;

    use super::*;

    const SAID: &str = "running 1 test\n\nmodel d::go of crossbeam failed in execution 556 (10 schedules)\n\
        panicked at models/shim/src/life.rs:54:13:\nan atomic is dropped twice\n\n\
        its steps (locks, waits and notifications):\n  ThreadId(2) loads at /t/source/src/flavors/list.rs:12:34\n  \
        ThreadId(1) parks at source/src/context.rs:7:8\n\n   0: std\n             at /rust/a.rs:1:1\n   1: drop\n             \
        at ./source/src/counter.rs:9:2\n\nto replay this very schedule:\n  CHANLAB_SHUTTLE_SCHEDULE=0x3.1 chanlab verify\n";

    fn ran(said: &str, code: i32, record: Option<bool>) -> Ran {
        let record = record.map(|passed| {
            let record = serde_json::json!({
                "at": "", "model": "d::go", "subject": "crossbeam", "method": "shuttle", "passed": passed, "executions": 1_000,
                "bounds": "10 schedules", "seconds": 2.0, "timed_waits": { "woken": 1_200, "expired": 7 }, "machine": Machine::current(&Registry::new()),
            });
            serde_json::from_value(record).expect("a model")
        });
        Ran {
            name: "d::go".to_owned(),
            ended: Some(ExitStatus::from_raw(code << 8)),
            record,
            said: said.to_owned(),
        }
    }

    #[test]
    fn a_failure_is_told_with_places_in_the_crate_and_a_column_for_each_thread() {
        let Answer::Ran(MethodOutcome::Failed(finding)) = answer(&[ran(SAID, 101, Some(false))], 1, 5) else {
            panic!()
        };
        assert_eq!(finding.scenario, "model d::go");
        assert_eq!(
            finding.happened,
            "model d::go of crossbeam failed in execution 556 (10 schedules)\n\
             panicked at models/shim/src/life.rs:54:13:\nan atomic is dropped twice\nin the crate at counter.rs:9\n\
             this very schedule: CHANLAB_SHUTTLE_SCHEDULE=0x3.1 chanlab verify"
        );
        let threads: Vec<_> =
            finding.threads.iter().map(|thread| (thread.thread.as_str(), thread.steps.clone())).collect();
        assert_eq!(
            threads,
            [
                ("ThreadId(1)", vec![(2, "parks context.rs:7".to_owned())]),
                ("ThreadId(2)", vec![(1, "loads flavors/list.rs:12".to_owned())]),
            ]
        );
    }

    #[test]
    fn bounds_are_told_with_how_many_models_have_them() {
        let with = |bounds: &[&str]| {
            let models: Vec<Model> = bounds
                .iter()
                .map(|bounds| Model {
                    bounds: (*bounds).to_owned(),
                    ..ran("", 0, Some(true)).record.expect("one")
                })
                .collect();
            bounds_in_words(&models.iter().collect::<Vec<_>>())
        };
        assert_eq!(with(&["10 schedules", "10 schedules"]), "10 schedules");
        let (every, some) =
            ("every schedule, 9 branches at most", "some, 9 branches at most, until one spun");
        assert_eq!(with(&[every]), every);
        assert_eq!(
            with(&[some, every, every]),
            "2 every schedule; 1 some, until one spun, 9 branches at most"
        );
    }

    #[test]
    fn a_place_in_a_dependency_is_told_with_its_name() {
        let queue = "/t/shuttle/a-1.0.0/dependencies/concurrent-queue/src/bounded.rs:12:34";
        assert!(is_instrumented(queue) && is_instrumented("./source/src/a.rs:1:2"));
        assert!(
            !is_instrumented("models/shim/src/run.rs:1:2") && !is_instrumented("/my-dependencies/a.rs:1:2")
        );
        assert_eq!(short(queue), "concurrent-queue/src/bounded.rs:12");
        assert_eq!(short("./source/src/a.rs:1:2"), "a.rs:1");
    }

    #[test]
    fn a_process_that_ends_without_a_word_is_a_failure() {
        let Answer::Ran(MethodOutcome::Failed(finding)) = answer(&[ran("last", 134, None)], 1, 5) else {
            panic!()
        };
        assert_eq!(finding.happened, "its process ended with exit code 134, and no model told of it\nlast");
    }

    #[test]
    fn a_model_that_was_not_reached_is_no_pass() {
        let passed = || ran("", 0, Some(true));
        assert_eq!(
            answer(&[passed()], 2, 5),
            Answer::Ran(MethodOutcome::OutOfTime { cases: 1_000, all: None })
        );
        let bounds = "1 model of its instrumented source (5 changes): 10 schedules; 500 a second; timed waits: 1,200 woken, 7 expired; 1 model unsupported: select (none)";
        let unsupported = || ran("d::go   unsupported: select (none)\n", 0, None);
        let expected = MethodOutcome::Passed { cases: 1_000, bounds: bounds.to_owned() };
        assert_eq!(answer(&[passed(), unsupported()], 2, 5), Answer::Ran(expected));
        let reason = "select (none)".to_owned();
        assert_eq!(answer(&[unsupported()], 1, 5), Answer::Ran(MethodOutcome::Unsupported { reason }));
    }

    #[test]
    fn waits_that_were_never_explored_are_told() {
        let mut timeouts = ran("", 0, Some(true));
        let record = timeouts.record.as_mut().expect("one");
        record.model = "timeouts::recv_timeout_against_send_buffered".to_owned();
        record.timed_waits = Some(TimedWaits { woken: 0, expired: 3 });
        let Answer::Ran(MethodOutcome::Passed { bounds, .. }) = answer(&[timeouts], 1, 5) else { panic!() };
        let end = "timed waits: 0 woken, 3 expired, so nothing is said of such as are 0";
        assert!(bounds.ends_with(end), "{bounds}");
    }
}
