//! The delivery ledger: the record of what arrived, with which a round proves that each message arrived
//! exactly once and in order.
//!
//! Each receiving thread keeps its own ledger, so nothing is shared while the clock runs, and a message that
//! continues a run of consecutive ones costs a comparison. After the round the ledgers are joined and
//! compared with what was sent.

mod bits;

use std::cmp;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use self::bits::Bits;
use crate::message::{MessageId, Payload, Tally};
use crate::violation::DeliveryViolation;

/// The latest messages of one producer on one path.
#[derive(Clone, Debug)]
struct Lane {
    /// Messages that the producer sends.
    share: u64,
    /// The current run: the messages from `start` up to, but not including, `next` have arrived one after the
    /// other. They are not in the producer's bits yet.
    start: u64,
    next: u64,
}

/// Records the deliveries of one receiving thread.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// For each producer and path.
    lanes: Vec<Lane>,
    /// The paths on which one producer's messages may arrive (the workers in between). Order holds on each
    /// path.
    paths: usize,
    /// For each producer, the messages of its completed runs.
    seen: Vec<Bits>,
    /// Messages recorded so far with their path.
    on_paths: u64,
    /// The messages that all producers send.
    total: u64,
    violation: Option<DeliveryViolation>,
    last_delivery: Option<Instant>,
    /// Shared by all receivers of the round; `None` for the only receiver.
    shared_last: Option<LastDelivery>,
}

/// Finds the round's last delivery among several receivers: counts the producers whose last message has not
/// arrived.
///
/// The clock is read only where the last delivery may be, since a reading for each message would cost as much
/// as the message. A single receiver knows where that is. Of several, any may deliver last: one that is
/// preempted between a receive and its record is late with whatever message it has. So the receivers count
/// down the producers' last messages together, and each delivery after the count has reached zero reads the
/// clock.
#[derive(Clone, Debug)]
pub struct LastDelivery(Arc<CacheAligned<AtomicUsize>>);

/// Keeps a value on separate cache lines, two because processors prefetch the neighbour. The value is read
/// for each message and must not share a line with what a channel writes.
#[derive(Debug)]
#[repr(align(128))]
struct CacheAligned<T>(T);

impl LastDelivery {
    /// The last message of none of `producers` producers has arrived.
    pub fn new(producers: usize) -> Self {
        LastDelivery(Arc::new(CacheAligned(AtomicUsize::new(producers))))
    }

    fn count_down(&self) {
        // Relaxed, as in `reached`: it orders nothing except readings of the clock.
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }

    #[inline]
    fn reached(&self) -> bool {
        // Relaxed: the line is written once per producer and otherwise read from the own cache. The timed
        // region is too short by as much as the store takes to become visible.
        self.0.0.load(Ordering::Relaxed) == 0
    }
}

impl Ledger {
    /// A ledger for producers that send `shares` messages each, all on one path.
    ///
    /// Where speed matters, the thread that uses it creates it: what it writes for each message must not
    /// share a cache line with what another thread reads.
    pub fn new(shares: &[u64]) -> Self {
        Ledger::with_paths(shares, 1)
    }

    /// As [`Ledger::new`], for one of several receivers of a round, each of which uses
    /// [`Ledger::record_among`].
    pub fn among(shares: &[u64], last: LastDelivery) -> Self {
        Ledger { shared_last: Some(last), ..Ledger::new(shares) }
    }

    /// As [`Ledger::new`], for messages that arrive on `paths` different paths and are in order only on each
    /// of them.
    pub fn with_paths(shares: &[u64], paths: usize) -> Self {
        let lane = |&share: &u64| std::iter::repeat_n(Lane { share, start: 0, next: 0 }, paths);
        Ledger {
            lanes: shares.iter().flat_map(lane).collect(),
            paths,
            seen: shares.iter().map(|&share| Bits::new(share)).collect(),
            on_paths: 0,
            total: shares.iter().sum(),
            violation: None,
            last_delivery: None,
            shared_last: None,
        }
    }

    /// Checks a message that arrived and records it. Returns the id of a sound message.
    #[inline]
    pub fn record(&mut self, message: &impl Payload) -> Option<MessageId> {
        let Ok(id) = message.read() else {
            self.fail(DeliveryViolation::Corrupt);
            return None;
        };
        match self.lanes.get_mut(id.producer) {
            // The usual case: the next message of a run, and not the producer's last.
            Some(lane) if id.seq == lane.next && id.seq + 1 < lane.share => {
                lane.next += 1;
                Some(id)
            }
            _ => self.record_unusual(id, 0),
        }
    }

