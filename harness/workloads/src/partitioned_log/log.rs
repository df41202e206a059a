//! The log of a round: partitions of numbered messages in memory, and the store of their commits, which believes
//! nothing.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use contract::shard::hashed;
use service_core::coordinator::{Commit, Record};
use service_core::offset_map::OffsetMap;
use service_core::source::{Event, Input, Lane, Source, Stored};

use super::evidence::Evidence;
use crate::message::{Message, MessageId, Payload};
use crate::violation::DeliveryViolation;

/// The seed of every round: the same messages fail in each, and have the same keys.
const SEED: u64 = 0x5EED_0F10_6000_0000;

/// Retries before a message becomes a dead letter.
pub(super) const RETRIES: u32 = 3;

/// One failing message in this number fails for ever.
const POISONED: u64 = 4;

/// What the messages of a round are like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contents {
    /// Different keys in a partition.
    pub(super) keys: u64,
    /// Of 1,000 messages, those whose first attempts fail.
    pub(super) failing: u64,
}

impl Contents {
    fn hash(id: MessageId) -> u64 {
        hashed(SEED ^ (id.producer as u64) << 48 ^ id.seq)
    }

    /// The message's key, below the number of keys.
    #[inline]
    pub(super) fn key(self, id: MessageId) -> u64 {
        Contents::hash(id) % self.keys
    }

    /// How many attempts at the message fail.
    #[inline]
    pub(super) fn failures(self, id: MessageId) -> u32 {
        // Other bits than those of the key.
        let hash = Contents::hash(id).rotate_left(32);
        if hash % 1_000 >= self.failing {
            return 0;
        }
        match hash / 1_000 % POISONED {
            0 => u32::MAX,
            _ => 1 + (hash / 1_000 / POISONED % u64::from(RETRIES)) as u32,
        }
    }
}

/// The limit of messages in flight, and how often it is checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Messages that channels, batches and the coordinator can hold; `None` when a channel is unbounded.
    pub(super) limit: Option<u64>,
}

/// The log of a round.
#[derive(Debug)]
pub(super) struct MemoryLog {
    contents: Contents,
    shares: Vec<u64>,
    room: Room,
    evidence: Arc<Evidence>,
    is_assigned: bool,
    /// For each partition, the stored position.
    stored: Vec<u64>,
    commits: u64,
    /// The first commit that says what is not true.
    wrong: Option<DeliveryViolation>,
}

impl MemoryLog {
    pub(super) fn new(contents: Contents, shares: &[u64], room: Room, evidence: Arc<Evidence>) -> Self {
        MemoryLog {
            contents,
            shares: shares.to_vec(),
            room,
            evidence,
            is_assigned: false,
            stored: vec![0; shares.len()],
            commits: 0,
            wrong: None,
        }
    }

    /// The stored positions.
    pub(super) fn stored(&self) -> &[u64] {
        &self.stored
    }

    /// The number of stored commits.
    pub(super) fn commits(&self) -> u64 {
        self.commits
    }

    /// The first commit that said what is not true.
    pub(super) fn wrong(&self) -> Option<DeliveryViolation> {
        self.wrong.clone()
    }

    /// Checks a commit: its position does not go back, and what it says is done was processed before.
    fn judge(&self, commit: &Commit) -> Result<(), DeliveryViolation> {
        let &Commit { partition, position, ref metadata, .. } = commit;
        let stored = self.stored[partition];
        if position < stored {
            return Err(DeliveryViolation::CommitWentBack { partition, from: stored, to: position });
        }
        self.evidence.check_processed(partition, stored..position)?;
        let map = OffsetMap::decode(metadata).map_err(|_| DeliveryViolation::Corrupt)?;
        self.evidence.check_processed(partition, map.offsets().map(|offset| position + offset))
    }
}

impl Source for MemoryLog {
    type Message = Message;
    type Lane = MemoryLane;
    type Error = Infallible;

    fn poll(&mut self, _: Duration, events: &mut Vec<Event<MemoryLane>>) -> Result<(), Infallible> {
        if !std::mem::replace(&mut self.is_assigned, true) {
            events.extend(self.shares.iter().enumerate().map(|(partition, &share)| Event::Assigned {
                partition,
                position: 0,
                metadata: String::new(),
                lane: MemoryLane {
                    contents: self.contents,
                    partition,
                    next: 0,
                    share,
                    room: self.room,
                    most_in_flight: 0,
                    jam: None,
                    evidence: Arc::clone(&self.evidence),
                },
            }));
        }
        Ok(())
    }

    fn commit(&mut self, commit: &Commit) -> Stored {
        if let Err(wrong) = self.judge(commit) {
            self.wrong.get_or_insert(wrong);
        }
        self.stored[commit.partition] = commit.position;
        self.commits += 1;
        Stored::Yes
    }

    // A lane that is not read does not hold back the others.
    fn pause(&mut self, _: usize) -> Result<(), Infallible> {
        Ok(())
    }

    fn resume(&mut self, _: usize) -> Result<(), Infallible> {
        Ok(())
    }

    fn let_go(&mut self, _: usize) -> Result<(), Infallible> {
        Ok(())
    }

    fn close(self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// A partition of the log.
#[derive(Debug)]
pub(super) struct MemoryLane {
    contents: Contents,
    partition: usize,
    next: u64,
    share: u64,
    room: Room,
    /// The most messages that were in flight at one of its checks.
    pub(super) most_in_flight: u64,
    /// The first lack of back-pressure.
    pub(super) jam: Option<DeliveryViolation>,
    evidence: Arc<Evidence>,
}

impl Lane for MemoryLane {
    type Message = Message;
    type Error = Infallible;

    fn receive(&mut self, most: usize, records: &mut Vec<Record<Message>>) -> Result<Input, Infallible> {
        let end = self.share.min(self.next + most as u64);
        self.evidence.fetch(self.partition, end - self.next);
        let in_flight = self.evidence.in_flight();
        self.most_in_flight = self.most_in_flight.max(in_flight);
        if let Some(limit) = self.room.limit.filter(|limit| in_flight > *limit) {
            self.jam.get_or_insert(DeliveryViolation::NoBackPressure { in_flight, limit });
        }
        for seq in self.next..end {
            let id = MessageId { producer: self.partition, seq };
            records.push(Record { offset: seq, key: Some(self.contents.key(id)), message: Message::new(id) });
        }
        self.next = end;
        Ok(if end == self.share { Input::Ended } else { Input::Open })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_messages_fails_and_some_of_these_for_ever() {
        let contents = Contents { keys: 10, failing: 100 };
        let failures: Vec<u32> = (0..10_000)
            .map(|seq| contents.failures(MessageId { producer: 3, seq }))
            .filter(|own| *own > 0)
            .collect();
        assert!((800..1_200).contains(&failures.len()), "{}", failures.len());
        for expected in [1, 2, 3, u32::MAX] {
            assert!(failures.iter().filter(|own| **own == expected).count() > 150, "{expected}");
        }
        assert_eq!(Contents { failing: 0, ..contents }.failures(MessageId { producer: 0, seq: 0 }), 0);
        let keys: std::collections::BTreeSet<u64> =
            (0..1_000).map(|seq| contents.key(MessageId { producer: 0, seq })).collect();
        assert_eq!(keys.len(), 10);
    }
}
