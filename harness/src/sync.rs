//! The synchronisation that chanlab's own code is written on: the real primitives, or loom's when built with `--cfg loom`.
//!
//! This is the only file that knows `cfg(loom)`. The baseline channel and the coordination of the workloads use nothing
//! else, so that the code that is measured is, line for line, the code that is model-checked.
//!
//! Three things differ from a bare re-export:
//!
//! - A lock has no poison. No user code runs while the baseline holds a lock, so a poisoned lock would tell nothing.
//! - Time is a [`Deadline`]. Loom has no clock: its `Condvar::wait_timeout` never times out. Under loom the deadline of a
//!   wait is a thread of its own that fires at *any* moment, so that the races between a timeout and a notification are
//!   explored like all others.
//! - [`explore`] runs a model: exhaustively within bounds under loom, and as a short stress on real threads otherwise.
//!   [`schedule`] tells of the execution that failed.

#[cfg(loom)]
pub use self::modelled::*;
#[cfg(not(loom))]
pub use self::real::*;

/// The bounds of a model's exploration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Preemptions explored in one execution at most; `None` explores every schedule.
    pub preemptions: Option<usize>,
    /// Scheduling points of one execution at most; an execution that needs more fails the model.
    pub branches: usize,
}

#[cfg(not(loom))]
mod real {
    use std::sync::PoisonError;
    use std::time::{Duration, Instant};

    pub use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
    pub use std::sync::{Arc, Condvar, Mutex, MutexGuard as Guard};
    pub use std::thread;

    use super::Bounds;

    /// Whether [`explore`] explores schedules systematically in this build.
    pub const EXPLORES: bool = false;

    /// Executions of a model on real threads, where nothing is explored systematically.
    const STRESS_EXECUTIONS: usize = 200;

    /// Locks, whether or not another thread panicked while it held the lock.
    #[inline]
    pub fn lock<T>(mutex: &Mutex<T>) -> Guard<'_, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Releases the lock, waits for a notification, and locks again.
    #[inline]
    pub fn wait<'a, T>(condvar: &Condvar, guard: Guard<'a, T>) -> Guard<'a, T> {
        condvar.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    /// The end of a bounded wait.
    #[derive(Debug)]
    pub struct Deadline {
        /// `None` when the end lies beyond what the clock can express.
        at: Option<Instant>,
    }

    impl Deadline {
        /// The moment `timeout` from now.
        #[inline]
        pub fn after(timeout: Duration) -> Self {
            Deadline { at: Instant::now().checked_add(timeout) }
        }

        /// Whether the moment has come.
        #[inline]
        pub fn passed(&self) -> bool {
            self.at.is_some_and(|at| Instant::now() >= at)
        }

        /// As [`wait`], but not past the deadline.
        #[inline]
        pub fn wait<'a, T: Send + 'static>(&self, condvar: &Condvar, guard: Guard<'a, T>) -> Guard<'a, T> {
            match self.at {
                None => wait(condvar, guard),
                Some(at) => {
                    let left = at.saturating_duration_since(Instant::now());
                    condvar.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0
                }
            }
        }
    }

    /// Runs `model` some hundred times on real threads and returns how often. Without `--cfg loom` nothing is explored
    /// systematically: this keeps the models compiling and running in every build.
    pub fn explore(_: Bounds, model: impl Fn() + Sync + Send + 'static) -> usize {
        for _ in 0..STRESS_EXECUTIONS {
            model();
        }
        STRESS_EXECUTIONS
    }

    /// The steps of the execution that this thread explores: none, since nothing is explored.
    pub fn schedule() -> Vec<String> {
        Vec::new()
    }
}

#[cfg(loom)]
mod modelled {
    use std::cell::{Cell, RefCell};
    use std::panic::Location;
    use std::sync::atomic::AtomicUsize as UnmodelledCounter;
    use std::sync::{Arc as UnmodelledArc, PoisonError};
    use std::time::Duration;

    use loom::sync as modelled;

    pub use loom::sync::Arc;
    pub use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
    pub use loom::thread;

    use super::Bounds;

    /// Whether [`explore`] explores schedules systematically in this build.
    pub const EXPLORES: bool = true;

    /// A lock that a deadline's thread can hold on to. That sharing is no part of the code that is modelled, so loom
    /// explores no order of its ends: only what is modelled costs executions.
    #[derive(Debug)]
    pub struct Mutex<T>(UnmodelledArc<modelled::Mutex<T>>);

    impl<T> Mutex<T> {
        /// A lock around `value`.
        pub fn new(value: T) -> Self {
            Mutex(UnmodelledArc::new(modelled::Mutex::new(value)))
        }
    }

    /// A held lock, which remembers which.
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

    /// A condition variable that a deadline's thread can hold on to, as it can to a [`Mutex`].
    #[derive(Clone, Debug)]
    pub struct Condvar(UnmodelledArc<modelled::Condvar>);

    impl Condvar {
        /// A condition variable that nobody waits for.
        #[expect(
            clippy::new_without_default,
            reason = "std's has the same constructor, and that is what callers use"
        )]
        pub fn new() -> Self {
            Condvar(UnmodelledArc::new(modelled::Condvar::new()))
        }

        /// Wakes one waiter: under loom the one that has waited longest.
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
            Deadline {
                passed: UnmodelledArc::new(AtomicBool::new(timeout.is_zero())),
                started: Cell::new(false),
            }
        }

        /// Whether the moment has come.
        pub fn passed(&self) -> bool {
            // Pairs with the Release store of the deadline's thread; that thread also holds the lock of the wait.
            self.passed.load(Ordering::Acquire)
        }

        /// As [`wait`], but not past the deadline.
        ///
        /// The first wait starts the thread that fires the deadline. It takes the lock of the wait to do so: it cannot
        /// slip between the waiter's look at [`Deadline::passed`] and its wait, so its notification is never lost.
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

    /// What a modelled thread did, and where.
    type Step = (thread::ThreadId, &'static str, &'static Location<'static>);

    thread_local! {
        /// The current execution. Loom runs all threads of a model on the thread that explores it.
        static SCHEDULE: RefCell<Vec<Step>> = const { RefCell::new(Vec::new()) };
    }

    #[track_caller]
    fn step(what: &'static str) {
        let step = (thread::current().id(), what, Location::caller());
        SCHEDULE.with_borrow_mut(|schedule| schedule.push(step));
    }

    /// The steps of the execution that this thread explores, in their order: locks, waits and notifications. Atomics are
    /// re-exported bare and leave no step.
    pub fn schedule() -> Vec<String> {
        SCHEDULE.with_borrow(|schedule| {
            schedule.iter().map(|(thread, what, place)| format!("{thread:?} {what} at {place}")).collect()
        })
    }

    /// Explores every execution of `model` within `bounds` and returns how many there were.
    pub fn explore(bounds: Bounds, model: impl Fn() + Sync + Send + 'static) -> usize {
        let executions = UnmodelledArc::new(UnmodelledCounter::new(0));
        let counted = UnmodelledArc::clone(&executions);
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = bounds.preemptions;
        builder.max_branches = bounds.branches;
        // The environment sets these as well, and loom then ends early without a word: it would not be what was asked.
        builder.max_permutations = None;
        builder.max_duration = None;
        builder.check(move || {
            SCHEDULE.with_borrow_mut(Vec::clear);
            // Relaxed: a count that no modelled thread reads.
            counted.fetch_add(1, Ordering::Relaxed);
            model();
        });
        executions.load(Ordering::Relaxed)
    }
}
