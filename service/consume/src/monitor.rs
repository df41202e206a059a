//! How a consumer goes, for its progress line and its metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use service_core::coordinator::Totals;
use service_core::scheduler::Held;
use service_core::shared::Shared;
use service_log::Message;

/// Shows how a consumer goes, from any thread.
#[derive(Clone, Debug)]
pub struct Monitor {
    shared: Arc<Shared<Message>>,
    partitions: usize,
    started: Instant,
    drains: Arc<AtomicBool>,
}

/// How a consumer goes at a moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Numbers since the start.
    pub totals: Totals,
    /// What each partition holds, and its stored position; no position when it is not assigned.
    pub partitions: Vec<(Held, Option<u64>)>,
    /// Whether it drains.
    pub drains: bool,
    /// The time since the start.
    pub elapsed: Duration,
}

impl Snapshot {
    /// The messages that are in flight.
    pub fn in_flight(&self) -> usize {
        self.partitions.iter().map(|(held, _)| held.at_work + held.delayed + held.waiting).sum()
    }
}

impl Monitor {
    pub(crate) fn new(shared: Arc<Shared<Message>>, partitions: usize, started: Instant) -> Self {
        Monitor { shared, partitions, started, drains: Arc::default() }
    }

    pub(crate) fn partitions(&self) -> usize {
        self.partitions
    }

    pub(crate) fn drains(&self) {
        // Relaxed: it is shown and orders nothing.
        self.drains.store(true, Ordering::Relaxed);
    }

    /// How it goes now.
    pub fn snapshot(&self) -> Snapshot {
        let partition = |partition| (self.shared.held(partition), self.shared.committed(partition));
        Snapshot {
            partitions: (0..self.partitions).map(partition).collect(),
            totals: self.shared.totals(),
            drains: self.drains.load(Ordering::Relaxed),
            elapsed: self.started.elapsed(),
        }
    }
}
