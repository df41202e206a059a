//! The initial values of statics: what a lock or a cell in a `static` holds before its first use.
//!
//! The initial value of a static is a constant, so its bytes are all of it. They are kept at the first use, and
//! copied back at the first use in each later execution. What the former value owned stays allocated.

use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::ptr::{copy_nonoverlapping, from_ref};
use std::sync::{Mutex, PoisonError};

use super::lifecycle::Use;
use super::quarantine;

/// Bytes that may be padding.
type Bytes = Box<[MaybeUninit<u8>]>;

/// The initial bytes, by address.
static INITIAL: Mutex<BTreeMap<usize, Bytes>> = Mutex::new(BTreeMap::new());

/// Makes the value at `place` that of a new execution, if this use is the first one in it. Only statics change:
/// no other value outlives an execution.
///
/// # Safety
///
/// `place` is valid for reads and writes of `T`, and no reference to the value is in use.
pub(crate) unsafe fn renew<T: ?Sized>(place: *mut T, used: Use) {
    if used == Use::Again || !is_in_a_static(place.cast()) {
        return;
    }
    // SAFETY: the caller's: the place is valid.
    let size = unsafe { size_of_val(&*place) };
    let place: *mut MaybeUninit<u8> = place.cast();
    quarantine::unwatched(|| {
        let mut all = INITIAL.lock().unwrap_or_else(PoisonError::into_inner);
        match (used, all.get(&place.addr())) {
            (Use::First, _) => {
                let mut bytes = vec![MaybeUninit::uninit(); size].into_boxed_slice();
                // SAFETY: both are `size` bytes, aligned to 1, and of different allocations.
                unsafe { copy_nonoverlapping(place, bytes.as_mut_ptr(), size) };
                all.insert(place.addr(), bytes);
            }
            (Use::FirstInExecution, Some(bytes)) if bytes.len() == size => {
                // SAFETY: as above. The bytes are a value of `T`, since they were the constant of this static; a
                // copy of it owns nothing, since a constant cannot.
                unsafe { copy_nonoverlapping(bytes.as_ptr(), place, size) };
            }
            _ => {}
        }
    });
}

/// Whether an address is in the program's writable data. Elsewhere than on Linux none is known to be.
fn is_in_a_static(place: *const u8) -> bool {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        unsafe extern "C" {
            /// The start of the writable data, of the C library's start files.
            static __data_start: u8;
            /// The end of the program, of the linker.
            static _end: u8;
        }
        // SAFETY: the linker defines both; only their addresses are used.
        let (start, end) = unsafe { (from_ref(&__data_start), from_ref(&_end)) };
        (start.addr()..end.addr()).contains(&place.addr())
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    {
        let _ = place;
        false
    }
}
