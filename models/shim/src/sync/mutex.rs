//! `std::sync::Mutex`: which of those that wait gets the lock is the scheduler's choice.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::atomic::Ordering;

use super::{LockResult, PoisonError, TryLockError, TryLockResult};
use crate::explorer::{self, Object};
use crate::life::Life;
use crate::tasks::{self, Waiter};
use crate::{memory, run};

/// As std's.
#[repr(C)]
pub struct Mutex<T: ?Sized> {
    life: Life,
    object: Object,
    locked: Cell<bool>,
    poisoned: Cell<bool>,
    waiting: RefCell<Vec<Waiter>>,
    value: UnsafeCell<T>,
}

// SAFETY: as std's: the value is reached by one thread at a time, which may be another each time. All else is plain, since a model's
// threads run one at a time, on one thread of the system.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}
impl<T: ?Sized> std::panic::UnwindSafe for Mutex<T> {}
impl<T: ?Sized> std::panic::RefUnwindSafe for Mutex<T> {}

/// As std's.
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    /// Whether its thread panicked before it was there.
    panicking: bool,
    /// As std's: it ends on the thread that it was made on.
    not_send: std::marker::PhantomData<*const ()>,
}

// SAFETY: a shared guard gives a shared value, as std's does.
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}

impl<T> Mutex<T> {
    /// As std's.
    pub const fn new(value: T) -> Self {
        Mutex {
            life: Life::new(),
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
        self.life.ends("a lock");
        let mut this = ManuallyDrop::new(self);
        this.waiting.get_mut().clear();
        // SAFETY: `read` asks that the value is not used again where it was: `this` is forgotten.
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
        let place = Location::caller();
        self.used(place);
        run::step(self.object.place(), "locks", place);
        self.acquire(place);
        self.guard()
    }

    /// As std's.
    ///
    /// # Errors
    ///
    /// When it is locked, or a thread panicked while it held the lock.
    #[track_caller]
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        let place = Location::caller();
        self.used(place);
        run::step(self.object.place(), "tries to lock", place);
        self.used(place);
        if self.locked.replace(true) {
            return Err(TryLockError::WouldBlock);
        }
        explorer::changed(self.object.place());
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

    fn used(&self, place: &'static Location<'static>) {
        if self.life.used(place) {
            // In a `static`: whoever held it is gone with its execution.
            self.object.renew();
            self.locked.set(false);
            self.poisoned.set(false);
            self.waiting.borrow_mut().clear();
        }
    }

    /// Takes the lock again, after a wait.
    pub(super) fn relock(&self, place: &'static Location<'static>) {
        run::step(self.object.place(), "is woken and locks", place);
        self.acquire(place);
    }

    /// Takes the lock, and waits for it before.
    fn acquire(&self, place: &'static Location<'static>) {
        self.used(place);
        while self.locked.replace(true) {
            memory::unwatched(|| self.waiting.borrow_mut().push(tasks::waiter()));
            tasks::wait(None);
            // It may have been dropped meanwhile, by mistake.
            self.used(place);
            explorer::depends(self.object.place(), Ordering::AcqRel);
        }
        explorer::changed(self.object.place());
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
        explorer::depends(self.object.place(), Ordering::AcqRel);
        explorer::changed(self.object.place());
        self.locked.set(false);
        // All of them look again: whom the scheduler lets look first has it.
        let waiting = memory::unwatched(|| self.waiting.take());
        waiting.iter().for_each(|&waiting| tasks::wake(waiting));
        memory::unwatched(|| drop(waiting));
    }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// The lock that it holds.
    pub(super) fn mutex(&self) -> &'a Mutex<T> {
        self.mutex
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the lock is held by this guard alone, and as long as it is there.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and the guard is borrowed by nobody else.
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
        self.life.ends("a lock");
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
