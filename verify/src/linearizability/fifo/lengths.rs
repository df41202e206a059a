//! Lengths in the fast checker: each is held to what the queue can have held at a moment of its operation.
//!
//! At the moment `t` a message is *certainly* in the queue if its send returned before `t` and its receive was invoked after it, and it
//! *may* be in the queue if its send was invoked by then and its receive had not returned before. In any legal order the operations
//! take effect at moments that lie between their invocations and returns and do not go back (each at the latest invocation of those up to
//! it in the order). So the length that is told at `t` is at least the number of messages that are certainly there, and at most the number
//! of those that may be, and the limit. An answer that is outside of these bounds at every moment of its operation is in no legal order.
//!
//! The bounds change at few moments. The lower one falls when a receive is invoked, the upper one rises when a send is, and both turn the
//! other way just after a return: an operation's own invocation and those of sends and receives during it are all that need be looked at.
//! Each look is a bisection in sorted stamps, and an invocation lies in at most one length of each thread, so that all of it takes
//! O(T n log n) for T threads that ask.
//!
//! What is not seen: two answers of which each has a moment, but not both in one order. With one send that never returns, the
//! lengths 1 and then 0 pass here, though nobody received; the general checker refutes them. A history with lengths may therefore pass here
//! though it has no legal order, never the other way. Of an answer of 0 the lower bound asks what *not empty* of the parent module does.

use super::{Life, Violation};
use crate::linearizability::history::{Answer, History, NEVER};

/// When messages come and go, each list sorted.
struct Moments {
    /// Returns of sends and invocations of receives, of messages that are certainly in the queue between the two.
    certain_from: Vec<u64>,
    certain_to: Vec<u64>,
    /// Invocations of sends that took effect, or may have.
    possible_from: Vec<u64>,
    /// Returns of receives.
    possible_to: Vec<u64>,
    limit: u64,
}

fn sorted(stamps: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut stamps: Vec<u64> = stamps.collect();
    stamps.sort_unstable();
    stamps
}

/// How many stamps are smaller than this.
fn below(stamps: &[u64], stamp: u64) -> u64 {
    stamps.partition_point(|&other| other < stamp) as u64
}

impl Moments {
    fn new(history: &History, lives: &[Life]) -> Self {
        let certain = || lives.iter().filter(|life| life.send_returned < life.receive_invoked);
        // Not of `lives`: a send that is pending and whose message did not arrive is missing there.
        let sends = history.operations.iter().filter(|operation| {
            operation.action.sends().is_some() && matches!(operation.answer, Some(Answer::Done) | None)
        });
        let arrived = lives.iter().filter(|life| life.receive.is_some());
        Moments {
            certain_from: sorted(certain().map(|life| life.send_returned)),
            certain_to: sorted(certain().map(|life| life.receive_invoked)),
            possible_from: sorted(sends.map(|operation| operation.invoked)),
            possible_to: sorted(arrived.map(|life| life.receive_returned)),
            limit: history.slots.map_or(u64::MAX, |slots| slots as u64),
        }
    }

    /// How many messages are certainly in the queue at this moment, and how many may be.
    fn bounds(&self, at: u64) -> (u64, u64) {
        // Stamps are whole numbers: up to `at` is below the next.
        let certain = below(&self.certain_from, at) - below(&self.certain_to, at + 1);
        let possible = below(&self.possible_from, at + 1) - below(&self.possible_to, at);
        (certain, possible.min(self.limit))
    }

    /// The moments of an operation at which the bounds are widest.
    fn within(&self, invoked: u64, returned: u64) -> impl Iterator<Item = u64> {
        let during = move |stamps: &'_ [u64]| {
            let from = stamps.partition_point(|&stamp| stamp <= invoked);
            let to = stamps.partition_point(|&stamp| stamp <= returned);
            from..to
        };
        let falls = self.certain_to[during(&self.certain_to)].iter();
        let rises = self.possible_from[during(&self.possible_from)].iter();
        std::iter::once(invoked).chain(falls.copied()).chain(rises.copied())
    }
}

/// Looks for a length that the queue had at no moment of the operation that told it.
pub(super) fn check(history: &History, lives: &[Life]) -> Result<(), Violation> {
    let mut told = history.operations.iter().enumerate().filter(|(_, one)| one.length().is_some()).peekable();
    if told.peek().is_none() {
        return Ok(());
    }
    let moments = Moments::new(history, lives);
    for (says, operation) in told {
        let (mut least, mut most) = (u64::MAX, 0);
        let had = moments.within(operation.invoked, operation.returned).any(|at| {
            let (certain, possible) = moments.bounds(at);
            (least, most) = (least.min(certain), most.max(possible));
            operation.length().is_some_and(|length| (certain..=possible).contains(&length))
        });
        if !had {
            let around = around(history, lives, operation.invoked, operation.returned);
            return Err(Violation::Miscounted { says, least, most, around });
        }
    }
    Ok(())
}

/// The operations with each message that may have been in the queue between these stamps, and the receives that may have taken one.
fn around(history: &History, lives: &[Life], invoked: u64, returned: u64) -> Vec<usize> {
    let there = lives.iter().filter(|life| life.send_invoked <= returned && life.receive_returned >= invoked);
    let mut places: Vec<usize> = there.flat_map(|life| [Some(life.send), life.receive]).flatten().collect();
    let pending = history.operations.iter().enumerate();
    let pending = pending.filter(|(_, one)| one.returned == NEVER && one.invoked <= returned);
    // A pending send whose message arrived is among the others.
    let unknown = pending.filter(|(place, one)| {
        one.action.receives()
            || (one.action.sends().is_some() && lives.iter().all(|life| life.send != *place))
    });
    places.extend(unknown.map(|(place, _)| place));
    places
}
