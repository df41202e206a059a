//! What the threads of a round leave behind for its checks, apart from the coordinator that is checked.
//!
//! The atomics are std's and not modelled: they decide nothing, and what orders them is what is checked. Their order is
//! Relaxed, since a right coordinator orders what happens to one message or one lane by its lock and by the channels.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use crate::message::{MessageId, Tally};
use crate::violation::DeliveryViolation;

/// In the state of a lane: its newest message is not done.
const OPEN: u64 = 1 << 63;

/// A value on cache lines of its own, two because processors prefetch the neighbour: one thread writes it for each
/// message.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Apart(AtomicU64);

/// What happened to the messages of a round.
#[derive(Debug)]
pub(super) struct Evidence {
    /// For each partition and offset, 1 when the message is processed.
    processed: Vec<Vec<AtomicU8>>,
    /// For each partition and lane: 0 before its first message, else the offset of its newest one plus 1, and [`OPEN`].
    lanes: Vec<Vec<AtomicU64>>,
    /// For each partition, messages that were fetched.
    fetched: Vec<Apart>,
    /// For each worker, messages that it ended.
    ended: Vec<Apart>,
}

impl Evidence {
    /// For partitions of `shares` messages, with `lanes` lanes each.
    pub(super) fn new(shares: &[u64], lanes: usize, workers: usize) -> Self {
        let counters = |count| std::iter::repeat_with(Apart::default).take(count).collect();
        Evidence {
            processed: shares.iter().map(|&share| (0..share).map(|_| AtomicU8::new(0)).collect()).collect(),
            lanes: shares.iter().map(|_| (0..lanes).map(|_| AtomicU64::new(0)).collect()).collect(),
            fetched: counters(shares.len()),
            ended: counters(workers),
        }
    }

    // -- The threads of the round.

    /// Counts messages that are fetched from now on; returns how many are in flight at most.
    #[inline]
    pub(super) fn fetch(&self, partition: usize, count: u64) {
        let own = &self.fetched[partition].0;
        own.store(own.load(Ordering::Relaxed) + count, Ordering::Relaxed);
    }

    /// Messages that were fetched and not ended. A count of ended ones that is not visible yet makes it too large by as
    /// much as a store takes to become visible; the room that its limit grants to batches is larger.
    pub(super) fn in_flight(&self) -> u64 {
        let sum = |counters: &[Apart]| counters.iter().map(|own| own.0.load(Ordering::Relaxed)).sum::<u64>();
        sum(&self.fetched).saturating_sub(sum(&self.ended))
    }

    /// A worker begins an attempt at a message that is in a lane.
    ///
    /// # Errors
    ///
    /// [`DeliveryViolation::LaneBroken`] when another message of the lane is at work or waits for its retry, or when a
    /// later one was begun before.
    #[inline]
    pub(super) fn begin(&self, id: MessageId, lane: usize, is_first: bool) -> Result<(), DeliveryViolation> {
        let own = &self.lanes[id.producer][lane];
        let now = OPEN | (id.seq + 1);
        let before = own.swap(now, Ordering::Relaxed);
        let is_right = if is_first { before & OPEN == 0 && before < id.seq + 1 } else { before == now };
        if is_right {
            Ok(())
        } else {
            Err(DeliveryViolation::LaneBroken { id, before: (before & !OPEN).saturating_sub(1) })
        }
    }

    /// A worker has processed a message, or written it to the dead-letter output.
    #[inline]
    pub(super) fn end(&self, id: MessageId, lane: Option<usize>, worker: usize) {
        self.processed[id.producer][id.seq as usize].store(1, Ordering::Relaxed);
        if let Some(lane) = lane {
            self.lanes[id.producer][lane].store(id.seq + 1, Ordering::Relaxed);
        }
        let own = &self.ended[worker].0;
        own.store(own.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Checks that these messages of a partition are processed.
    ///
    /// # Errors
    ///
    /// [`DeliveryViolation::CommittedEarly`] with the first that is not.
    pub(super) fn check_processed(
        &self,
        partition: usize,
        mut offsets: impl Iterator<Item = u64>,
    ) -> Result<(), DeliveryViolation> {
        let is_processed = |offset: u64| {
            let own = self.processed[partition].get(offset as usize);
            own.is_some_and(|own| own.load(Ordering::Relaxed) == 1)
        };
        match offsets.find(|&offset| !is_processed(offset)) {
            None => Ok(()),
            Some(seq) => Err(DeliveryViolation::CommittedEarly(MessageId { producer: partition, seq })),
        }
    }

    // -- After the round.

    /// Messages that were fetched, by partition.
    pub(super) fn all_fetched(&self) -> Vec<u64> {
        self.fetched.iter().map(|own| own.0.load(Ordering::Relaxed)).collect()
    }

    /// Messages that are processed.
    pub(super) fn all_ended(&self) -> u64 {
        self.ended.iter().map(|own| own.0.load(Ordering::Relaxed)).sum()
    }

    /// Of the fetched messages, those that are not processed: something else must have dropped them.
    pub(super) fn unprocessed(&self) -> Tally {
        let fetched = self.all_fetched();
        let partitions = self.processed.iter().zip(fetched).enumerate();
        let ids = partitions.flat_map(|(producer, (own, fetched))| {
            let open = (0..fetched).zip(own).filter(|(_, own)| own.load(Ordering::Relaxed) == 0);
            open.map(move |(seq, _)| MessageId { producer, seq })
        });
        ids.map(Tally::from_id).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(seq: u64) -> MessageId {
        MessageId { producer: 0, seq }
    }

    #[test]
    fn a_lane_has_one_message_at_a_time_in_order() {
        let broken = |before, seq| Err(DeliveryViolation::LaneBroken { id: id(seq), before });
        let evidence = || Evidence::new(&[9], 1, 1);
        let sound = evidence();
        for (seq, is_first) in [(2, true), (2, false), (2, false)] {
            assert_eq!(sound.begin(id(seq), 0, is_first), Ok(()));
        }
        sound.end(id(2), Some(0), 0);
        assert_eq!(sound.begin(id(3), 0, true), Ok(()));
        assert_eq!(sound.begin(id(4), 0, true), broken(3, 4), "3 is open");

        let late = evidence();
        late.begin(id(5), 0, true).expect("the first");
        late.end(id(5), Some(0), 0);
        assert_eq!(late.begin(id(4), 0, true), broken(5, 4), "out of order");

        let overtaken = evidence();
        overtaken.begin(id(1), 0, true).expect("the first");
        assert_eq!(overtaken.begin(id(2), 0, true), broken(1, 2), "1 waits for its retry");
    }

    #[test]
    fn what_is_not_processed_is_counted_and_found() {
        let evidence = Evidence::new(&[4], 1, 2);
        evidence.fetch(0, 3);
        evidence.end(id(0), None, 0);
        evidence.end(id(2), None, 1);
        assert_eq!((evidence.in_flight(), evidence.all_ended()), (1, 2));
        assert_eq!(evidence.unprocessed(), Tally::from_id(id(1)));
        assert_eq!(evidence.check_processed(0, 0..1), Ok(()));
        assert_eq!(evidence.check_processed(0, 0..3), Err(DeliveryViolation::CommittedEarly(id(1))));
        assert_eq!(evidence.check_processed(0, 4..5), Err(DeliveryViolation::CommittedEarly(id(4))));
    }
}
