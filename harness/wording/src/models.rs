//! Model reports in words: the one place where a sentence is made of them.

use std::collections::BTreeMap;
use std::fmt::Write;

use contract::shard::Shard;
use records::model_report::{
    Coverage, Divergence, ExplorationBounds, ExplorationLimit, Hang, ModelFailure, ModelReport, ModelVerdict,
    Replay, TimedWaits,
};

/// The bounds of an exploration that explored all that they allow.
pub fn bounds(bounds: &ExplorationBounds) -> String {
    explored(bounds, Coverage::Bounds)
}

/// What was explored within the bounds.
pub fn explored(bounds: &ExplorationBounds, coverage: Coverage) -> String {
    match bounds {
        ExplorationBounds::Loom { branches, .. } => {
            format!("{}, {branches} branches at most", schedules(bounds, coverage))
        }
        ExplorationBounds::Shuttle { .. } => schedules(bounds, coverage),
    }
}

/// As [`explored`], without the bound of branches, which all models of an exploration share.
pub fn schedules(bounds: &ExplorationBounds, coverage: Coverage) -> String {
    match (bounds, coverage) {
        (ExplorationBounds::Shuttle { replay: true, .. }, _) => "one schedule, replayed".to_owned(),
        (ExplorationBounds::Shuttle { schedules, depth, seed, shard, .. }, _) => {
            let shard = if *shard == Shard::WHOLE { String::new() } else { format!("shard {shard} of ") };
            format!("{shard}{schedules} random and PCT schedules (depth {depth}), seed {seed}")
        }
        (ExplorationBounds::Loom { preemptions, .. }, Coverage::Exhausted | Coverage::Bounds) => {
            within(*preemptions)
        }
        (ExplorationBounds::Loom { .. }, Coverage::Preemptions(fewer)) => {
            format!("{} and some of more", within(Some(fewer)))
        }
        (ExplorationBounds::Loom { preemptions, .. }, Coverage::Partial) => {
            format!("some of {}", within(*preemptions))
        }
    }
}

fn within(preemptions: Option<u64>) -> String {
    match preemptions {
        None => "every schedule".to_owned(),
        Some(0) => "all schedules without a preemption".to_owned(),
        Some(1) => "all schedules of at most 1 preemption".to_owned(),
        Some(preemptions) => format!("all schedules of at most {preemptions} preemptions"),
    }
}

/// Why the exploration of one model ended at a limit.
pub fn limit(limit: ExplorationLimit) -> &'static str {
    match limit {
        ExplorationLimit::Branches => "an execution exceeded the limit of branches",
        ExplorationLimit::Threads => "an execution needed more threads than loom has",
        ExplorationLimit::Primitives => "an execution needed more primitives than the std shim has for loom",
        ExplorationLimit::Time => "the time limit passed",
    }
}

/// The name of a limit, after a number of models: "3 by …".
pub fn limit_name(limit: ExplorationLimit) -> &'static str {
    match limit {
        ExplorationLimit::Branches => "the limit of branches",
        ExplorationLimit::Threads => "the limit of threads",
        ExplorationLimit::Primitives => "the limit of primitives",
        ExplorationLimit::Time => "the time limit",
    }
}

/// A verdict in a word or two.
pub fn verdict(verdict: &ModelVerdict) -> &'static str {
    match verdict {
        ModelVerdict::Passed { .. } => "passed",
        ModelVerdict::Failed(_) => "failed",
        ModelVerdict::Cut { .. } => "cut short",
        ModelVerdict::Unsupported { .. } => "unsupported",
        ModelVerdict::Diverged(_) => "cannot tell",
    }
}

/// The details of a verdict: what was explored, and what ended it.
pub fn detail(report: &ModelReport) -> String {
    match &report.verdict {
        ModelVerdict::Passed { coverage: Coverage::Exhausted } => {
            format!("{}: exhausted", explored(&report.bounds, Coverage::Exhausted))
        }
        ModelVerdict::Passed { coverage } => explored(&report.bounds, *coverage),
        ModelVerdict::Cut { limit: by, coverage } => {
            format!("{}; cut short: {}", explored(&report.bounds, *coverage), limit(*by))
        }
        ModelVerdict::Failed(_) => bounds(&report.bounds),
        ModelVerdict::Unsupported { what, reason } => unsupported(what, reason),
        ModelVerdict::Diverged(divergence) => diverged(divergence, &str::to_owned),
    }
}

