//! Messages whose drops are counted one by one.

use std::sync::atomic::{AtomicU32, Ordering};

use super::scene::Checked;
use crate::violation::Violation;

/// The number of drops of each message.
///
/// The counts are leaked, so that messages are plain data: a channel that delivers one twice is caught by the
/// count and does not free memory twice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counts(&'static [AtomicU32]);

impl Counts {
    pub(super) fn new(messages: u64) -> Self {
        Counts(Vec::leak((0..messages).map(|_| AtomicU32::new(0)).collect()))
    }

    /// The message with this number.
    pub(super) fn message(self, number: u64) -> Counted {
        Counted { number, counts: self }
    }

    /// The number of drops of a message.
    pub(super) fn dropped(self, number: u64) -> u32 {
        // Acquire: pairs with the Release of the drop.
        self.0[number as usize].load(Ordering::Acquire)
    }

    /// The number of the first `messages` that were not dropped.
    pub(super) fn alive(self, messages: u64) -> u64 {
        (0..messages).filter(|&number| self.dropped(number) == 0).count() as u64
    }

    /// Checks that each of the first `messages` was dropped exactly once.
    pub(super) fn each_once(self, messages: u64) -> Checked {
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
    pub(super) number: u64,
    counts: Counts,
}

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // Release: pairs with the Acquire of `Counts::dropped`.
        self.counts.0[self.number as usize].fetch_add(1, Ordering::Release);
    }
}

/// Checks that each expected number arrived once; names the missing and the doubled ones.
pub(super) fn each_once(mut arrived: Vec<u64>, expected: impl Iterator<Item = u64>) -> Checked {
    arrived.sort_unstable();
    let mut expected: Vec<u64> = expected.collect();
    expected.sort_unstable();
    if arrived == expected {
        return Ok(());
    }
    let doubled: Vec<u64> =
        arrived.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    let missing: Vec<u64> =
        expected.iter().copied().filter(|number| arrived.binary_search(number).is_err()).collect();
    let some = |numbers: &[u64]| numbers.iter().take(8).map(u64::to_string).collect::<Vec<_>>().join(", ");
    Err(Violation::new(
        format!("each of {} messages arrives exactly once", expected.len()),
        format!(
            "{} arrived; {} missing ({}), {} twice ({})",
            arrived.len(),
            missing.len(),
            some(&missing),
            doubled.len(),
            some(&doubled)
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_and_doubled_messages_are_named() {
        assert_eq!(each_once(vec![2, 0, 1], 0..3), Ok(()));
        let violation = each_once(vec![2, 0, 2], 0..3).expect_err("1 is missing");
        assert_eq!(violation.happened, "3 arrived; 1 missing (1), 1 twice (2)");
    }

    #[test]
    fn drops_are_counted() {
        let counts = Counts::new(2);
        drop(counts.message(1));
        assert_eq!((counts.dropped(0), counts.dropped(1), counts.alive(2)), (0, 1, 1));
        assert!(counts.each_once(2).is_err());
        drop(counts.message(0));
        assert_eq!(counts.each_once(2), Ok(()));
        drop(counts.message(0));
        assert!(counts.each_once(2).is_err());
    }
}
