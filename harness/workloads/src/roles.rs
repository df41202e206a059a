//! The roles of a round's threads, shared by the workloads: producers and receivers, and the verification of
//! their results.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use crate::endpoints::{EndpointCount, EndpointGuard};
use crate::ledger::{Ledger, verify};
use crate::message::{MessageId, Payload};
use crate::thread_group::{GroupThread, GroupTotals, StartBarrier, ThreadGroup, ThreadGroupError};
use crate::violation::DeliveryViolation;
use crate::workload::{Round, RoundError};
use contract::channel::{Receiver, Sender};

/// A producer's part of a round.
#[derive(Debug)]
pub(super) struct Producer<S> {
    /// Its index among the producers, which its messages carry.
    pub(super) index: usize,
    /// The number of messages it sends.
    pub(super) share: u64,
    /// Its sender, counted as an open endpoint.
    pub(super) sender: EndpointGuard<S>,
}

impl<S> Producer<S> {
    /// Waits for the start and sends the share; returns the moment of the start.
    ///
    /// # Errors
    ///
    /// As [`send_share`].
    #[inline]
    pub(super) fn run<P: Payload>(&self, barrier: &StartBarrier) -> Result<Instant, DeliveryViolation>
    where
        S: Sender<P>,
    {
        let started = barrier.wait();
        send_share(&*self.sender, self.index, self.share).map(|()| started)
    }
}

/// One producer for each share, each with its own clone of `sender`.
pub(super) fn producers<S: Clone>(
    senders: &EndpointCount,
    sender: S,
    shares: &[u64],
) -> impl Iterator<Item = Producer<S>> {
    let parts = shares.iter().enumerate();
    parts.map(move |(index, &share)| Producer { index, share, sender: senders.guard(sender.clone()) })
}

/// Sends the `share` messages of one producer.
///
/// # Errors
///
/// [`DeliveryViolation::EarlyDisconnect`] when the channel reports that its receivers are gone.
#[inline]
pub(super) fn send_share<P: Payload>(
    sender: &impl Sender<P>,
    producer: usize,
    share: u64,
) -> Result<(), DeliveryViolation> {
    for seq in 0..share {
        if sender.send(P::new(MessageId { producer, seq })).is_err() {
            return Err(DeliveryViolation::EarlyDisconnect { thread: "producer" });
        }
    }
    Ok(())
}

/// The result of a thread at the receiving end of a round.
#[derive(Debug)]
pub(super) struct Received {
    /// The moment at which it left the start barrier.
    pub(super) started: Instant,
    /// The check of the disconnect that the channel reported to it.
    pub(super) disconnect: Result<(), DeliveryViolation>,
    /// The messages that arrived.
    pub(super) ledger: Ledger,
}

impl Received {
    /// Waits for the start, runs `drain` until the channel reports a disconnect, and checks that report.
    #[inline]
    pub(super) fn until_disconnect(
        barrier: &StartBarrier,
        thread: &'static str,
        senders: &EndpointCount,
        mut ledger: Ledger,
        drain: impl FnOnce(&mut Ledger),
    ) -> Self {
        let started = barrier.wait();
        drain(&mut ledger);
        Received { started, disconnect: senders.check_disconnect(thread), ledger }
    }
}

/// Starts the only receiver of a round, which records every message until the disconnect.
pub(super) fn spawn_sink<P: Payload>(
    group: &mut ThreadGroup,
    receiver: impl Receiver<P> + 'static,
    senders: EndpointCount,
    shares: &[u64],
) -> Result<GroupThread<Received>, ThreadGroupError> {
    let shares = shares.to_vec();
    group.spawn("sink", move |barrier| {
        Received::until_disconnect(barrier, "sink", &senders, Ledger::new(&shares), |ledger| {
            while let Ok(message) = receiver.recv() {
                ledger.record(&message);
                message.acknowledge();
            }
        })
    })
}

/// Starts a thread for each of `parts`, named by `role` and the part's index.
pub(super) fn spawn_each<I: Send + 'static, T: Send + 'static>(
    group: &mut ThreadGroup,
    role: &str,
    parts: impl IntoIterator<Item = I>,
    body: impl FnOnce(&StartBarrier, usize, I) -> T + Clone + Send + 'static,
) -> Result<Vec<GroupThread<T>>, ThreadGroupError> {
    let mut threads = Vec::new();
    for (index, part) in parts.into_iter().enumerate() {
        let body = body.clone();
        threads.push(group.spawn(format!("{role} {index}"), move |barrier| body(barrier, index, part))?);
    }
    Ok(threads)
}

/// Ends a round that had to deliver all of `shares`: joins its threads and verifies what its receivers
/// recorded.
///
/// `sending` are the threads that pass messages on, each with the moment of its start; `receiving` are those
/// at the end.
///
/// # Errors
///
/// The error of the group, else the first violation of a sending thread, else of a receiving one, else of the
/// ledgers.
pub(super) fn finish(
    group: ThreadGroup,
    sending: Vec<GroupThread<Result<Instant, DeliveryViolation>>>,
    receiving: Vec<GroupThread<Received>>,
    shares: &[u64],
) -> Result<Round, RoundError> {
    let totals = group.join()?;
    let starts = sending.into_iter().map(GroupThread::result).collect::<Result<_, DeliveryViolation>>()?;
    conclude(totals, starts, receiving.into_iter().map(GroupThread::result), shares)
}

/// The second half of [`finish`], for a workload that reads further results of its threads. `starts` are the
/// moments at which the sending threads left the start barrier.
///
/// # Errors
///
/// As [`finish`], after the sending threads.
pub(super) fn conclude(
    totals: GroupTotals,
    mut starts: Vec<Instant>,
    receiving: impl IntoIterator<Item = Received>,
    shares: &[u64],
) -> Result<Round, RoundError> {
    let mut ledgers = Vec::new();
    for received in receiving {
        starts.push(received.started);
        received.disconnect?;
        ledgers.push(received.ledger);
    }
    let deliveries = verify(ledgers, shares, totals.dropped)?;
    Ok(Round {
        messages: deliveries.count(),
        elapsed: timed_region(starts, deliveries.last()),
        usage: totals.usage,
        allocations: totals.allocations,
        figures: Vec::new(),
        latency: None,
    })
}

/// The length of the timed region: from the first start to `closed`, the last delivery.
///
/// A round without a last delivery lost messages, so it fails before its time is used; the region is then
/// empty.
pub(super) fn timed_region(starts: impl IntoIterator<Item = Instant>, closed: Option<Instant>) -> Duration {
    match (starts.into_iter().min(), closed) {
        (Some(opened), Some(closed)) => closed.saturating_duration_since(opened),
        _ => Duration::ZERO,
    }
}

/// What a round delivers whose messages are divided among `producers`: each of them sends at least one.
pub(super) fn shared(messages: u64, producers: usize) -> RangeInclusive<u64> {
    messages..=messages.max(producers as u64)
}

/// Divides `messages` among `producers` as evenly as possible; every producer gets at least one.
pub(super) fn shares(messages: u64, producers: usize) -> Vec<u64> {
    let producers = producers as u64;
    (0..producers)
        .map(|producer| (messages / producers + u64::from(producer < messages % producers)).max(1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_even_and_at_least_one() {
        assert_eq!(shares(10, 3), [4, 3, 3]);
        assert_eq!(shares(2, 3), [1, 1, 1]);
        assert_eq!(shares(8, 1), [8]);
    }
}
