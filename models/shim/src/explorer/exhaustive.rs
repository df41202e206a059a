//! Loom: every order of the steps that depend on each other, and every value that an atomic may show.
//!
//! A primitive has an atomic of loom's for as long as the execution: an atomic of the crate for its value, any other for the steps that are
//! made of it. They cannot be made where the crate makes the primitive: that may be a `const`, or zeroed memory, and loom holds that
//! whoever uses an atomic comes after its making, which would either be a false alarm or a false order. So all are there before the first thread starts
//! ([`begin`]), and a primitive takes one when it is first used. Loom's atomic holds how far the value is from the primitive's first
//! one, so it begins with 0 whatever that is, and everybody may see that.
//!
//! # Orderings
//!
//! As they are given, but for `SeqCst`, which loom takes for `AcqRel`: with it, programs that are right would fail. Here a load so ordered
//! is one of the newest value, and a store an exchange; both are what sequential consistency makes of them among accesses that are all so
//! ordered. A load so ordered never shows an older value that another ordering wrote, which it might. Fences are loom's: one that is `SeqCst` is
//! ordered with other such fences, and not with accesses that are so ordered, so that a crate that relies on both together may fail though it is right
//! (crossfire's array queue would, if its receivers did not spin before they wait).

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ::loom::MAX_THREADS;
use ::loom::sync::atomic::AtomicU64;
pub use ::loom::thread::{AccessError, Builder, JoinHandle, LocalKey, ThreadId, spawn};
pub(crate) use ::loom::thread::{Thread, current, park, yield_now};

use super::{Common, Native, Value};
use crate::{memory, run};

/// The model runs on loom's first thread, which keeps what it has for itself past the end of the model.
pub(crate) const SEES_LEAKS: bool = false;

/// Loom's atomics of an execution: those of [`Common`], and so many primitives. Each costs some time in each execution.
const ATOMICS: usize = FIRST_FREE + 128;

/// The place that stands for none, as in zeroed memory; here also that of the clock, which no primitive has.
const NONE: usize = 0;

/// The first place that a primitive may have.
const FIRST_FREE: usize = 1 + 2 * MAX_THREADS;

/// So often a thread that spins may look without a change: what it sees may be old, and each look shows something newer.
const LAPS: usize = 7;

/// How far from all values of a primitive one is that is compared with to see the newest value: if it should be there, nothing changes.
const NO_VALUE: u64 = 0x5EED_0FF5_E7AB_5E1F;

thread_local! {
    static ATOMIC: RefCell<Rc<Vec<AtomicU64>>> = RefCell::new(Rc::new(Vec::new()));
    static TAKEN: Cell<usize> = const { Cell::new(0) };
    /// The numbers of the threads of this execution.
    static NUMBERS: RefCell<Vec<(ThreadId, usize)>> = const { RefCell::new(Vec::new()) };
    /// How often something has changed, by place.
    static CHANGES: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    /// Whether the thread that runs now was let run by one that spins, and who was no choice.
    static PAUSES: Cell<bool> = const { Cell::new(false) };
    /// By thread.
    static SPINNING: RefCell<[Spinning; MAX_THREADS]> = RefCell::default();
    /// The thread that looked at the clock last, and the turns that had been taken then.
    static LOOKED: Cell<(usize, usize)> = const { Cell::new((usize::MAX, 0)) };
}

/// A primitive that is no atomic.
#[derive(Debug)]
pub(crate) struct Object(Cell<usize>);

/// Where a step is made: which of loom's atomics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place(usize);

impl Object {
    pub(crate) const fn new() -> Self {
        Object(Cell::new(NONE))
    }

    pub(crate) fn place(&self) -> Place {
        Place(taken(&self.0))
    }

    /// Begins anew, in another execution.
    pub(crate) fn renew(&self) {
        self.0.set(NONE);
    }
}

impl From<Common> for Place {
    fn from(common: Common) -> Self {
        Place(match common {
            Common::Clock => NONE,
            Common::Parker(thread) => 1 + 2 * thread,
            Common::Wait(thread) => 2 + 2 * thread,
        })
    }
}

/// Begins an execution, on its first thread and before all others.
pub(crate) fn begin() {
    ATOMIC.set(Rc::new((0..ATOMICS).map(|_| AtomicU64::new(0)).collect()));
    TAKEN.set(FIRST_FREE);
    LOOKED.set((usize::MAX, 0));
    NUMBERS.with_borrow_mut(Vec::clear);
    SPINNING.set(Default::default());
    CHANGES.set(vec![0; ATOMICS]);
    PAUSES.set(false);
}

