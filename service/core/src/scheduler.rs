//! The key scheduler: which message may be worked at now.
//!
//! Messages of one **lane** are worked at one after the other, in the order in which they came; what a lane is, the
//! [`Order`] says. A message holds its lane from its first attempt until it is done, so a later message of the lane
//! overtakes no retry. Partitions take turns, and each has bounds of its own, so a slow one holds back only itself.
//!
//! Messages lie in a table of slots. A lane is a list through the table: each slot names its follower, and a map
//! finds the last slot of a lane, so a message costs two look-ups and no allocation.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Duration;

/// Which messages of a partition are worked at one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// All of them: the partition is one lane.
    Partition,
    /// Those with the same key. A message without a key is in no lane.
    Key,
    /// None.
    None,
}

/// The bounds of a scheduler, the same for each partition.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Messages of a partition that are held at a time: waiting, at work, or to be retried. At least 1.
    pub in_flight: usize,
    /// Messages of a partition that are at work at a time, those included that wait for a worker. At least 1. Below
    /// the number of workers, a slow partition leaves workers to the others.
    pub at_work: usize,
    /// Attempts after the first one, before a message becomes a dead letter.
    pub retries: u32,
    /// The time between a failed attempt and the next one.
    pub retry_delay: Duration,
}

/// Names a message at work. It is good for one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    slot: usize,
    /// Never used again, so an old ticket fits no later message of its slot.
    serial: u64,
}

/// A message to work at.
#[derive(Debug)]
pub struct Job<M> {
    /// To be given back with the outcome.
    pub ticket: Ticket,
    /// Its partition.
    pub partition: usize,
    /// Its offset in the partition.
    pub offset: u64,
    /// Failed attempts before this one.
    pub attempt: u32,
    /// Whether all attempts have failed, and the message goes to the dead-letter output instead.
    pub is_dead: bool,
    /// The message.
    pub message: M,
}

/// A message that was finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Its partition.
    pub partition: usize,
    /// Its offset.
    pub offset: u64,
    /// Whether it went to the dead-letter output.
    pub is_dead: bool,
    /// Whether its partition was dropped while it was at work, so that its end counts for nothing.
    pub is_orphan: bool,
}

/// The ticket fits no message at work: it was answered before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message was answered twice")]
pub struct AnsweredTwice;

/// What a partition holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Messages at work.
    pub at_work: usize,
    /// Messages whose next attempt has its time.
    pub delayed: usize,
    /// Messages that wait for a worker or for their lane.
    pub waiting: usize,
}

#[derive(Debug)]
enum State<M> {
    /// No message.
    Free,
    /// Behind another one of its lane.
    Behind(M),
    /// Waits for a worker.
    Ready(M),
    /// Waits for its next attempt.
    Delayed(M),
    /// A worker has it.
    AtWork,
    /// A worker has it, but its partition was dropped.
    Orphan,
}

#[derive(Debug)]
struct Slot<M> {
    serial: u64,
    partition: usize,
    offset: u64,
    /// `None` when it is in no lane.
    lane: Option<u64>,
    attempt: u32,
    /// The next message of its lane.
    follower: Option<usize>,
    state: State<M>,
}

/// Spreads a lane's number over the buckets of a map, by multiplication with 2^64 divided by the golden ratio (Knuth,
/// "The Art of Computer Programming" 3, 6.4). A collision costs time only.
#[derive(Clone, Copy, Debug, Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(u64::from(byte)));
    }

    fn write_u64(&mut self, number: u64) {
        let product = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        // The map takes its buckets from the low bits and its tags from the high ones.
        self.0 = product ^ (product >> 32);
    }
}

