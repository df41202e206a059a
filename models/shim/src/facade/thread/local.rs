//! `std::thread::LocalKey`, whose values belong to the model's threads.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::ptr::from_ref;

use crate::exec::locals::{self, Found};

/// As std's.
pub struct LocalKey<T: 'static> {
    init: fn() -> T,
}

/// As std's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessError;

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("already destroyed")
    }
}

impl Error for AccessError {}

impl<T: 'static> LocalKey<T> {
    /// For the macro `thread_local`.
    #[doc(hidden)]
    pub const fn new(init: fn() -> T) -> Self {
        LocalKey { init }
    }

    /// As std's.
    ///
    /// # Panics
    ///
    /// When the thread is dropping it, or has.
    pub fn with<R>(&'static self, then: impl FnOnce(&T) -> R) -> R {
        self.try_with(then).expect("cannot access a thread-local during or after its destruction")
    }

    /// As std's.
    ///
    /// # Errors
    ///
    /// When the thread is dropping it, or has.
    pub fn try_with<R>(&'static self, then: impl FnOnce(&T) -> R) -> Result<R, AccessError> {
        let key = from_ref(self).addr();
        loop {
            match locals::find::<T>(key) {
                // SAFETY: the value lives until its thread ends, and only this thread, which is in `then` until
                // then, reaches it.
                Found::Value(value) => return Ok(then(unsafe { &*value })),
                Found::Destroyed => return Err(AccessError),
                Found::New => {
                    let value = (self.init)();
                    // The initial value may have been made by the initialiser itself, by way of this key.
                    if matches!(locals::find::<T>(key), Found::New) {
                        locals::insert(key, value);
                    }
                }
            }
        }
    }
}

impl<T: 'static> LocalKey<Cell<T>> {
    /// As std's.
    pub fn set(&'static self, value: T) {
        self.with(|cell| cell.set(value));
    }

    /// As std's.
    pub fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.with(Cell::get)
    }

    /// As std's.
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(Cell::take)
    }

    /// As std's.
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

impl<T: 'static> LocalKey<RefCell<T>> {
    /// As std's.
    pub fn with_borrow<R>(&'static self, then: impl FnOnce(&T) -> R) -> R {
        self.with(|cell| then(&cell.borrow()))
    }

    /// As std's.
    pub fn with_borrow_mut<R>(&'static self, then: impl FnOnce(&mut T) -> R) -> R {
        self.with(|cell| then(&mut cell.borrow_mut()))
    }

    /// As std's.
    pub fn set(&'static self, value: T) {
        self.with(|cell| *cell.borrow_mut() = value);
    }

    /// As std's.
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(RefCell::take)
    }

    /// As std's.
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}

/// As std's.
#[macro_export]
macro_rules! thread_local {
    () => {};
    ($(#[$attribute:meta])* $visible:vis static $name:ident: $type:ty = const $first:block $(; $($others:tt)*)?) => {
        $(#[$attribute])*
        $visible static $name: $crate::thread::LocalKey<$type> = $crate::thread::LocalKey::new(|| $first);
        $($crate::thread_local!($($others)*);)?
    };
    ($(#[$attribute:meta])* $visible:vis static $name:ident: $type:ty = $first:expr $(; $($others:tt)*)?) => {
        $(#[$attribute])*
        $visible static $name: $crate::thread::LocalKey<$type> = $crate::thread::LocalKey::new(|| $first);
        $($crate::thread_local!($($others)*);)?
    };
}
