//! Thread-locals of the model's threads. A thread drops its own at its end, before those who join it go on, so
//! a destructor may take steps as on a real thread.

use std::cell::RefCell;

use super::{explorer, quarantine};

/// A thread-local of one thread.
struct Local {
    /// The address of its key.
    key: usize,
    /// The value in a box; `None` from the start of its drop on.
    value: Option<*mut ()>,
    drop: unsafe fn(*mut ()),
}

/// The state of a thread-local on the running thread.
pub(crate) enum Found<T> {
    /// It has no value yet.
    New,
    /// Its value, which lives until the thread ends.
    Value(*const T),
    /// Its value is gone, or going.
    Destroyed,
}

thread_local! {
    /// The thread-locals of this execution, by the number of their thread, in the order of their making.
    static LOCALS: RefCell<Vec<Vec<Local>>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn begin() {
    LOCALS.with_borrow_mut(Vec::clear);
}

fn with<R>(then: impl FnOnce(&mut Vec<Local>) -> R) -> R {
    let me = explorer::me();
    quarantine::unwatched(|| {
        LOCALS.with_borrow_mut(|locals| {
            if locals.len() <= me {
                locals.resize_with(me + 1, Vec::new);
            }
            then(&mut locals[me])
        })
    })
}

/// Finds the thread-local with this key. `T` is the type of its values.
pub(crate) fn find<T>(key: usize) -> Found<T> {
    with(|own| match own.iter().find(|local| local.key == key) {
        None => Found::New,
        Some(Local { value: Some(value), .. }) => Found::Value(value.cast_const().cast()),
        Some(Local { value: None, .. }) => Found::Destroyed,
    })
}

/// Gives the thread-local with this key its first value.
pub(crate) fn insert<T>(key: usize, value: T) {
    let value = Some(Box::into_raw(Box::new(value)).cast());
    with(|own| own.push(Local { key, value, drop: drop_box::<T> }));
}

/// Drops the thread-locals of the running thread, the newest first. A destructor may make further ones. A thread that
/// the shim did not spawn calls this at its end.
pub fn end() {
    let newest = |own: &mut Vec<Local>| {
        let local = own.iter_mut().rev().find(|local| local.value.is_some())?;
        Some((local.value.take()?, local.drop))
    };
    while let Some((value, drop)) = with(newest) {
        // SAFETY: the pointer is from `Box::into_raw` of the type that `drop` is for, and the entry, which owned
        // it, has lost it. No reference to the value is left: `LocalKey` lends it to a closure, and the thread
        // has left all of its closures.
        unsafe { drop(value) };
    }
}

/// # Safety
///
/// `value` is from [`Box::into_raw`] of a `T`, and no other owner is left.
unsafe fn drop_box<T>(value: *mut ()) {
    // SAFETY: the caller's.
    drop(unsafe { Box::from_raw(value.cast::<T>()) });
}