#[derive(Debug, Default)]
struct Partition {
    /// For each lane with a message, its last slot.
    lanes: HashMap<u64, usize, BuildHasherDefault<Spread>>,
    /// Slots that wait for a worker.
    ready: VecDeque<usize>,
    /// Messages that are held.
    in_flight: usize,
    /// Messages at work, orphans included: they occupy workers.
    at_work: usize,
    /// Orphans among these.
    orphans: usize,
    delayed: usize,
    /// Whether the partition is in the ring.
    in_ring: bool,
}

/// The key scheduler.
#[derive(Debug)]
pub struct Scheduler<M> {
    order: Order,
    limits: Limits,
    /// Messages of all partitions together that are at work at a time.
    most_at_work: usize,
    slots: Vec<Slot<M>>,
    free: Vec<usize>,
    partitions: Vec<Partition>,
    /// Partitions with a message that a worker may have, in the order of their turns.
    ring: VecDeque<usize>,
    /// Delayed messages: the time of the next attempt, the serial number and the slot.
    delayed: BinaryHeap<Reverse<(Duration, u64, usize)>>,
    serials: u64,
    /// Messages that workers have, orphans included.
    at_work: usize,
}

impl<M> Scheduler<M> {
    /// A scheduler of `partitions` partitions.
    pub fn new(partitions: usize, order: Order, limits: Limits) -> Self {
        let limits = Limits { in_flight: limits.in_flight.max(1), at_work: limits.at_work.max(1), ..limits };
        Scheduler {
            order,
            limits,
            most_at_work: usize::MAX,
            slots: Vec::new(),
            free: Vec::new(),
            partitions: std::iter::repeat_with(Partition::default).take(partitions).collect(),
            ring: VecDeque::new(),
            delayed: BinaryHeap::new(),
            serials: 0,
            at_work: 0,
        }
    }

    /// Bounds the messages of all partitions together that are at work at a time, orphans included; at least 1.
    pub fn bound_at_work(&mut self, most: usize) {
        self.most_at_work = most.max(1);
    }

    /// The bounds.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How many more messages of this partition may be held.
    pub fn room(&self, partition: usize) -> usize {
        self.partitions.get(partition).map_or(0, |own| self.limits.in_flight.saturating_sub(own.in_flight))
    }

    /// The messages of this partition that are held.
    pub fn in_flight(&self, partition: usize) -> usize {
        self.partitions.get(partition).map_or(0, |own| own.in_flight)
    }

    /// Whether a message of this partition waits for a worker.
    pub fn has_ready(&self, partition: usize) -> bool {
        self.partitions.get(partition).is_some_and(|own| !own.ready.is_empty())
    }

    /// What this partition holds.
    pub fn held(&self, partition: usize) -> Held {
        self.partitions.get(partition).map_or_else(Held::default, |own| {
            let at_work = own.at_work - own.orphans;
            Held { at_work, delayed: own.delayed, waiting: own.in_flight - at_work - own.delayed }
        })
    }

    /// Whether no worker has a message.
    pub fn is_idle(&self) -> bool {
        self.at_work == 0
    }

    /// Whether a worker can have a message now.
    pub fn is_ready(&self) -> bool {
        !self.ring.is_empty() && self.at_work < self.most_at_work
    }

