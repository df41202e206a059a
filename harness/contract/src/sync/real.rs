//! The real primitives.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

pub use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
pub use std::sync::{Arc, Condvar, Mutex, MutexGuard as Guard};
pub use std::thread;

use super::{ExplorationPlan, Explored, Explorer, Reached, Step};

/// The explorer of this build.
pub const EXPLORER: Explorer = Explorer::Threads;

/// Executions of a model on real threads, where nothing is explored systematically.
const STRESS_EXECUTIONS: u64 = 200;

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

/// Runs `model` on real threads a few hundred times, so that models compile and run in every build.
/// Without `--cfg loom` or `--cfg shuttle` nothing is explored systematically.
pub fn explore(_: &ExplorationPlan, model: impl Fn() + Sync + Send + 'static) -> Explored {
    for _ in 0..STRESS_EXECUTIONS {
        model();
    }
    Explored { executions: STRESS_EXECUTIONS, exhausted: false }
}

/// The steps of the current execution: none, since nothing is explored.
pub fn schedule() -> Vec<Step> {
    Vec::new()
}

/// The choices of the current execution: none, since nothing is explored.
pub fn choices() -> Option<String> {
    None
}

/// Whether the current execution repeats an earlier one: never, since nothing is explored.
pub fn repeats() -> bool {
    false
}

/// Sees from another thread what a thread explores: nothing.
#[derive(Clone, Debug, Default)]
pub struct Observer(());

impl Observer {
    /// An observer of the calling thread.
    pub fn here() -> Self {
        Observer(())
    }

    /// A number that changes with each step.
    pub fn progress(&self) -> u64 {
        0
    }

    /// As [`schedule`].
    pub fn schedule(&self) -> Vec<Step> {
        Vec::new()
    }

    /// As [`choices`].
    pub fn choices(&self) -> Option<String> {
        None
    }
}

/// How much of its plan the exploration on this thread has done.
pub fn reached() -> Reached {
    Reached::Plan
}
