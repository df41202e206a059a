//! The trace of an execution: its last steps, and how long the running thread has taken steps alone.

use std::cell::Cell;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
pub type Step = (usize, &'static str, &'static Location<'static>);

/// The steps of a thread that explores, which an observer on another thread sees. Only the former writes.
#[derive(Debug, Default)]
struct Trace {
    ring: Mutex<Ring>,
    /// The number of steps in all executions.
    progress: AtomicU64,
}

/// A ring of the last steps of an execution, and the number of all of its steps.
#[derive(Debug, Default)]
struct Ring {
    steps: Vec<Step>,
    taken: usize,
}

thread_local! {
    static TURNS: Cell<Turns> = const { Cell::new(Turns { last: 0, turns: 0, alone: 0 }) };
    static TRACE: Arc<Trace> = Arc::default();
}

impl Trace {
    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn in_order(&self) -> Vec<Step> {
        let first = if self.taken > MAX_STEPS { self.taken % MAX_STEPS } else { 0 };
        self.steps[first..].iter().chain(&self.steps[..first]).copied().collect()
    }
}

/// Sees from another thread what a thread explores.
#[derive(Clone, Debug)]
pub struct Observer(Arc<Trace>);

impl Observer {
    /// An observer of the calling thread.
    pub fn here() -> Self {
        Observer(TRACE.with(Arc::clone))
    }

    /// A number that changes with each step.
    pub fn progress(&self) -> u64 {
        self.0.progress.load(Ordering::Relaxed)
    }

    /// As [`schedule`].
    pub fn schedule(&self) -> Vec<Step> {
        self.0.ring().in_order()
    }
}

/// Starts the trace of a new execution. Called before the quarantine is on: the trace is not the model's
/// memory.
pub(crate) fn begin() {
    TRACE.with(|trace| {
        let mut ring = trace.ring();
        ring.steps.clear();
        ring.steps.reserve(MAX_STEPS);
        ring.taken = 0;
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
    TRACE.with(|trace| {
        // Relaxed, and not one addition: no other thread writes, and an observer waits for any change.
        trace.progress.store(trace.progress.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        let mut ring = trace.ring();
        let place = ring.taken % MAX_STEPS;
        if ring.steps.len() < MAX_STEPS {
            ring.steps.push(step);
        } else {
            ring.steps[place] = step;
        }
        ring.taken += 1;
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
    TRACE.with(|trace| trace.ring().taken % count)
}

/// The last steps of this execution in their order: the thread, the step, and its call site in the crate.
pub fn schedule() -> Vec<Step> {
    TRACE.with(|trace| trace.ring().in_order())
}
