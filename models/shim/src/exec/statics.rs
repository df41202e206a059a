//! Values that are made once: those of `OnceLock` and `LazyLock`, which a `static` keeps until the program ends.
//!
//! A model has no end of a program, and each of its executions starts afresh. A value that is left at the end
//! of an execution is therefore dropped there, so that what it owns is no leak, and the cell has no value in
//! the next execution. Real statics are never dropped: a model runs their destructors in addition.

use std::cell::{Cell, RefCell};

use super::quarantine;

/// The number of a value that no cell has.
pub(crate) const NONE: u64 = 0;

/// A value in a box, by its number.
struct Value {
    number: u64,
    pointer: *mut (),
    drop: unsafe fn(*mut ()),
}

thread_local! {
    /// The values of this execution, in the order in which they were made.
    static VALUES: RefCell<Vec<Value>> = const { RefCell::new(Vec::new()) };
    /// The number of the last value, in all executions of this thread.
    static LAST: Cell<u64> = const { Cell::new(NONE) };
}

pub(crate) fn begin() {
    VALUES.with_borrow_mut(Vec::clear);
}

/// Keeps a value, and returns its number.
pub(crate) fn keep<T>(value: T) -> u64 {
    let number = LAST.get() + 1;
    LAST.set(number);
    let pointer = Box::into_raw(Box::new(value)).cast();
    let kept = Value { number, pointer, drop: drop_box::<T> };
    quarantine::unwatched(|| VALUES.with_borrow_mut(|values| values.push(kept)));
    number
}

/// The place of a value; `None` after its drop. `T` is the type that it was kept as.
pub(crate) fn find<T>(number: u64) -> Option<*mut T> {
    VALUES.with_borrow(|values| {
        let found = values.iter().find(|value| value.number == number);
        found.map(|value| value.pointer.cast())
    })
}

/// Gives a value back; `None` after its drop. `T` is the type that it was kept as.
pub(crate) fn take<T>(number: u64) -> Option<T> {
    let pointer = find::<T>(number)?;
    VALUES.with_borrow_mut(|values| values.retain(|value| value.number != number));
    // SAFETY: the pointer is from `Box::into_raw` of a `T`, and with its entry the only owner is gone.
    Some(*unsafe { Box::from_raw(pointer) })
}

/// Drops the values that are left, the newest first. A destructor may make further ones.
pub(crate) fn end() {
    while let Some(value) = VALUES.with_borrow_mut(Vec::pop) {
        // SAFETY: the pointer is from `Box::into_raw` of the type that `drop` is for, and it was the entry that
        // owned it. What the value borrows is alive: the cell is a static, whose value borrows statics alone,
        // or it was forgotten by a crate that has a defect.
        unsafe { (value.drop)(value.pointer) };
    }
}

/// # Safety
///
/// `pointer` is from [`Box::into_raw`] of a `T`, and no other owner is left.
unsafe fn drop_box<T>(pointer: *mut ()) {
    // SAFETY: the caller's.
    drop(unsafe { Box::from_raw(pointer.cast::<T>()) });
}