/// The place of a primitive, which takes one when it has none.
fn taken(place: &Cell<usize>) -> usize {
    if place.get() == NONE {
        let next = TAKEN.get();
        if next >= ATOMICS {
            std::panic::panic_any(run::TooManyPrimitives);
        }
        TAKEN.set(next + 1);
        place.set(next);
    }
    place.get()
}

/// Does something with the atomic of a place. Other threads may run meanwhile, so nothing is borrowed.
fn at<R>(place: usize, then: impl FnOnce(&AtomicU64) -> R) -> R {
    resume();
    if run::is_to_yield() {
        yield_now();
    }
    let atomics = ATOMIC.with_borrow(Rc::clone);
    then(&atomics[place])
}

/// A step that every other of the same place may come before or after, and that it happens before when that comes after.
pub(crate) fn step(place: Place) {
    depends(place, Ordering::AcqRel);
}

/// Nothing: an access of an atomic is a step by itself.
pub(crate) fn before_access() {}

/// A step that every other of the same place may come before or after; with `Relaxed` nothing happens before anything by it.
pub(crate) fn depends(place: Place, ordering: Ordering) {
    at(place.0, |atomic| atomic.swap(0, ordering));
    looked(place);
}

/// A look at the clock. A thread that looks again when nobody else has done anything lets others run: it may be waiting for the moment.
pub(crate) fn look() {
    let now = (me(), run::turns());
    if LOOKED.replace(now) == now {
        yield_now();
    }
}

/// What a thread sees while it spins.
#[derive(Debug, Default)]
struct Spinning {
    /// Where it has looked since it last let others run, and how often something had changed there.
    looked: Vec<(usize, u64)>,
    /// How often it has done that without a change.
    laps: usize,
    /// Whether it has done nothing since it last let others run.
    hinted: bool,
}

/// Lets others run.
///
/// Two threads that spin could let each other run for ever while a third one waits that would end it, and loom tries that. So who runs is no
/// choice to be explored when a thread has looked before and nothing has changed where it did: it is the one that has spun least. A thread that
/// has done so [`LAPS`] times looks again when something has changed there.
pub(crate) fn spin() {
    let me = me();
    let has_changed = || {
        CHANGES.with_borrow(|changes| {
            SPINNING.with_borrow(|all| all[me].looked.iter().any(|&(place, seen)| changes[place] != seen))
        })
    };
    let is_new = has_changed();
    let laps = SPINNING.with_borrow_mut(|all| {
        let own = &mut all[me];
        own.laps = if is_new || own.looked.is_empty() { 0 } else { own.laps + 1 };
        own.laps
    });
    if laps <= 1 {
        yield_now();
    } else {
        pause();
    }
    while laps > LAPS && !has_changed() {
        pause();
    }
    SPINNING.with_borrow_mut(|all| all[me].looked.clear());
}

/// Lets others run, whom is not explored. Whoever it is explores again from its next step on.
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

/// As [`spin`], unless this thread has done nothing since it last did so for the same reason.
pub(crate) fn spin_hint() {
    let me = me();
    if !SPINNING.with_borrow_mut(|all| std::mem::replace(&mut all[me].hinted, true)) {
        spin();
    }
}

/// A thread does something.
pub(crate) fn acted(thread: usize) {
    SPINNING.with_borrow_mut(|all| all[thread].hinted = false);
}

/// Something has changed there.
pub(crate) fn changed(place: Place) {
    CHANGES.with_borrow_mut(|changes| changes[place.0] += 1);
}

/// The thread that runs has looked there, and changed nothing.
fn looked(place: Place) {
    let (me, changes) = (me(), CHANGES.with_borrow(|changes| changes[place.0]));
    memory::unwatched(|| {
        SPINNING.with_borrow_mut(|all| {
            match all[me].looked.iter_mut().find(|(known, _)| *known == place.0) {
                Some((_, seen)) => *seen = changes,
                None => all[me].looked.push((place.0, changes)),
            }
        });
    });
}

pub(crate) fn fence(ordering: Ordering) {
    ::loom::sync::atomic::fence(ordering);
}

/// The number of the thread that runs, as loom tells it in a deadlock.
pub(crate) fn me() -> usize {
    number(&current())
}

