//! `std::thread`: the explorer's threads, with a parker whose token is kept and whose timeout is a moment of the model's clock.

use std::cell::RefCell;
use std::io;
use std::num::NonZeroUsize;
use std::panic::Location;

pub use std::thread::{Result, panicking};

use crate::explorer::{self, Common};
pub use crate::explorer::{AccessError, Builder, JoinHandle, LocalKey, ThreadId, spawn};
#[cfg(shuttle)]
pub use crate::explorer::{Scope, ScopedJoinHandle, scope};
use crate::tasks::{self, Waiter, Woken};
use crate::time::Duration;
use crate::{memory, run, time};

/// Processors that a crate is told of: enough that it spins before it waits.
const PROCESSORS: NonZeroUsize = NonZeroUsize::new(2).expect("two is not zero");

/// A task's parker.
#[derive(Clone, Copy, Debug, Default)]
struct Parker {
    token: bool,
    parked: Option<Waiter>,
}

thread_local! {
    /// The parkers of this execution, by the number of their task.
    static PARKERS: RefCell<Vec<Parker>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn begin() {
    PARKERS.with_borrow_mut(Vec::clear);
}

fn parker<R>(task: usize, then: impl FnOnce(&mut Parker) -> R) -> R {
    PARKERS.with_borrow_mut(|parkers| {
        if parkers.len() <= task {
            memory::unwatched(|| parkers.resize(task + 1, Parker::default()));
        }
        then(&mut parkers[task])
    })
}

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
        let task = explorer::number(&self.0);
        run::step(Common::Parker(task), "unparks a thread", Location::caller());
        let parked = parker(task, |parker| {
            // A thread that is parked has no token; this one is used at once.
            parker.token = parker.parked.is_none();
            parker.parked.take()
        });
        if let Some(waiter) = parked {
            tasks::wake(waiter);
        }
    }
}

/// What std has for its own channels alone.
impl Thread {
    /// As [`park`].
    ///
    /// # Safety
    ///
    /// As std's: this is the thread that runs.
    #[track_caller]
    pub unsafe fn park(&self) {
        park_for(None, Location::caller());
    }

    /// As [`park_timeout`].
    ///
    /// # Safety
    ///
    /// As std's: this is the thread that runs.
    #[track_caller]
    pub unsafe fn park_timeout(&self, timeout: Duration) {
        park_for(Some(timeout), Location::caller());
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

/// As std's, but that it never ends without cause.
#[track_caller]
pub fn park() {
    park_for(None, Location::caller());
}

/// As std's, but that it ends by the model's clock.
#[track_caller]
pub fn park_timeout(timeout: Duration) {
    park_for(Some(timeout), Location::caller());
}

fn park_for(timeout: Option<Duration>, place: &'static Location<'static>) {
    let waiter = tasks::waiter();
    run::step(Common::Parker(waiter.task), "parks", place);
    let has_token = parker(waiter.task, |parker| {
        parker.parked = (!parker.token).then_some(waiter);
        std::mem::take(&mut parker.token)
    });
    if has_token {
        return;
    }
    let woken = tasks::wait(timeout);
    parker(waiter.task, |parker| parker.parked = None);
    run::note(
        match woken {
            Woken::ByAnother => "is unparked",
            Woken::ByTime => "has parked long enough",
        },
        place,
    );
}

/// As std's, on the model's clock.
#[track_caller]
pub fn sleep(time: Duration) {
    yield_now();
    run::note("has slept", Location::caller());
    time::pass(time);
}

/// As std's.
pub fn yield_now() {
    memory::assert_sound();
    explorer::spin();
}

/// As std's, of a machine with two processors.
///
/// # Errors
///
/// None.
pub fn available_parallelism() -> io::Result<NonZeroUsize> {
    Ok(PROCESSORS)
}
