//! The watchdog: a thread of the system that ends a model which hangs.
//!
//! An explorer runs all threads of a model on one thread of the system. Code that blocks that thread, or that
//! spins without a step, is beyond the explorer: no other thread of the model can run again. The watchdog counts
//! the time since the last step in which the exploring thread slept or used a processor. The time in which it
//! waited for a processor does not count, so a loaded machine makes no model hang.

use std::backtrace::Backtrace;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{io, process};

use nix::sys::pthread::{Pthread, pthread_kill, pthread_self};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use records::model_report::{Hang, ModelFailure, ModelReport, ModelVerdict};
use sut::Observer;

use crate::failure::{FAILED_EXIT_CODE, frames, replay, step};
use crate::running::{Running, say};

/// The interval between two looks.
const INTERVAL: Duration = Duration::from_millis(100);

/// The time that the hanging thread has to print its stack.
const STACK_TIMEOUT: Duration = Duration::from_secs(2);

/// The signal on which the exploring thread captures its stack.
const SIGNAL: Signal = Signal::SIGUSR1;

/// The ticks of a second in `/proc`, which Linux fixes for programs.
const TICKS: u32 = 100;

/// The stack that the signal handler captured.
static STACK: Mutex<Option<Backtrace>> = Mutex::new(None);

/// Watches a model until it is dropped.
#[derive(Debug)]
pub(crate) struct Watchdog {
    is_over: Arc<AtomicBool>,
    watching: Option<JoinHandle<()>>,
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // Relaxed: a flag that guards no other data.
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(watching) = self.watching.take() {
            watching.thread().unpark();
            // It has nothing to say but what it has said.
            let _ = watching.join();
        }
    }
}

/// Ends the process with a report when the model of `running`, which the calling thread explores, takes no step
/// for `deadline`.
///
/// # Errors
///
/// When the system has no thread for it.
pub(crate) fn watch(running: Running, deadline: Duration) -> io::Result<Watchdog> {
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    let (observer, explorer, state) = (Observer::here(), pthread_self(), State::of_this_thread());
    let look = move || {
        let mut silence = Silence::new(deadline);
        let mut looked = Instant::now();
        while !over.load(Ordering::Relaxed) {
            thread::park_timeout(INTERVAL);
            let progress = observer.progress() + running.executions();
            let passed = looked.elapsed().min(2 * INTERVAL);
            looked = Instant::now();
            let hang = silence.look(progress, state.as_ref().and_then(State::now), passed);
            if let Some(hang) = hang.filter(|_| running.claims_end()) {
                end(&running, hang, &observer, explorer);
            }
        }
    };
    let watching = thread::Builder::new().name("watchdog".to_owned()).spawn(look)?;
    Ok(Watchdog { is_over, watching: Some(watching) })
}

/// Reports the hang, and ends the process: nothing can end the exploring thread.
fn end(running: &Running, hang: Hang, observer: &Observer, explorer: Pthread) -> ! {
    let failure = ModelFailure {
        execution: running.executions(),
        message: format!("no modelled step for {} s", hang.seconds),
        hung: Some(hang),
        steps: observer.schedule().into_iter().map(step).collect(),
        backtrace: stack(explorer).as_ref().map_or_else(Vec::new, frames),
        replay: replay(&running.model.name, observer.choices()),
        ..ModelFailure::default()
    };
    let report = running.report(ModelVerdict::Failed(Box::new(failure)));
    // The exploring thread alone knows its count.
    running.finish(&ModelReport { timed_waits: None, ..report });
    process::exit(FAILED_EXIT_CODE);
}

/// The stack of a thread, if it captures it in time.
fn stack(explorer: Pthread) -> Option<Backtrace> {
    extern "C" fn capture(_: i32) {
        // Allocating is not allowed in a signal handler: the thread may hold the allocator's lock. Then it waits
        // for itself, and the process, which ends anyway, ends without the stack.
        let stack = Backtrace::force_capture();
        *STACK.lock().unwrap_or_else(PoisonError::into_inner) = Some(stack);
    }
    let action = SigAction::new(SigHandler::Handler(capture), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler is a function of this program, and this process handles the signal nowhere else. What
    // it must not do, allocate, can block its thread alone, which hangs already.
    unsafe { sigaction(SIGNAL, &action) }.ok()?;
    pthread_kill(explorer, SIGNAL).ok()?;
    let asked = Instant::now();
    while asked.elapsed() < STACK_TIMEOUT {
        if let Some(stack) = STACK.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Some(stack);
        }
        thread::park_timeout(Duration::from_millis(1));
    }
    say("the thread that hangs does not print its stack");
    None
}