/// The number of a thread.
pub(crate) fn number(thread: &Thread) -> usize {
    let id = thread.id();
    let known =
        NUMBERS.with_borrow(|numbers| numbers.iter().find(|(known, _)| *known == id).map(|known| known.1));
    known.unwrap_or_else(|| {
        memory::unwatched(|| {
            // The one thing that loom tells of it.
            let text = format!("{id:?}");
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            let number = digits.parse().expect("loom's threads have numbers");
            NUMBERS.with_borrow_mut(|numbers| numbers.push((id, number)));
            number
        })
    })
}

/// Runs the body of a model. A thread of its own would be one of the few that loom has.
pub(crate) fn run(body: &Arc<dyn Fn() + Send + Sync>) {
    body();
}

/// What an atomic holds: in loom's atomic, by how much it differs from the first value.
#[repr(C)]
pub(crate) struct Stored<T> {
    place: Cell<usize>,
    /// What it begins with, in each execution.
    first: Cell<T>,
}

impl<T: Value> Stored<T> {
    pub(crate) const fn new(value: T) -> Self {
        Stored { place: Cell::new(NONE), first: Cell::new(value) }
    }

    /// Begins anew, in another execution.
    pub(crate) fn renew(&self) {
        self.place.set(NONE);
    }

    /// Does something with loom's atomic, and tells whether that changed it. The primitive may be gone when it is done, as other threads run
    /// before: so it is looked at before.
    fn looks<R>(&self, then: impl FnOnce(&AtomicU64, Coding) -> (R, bool)) -> R {
        let (place, coding) = (taken(&self.place), Coding { first: self.first.get().bits() });
        let (result, has_changed) = at(place, |atomic| then(atomic, coding));
        match has_changed {
            true => changed(Place(place)),
            false => looked(Place(place)),
        }
        result
    }

    pub(crate) fn load(&self, ordering: Ordering) -> T {
        match ordering {
            Ordering::SeqCst => self.newest_by(Ordering::Acquire),
            _ => self.looks(|atomic, coding| (coding.value(atomic.load(ordering)), false)),
        }
    }

    pub(crate) fn store(&self, value: T, ordering: Ordering) {
        match ordering {
            Ordering::SeqCst => {
                self.swap(value, Ordering::Release);
            }
            _ => self.looks(|atomic, coding| (atomic.store(coding.code(value), ordering), true)),
        }
    }

    pub(crate) fn swap(&self, value: T, ordering: Ordering) -> T {
        self.looks(|atomic, coding| {
            let new = coding.code(value);
            let old = atomic.swap(new, weaker(ordering));
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
        self.looks(|atomic, coding| {
            let (current, new) = (coding.code(current), coding.code(new));
            let found = atomic.compare_exchange(current, new, weaker(success), failure);
            let value = found.map(|old| coding.value(old)).map_err(|found| coding.value(found));
            (value, found.is_ok() && current != new)
        })
    }

    /// Loom has what changes a value at once for some changes alone, and those that look at bits need them as they are. Others are loops.
    pub(crate) fn change(&self, native: Native, to: impl Fn(T) -> T, ordering: Ordering) -> T {
        let ordering = weaker(ordering);
        self.looks(|atomic, coding| {
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

    /// What was stored last, for whoever has it alone.
    pub(crate) fn newest(&self) -> T {
        self.newest_by(Ordering::Relaxed)
    }

    fn newest_by(&self, ordering: Ordering) -> T {
        self.looks(|atomic, coding| (coding.value(newest(atomic, ordering)), false))
    }

    /// The value, which begins anew with what is made of it: nobody else is there who could have seen another.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        if self.place.get() != NONE {
            self.first.set(self.newest());
            self.renew();
        }
        self.first.get_mut()
    }
}

/// What was stored last, told by an exchange that does not come about.
fn newest(atomic: &AtomicU64, ordering: Ordering) -> u64 {
    match atomic.compare_exchange(NO_VALUE, NO_VALUE, ordering, ordering) {
        Ok(found) | Err(found) => found,
    }
}

/// What loom is asked for in place of an ordering.
fn weaker(ordering: Ordering) -> Ordering {
    if ordering == Ordering::SeqCst { Ordering::AcqRel } else { ordering }
}

/// How a value is held.
#[derive(Clone, Copy)]
struct Coding {
    first: u64,
}

impl Coding {
    fn code(self, value: impl Value) -> u64 {
        value.bits().wrapping_sub(self.first)
    }

    fn value<T: Value>(self, code: u64) -> T {
        T::of_bits(code.wrapping_add(self.first))
    }
}
