//! The explorer's threads: how one waits until another wakes it, or until a moment comes.
//!
//! Shuttle's own parking may end without cause, and loom's ends whenever anything wakes the thread; so a task that waits here looks whether it was woken, and otherwise parks again.

use std::cell::{Cell, RefCell};
use std::sync::atomic::Ordering;

use crate::explorer::{self, Common, Thread, me};
use crate::time::Duration;
use crate::{looks, memory, time};

#[derive(Debug, Default)]
struct Task {
    /// There once the task has waited.
    handle: Option<Thread>,
    /// Why its current wait is over; `None` while it is not.
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

/// How the waits with a deadline ended, of all executions of this thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimedWaits {
    /// Another thread ended them.
    pub woken: u64,
    /// Their deadline passed.
    pub expired: u64,
}

thread_local! {
    /// The tasks of this execution, by their number.
    static TASKS: RefCell<Vec<Task>> = const { RefCell::new(Vec::new()) };
    static TIMED: Cell<TimedWaits> = const { Cell::new(TimedWaits { woken: 0, expired: 0 }) };
}

pub(crate) fn begin() {
    TASKS.with_borrow_mut(Vec::clear);
}

pub(crate) fn timed_waits() -> TimedWaits {
    TIMED.get()
}

fn with<R>(task: usize, then: impl FnOnce(&mut Task) -> R) -> R {
    TASKS.with_borrow_mut(|tasks| {
        if tasks.len() <= task {
            memory::unwatched(|| tasks.resize_with(task + 1, Task::default));
        }
        then(&mut tasks[task])
    })
}

/// The task that runs, and the wait that it begins next: for whoever shall end that.
pub(crate) fn waiter() -> Waiter {
    let task = me();
    Waiter { task, wait: with(task, |task| task.wait) }
}

/// Waits until the wait is ended, at most for `timeout`. It may have been ended before it began.
pub(crate) fn wait(timeout: Option<Duration>) -> Woken {
    let waiter = waiter();
    let me = waiter.task;
    with(me, |task| {
        task.handle.get_or_insert_with(explorer::current);
    });
    if let Some(timeout) = timeout {
        time::moment(time::now().saturating_add(timeout), Some(waiter));
    }
    explorer::depends(Common::Wait(me).into(), Ordering::Relaxed);
    let woken = loop {
        if let Some(woken) = with(me, |task| task.over.take()) {
            break woken;
        }
        explorer::park();
    };
    with(me, |task| task.wait += 1);
    if timeout.is_some() {
        count(woken);
        looks::parks();
    }
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

/// Ends a wait, unless that is over.
pub(crate) fn wake(waiter: Waiter) {
    end(waiter, Woken::ByAnother);
}

/// Ends a wait because its moment has come, unless it is over.
pub(crate) fn expire(waiter: Waiter) {
    end(waiter, Woken::ByTime);
}

fn end(waiter: Waiter, woken: Woken) {
    explorer::depends(Common::Wait(waiter.task).into(), Ordering::Relaxed);
    let handle = with(waiter.task, |task| {
        let goes_on = task.wait == waiter.wait && task.over.is_none();
        // A task that has never waited finds it when it does.
        goes_on.then(|| task.over.insert(woken)).and_then(|_| task.handle.clone())
    });
    if let Some(handle) = handle {
        handle.unpark();
    }
}
