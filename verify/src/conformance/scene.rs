//! What a scenario plays on: threads with names, what each of them did, and a deadline, at which a hang is a result.
//!
//! A scenario runs on a thread of its own, `main`, and starts others with [`thread()`]. Whatever hangs is named, and its threads are
//! abandoned. What a thread did is kept as its last steps ([`note`], [`is`]); the steps of all threads share one clock.
//!
//! A scenario's verdict never depends on who comes first. Where one order is wanted ("the receiver waits now"), it is made
//! likely: [`Running::until_waiting`] polls the state that the system tells of the thread, for a bounded time, and races are run many times.

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

use crate::erased::Chosen;
use harness::thread_group::panic_message;
use harness::verify::ThreadSteps;

/// A scenario that takes longer hangs: a hundred times what it usually takes, for the sake of machines that do much else.
pub(super) const HANG: Duration = Duration::from_secs(20);

/// A thread that does not wait by then is not waited for: some channels' timed waits spin to their end.
const PATIENCE: Duration = Duration::from_millis(3);

/// Steps kept of each thread; the last ones tell most.
const STEPS: usize = 24;

/// What is not as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) expected: String,
    pub(super) happened: String,
}

impl Wrong {
    pub(super) fn new(expected: impl Into<String>, happened: impl Into<String>) -> Self {
        Wrong { expected: expected.into(), happened: happened.into() }
    }
}

/// What a check returns.
pub(super) type Checked<T = ()> = Result<T, Wrong>;

/// What a thread did.
#[derive(Debug)]
struct Diary {
    name: String,
    steps: VecDeque<(u64, String)>,
    ended: bool,
    /// It waits for another thread of the scenario to end, so that it is not the one that hangs.
    joining: bool,
}

/// What all threads of a scenario did.
#[derive(Debug, Default)]
struct Log {
    clock: AtomicU64,
    diaries: Mutex<Vec<Diary>>,
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, Vec<Diary>> {
        self.diaries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, name: String) -> usize {
        let mut diaries = self.lock();
        diaries.push(Diary { name, steps: VecDeque::new(), ended: false, joining: false });
        diaries.len() - 1
    }

    fn steps(&self) -> Vec<ThreadSteps> {
        let told = |diary: &Diary| ThreadSteps {
            thread: diary.name.clone(),
            steps: diary.steps.iter().cloned().collect(),
        };
        self.lock().iter().filter(|diary| !diary.steps.is_empty()).map(told).collect()
    }

    fn hung(&self) -> Vec<String> {
        let diaries = self.lock();
        let hung = diaries.iter().filter(|diary| !diary.ended && !diary.joining);
        hung.map(|diary| diary.name.clone()).collect()
    }
}

thread_local! {
    /// The scenario that this thread is part of, and its place there.
    static OWN: RefCell<Option<(Arc<Log>, usize)>> = const { RefCell::new(None) };
}

/// Does something with this thread's diary, if it has one.
fn own_diary(change: impl FnOnce(&mut Diary, u64)) {
    OWN.with_borrow(|own| {
        if let Some((log, place)) = own {
            let mut diaries = log.lock();
            // Relaxed: the lock orders the steps.
            change(&mut diaries[*place], log.clock.fetch_add(1, Ordering::Relaxed));
        }
    });
}

/// Notes a step of this thread.
pub(super) fn note(step: impl Into<String>) {
    own_diary(|diary, now| {
        if diary.steps.len() == STEPS {
            diary.steps.pop_front();
        }
        diary.steps.push_back((now, step.into()));
    });
}

/// Begins another try: what was done before is of no interest.
pub(super) fn begin_anew() {
    let log = OWN.with_borrow(|own| own.as_ref().map(|(log, _)| Arc::clone(log)));
    if let Some(log) = log {
        let mut diaries = log.lock();
        diaries.iter_mut().for_each(|diary| diary.steps.clear());
        // `main` stays, at its place.
        while diaries.len() > 1 && diaries.last().is_some_and(|diary| diary.ended) {
            diaries.pop();
        }
    }
}

