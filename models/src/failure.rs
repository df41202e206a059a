//! The report of a panic in an explored model: a failure, or the limit that cut the exploration short.
//!
//! The panic hook makes it. Loom cannot always unwind: after a deadlock the first handle that is dropped
//! panics again, and the process aborts with everything that it had not written.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::RefCell;
use std::panic::{self, PanicHookInfo};
use std::sync::Once;
use std::{process, thread};

use contract::sync::{Diverged, EXPLORER, Explorer, Step, choices, reached};
use records::model_report::{
    CUT_EXIT_CODE, Divergence, ExplorationLimit, Frame, ModelFailure, ModelStep, ModelVerdict, Replay,
};
use sut::{REPLAY, is_out_of_primitives, schedule};

use crate::running::{Running, say};
use crate::{bounds, foreign};

thread_local! {
    /// The model that this thread explores. All threads of a model run on the thread that explores it.
    static WATCHED: RefCell<Option<Running>> = const { RefCell::new(None) };
}

/// The exit code of a failed test process, as the test harness has it.
pub(crate) const FAILED_EXIT_CODE: i32 = 101;

/// While this lives, a panic on this thread is reported as the end of the model.
#[derive(Debug)]
pub(crate) struct Watch(());

impl Drop for Watch {
    fn drop(&mut self) {
        // Still watched while it unwinds: a panic that did not call the hook, as that of a job does not.
        if let Some(running) = WATCHED.take().filter(|running| thread::panicking() && running.claims_end()) {
            let verdict = failed(&running, "a thread panicked without a message".to_owned(), None);
            report(running, verdict);
        }
    }
}

/// Reports a panic on this thread as the end of `running`.
pub(crate) fn watch(running: Running) -> Watch {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |panic| match WATCHED.take() {
            Some(running) if running.claims_end() => ended(running, panic),
            // The watchdog reports, and ends the process.
            Some(_) => {}
            None => previous(panic),
        }));
    });
    WATCHED.set(Some(running));
    Watch(())
}

fn ended(running: Running, panic: &PanicHookInfo<'_>) {
    if let Some(what) = diverged(panic) {
        let after = schedule().pop().map(step);
        let divergence = Divergence { is_replay: running.plan.replay.is_some(), what, after };
        report(running, ModelVerdict::Diverged(Box::new(divergence)));
        // Chanlab's own models are deterministic, so there it fails the test.
        if REPLAY.is_some() {
            process::exit(CUT_EXIT_CODE);
        }
        return;
    }
    if let Some(limit) = REPLAY.and_then(|_| limit(panic)) {
        let coverage = bounds::coverage(reached());
        report(running, ModelVerdict::Cut { limit, coverage });
        process::exit(CUT_EXIT_CODE);
    }
    let message = panic.payload_as_str().unwrap_or("a panic whose payload is no text").to_owned();
    let is_deadlock = foreign::deadlock(&message).is_some();
    let place = panic.location().map(ToString::to_string);
    let verdict = failed(&running, message, place);
    report(running, verdict);
    // Unwinding would end in an abort, after pages of loom's own state, or in the destructors of a crate that
    // is known to be broken by now.
    if is_deadlock && EXPLORER == Explorer::Loom || REPLAY.is_some() {
        process::exit(FAILED_EXIT_CODE);
    }
}

/// How an execution differs from the one whose choices it makes, if that is why a thread panicked.
fn diverged(panic: &PanicHookInfo<'_>) -> Option<String> {
    let noticed = panic.payload().downcast_ref::<Diverged>().map(ToString::to_string);
    noticed.or_else(|| foreign::loom_diverged(panic.payload_as_str()?).map(str::to_owned))
}

/// The limit that an execution exceeded. Published crates were not written to be small enough for loom;
/// chanlab's own models are, so there the caller takes it for a failure.
fn limit(panic: &PanicHookInfo<'_>) -> Option<ExplorationLimit> {
    if EXPLORER != Explorer::Loom {
        return None;
    }
    if is_out_of_primitives(panic.payload()) {
        return Some(ExplorationLimit::Primitives);
    }
    foreign::loom_limit(panic.payload_as_str()?)
}

fn failed(running: &Running, message: String, place: Option<String>) -> ModelVerdict {
    let backtrace = Backtrace::capture();
    let steps = schedule().into_iter().map(step).collect();
    let failure = ModelFailure {
        execution: running.executions(),
        blocked: foreign::deadlock(&message),
        message,
        place,
        hung: None,
        steps,
        backtrace: Vec::new(),
        replay: replay(&running.model.name, choices()),
    };
    // The stack of a modelled thread is too small to print a backtrace.
    let backtrace = thread::spawn(move || frames(&backtrace)).join().unwrap_or_default();
    ModelVerdict::Failed(Box::new(ModelFailure { backtrace, ..failure }))
}

pub(crate) fn frames(backtrace: &Backtrace) -> Vec<Frame> {
    match backtrace.status() {
        BacktraceStatus::Captured => foreign::frames(&backtrace.to_string()),
        _ => Vec::new(),
    }
}

/// A step as a report has it.
pub(crate) fn step(step: Step) -> ModelStep {
    ModelStep { thread: step.thread as u64, step: step.what.to_owned(), place: step.place.to_string() }
}

fn report(running: Running, verdict: ModelVerdict) {
    let report = running.report(verdict);
    // The stack of a modelled thread is too small for this as well.
    if thread::spawn(move || running.finish(&report)).join().is_err() {
        say("the end of the model could not be reported");
    }
}

/// How to run an execution of `model` again, of which these are the explorer's choices.
pub(crate) fn replay(model: &str, choices: Option<String>) -> Replay {
    let mut environment = match &choices {
        Some(choices) => [(bounds::REPLAY.to_owned(), choices.clone())].into(),
        None => bounds::settings(),
    };
    let command = match REPLAY {
        Some(command) => format!("{command} {model}"),
        None => {
            if EXPLORER == Explorer::Loom {
                // Loom then names the places where threads are blocked.
                environment.insert("LOOM_LOCATION".to_owned(), "1".to_owned());
            }
            format!("scripts/{} {model} -- --exact", EXPLORER.name())
        }
    };
    Replay { choices, environment, command }
}
