//! Tasks, the explorer's threads: how one blocks until another ends its wait.
//!
//! Shuttle's own parking may end spuriously, and loom's ends whenever anything wakes the thread. A task that
//! waits here therefore parks again until its wait is over.

use std::cell::{Cell, RefCell};
use std::sync::atomic::Ordering;

use super::explorer::{self, Common, Thread, me};
use super::quarantine;

#[derive(Debug, Default)]
struct Task {
    /// Set once the task has waited.
    handle: Option<Thread>,
    /// Why its current wait is over; `None` until it is.
    over: Option<Woken>,
    /// The number of its current wait, or of the next one.
    wait: u64,
}

/// A task, and one of its waits by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiter {
    pub(crate) task: usize,
    wait: u64,
}

/// Why a wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    ByAnother,
    ByTime,
}

/// The number of waits with a deadline, in all executions of this thread, by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimedWaits {
    /// Those that another thread ended.
    pub woken: u64,
    /// Those whose deadline passed.
    pub expired: u64,
}

thread_local! {
    /// The tasks of this execution, by number.
    static TASKS: RefCell<Vec<Task>> = const { RefCell::new(Vec::new()) };
    static TIMED: Cell<TimedWaits> = const { Cell::new(TimedWaits { woken: 0, expired: 0 }) };
}

pub(crate) fn begin() {
    TASKS.with_borrow_mut(Vec::clear);
}

/// How the waits with a deadline ended, in all executions of this thread so far.
pub fn timed_waits() -> TimedWaits {
    TIMED.get()
}

fn with<R>(task: usize, then: impl FnOnce(&mut Task) -> R) -> R {
    TASKS.with_borrow_mut(|tasks| {
        if tasks.len() <= task {
            quarantine::unwatched(|| tasks.resize_with(task + 1, Task::default));
        }
        then(&mut tasks[task])
    })
}

/// The running task and its next wait: for those who are to end it.
pub(crate) fn waiter() -> Waiter {
    let task = me();
    Waiter { task, wait: with(task, |task| task.wait) }
}

/// The running task and its next wait, which [`block`] begins.
pub(crate) fn prepare() -> Waiter {
    let waiter = waiter();
    with(waiter.task, |task| {
        task.handle.get_or_insert_with(explorer::current);
    });
    waiter
}

/// Blocks until the wait is over, which it may be before this call. `waiter` is from [`prepare`].
pub(crate) fn block(waiter: Waiter) -> Woken {
    let me = waiter.task;
    explorer::depends(Common::Wait(me).into(), Ordering::Relaxed);
    let woken = loop {
        if let Some(woken) = with(me, |task| task.over.take()) {
            break woken;
        }
        explorer::park();
    };
    with(me, |task| task.wait += 1);
    woken
}

/// Counts a wait with a deadline.
pub(crate) fn count(woken: Woken) {
    let mut timed = TIMED.get();
    match woken {
        Woken::ByAnother => timed.woken += 1,
        Woken::ByTime => timed.expired += 1,
    }
    TIMED.set(timed);
}

/// Ends a wait, unless it is over.
pub(crate) fn wake(waiter: Waiter) {
    end(waiter, Woken::ByAnother);
}

/// Ends a wait because its deadline has passed, unless it is over.
pub(crate) fn expire(waiter: Waiter) {
    end(waiter, Woken::ByTime);
}

fn end(waiter: Waiter, woken: Woken) {
    explorer::depends(Common::Wait(waiter.task).into(), Ordering::Relaxed);
    let handle = with(waiter.task, |task| {
        let goes_on = task.wait == waiter.wait && task.over.is_none();
        // A task without a handle has never waited; it finds `over` when it does.
        goes_on.then(|| task.over.insert(woken)).and_then(|_| task.handle.clone())
    });
    if let Some(handle) = handle {
        handle.unpark();
    }
}
