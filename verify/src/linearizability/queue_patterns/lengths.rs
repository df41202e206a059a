//! Lengths in the fast checker: each must be one that the queue can have had at a moment of the call.
//!
//! At the moment `t` a message is *certainly* queued if its send returned before `t` and its receive was
//! invoked after `t`. It *may* be queued if its send was invoked by `t` and its receive had not returned
//! before `t`. In any legal order the operations take effect at moments that lie between their invocations
//! and returns and never go back (each at the latest invocation among those up to it in the order). The
//! length reported at `t` is therefore at least the number of messages that are certainly queued, and at most
//! the number that may be and the capacity. An answer outside these bounds at every moment of its call is in
//! no legal order.
//!
//! The bounds change at few moments. The lower one falls when a receive is invoked, and the upper one rises
//! when a send is invoked; both turn the other way just after a return. It is enough to check the invocation
//! of the call itself and those of the sends and receives during it. Each check is a bisection in sorted
//! stamps, and an invocation lies in at most one length of each thread, so T threads that call `len` take O(T
//! n log n).
//!
//! Two answers that each have a moment, but not both in one order, are not seen. With one send that never
//! returns, the lengths 1 and then 0 pass here although nothing was received; the general checker refutes
//! them. A history with lengths may therefore pass although it has no legal order, but never the reverse. For
//! an answer of 0, the lower bound is the pattern *not empty* of the parent module.

use super::{MessageSpan, QueueViolation};
use crate::linearizability::history::{Answer, History, NEVER};

/// The moments at which messages come and go, each list sorted.
struct Moments {
    /// Returns of sends and invocations of receives, for messages that are certainly queued between the two.
    certain_from: Vec<u64>,
    certain_to: Vec<u64>,
    /// Invocations of sends that took effect or may have.
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

/// The number of stamps below this one.
fn below(stamps: &[u64], stamp: u64) -> u64 {
    stamps.partition_point(|&other| other < stamp) as u64
}

impl Moments {
    fn new(history: &History, spans: &[MessageSpan]) -> Self {
        let certain = || spans.iter().filter(|span| span.send_returned < span.receive_invoked);
        // Not from `spans`, which omits pending sends whose message did not arrive.
        let sends = history.operations.iter().filter(|operation| {
            operation.action.sends().is_some() && matches!(operation.answer, Some(Answer::Done) | None)
        });
        let arrived = spans.iter().filter(|span| span.receive.is_some());
        Moments {
            certain_from: sorted(certain().map(|span| span.send_returned)),
            certain_to: sorted(certain().map(|span| span.receive_invoked)),
            possible_from: sorted(sends.map(|operation| operation.invoked)),
            possible_to: sorted(arrived.map(|span| span.receive_returned)),
            limit: history.slots.map_or(u64::MAX, |slots| slots as u64),
        }
    }

    /// The number of messages that are certainly queued at this moment, and the number that may be.
    fn bounds(&self, at: u64) -> (u64, u64) {
        // Stamps are integers: up to `at` is below `at + 1`.
        let certain = below(&self.certain_from, at) - below(&self.certain_to, at + 1);
        let possible = below(&self.possible_from, at + 1) - below(&self.possible_to, at);
        (certain, possible.min(self.limit))
    }

    /// The moments of a call at which the bounds are widest.
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

/// Searches for a length that the queue had at no moment of the call.
pub(super) fn check(history: &History, spans: &[MessageSpan]) -> Result<(), QueueViolation> {
    let mut calls =
        history.operations.iter().enumerate().filter(|(_, one)| one.length().is_some()).peekable();
    if calls.peek().is_none() {
        return Ok(());
    }
    let moments = Moments::new(history, spans);
    for (says, operation) in calls {
        let (mut min, mut max) = (u64::MAX, 0);
        let had = moments.within(operation.invoked, operation.returned).any(|at| {
            let (certain, possible) = moments.bounds(at);
            (min, max) = (min.min(certain), max.max(possible));
            operation.length().is_some_and(|length| (certain..=possible).contains(&length))
        });
        if !had {
            let around = around(history, spans, operation.invoked, operation.returned);
            return Err(QueueViolation::WrongLength { says, min, max, around });
        }
    }
    Ok(())
}

/// The operations with each message that may have been queued between these stamps, and the receives that may
/// have taken one.
fn around(history: &History, spans: &[MessageSpan], invoked: u64, returned: u64) -> Vec<usize> {
    let there = spans.iter().filter(|span| span.send_invoked <= returned && span.receive_returned >= invoked);
    let mut indices: Vec<usize> = there.flat_map(|span| [Some(span.send), span.receive]).flatten().collect();
    let pending = history.operations.iter().enumerate();
    let pending = pending.filter(|(_, one)| one.returned == NEVER && one.invoked <= returned);
    // A pending send whose message arrived is already among them.
    let unknown = pending.filter(|(index, one)| {
        one.action.receives()
            || (one.action.sends().is_some() && spans.iter().all(|span| span.send != *index))
    });
    indices.extend(unknown.map(|(index, _)| index));
    indices
}