/// Tries something so many times, each of them anew.
pub(super) fn tries(count: usize, mut body: impl FnMut(usize) -> Checked) -> Checked {
    (0..count).try_for_each(|attempt| {
        begin_anew();
        body(attempt)
    })
}

/// Notes what happened, and holds it against what was expected.
pub(super) fn is<T: PartialEq + Debug>(what: impl Display, happened: T, expected: T) -> Checked {
    note(format!("{what}: {happened:?}"));
    if happened == expected {
        return Ok(());
    }
    Err(Wrong::new(format!("{what}: {expected:?}"), format!("{what}: {happened:?}")))
}

/// Holds a condition, in words; `happened` says what is so instead.
pub(super) fn holds(condition: bool, expected: &str, happened: impl FnOnce() -> String) -> Checked {
    if condition { Ok(()) } else { Err(Wrong::new(expected, happened())) }
}

/// What a thread returned, whatever its type: so that what starts a thread is compiled once, and not for each scenario.
type Returned = Box<dyn Any + Send>;

/// What a thread of the scenario does.
type Body = Box<dyn FnOnce() -> Returned + Send>;

fn body<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> Body {
    Box::new(move || Box::new(body()))
}

fn returned<T: 'static>(returned: Returned) -> T {
    *returned.downcast().expect("a thread returns what its body does")
}

/// A thread that was started.
#[derive(Debug)]
struct Started {
    name: String,
    result: mpsc::Receiver<Result<Returned, String>>,
    ended: Arc<AtomicBool>,
    /// Where the system tells its state.
    stat: Arc<OnceLock<Option<PathBuf>>>,
}

fn start(log: &Arc<Log>, name: String, body: Body) -> Checked<Started> {
    let (done, result) = mpsc::channel();
    let (ended, stat) = (Arc::<AtomicBool>::default(), Arc::<OnceLock<Option<PathBuf>>>::default());
    let started = Started { name: name.clone(), result, ended: Arc::clone(&ended), stat: Arc::clone(&stat) };
    let log = Arc::clone(log);
    let place = log.begin(name.clone());
    let chosen = Chosen::current();
    let spawned = thread::Builder::new().name(name.clone()).spawn(move || {
        // A link to PID/task/TID.
        let own = fs::read_link("/proc/thread-self").ok();
        stat.get_or_init(|| own.map(|own| PathBuf::from("/proc").join(own).join("stat")));
        OWN.set(Some((Arc::clone(&log), place)));
        if let Some(chosen) = chosen {
            chosen.choose();
        }
        let result = catch_unwind(AssertUnwindSafe(body)).map_err(|panic| panic_message(&*panic));
        log.lock()[place].ended = true;
        ended.store(true, Ordering::Release);
        // Nobody asks for it when the scenario has failed before.
        let _ = done.send(result);
    });
    match spawned {
        Ok(_) => Ok(started),
        Err(error) => Err(Wrong::new("a thread", format!("the machine gave no thread for {name}: {error}"))),
    }
}

impl Started {
    /// Waits for the thread to end.
    fn result(self) -> Checked<Returned> {
        own_diary(|diary, _| diary.joining = true);
        let result = self.result.recv();
        own_diary(|diary, _| diary.joining = false);
        match result {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(panic)) => Err(Wrong::new("no panic", format!("{} panicked: {panic}", self.name))),
            Err(mpsc::RecvError) => {
                Err(Wrong::new("no panic", format!("{} ended without a result", self.name)))
            }
        }
    }

    fn until_waiting(&self) {
        let began = Instant::now();
        let mut seen = 0;
        while seen < 2 && !self.ended.load(Ordering::Acquire) && began.elapsed() < PATIENCE {
            let stat = self.stat.get().and_then(Option::as_ref);
            match stat.map(fs::read_to_string) {
                // The state follows the name, which may hold parentheses itself.
                Some(Ok(stat)) if stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" S")) => {
                    seen += 1
                }
                // A system that does not tell: some turns of the scheduler are all that can be done.
                Some(Err(_)) => seen += 1,
                _ => seen = 0,
            }
            thread::yield_now();
        }
    }
}

