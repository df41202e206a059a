//! The delivery ledger: what arrived, so that a round can prove that each message arrived exactly once and in order.
//!
//! Each receiving thread keeps a ledger of its own, so nothing is shared while the clock runs, and a message that continues a
//! run of consecutive ones costs a comparison. After the round the ledgers are joined and held against what was sent.

mod bits;

use std::cmp;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use self::bits::Bits;
use crate::message::{MessageId, Payload, Tally};
use crate::violation::DeliveryViolation;

/// What came last from one producer by one way.
#[derive(Clone, Debug)]
struct Lane {
    /// Messages that the producer sends.
    share: u64,
    /// The run under way: all from `start` up to `next`, which is not in it, have come one after the other. They are not
    /// in the producer's bits yet.
    start: u64,
    next: u64,
}

/// Records the deliveries of one receiving thread.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// For each producer and way.
    lanes: Vec<Lane>,
    /// Ways by which one producer's messages may come (the workers between): order holds for each way.
    ways: usize,
    /// For each producer: the messages of its ended runs.
    seen: Vec<Bits>,
    /// Messages that were recorded with their way, and how many there are to be.
    by_ways: u64,
    total: u64,
    fault: Option<DeliveryViolation>,
    last_delivery: Option<Instant>,
    /// The ends that all receivers of the round see; `None` for the only receiver.
    ends: Option<LastDelivery>,
}

/// How many producers' last messages have not been delivered, as several receivers tell each other.
///
/// The clock is read only where the round's last delivery may be, since a look at it for each message would cost as much as
/// the message. The only receiver sees that alone. Of several any may deliver the last: one that was stopped between a
/// receive and its record is late with whatever message it has. So they count down the producers' ends together, and
/// whoever delivers after the last of these looks at the clock.
#[derive(Clone, Debug)]
pub struct LastDelivery(Arc<Alone<AtomicUsize>>);

/// On cache lines of its own (two: processors prefetch the neighbour), since it is read for each message and must not lie
/// beside what a channel writes.
#[derive(Debug)]
#[repr(align(128))]
struct Alone<T>(T);

impl LastDelivery {
    /// None of so many producers has come to its end.
    pub fn new(producers: usize) -> Self {
        LastDelivery(Arc::new(Alone(AtomicUsize::new(producers))))
    }

    fn count_down(&self) {
        // Relaxed, as in `reached`: it orders nothing but looks at the clock.
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }

    #[inline]
    fn reached(&self) -> bool {
        // Relaxed: the line is written once for each producer, and else read from the own cache. A count that is seen late
        // by as long as a store takes to be seen makes the region as much too short.
        self.0.0.load(Ordering::Relaxed) == 0
    }
}

impl Ledger {
    /// A ledger for producers that send `shares` messages each, all by one way.
    ///
    /// Made by the thread that uses it, where speed matters: what it writes for each message must not share a cache line
    /// with what another thread reads.
    pub fn new(shares: &[u64]) -> Self {
        Ledger::with_ways(shares, 1)
    }

    /// As [`Ledger::new`], for one of several receivers of a round. Each records with [`Ledger::record_among`].
    pub fn among(shares: &[u64], ends: LastDelivery) -> Self {
        Ledger { ends: Some(ends), ..Ledger::new(shares) }
    }

    /// As [`Ledger::new`], for messages that come by `ways` different ways and are in order only on each of them.
    pub fn with_ways(shares: &[u64], ways: usize) -> Self {
        let lane = |&share: &u64| std::iter::repeat_n(Lane { share, start: 0, next: 0 }, ways);
        Ledger {
            lanes: shares.iter().flat_map(lane).collect(),
            ways,
            seen: shares.iter().map(|&share| Bits::new(share)).collect(),
            by_ways: 0,
            total: shares.iter().sum(),
            fault: None,
            last_delivery: None,
            ends: None,
        }
    }

