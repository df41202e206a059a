//! What a failing model says: the execution, its steps, and how to run it again.
//!
//! All of it is said from the panic hook. Loom cannot always unwind: after a deadlock the first handle that is dropped
//! panics again, and the process aborts with whatever had not been written.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::RefCell;
use std::panic::{self, PanicHookInfo};
use std::sync::Once;
use std::{process, thread};

use harness::sync::{EXPLORER, Explored, Explorer, Reached, choices, reached};
use sut::{REPLAY, TOO_LARGE, schedule};

use crate::bounds;
use crate::runner::{Running, say};

thread_local! {
    /// The model that this thread explores. All threads of a model run on the thread that explores it.
    static WATCHED: RefCell<Option<Running>> = const { RefCell::new(None) };
}

/// The code of a failed test process, as the test harness gives it.
const FAILED: i32 = 101;

/// While this lives, a panic on this thread is the failure of the model.
#[derive(Debug)]
pub(crate) struct Watch(());

impl Drop for Watch {
    fn drop(&mut self) {
        // Still watched, and yet it unwinds: a panic that went past the hook, as a job's own do.
        if let Some(running) = WATCHED.take().filter(|_| thread::panicking()) {
            tell(running, "a thread panicked without a word".to_owned());
        }
    }
}

/// Takes a panic on this thread for the failure of `running`.
pub(crate) fn watch(running: Running) -> Watch {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |panic| match WATCHED.take() {
            Some(running) if REPLAY.is_some() && too_large(panic).is_some() => {
                let why = too_large(panic).unwrap_or_default();
                let bounds = format!("{}, until {why}", bounds::in_words(&running.plan, reached()));
                let explored = Explored { executions: running.executions() as u64, exhausted: false };
                // A modelled thread's stack is too small for what follows.
                let told = thread::spawn(move || running.passed(explored, bounds)).join();
                process::exit(if told.is_ok() { 0 } else { FAILED });
            }
            Some(running) => {
                let deadlock = panic.payload_as_str().is_some_and(|message| message.starts_with("deadlock"));
                tell(running, panic.to_string());
                // Unwinding would end in an abort, after pages about loom's own insides; or in the destructors of a crate of which it is
                // known by now that it is broken.
                if deadlock && EXPLORER == Explorer::Loom || REPLAY.is_some() {
                    process::exit(FAILED);
                }
            }
            None => previous(panic),
        }));
    });
    WATCHED.set(Some(running));
    Watch(())
}

/// Why an execution is more than loom can explore: no failure of a crate that was not written for it. Of chanlab's own code, whose models are as
/// small as they have to be, it is one.
fn too_large(panic: &PanicHookInfo<'_>) -> Option<&'static str> {
    let message = panic.payload_as_str()?;
    let known = [
        ("Model exceeded maximum number of branches", "one spun past the last branch"),
        ("assertion failed: self.threads.len() < self.max()", "one needed more threads than loom has"),
        (TOO_LARGE, "one had more primitives than the models' shim has for loom"),
    ];
    let known =
        known.into_iter().find(|(begins, _)| EXPLORER == Explorer::Loom && message.starts_with(begins));
    known.map(|(_, why)| why)
}

fn tell(running: Running, panic: String) {
    let backtrace = Backtrace::capture();
    let (steps, choices) = (schedule(), choices());
    // A modelled thread's stack is too small for all that follows.
    let telling = thread::spawn(move || {
        say(&report(&running, &panic, &steps, choices, &backtrace));
        running.failed();
    });
    if telling.join().is_err() {
        say("the failure could not be recorded");
    }
}

fn report(
    running: &Running,
    panic: &str,
    steps: &[String],
    choices: Option<String>,
    backtrace: &Backtrace,
) -> String {
    let model = running.model;
    let panic = waiting(panic, steps).unwrap_or_else(|| panic.to_owned());
    let mut report = format!(
        "\nmodel {} of {} failed in execution {} ({})\n{panic}\n\nits steps (locks, waits and notifications):\n",
        model.name,
        model.subject,
        running.executions(),
        bounds::in_words(&running.plan, Reached::Plan),
    );
    for step in steps {
        report += &format!("  {step}\n");
    }
    if backtrace.status() == BacktraceStatus::Captured {
        report += &format!("\n{backtrace}");
    }
    let (settings, name) = (bounds::settings(), model.name);
    report += &match choices {
        Some(choices) => format!(
            "\nto replay this very schedule:\n  {}={choices} {}\n",
            bounds::REPLAY,
            match REPLAY {
                Some(command) => format!("{command} {name}"),
                None => format!("scripts/shuttle {name} -- --exact"),
            }
        ),
        None if REPLAY.is_some() => format!(
            "\nto replay (the exploration is deterministic):\n  {settings}{} {name}\n",
            REPLAY.unwrap_or_default()
        ),
        None => format!(
            "\nto replay (the exploration is deterministic; loom then names the places where threads are blocked):\n  \
             {settings}LOOM_LOCATION=1 scripts/loom {name} -- --exact\n"
        ),
    };
    report
}

/// The start of shuttle's list of the tasks of a deadlock, which it does not know by name.
const BLOCKED: &str = "deadlock! blocked tasks: [";

/// Of a deadlock, who waits and where: each thread of shuttle's list with its last step. The first thread of all takes no step but to wait for the
/// model, and is left out. `None` of any other failure, and when no listed thread has taken a step.
fn waiting(panic: &str, steps: &[String]) -> Option<String> {
    let (_, list) = panic.split_once(BLOCKED)?;
    let mut words = "deadlock: all that are left wait, and nobody wakes them".to_owned();
    let first = words.len();
    for task in list.split(", ") {
        // `name (task name(N))`, for whatever name.
        let (_, number) = task.split_once(')')?.0.rsplit_once('(')?;
        let thread = format!("ThreadId({number}) ");
        if let Some(step) = steps.iter().rev().find(|step| step.starts_with(&thread)) {
            words += &format!("\n{thread}waits; its last step: {}", &step[thread.len()..]);
        }
    }
    (words.len() > first).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadlock_is_told_with_the_last_step_of_whoever_waits() {
        let panic = "panicked at execution.rs:1:2:\ndeadlock! blocked tasks: [main-thread (task main-thread(0)), \
                     <unknown> (task main-thread(1)), <unknown> (task main-thread(12))]";
        let steps = [
            "ThreadId(1) locks at a.rs:1:1",
            "ThreadId(1) parks at a.rs:2:1",
            "ThreadId(12) waits at b.rs:3:1",
        ];
        let steps = steps.map(str::to_owned);
        assert_eq!(
            waiting(panic, &steps).as_deref(),
            Some(
                "deadlock: all that are left wait, and nobody wakes them\n\
                 ThreadId(1) waits; its last step: parks at a.rs:2:1\n\
                 ThreadId(12) waits; its last step: waits at b.rs:3:1"
            )
        );
        assert_eq!(waiting(panic, &[]), None);
        assert_eq!(waiting("panicked at a.rs:1:2:\nan update was lost", &steps), None);
    }
}