    /// As [`Ledger::record`], for one of several receivers.
    #[inline]
    pub fn record_among(&mut self, message: &impl Payload) -> Option<MessageId> {
        let id = self.record(message);
        if self.shared_last.as_ref().is_some_and(LastDelivery::reached) {
            self.last_delivery = Some(Instant::now());
        }
        id
    }

    /// As [`Ledger::record`], for a message that arrived on `path`.
    #[inline]
    pub fn record_on_path(&mut self, message: &impl Payload, path: usize) -> Option<MessageId> {
        let Ok(id) = message.read() else {
            self.fail(DeliveryViolation::Corrupt);
            return None;
        };
        let id = self.record_unusual(id, path)?;
        self.on_paths += 1;
        // The producer's last message need not arrive last, since paths overtake each other; but this is the
        // only receiver.
        if self.on_paths == self.total {
            self.last_delivery = Some(Instant::now());
        }
        Some(id)
    }

    /// Records any message that is not simply the next of a run: a last one, one after a gap, a violation.
    fn record_unusual(&mut self, id: MessageId, path: usize) -> Option<MessageId> {
        let MessageId { producer, seq } = id;
        if producer >= self.seen.len() || path >= self.paths || seq >= self.lanes[producer * self.paths].share
        {
            self.fail(DeliveryViolation::Forged(id));
            return None;
        }
        let lane = &mut self.lanes[producer * self.paths + path];
        if seq != lane.next {
            let after = lane.next;
            let run = lane.start..lane.next;
            (lane.start, lane.next) = (seq.max(after), seq.max(after));
            if let Some(seq) = self.seen[producer].insert(run) {
                self.fail(DeliveryViolation::Doubled(MessageId { producer, seq }));
            }
            if seq < after {
                let doubled = self.seen[producer].contains(seq);
                self.fail(if doubled {
                    DeliveryViolation::Doubled(id)
                } else {
                    DeliveryViolation::Reordered { late: id, after: after - 1 }
                });
                return None;
            }
        }
        let lane = &mut self.lanes[producer * self.paths + path];
        lane.next += 1;
        // The round's last delivery may be a producer's last message.
        if lane.next == lane.share {
            self.last_delivery = Some(Instant::now());
            if let Some(last) = &self.shared_last {
                last.count_down();
            }
        }
        Some(id)
    }

    #[cold]
    fn fail(&mut self, violation: DeliveryViolation) {
        self.violation.get_or_insert(violation);
    }

    /// Messages recorded so far, each counted once. It counts bits, so it is for after the round.
    pub fn delivered(&self) -> u64 {
        let ended: u64 = self.seen.iter().map(Bits::count).sum();
        ended + self.lanes.iter().map(|lane| lane.next - lane.start).sum::<u64>()
    }

    /// Messages recorded so far with [`Ledger::record_on_path`].
    pub fn delivered_on_paths(&self) -> u64 {
        self.on_paths
    }

    fn complete_runs(&mut self) {
        for index in 0..self.lanes.len() {
            let lane = &mut self.lanes[index];
            let run = lane.start..lane.next;
            lane.start = lane.next;
            let producer = index / self.paths;
            if let Some(seq) = self.seen[producer].insert(run) {
                self.fail(DeliveryViolation::Doubled(MessageId { producer, seq }));
            }
        }
    }
}

/// The joined record of all receivers of a round.
#[derive(Clone, Debug)]
pub struct Deliveries {
    /// For each producer.
    seen: Vec<Bits>,
    last_delivery: Option<Instant>,
}

impl Deliveries {
    /// Joins the ledgers of all receivers of a round.
    ///
    /// # Errors
    ///
    /// The first [`DeliveryViolation`] that any of them found, or a message that two of them have.
    ///
    /// # Panics
    ///
    /// When there is no ledger.
    pub fn join(ledgers: impl IntoIterator<Item = Ledger>) -> Result<Deliveries, DeliveryViolation> {
        let mut ledgers = ledgers.into_iter();
        let mut joined = ledgers.next().expect("a round has at least one receiver");
        joined.complete_runs();
        for mut ledger in ledgers {
            ledger.complete_runs();
            joined.violation = joined.violation.or(ledger.violation);
            joined.last_delivery = joined.last_delivery.max(ledger.last_delivery);
            for (producer, (ours, theirs)) in joined.seen.iter_mut().zip(&ledger.seen).enumerate() {
                if let Some(seq) = ours.merge(theirs) {
                    joined.violation.get_or_insert(DeliveryViolation::Doubled(MessageId { producer, seq }));
                }
            }
        }
        match joined.violation {
            Some(violation) => Err(violation),
            None => Ok(Deliveries { seen: joined.seen, last_delivery: joined.last_delivery }),
        }
    }