    /// Checks a message that arrived, and records it. Returns the id of a sound message.
    #[inline]
    pub fn record(&mut self, message: &impl Payload) -> Option<MessageId> {
        let Ok(id) = message.read() else {
            self.fail(DeliveryViolation::Corrupt);
            return None;
        };
        match self.lanes.get_mut(id.producer) {
            // The usual case: the next of a run, and not the producer's last.
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
        if self.ends.as_ref().is_some_and(LastDelivery::reached) {
            self.last_delivery = Some(Instant::now());
        }
        id
    }

    /// As [`Ledger::record`], for a message that came by `way`.
    #[inline]
    pub fn record_by(&mut self, message: &impl Payload, way: usize) -> Option<MessageId> {
        let Ok(id) = message.read() else {
            self.fail(DeliveryViolation::Corrupt);
            return None;
        };
        let id = self.record_unusual(id, way)?;
        self.by_ways += 1;
        // The producer's last message need not come last, since the ways overtake each other; but this is the only receiver.
        if self.by_ways == self.total {
            self.last_delivery = Some(Instant::now());
        }
        Some(id)
    }

    /// Whatever is not the next of a run: its end, a gap, a fault.
    fn record_unusual(&mut self, id: MessageId, way: usize) -> Option<MessageId> {
        let MessageId { producer, seq } = id;
        if producer >= self.seen.len() || way >= self.ways || seq >= self.lanes[producer * self.ways].share {
            self.fail(DeliveryViolation::Forged(id));
            return None;
        }
        let lane = &mut self.lanes[producer * self.ways + way];
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
        let lane = &mut self.lanes[producer * self.ways + way];
        lane.next += 1;
        // The clock is read only where the last delivery of the round may be: at a producer's last message.
        if lane.next == lane.share {
            self.last_delivery = Some(Instant::now());
            if let Some(ends) = &self.ends {
                ends.count_down();
            }
        }
        Some(id)
    }

    #[cold]
    fn fail(&mut self, fault: DeliveryViolation) {
        self.fault.get_or_insert(fault);
    }

    /// Messages recorded so far, those that came twice once. It counts, and is for after the round.
    pub fn delivered(&self) -> u64 {
        let ended: u64 = self.seen.iter().map(Bits::count).sum();
        ended + self.lanes.iter().map(|lane| lane.next - lane.start).sum::<u64>()
    }

    /// Messages recorded so far with [`Ledger::record_by`].
    pub fn delivered_by_ways(&self) -> u64 {
        self.by_ways
    }

    fn end_runs(&mut self) {
        for index in 0..self.lanes.len() {
            let lane = &mut self.lanes[index];
            let run = lane.start..lane.next;
            lane.start = lane.next;
            let producer = index / self.ways;
            if let Some(seq) = self.seen[producer].insert(run) {
                self.fail(DeliveryViolation::Doubled(MessageId { producer, seq }));
            }
        }
    }
}

/// What all receivers of a round have recorded, joined.
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
    /// The first [`DeliveryViolation`] found by any of them, or a message that two of them have.
    ///
    /// # Panics
    ///
    /// When there is no ledger.
    pub fn join(ledgers: impl IntoIterator<Item = Ledger>) -> Result<Deliveries, DeliveryViolation> {
        let mut ledgers = ledgers.into_iter();
        let mut joined = ledgers.next().expect("a round has at least one receiver");
        joined.end_runs();
        for mut ledger in ledgers {
            ledger.end_runs();
            joined.fault = joined.fault.or(ledger.fault);
            joined.last_delivery = joined.last_delivery.max(ledger.last_delivery);
            for (producer, (ours, theirs)) in joined.seen.iter_mut().zip(&ledger.seen).enumerate() {
                if let Some(seq) = ours.merge(theirs) {
                    joined.fault.get_or_insert(DeliveryViolation::Doubled(MessageId { producer, seq }));
                }
            }
        }
        match joined.fault {
            Some(fault) => Err(fault),
            None => Ok(Deliveries { seen: joined.seen, last_delivery: joined.last_delivery }),
        }
    }

    /// Messages delivered.
    pub fn count(&self) -> u64 {
        self.seen.iter().map(Bits::count).sum()
    }

    /// When the last delivery was made; `None` when no ledger saw one that can be the last.
    pub fn last(&self) -> Option<Instant> {
        self.last_delivery
    }

    /// The ids of the first messages of each producer, as many as `counts` says, that are not recorded.
    fn missing<'a>(&'a self, counts: &'a [u64]) -> impl Iterator<Item = MessageId> + 'a {
        counts.iter().zip(&self.seen).enumerate().flat_map(|(producer, (&count, seen))| {
            seen.missing(count).map(move |seq| MessageId { producer, seq })
        })
    }

    /// Asks for the first messages of each producer, as many as `counts` says.
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

    /// Of the messages of which each producer created as many as `created` says, those that were not delivered: somebody
    /// else has to have dropped them.
    pub fn undelivered(&self, created: &[u64]) -> Tally {
        self.missing(created).map(Tally::from_id).sum()
    }
}

/// Asks that every payload was dropped exactly once: that the messages that were not delivered (and settled) are those that
/// were dropped.
///
/// # Errors
///
/// [`DeliveryViolation::Leaked`], [`DeliveryViolation::DroppedTwice`] or [`DeliveryViolation::LeakedAndDroppedTwice`].
pub fn balanced(undelivered: Tally, dropped: Tally) -> Result<(), DeliveryViolation> {
    match undelivered.count.cmp(&dropped.count) {
        cmp::Ordering::Greater => Err(DeliveryViolation::Leaked(undelivered.count - dropped.count)),
        cmp::Ordering::Less => Err(DeliveryViolation::DroppedTwice(dropped.count - undelivered.count)),
        cmp::Ordering::Equal if undelivered != dropped => Err(DeliveryViolation::LeakedAndDroppedTwice),
        cmp::Ordering::Equal => Ok(()),
    }
}

