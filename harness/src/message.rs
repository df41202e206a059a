//! What flows through the channels: numbered messages that can be checked on arrival and whose drops are counted.
//!
//! Each thread keeps a [`Balance`] of the messages it created and dropped. Added up over all threads of a round it must
//! be zero: every payload was dropped exactly once, whether it was delivered, returned by a failed send, or left in a
//! channel that both ends abandoned. The count is kept per thread (in a `thread_local!` without destructor, one addition each)
//! because a shared counter would be a point of contention that the channels are then measured with.

use std::cell::Cell;

/// Names a message: who sent it, and as which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId {
    /// The producer's index.
    pub producer: usize,
    /// The place among that producer's messages, from 0.
    pub seq: u64,
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
        MessageId {
            producer: (packed >> SEQ_BITS) as usize,
            seq: packed & ((1 << SEQ_BITS) - 1),
        }
    }
}

/// A payload whose words do not belong to its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

/// A message of some size and kind.
pub trait Payload: Send + 'static {
    /// Builds the message of this id.
    fn new(id: MessageId) -> Self;

    /// Reads the whole payload and returns its id.
    ///
    /// # Errors
    ///
    /// [`Corrupt`] when the payload is not the one that was built.
    fn read(&self) -> Result<MessageId, Corrupt>;
}

/// A message held inline: an id of 8 bytes and `WORDS` words of 8 bytes derived from it.
#[derive(Debug)]
pub struct Message<const WORDS: usize = 0> {
    id: u64,
    words: [u64; WORDS],
}

/// Odd, with its bits well spread (2^64 divided by the golden ratio): a multiplication by it is a bijection.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// The word at `index` of the message `id`: different for each place and message.
#[inline]
fn word(id: u64, index: usize) -> u64 {
    id.wrapping_mul(SPREAD).wrapping_add(index as u64)
}

impl<const WORDS: usize> Payload for Message<WORDS> {
    #[inline]
    fn new(id: MessageId) -> Self {
        let id = id.pack();
        balance(1, fingerprint(id));
        Message {
            id,
            words: std::array::from_fn(|index| word(id, index)),
        }
    }

    #[inline]
    fn read(&self) -> Result<MessageId, Corrupt> {
        // Without a branch for each word, so that the compiler may compare several at once.
        let differences = self
            .words
            .iter()
            .enumerate()
            .fold(0, |seen, (index, found)| seen | (found ^ word(self.id, index)));
        if differences == 0 {
            Ok(MessageId::unpack(self.id))
        } else {
            Err(Corrupt)
        }
    }
}

impl<const WORDS: usize> Drop for Message<WORDS> {
    #[inline]
    fn drop(&mut self) {
        balance(-1, fingerprint(self.id).wrapping_neg());
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
}

/// Messages created less messages dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// How many more were created than dropped.
    pub count: i64,
    /// The same as a wrapping sum of one fingerprint for each message, so that a leak of one message and a double drop
    /// of another do not cancel out.
    pub fingerprint: u64,
}

impl std::ops::AddAssign for Balance {
    fn add_assign(&mut self, other: Balance) {
        self.count += other.count;
        self.fingerprint = self.fingerprint.wrapping_add(other.fingerprint);
    }
}

/// Not linear in `id`: sums of fingerprints tell apart what sums of ids do not.
#[inline]
fn fingerprint(id: u64) -> u64 {
    let spread = id.wrapping_add(1).wrapping_mul(SPREAD);
    spread ^ (spread >> 32)
}

thread_local! {
    static COUNT: Cell<i64> = const { Cell::new(0) };
    static FINGERPRINT: Cell<u64> = const { Cell::new(0) };
}

#[inline]
fn balance(count: i64, fingerprint: u64) {
    COUNT.set(COUNT.get() + count);
    FINGERPRINT.set(FINGERPRINT.get().wrapping_add(fingerprint));
}

/// Takes the calling thread's balance and sets it to zero.
pub fn take_balance() -> Balance {
    Balance {
        count: COUNT.take(),
        fingerprint: FINGERPRINT.take(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(producer: usize, seq: u64) -> MessageId {
        MessageId { producer, seq }
    }

    #[test]
    fn a_message_is_as_large_as_its_name_says() {
        assert_eq!(size_of::<Message>(), 8);
        assert_eq!(size_of::<Message<7>>(), 64);
        assert_eq!(size_of::<Message<127>>(), 1024);
    }

    #[test]
    fn ids_survive_the_payload() {
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
    fn the_balance_tells_leaks_and_double_drops_apart() {
        take_balance();
        let messages: Vec<Message> = (0..10).map(|seq| Message::new(id(0, seq))).collect();
        assert_eq!(take_balance().count, 10);
        drop(messages);
        assert_eq!(take_balance().count, -10);

        // Messages 0 and 3 leak, 1 and 2 are dropped twice: neither the count nor the sum of the ids shows it.
        let mut sum = Balance::default();
        for (seq, sign) in [(0, 1), (3, 1), (1, -1), (2, -1)] {
            let fingerprint = fingerprint(id(0, seq).pack());
            let fingerprint = if sign > 0 {
                fingerprint
            } else {
                fingerprint.wrapping_neg()
            };
            sum += Balance {
                count: sign,
                fingerprint,
            };
        }
        assert_eq!(sum.count, 0);
        assert_ne!(sum, Balance::default());
    }
}