    /// Messages delivered.
    pub fn count(&self) -> u64 {
        self.seen.iter().map(Bits::count).sum()
    }

    /// The moment of the last delivery; `None` when no ledger saw one that can be the last.
    pub fn last(&self) -> Option<Instant> {
        self.last_delivery
    }

    /// The ids that are not recorded among the first `counts` messages of each producer.
    fn missing<'a>(&'a self, counts: &'a [u64]) -> impl Iterator<Item = MessageId> + 'a {
        counts.iter().zip(&self.seen).enumerate().flat_map(|(producer, (&count, seen))| {
            seen.missing(count).map(move |seq| MessageId { producer, seq })
        })
    }

    /// Checks that the first `counts` messages of each producer were delivered.
    ///
    /// # Errors
    ///
    /// [`DeliveryViolation::Lost`] when one is missing.
    pub fn complete(&self, counts: &[u64]) -> Result<(), DeliveryViolation> {
        let mut missing = self.missing(counts);
        match missing.next() {
            Some(first) => Err(DeliveryViolation::Lost { first, count: 1 + missing.count() as u64 }),
            None => Ok(()),
        }
    }

    /// The messages that were not delivered, of the `created` ones of each producer. Something else must have
    /// dropped them.
    pub fn undelivered(&self, created: &[u64]) -> Tally {
        self.missing(created).map(Tally::from_id).sum()
    }
}

/// Checks that every payload was dropped exactly once: the messages that were not delivered (and
/// acknowledged) are those that were dropped.
///
/// # Errors
///
/// [`DeliveryViolation::Leaked`], [`DeliveryViolation::DroppedTwice`] or
/// [`DeliveryViolation::LeakedAndDroppedTwice`].
pub fn balanced(undelivered: Tally, dropped: Tally) -> Result<(), DeliveryViolation> {
    match undelivered.count.cmp(&dropped.count) {
        cmp::Ordering::Greater => Err(DeliveryViolation::Leaked(undelivered.count - dropped.count)),
        cmp::Ordering::Less => Err(DeliveryViolation::DroppedTwice(dropped.count - undelivered.count)),
        cmp::Ordering::Equal if undelivered != dropped => Err(DeliveryViolation::LeakedAndDroppedTwice),
        cmp::Ordering::Equal => Ok(()),
    }
}

