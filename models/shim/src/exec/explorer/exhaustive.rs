//! Loom: every order of steps that depend on each other, and every value that a load may return.
//!
//! A primitive has one loom atomic for the length of an execution: an atomic of the crate for its value, any
//! other primitive for the steps that are made of it. Loom's atomics cannot be created where the crate
//! creates the primitive. That may be a `const`, or zeroed memory; and loom takes the creation of an atomic
//! to happen before each of its uses, which would be a false alarm or a false order. Therefore [`begin`]
//! creates all of them before the first thread starts, and a primitive claims one at its first use. The loom
//! atomic holds the difference between the value and the primitive's initial value. It starts at 0 whatever
//! that is, and every thread may see that.
//!
//! # Orderings
//!
//! They are passed on as given, except for `SeqCst`, which loom treats as `AcqRel`: correct programs would
//! fail. Here a `SeqCst` load is a load of the newest value, and a `SeqCst` store is an exchange. Together
//! they give sequential consistency among accesses that are all `SeqCst`. A `SeqCst` load never returns an
//! older value that a weaker store wrote, which a real one might. Fences are loom's: a `SeqCst` fence is
//! ordered with other such fences, and not with `SeqCst` accesses. A correct crate that relies on both
//! together may fail (crossfire's array queue would, if its receivers did not spin before they wait).

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ::loom::MAX_THREADS;
use ::loom::sync::atomic::AtomicU64;
pub use ::loom::thread::ThreadId;
pub(crate) use ::loom::thread::{Builder, JoinHandle, Thread, current, park, spawn, yield_now};

use super::operations::{Common, Native, Value};
use crate::exec::limit::Limit;
use crate::exec::{quarantine, trace};

/// Whether leaks can be found at the end of an execution. The model runs on loom's first thread, whose
/// thread-locals outlive the model.
pub(crate) const SEES_LEAKS: bool = false;

/// The number of loom atomics in an execution: those of [`Common`], and 128 for primitives. Each costs time
/// in each execution.
const ATOMICS: usize = FIRST_FREE + 128;

/// The index that means "no atomic claimed", as in zeroed memory. It is the index of the clock, which no
/// primitive has.
const NONE: usize = 0;

/// The first index that a primitive may claim.
const FIRST_FREE: usize = 1 + 2 * MAX_THREADS;

/// The number of rounds without a change after which a spinning thread has seen the newest values: what a
/// load returns may be old, and each round returns something newer.
const MAX_LAPS: usize = 7;

/// A difference far from all values of a primitive. Comparing with it reveals the newest value; if it should
/// be the value, the exchange changes nothing.
const NO_VALUE: u64 = 0x5EED_0FF5_E7AB_5E1F;

thread_local! {
    static ATOMIC: RefCell<Rc<Vec<AtomicU64>>> = RefCell::new(Rc::new(Vec::new()));
    /// The next index to claim.
    static NEXT: Cell<usize> = const { Cell::new(0) };
    /// The numbers of the threads of this execution.
    static NUMBERS: RefCell<Vec<(ThreadId, usize)>> = const { RefCell::new(Vec::new()) };
    /// The number of changes, by index of the atomic.
    static CHANGES: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    /// Whether exploration is paused: a spinning thread yielded, and which thread runs now is no choice to
    /// explore.
    static PAUSES: Cell<bool> = const { Cell::new(false) };
    /// By thread.
    static SPINNING: RefCell<[Spinning; MAX_THREADS]> = RefCell::default();
    /// The thread that last polled the clock, and the number of turns at that time.
    static LAST_POLL: Cell<(usize, usize)> = const { Cell::new((usize::MAX, 0)) };
}

/// A primitive that is not an atomic.
#[derive(Debug)]
pub(crate) struct Object(Cell<usize>);

/// The location of a step: the index of a loom atomic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Location(usize);

impl Object {
    pub(crate) const fn new() -> Self {
        Object(Cell::new(NONE))
    }

    pub(crate) fn location(&self) -> Location {
        Location(claim(&self.0))
    }

    /// Starts afresh in another execution.
    pub(crate) fn renew(&self) {
        self.0.set(NONE);
    }
}

impl From<Common> for Location {
    fn from(common: Common) -> Self {
        Location(match common {
            Common::Clock => NONE,
            Common::Parker(thread) => 1 + 2 * thread,
            Common::Wait(thread) => 2 + 2 * thread,
        })
    }
}

/// Starts an execution, on its first thread and before all others.
pub(crate) fn begin() {
    ATOMIC.set(Rc::new((0..ATOMICS).map(|_| AtomicU64::new(0)).collect()));
    NEXT.set(FIRST_FREE);
    LAST_POLL.set((usize::MAX, 0));
    NUMBERS.with_borrow_mut(Vec::clear);
    SPINNING.set(Default::default());
    CHANGES.set(vec![0; ATOMICS]);
    PAUSES.set(false);
}

