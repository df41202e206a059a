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
            Deadline {
                at: Instant::now().checked_add(timeout),
            }
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
                    condvar
                        .wait_timeout(guard, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
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
}

#[cfg(loom)]
mod modelled {
    use std::sync::PoisonError;
    use std::sync::atomic::AtomicUsize as UnmodelledCounter;
    use std::time::Duration;

    use loom::sync as modelled;

    pub use loom::sync::Arc;
    pub use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
    pub use loom::thread;

    use super::Bounds;

    /// Whether [`explore`] explores schedules systematically in this build.
    pub const EXPLORES: bool = true;

    /// A lock that a deadline's thread can hold on to.
    #[derive(Debug)]
    pub struct Mutex<T>(Arc<modelled::Mutex<T>>);

    impl<T> Mutex<T> {
        /// A lock around `value`.
        pub fn new(value: T) -> Self {
            Mutex(Arc::new(modelled::Mutex::new(value)))
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

    /// A condition variable that a deadline's thread can hold on to.
    #[derive(Clone, Debug)]
    pub struct Condvar(Arc<modelled::Condvar>);

    impl Condvar {
        /// A condition variable that nobody waits for.
        #[expect(
            clippy::new_without_default,
            reason = "std's has the same constructor, and that is what callers use"
        )]
        pub fn new() -> Self {
            Condvar(Arc::new(modelled::Condvar::new()))
        }

        /// Wakes one waiter.
        pub fn notify_one(&self) {
            self.0.notify_one();
        }

        /// Wakes all waiters.
        pub fn notify_all(&self) {
            self.0.notify_all();
        }
    }

    /// Locks, whether or not another thread panicked while it held the lock.
    pub fn lock<T>(mutex: &Mutex<T>) -> Guard<'_, T> {
        Guard {
            held: mutex.0.lock().unwrap_or_else(PoisonError::into_inner),
            mutex,
        }
    }

    /// Releases the lock, waits for a notification, and locks again.
    pub fn wait<'a, T>(condvar: &Condvar, guard: Guard<'a, T>) -> Guard<'a, T> {
        let Guard { held, mutex } = guard;
        Guard {
            held: condvar.0.wait(held).unwrap_or_else(PoisonError::into_inner),
            mutex,
        }
    }

    /// The end of a bounded wait, which may come at any moment after the wait has begun.
    #[derive(Debug)]
    pub struct Deadline {
        passed: Arc<AtomicBool>,
        started: std::cell::Cell<bool>,
    }

    impl Deadline {
        /// Passed from the start for a timeout of zero; otherwise at any moment after the first wait begins.
        pub fn after(timeout: Duration) -> Self {
            Deadline {
                passed: Arc::new(AtomicBool::new(timeout.is_zero())),
                started: std::cell::Cell::new(false),
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
        pub fn wait<'a, T: Send + 'static>(&self, condvar: &Condvar, guard: Guard<'a, T>) -> Guard<'a, T> {
            if !self.started.replace(true) {
                let passed = Arc::clone(&self.passed);
                let mutex = Arc::clone(&guard.mutex.0);
                let condvar = condvar.clone();
                thread::spawn(move || {
                    let held = mutex.lock().unwrap_or_else(PoisonError::into_inner);
                    // Pairs with the Acquire load in `passed`.
                    passed.store(true, Ordering::Release);
                    drop(held);
                    condvar.notify_all();
                });
            }
            wait(condvar, guard)
        }
    }

    /// Explores every execution of `model` within `bounds` and returns how many there were.
    pub fn explore(bounds: Bounds, model: impl Fn() + Sync + Send + 'static) -> usize {
        let executions = std::sync::Arc::new(UnmodelledCounter::new(0));
        let counted = std::sync::Arc::clone(&executions);
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = bounds.preemptions;
        builder.max_branches = bounds.branches;
        builder.check(move || {
            // Relaxed: a count that no modelled thread reads.
            counted.fetch_add(1, Ordering::Relaxed);
            model();
        });
        executions.load(Ordering::Relaxed)
    }
}