/// How the executions of a model differ that should have been the same, with each place as `place` gives it.
pub fn diverged(divergence: &Divergence, place: &dyn Fn(&str) -> String) -> String {
    let Divergence { is_replay, what, after } = divergence;
    let after = after.as_ref().map_or_else(String::new, |step| {
        format!(" (after thread {} {} at {})", step.thread, step.step, place(&step.place))
    });
    let causes = "addresses, real time, random numbers, the order of a hash map that is not std's";
    match is_replay {
        true => format!(
            "the schedule no longer fits: {what}{after}; the code has changed since it failed, or it is not \
             deterministic: it decides by something that the explorer does not control, such as {causes}"
        ),
        false => format!(
            "the code is not deterministic, so no failure could be replayed: {what}{after} when an execution was \
             repeated; it decides by something that the explorer does not control, such as {causes}"
        ),
    }
}

/// What a system under test lacks.
pub fn unsupported(what: &str, reason: &str) -> String {
    format!("{what} ({reason})")
}

/// How many of `models` models each limit cut short.
pub fn cuts(cuts: &BTreeMap<ExplorationLimit, u64>, models: u64) -> String {
    let cut = cuts.values().fold(0, |cut: u64, count| cut.saturating_add(*count));
    let by = cuts.iter().map(|(limit, count)| {
        let name = limit_name(*limit);
        if cuts.len() == 1 { format!("by {name}") } else { format!("{count} by {name}") }
    });
    let plural = if models == 1 { "" } else { "s" };
    format!("{cut} of {models} model{plural} cut short, {}", by.collect::<Vec<_>>().join(", "))
}

/// How many of these models were explored in every schedule that they have, as a part of a sentence on them; empty when
/// none was.
pub fn exhausted<'a>(models: impl IntoIterator<Item = &'a ModelReport>) -> String {
    let (mut all, mut exhausted) = (0_u64, 0_u64);
    for model in models {
        all += 1;
        exhausted +=
            u64::from(matches!(model.verdict, ModelVerdict::Passed { coverage: Coverage::Exhausted }));
    }
    let which = match exhausted {
        0 => return String::new(),
        1 if all == 1 => String::new(),
        _ if exhausted == all => "all of them ".to_owned(),
        some => format!("{some} of them "),
    };
    format!(", {which}exhausted (every schedule)")
}

/// Timed waits, where there were any.
pub fn timed_waits(waits: TimedWaits) -> Option<String> {
    let TimedWaits { woken, expired } = waits;
    (waits != TimedWaits::default()).then(|| format!("timed waits: {woken} woken, {expired} expired"))
}

/// The line that a model process prints of a model that did not fail.
pub fn line(report: &ModelReport) -> String {
    if let ModelVerdict::Unsupported { .. } | ModelVerdict::Diverged(_) = report.verdict {
        let verdict = verdict(&report.verdict);
        return format!("{:<17} {:<75} {verdict}: {}", report.subject_name(), report.model, detail(report));
    }
    let mut line = format!(
        "{:<17} {:<75} {:>9} executions {:>6.1} s  {}",
        report.subject_name(),
        report.model,
        report.executions,
        report.seconds,
        detail(report),
    );
    if let Some(waits) = report.timed_waits.and_then(timed_waits) {
        line += &format!("; {waits}");
    }
    line
}

/// The first line on a failure: which model, and in which execution.
pub fn failed_in(report: &ModelReport, failure: &ModelFailure) -> String {
    format!(
        "model {} of {} {} in execution {} ({})",
        report.model,
        report.subject_name(),
        if failure.hung.is_some() { "hung" } else { "failed" },
        failure.execution,
        bounds(&report.bounds)
    )
}

