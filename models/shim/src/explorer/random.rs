//! Shuttle: any thread that can run may go on at any step, and everybody sees the newest value.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

pub use ::shuttle::sync::{
    Barrier, BarrierWaitResult, Once, OnceState, RwLock, RwLockReadGuard, RwLockWriteGuard, mpsc,
};
pub use ::shuttle::thread::{
    AccessError, Builder, JoinHandle, LocalKey, Scope, ScopedJoinHandle, ThreadId, scope, spawn,
};
pub(crate) use ::shuttle::thread::{Thread, current, park, yield_now};

use super::{Common, Native, Value};
use crate::run;

/// Whether what an execution leaves behind can be told from what it still needs: all its threads have ended then.
pub(crate) const SEES_LEAKS: bool = true;

/// A primitive: shuttle need not tell one from another.
#[derive(Debug)]
pub(crate) struct Object(());

/// Where a step is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place(());

impl Object {
    pub(crate) const fn new() -> Self {
        Object(())
    }

    pub(crate) fn place(&self) -> Place {
        Place(())
    }

    /// Begins anew, in another execution.
    pub(crate) fn renew(&self) {}
}

impl From<Common> for Place {
    fn from(_: Common) -> Self {
        Place(())
    }
}

thread_local! {
    /// The thread that spins, as long as nobody does anything else.
    static SPINS: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Begins an execution.
pub(crate) fn begin() {
    SPINS.set(None);
}

/// Lets other threads run.
pub(crate) fn step(_: Place) {
    match run::is_to_yield() {
        true => yield_now(),
        // Shuttle knows no time: a sleep is a switch.
        false => shuttle::thread::sleep(Duration::ZERO),
    }
}

/// Lets other threads run before an access of an atomic.
pub(crate) fn before_access() {
    step(Place(()));
}

/// Lets nobody run: where the steps around are enough, and only loom has to know what they depend on.
pub(crate) fn depends(_: Place, _: Ordering) {}

/// A look at the clock: others run, so that the moment that is waited for may come.
pub(crate) fn look() {
    yield_now();
}

/// Lets others run.
pub(crate) fn spin() {
    yield_now();
}

/// Lets others run, unless this thread has done nothing since it last did so for the same reason.
pub(crate) fn spin_hint() {
    let me = Some(me());
    if SPINS.get() != me {
        yield_now();
        SPINS.set(me);
    }
}

/// A thread does something.
pub(crate) fn acted(_: usize) {
    SPINS.set(None);
}

/// Something has changed there.
pub(crate) fn changed(_: Place) {}

/// A step of its own, whatever is ordered: all is anyway.
pub(crate) fn fence(_: Ordering) {
    step(Place(()));
}

/// The number of the thread that runs.
pub(crate) fn me() -> usize {
    shuttle::current::me().into()
}

/// The number of a thread.
pub(crate) fn number(thread: &Thread) -> usize {
    thread.id().into()
}

/// Runs the body of a model on a thread of its own, so that what its threads keep for themselves is gone at the end.
pub(crate) fn run(body: &Arc<dyn Fn() + Send + Sync>) {
    let body = Arc::clone(body);
    spawn(move || body()).join().expect("the model's thread panicked");
}

/// What an atomic holds.
#[repr(C)]
pub(crate) struct Stored<T> {
    value: Cell<T>,
    /// What one that outlives an execution, in a `static`, begins the next one with.
    first: Cell<T>,
}

impl<T: Value> Stored<T> {
    pub(crate) const fn new(value: T) -> Self {
        Stored { value: Cell::new(value), first: Cell::new(value) }
    }

    /// Begins anew, in another execution.
    pub(crate) fn renew(&self) {
        self.value.set(self.first.get());
    }

    pub(crate) fn load(&self, _: Ordering) -> T {
        self.value.get()
    }

    pub(crate) fn store(&self, value: T, _: Ordering) {
        self.value.set(value);
    }

    pub(crate) fn swap(&self, value: T, _: Ordering) -> T {
        self.value.replace(value)
    }

    pub(crate) fn compare_exchange(&self, current: T, new: T, _: Ordering, _: Ordering) -> Result<T, T>
    where
        T: PartialEq,
    {
        match self.value.get() {
            found if found == current => Ok(self.value.replace(new)),
            found => Err(found),
        }
    }

    pub(crate) fn change(&self, _: Native, to: impl Fn(T) -> T, _: Ordering) -> T {
        self.value.replace(to(self.value.get()))
    }

    pub(crate) fn newest(&self) -> T {
        self.value.get()
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    pub(crate) fn as_ptr(&self) -> *mut T {
        self.value.as_ptr()
    }
}
