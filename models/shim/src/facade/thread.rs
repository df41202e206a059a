//! `std::thread`: the explorer's threads, each with a parker whose timeout is a moment of the model's clock.

mod local;
mod spawning;

use std::io;
use std::num::NonZeroUsize;
use std::panic::Location;
use std::time::Duration;

pub use std::thread::{Result, panicking};

pub use self::local::{AccessError, LocalKey};
pub use self::spawning::{Builder, JoinHandle, Scope, ScopedJoinHandle, scope, spawn};
pub use crate::exec::explorer::ThreadId;
use crate::exec::{clock, explorer, parker, quarantine, steps};

/// The number of processors that a crate sees: with two, it spins before it waits.
const PROCESSORS: NonZeroUsize = NonZeroUsize::new(2).expect("two is not zero");

/// As std's.
#[derive(Clone, Debug)]
pub struct Thread(explorer::Thread);

impl Thread {
    /// As std's.
    pub fn id(&self) -> ThreadId {
        self.0.id()
    }

    /// As std's.
    pub fn name(&self) -> Option<&str> {
        self.0.name()
    }

    /// As std's.
    #[track_caller]
    pub fn unpark(&self) {
        parker::unpark(explorer::number(&self.0), Location::caller());
    }
}

/// Methods that std has for its own channels alone.
impl Thread {
    /// As [`park`].
    ///
    /// # Safety
    ///
    /// As std's: `self` is the running thread.
    #[track_caller]
    pub unsafe fn park(&self) {
        parker::park(None, Location::caller());
    }

    /// As [`park_timeout`].
    ///
    /// # Safety
    ///
    /// As std's: `self` is the running thread.
    #[track_caller]
    pub unsafe fn park_timeout(&self, timeout: Duration) {
        parker::park(Some(timeout), Location::caller());
    }
}

/// As std's, for its own channels.
pub fn current_or_unnamed() -> Thread {
    current()
}

/// As std's.
pub fn current() -> Thread {
    Thread(explorer::current())
}

/// As std's, except that it never returns spuriously.
#[track_caller]
pub fn park() {
    parker::park(None, Location::caller());
}

/// As std's, except that it never returns spuriously and that the timeout is on the model's clock.
#[track_caller]
pub fn park_timeout(timeout: Duration) {
    parker::park(Some(timeout), Location::caller());
}

/// As std's, on the model's clock.
#[track_caller]
pub fn sleep(time: Duration) {
    yield_now();
    steps::note("has slept", Location::caller());
    clock::advance(time);
}

/// As std's.
pub fn yield_now() {
    quarantine::assert_sound();
    explorer::spin();
}

/// As std's, on a machine with two processors.
///
/// # Errors
///
/// None.
pub fn available_parallelism() -> io::Result<NonZeroUsize> {
    Ok(PROCESSORS)
}
