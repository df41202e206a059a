//! What a workload is: a topology of threads and channels, what flows through it, and what one timed execution reports.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::channel::{Channel, Unsupported};
use crate::ledger::{Ledger, verify};
use crate::meters::{Allocations, ThreadUsage};
use crate::params::{ParamSpec, Params};
use crate::placement::Placement;
use crate::profile::Profile;
use crate::thread_group::{GroupThread, GroupTotals, ThreadGroup, ThreadGroupError};
use crate::violation::DeliveryViolation;

/// What the channels of a workload are ranked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RankedBy {
    /// Wall time for each message.
    Time,
    /// The 99th percentile of a round's latencies: for a workload whose messages come at a rate, so that all channels that keep
    /// up take the same time.
    Latency,
}

impl RankedBy {
    /// Its unit, as tables and axes have it.
    pub fn unit(self) -> &'static str {
        match self {
            RankedBy::Time => "ns/op",
            RankedBy::Latency => "ns, p99",
        }
    }
}

/// What a workload says of itself.
#[derive(Debug)]
pub struct WorkloadInfo {
    /// Its name on the command line, in benchmarks and on the page.
    pub name: &'static str,
    /// What it is and what it shows.
    pub about: &'static str,
    /// What it does not show.
    pub caveat: &'static str,
    /// What its channels are ranked by.
    pub ranked_by: RankedBy,
    /// Its parameters.
    pub params: &'static [ParamSpec],
    /// The params that are measured, each from the profile on that it stands beside.
    pub grid: &'static [(Profile, &'static str)],
}

impl WorkloadInfo {
    /// The params that `profile` measures.
    ///
    /// # Panics
    ///
    /// When the workload's own grid cannot be read: a mistake in its file, found by the registry's tests.
    pub fn grid(&self, profile: Profile) -> Vec<Params> {
        self.grid
            .iter()
            .filter(|(least, _)| *least <= profile)
            .map(|(_, text)| {
                Params::parse(self.params, text).expect("a workload's grid holds its own params")
            })
            .collect()
    }
}

/// The time after which a round has hung, unless told otherwise: a thousand times what a usual round takes.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// What one round is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Messages to deliver. A workload may deliver a few less, so that its threads share them evenly.
    pub messages: u64,
    /// The round fails when it takes longer.
    pub deadline: Duration,
    /// Where its threads are put.
    pub placement: Placement,
}

impl Size {
    /// So many messages, within [`DEADLINE`], wherever the system puts the threads.
    pub fn with_messages(messages: u64) -> Self {
        Size { messages, deadline: DEADLINE, placement: Placement::Any }
    }
}

/// A workload. Its `round` is generic, so that each channel's calls are inlined into it.
pub trait Workload: 'static {
    /// What the workload says of itself.
    const INFO: WorkloadInfo;

    /// Messages of a round that takes some milliseconds on a usual machine: long beside the start of its threads,
    /// short beside the machine's own drift.
    fn messages(params: &Params) -> u64;

    /// About the time that the params themselves ask of a round of so many messages, whatever the channel: work and rates.
    /// The registry makes rounds no longer by it than needed, and the deadline longer.
    fn paced(_params: &Params, _messages: u64) -> Duration {
        Duration::ZERO
    }

    /// Runs one round over the channel `C` and verifies it.
    ///
    /// # Errors
    ///
    /// [`RoundError`]; the time of a round that fails is never reported.
    fn round<C: Channel>(params: &Params, size: Size) -> Result<Round, RoundError>;
}

/// One timed and verified execution of a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Round {
    /// Messages delivered (ops).
    pub messages: u64,
    /// Wall time of the timed region.
    pub elapsed: Duration,
    /// What its threads used in it; `None` where the system does not tell.
    pub usage: Option<ThreadUsage>,
    /// What they allocated in it; `None` where nobody counts.
    pub allocations: Option<Allocations>,
    /// What else the workload has to tell.
    pub figures: Vec<Figure>,
    /// How long each message took, in nanoseconds, where the workload measures it.
    pub latency: Option<Histogram<u64>>,
}

impl Round {
    /// Wall time of the timed region for each message delivered, in nanoseconds.
    pub fn ns_per_op(&self) -> f64 {
        self.elapsed.as_nanos() as f64 / self.messages as f64
    }
}

/// A number that a workload reports beside the time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// What it is, with its unit.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
}

