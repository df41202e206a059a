//! The contract of a workload: a topology of threads and channels, its params, and the round it reports.

use std::ops::RangeInclusive;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::meters::{Allocations, ThreadUsage};
use crate::params::{ParamSpec, Params};
use crate::profile::Profile;
pub use crate::size::{DEADLINE, MAX_EXTENSION, Size};
use crate::thread_group::ThreadGroupError;
use crate::violation::DeliveryViolation;
pub use crate::work::work;
use contract::channel::{Channel, Unsupported};

/// The value by which the channels of a group are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// The 99th percentile of a round's latencies: for a workload whose messages arrive at a given rate,
    /// where every channel that keeps up takes the same time.
    Latency,
    /// Wall time per message.
    Throughput,
    /// Processor time per message.
    Cpu,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Metric; 3] = [Metric::Latency, Metric::Throughput, Metric::Cpu];

    /// The metric's unit, in tables and on axes.
    pub fn unit(self) -> &'static str {
        match self {
            Metric::Latency => "ns, p99",
            Metric::Throughput => "ns/op",
            Metric::Cpu => "cpu-ns/op",
        }
    }
}

/// The description of a workload.
#[derive(Debug)]
pub struct WorkloadInfo {
    /// Its name on the command line, in benchmarks and on the page.
    pub name: &'static str,
    /// Its topology, and what its time shows.
    pub about: &'static str,
    /// The limits of what it shows.
    pub caveat: &'static str,
    /// The metric by which its channels are ranked.
    pub ranked_by: Metric,
    /// Its params.
    pub params: &'static [ParamSpec],
    /// The params to measure, each with the smallest profile that includes them.
    pub grid: &'static [(Profile, &'static str)],
}

impl WorkloadInfo {
    /// The params that `profile` measures.
    ///
    /// # Panics
    ///
    /// When an entry of the workload's own grid does not parse; the registry's tests would find it.
    pub fn grid(&self, profile: Profile) -> Vec<Params> {
        self.grid
            .iter()
            .filter(|(smallest, _)| *smallest <= profile)
            .map(|(_, text)| {
                Params::parse(self.params, text).expect("a workload's grid holds its own params")
            })
            .collect()
    }
}

/// A workload. Its `round` is generic, so that each channel's calls are inlined into it.
pub trait Workload: 'static {
    /// The workload's description.
    const INFO: WorkloadInfo;

    /// The number of messages of a round that takes some milliseconds on a usual machine: long compared with
    /// the start of its threads, short compared with the machine's drift.
    fn messages(params: &Params) -> u64;

    /// The approximate time that the params themselves demand of a round of `messages` messages, whatever the
    /// channel: for work and rates. The registry shortens rounds and extends deadlines by it.
    fn paced(_params: &Params, _messages: u64) -> Duration {
        Duration::ZERO
    }

    /// The number of messages that a round of `messages` messages delivers.
    fn delivered(_params: &Params, messages: u64) -> RangeInclusive<u64> {
        messages..=messages
    }

    /// The number of latencies in a round that delivered `delivered` messages; 0 for a workload that does not
    /// measure them.
    fn latencies(_delivered: u64) -> u64 {
        0
    }

    /// Runs one round over the channel `C` and verifies it.
    ///
    /// # Errors
    ///
    /// [`RoundError`]. The time of a failed round is never reported.
    fn round<C: Channel>(params: &Params, size: Size) -> Result<Round, RoundError>;
}

/// One timed and verified execution of a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Round {
    /// Messages delivered (ops).
    pub messages: u64,
    /// Wall time of the timed region.
    pub elapsed: Duration,
    /// The usage of its threads in the timed region; `None` where the system does not report it.
    pub usage: Option<ThreadUsage>,
    /// The allocations of its threads in the timed region; `None` while they are not counted.
    pub allocations: Option<Allocations>,
    /// Further results of the workload.
    pub figures: Vec<Figure>,
    /// The latency of each message in nanoseconds, where the workload measures it.
    pub latency: Option<Histogram<u64>>,
}

impl Round {
    /// Wall time of the timed region per message delivered, in nanoseconds.
    pub fn ns_per_op(&self) -> f64 {
        self.elapsed.as_nanos() as f64 / self.messages as f64
    }
}

/// A number that a workload reports in addition to the time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// Its name, with the unit.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
}

/// The reason why there is no round to report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoundError {
    /// The channel lacks a capability that the workload needs, which is not a failure.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// This machine does not support the params, which is not the channel's failure.
    #[error("not available here: {0}")]
    NotAvailable(String),
    /// A thread panicked, hung or did not start.
    #[error(transparent)]
    ThreadGroup(ThreadGroupError),
    /// The round did not deliver what was sent, or broke the workload's own rules.
    #[error("wrong: {0}")]
    Violation(DeliveryViolation),
}

impl RoundError {
    /// Whether the machine lacked something for the round, such as a thread. The channel is not to blame, and
    /// the next attempt may succeed.
    pub fn is_shortage(&self) -> bool {
        matches!(self, RoundError::ThreadGroup(ThreadGroupError::NotStarted { .. }))
    }

    /// Whether this is a failure of the channel.
    pub fn is_failure(&self) -> bool {
        match self {
            RoundError::Unsupported(_)
            | RoundError::NotAvailable(_)
            | RoundError::ThreadGroup(ThreadGroupError::NotStarted { .. }) => false,
            RoundError::ThreadGroup(_) | RoundError::Violation(_) => true,
        }
    }
}

impl From<ThreadGroupError> for RoundError {
    fn from(error: ThreadGroupError) -> Self {
        match error {
            ThreadGroupError::NotPlaced(reason) => RoundError::NotAvailable(reason),
            error => RoundError::ThreadGroup(error),
        }
    }
}

impl From<DeliveryViolation> for RoundError {
    fn from(violation: DeliveryViolation) -> Self {
        RoundError::Violation(violation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_cannot_be_placed_are_no_failure_of_the_channel() {
        let error = RoundError::from(ThreadGroupError::NotPlaced("one processor".to_owned()));
        assert_eq!(error.to_string(), "not available here: one processor");
        assert!(!error.is_failure());
    }
}
