//! The stage of a scenario: named threads, a log of their steps, and a time limit that turns a hang into a
//! result.
//!
//! A scenario runs on a thread called `main` and starts others with [`thread()`]. When it does not end in
//! time, the threads that hang are named and abandoned. Each thread keeps its last steps ([`note`], [`is`]);
//! one clock orders the steps of all threads.
//!
//! No verdict depends on which thread comes first. Where a scenario wants an order ("the receiver waits
//! now"), it makes it likely: [`SceneThread::until_waiting`] polls the thread's state for a bounded time. Races
//! are run many times.

use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt::{Debug, Display};
use std::fs;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::violation::Violation;
use records::verify::ThreadSteps;
use workloads::thread_group::panic_message;

/// The time limit of a scenario: a hundred times what one usually takes, for machines under load.
pub(super) const TIMEOUT: Duration = Duration::from_secs(20);

/// The time limit of [`SceneThread::until_waiting`]. The timed waits of some channels spin and never sleep.
const WAITING_TIMEOUT: Duration = Duration::from_millis(3);

/// The number of last steps that each thread keeps.
const MAX_STEPS: usize = 24;

/// The result of a check.
pub(super) type Checked<T = ()> = Result<T, Violation>;

/// The last steps of one thread.
#[derive(Debug)]
struct StepLog {
    name: String,
    steps: VecDeque<(u64, String)>,
    ended: bool,
    /// Whether the thread is waiting for another one to end. If it hangs, the other one is to blame.
    joining: bool,
}

/// The step logs of all threads of a scenario. `main` is the first.
#[derive(Debug, Default)]
struct Logs {
    clock: AtomicU64,
    threads: Mutex<Vec<StepLog>>,
}

impl Logs {
    fn lock(&self) -> MutexGuard<'_, Vec<StepLog>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a thread and returns its index.
    fn add(&self, name: String) -> usize {
        let mut threads = self.lock();
        threads.push(StepLog { name, steps: VecDeque::new(), ended: false, joining: false });
        threads.len() - 1
    }

    fn steps(&self) -> Vec<ThreadSteps> {
        let steps = |log: &StepLog| ThreadSteps {
            thread: log.name.clone(),
            steps: log.steps.iter().cloned().collect(),
        };
        self.lock().iter().filter(|log| !log.steps.is_empty()).map(steps).collect()
    }

    fn hung(&self) -> Vec<String> {
        let threads = self.lock();
        let hung = threads.iter().filter(|log| !log.ended && !log.joining);
        hung.map(|log| log.name.clone()).collect()
    }
}

thread_local! {
    /// The logs of the scenario that this thread belongs to, and the index of its own.
    static OWN: RefCell<Option<(Arc<Logs>, usize)>> = const { RefCell::new(None) };
}

/// Changes this thread's log, if it has one; passes the time of the step.
fn with_own_log(change: impl FnOnce(&mut StepLog, u64)) {
    OWN.with_borrow(|own| {
        if let Some((logs, index)) = own {
            let mut threads = logs.lock();
            // Relaxed: the lock orders the steps.
            change(&mut threads[*index], logs.clock.fetch_add(1, Ordering::Relaxed));
        }
    });
}

/// Logs a step of this thread.
pub(super) fn note(step: impl Into<String>) {
    with_own_log(|log, now| {
        if log.steps.len() == MAX_STEPS {
            log.steps.pop_front();
        }
        log.steps.push_back((now, step.into()));
    });
}

/// Begins another attempt: forgets the steps of the previous one.
pub(super) fn begin_anew() {
    let logs = OWN.with_borrow(|own| own.as_ref().map(|(logs, _)| Arc::clone(logs)));
    if let Some(logs) = logs {
        let mut threads = logs.lock();
        threads.iter_mut().for_each(|log| log.steps.clear());
        while threads.len() > 1 && threads.last().is_some_and(|log| log.ended) {
            threads.pop();
        }
    }
}