/// A thread of a scenario, which returns a `T`.
#[derive(Debug)]
pub(super) struct Running<T> {
    thread: Started,
    returns: PhantomData<fn() -> T>,
}

/// Starts a thread of the scenario that this thread is part of.
pub(super) fn thread<T: Send + 'static>(
    name: impl Into<String>,
    does: impl FnOnce() -> T + Send + 'static,
) -> Checked<Running<T>> {
    let log = OWN.with_borrow(|own| own.as_ref().map(|(log, _)| Arc::clone(log))).unwrap_or_default();
    Ok(Running { thread: start(&log, name.into(), body(does))?, returns: PhantomData })
}

impl<T: 'static> Running<T> {
    /// Waits for the thread to end.
    pub(super) fn result(self) -> Checked<T> {
        self.thread.result().map(returned)
    }

    /// Waits until the system says that the thread sleeps, or until it has ended, or for some milliseconds: so the thread has most
    /// likely gone as far as it can alone. No verdict may depend on it.
    pub(super) fn until_waiting(&self) {
        self.thread.until_waiting();
    }
}

/// Plays a scenario; a failure has what each thread did.
pub(super) fn play(
    deadline: Duration,
    scenario: impl FnOnce() -> Checked + Send + 'static,
) -> Result<(), (Wrong, Vec<ThreadSteps>)> {
    let log = Arc::<Log>::default();
    let main = start(&log, "main".to_owned(), body(scenario)).map_err(|wrong| (wrong, Vec::new()))?;
    let wrong = match main.result.recv_timeout(deadline) {
        Ok(Ok(result)) => match returned::<Checked>(result) {
            Ok(()) => return Ok(()),
            Err(wrong) => wrong,
        },
        Ok(Err(panic)) => Wrong::new("no panic", format!("main panicked: {panic}")),
        Err(_) => {
            let mut hung = log.hung();
            hung.sort_unstable();
            Wrong::new(
                "every thread ends",
                format!("hung: after {} s {} still had not ended", deadline.as_secs_f64(), hung.join(", ")),
            )
        }
    };
    Err((wrong, log.steps()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hang_names_who_hangs_and_not_who_waits_for_it() {
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
        let (wrong, threads) = failure.expect_err("it hangs");
        assert_eq!(wrong.happened, "hung: after 0.1 s stuck still had not ended");
        assert_eq!(threads.len(), 2);
        assert_eq!(threads[1].steps[0].1, "parks");
        assert!(threads[0].steps[0].0 < threads[1].steps[0].0);
    }

    #[test]
    fn a_panic_and_a_wrong_value_are_told() {
        let failure = play(HANG, || {
            let quiet = || std::panic::resume_unwind(Box::new("on purpose"));
            thread("broken", quiet)?.result()
        });
        assert_eq!(failure.expect_err("it panics").0.happened, "broken panicked: on purpose");
        let (wrong, threads) = play(HANG, || is("1 + 1", 2, 3)).expect_err("it is not");
        assert_eq!(wrong, Wrong::new("1 + 1: 3", "1 + 1: 2"));
        assert_eq!(threads[0].steps, [(0, "1 + 1: 2".to_owned())]);
    }

    #[test]
    fn only_the_last_steps_of_the_last_try_are_kept() {
        let failure = play(HANG, || {
            tries(3, |attempt| {
                thread("other", move || note(format!("try {attempt}")))?.result()?;
                (0..2 * STEPS).for_each(|step| note(format!("{attempt}.{step}")));
                holds(attempt < 2, "fewer tries", || "too many".to_owned())
            })
        });
        let (_, threads) = failure.expect_err("the last try fails");
        assert_eq!(threads.len(), 2);
        assert_eq!(threads[0].steps.len(), STEPS);
        assert_eq!(threads[1].steps[0].1, "try 2");
    }
}
