//! Waits with an optional timeout: what locks, condition variables and parkers block on.

use std::time::Duration;

use super::tasks::{self, Woken};
use super::{clock, deadline_polls};

/// Blocks the running task until its wait is ended, at most for `timeout`. It may have been ended before.
pub(crate) fn wait(timeout: Option<Duration>) -> Woken {
    let waiter = tasks::prepare();
    if let Some(timeout) = timeout {
        clock::moment(clock::now().saturating_add(timeout), Some(waiter));
    }
    let woken = tasks::block(waiter);
    if timeout.is_some() {
        tasks::count(woken);
        deadline_polls::parked();
    }
    woken
}