/// Verifies a round that had to deliver everything: joins the ledgers of its receivers, and checks each
/// producer's share and the drop of every payload.
///
/// # Errors
///
/// The first [`DeliveryViolation`]. A message that was neither delivered nor dropped counts as leaked, not as
/// lost.
pub fn verify(
    ledgers: impl IntoIterator<Item = Ledger>,
    shares: &[u64],
    dropped: Tally,
) -> Result<Deliveries, DeliveryViolation> {
    let deliveries = Deliveries::join(ledgers)?;
    balanced(deliveries.undelivered(shares), dropped)?;
    deliveries.complete(shares)?;
    Ok(deliveries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;

    fn id(producer: usize, seq: u64) -> MessageId {
        MessageId { producer, seq }
    }

    fn ledger(shares: &[u64], arrivals: &[(usize, u64)]) -> Ledger {
        let mut ledger = Ledger::new(shares);
        for &(producer, seq) in arrivals {
            ledger.record(&Message::<0>::new(id(producer, seq)));
        }
        ledger
    }

    fn violation_of(arrivals: &[(usize, u64)]) -> DeliveryViolation {
        let joined = Deliveries::join([ledger(&[3, 3], arrivals)]);
        joined.and_then(|ledger| ledger.complete(&[3, 3])).expect_err("the arrivals have a violation")
    }

    #[test]
    fn each_violation_has_its_own_variant() {
        assert_eq!(
            violation_of(&[(0, 0), (0, 2), (1, 0), (1, 1), (1, 2)]),
            DeliveryViolation::Lost { first: id(0, 1), count: 1 }
        );
        assert_eq!(violation_of(&[(0, 0), (0, 1), (0, 1)]), DeliveryViolation::Doubled(id(0, 1)));
        assert_eq!(violation_of(&[(0, 0), (0, 1), (0, 2), (0, 0)]), DeliveryViolation::Doubled(id(0, 0)));
        assert_eq!(
            violation_of(&[(0, 1), (0, 0)]),
            DeliveryViolation::Reordered { late: id(0, 0), after: 1 }
        );
        assert_eq!(violation_of(&[(0, 3)]), DeliveryViolation::Forged(id(0, 3)));
        assert_eq!(violation_of(&[(0, 0), (0, 1), (0, 2), (0, 3)]), DeliveryViolation::Forged(id(0, 3)));
        assert_eq!(violation_of(&[(2, 0)]), DeliveryViolation::Forged(id(2, 0)));
    }

    #[test]
    fn a_message_that_two_receivers_have_arrived_twice() {
        let (two, one) = (ledger(&[3], &[(0, 0), (0, 2)]), ledger(&[3], &[(0, 1)]));
        assert_eq!((two.delivered(), one.delivered()), (2, 1));
        let joined = Deliveries::join([two, one]).expect("no violation");
        assert_eq!(joined.complete(&[3]), Ok(()));
        assert_eq!(joined.count(), 3);
        assert!(joined.last().is_some());
        let doubled = Deliveries::join([ledger(&[3], &[(0, 0), (0, 2)]), ledger(&[3], &[(0, 1), (0, 2)])]);
        assert_eq!(doubled.expect_err("message 2 came twice"), DeliveryViolation::Doubled(id(0, 2)));
    }

    /// Its message is not its producer's last, but it is the round's.
    #[test]
    fn a_late_delivery_of_another_receiver_is_the_last() {
        let last = LastDelivery::new(2);
        let mut early = Ledger::among(&[3, 1], last.clone());
        let mut late = Ledger::among(&[3, 1], last);
        for (producer, seq) in [(0, 1), (0, 2), (1, 0)] {
            early.record_among(&Message::<0>::new(id(producer, seq)));
        }
        let before = Instant::now();
        late.record_among(&Message::<0>::new(id(0, 0)));
        let joined = Deliveries::join([early, late]).expect("no violation");
        assert!(joined.last().is_some_and(|last| last >= before));
    }

    #[test]
    fn order_holds_on_each_path_separately() {
        let mut ledger = Ledger::with_paths(&[4], 2);
        for (seq, path) in [(1, 0), (0, 1), (3, 0), (2, 1)] {
            assert!(ledger.record_on_path(&Message::<0>::new(id(0, seq)), path).is_some());
        }
        assert_eq!(ledger.delivered_on_paths(), 4);
        assert_eq!(Deliveries::join([ledger]).and_then(|ledger| ledger.complete(&[4])), Ok(()));
    }

    #[test]
    fn an_undelivered_message_must_be_dropped_exactly_once() {
        let ledger = Deliveries::join([ledger(&[9], &[(0, 0), (0, 1)])]).expect("no violation");
        let dropped = |seqs: &[u64]| seqs.iter().map(|&seq| Tally::from_id(id(0, seq))).sum();
        assert_eq!(balanced(ledger.undelivered(&[4]), dropped(&[2, 3])), Ok(()));
        assert_eq!(balanced(ledger.undelivered(&[4]), dropped(&[2])), Err(DeliveryViolation::Leaked(1)));
        assert_eq!(
            balanced(ledger.undelivered(&[4]), dropped(&[1, 2, 3])),
            Err(DeliveryViolation::DroppedTwice(1))
        );
        assert_eq!(
            balanced(ledger.undelivered(&[4]), dropped(&[2, 2])),
            Err(DeliveryViolation::LeakedAndDroppedTwice)
        );
    }

    proptest::proptest! {
        /// The definition: each message once, and in order on each path.
        #[test]
        fn a_ledger_agrees_with_the_definition(
            arrivals in proptest::collection::vec((0_usize..2, 0_u64..70, 0_usize..2), 0..40),
            sorted in proptest::bool::ANY,
        ) {
            let mut arrivals = arrivals;
            if sorted {
                arrivals.sort_unstable();
            }
            let mut ledger = Ledger::with_paths(&[70, 70], 2);
            for &(producer, seq, path) in &arrivals {
                ledger.record_on_path(&Message::<0>::new(id(producer, seq)), path);
            }
            let unique: std::collections::BTreeSet<_> =
                arrivals.iter().map(|&(producer, seq, _)| (producer, seq)).collect();
            let in_order = (0..2).all(|producer| (0..2).all(|path| {
                let lane: Vec<u64> = arrivals
                    .iter()
                    .filter(|arrival| arrival.0 == producer && arrival.2 == path)
                    .map(|arrival| arrival.1)
                    .collect();
                lane.is_sorted()
            }));
            let sound = unique.len() == arrivals.len() && in_order;
            match Deliveries::join([ledger]) {
                Ok(ledger) => {
                    proptest::prop_assert!(sound);
                    proptest::prop_assert_eq!(ledger.count(), arrivals.len() as u64);
                    let missing = ledger.missing(&[70, 70]).count();
                    proptest::prop_assert_eq!(missing, 140 - arrivals.len());
                }
                Err(_) => proptest::prop_assert!(!sound),
            }
        }
    }
}
