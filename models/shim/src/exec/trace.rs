//! The trace of an execution: its last steps, and how long the running thread has taken steps alone.

use std::cell::{Cell, RefCell};
use std::panic::Location;

/// The source location, in the instrumented crate, of the call of a primitive.
pub(crate) type CallSite = &'static Location<'static>;

/// The number of last steps that the trace keeps.
const MAX_STEPS: usize = 400;

/// The number of steps that a thread may take while no other takes one; then it has to yield. Some loops wait
/// without a hint, and a system's scheduler starves no thread for ever. No thread of the models reaches this
/// without waiting.
const MAX_STEPS_ALONE: usize = 200;

#[derive(Clone, Copy, Debug, Default)]
struct Turns {
    /// The thread that took the last step.
    last: usize,
    /// The number of steps that were taken by another thread than the step before.
    turns: usize,
    /// The number of steps that `last` has taken since it last had to yield or its turn began.
    alone: usize,
}

/// A thread, what it did, and where.
pub(crate) type Step = (usize, &'static str, CallSite);

thread_local! {
    static TURNS: Cell<Turns> = const { Cell::new(Turns { last: 0, turns: 0, alone: 0 }) };
    /// A ring of the last steps, and the number of all steps.
    static STEPS: RefCell<(Vec<Step>, usize)> = const { RefCell::new((Vec::new(), 0)) };
}

/// Starts the trace of a new execution. Called before the quarantine is on: the trace is not the model's
/// memory.
pub(crate) fn begin() {
    STEPS.with_borrow_mut(|(steps, taken)| {
        steps.clear();
        steps.reserve(MAX_STEPS);
        *taken = 0;
    });
    TURNS.set(Turns::default());
}

/// Adds a step of the thread `me`.
pub(crate) fn record(me: usize, what: &'static str, site: CallSite) {
    let Turns { last, turns, alone } = TURNS.get();
    TURNS.set(match last == me {
        true => Turns { last, turns, alone: alone + 1 },
        false => Turns { last: me, turns: turns + 1, alone: 1 },
    });
    let step = (me, what, site);
    STEPS.with_borrow_mut(|(steps, taken)| {
        if steps.len() < MAX_STEPS {
            steps.push(step);
        } else {
            steps[*taken % MAX_STEPS] = step;
        }
        *taken += 1;
    });
}

/// The number of steps that were taken by another thread than the step before.
#[cfg(loom)]
pub(crate) fn turns() -> usize {
    TURNS.get().turns
}

/// Whether the running thread has taken [`MAX_STEPS_ALONE`] steps alone and has to yield. The count then
/// starts again. `me` is called only if the count is reached: under loom it is expensive.
pub(crate) fn has_to_yield(me: impl FnOnce() -> usize) -> bool {
    let turns = TURNS.get();
    let yields = turns.alone >= MAX_STEPS_ALONE && turns.last == me();
    if yields {
        TURNS.set(Turns { alone: 0, ..turns });
    }
    yields
}

/// A number below `count`, for a crate that draws random numbers. It depends on the scheduler's choices
/// alone, so a replay draws the same.
///
/// # Panics
///
/// When `count` is 0.
pub fn draw(count: usize) -> usize {
    STEPS.with_borrow(|(_, taken)| taken % count)
}

/// The last steps of this execution in their order: the thread, the step, and its call site in the crate.
pub fn schedule() -> Vec<Step> {
    STEPS.with_borrow(|(steps, taken)| {
        let first = if *taken > MAX_STEPS { *taken % MAX_STEPS } else { 0 };
        steps[first..].iter().chain(&steps[..first]).copied().collect()
    })
}
