//! `std::sync::Condvar`: which waiter a notification wakes is the scheduler's choice.

use std::cell::RefCell;
use std::fmt;
use std::panic::Location;
use std::sync::atomic::Ordering;

use super::{LockResult, MutexGuard, PoisonError};
use crate::explorer::{self, Object};
use crate::life::Life;
use crate::tasks::{self, Waiter, Woken};
use crate::time::{self, Duration, Instant};
use crate::{memory, run};

/// As std's, but that no wait ends without cause.
pub struct Condvar {
    life: Life,
    object: Object,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    /// Who waits.
    waiting: Vec<Waiter>,
    /// The notifications that nobody has taken, each with those that waited when it came: one of them takes it.
    notified: Vec<Vec<usize>>,
}

impl State {
    /// Takes a notification for a task, or its place among those that wait when there is none.
    fn leaves(&mut self, task: usize) -> bool {
        let taken = self.notified.iter().position(|meant| meant.contains(&task));
        if let Some(taken) = taken {
            self.notified.swap_remove(taken);
        }
        taken.is_some()
    }

    /// Forgets a task that no longer waits.
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
            life: Life::new(),
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
        let waiting = memory::unwatched(|| {
            let mut state = self.state.borrow_mut();
            if !state.waiting.is_empty() {
                let meant = state.waiting.iter().map(|waiting| waiting.task).collect();
                state.notified.push(meant);
            }
            state.waiting.clone()
        });
        // One of them takes it, and the others wait on.
        waiting.iter().for_each(|&waiting| tasks::wake(waiting));
        memory::unwatched(|| drop(waiting));
    }

    /// As std's.
    #[track_caller]
    pub fn notify_all(&self) {
        self.step("notifies all", Location::caller());
        let waiting = memory::unwatched(|| {
            let mut state = self.state.borrow_mut();
            let waiting = state.waiting.clone();
            state.notified.extend(waiting.iter().map(|waiting| vec![waiting.task]));
            waiting
        });
        waiting.iter().for_each(|&waiting| tasks::wake(waiting));
        memory::unwatched(|| drop(waiting));
    }

    fn used(&self, place: &'static Location<'static>) {
        if self.life.used(place) {
            self.object.renew();
            self.state.take();
        }
    }

    fn step(&self, what: &'static str, place: &'static Location<'static>) {
        self.used(place);
        run::step(self.object.place(), what, place);
        // It may have been dropped meanwhile, by mistake.
        self.used(place);
    }

    /// Is among those that wait, with the wait that comes next.
    fn enrol(&self) {
        let me = tasks::waiter();
        memory::unwatched(|| {
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
        place: &'static Location<'static>,
    ) -> Woken {
        self.step("waits", place);
        let (me, mutex) = (explorer::me(), guard.mutex());
        self.enrol();
        let end = timeout.map(|timeout| time::now().saturating_add(timeout));
        drop(guard);
        let woken = loop {
            let left = end.map(|end| end.saturating_sub(time::now()));
            let woken = tasks::wait(left);
            self.used(place);
            explorer::depends(self.object.place(), Ordering::Relaxed);
            let notified = self.state.borrow_mut().leaves(me);
            match woken {
                _ if notified => break Woken::ByAnother,
                Woken::ByTime => break Woken::ByTime,
                // Another took the notification.
                Woken::ByAnother => self.enrol(),
            }
        };
        memory::unwatched(|| self.state.borrow_mut().forget(me));
        mutex.relock(place);
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
        self.life.ends("a condition variable");
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}
