//! The messages that flow through the channels: numbered, checkable on arrival, and with counted drops.
//!
//! A receiver that has checked a message acknowledges it; this consumes the message without counting a drop.
//! So only the drops of *others* are counted: the channel's, or those of a sender that got its message back.
//! Every payload was dropped exactly once if that [`Tally`] equals the tally of the messages that were
//! created and not delivered. A message that arrives costs nothing extra, and each thread has its own count,
//! since a shared counter would add contention to the measurement.

use std::cell::Cell;
use std::fmt;
use std::mem;

/// The identity of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId {
    /// The producer's index.
    pub producer: usize,
    /// The position among that producer's messages, from 0.
    pub seq: u64,
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message {} of producer {}", self.seq, self.producer)
    }
}

/// Bits of a packed id that hold the producer; the others hold the sequence number.
const PRODUCER_BITS: u32 = 16;
const SEQ_BITS: u32 = u64::BITS - PRODUCER_BITS;

impl MessageId {
    #[inline]
    fn pack(self) -> u64 {
        debug_assert!(self.producer < 1 << PRODUCER_BITS && self.seq < 1 << SEQ_BITS);
        (self.producer as u64) << SEQ_BITS | self.seq
    }

    #[inline]
    fn unpack(packed: u64) -> Self {
        MessageId { producer: (packed >> SEQ_BITS) as usize, seq: packed & ((1 << SEQ_BITS) - 1) }
    }
}

/// The error of a payload whose words do not match its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

/// A message of a certain size and kind.
pub trait Payload: Send + 'static {
    /// Builds the message with this id.
    fn new(id: MessageId) -> Self;

    /// Reads the whole payload and returns its id.
    ///
    /// # Errors
    ///
    /// [`Corrupt`] when the payload is not as it was built.
    fn read(&self) -> Result<MessageId, Corrupt>;

    /// Consumes a message that was delivered and checked. It counts as delivered, not as dropped.
    fn acknowledge(self);
}

/// An inline message: an id of 8 bytes and `WORDS` words of 8 bytes derived from it.
#[derive(Debug)]
pub struct Message<const WORDS: usize = 0> {
    id: u64,
    words: [u64; WORDS],
}

/// 2^64 divided by the golden ratio: odd, so that multiplication by it is a bijection, with well-spread bits.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// The word at `index` of the message `id`. It differs between positions and between messages.
#[inline]
fn word(id: u64, index: usize) -> u64 {
    id.wrapping_mul(SPREAD).wrapping_add(index as u64)
}

impl<const WORDS: usize> Payload for Message<WORDS> {
    #[inline]
    fn new(id: MessageId) -> Self {
        let id = id.pack();
        Message { id, words: std::array::from_fn(|index| word(id, index)) }
    }

    #[inline]
    fn read(&self) -> Result<MessageId, Corrupt> {
        // No branch per word, so that the compiler can compare several words at once.
        let differences = self
            .words
            .iter()
            .enumerate()
            .fold(0, |seen, (index, found)| seen | (found ^ word(self.id, index)));
        if differences == 0 { Ok(MessageId::unpack(self.id)) } else { Err(Corrupt) }
    }

    #[inline]
    fn acknowledge(self) {
        // A message owns nothing but its words.
        mem::forget(self);
    }
}

impl<const WORDS: usize> Drop for Message<WORDS> {
    #[inline]
    fn drop(&mut self) {
        DROPPED.set(DROPPED.get() + Tally::from_packed(self.id));
    }
}

impl<P: Payload> Payload for Box<P> {
    #[inline]
    fn new(id: MessageId) -> Self {
        Box::new(P::new(id))
    }

    #[inline]
    fn read(&self) -> Result<MessageId, Corrupt> {
        P::read(self)
    }

    #[inline]
    fn acknowledge(self) {
        P::acknowledge(*self);
    }
}

/// A multiset of messages in brief: their number and the wrapping sum of their fingerprints, so that one
/// message too many and another too few do not cancel out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The number of messages.
    pub count: u64,
    fingerprint: u64,
}

impl Tally {
    /// The tally of one message.
    pub fn from_id(id: MessageId) -> Self {
        Tally::from_packed(id.pack())
    }

    /// The fingerprint is not linear in the id, so that different sets with the same sum of ids have
    /// different sums.
    fn from_packed(packed: u64) -> Self {
        let spread = packed.wrapping_add(1).wrapping_mul(SPREAD);
        Tally { count: 1, fingerprint: spread ^ (spread >> 32) }
    }
}

impl std::ops::Add for Tally {
    type Output = Tally;

    fn add(self, other: Tally) -> Tally {
        Tally {
            count: self.count + other.count,
            fingerprint: self.fingerprint.wrapping_add(other.fingerprint),
        }
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Tally>>(tallies: I) -> Tally {
        tallies.fold(Tally::default(), std::ops::Add::add)
    }
}

thread_local! {
    // Has no destructor, so that a message may be dropped at any moment of a thread's life.
    static DROPPED: Cell<Tally> = const { Cell::new(Tally { count: 0, fingerprint: 0 }) };
}

/// Takes the tally of the messages that the calling thread dropped since the last call.
pub fn take_dropped() -> Tally {
    DROPPED.take()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(producer: usize, seq: u64) -> MessageId {
        MessageId { producer, seq }
    }

    #[test]
    fn a_message_has_8_bytes_plus_8_per_word() {
        assert_eq!(size_of::<Message>(), 8);
        assert_eq!(size_of::<Message<7>>(), 64);
        assert_eq!(size_of::<Message<127>>(), 1024);
    }

    #[test]
    fn a_payload_returns_its_id() {
        for id in [id(0, 0), id(65_535, (1 << 48) - 1), id(3, 4711)] {
            assert_eq!(Message::<0>::new(id).read(), Ok(id));
            assert_eq!(Box::<Message<31>>::new(Message::new(id)).read(), Ok(id));
        }
    }

    #[test]
    fn a_changed_or_misplaced_word_is_corrupt() {
        let mut changed = Message::<7>::new(id(1, 2));
        changed.words[6] ^= 1 << 40;
        assert_eq!(changed.read(), Err(Corrupt));
        let mut swapped = Message::<7>::new(id(1, 2));
        swapped.words.swap(0, 1);
        assert_eq!(swapped.read(), Err(Corrupt));
    }

    #[test]
    fn drops_are_counted_and_acknowledged_messages_are_not() {
        take_dropped();
        let ids: Vec<MessageId> = (0..10).map(|seq| id(3, seq)).collect();
        let messages: Vec<Message> = ids.iter().copied().map(Message::new).collect();
        assert_eq!(take_dropped(), Tally::default());
        drop(messages);
        assert_eq!(take_dropped(), ids.iter().copied().map(Tally::from_id).sum());
        Message::<7>::new(id(0, 0)).acknowledge();
        Box::new(Message::<31>::new(id(0, 0))).acknowledge();
        assert_eq!(take_dropped(), Tally::default());
    }

    #[test]
    fn tallies_of_different_messages_differ() {
        // The same number of messages and the same sum of ids.
        let tally =
            |seqs: [u64; 2]| -> Tally { seqs.map(|seq| Tally::from_id(id(0, seq))).into_iter().sum() };
        assert_ne!(tally([0, 3]), tally([1, 2]));
    }
}