/// Runs `body` `count` times and stops at the first violation, whose attempt alone is logged.
pub(super) fn tries(count: usize, mut body: impl FnMut(usize) -> Checked) -> Checked {
    (0..count).try_for_each(|attempt| {
        begin_anew();
        body(attempt)
    })
}

/// Logs what happened and compares it with what was expected.
pub(super) fn is<T: PartialEq + Debug>(what: impl Display, happened: T, expected: T) -> Checked {
    note(format!("{what}: {happened:?}"));
    if happened == expected {
        return Ok(());
    }
    Err(Violation::new(format!("{what}: {expected:?}"), format!("{what}: {happened:?}")))
}

/// Checks a condition; `happened` describes a violation.
pub(super) fn holds(condition: bool, expected: &str, happened: impl FnOnce() -> String) -> Checked {
    if condition { Ok(()) } else { Err(Violation::new(expected, happened())) }
}

/// The result of a thread, without its type, so that the code that starts threads is compiled once and not
/// for each scenario.
type Returned = Box<dyn Any + Send>;

/// The body of a thread.
type Body = Box<dyn FnOnce() -> Returned + Send>;

fn body<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> Body {
    Box::new(move || Box::new(body()))
}

fn returned<T: 'static>(returned: Returned) -> T {
    *returned.downcast().expect("a thread returns the type of its body")
}

/// A thread that was started.
#[derive(Debug)]
struct Started {
    name: String,
    result: mpsc::Receiver<Result<Returned, String>>,
    ended: Arc<AtomicBool>,
    /// The file from which the system reports the thread's state; `None` where there is none.
    stat: Arc<OnceLock<Option<PathBuf>>>,
}

fn start(logs: &Arc<Logs>, name: String, body: Body) -> Checked<Started> {
    let (done, result) = mpsc::channel();
    let (ended, stat) = (Arc::<AtomicBool>::default(), Arc::<OnceLock<Option<PathBuf>>>::default());
    let started = Started { name: name.clone(), result, ended: Arc::clone(&ended), stat: Arc::clone(&stat) };
    let logs = Arc::clone(logs);
    let index = logs.add(name.clone());
    let spawned = thread::Builder::new().name(name.clone()).spawn(move || {
        // A link to PID/task/TID.
        let own = fs::read_link("/proc/thread-self").ok();
        stat.get_or_init(|| own.map(|own| PathBuf::from("/proc").join(own).join("stat")));
        OWN.set(Some((Arc::clone(&logs), index)));
        let result = catch_unwind(AssertUnwindSafe(body)).map_err(|panic| panic_message(&*panic));
        logs.lock()[index].ended = true;
        ended.store(true, Ordering::Release);
        // Nothing waits for it when the scenario has already failed.
        let _ = done.send(result);
    });
    match spawned {
        Ok(_) => Ok(started),
        Err(error) => Err(Violation::shortage(&name, &error)),
    }
}

impl Started {
    /// Waits for the thread to end.
    fn result(self) -> Checked<Returned> {
        with_own_log(|log, _| log.joining = true);
        let result = self.result.recv();
        with_own_log(|log, _| log.joining = false);
        match result {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(panic)) => Err(Violation::new("no panic", format!("{} panicked: {panic}", self.name))),
            Err(mpsc::RecvError) => {
                Err(Violation::new("no panic", format!("{} ended without a result", self.name)))
            }
        }
    }

    fn until_waiting(&self) {
        let began = Instant::now();
        let mut seen = 0;
        while seen < 2 && !self.ended.load(Ordering::Acquire) && began.elapsed() < WAITING_TIMEOUT {
            let stat = self.stat.get().and_then(Option::as_ref);
            match stat.map(fs::read_to_string) {
                // The state follows the name, which may itself contain parentheses.
                Some(Ok(stat)) if stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" S")) => {
                    seen += 1
                }
                // A system without this file: two turns of the scheduler are the best that can be done.
                Some(Err(_)) => seen += 1,
                _ => seen = 0,
            }
            thread::yield_now();
        }
    }
}

/// A thread of a scenario, which returns a `T`.
#[derive(Debug)]
pub(super) struct SceneThread<T> {
    thread: Started,
    returns: PhantomData<fn() -> T>,
}