/// What happened in a failed execution, with each place as `place` gives it.
pub fn what_happened(failure: &ModelFailure, place: &dyn Fn(&str) -> String) -> String {
    let last_steps: Vec<String> = failure
        .blocked
        .iter()
        .flatten()
        .filter_map(|thread| {
            let step = failure.steps.iter().rev().find(|step| step.thread == *thread)?;
            Some(format!("thread {thread} waits; its last step: {} at {}", step.step, place(&step.place)))
        })
        .collect();
    if !last_steps.is_empty() {
        return format!(
            "deadlock: every thread that is left waits, and none wakes another\n{}",
            last_steps.join("\n")
        );
    }
    if let Some(Hang { seconds, spins }) = failure.hung {
        let last = failure.steps.last().map_or_else(String::new, |step| {
            format!("; the last step: thread {} {} at {}", step.thread, step.step, place(&step.place))
        });
        let how = match spins {
            true => "uses the processor and takes no step, so the explorer cannot end its loop",
            false => "blocks on the thread of the system, which the explorer cannot wake",
        };
        return format!(
            "no modelled step for {seconds} s{last}\nit {how}: an adapter has to use chanlab_shim::thread, \
             chanlab_shim::sync and chanlab_shim::time in place of std's, and a crate what the std shim models"
        );
    }
    match &failure.place {
        Some(raised) => format!("panicked at {}:\n{}", place(raised), failure.message),
        None => failure.message.clone(),
    }
}

/// The command line that runs a failure again, and what it repeats.
pub fn replay(replay: &Replay) -> (&'static str, String) {
    let what = match replay.choices {
        Some(_) => "to replay this schedule",
        None => "to replay (the exploration is deterministic)",
    };
    let mut command = String::new();
    for (name, value) in &replay.environment {
        // Writing to a string does not fail.
        let _ = write!(command, "{name}={value} ");
    }
    (what, command + &replay.command)
}

/// All that a model process prints of a failure.
pub fn failure(report: &ModelReport, failure: &ModelFailure) -> String {
    let head = failed_in(report, failure);
    let happened = what_happened(failure, &str::to_owned);
    let mut text = format!("\n{head}\n{happened}\n\nits steps (locks, waits and notifications):\n");
    for step in &failure.steps {
        text += &format!("  thread {} {} at {}\n", step.thread, step.step, step.place);
    }
    if !failure.backtrace.is_empty() {
        text += "\nits backtrace:\n";
    }
    for frame in &failure.backtrace {
        let at = frame.place.as_ref().map_or_else(String::new, |place| format!("\n    at {place}"));
        text += &format!("  {}{at}\n", frame.function);
    }
    let (what, command) = replay(&failure.replay);
    text + &format!("\n{what}:\n  {command}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use records::model_report::ModelStep;

    fn loom(preemptions: Option<u64>) -> ExplorationBounds {
        ExplorationBounds::Loom { preemptions, branches: 2_000, seconds: None, shard: Shard::WHOLE }
    }

    #[test]
    fn bounds_name_preemptions_and_branches() {
        assert_eq!(bounds(&loom(None)), "every schedule, 2000 branches at most");
        assert_eq!(bounds(&loom(Some(2))), "all schedules of at most 2 preemptions, 2000 branches at most");
        assert_eq!(
            explored(&loom(None), Coverage::Preemptions(1)),
            "all schedules of at most 1 preemption and some of more, 2000 branches at most"
        );
        assert_eq!(explored(&loom(None), Coverage::Partial), "some of every schedule, 2000 branches at most");
    }

    #[test]
    fn no_numbers_of_cuts_are_too_large_to_be_told() {
        let all = [(ExplorationLimit::Branches, u64::MAX), (ExplorationLimit::Time, 5)].into();
        assert!(
            cuts(&all, u64::MAX).starts_with("18446744073709551615 of 18446744073709551615 models cut short")
        );
    }

    #[test]
    fn a_deadlock_shows_the_last_step_of_each_thread_that_waits() {
        let step = |thread, step: &str, place: &str| ModelStep {
            thread,
            step: step.to_owned(),
            place: place.to_owned(),
        };
        let failure = ModelFailure {
            message: "deadlock! blocked tasks: [...]".to_owned(),
            place: Some("execution.rs:1:2".to_owned()),
            blocked: Some(vec![0, 1, 12]),
            steps: vec![
                step(1, "locks", "a.rs:1:1"),
                step(1, "parks", "a.rs:2:1"),
                step(12, "waits", "b.rs:3:1"),
            ],
            ..ModelFailure::default()
        };
        assert_eq!(
            what_happened(&failure, &str::to_owned),
            "deadlock: every thread that is left waits, and none wakes another\n\
             thread 1 waits; its last step: parks at a.rs:2:1\n\
             thread 12 waits; its last step: waits at b.rs:3:1"
        );
        let unnamed = ModelFailure { blocked: Some(Vec::new()), ..failure };
        assert_eq!(
            what_happened(&unnamed, &str::to_owned),
            "panicked at execution.rs:1:2:\ndeadlock! blocked tasks: [...]"
        );
    }
}
