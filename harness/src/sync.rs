//! The synchronisation that chanlab's own code is written on: the real primitives, loom's when built with `--cfg loom`, or
//! shuttle's when built with `--cfg shuttle`.
//!
//! The baseline channel and the coordination of the workloads use nothing else, so that the code that is measured is, line for
//! line, the code that is model-checked. `real.rs` is what everything is measured with; `modelled.rs` is what loom and shuttle have
//! in common, `exhaustive.rs` explores with loom and `random.rs` with shuttle.
//!
//! Three things differ from a bare re-export:
//!
//! - A lock has no poison. No user code runs while the baseline holds a lock, so a poisoned lock would tell nothing.
//! - Time is a [`Deadline`]. Neither loom nor shuttle has a clock: a timed wait of theirs never times out. There the deadline of
//!   a wait is a thread of its own that fires at *any* moment, so that the races between a timeout and a notification are
//!   explored like all others.
//! - [`explore`] runs a model: every schedule within bounds under loom, random ones under shuttle, and a short stress on real
//!   threads otherwise. [`schedule`] and [`choices`] tell of the execution that failed, and [`reached`] how far it had come.

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
pub use self::exhaustive::{EXPLORER, choices, explore, reached};
#[cfg(any(loom, shuttle))]
pub use self::modelled::*;
#[cfg(shuttle)]
pub use self::random::{EXPLORER, choices, explore, reached};
#[cfg(not(any(loom, shuttle)))]
pub use self::real::*;
use crate::shard::Shard;

/// What runs a model.
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
    /// Loom: preemptions explored in one execution at most; `None` explores every schedule.
    pub preemptions: Option<usize>,
    /// Loom: scheduling points of one execution at most; an execution that needs more fails the model.
    pub branches: usize,
    /// Shuttle: schedules tried.
    pub schedules: u64,
    /// Shuttle: changes of priority in a schedule of PCT, and one.
    pub depth: usize,
}

/// What is explored of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How far.
    pub bounds: Bounds,
    /// Shuttle: decides all schedules.
    pub seed: u64,
    /// Shuttle: which of the schedules.
    pub shard: Shard,
    /// Shuttle: this one schedule, as [`choices`] told it, and no other.
    pub replay: Option<String>,
    /// Loom: for at most so long, first the schedules of few preemptions and then those of more.
    pub time: Option<Duration>,
}

/// What of its plan an exploration did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// All of it.
    Plan,
    /// Of loom's schedules all of so many preemptions at most, and some others.
    Preemptions(usize),
    /// Some of it.
    Part,
}

/// How far an exploration went that found nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explored {
    /// Executions.
    pub executions: u64,
    /// Whether these were all that there are.
    pub exhausted: bool,
}