/// Verifies a round that was to deliver everything: joins the ledgers of its receivers, and asks for each producer's share
/// and for every payload's drop.
///
/// # Errors
///
/// The first [`DeliveryViolation`]. A message that is neither delivered nor dropped is a leak, the graver of the two.
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

    fn fault_of(arrivals: &[(usize, u64)]) -> DeliveryViolation {
        let joined = Deliveries::join([ledger(&[3, 3], arrivals)]);
        joined.and_then(|ledger| ledger.complete(&[3, 3])).expect_err("the arrivals are faulty")
    }

    #[test]
    fn each_fault_is_named() {
        assert_eq!(
            fault_of(&[(0, 0), (0, 2), (1, 0), (1, 1), (1, 2)]),
            DeliveryViolation::Lost { first: id(0, 1), count: 1 }
        );
        assert_eq!(fault_of(&[(0, 0), (0, 1), (0, 1)]), DeliveryViolation::Doubled(id(0, 1)));
        assert_eq!(fault_of(&[(0, 0), (0, 1), (0, 2), (0, 0)]), DeliveryViolation::Doubled(id(0, 0)));
        assert_eq!(fault_of(&[(0, 1), (0, 0)]), DeliveryViolation::Reordered { late: id(0, 0), after: 1 });
        assert_eq!(fault_of(&[(0, 3)]), DeliveryViolation::Forged(id(0, 3)));
        assert_eq!(fault_of(&[(0, 0), (0, 1), (0, 2), (0, 3)]), DeliveryViolation::Forged(id(0, 3)));
        assert_eq!(fault_of(&[(2, 0)]), DeliveryViolation::Forged(id(2, 0)));
    }

    #[test]
    fn receivers_share_the_messages_and_may_not_both_have_one() {
        let (two, one) = (ledger(&[3], &[(0, 0), (0, 2)]), ledger(&[3], &[(0, 1)]));
        assert_eq!((two.delivered(), one.delivered()), (2, 1));
        let joined = Deliveries::join([two, one]).expect("no fault");
        assert_eq!(joined.complete(&[3]), Ok(()));
        assert_eq!(joined.count(), 3);
        assert!(joined.last().is_some());
        let doubled = Deliveries::join([ledger(&[3], &[(0, 0), (0, 2)]), ledger(&[3], &[(0, 1), (0, 2)])]);
        assert_eq!(doubled.expect_err("message 2 came twice"), DeliveryViolation::Doubled(id(0, 2)));
    }

    /// Its message is not its producer's last, and yet the round's.
    #[test]
    fn a_late_delivery_of_another_receiver_is_the_last() {
        let ends = LastDelivery::new(2);
        let mut early = Ledger::among(&[3, 1], ends.clone());
        let mut late = Ledger::among(&[3, 1], ends);
        for (producer, seq) in [(0, 1), (0, 2), (1, 0)] {
            early.record_among(&Message::<0>::new(id(producer, seq)));
        }
        let before = Instant::now();
        late.record_among(&Message::<0>::new(id(0, 0)));
        let joined = Deliveries::join([early, late]).expect("no fault");
        assert!(joined.last().is_some_and(|last| last >= before));
    }

    #[test]
    fn order_holds_on_each_way_apart() {
        let mut ledger = Ledger::with_ways(&[4], 2);
        for (seq, way) in [(1, 0), (0, 1), (3, 0), (2, 1)] {
            assert!(ledger.record_by(&Message::<0>::new(id(0, seq)), way).is_some());
        }
        assert_eq!(ledger.delivered_by_ways(), 4);
        assert_eq!(Deliveries::join([ledger]).and_then(|ledger| ledger.complete(&[4])), Ok(()));
    }

    #[test]
    fn what_is_not_delivered_has_to_be_dropped_once() {
        let ledger = Deliveries::join([ledger(&[9], &[(0, 0), (0, 1)])]).expect("no fault");
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
        /// Against the plain definition: each message once, and on each way in order.
        #[test]
        fn a_ledger_agrees_with_the_definition(
            arrivals in proptest::collection::vec((0_usize..2, 0_u64..70, 0_usize..2), 0..40),
            sorted in proptest::bool::ANY,
        ) {
            let mut arrivals = arrivals;
            if sorted {
                arrivals.sort_unstable();
            }
            let mut ledger = Ledger::with_ways(&[70, 70], 2);
            for &(producer, seq, way) in &arrivals {
                ledger.record_by(&Message::<0>::new(id(producer, seq)), way);
            }
            let unique: std::collections::BTreeSet<_> =
                arrivals.iter().map(|&(producer, seq, _)| (producer, seq)).collect();
            let in_order = (0..2).all(|producer| (0..2).all(|way| {
                let lane: Vec<u64> = arrivals
                    .iter()
                    .filter(|arrival| arrival.0 == producer && arrival.2 == way)
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
