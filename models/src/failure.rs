//! What a failing model says: the execution, its steps, and how to run it again.
//!
//! All of it is said from the panic hook. Loom cannot always unwind: after a deadlock the first handle that is dropped
//! panics again, and the process aborts with whatever had not been written.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::RefCell;
use std::panic::{self, PanicHookInfo};
use std::sync::Once;
use std::{process, thread};

use harness::sync::schedule;

use crate::bounds;
use crate::runner::{Running, say};

thread_local! {
    /// The model that this thread explores. Loom runs all threads of a model on the thread that explores it.
    static WATCHED: RefCell<Option<Running>> = const { RefCell::new(None) };
}

/// The code of a failed test process, as the test harness gives it.
const FAILED: i32 = 101;

/// While this lives, a panic on this thread is the failure of the model.
#[derive(Debug)]
pub(crate) struct Watch(());

impl Drop for Watch {
    fn drop(&mut self) {
        WATCHED.take();
    }
}

/// Takes a panic on this thread for the failure of `running`.
pub(crate) fn watch(running: Running) -> Watch {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |panic| match WATCHED.take() {
            Some(running) => tell(running, panic),
            None => previous(panic),
        }));
    });
    WATCHED.set(Some(running));
    Watch(())
}

fn tell(running: Running, panic: &PanicHookInfo<'_>) {
    let deadlock = panic.payload_as_str().is_some_and(|message| message.starts_with("deadlock"));
    let panic = panic.to_string();
    let backtrace = Backtrace::capture();
    let steps = schedule();
    // A modelled thread's stack is too small for all that follows.
    let telling = thread::spawn(move || {
        say(&report(&running, &panic, &steps, &backtrace));
        running.record(false);
    });
    if telling.join().is_err() {
        say("the failure could not be recorded");
    }
    if deadlock {
        // Unwinding would end in an abort, after pages about loom's own insides.
        process::exit(FAILED);
    }
}

fn report(running: &Running, panic: &str, steps: &[String], backtrace: &Backtrace) -> String {
    let model = running.model;
    let mut report = format!(
        "\nmodel {} of {} failed in execution {} ({})\n{panic}\n\nits steps (locks, waits and notifications):\n",
        model.name,
        model.subject,
        running.executions(),
        bounds::in_words(model.bounds),
    );
    for step in steps {
        report += &format!("  {step}\n");
    }
    if backtrace.status() == BacktraceStatus::Captured {
        report += &format!("\n{backtrace}");
    }
    report += &format!(
        "\nto replay (the exploration is deterministic; loom then names the places where threads are blocked):\n  \
         {}LOOM_LOCATION=1 scripts/loom {} -- --exact\n",
        bounds::settings(),
        model.name,
    );
    report
}