/// The file with the state of a thread of this process, on Linux.
#[derive(Debug)]
struct State(PathBuf);

/// What a thread does, and the processor time that it has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Activity {
    sleeps: bool,
    ticks: u64,
}

impl State {
    fn of_this_thread() -> Option<Self> {
        Some(State(PathBuf::from("/proc").join(fs::read_link("/proc/thread-self").ok()?).join("stat")))
    }

    fn now(&self) -> Option<Activity> {
        activity(&fs::read_to_string(&self.0).ok()?)
    }
}

/// Reads `/proc/…/stat`: the state, and the 11th and 12th field after it. The name before may contain anything.
fn activity(stat: &str) -> Option<Activity> {
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let sleeps = matches!(fields.next()?, "S" | "D");
    let mut times = fields.skip(10).map(str::parse::<u64>);
    Some(Activity { sleeps, ticks: times.next()?.ok()? + times.next()?.ok()? })
}

/// The time since the last step.
#[derive(Debug)]
struct Silence {
    deadline: Duration,
    progress: u64,
    /// The processor time at the last step.
    ticks: Option<u64>,
    slept: Duration,
}

impl Silence {
    fn new(deadline: Duration) -> Self {
        Silence { deadline, progress: 0, ticks: None, slept: Duration::ZERO }
    }

    /// Takes a look after the time `passed`, and returns the hang when the deadline has passed without a step.
    /// Where the system does not say what the thread does, all time counts.
    fn look(&mut self, progress: u64, activity: Option<Activity>, passed: Duration) -> Option<Hang> {
        let ticks = activity.map(|activity| activity.ticks);
        if progress != self.progress {
            *self = Silence { progress, ticks, ..Silence::new(self.deadline) };
            return None;
        }
        if activity.is_none_or(|activity| activity.sleeps) {
            self.slept += passed;
        }
        self.ticks = self.ticks.or(ticks);
        let used = ticks.zip(self.ticks).map_or(0, |(now, then)| now.saturating_sub(then));
        let spun = Duration::from_secs(used) / TICKS;
        let silence = self.slept + spun;
        (silence >= self.deadline).then(|| Hang { seconds: silence.as_secs(), spins: spun > self.slept })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn asleep(ticks: u64) -> Option<Activity> {
        Some(Activity { sleeps: true, ticks })
    }

    fn awake(ticks: u64) -> Option<Activity> {
        Some(Activity { sleeps: false, ticks })
    }

    #[test]
    fn a_thread_that_sleeps_or_spins_hangs_and_one_without_a_processor_does_not() {
        let new = || {
            let mut silence = Silence::new(3 * SECOND);
            assert_eq!(silence.look(7, awake(50), SECOND), None);
            silence
        };
        let mut blocked = new();
        assert_eq!([blocked.look(7, asleep(50), SECOND), blocked.look(7, asleep(50), SECOND)], [None, None]);
        assert_eq!(blocked.look(7, asleep(50), SECOND), Some(Hang { seconds: 3, spins: false }));
        let mut spinning = new();
        assert_eq!(spinning.look(7, awake(349), 9 * SECOND), None);
        assert_eq!(spinning.look(7, awake(350), SECOND), Some(Hang { seconds: 3, spins: true }));
        let mut starved = new();
        assert!((0..1_000).all(|_| starved.look(7, awake(60), SECOND).is_none()));
        let mut unknown = new();
        assert_eq!(unknown.look(7, None, 3 * SECOND), Some(Hang { seconds: 3, spins: false }));
    }

    #[test]
    fn a_step_starts_the_time_again() {
        let mut silence = Silence::new(3 * SECOND);
        assert!(
            (1..1_000).all(|progress| silence.look(progress, asleep(progress * 90), 2 * SECOND).is_none())
        );
        assert_eq!(silence.look(999, asleep(999 * 90), 2 * SECOND), None);
        assert!(silence.look(999, asleep(999 * 90), SECOND).is_some());
    }

    #[test]
    fn the_state_of_a_thread_is_read_past_its_name() {
        let stat = "17 (a) b) S 1 2 3 4 5 6 7 8 9 10 30 12 13 14";
        assert_eq!(activity(stat), asleep(42));
        assert_eq!(activity(&stat.replace(") S", ") R")), awake(42));
        assert_eq!(activity("17 (a) S 1"), None);
    }
}
