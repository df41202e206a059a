//! Locks, waits and deadlines that leave a trace, for loom and shuttle alike.
//!
//! Both run all threads of a model on the thread that explores it, so the trace is a thread-local of that
//! thread.

use std::cell::Cell;
#[cfg(loom)]
use std::cell::RefCell;
use std::panic::Location;
use std::sync::atomic::AtomicU64 as UnmodelledU64;
use std::sync::{Arc as UnmodelledArc, Mutex as UnmodelledMutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

#[cfg(loom)]
use ::loom::sync as modelled;
#[cfg(shuttle)]
use ::shuttle::sync as modelled;

#[cfg(loom)]
pub use ::loom::sync::Arc;
#[cfg(loom)]
pub use ::loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
#[cfg(shuttle)]
pub use ::shuttle::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
#[cfg(shuttle)]
pub use std::sync::Arc;

use super::Step;

/// Called by each thread of a model at its end.
static AT_THREAD_END: OnceLock<fn()> = OnceLock::new();

/// Makes each thread of a model call `then` at its end, before those who join it go on: the std shim drops the
/// thread-locals of an instrumented crate there. The first call decides.
pub fn at_thread_end(then: fn()) {
    AT_THREAD_END.get_or_init(|| then);
}

/// The explorer's threads.
pub mod thread {
    #[cfg(loom)]
    pub use ::loom::thread::*;
    #[cfg(shuttle)]
    pub use ::shuttle::thread::*;

    #[cfg(loom)]
    use ::loom::thread as explorer;
    #[cfg(shuttle)]
    use ::shuttle::thread as explorer;

    /// Spawns a thread of the model.
    #[track_caller]
    pub fn spawn<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        explorer::spawn(move || {
            let result = body();
            if let Some(end) = super::AT_THREAD_END.get() {
                end();
            }
            result
        })
    }
}

/// A lock that the thread of a deadline can share. The sharing is not part of the modelled code, so its `Arc`
/// is std's and costs no executions.
#[derive(Debug)]
pub struct Mutex<T>(UnmodelledArc<modelled::Mutex<T>>);

impl<T> Mutex<T> {
    /// A lock around `value`.
    pub fn new(value: T) -> Self {
        Mutex(UnmodelledArc::new(modelled::Mutex::new(value)))
    }
}

/// A held lock, and the mutex that it belongs to.
#[derive(Debug)]
pub struct Guard<'a, T> {
    held: modelled::MutexGuard<'a, T>,
    mutex: &'a Mutex<T>,
}

impl<T> std::ops::Deref for Guard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.held
    }
}

impl<T> std::ops::DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.held
    }
}

/// A condition variable that the thread of a deadline can share, as it can a [`Mutex`].
#[derive(Clone, Debug)]
pub struct Condvar(UnmodelledArc<modelled::Condvar>);

impl Condvar {
    /// A condition variable without waiters.
    #[expect(
        clippy::new_without_default,
        reason = "std's has the same constructor, and that is what callers use"
    )]
    pub fn new() -> Self {
        Condvar(UnmodelledArc::new(modelled::Condvar::new()))
    }

    /// Wakes one waiter: under loom the one that has waited longest, under shuttle any.
    #[track_caller]
    pub fn notify_one(&self) {
        step("notifies one");
        self.0.notify_one();
    }

    /// Wakes all waiters.
    #[track_caller]
    pub fn notify_all(&self) {
        step("notifies all");
        self.0.notify_all();
    }
}

/// Locks, whether or not another thread panicked while it held the lock.
#[track_caller]
pub fn lock<T>(mutex: &Mutex<T>) -> Guard<'_, T> {
    let held = mutex.0.lock().unwrap_or_else(PoisonError::into_inner);
    step("locks");
    Guard { held, mutex }
}

/// Releases the lock, waits for a notification, and locks again.
#[track_caller]
pub fn wait<'a, T>(condvar: &Condvar, guard: Guard<'a, T>) -> Guard<'a, T> {
    let Guard { held, mutex } = guard;
    step("waits");
    let held = condvar.0.wait(held).unwrap_or_else(PoisonError::into_inner);
    step("is woken and locks");
    Guard { held, mutex }
}

/// The end of a bounded wait, which may come at any moment after the wait has begun.
#[derive(Debug)]
pub struct Deadline {
    passed: UnmodelledArc<AtomicBool>,
    started: Cell<bool>,
}

impl Deadline {
    /// Passed from the start for a timeout of zero; otherwise at any moment after the first wait begins.
    pub fn after(timeout: Duration) -> Self {
        Deadline { passed: UnmodelledArc::new(AtomicBool::new(timeout.is_zero())), started: Cell::new(false) }
    }

