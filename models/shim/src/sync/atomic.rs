//! `std::sync::atomic`: other threads may run before each access; what it does is done at once, whatever its ordering.

use std::cell::Cell;
use std::fmt;
use std::panic::{Location, RefUnwindSafe};

pub use std::sync::atomic::{Ordering, compiler_fence};

use crate::life::Life;
use crate::run;

/// An atomic, of any type that std has one of. Zeroed memory is a valid one that holds 0.
#[repr(C)]
pub struct Atomic<T: Value> {
    life: Life,
    value: Cell<T>,
    /// What one that outlives an execution, in a `static`, begins the next one with.
    first: Cell<T>,
}

/// What an atomic holds.
pub trait Value: Copy {
    /// The address that it points to.
    fn target(self) -> Option<usize> {
        None
    }
}

impl Value for bool {}

impl<T> Value for *mut T {
    fn target(self) -> Option<usize> {
        (!self.is_null()).then(|| self.addr())
    }
}

/// As std's.
pub type AtomicBool = Atomic<bool>;
/// As std's.
pub type AtomicPtr<T> = Atomic<*mut T>;

// SAFETY: the threads of a model run one at a time, on one thread of the system: none comes between the halves of what is done here.
// (std's `AtomicPtr` is `Send` and `Sync` for every type as well.)
unsafe impl<T: Value> Send for Atomic<T> {}
// SAFETY: as above.
unsafe impl<T: Value> Sync for Atomic<T> {}
impl<T: Value> RefUnwindSafe for Atomic<T> {}

/// A step of its own for whatever is ordered: all is anyway.
#[track_caller]
pub fn fence(_: Ordering) {
    run::step("fences", Location::caller());
}

/// As std's, which no longer wants it used: crates for old compilers do.
pub fn spin_loop_hint() {
    crate::hint::spin_loop();
}

impl<T: Value> Atomic<T> {
    /// As std's.
    pub const fn new(value: T) -> Self {
        Atomic { life: Life::new(), value: Cell::new(value), first: Cell::new(value) }
    }

    /// Notes an access, before it is done; returns the value.
    fn reached(&self, what: &'static str, place: &'static Location<'static>) -> &Cell<T> {
        run::step(what, place);
        self.now(place)
    }

    fn now(&self, place: &'static Location<'static>) -> &Cell<T> {
        if self.life.used(place) {
            self.value.set(self.first.get());
        }
        &self.value
    }

    /// As std's.
    #[track_caller]
    pub fn load(&self, _: Ordering) -> T {
        self.reached("loads", Location::caller()).get()
    }

    /// As std's.
    #[track_caller]
    pub fn store(&self, value: T, _: Ordering) {
        self.replaced("stores", Location::caller(), value);
    }

    /// As std's.
    #[track_caller]
    pub fn swap(&self, value: T, _: Ordering) -> T {
        self.replaced("swaps", Location::caller(), value)
    }

    /// As std's.
    #[track_caller]
    pub fn get_mut(&mut self) -> &mut T {
        self.now(Location::caller());
        self.value.get_mut()
    }

    /// As std's.
    #[track_caller]
    pub fn into_inner(self) -> T {
        self.now(Location::caller()).get()
    }

    /// As std's; what is done with the pointer is not seen.
    #[track_caller]
    pub fn as_ptr(&self) -> *mut T {
        self.now(Location::caller()).as_ptr()
    }

    fn replaced(&self, what: &'static str, place: &'static Location<'static>, value: T) -> T {
        let old = self.reached(what, place).replace(value);
        run::published(value.target(), place);
        old
    }

    fn changed(&self, what: &'static str, place: &'static Location<'static>, to: impl FnOnce(T) -> T) -> T {
        let value = self.reached(what, place);
        value.replace(to(value.get()))
    }
}

impl<T: Value + PartialEq> Atomic<T> {
    /// As std's.
    ///
    /// # Errors
    ///
    /// The value, when it is not `current`.
    #[track_caller]
    pub fn compare_exchange(
        &self,
        current: T,
        new: T,
        _: Ordering,
        _: Ordering,
    ) -> std::result::Result<T, T> {
        let value = self.reached("compares and exchanges", Location::caller());
        match value.get() {
            found if found == current => {
                run::published(new.target(), Location::caller());
                Ok(value.replace(new))
            }
            found => Err(found),
        }
    }

