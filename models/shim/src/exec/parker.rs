//! Parkers: each task has one, whose token is kept until it parks.

use std::cell::RefCell;
use std::time::Duration;

use super::explorer::Common;
use super::tasks::{self, Waiter, Woken};
use super::trace::CallSite;
use super::{quarantine, steps, waits};

/// The parker of a task.
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

fn with<R>(task: usize, then: impl FnOnce(&mut Parker) -> R) -> R {
    PARKERS.with_borrow_mut(|parkers| {
        if parkers.len() <= task {
            quarantine::unwatched(|| parkers.resize(task + 1, Parker::default()));
        }
        then(&mut parkers[task])
    })
}

/// Parks the running task, at most for `timeout`.
pub(crate) fn park(timeout: Option<Duration>, site: CallSite) {
    let waiter = tasks::waiter();
    steps::step(Common::Parker(waiter.task), "parks", site);
    let has_token = with(waiter.task, |parker| {
        parker.parked = (!parker.token).then_some(waiter);
        std::mem::take(&mut parker.token)
    });
    if has_token {
        return;
    }
    let woken = waits::wait(timeout);
    with(waiter.task, |parker| parker.parked = None);
    steps::note(
        match woken {
            Woken::ByAnother => "is unparked",
            Woken::ByTime => "has parked long enough",
        },
        site,
    );
}

/// Unparks a task, or leaves the token for its next park.
pub(crate) fn unpark(task: usize, site: CallSite) {
    steps::step(Common::Parker(task), "unparks a thread", site);
    let parked = with(task, |parker| {
        // A parked thread uses the token at once.
        parker.token = parker.parked.is_none();
        parker.parked.take()
    });
    if let Some(waiter) = parked {
        tasks::wake(waiter);
    }
}
