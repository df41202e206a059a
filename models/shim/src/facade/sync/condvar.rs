//! `std::sync::Condvar`: the scheduler chooses which waiter a notification wakes.

use std::cell::RefCell;
use std::fmt;
use std::panic::Location;
use std::sync::atomic::Ordering;
use std::sync::{LockResult, PoisonError};
use std::time::Duration;

use super::mutex::MutexGuard;
use crate::exec::explorer::{self, Object};
use crate::exec::lifecycle::Lifecycle;
use crate::exec::tasks::{self, Waiter, Woken};
use crate::exec::trace::CallSite;
use crate::exec::{clock, quarantine, steps, waits};
use crate::facade::time::Instant;

/// As std's, except that no wait ends spuriously.
pub struct Condvar {
    lifecycle: Lifecycle,
    object: Object,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    /// The tasks that wait.
    waiting: Vec<Waiter>,
    /// The notifications that no task has taken, each with the tasks that waited when it came: one of them
    /// takes it.
    notified: Vec<Vec<usize>>,
}

impl State {
    /// Takes a notification that is meant for `task`; false if there is none.
    fn take_notification(&mut self, task: usize) -> bool {
        let taken = self.notified.iter().position(|meant| meant.contains(&task));
        if let Some(taken) = taken {
            self.notified.swap_remove(taken);
        }
        taken.is_some()
    }

    /// Removes a task that no longer waits.
    fn forget(&mut self, task: usize) {
        self.waiting.retain(|waiting| waiting.task != task);
        self.notified.iter_mut().for_each(|meant| meant.retain(|&waiting| waiting != task));
        self.notified.retain(|meant| !meant.is_empty());
    }
}

// SAFETY: the threads of a model run one at a time, on one thread of the system.
unsafe impl Send for Condvar {}
// SAFETY: as above.
unsafe impl Sync for Condvar {}
impl std::panic::UnwindSafe for Condvar {}
impl std::panic::RefUnwindSafe for Condvar {}

/// As std's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// As std's.
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    /// As std's.
    pub const fn new() -> Self {
        Condvar {
            lifecycle: Lifecycle::new(),
            object: Object::new(),
            state: RefCell::new(State { waiting: Vec::new(), notified: Vec::new() }),
        }
    }

    /// As std's.
    ///
    /// # Errors
    ///
    /// When a thread panicked while it held the lock.
    #[track_caller]
    pub fn wait<'a, T: ?Sized>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        let mutex = guard.mutex();
        self.wait_until(guard, None, Location::caller());
        mutex.guard()
    }

    /// As std's.
    ///
    /// # Errors
    ///
    /// When a thread panicked while it held the lock.
    #[track_caller]
    pub fn wait_while<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<MutexGuard<'a, T>> {
        while condition(&mut guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    /// As std's, on the model's clock.
    ///
    /// # Errors
    ///
    /// When a thread panicked while it held the lock.
    #[track_caller]
    pub fn wait_timeout<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let mutex = guard.mutex();
        let timed_out = self.wait_until(guard, Some(timeout), Location::caller()) == Woken::ByTime;
        let result = WaitTimeoutResult(timed_out);
        match mutex.guard() {
            Ok(guard) => Ok((guard, result)),
            Err(poison) => Err(PoisonError::new((poison.into_inner(), result))),
        }
    }

    /// As std's, on the model's clock.
    ///
    /// # Errors
    ///
    /// When a thread panicked while it held the lock.
    #[track_caller]
    pub fn wait_timeout_while<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        timeout: Duration,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let began = Instant::now();
        loop {
            if !condition(&mut guard) {
                return Ok((guard, WaitTimeoutResult(false)));
            }
            let Some(left) = timeout.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) else {
                return Ok((guard, WaitTimeoutResult(true)));
            };
            guard = self.wait_timeout(guard, left)?.0;
        }
    }

    /// As std's.
    #[track_caller]
    pub fn notify_one(&self) {
        self.step("notifies one", Location::caller());
        let waiting = quarantine::unwatched(|| {
            let mut state = self.state.borrow_mut();
            if !state.waiting.is_empty() {
                let meant = state.waiting.iter().map(|waiting| waiting.task).collect();
                state.notified.push(meant);
            }
            state.waiting.clone()
        });
        // All waiters wake; one takes the notification, and the others wait on.
        waiting.iter().for_each(|&waiting| tasks::wake(waiting));
        quarantine::unwatched(|| drop(waiting));
    }

    /// As std's.
    #[track_caller]
    pub fn notify_all(&self) {
        self.step("notifies all", Location::caller());
        let waiting = quarantine::unwatched(|| {
            let mut state = self.state.borrow_mut();
            let waiting = state.waiting.clone();
            state.notified.extend(waiting.iter().map(|waiting| vec![waiting.task]));
            waiting
        });
        waiting.iter().for_each(|&waiting| tasks::wake(waiting));
        quarantine::unwatched(|| drop(waiting));
    }

    fn used(&self, site: CallSite) {
        if self.lifecycle.used(site) {
            self.object.renew();
            self.state.take();
        }
    }

    fn step(&self, what: &'static str, site: CallSite) {
        self.used(site);
        steps::step(self.object.location(), what, site);
        // A defective crate may have dropped it meanwhile.
        self.used(site);
    }

    /// Adds the running task, with its next wait, to those that wait.
    fn enrol(&self) {
        let me = tasks::waiter();
        quarantine::unwatched(|| {
            let mut state = self.state.borrow_mut();
            match state.waiting.iter_mut().find(|waiting| waiting.task == me.task) {
                Some(waiting) => *waiting = me,
                None => state.waiting.push(me),
            }
        });
    }

    /// Releases the lock, waits, and takes the lock again.
    fn wait_until<T: ?Sized>(
        &self,
        guard: MutexGuard<'_, T>,
        timeout: Option<Duration>,
        site: CallSite,
    ) -> Woken {
        self.step("waits", site);
        let (me, mutex) = (explorer::me(), guard.mutex());
        self.enrol();
        let end = timeout.map(|timeout| clock::now().saturating_add(timeout));
        drop(guard);
        let woken = loop {
            let left = end.map(|end| end.saturating_sub(clock::now()));
            let woken = waits::wait(left);
            self.used(site);
            explorer::depends(self.object.location(), Ordering::Relaxed);
            let notified = self.state.borrow_mut().take_notification(me);
            match woken {
                _ if notified => break Woken::ByAnother,
                Woken::ByTime => break Woken::ByTime,
                // Another waiter took the notification.
                Woken::ByAnother => self.enrol(),
            }
        };
        quarantine::unwatched(|| self.state.borrow_mut().forget(me));
        mutex.relock(site);
        woken
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Condvar::new()
    }
}

impl Drop for Condvar {
    fn drop(&mut self) {
        self.lifecycle.end("a condition variable");
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}