/// The index of a primitive's atomic, which it claims if it has none.
fn claim(index: &Cell<usize>) -> usize {
    if index.get() == NONE {
        let next = NEXT.get();
        if next >= ATOMICS {
            std::panic::panic_any(Limit::Primitives { max: ATOMICS - FIRST_FREE });
        }
        NEXT.set(next + 1);
        index.set(next);
    }
    index.get()
}

/// Runs `then` on the atomic of an index. Other threads may run meanwhile, so nothing stays borrowed.
fn with<R>(index: usize, then: impl FnOnce(&AtomicU64) -> R) -> R {
    resume();
    if trace::has_to_yield(me) {
        yield_now();
    }
    let atomics = ATOMIC.with_borrow(Rc::clone);
    then(&atomics[index])
}

/// A step that may come before or after every other at the same location, and that synchronises with later
/// ones.
pub(crate) fn step(location: Location) {
    depends(location, Ordering::AcqRel);
}

/// Does nothing: an access of an atomic is itself a step.
pub(crate) fn before_access() {}

/// A step that may come before or after every other at the same location. With `Relaxed` it creates no
/// happens-before edge.
pub(crate) fn depends(location: Location, ordering: Ordering) {
    with(location.0, |atomic| atomic.swap(0, ordering));
    observed(location);
}

/// A poll of the clock. A thread that polls again while no other has taken a step yields: it may be waiting
/// for the moment.
pub(crate) fn poll_clock() {
    let now = (me(), trace::turns());
    if LAST_POLL.replace(now) == now {
        yield_now();
    }
}

/// The state of a thread that may be spinning.
#[derive(Debug, Default)]
struct Spinning {
    /// The indices that it has observed since it last yielded, each with the number of changes at that time.
    observed: Vec<(usize, u64)>,
    /// The number of times in a row that it has yielded without a change.
    laps: usize,
    /// Whether it has taken no step since its last hint.
    hinted: bool,
}

/// Lets others run.
///
/// Two spinning threads could yield to each other for ever while a third waits that would end their loops,
/// and loom tries that. Therefore the thread that runs next is not a choice to explore when this thread has
/// yielded before and nothing that it observes has changed since: it is the thread that has yielded least.
/// After [`MAX_LAPS`] such yields a thread goes on only after a change.
pub(crate) fn spin() {
    let me = me();
    let has_changed = || {
        CHANGES.with_borrow(|changes| {
            SPINNING.with_borrow(|all| all[me].observed.iter().any(|&(index, seen)| changes[index] != seen))
        })
    };
    let is_new = has_changed();
    let laps = SPINNING.with_borrow_mut(|all| {
        let own = &mut all[me];
        own.laps = if is_new || own.observed.is_empty() { 0 } else { own.laps + 1 };
        own.laps
    });
    if laps <= 1 {
        yield_now();
    } else {
        pause();
    }
    while laps > MAX_LAPS && !has_changed() {
        pause();
    }
    SPINNING.with_borrow_mut(|all| all[me].observed.clear());
}

/// Yields without exploring which thread runs next. That thread explores again from its next step on.
fn pause() {
    if !PAUSES.replace(true) {
        ::loom::stop_exploring();
    }
    yield_now();
    resume();
}

fn resume() {
    if PAUSES.replace(false) {
        ::loom::explore();
    }
}

/// As [`spin`], unless this thread has taken no step since its last hint.
pub(crate) fn spin_hint() {
    let me = me();
    if !SPINNING.with_borrow_mut(|all| std::mem::replace(&mut all[me].hinted, true)) {
        spin();
    }
}

/// A thread takes a step.
pub(crate) fn acted(thread: usize) {
    SPINNING.with_borrow_mut(|all| all[thread].hinted = false);
}

/// The state at a location has changed.
pub(crate) fn changed(location: Location) {
    CHANGES.with_borrow_mut(|changes| changes[location.0] += 1);
}

/// The running thread has observed a location, and changed nothing there.
fn observed(location: Location) {
    let (me, changes) = (me(), CHANGES.with_borrow(|changes| changes[location.0]));
    quarantine::unwatched(|| {
        SPINNING.with_borrow_mut(|all| {
            match all[me].observed.iter_mut().find(|(known, _)| *known == location.0) {
                Some((_, seen)) => *seen = changes,
                None => all[me].observed.push((location.0, changes)),
            }
        });
    });
}

pub(crate) fn fence(ordering: Ordering) {
    ::loom::sync::atomic::fence(ordering);
}

/// The number of the running thread, as loom reports it in a deadlock.
pub(crate) fn me() -> usize {
    number(&current())
}

/// The number of a thread.
pub(crate) fn number(thread: &Thread) -> usize {
    let id = thread.id();
    let known =
        NUMBERS.with_borrow(|numbers| numbers.iter().find(|(known, _)| *known == id).map(|known| known.1));
    known.unwrap_or_else(|| {
        quarantine::unwatched(|| {
            // Loom exposes the number in the debug text alone.
            let text = format!("{id:?}");
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            let number = digits.parse().expect("the debug text of loom's ThreadId has a number");
            NUMBERS.with_borrow_mut(|numbers| numbers.push((id, number)));
            number
        })
    })
}