/// Why there is no round to report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoundError {
    /// The channel lacks what the workload needs: no failure.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// This machine lacks what the params need: no failure of the channel.
    #[error("not available here: {0}")]
    NotAvailable(String),
    /// The threads did not end well.
    #[error(transparent)]
    ThreadGroup(ThreadGroupError),
    /// The round delivered something else than what was sent.
    #[error("wrong: {0}")]
    Violation(DeliveryViolation),
}

impl RoundError {
    /// Whether it speaks against the channel.
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
    fn from(fault: DeliveryViolation) -> Self {
        RoundError::Violation(fault)
    }
}

/// The timed region: from the first thread through the barrier to `closed`, the last delivery.
///
/// A round without a last delivery lost messages; such a round has failed before its time is asked for, and the region is
/// then empty.
pub(crate) fn timed_region(passed: impl IntoIterator<Item = Instant>, closed: Option<Instant>) -> Duration {
    match (passed.into_iter().min(), closed) {
        (Some(opened), Some(closed)) => closed.saturating_duration_since(opened),
        _ => Duration::ZERO,
    }
}

/// What a thread at the end of a round's channels has seen when it ends.
#[derive(Debug)]
pub(crate) struct Received {
    /// The moment it went through the barrier.
    pub(crate) passed: Instant,
    /// Whether the disconnect that it was told of was one.
    pub(crate) told: Result<(), DeliveryViolation>,
    /// What arrived.
    pub(crate) ledger: Ledger,
}

/// LastDelivery a round that was to deliver all of `shares`: joins its threads and verifies what its receivers recorded.
///
/// `sending` are the threads that pass messages on, each with the moment it went through the barrier or what it saw go wrong;
/// `receiving` are those at the end.
///
/// # Errors
///
/// That of the group, else the first fault of a sending thread, else of a receiving one, else what the ledgers show.
pub(crate) fn finish(
    group: ThreadGroup,
    sending: Vec<GroupThread<Result<Instant, DeliveryViolation>>>,
    receiving: Vec<GroupThread<Received>>,
    shares: &[u64],
) -> Result<Round, RoundError> {
    let ended = group.join()?;
    let passed = sending.into_iter().map(GroupThread::result).collect::<Result<_, DeliveryViolation>>()?;
    conclude(ended, passed, receiving.into_iter().map(GroupThread::result), shares)
}

/// The end of [`finish`], for a workload that has joined its group and has more to tell of it: `passed` are the moments at which
/// the sending threads went through the barrier.
///
/// # Errors
///
/// As [`finish`], after the sending threads.
pub(crate) fn conclude(
    ended: GroupTotals,
    mut passed: Vec<Instant>,
    receiving: impl IntoIterator<Item = Received>,
    shares: &[u64],
) -> Result<Round, RoundError> {
    let mut ledgers = Vec::new();
    for received in receiving {
        passed.push(received.passed);
        received.told?;
        ledgers.push(received.ledger);
    }
    let deliveries = verify(ledgers, shares, ended.dropped)?;
    Ok(Round {
        messages: deliveries.count(),
        elapsed: timed_region(passed, deliveries.last()),
        usage: ended.usage,
        allocations: ended.allocations,
        figures: Vec::new(),
        latency: None,
    })
}

/// Shares `messages` among `producers` as evenly as possible; every producer has at least one.
pub(crate) fn shares(messages: u64, producers: usize) -> Vec<u64> {
    let producers = producers as u64;
    (0..producers)
        .map(|producer| (messages / producers + u64::from(producer < messages % producers)).max(1))
        .collect()
}

/// A step of [`work`] takes at most about so long, optimised or not.
const LONGEST_STEP: Duration = Duration::from_nanos(10);

/// The time that `messages` messages of so many steps of [`work`] take at most, on one processor.
pub(crate) fn work_time(steps: u64, messages: u64) -> Duration {
    LONGEST_STEP.saturating_mul(u32::try_from(steps.saturating_mul(messages)).unwrap_or(u32::MAX))
}

/// Does `steps` steps of integer work, of about a nanosecond each, that the compiler cannot leave out.
#[inline]
pub fn work(steps: u64) {
    let mut state = steps;
    for _ in 0..steps {
        // A step of xorshift64 (G. Marsaglia, "Xorshift RNGs", 2003); each depends on the one before.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state = std::hint::black_box(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up() {
        assert_eq!(shares(10, 3), [4, 3, 3]);
        assert_eq!(shares(2, 3), [1, 1, 1]);
        assert_eq!(shares(8, 1), [8]);
    }
}
