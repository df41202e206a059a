//! `std::sync::atomic`: other threads may run before each access. Under shuttle it is sequentially
//! consistent, whatever its ordering; under loom a load returns any value that its ordering allows.

use std::fmt;
use std::panic::{Location, RefUnwindSafe};

pub use std::sync::atomic::{Ordering, compiler_fence};

pub use crate::exec::explorer::Value;
use crate::exec::explorer::{self, Native, Stored};
use crate::exec::lifecycle::Lifecycle;
use crate::exec::trace::CallSite;
use crate::exec::{leaks, quarantine, steps};

/// An atomic of any type that std has one for. Zeroed memory is a valid one that holds 0.
#[repr(C)]
pub struct Atomic<T: Value> {
    lifecycle: Lifecycle,
    stored: Stored<T>,
}

/// As std's.
pub type AtomicBool = Atomic<bool>;
/// As std's.
pub type AtomicPtr<T> = Atomic<*mut T>;

// SAFETY: the threads of a model run one at a time, on one thread of the system, and none runs inside of an
// access. (std's `AtomicPtr`, too, is `Send` and `Sync` for every type.)
unsafe impl<T: Value> Send for Atomic<T> {}
// SAFETY: as above.
unsafe impl<T: Value> Sync for Atomic<T> {}
impl<T: Value> RefUnwindSafe for Atomic<T> {}

/// As std's.
#[track_caller]
pub fn fence(ordering: Ordering) {
    quarantine::assert_sound();
    explorer::fence(ordering);
    steps::note("fences", Location::caller());
}

/// As std's deprecated function, which crates for old compilers call.
pub fn spin_loop_hint() {
    explorer::spin_hint();
}

impl<T: Value> Atomic<T> {
    /// As std's.
    pub const fn new(value: T) -> Self {
        Atomic { lifecycle: Lifecycle::new(), stored: Stored::new(value) }
    }

    /// Runs an access. Other threads may run and drop the atomic, so its lifecycle is checked before and
    /// after.
    fn access<R>(&self, what: &'static str, site: CallSite, then: impl FnOnce(&Stored<T>) -> R) -> R {
        quarantine::assert_sound();
        explorer::before_access();
        let done = then(self.now(site));
        steps::note(what, site);
        self.lifecycle.used(site);
        done
    }

    fn now(&self, site: CallSite) -> &Stored<T> {
        if self.lifecycle.used(site) {
            self.stored.renew();
        }
        &self.stored
    }

    /// As std's.
    #[track_caller]
    pub fn load(&self, ordering: Ordering) -> T {
        self.access("loads", Location::caller(), |stored| stored.load(ordering))
    }

    /// As std's.
    #[track_caller]
    pub fn store(&self, value: T, ordering: Ordering) {
        let site = Location::caller();
        leaks::published(value.target(), site);
        self.access("stores", site, |stored| stored.store(value, ordering));
    }

    /// As std's.
    #[track_caller]
    pub fn swap(&self, value: T, ordering: Ordering) -> T {
        let site = Location::caller();
        leaks::published(value.target(), site);
        self.access("swaps", site, |stored| stored.swap(value, ordering))
    }

    /// As std's.
    #[track_caller]
    pub fn get_mut(&mut self) -> &mut T {
        self.now(Location::caller());
        self.stored.get_mut()
    }

    /// As std's.
    #[track_caller]
    pub fn into_inner(self) -> T {
        self.now(Location::caller()).newest()
    }

    /// As std's. What the crate does with the pointer is not observed.
    #[cfg(shuttle)]
    #[track_caller]
    pub fn as_ptr(&self) -> *mut T {
        self.now(Location::caller()).as_ptr()
    }

    fn changed(
        &self,
        what: &'static str,
        site: CallSite,
        native: Native,
        to: impl Fn(T) -> T,
        ordering: Ordering,
    ) -> T {
        self.access(what, site, |stored| stored.change(native, to, ordering))
    }
}

impl<T: Value + PartialEq> Atomic<T> {
    /// As std's.
    ///
    /// # Errors
    ///
    /// The value, if it is not `current`.
    #[track_caller]
    pub fn compare_exchange(
        &self,
        current: T,
        new: T,
        success: Ordering,
        failure: Ordering,
    ) -> std::result::Result<T, T> {
        let site = Location::caller();
        let done = self.access("compares and exchanges", site, |stored| {
            stored.compare_exchange(current, new, success, failure)
        });
        if done.is_ok() {
            leaks::published(new.target(), site);
        }
        done
    }

    /// As [`Atomic::compare_exchange`]: it never fails spuriously.
    ///
    /// # Errors
    ///
    /// The value, if it is not `current`.
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
    /// The value, if `change` returns `None` for it.
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
        self.lifecycle.end("an atomic");
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
        self.stored.newest().fmt(f)
    }
}

/// The operations that integers and `bool` share.
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
            pub fn fetch_and(&self, value: $type, ordering: Ordering) -> $type {
                self.changed("ands", Location::caller(), Native::And(value.bits()), |old| old & value, ordering)
            }

            /// As std's.
            #[track_caller]
            pub fn fetch_nand(&self, value: $type, ordering: Ordering) -> $type {
                self.changed("nands", Location::caller(), Native::Other, |old| !(old & value), ordering)
            }

            /// As std's.
            #[track_caller]
            pub fn fetch_or(&self, value: $type, ordering: Ordering) -> $type {
                self.changed("ors", Location::caller(), Native::Or(value.bits()), |old| old | value, ordering)
            }

            /// As std's.
            #[track_caller]
            pub fn fetch_xor(&self, value: $type, ordering: Ordering) -> $type {
                self.changed("xors", Location::caller(), Native::Xor(value.bits()), |old| old ^ value, ordering)
            }
        }
    )*};
}

/// The atomics of the integers, with their names and their arithmetic.
macro_rules! integers {
    ($($name:ident: $type:ty),*) => {
        bits!(bool, $($type),*);
        $(
            /// As std's.
            pub type $name = Atomic<$type>;

            impl Value for $type {
                const IS_WIDE: bool = size_of::<$type>() == size_of::<u64>();

                fn bits(self) -> u64 {
                    self as u64
                }

                fn from_bits(bits: u64) -> Self {
                    bits as $type
                }
            }

            impl Atomic<$type> {
                /// As std's.
                #[track_caller]
                pub fn fetch_add(&self, value: $type, ordering: Ordering) -> $type {
                    self.changed("adds", Location::caller(), Native::Add(value.bits()), |old| old.wrapping_add(value), ordering)
                }

                /// As std's.
                #[track_caller]
                pub fn fetch_sub(&self, value: $type, ordering: Ordering) -> $type {
                    self.changed("subtracts", Location::caller(), Native::Add(value.bits().wrapping_neg()), |old| old.wrapping_sub(value), ordering)
                }

                /// As std's.
                #[track_caller]
                pub fn fetch_max(&self, value: $type, ordering: Ordering) -> $type {
                    self.changed("takes the larger", Location::caller(), Native::Other, |old| old.max(value), ordering)
                }

                /// As std's.
                #[track_caller]
                pub fn fetch_min(&self, value: $type, ordering: Ordering) -> $type {
                    self.changed("takes the smaller", Location::caller(), Native::Other, |old| old.min(value), ordering)
                }
            }
        )*
    };
}

integers! {
    AtomicU8: u8, AtomicU16: u16, AtomicU32: u32, AtomicU64: u64, AtomicUsize: usize,
    AtomicI8: i8, AtomicI16: i16, AtomicI32: i32, AtomicI64: i64, AtomicIsize: isize
}
