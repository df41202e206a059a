//! `std::sync::Mutex`: the scheduler chooses which waiter gets the lock.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::atomic::Ordering;
use std::sync::{LockResult, PoisonError, TryLockError, TryLockResult};

use crate::exec::explorer::{self, Object};
use crate::exec::lifecycle::{Lifecycle, Use};
use crate::exec::tasks::{self, Waiter};
use crate::exec::trace::CallSite;
use crate::exec::{initial, quarantine, steps, waits};

/// As std's.
#[repr(C)]
pub struct Mutex<T: ?Sized> {
    lifecycle: Lifecycle,
    object: Object,
    locked: Cell<bool>,
    poisoned: Cell<bool>,
    waiting: RefCell<Vec<Waiter>>,
    value: UnsafeCell<T>,
}

// SAFETY: as std's: one thread at a time reaches the value, and not always the same one. All else is plain,
// since the threads of a model run one at a time, on one thread of the system.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}
impl<T: ?Sized> std::panic::UnwindSafe for Mutex<T> {}
impl<T: ?Sized> std::panic::RefUnwindSafe for Mutex<T> {}

/// As std's.
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    /// Whether its thread was panicking when the guard was made.
    panicking: bool,
    /// As std's: it is dropped on the thread that made it.
    not_send: std::marker::PhantomData<*const ()>,
}

// SAFETY: a shared guard gives a shared value, as std's does.
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}

impl<T> Mutex<T> {
    /// As std's.
    pub const fn new(value: T) -> Self {
        Mutex {
            lifecycle: Lifecycle::new(),
            object: Object::new(),
            locked: Cell::new(false),
            poisoned: Cell::new(false),
            waiting: RefCell::new(Vec::new()),
            value: UnsafeCell::new(value),
        }
    }

    /// As std's.
    ///
    /// # Errors
    ///
    /// When a thread panicked while it held the lock.
    pub fn into_inner(self) -> LockResult<T> {
        self.lifecycle.end("a lock");
        let mut this = ManuallyDrop::new(self);
        this.waiting.get_mut().clear();
        // SAFETY: after `read`, the value must not be used at its old address: `this` is never dropped.
        let value = unsafe { this.value.get().read() };
        if this.poisoned.get() { Err(PoisonError::new(value)) } else { Ok(value) }
    }
}

impl<T: ?Sized> Mutex<T> {
    /// As std's.
    ///
    /// # Errors
    ///
    /// When a thread panicked while it held the lock.
    #[track_caller]
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        let site = Location::caller();
        self.used(site);
        steps::step(self.object.location(), "locks", site);
        self.acquire(site);
        self.guard()
    }

    /// As std's.
    ///
    /// # Errors
    ///
    /// When it is locked, or a thread panicked while it held the lock.
    #[track_caller]
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        let site = Location::caller();
        self.used(site);
        steps::step(self.object.location(), "tries to lock", site);
        self.used(site);
        if self.locked.replace(true) {
            return Err(TryLockError::WouldBlock);
        }
        explorer::changed(self.object.location());
        Ok(self.guard()?)
    }

    /// As std's.
    ///
    /// # Errors
    ///
    /// When a thread panicked while it held the lock.
    #[track_caller]
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        self.used(Location::caller());
        let poisoned = self.poisoned.get();
        let value = self.value.get_mut();
        if poisoned { Err(PoisonError::new(value)) } else { Ok(value) }
    }

    /// As std's.
    pub fn is_poisoned(&self) -> bool {
        self.poisoned.get()
    }

    /// As std's.
    pub fn clear_poison(&self) {
        self.poisoned.set(false);
    }

    fn used(&self, site: CallSite) {
        let used = self.lifecycle.usage(site);
        // SAFETY: the value lives as long as the lock. At the first use in an execution no guard of it exists.
        unsafe { initial::renew(self.value.get(), used) };
        if used == Use::FirstInExecution {
            // In a `static`: the guard of an earlier execution is gone.
            self.object.renew();
            self.locked.set(false);
            self.poisoned.set(false);
            self.waiting.borrow_mut().clear();
        }
    }

    /// Takes the lock again after a wait.
    pub(super) fn relock(&self, site: CallSite) {
        steps::step(self.object.location(), "is woken and locks", site);
        self.acquire(site);
    }

    /// Takes the lock, once it is free.
    fn acquire(&self, site: CallSite) {
        self.used(site);
        while self.locked.replace(true) {
            quarantine::unwatched(|| self.waiting.borrow_mut().push(tasks::waiter()));
            waits::wait(None);
            // A defective crate may have dropped it meanwhile.
            self.used(site);
            explorer::depends(self.object.location(), Ordering::AcqRel);
        }
        explorer::changed(self.object.location());
    }

    pub(super) fn guard(&self) -> LockResult<MutexGuard<'_, T>> {
        let guard = MutexGuard {
            mutex: self,
            panicking: std::thread::panicking(),
            not_send: std::marker::PhantomData,
        };
        if self.poisoned.get() { Err(PoisonError::new(guard)) } else { Ok(guard) }
    }

    fn release(&self) {
        explorer::depends(self.object.location(), Ordering::AcqRel);
        explorer::changed(self.object.location());
        self.locked.set(false);
        // All waiters try again: the first one that the scheduler runs has the lock.
        let waiting = quarantine::unwatched(|| self.waiting.take());
        waiting.iter().for_each(|&waiting| tasks::wake(waiting));
        quarantine::unwatched(|| drop(waiting));
    }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// The lock that this guard holds.
    pub(super) fn mutex(&self) -> &'a Mutex<T> {
        self.mutex
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard alone holds the lock, for as long as it lives.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and the guard is borrowed exclusively.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        if !self.panicking && std::thread::panicking() {
            self.mutex.poisoned.set(true);
        }
        self.mutex.release();
    }
}

impl<T: ?Sized> Drop for Mutex<T> {
    fn drop(&mut self) {
        self.lifecycle.end("a lock");
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Mutex::new(value)
    }
}

impl<T: ?Sized> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").field("locked", &self.locked.get()).finish_non_exhaustive()
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