    /// As [`Atomic::compare_exchange`]: it does not fail without cause.
    ///
    /// # Errors
    ///
    /// The value, when it is not `current`.
    #[track_caller]
    pub fn compare_exchange_weak(
        &self,
        current: T,
        new: T,
        success: Ordering,
        failure: Ordering,
    ) -> std::result::Result<T, T> {
        self.compare_exchange(current, new, success, failure)
    }

    /// As std's.
    ///
    /// # Errors
    ///
    /// The value, when `change` makes none of it.
    #[track_caller]
    pub fn fetch_update(
        &self,
        set: Ordering,
        fetch: Ordering,
        mut change: impl FnMut(T) -> Option<T>,
    ) -> std::result::Result<T, T> {
        let mut current = self.load(fetch);
        while let Some(new) = change(current) {
            match self.compare_exchange(current, new, set, fetch) {
                Ok(old) => return Ok(old),
                Err(found) => current = found,
            }
        }
        Err(current)
    }
}

impl<T: Value> Drop for Atomic<T> {
    fn drop(&mut self) {
        self.life.ends("an atomic");
    }
}

impl<T: Value> From<T> for Atomic<T> {
    fn from(value: T) -> Self {
        Atomic::new(value)
    }
}

impl<T> Default for Atomic<*mut T> {
    fn default() -> Self {
        Atomic::new(std::ptr::null_mut())
    }
}

impl<T: Value + fmt::Debug> fmt::Debug for Atomic<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.get().fmt(f)
    }
}

/// What integers and `bool` have in common.
macro_rules! bits {
    ($($type:ty),*) => {$(
        impl Default for Atomic<$type> {
            fn default() -> Self {
                Atomic::new(<$type>::default())
            }
        }

        impl Atomic<$type> {
            /// As std's.
            #[track_caller]
            pub fn fetch_and(&self, value: $type, _: Ordering) -> $type {
                self.changed("ands", Location::caller(), |old| old & value)
            }

            /// As std's.
            #[track_caller]
            pub fn fetch_nand(&self, value: $type, _: Ordering) -> $type {
                self.changed("nands", Location::caller(), |old| !(old & value))
            }

            /// As std's.
            #[track_caller]
            pub fn fetch_or(&self, value: $type, _: Ordering) -> $type {
                self.changed("ors", Location::caller(), |old| old | value)
            }

            /// As std's.
            #[track_caller]
            pub fn fetch_xor(&self, value: $type, _: Ordering) -> $type {
                self.changed("xors", Location::caller(), |old| old ^ value)
            }
        }
    )*};
}

/// The integers: a name for the atomic of each, and their arithmetic.
macro_rules! integers {
    ($($name:ident: $type:ty),*) => {
        bits!(bool, $($type),*);
        $(
            /// As std's.
            pub type $name = Atomic<$type>;

            impl Value for $type {}

            impl Atomic<$type> {
                /// As std's.
                #[track_caller]
                pub fn fetch_add(&self, value: $type, _: Ordering) -> $type {
                    self.changed("adds", Location::caller(), |old| old.wrapping_add(value))
                }

                /// As std's.
                #[track_caller]
                pub fn fetch_sub(&self, value: $type, _: Ordering) -> $type {
                    self.changed("subtracts", Location::caller(), |old| old.wrapping_sub(value))
                }

                /// As std's.
                #[track_caller]
                pub fn fetch_max(&self, value: $type, _: Ordering) -> $type {
                    self.changed("takes the larger", Location::caller(), |old| old.max(value))
                }

                /// As std's.
                #[track_caller]
                pub fn fetch_min(&self, value: $type, _: Ordering) -> $type {
                    self.changed("takes the smaller", Location::caller(), |old| old.min(value))
                }
            }
        )*
    };
}

integers! {
    AtomicU8: u8, AtomicU16: u16, AtomicU32: u32, AtomicU64: u64, AtomicUsize: usize,
    AtomicI8: i8, AtomicI16: i16, AtomicI32: i32, AtomicI64: i64, AtomicIsize: isize
}
