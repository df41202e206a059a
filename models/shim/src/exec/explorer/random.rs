//! Shuttle: any runnable thread may go on at any step, and every load sees the newest value.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

pub use ::shuttle::sync::mpsc;
pub use ::shuttle::thread::ThreadId;
pub(crate) use ::shuttle::thread::{Builder, JoinHandle, Thread, current, park, spawn, yield_now};

use super::operations::{Common, Native, Value};
use crate::exec::trace;

/// Whether leaks can be found at the end of an execution: all its threads have ended then.
pub(crate) const SEES_LEAKS: bool = true;

/// A primitive; shuttle does not distinguish them.
#[derive(Debug)]
pub(crate) struct Object(());

/// The location of a step; shuttle does not distinguish them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Location(());

impl Object {
    pub(crate) const fn new() -> Self {
        Object(())
    }

    pub(crate) fn location(&self) -> Location {
        Location(())
    }

    /// Starts afresh in another execution.
    pub(crate) fn renew(&self) {}
}

impl From<Common> for Location {
    fn from(_: Common) -> Self {
        Location(())
    }
}

thread_local! {
    /// The thread that spins, while no thread does anything else.
    static SPINS: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Starts an execution.
pub(crate) fn begin() {
    SPINS.set(None);
}

/// Lets other threads run.
pub(crate) fn step(_: Location) {
    match trace::has_to_yield(me) {
        true => yield_now(),
        // Shuttle has no time: a sleep is a switch.
        false => shuttle::thread::sleep(Duration::ZERO),
    }
}

/// Lets other threads run before an access of an atomic.
pub(crate) fn before_access() {
    step(Location(()));
}

/// Does nothing. The steps around it suffice, and only loom has to know what they depend on.
pub(crate) fn depends(_: Location, _: Ordering) {}

/// A poll of the clock. Others run, so that the moment may come.
pub(crate) fn poll_clock() {
    yield_now();
}

/// Lets others run.
pub(crate) fn spin() {
    yield_now();
}

/// Lets others run, unless this thread has taken no step since its last hint.
pub(crate) fn spin_hint() {
    let me = Some(me());
    if SPINS.get() != me {
        yield_now();
        SPINS.set(me);
    }
}

/// A thread takes a step.
pub(crate) fn acted(_: usize) {
    SPINS.set(None);
}

/// The state at a location has changed.
pub(crate) fn changed(_: Location) {}

/// A step, whatever the ordering: everything is ordered.
pub(crate) fn fence(_: Ordering) {
    step(Location(()));
}

/// The number of the running thread.
pub(crate) fn me() -> usize {
    shuttle::current::me().into()
}

/// The number of a thread.
pub(crate) fn number(thread: &Thread) -> usize {
    thread.id().into()
}

/// Runs the body of a model on a thread of its own, whose thread-locals are destroyed when it ends.
pub(crate) fn run(body: &Arc<dyn Fn() + Send + Sync>) {
    let body = Arc::clone(body);
    spawn(move || body()).join().expect("the model's thread panicked");
}

/// The value of an atomic.
#[repr(C)]
pub(crate) struct Stored<T> {
    value: Cell<T>,
    /// The initial value, with which an atomic in a `static` starts each execution.
    first: Cell<T>,
}

impl<T: Value> Stored<T> {
    pub(crate) const fn new(value: T) -> Self {
        Stored { value: Cell::new(value), first: Cell::new(value) }
    }

    /// Starts afresh in another execution.
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