    /// Takes a message; gives it back when the partition has no room.
    ///
    /// # Errors
    ///
    /// The message.
    pub fn push(&mut self, partition: usize, offset: u64, key: Option<u64>, message: M) -> Result<(), M> {
        if self.room(partition) == 0 {
            return Err(message);
        }
        let lane = match self.order {
            Order::Partition => Some(0),
            Order::Key => key,
            Order::None => None,
        };
        let slot = self.slot();
        let mut ahead = None;
        if let Some(own) = self.partitions.get_mut(partition) {
            own.in_flight += 1;
            if let Some(lane) = lane {
                ahead = own.lanes.insert(lane, slot);
            }
        }
        self.serials += 1;
        let serial = self.serials;
        if let Some(ahead) = ahead.and_then(|ahead| self.slots.get_mut(ahead)) {
            ahead.follower = Some(slot);
        }
        let state = if ahead.is_some() { State::Behind(message) } else { State::Ready(message) };
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Slot { serial, partition, offset, lane, attempt: 0, follower: None, state };
        }
        if ahead.is_none() {
            self.make_ready(partition, slot);
        }
        Ok(())
    }

    /// A slot without a message.
    fn slot(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                serial: 0,
                partition: 0,
                offset: 0,
                lane: None,
                attempt: 0,
                follower: None,
                state: State::Free,
            });
            self.slots.len() - 1
        })
    }

    /// Puts a slot whose message is ready into its partition's queue.
    fn make_ready(&mut self, partition: usize, slot: usize) {
        if let Some(own) = self.partitions.get_mut(partition) {
            own.ready.push_back(slot);
        }
        self.enter_ring(partition);
    }

    /// Gives the partition a turn, if it has a message for a worker and none yet.
    fn enter_ring(&mut self, partition: usize) {
        if let Some(own) = self.partitions.get_mut(partition)
            && !own.in_ring
            && !own.ready.is_empty()
            && own.at_work < self.limits.at_work
        {
            own.in_ring = true;
            self.ring.push_back(partition);
        }
    }

    /// The next message to work at: of the partition whose turn it is, the one that has waited longest.
    pub fn take(&mut self, now: Duration) -> Option<Job<M>> {
        self.wake(now);
        while self.at_work < self.most_at_work
            && let Some(partition) = self.ring.pop_front()
        {
            let Some(own) = self.partitions.get_mut(partition) else { continue };
            own.in_ring = false;
            let Some(index) = own.ready.pop_front() else { continue };
            let Some(slot) = self.slots.get_mut(index) else { continue };
            let State::Ready(message) = std::mem::replace(&mut slot.state, State::AtWork) else { continue };
            own.at_work += 1;
            self.at_work += 1;
            let job = Job {
                ticket: Ticket { slot: index, serial: slot.serial },
                partition,
                offset: slot.offset,
                attempt: slot.attempt,
                is_dead: slot.attempt > self.limits.retries,
                message,
            };
            self.enter_ring(partition);
            return Some(job);
        }
        None
    }

    /// Makes delayed messages ready whose time has come.
    fn wake(&mut self, now: Duration) {
        while let Some(&Reverse((due, serial, index))) = self.delayed.peek()
            && due <= now
        {
            self.delayed.pop();
            let Some(slot) = self.slots.get_mut(index).filter(|slot| slot.serial == serial) else { continue };
            let partition = slot.partition;
            match std::mem::replace(&mut slot.state, State::Free) {
                State::Delayed(message) => slot.state = State::Ready(message),
                other => {
                    slot.state = other;
                    continue;
                }
            }
            if let Some(own) = self.partitions.get_mut(partition) {
                own.delayed -= 1;
            }
            self.make_ready(partition, index);
        }
    }

    /// The time of the next attempt of a delayed message, if there is one.
    pub fn next_due(&self) -> Option<Duration> {
        self.delayed.peek().map(|Reverse((due, ..))| *due)
    }

    /// Ends the work at a message: it is processed, or written to the dead-letter output. The next message of its lane
    /// becomes ready.
    ///
    /// # Errors
    ///
    /// [`AnsweredTwice`].
    pub fn finish(&mut self, ticket: Ticket) -> Result<Finished, AnsweredTwice> {
        let slot = self.at_work(ticket)?;
        let is_orphan = matches!(slot.state, State::Orphan);
        let (partition, lane, follower) = (slot.partition, slot.lane, slot.follower.take());
        let (offset, attempt) = (slot.offset, slot.attempt);
        slot.state = State::Free;
        self.free.push(ticket.slot);
        self.at_work -= 1;
        if let Some(own) = self.partitions.get_mut(partition) {
            own.at_work -= 1;
            if is_orphan {
                own.orphans -= 1;
            } else {
                own.in_flight -= 1;
            }
            if let Some(lane) = lane
                && follower.is_none()
                && let Entry::Occupied(last) = own.lanes.entry(lane)
                && *last.get() == ticket.slot
            {
                last.remove();
            }
        }
        if let Some(follower) = follower {
            self.promote(partition, follower);
        }
        // A turn that the bound of messages at work had kept from it.
        self.enter_ring(partition);
        Ok(Finished { partition, offset, is_dead: attempt > self.limits.retries, is_orphan })
    }

    /// Ends an attempt that failed: the message is tried again later, or becomes a dead letter.
    ///
    /// A dead letter that could not be written is tried again later as well.
    ///
    /// # Errors
    ///
    /// [`AnsweredTwice`].
    pub fn fail(&mut self, ticket: Ticket, message: M, now: Duration) -> Result<Finished, AnsweredTwice> {
        let Limits { retries, retry_delay, .. } = self.limits;
        let slot = self.at_work(ticket)?;
        if matches!(slot.state, State::Orphan) {
            return self.finish(ticket);
        }
        let was_dead = slot.attempt > retries;
        slot.attempt = slot.attempt.saturating_add(u32::from(!was_dead));
        let failed = Finished {
            partition: slot.partition,
            offset: slot.offset,
            is_dead: slot.attempt > retries,
            is_orphan: false,
        };
        let is_at_once = failed.is_dead && !was_dead;
        slot.state = if is_at_once { State::Ready(message) } else { State::Delayed(message) };
        self.at_work -= 1;
        if let Some(own) = self.partitions.get_mut(failed.partition) {
            own.at_work -= 1;
            own.delayed += usize::from(!is_at_once);
        }
        if is_at_once {
            self.make_ready(failed.partition, ticket.slot);
        } else {
            self.delayed.push(Reverse((now.saturating_add(retry_delay), ticket.serial, ticket.slot)));
            self.enter_ring(failed.partition);
        }
        Ok(failed)
    }

    fn at_work(&mut self, ticket: Ticket) -> Result<&mut Slot<M>, AnsweredTwice> {
        let slot = self.slots.get_mut(ticket.slot).filter(|slot| slot.serial == ticket.serial);
        slot.filter(|slot| matches!(slot.state, State::AtWork | State::Orphan)).ok_or(AnsweredTwice)
    }

    /// Makes the message ready that was behind a finished one.
    fn promote(&mut self, partition: usize, index: usize) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        match std::mem::replace(&mut slot.state, State::Free) {
            State::Behind(message) => {
                slot.state = State::Ready(message);
                self.make_ready(partition, index);
            }
            other => slot.state = other,
        }
    }

    /// Drops what is held of a partition, and returns the messages that no worker has.
    ///
    /// Those at work become orphans: their end will count for nothing, but until then they hold their lanes, so that
    /// no key is at work twice even if the partition comes back meanwhile.
    pub fn drop_partition(&mut self, partition: usize) -> Vec<M> {
        let mut dropped = Vec::new();
        let mut lanes = HashMap::default();
        let mut orphans = 0;
        for (index, slot) in self.slots.iter_mut().enumerate().filter(|(_, slot)| slot.partition == partition)
        {
            slot.follower = None;
            match std::mem::replace(&mut slot.state, State::Free) {
                State::Free => {}
                State::AtWork | State::Orphan => {
                    slot.state = State::Orphan;
                    orphans += 1;
                    lanes.extend(slot.lane.map(|lane| (lane, index)));
                }
                State::Behind(message) | State::Ready(message) | State::Delayed(message) => {
                    self.free.push(index);
                    dropped.push(message);
                }
            }
        }
        if let Some(own) = self.partitions.get_mut(partition) {
            let in_ring = own.in_ring;
            *own = Partition { lanes, orphans, at_work: orphans, in_ring, ..Partition::default() };
        }
        dropped
    }
}
