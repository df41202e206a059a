//! Waits that poll the clock: a crate that spins until its deadline waits too, though no thread wakes it.
//!
//! A crate sets a deadline when it adds to the present time. A task that then polls the clock before its
//! deadline is waiting for it. The wait has expired when the task sees the deadline to have passed; otherwise
//! another thread ended it. A task that parks until its deadline is counted where it parks.

use std::cell::RefCell;
use std::time::Duration;

use super::tasks::{self, Woken};
use super::{explorer, quarantine};

/// A deadline that a task set and has not yet seen to have passed.
struct Deadline {
    task: usize,
    at: Duration,
    /// The number of polls that found it in the future.
    polls: usize,
}

thread_local! {
    /// The deadlines of this execution, at most one per task.
    static DEADLINES: RefCell<Vec<Deadline>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn begin() {
    quarantine::unwatched(|| drop(DEADLINES.take()));
}

/// The execution ends, and all waits with it.
pub(crate) fn end() {
    quarantine::unwatched(|| DEADLINES.take()).into_iter().for_each(|deadline| ended(&deadline, 0));
}

/// The running task sets a deadline, so it waits for no earlier one.
pub(crate) fn deadline_set(at: Duration) {
    let task = explorer::me();
    if let Some(before) = take(task) {
        // The last poll was for the present time, from which this deadline was made.
        ended(&before, 1);
    }
    quarantine::unwatched(|| {
        DEADLINES.with_borrow_mut(|deadlines| deadlines.push(Deadline { task, at, polls: 0 }));
    });
}

/// The running task polls the clock, which shows `now`.
pub(crate) fn polled(now: Duration) {
    let Some(mut deadline) = take(explorer::me()) else { return };
    if now < deadline.at {
        deadline.polls += 1;
        quarantine::unwatched(|| DEADLINES.with_borrow_mut(|deadlines| deadlines.push(deadline)));
    } else if deadline.polls > 0 {
        tasks::count(Woken::ByTime);
    }
}

/// The running task has parked until its deadline.
pub(crate) fn parked() {
    take(explorer::me());
}

fn take(task: usize) -> Option<Deadline> {
    DEADLINES.with_borrow_mut(|deadlines| {
        let index = deadlines.iter().position(|deadline| deadline.task == task)?;
        Some(deadlines.swap_remove(index))
    })
}

/// A wait is over and its deadline was not seen to pass; `others` of its polls had another purpose.
fn ended(deadline: &Deadline, others: usize) {
    if deadline.polls > others {
        tasks::count(Woken::ByAnother);
    }
}
