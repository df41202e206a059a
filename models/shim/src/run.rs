//! One execution of a model: what it begins with, which steps it takes, and what it must not leave behind.
//!
//! All threads of a model run on the thread that explores it, so all of this is thread-local, and plain.

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::sync::Arc;

use crate::explorer::Place;
use crate::life::Life;
pub use crate::tasks::TimedWaits;
use crate::{explorer, looks, memory, tasks, thread, time};

/// The payload of the panic in an execution that needs more primitives than the explorer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyPrimitives;

/// So many of the last steps are told.
const STEPS_TOLD: usize = 400;

/// A thread that took so many steps while nobody else took one lets others run: some loops wait without saying so, and a system's scheduler
/// lets nobody wait for ever. More than a thread of the models takes that does not wait.
const MOST_ALONE: usize = 200;

/// Whose steps there were.
#[derive(Clone, Copy, Debug, Default)]
struct Turns {
    /// The thread that took the last step.
    last: usize,
    /// How often that was another than before.
    turns: usize,
    /// How many steps it took since.
    alone: usize,
}

/// What a thread did, and where.
type Step = (usize, &'static str, &'static Location<'static>);

/// A primitive of this execution, and where it was used first.
type Used = (*const Life, &'static Location<'static>);

thread_local! {
    static NUMBER: Cell<u64> = const { Cell::new(0) };
    static TURNS: Cell<Turns> = const { Cell::new(Turns { last: 0, turns: 0, alone: 0 }) };
    static STEPS: RefCell<(Vec<Step>, usize)> = const { RefCell::new((Vec::new(), 0)) };
    /// What atomic pointers were given, and where.
    static PUBLISHED: RefCell<Vec<(usize, &'static Location<'static>)>> = const { RefCell::new(Vec::new()) };
    static USED: RefCell<Vec<Used>> = const { RefCell::new(Vec::new()) };
}

/// Runs one execution of `model`, under shuttle on a thread of its own, and looks at what it left behind.
///
/// Called from the model's first thread, once for each execution. What the model leaves to its threads' locals is gone when their
/// threads have ended: so it has to join them, and is itself a thread. Loom has too few for that: there nothing is said of leaks.
///
/// # Panics
///
/// When the model does, or when it freed memory twice, or left memory with a primitive in it or that an atomic pointer was given.
pub fn execution(model: &Arc<dyn Fn() + Send + Sync>) {
    NUMBER.set(NUMBER.get() + 1);
    STEPS.with_borrow_mut(|(steps, taken)| {
        steps.clear();
        // Before anything is watched: the steps are not the model's memory.
        steps.reserve(STEPS_TOLD);
        *taken = 0;
    });
    USED.with_borrow_mut(Vec::clear);
    PUBLISHED.with_borrow_mut(Vec::clear);
    TURNS.set(Turns::default());
    explorer::begin();
    tasks::begin();
    thread::begin();
    time::begin();
    looks::begin();
    memory::begin();
    explorer::run(model);
    looks::end();
    let left = explorer::SEES_LEAKS.then(left_behind).flatten();
    memory::end();
    if let Some(place) = left {
        panic!("memory is left that nobody frees: it was first used, or given to others, at {place}");
    }
}

/// The number of the current execution.
pub(crate) fn number() -> u64 {
    NUMBER.get()
}

/// Where memory of this execution that nobody freed was used first, by a primitive in it, or given to an atomic pointer.
fn left_behind() -> Option<&'static Location<'static>> {
    let blocks = memory::live_blocks();
    let holds = |address: usize| {
        let after = blocks.partition_point(|block| block.start <= address);
        after > 0 && blocks[after - 1].contains(&address)
    };
    USED.with_borrow(|used| {
        let is_left = |life: *const Life| {
            // SAFETY: the pointer must be to a `Life`. It lies in a block that was not freed; since it was one at its first use, it is
            // one still, or was dropped and holds what a dropped one does, or the place was written over with other plain bytes.
            holds(life.addr()) && unsafe { &*life }.is_live(number())
        };
        used.iter().find(|(life, _)| is_left(*life)).map(|&(_, place)| place)
    })
    .or_else(|| {
        PUBLISHED.with_borrow(|published| {
            published.iter().find(|(address, _)| holds(*address)).map(|&(_, place)| place)
        })
    })
}

/// Notes that an atomic pointer was given an address, for other threads to find.
pub(crate) fn published(address: Option<usize>, place: &'static Location<'static>) {
    if let Some(address) = address {
        memory::unwatched(|| PUBLISHED.with_borrow_mut(|published| published.push((address, place))));
    }
}

/// How the waits with a deadline ended, of all executions of this thread so far.
pub fn timed_waits() -> TimedWaits {
    tasks::timed_waits()
}

/// Notes the first use of a primitive in this execution.
pub(crate) fn first_use(life: *const Life, place: &'static Location<'static>) {
    memory::unwatched(|| USED.with_borrow_mut(|used| used.push((life, place))));
}

/// Lets other threads run, and then notes a step of this one, which is one of the primitive `on`.
pub(crate) fn step(on: impl Into<Place>, what: &'static str, place: &'static Location<'static>) {
    memory::assert_sound();
    explorer::step(on.into());
    note(what, place);
}

/// Notes a step.
pub(crate) fn note(what: &'static str, place: &'static Location<'static>) {
    let me = explorer::me();
    explorer::acted(me);
    let Turns { last, turns, alone } = TURNS.get();
    TURNS.set(match last == me {
        true => Turns { last, turns, alone: alone + 1 },
        false => Turns { last: me, turns: turns + 1, alone: 1 },
    });
    let step = (me, what, place);
    STEPS.with_borrow_mut(|(steps, taken)| {
        if steps.len() < STEPS_TOLD {
            steps.push(step);
        } else {
            steps[*taken % STEPS_TOLD] = step;
        }
        *taken += 1;
    });
}

/// How often another thread than the one before took a step.
#[cfg(loom)]
pub(crate) fn turns() -> usize {
    TURNS.get().turns
}

/// Whether the thread that runs has taken so many steps alone that it has to let others run. It is told so once.
pub(crate) fn is_to_yield() -> bool {
    let turns = TURNS.get();
    let yields = turns.alone >= MOST_ALONE && turns.last == explorer::me();
    if yields {
        TURNS.set(Turns { alone: 0, ..turns });
    }
    yields
}

/// A number below `count`, for what a crate draws at random: the scheduler's choices decide it, so a replay has the same.
///
/// # Panics
///
/// When `count` is 0.
pub fn draw(count: usize) -> usize {
    STEPS.with_borrow(|(_, taken)| taken % count)
}

/// The last steps of this execution, in order: the thread, the step, and its place in the crate.
pub fn schedule() -> Vec<(usize, &'static str, &'static Location<'static>)> {
    STEPS.with_borrow(|(steps, taken)| {
        let first = if *taken > STEPS_TOLD { *taken % STEPS_TOLD } else { 0 };
        steps[first..].iter().chain(&steps[..first]).copied().collect()
    })
}