/// Runs the body of a model on the present thread: loom has too few for another.
pub(crate) fn run(body: &Arc<dyn Fn() + Send + Sync>) {
    body();
}

/// The value of an atomic: the loom atomic holds its difference from the initial value.
#[repr(C)]
pub(crate) struct Stored<T> {
    index: Cell<usize>,
    /// The initial value in each execution.
    first: Cell<T>,
}

impl<T: Value> Stored<T> {
    pub(crate) const fn new(value: T) -> Self {
        Stored { index: Cell::new(NONE), first: Cell::new(value) }
    }

    /// Starts afresh in another execution.
    pub(crate) fn renew(&self) {
        self.index.set(NONE);
    }

    /// Runs `then` on the loom atomic; it returns a result, and whether it changed the value. Other threads
    /// run before it and may drop the primitive, so the primitive is read before and not after.
    fn access<R>(&self, then: impl FnOnce(&AtomicU64, Coding) -> (R, bool)) -> R {
        let (index, coding) = (claim(&self.index), Coding { first: self.first.get().bits() });
        let (result, has_changed) = with(index, |atomic| then(atomic, coding));
        match has_changed {
            true => changed(Location(index)),
            false => observed(Location(index)),
        }
        result
    }

    pub(crate) fn load(&self, ordering: Ordering) -> T {
        match ordering {
            Ordering::SeqCst => self.newest_by(Ordering::Acquire),
            _ => self.access(|atomic, coding| (coding.value(atomic.load(ordering)), false)),
        }
    }

    pub(crate) fn store(&self, value: T, ordering: Ordering) {
        match ordering {
            Ordering::SeqCst => {
                self.swap(value, Ordering::Release);
            }
            _ => self.access(|atomic, coding| (atomic.store(coding.code(value), ordering), true)),
        }
    }

    pub(crate) fn swap(&self, value: T, ordering: Ordering) -> T {
        self.access(|atomic, coding| {
            let new = coding.code(value);
            let old = atomic.swap(new, without_seq_cst(ordering));
            (coding.value(old), old != new)
        })
    }

    pub(crate) fn compare_exchange(
        &self,
        current: T,
        new: T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<T, T> {
        let failure = if failure == Ordering::SeqCst { Ordering::Acquire } else { failure };
        self.access(|atomic, coding| {
            let (current, new) = (coding.code(current), coding.code(new));
            let found = atomic.compare_exchange(current, new, without_seq_cst(success), failure);
            let value = found.map(|old| coding.value(old)).map_err(|found| coding.value(found));
            (value, found.is_ok() && current != new)
        })
    }

    /// Loom has single operations for some changes; the bitwise ones need the value itself, not a difference.
    /// All others are loops.
    pub(crate) fn change(&self, native: Native, to: impl Fn(T) -> T, ordering: Ordering) -> T {
        let ordering = without_seq_cst(ordering);
        self.access(|atomic, coding| {
            let old = match native {
                Native::Add(by) if T::IS_WIDE => atomic.fetch_add(by, ordering),
                Native::And(with) if coding.first == 0 => atomic.fetch_and(with, ordering),
                Native::Or(with) if coding.first == 0 => atomic.fetch_or(with, ordering),
                Native::Xor(with) if coding.first == 0 => atomic.fetch_xor(with, ordering),
                _ => {
                    let mut found = newest(atomic, Ordering::Relaxed);
                    loop {
                        let new = coding.code(to(coding.value(found)));
                        match atomic.compare_exchange(found, new, ordering, Ordering::Relaxed) {
                            Ok(old) => break old,
                            Err(other) => found = other,
                        }
                    }
                }
            };
            let value = coding.value(old);
            (value, coding.code(to(value)) != old)
        })
    }

    /// The value that was stored last, for a caller with exclusive access.
    pub(crate) fn newest(&self) -> T {
        self.newest_by(Ordering::Relaxed)
    }

    fn newest_by(&self, ordering: Ordering) -> T {
        self.access(|atomic, coding| (coding.value(newest(atomic, ordering)), false))
    }

    /// The value. The atomic starts afresh with what the caller makes of it: no other thread can have seen
    /// another.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        if self.index.get() != NONE {
            self.first.set(self.newest());
            self.renew();
        }
        self.first.get_mut()
    }
}

/// The value that was stored last, from a compare-exchange that fails.
fn newest(atomic: &AtomicU64, ordering: Ordering) -> u64 {
    match atomic.compare_exchange(NO_VALUE, NO_VALUE, ordering, ordering) {
        Ok(found) | Err(found) => found,
    }
}

/// The ordering that loom is given for `ordering`.
fn without_seq_cst(ordering: Ordering) -> Ordering {
    if ordering == Ordering::SeqCst { Ordering::AcqRel } else { ordering }
}

/// The representation of a value as its difference from `first`.
#[derive(Clone, Copy)]
struct Coding {
    first: u64,
}

impl Coding {
    fn code(self, value: impl Value) -> u64 {
        value.bits().wrapping_sub(self.first)
    }

    fn value<T: Value>(self, code: u64) -> T {
        T::from_bits(code.wrapping_add(self.first))
    }
}
