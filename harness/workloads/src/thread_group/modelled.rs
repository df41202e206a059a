//! The threads of one round in a build that explores. They are modelled threads, so a workload's own round is
//! a model.
//!
//! A model has no time. The start barrier therefore does not wait, and a round that hangs is a deadlock or a
//! spin, which the explorer reports. The threads start in `join`, when all are known; the last one runs on
//! the caller's thread, since loom allows five threads in all.

#[path = "result.rs"]
mod result;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

pub use self::result::{GroupTotals, ThreadGroupError, panic_message};
use crate::message::take_dropped;
use crate::size::Size;
use contract::sync::thread;

/// Marks the start of the timed region.
#[derive(Clone, Debug)]
pub struct StartBarrier(());

impl StartBarrier {
    /// Returns at once.
    pub fn wait(&self) -> Instant {
        Instant::now()
    }
}

/// A thread of a group. Its result is available once the group has been joined.
///
/// The primitives are `std`'s: they decide nothing while the model runs.
#[derive(Debug)]
pub struct GroupThread<T>(Arc<Mutex<Option<T>>>);

impl<T> GroupThread<T> {
    /// The thread's result.
    ///
    /// # Panics
    ///
    /// When [`ThreadGroup::join`] has not returned `Ok` before.
    pub fn result(self) -> T {
        let result = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        result.expect("ThreadGroup::join has seen every thread end")
    }
}

/// The threads of one round.
pub struct ThreadGroup {
    threads: usize,
    bodies: Vec<Box<dyn FnOnce() + Send>>,
}

impl ThreadGroup {
    /// A group of exactly `threads` threads.
    ///
    /// # Errors
    ///
    /// Never: the placement of threads is not modelled.
    pub fn new(threads: usize, _: Size) -> Result<Self, ThreadGroupError> {
        take_dropped();
        Ok(ThreadGroup { threads, bodies: Vec::with_capacity(threads) })
    }

    /// Adds a thread, which starts in [`ThreadGroup::join`].
    ///
    /// # Errors
    ///
    /// Never: a model has as many threads as it needs.
    ///
    /// # Panics
    ///
    /// When the thread panics; the message names it.
    pub fn spawn<T: Send + 'static>(
        &mut self,
        name: impl Into<String>,
        body: impl FnOnce(&StartBarrier) -> T + Send + 'static,
    ) -> Result<GroupThread<T>, ThreadGroupError> {
        let name = name.into();
        let result = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&result);
        let body = move || match catch_unwind(AssertUnwindSafe(|| body(&StartBarrier(())))) {
            Ok(value) => *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(value),
            // A workload's jobs panic silently; a panic that leaves the thread is the model's failure and is
            // reported.
            Err(panic) => panic!("{name} panicked: {}", panic_message(&*panic)),
        };
        self.bodies.push(Box::new(body));
        Ok(GroupThread(result))
    }

    /// Starts the threads and waits for every one to end; returns their totals.
    ///
    /// # Errors
    ///
    /// Never: a thread that panics fails the model.
    ///
    /// # Panics
    ///
    /// When fewer threads were added than the group has.
    pub fn join(self) -> Result<GroupTotals, ThreadGroupError> {
        assert_eq!(self.bodies.len(), self.threads, "a group starts as many threads as it was made for");
        let mut bodies = self.bodies;
        let own = bodies.pop();
        let others: Vec<_> = bodies.into_iter().map(|body| thread::spawn(body)).collect();
        if let Some(own) = own {
            own();
        }
        for other in others {
            other.join().expect("a thread of the round panicked");
        }
        Ok(GroupTotals { dropped: take_dropped(), usage: None, allocations: None })
    }
}
