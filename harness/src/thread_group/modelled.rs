//! The threads of one round in a build that explores: modelled threads, so that a workload's own round is a model.
//!
//! There is no time in a model. So nobody waits at the barrier, and a round that hangs is a deadlock or a spin, which the explorer tells
//! of. The threads start when all are there, and the last of them is the caller's own: loom has five in all.

#[path = "result.rs"]
mod result;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

pub use self::result::{GroupTotals, ThreadGroupError, panic_message};
use crate::message::take_dropped;
use crate::sync::thread;
use crate::workload::Size;

/// Where the timed region would open.
#[derive(Clone, Debug)]
pub struct StartBarrier(());

impl StartBarrier {
    /// Goes through at once.
    pub fn wait(&self) -> Instant {
        Instant::now()
    }
}

/// A thread's result, to be had once the group has ended. Plain: nothing is decided by it while the model runs.
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
    /// A group of exactly so many threads.
    ///
    /// # Errors
    ///
    /// None: the places of threads are not modelled.
    pub fn new(threads: usize, _: Size) -> Result<Self, ThreadGroupError> {
        take_dropped();
        Ok(ThreadGroup { threads, bodies: Vec::with_capacity(threads) })
    }

    /// Takes a thread, which starts when all are there.
    ///
    /// # Errors
    ///
    /// None: a model has as many threads as it asks for.
    ///
    /// # Panics
    ///
    /// When the thread panics, it does so with its name.
    pub fn spawn<T: Send + 'static>(
        &mut self,
        name: impl Into<String>,
        body: impl FnOnce(&StartBarrier) -> T + Send + 'static,
    ) -> Result<GroupThread<T>, ThreadGroupError> {
        let name = name.into();
        let result = Arc::new(Mutex::new(None));
        let kept = Arc::clone(&result);
        self.bodies.push(Box::new(move || {
            match catch_unwind(AssertUnwindSafe(|| body(&StartBarrier(())))) {
                Ok(ended) => *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended),
                // A workload's jobs panic without a word; a panic that leaves the thread is the model's failure, and is said.
                Err(panic) => panic!("{name} panicked: {}", panic_message(&*panic)),
            }
        }));
        Ok(GroupThread(result))
    }

    /// Starts the threads and waits for every one to end; returns what they did.
    ///
    /// # Errors
    ///
    /// None: a thread that panics is the failure of the model.
    ///
    /// # Panics
    ///
    /// When fewer threads were given than the group was made for.
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
