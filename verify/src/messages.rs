//! The messages that the methods send, each made to show one kind of mistake of a channel.

use std::cell::{Cell, RefCell};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::violation::Violation;

/// The number of drops of each message.
///
/// The counts are leaked, so that messages are plain data: a channel that delivers one twice is caught by the
/// count and does not free memory twice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MessageCounts(&'static [AtomicU32]);

impl MessageCounts {
    pub(crate) fn new(messages: u64) -> Self {
        MessageCounts(Vec::leak((0..messages).map(|_| AtomicU32::new(0)).collect()))
    }

    /// The message with this number.
    pub(crate) fn message(self, number: u64) -> Counted {
        Counted { number, counts: self }
    }

    /// The number of drops of a message.
    pub(crate) fn dropped(self, number: u64) -> u32 {
        // Acquire: pairs with the Release of the drop.
        self.0[number as usize].load(Ordering::Acquire)
    }

    /// The number of the first `messages` that were not dropped.
    pub(crate) fn alive(self, messages: u64) -> u64 {
        (0..messages).filter(|&number| self.dropped(number) == 0).count() as u64
    }

    /// Checks that each of the first `messages` was dropped exactly once.
    pub(crate) fn each_once(self, messages: u64) -> Result<(), Violation> {
        let times: Vec<u32> = (0..messages).map(|number| self.dropped(number)).collect();
        match times.iter().position(|&times| times != 1) {
            None => Ok(()),
            Some(place) => Err(Violation::new(
                "every message is dropped exactly once",
                format!("message {place} was dropped {} times", times[place]),
            )),
        }
    }
}

/// A message that counts its drop.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) number: u64,
    counts: MessageCounts,
}

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // Release: pairs with the Acquire of `MessageCounts::dropped`.
        self.counts.0[self.number as usize].fetch_add(1, Ordering::Release);
    }
}

/// A message that may panic when it is dropped.
pub(crate) struct PanicsOnDrop {
    pub(crate) _counted: Counted,
    pub(crate) panics: bool,
}

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        if self.panics {
            // Does not call the panic hook.
            resume_unwind(Box::new("a message's Drop panics"));
        }
    }
}

/// A message aligned to a cache line.
#[repr(align(64))]
pub(crate) struct Aligned(pub(crate) usize);

/// A message that owns memory.
pub(crate) type Owning = Box<(Vec<usize>, String)>;

/// The number of words of a [`Large`] message.
pub(crate) const LARGE: usize = 4096 / size_of::<u64>();

/// A large message.
pub(crate) type Large = [u64; LARGE];

/// A message of several words, each of which is the number.
pub type LongMessage = [u64; 6];

thread_local! {
    /// The number of drops of [`ZeroSized`] on this thread.
    pub(crate) static ZERO_SIZED_DROPS: Cell<u64> = const { Cell::new(0) };
    /// The number of drops of each [`SequenceMessage`] of this thread's sequence.
    pub(crate) static SEQUENCE_DROPS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A zero-sized message that counts its drops.
pub(crate) struct ZeroSized;

impl Drop for ZeroSized {
    fn drop(&mut self) {
        ZERO_SIZED_DROPS.set(ZERO_SIZED_DROPS.get() + 1);
    }
}

/// A message of a sequence of operations, which counts its drops. It is plain data, so delivering it twice does no other
/// harm.
#[derive(Debug)]
pub(crate) struct SequenceMessage {
    pub(crate) number: usize,
}

impl SequenceMessage {
    /// The message with this number, and its count.
    pub(crate) fn new(number: usize) -> Self {
        SEQUENCE_DROPS.with_borrow_mut(|dropped| dropped.resize(dropped.len().max(number + 1), 0));
        SequenceMessage { number }
    }
}

impl Drop for SequenceMessage {
    fn drop(&mut self) {
        // A message without a count belongs to an earlier sequence.
        SEQUENCE_DROPS.with_borrow_mut(|dropped| {
            if let Some(times) = dropped.get_mut(self.number) {
                *times = times.saturating_add(1);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_counted() {
        let counts = MessageCounts::new(2);
        drop(counts.message(1));
        assert_eq!((counts.dropped(0), counts.dropped(1), counts.alive(2)), (0, 1, 1));
        assert!(counts.each_once(2).is_err());
        drop(counts.message(0));
        assert_eq!(counts.each_once(2), Ok(()));
        drop(counts.message(0));
        assert!(counts.each_once(2).is_err());
    }
}