/// Starts another thread of the scenario that this thread belongs to.
pub(super) fn thread<T: Send + 'static>(
    name: impl Into<String>,
    does: impl FnOnce() -> T + Send + 'static,
) -> Checked<SceneThread<T>> {
    let logs = OWN.with_borrow(|own| own.as_ref().map(|(logs, _)| Arc::clone(logs))).unwrap_or_default();
    Ok(SceneThread { thread: start(&logs, name.into(), body(does))?, returns: PhantomData })
}

impl<T: 'static> SceneThread<T> {
    /// Waits for the thread to end.
    pub(super) fn result(self) -> Checked<T> {
        self.thread.result().map(returned)
    }

    /// Waits until the thread sleeps or has ended, but no more than a few milliseconds. The thread has then
    /// most likely gone as far as it can alone; no verdict may depend on that.
    pub(super) fn until_waiting(&self) {
        self.thread.until_waiting();
    }
}

/// Plays a scenario. A failure comes with the steps of each thread.
pub(super) fn play(
    deadline: Duration,
    scenario: impl FnOnce() -> Checked + Send + 'static,
) -> Result<(), (Violation, Vec<ThreadSteps>)> {
    let logs = Arc::<Logs>::default();
    let main =
        start(&logs, "main".to_owned(), body(scenario)).map_err(|violation| (violation, Vec::new()))?;
    let violation = match main.result.recv_timeout(deadline) {
        Ok(Ok(result)) => match returned::<Checked>(result) {
            Ok(()) => return Ok(()),
            Err(violation) => violation,
        },
        Ok(Err(panic)) => Violation::new("no panic", format!("main panicked: {panic}")),
        Err(_) => {
            let mut hung = logs.hung();
            hung.sort_unstable();
            let (seconds, hung) = (deadline.as_secs_f64(), hung.join(", "));
            Violation::new("every thread ends", format!("hung: not ended after {seconds} s: {hung}"))
        }
    };
    Err((violation, logs.steps()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hang_names_the_thread_that_hangs_and_not_the_one_that_joins_it() {
        let failure = play(Duration::from_millis(100), || {
            note("starts one that hangs");
            thread("stuck", || {
                note("parks");
                loop {
                    thread::park();
                }
            })?
            .result()
        });
        let (violation, threads) = failure.expect_err("it hangs");
        assert_eq!(violation.happened, "hung: not ended after 0.1 s: stuck");
        assert_eq!(threads.len(), 2);
        assert_eq!(threads[1].steps[0].1, "parks");
        assert!(threads[0].steps[0].0 < threads[1].steps[0].0);
    }

    #[test]
    fn a_panic_and_a_wrong_value_are_violations() {
        let failure = play(TIMEOUT, || {
            let quiet = || std::panic::resume_unwind(Box::new("on purpose"));
            thread("broken", quiet)?.result()
        });
        assert_eq!(failure.expect_err("it panics").0.happened, "broken panicked: on purpose");
        let (violation, threads) = play(TIMEOUT, || is("1 + 1", 2, 3)).expect_err("2 is not 3");
        assert_eq!(violation, Violation::new("1 + 1: 3", "1 + 1: 2"));
        assert_eq!(threads[0].steps, [(0, "1 + 1: 2".to_owned())]);
    }

    #[test]
    fn only_the_last_steps_of_the_last_attempt_are_kept() {
        let failure = play(TIMEOUT, || {
            tries(3, |attempt| {
                thread("other", move || note(format!("try {attempt}")))?.result()?;
                (0..2 * MAX_STEPS).for_each(|step| note(format!("{attempt}.{step}")));
                holds(attempt < 2, "fewer tries", || "too many".to_owned())
            })
        });
        let (_, threads) = failure.expect_err("the last attempt fails");
        assert_eq!(threads.len(), 2);
        assert_eq!(threads[0].steps.len(), MAX_STEPS);
        assert_eq!(threads[1].steps[0].1, "try 2");
    }
}