    /// Whether the moment has come.
    pub fn passed(&self) -> bool {
        // Pairs with the Release store of the deadline's thread; that thread also holds the lock of the wait.
        self.passed.load(Ordering::Acquire)
    }

    /// As [`wait`], but not past the deadline.
    ///
    /// The first wait starts the thread that fires the deadline. That thread takes the lock of the wait, so
    /// it cannot fire between the waiter's check of [`Deadline::passed`] and its wait: the notification is
    /// never lost.
    #[track_caller]
    pub fn wait<'a, T: Send + 'static>(&self, condvar: &Condvar, guard: Guard<'a, T>) -> Guard<'a, T> {
        if !self.started.replace(true) {
            let passed = UnmodelledArc::clone(&self.passed);
            let mutex = UnmodelledArc::clone(&guard.mutex.0);
            let condvar = condvar.clone();
            thread::spawn(move || {
                let held = mutex.lock().unwrap_or_else(PoisonError::into_inner);
                step("is a deadline and passes");
                // Pairs with the Acquire load in `passed`.
                passed.store(true, Ordering::Release);
                drop(held);
                condvar.notify_all();
            });
        }
        wait(condvar, guard)
    }
}

/// What a thread explores, and what an observer on another thread sees of it. Only the exploring thread writes.
#[derive(Debug, Default)]
struct Trace {
    /// The number of steps and of choices, in all executions.
    progress: UnmodelledU64,
    /// The steps of the current execution.
    schedule: UnmodelledMutex<Vec<Step>>,
    /// The thread that the explorer chose at each step of the current execution.
    #[cfg(shuttle)]
    choices: UnmodelledMutex<Vec<usize>>,
}

thread_local! {
    static TRACE: UnmodelledArc<Trace> = UnmodelledArc::default();
    /// The threads of the current execution, in the order of their first steps: loom's have no public number.
    #[cfg(loom)]
    static THREADS: RefCell<Vec<thread::ThreadId>> = const { RefCell::new(Vec::new()) };
}

#[track_caller]
fn step(what: &'static str) {
    let step = Step { thread: number(), what, place: Location::caller() };
    TRACE.with(|trace| {
        trace.progressed();
        locked(&trace.schedule).push(step);
    });
}

impl Trace {
    fn progressed(&self) {
        // Relaxed, and not one addition: no other thread writes, and an observer waits for any change.
        self.progress.store(self.progress.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

fn locked<T>(list: &UnmodelledMutex<T>) -> MutexGuard<'_, T> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes the explorer's choice of the thread that runs next.
#[cfg(shuttle)]
pub(super) fn chosen(thread: usize) {
    TRACE.with(|trace| {
        trace.progressed();
        locked(&trace.choices).push(thread);
    });
}

/// Forgets the choices of the previous execution.
#[cfg(shuttle)]
pub(super) fn forget_choices() {
    TRACE.with(|trace| locked(&trace.choices).clear());
}

/// The explorer's choices in the current execution.
#[cfg(shuttle)]
pub(super) fn chosen_so_far() -> Vec<usize> {
    TRACE.with(|trace| locked(&trace.choices).clone())
}

/// Sees from another thread what a thread explores.
#[derive(Clone, Debug)]
pub struct Observer(UnmodelledArc<Trace>);

impl Observer {
    /// An observer of the calling thread.
    pub fn here() -> Self {
        Observer(TRACE.with(UnmodelledArc::clone))
    }

    /// A number that changes with each step.
    pub fn progress(&self) -> u64 {
        self.0.progress.load(Ordering::Relaxed)
    }

    /// As [`schedule`].
    pub fn schedule(&self) -> Vec<Step> {
        locked(&self.0.schedule).clone()
    }

    /// As [`super::choices`].
    pub fn choices(&self) -> Option<String> {
        #[cfg(shuttle)]
        return Some(crate::schedule::text(&locked(&self.0.choices)));
        #[cfg(loom)]
        None
    }
}

/// The number of the running thread.
#[cfg(loom)]
fn number() -> usize {
    let me = thread::current().id();
    THREADS.with_borrow_mut(|threads| {
        threads.iter().position(|known| *known == me).unwrap_or_else(|| {
            threads.push(me);
            threads.len() - 1
        })
    })
}

/// The number of the running thread.
#[cfg(shuttle)]
fn number() -> usize {
    ::shuttle::current::me().into()
}

/// Forgets the steps of the previous execution. Its choices are forgotten before the first choice of the next.
pub(super) fn begin() {
    TRACE.with(|trace| locked(&trace.schedule).clear());
    #[cfg(loom)]
    THREADS.with_borrow_mut(Vec::clear);
}

/// The steps of the current execution, in order: locks, waits and notifications. Atomics are re-exported bare
/// and leave no step.
pub fn schedule() -> Vec<Step> {
    TRACE.with(|trace| locked(&trace.schedule).clone())
}
