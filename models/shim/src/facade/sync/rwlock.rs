//! `std::sync::RwLock`: the scheduler chooses which waiters get the lock.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::fmt;
use std::marker::PhantomData;
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
pub struct RwLock<T: ?Sized> {
    lifecycle: Lifecycle,
    object: Object,
    held: Cell<Held>,
    poisoned: Cell<bool>,
    waiting: RefCell<Vec<Waiter>>,
    value: UnsafeCell<T>,
}

/// Who holds a lock.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    /// This many readers.
    ByReaders(usize),
    ByWriter,
}

const FREE: Held = Held::ByReaders(0);

impl Held {
    /// After one more reader or the writer, if the lock has room for it.
    fn with(self, writes: bool) -> Option<Self> {
        match self {
            FREE if writes => Some(Held::ByWriter),
            Held::ByReaders(readers) if !writes => Some(Held::ByReaders(readers + 1)),
            _ => None,
        }
    }
}

// SAFETY: as std's: several threads read the value at once, or one at a time reaches it, and not always the same
// one. All else is plain, since the threads of a model run one at a time, on one thread of the system.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}
impl<T: ?Sized> std::panic::UnwindSafe for RwLock<T> {}
impl<T: ?Sized> std::panic::RefUnwindSafe for RwLock<T> {}

/// As std's.
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    /// As std's: it is dropped on the thread that made it.
    not_send: PhantomData<*const ()>,
}

/// As std's.
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    /// Whether its thread was panicking when the guard was made.
    panicking: bool,
    /// As std's: it is dropped on the thread that made it.
    not_send: PhantomData<*const ()>,
}

// SAFETY: a shared guard gives a shared value, as std's does.
unsafe impl<T: ?Sized + Sync> Sync for RwLockReadGuard<'_, T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Sync> Sync for RwLockWriteGuard<'_, T> {}

impl<T> RwLock<T> {
    /// As std's.
    pub const fn new(value: T) -> Self {
        RwLock {
            lifecycle: Lifecycle::new(),
            object: Object::new(),
            held: Cell::new(FREE),
            poisoned: Cell::new(false),
            waiting: RefCell::new(Vec::new()),
            value: UnsafeCell::new(value),
        }
    }

    /// As std's.
    ///
    /// # Errors
    ///
    /// When a thread panicked while it held the lock for writing.
    pub fn into_inner(self) -> LockResult<T> {
        self.lifecycle.end("a lock");
        let mut this = ManuallyDrop::new(self);
        this.waiting.get_mut().clear();
        // SAFETY: after `read`, the value must not be used at its old address: `this` is never dropped.
        let value = unsafe { this.value.get().read() };
        this.unless_poisoned(value)
    }
}

impl<T: ?Sized> RwLock<T> {
    /// As std's.
    ///
    /// # Errors
    ///
    /// When a thread panicked while it held the lock for writing.
    #[track_caller]
    pub fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        self.acquire(false, "locks to read", Location::caller());
        self.unless_poisoned(RwLockReadGuard { lock: self, not_send: PhantomData })
    }

    /// As std's.
    ///
    /// # Errors
    ///
    /// When a thread panicked while it held the lock for writing.
    #[track_caller]
    pub fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        self.acquire(true, "locks to write", Location::caller());
        self.unless_poisoned(self.write_guard())
    }

    /// As std's.
    ///
    /// # Errors
    ///
    /// When it is locked for writing, or a thread panicked while it held it so.
    #[track_caller]
    pub fn try_read(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        match self.try_acquire(false, "tries to lock to read", Location::caller()) {
            false => Err(TryLockError::WouldBlock),
            true => Ok(self.unless_poisoned(RwLockReadGuard { lock: self, not_send: PhantomData })?),
        }
    }

    /// As std's.
    ///
    /// # Errors
    ///
    /// When it is locked, or a thread panicked while it held the lock for writing.
    #[track_caller]
    pub fn try_write(&self) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        match self.try_acquire(true, "tries to lock to write", Location::caller()) {
            false => Err(TryLockError::WouldBlock),
            true => Ok(self.unless_poisoned(self.write_guard())?),
        }
    }

    /// As std's.
    ///
    /// # Errors
    ///
    /// When a thread panicked while it held the lock for writing.
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
            // In a `static`: the guards of an earlier execution are gone.
            self.object.renew();
            self.held.set(FREE);
            self.poisoned.set(false);
            self.waiting.borrow_mut().clear();
        }
    }

    fn try_acquire(&self, writes: bool, what: &'static str, site: CallSite) -> bool {
        self.used(site);
        steps::step(self.object.location(), what, site);
        self.used(site);
        self.take(writes)
    }

    /// Takes the lock, once it has room.
    fn acquire(&self, writes: bool, what: &'static str, site: CallSite) {
        if self.try_acquire(writes, what, site) {
            return;
        }
        loop {
            quarantine::unwatched(|| self.waiting.borrow_mut().push(tasks::waiter()));
            waits::wait(None);
            // A defective crate may have dropped it meanwhile.
            self.used(site);
            explorer::depends(self.object.location(), Ordering::AcqRel);
            if self.take(writes) {
                return;
            }
        }
    }

    fn take(&self, writes: bool) -> bool {
        let taken = self.held.get().with(writes);
        if let Some(held) = taken {
            explorer::changed(self.object.location());
            self.held.set(held);
        }
        taken.is_some()
    }

    fn release(&self, left: Held) {
        self.held.set(left);
        // All waiters try again: the scheduler decides the order.
        let waiting = quarantine::unwatched(|| self.waiting.take());
        waiting.iter().for_each(|&waiting| tasks::wake(waiting));
        quarantine::unwatched(|| drop(waiting));
    }

    fn write_guard(&self) -> RwLockWriteGuard<'_, T> {
        RwLockWriteGuard { lock: self, panicking: std::thread::panicking(), not_send: PhantomData }
    }

    fn unless_poisoned<G>(&self, guard: G) -> LockResult<G> {
        if self.poisoned.get() { Err(PoisonError::new(guard)) } else { Ok(guard) }
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: for as long as this guard lives, no guard for writing does.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard alone holds the lock, for as long as it lives.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and the guard is borrowed exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    fn drop(&mut self) {
        explorer::depends(self.lock.object.location(), Ordering::AcqRel);
        explorer::changed(self.lock.object.location());
        let Held::ByReaders(readers) = self.lock.held.get() else { unreachable!("a reader holds the lock") };
        self.lock.release(Held::ByReaders(readers - 1));
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    fn drop(&mut self) {
        if !self.panicking && std::thread::panicking() {
            self.lock.poisoned.set(true);
        }
        explorer::depends(self.lock.object.location(), Ordering::AcqRel);
        explorer::changed(self.lock.object.location());
        self.lock.release(FREE);
    }
}

impl<T: ?Sized> Drop for RwLock<T> {
    fn drop(&mut self) {
        self.lifecycle.end("a lock");
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        RwLock::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        RwLock::new(value)
    }
}

impl<T: ?Sized> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLock").field("free", &(self.held.get() == FREE)).finish_non_exhaustive()
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
