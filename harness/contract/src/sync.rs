//! The synchronisation that chanlab's own code is written on: the real primitives, loom's when built with
//! `--cfg loom`, or shuttle's when built with `--cfg shuttle`.
//!
//! The baseline channel and the coordination of the workloads use nothing else, so the code that is measured
//! is, line for line, the code that is explored. `real.rs` has the primitives that everything is measured
//! with; `modelled.rs` has what loom and shuttle share; `exhaustive.rs` explores with loom and `random.rs`
//! with shuttle.
//!
//! Three things differ from a bare re-export:
//!
//! - A lock has no poison. No user code runs while the baseline holds a lock, so a poisoned lock would say
//!   nothing.
//! - Time is a [`Deadline`]. Neither loom nor shuttle has a clock: a timed wait of theirs never times out.
//!   There the deadline of a wait is a thread that fires at *any* moment, so the races between a timeout and
//!   a notification are explored like all others.
//! - [`explore`] runs a model: every schedule within bounds under loom, random ones under shuttle, and a
//!   short stress on real threads otherwise. [`schedule`] and [`choices`] describe the execution that failed,
//!   and [`reached`] how far the exploration has come. An [`Observer`] sees them from another thread.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

#[cfg(loom)]
mod exhaustive;
#[cfg(any(loom, shuttle))]
mod modelled;
#[cfg(shuttle)]
mod random;
#[cfg(not(any(loom, shuttle)))]
mod real;

#[cfg(all(loom, shuttle))]
compile_error!("a build explores with loom or with shuttle: give one of --cfg loom and --cfg shuttle");

#[cfg(loom)]
pub use self::exhaustive::{EXPLORER, choices, explore, reached, repeats};
#[cfg(any(loom, shuttle))]
pub use self::modelled::*;
#[cfg(shuttle)]
pub use self::random::{EXPLORER, choices, explore, reached, repeats};
#[cfg(not(any(loom, shuttle)))]
pub use self::real::*;
use crate::shard::Shard;

/// The explorer of a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Explorer {
    /// The system's threads: nothing is explored systematically.
    Threads,
    /// Loom: every schedule, weak memory included.
    Loom,
    /// Shuttle: random and PCT schedules.
    Shuttle,
}

impl Explorer {
    /// Its name in records.
    pub const fn name(self) -> &'static str {
        match self {
            Explorer::Threads => "threads",
            Explorer::Loom => "loom",
            Explorer::Shuttle => "shuttle",
        }
    }
}

/// Whether [`explore`] decides the schedules in this build.
pub const EXPLORES: bool = !matches!(EXPLORER, Explorer::Threads);

/// The bounds of a model's exploration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Loom: the maximum number of preemptions in one execution; `None` explores every schedule.
    pub preemptions: Option<usize>,
    /// Loom: the maximum number of scheduling points in one execution; loom panics in an execution that needs
    /// more.
    pub branches: usize,
    /// Shuttle: the number of schedules.
    pub schedules: u64,
    /// Shuttle: the depth of a PCT schedule, which is one more than its changes of priority.
    pub depth: usize,
}

/// The plan of a model's exploration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplorationPlan {
    /// The bounds.
    pub bounds: Bounds,
    /// Shuttle: the seed of all schedules.
    pub seed: u64,
    /// Shuttle: the shard of the schedules.
    pub shard: Shard,
    /// Shuttle: this one schedule, as [`choices`] returned it, and no other.
    pub replay: Option<String>,
    /// Loom: the time limit, within which the schedules of few preemptions are explored before those of more.
    pub time: Option<Duration>,
}

/// The part of its plan that an exploration has completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// All of it.
    Plan,
    /// Loom: every schedule of at most this many preemptions, and some others.
    Preemptions(usize),
    /// Some of it.
    Part,
}

/// An exploration that found no failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explored {
    /// Executions.
    pub executions: u64,
    /// Whether these were all executions that the model has.
    pub exhausted: bool,
}

/// The same choices of the explorer have led to another execution: the code decides by something that the
/// explorer does not control, or it is not the code that the choices are from. An execution that notices it
/// panics with this as its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diverged {
    /// The number of the first choice that does not fit, from 1.
    pub choice: u64,
    /// How the two executions differ there, in words.
    pub what: String,
}

impl fmt::Display for Diverged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at choice {}, {}", self.choice, self.what)
    }
}

/// A step of a modelled thread: a lock, a wait or a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The number of the thread: shuttle's own, or the order of first steps under loom.
    pub thread: usize,
    /// The step, as a verb in the third person.
    pub what: &'static str,
    /// Its place in the source.
    pub place: &'static Location<'static>,
}
