//! The fast checker: refutes histories of an unbounded queue, in which no message is sent twice, in O(n log
//! n).
//!
//! Such a history, without lengths, has a legal order if and only if it has none of a few bad patterns: T.
//! Henzinger, A. Sezgin and V. Vafeiadis, "Aspect-oriented linearizability proofs" (2013); A. Bouajjani, M.
//! Emmi, C. Enea and J. Hamza, "On reducing linearizability to state reachability" (2015). They are the
//! variants of [`QueueViolation`]. One sweep over sorted stamps finds each. U. Mathur and Z. Lee, "Efficient
//! decrease-and-conquer linearizability monitoring" (2025), reach the same bound in another way.
//!
//! - *Overtaken* concerns two messages. Of all messages `a` whose send returned before the send of `b` was
//!   invoked, the receive that was invoked last must not have been invoked after `b` was received. The sweep
//!   visits the messages in the order in which their sends were invoked, and keeps the latest such invocation
//!   among the sends that have returned.
//! - *Not empty* concerns one answer and any number of messages. A message is certainly queued from the
//!   return of its send to the invocation of its receive. Where such spans overlap without a gap for the
//!   whole of an operation, the queue was not empty at any moment of it. The merged spans are few to search.
//!
//! The checker uses the messages that were sent and received, and the answers that imply an empty queue,
//! including the disconnect of a receive. It refutes a disconnect only where fewer drops had begun at its
//! return than there were handles at the beginning. It ignores full, and the capacity except for lengths. A
//! legal history of any channel of this contract passes, rendezvous included. The general checker sees the
//! rest. `lengths.rs` states what is not seen of lengths.

mod lengths;

use std::fmt;

use super::history::{Action, Answer, History, NEVER};

/// A bad pattern: proof that a history has no legal order. Operations are given by their indices in the
/// history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueViolation {
    /// A message arrived damaged, or a failed send did not return its own.
    Damaged(usize),
    /// A call reported a disconnect while the other side still had a handle.
    FalseDisconnect(usize),
    /// A message was received that was never sent.
    NeverSent(usize),
    /// A message was received twice.
    ReceivedTwice(usize, usize),
    /// A message was received before its send was invoked.
    ReceivedTooEarly {
        /// The send.
        send: usize,
        /// The receive.
        receive: usize,
    },
    /// A message was sent before another one, but its receive was invoked after the other one was received,
    /// or never.
    Overtaken {
        /// The send of the overtaken message.
        send: usize,
        /// Its receive.
        receive: Option<usize>,
        /// The send of the overtaking message.
        later_send: usize,
        /// Its receive.
        earlier_receive: usize,
    },
    /// A call reported an empty queue, which was not empty at any moment of the call.
    NotEmpty {
        /// The call.
        says: usize,
        /// The sends and receives of messages that, one after the other, were certainly queued.
        held: Vec<usize>,
    },
    /// A call reported a length that the queue did not have at any moment of the call.
    WrongLength {
        /// The call.
        says: usize,
        /// The minimum, over all moments of the call, of the messages that were certainly queued.
        min: u64,
        /// The maximum of the messages that may have been queued.
        max: u64,
        /// The operations with each message that may have been queued during the call.
        around: Vec<usize>,
    },
}

impl QueueViolation {
    /// The operation with the impossible answer.
    pub fn offender(&self) -> usize {
        match *self {
            QueueViolation::Damaged(index) | QueueViolation::FalseDisconnect(index) => index,
            QueueViolation::NeverSent(index) | QueueViolation::ReceivedTwice(_, index) => index,
            QueueViolation::ReceivedTooEarly { receive, .. } => receive,
            QueueViolation::Overtaken { earlier_receive, .. } => earlier_receive,
            QueueViolation::NotEmpty { says, .. } | QueueViolation::WrongLength { says, .. } => says,
        }
    }

    /// The operations that form the pattern, in the order of the history. They are a violation by themselves.
    pub fn operations(&self) -> Vec<usize> {
        let mut indices = match *self {
            QueueViolation::Damaged(index)
            | QueueViolation::FalseDisconnect(index)
            | QueueViolation::NeverSent(index) => {
                vec![index]
            }
            QueueViolation::ReceivedTwice(first, second) => vec![first, second],
            QueueViolation::ReceivedTooEarly { send, receive } => vec![send, receive],
            QueueViolation::Overtaken { send, receive, later_send, earlier_receive } => {
                [Some(send), receive, Some(later_send), Some(earlier_receive)].into_iter().flatten().collect()
            }
            QueueViolation::NotEmpty { says, held: ref others }
            | QueueViolation::WrongLength { says, around: ref others, .. } => {
                others.iter().copied().chain([says]).collect()
            }
        };
        indices.sort_unstable();
        indices
    }
}

impl fmt::Display for QueueViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            QueueViolation::WrongLength { min, max, .. } => {
                return write!(
                    f,
                    "a length that the queue had at no moment of the operation: at least {min} and at most {max} throughout the operation"
                );
            }
            QueueViolation::Damaged(_) => "a message arrived damaged or was not returned",
            QueueViolation::FalseDisconnect(_) => "a disconnect was reported while the other side still had a handle",
            QueueViolation::NeverSent(_) => "a message was received that was never sent",
            QueueViolation::ReceivedTwice(..) => "a message was received twice",
            QueueViolation::ReceivedTooEarly { .. } => "a message was received before its send began",
            QueueViolation::Overtaken { receive: Some(_), .. } => {
                "a message that was sent before another was received after it"
            }
            QueueViolation::Overtaken { receive: None, .. } => {
                "a message that was sent before another never arrived, though the other did"
            }
            QueueViolation::NotEmpty { .. } => {
                "the channel was reported empty but was not empty at any moment of the operation"
            }
        })
    }
}

/// The time a message spends in the queue.
#[derive(Clone, Copy, Debug)]
struct MessageSpan {
    /// The indices of its send and its receive.
    send: usize,
    receive: Option<usize>,
    send_invoked: u64,
    send_returned: u64,
    /// [`NEVER`] for a message that stays in the queue.
    receive_invoked: u64,
    receive_returned: u64,
}

/// Searches for a bad pattern.
///
/// A pending receive may hold any message that did not arrive. The receives of such messages count as invoked
/// with the first pending receive. A history with pending receives may therefore pass although it has no
/// legal order, but never the reverse.
///
/// # Errors
///
/// The first bad pattern found.
pub fn check(history: &History) -> Result<(), QueueViolation> {
    let operations = &history.operations;
    if let Some(index) = operations.iter().position(|operation| operation.answer == Some(Answer::Damaged)) {
        return Err(QueueViolation::Damaged(index));
    }
    disconnects(history)?;
    let spans = message_spans(history)?;
    let mut by_return: Vec<(u64, u32)> =
        spans.iter().zip(0..).map(|(span, index)| (span.send_returned, index)).collect();
    by_return.sort_unstable();
    overtaken(&spans, &by_return)?;
    not_empty(history, &spans, &by_return)?;
    lengths::check(history, &spans)
}

/// Searches for a false disconnect.
fn disconnects(history: &History) -> Result<(), QueueViolation> {
    // The invocation of the drop that may disconnect a side with this many handles at the beginning.
    let gone = |drop: Action, handles: usize| {
        let dropped = history.operations.iter().filter(|operation| operation.action == drop);
        let mut dropped: Vec<u64> = dropped.map(|operation| operation.invoked).collect();
        dropped.sort_unstable();
        handles.checked_sub(1).map_or(0, |last| dropped.get(last).copied().unwrap_or(NEVER))
    };
    let senders_gone = gone(Action::DropSender, history.senders);
    let receivers_gone = gone(Action::DropReceiver, history.receivers);
    let early = history.operations.iter().position(|operation| {
        let gone = if operation.action.receives() { senders_gone } else { receivers_gone };
        operation.answer == Some(Answer::Disconnected) && operation.returned < gone
    });
    early.map_or(Ok(()), |index| Err(QueueViolation::FalseDisconnect(index)))
}

/// Joins the send and the receive of each message.
fn message_spans(history: &History) -> Result<Vec<MessageSpan>, QueueViolation> {
    let operations = &history.operations;
    let mut sends = Vec::with_capacity(operations.len() / 2);
    let mut receives = Vec::with_capacity(operations.len() / 2);
    let mut missing_since = NEVER;
    for (index, operation) in operations.iter().enumerate() {
        if let Some(message) = operation.received() {
            receives.push((message, index));
        } else if let (Some(message), Some(Answer::Done) | None) =
            (operation.action.sends(), operation.answer)
        {
            sends.push((message, index));
        } else if operation.answer.is_none() && operation.action.receives() {
            missing_since = missing_since.min(operation.invoked);
        }
    }
    sends.sort_unstable();
    receives.sort_unstable();
    if let Some(pair) = receives.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(QueueViolation::ReceivedTwice(pair[0].1, pair[1].1));
    }
    let mut spans = Vec::with_capacity(sends.len());
    let mut left = receives.iter().copied().peekable();
    for (message, send) in sends {
        if let Some(&(_, receive)) = left.peek().filter(|(received, _)| *received < message) {
            return Err(QueueViolation::NeverSent(receive));
        }
        let receive = left.next_if(|(received, _)| *received == message).map(|(_, receive)| receive);
        let sent = &operations[send];
        let (receive_invoked, receive_returned) = match receive {
            Some(receive) if operations[receive].before(sent) => {
                return Err(QueueViolation::ReceivedTooEarly { send, receive });
            }
            Some(receive) => (operations[receive].invoked, operations[receive].returned),
            // A pending send whose message did not arrive may not have taken effect.
            None if sent.answer.is_none() => continue,
            None => (missing_since, NEVER),
        };
        spans.push(MessageSpan {
            send,
            receive,
            send_invoked: sent.invoked,
            send_returned: sent.returned,
            receive_invoked,
            receive_returned,
        });
    }
    match left.next() {
        Some((_, receive)) => Err(QueueViolation::NeverSent(receive)),
        None => Ok(spans),
    }
}

/// `by_return` has the indices of `spans` in the order in which the sends returned.
fn overtaken(spans: &[MessageSpan], by_return: &[(u64, u32)]) -> Result<(), QueueViolation> {
    let mut by_invocation: Vec<(u64, u32)> =
        spans.iter().zip(0..).map(|(span, index)| (span.send_invoked, index)).collect();
    by_invocation.sort_unstable();
    let mut returned = by_return.iter().peekable();
    // Of the messages whose sends had returned, the one whose receive was invoked last.
    let mut latest: Option<&MessageSpan> = None;
    for (send_invoked, index) in by_invocation {
        while let Some(&(_, index)) = returned.next_if(|(send_returned, _)| *send_returned < send_invoked) {
            let span = &spans[index as usize];
            if latest.is_none_or(|latest| latest.receive_invoked < span.receive_invoked) {
                latest = Some(span);
            }
        }
        let later = &spans[index as usize];
        if let (Some(first), Some(earlier_receive)) = (latest, later.receive)
            && later.receive_returned < first.receive_invoked
        {
            return Err(QueueViolation::Overtaken {
                send: first.send,
                receive: first.receive,
                later_send: later.send,
                earlier_receive,
            });
        }
    }
    Ok(())
}

/// The open intervals in which some message was certainly queued.
fn occupied(spans: &[MessageSpan], by_return: &[(u64, u32)]) -> Vec<(u64, u64)> {
    let mut occupied: Vec<(u64, u64)> = Vec::new();
    for &(from, index) in by_return {
        let to = spans[index as usize].receive_invoked;
        if from >= to {
            continue;
        }
        match occupied.last_mut() {
            // Where one interval ends and the next begins, the queue may have been empty.
            Some((_, end)) if from < *end => *end = to.max(*end),
            _ => occupied.push((from, to)),
        }
    }
    occupied
}

fn not_empty(
    history: &History,
    spans: &[MessageSpan],
    by_return: &[(u64, u32)],
) -> Result<(), QueueViolation> {
    let occupied = occupied(spans, by_return);
    for (says, operation) in history.operations.iter().enumerate() {
        if !operation.says_empty() {
            continue;
        }
        let (invoked, returned) = (operation.invoked, operation.returned);
        let begun = occupied.partition_point(|(from, _)| *from < invoked);
        if begun > 0 && returned < occupied[begun - 1].1 {
            return Err(QueueViolation::NotEmpty { says, held: cover(spans, by_return, invoked, returned) });
        }
    }
    Ok(())
}

/// The sends and receives of the fewest messages that prove the queue occupied from `invoked` to `returned`.
fn cover(spans: &[MessageSpan], by_return: &[(u64, u32)], invoked: u64, returned: u64) -> Vec<usize> {
    let mut held = Vec::new();
    let mut reached = invoked;
    let mut open = by_return.iter().peekable();
    // Greedy: of the spans that begin before the point reached so far, the one that reaches furthest.
    while reached <= returned {
        let mut furthest: Option<&MessageSpan> = None;
        while let Some(&(_, index)) = open.next_if(|(from, _)| *from < reached) {
            let span = &spans[index as usize];
            if furthest.is_none_or(|furthest| furthest.receive_invoked < span.receive_invoked) {
                furthest = Some(span);
            }
        }
        let Some(span) = furthest.filter(|span| span.receive_invoked > reached || held.is_empty()) else {
            break;
        };
        held.push(span.send);
        held.extend(span.receive);
        reached = span.receive_invoked;
    }
    held
}

#[cfg(test)]
#[path = "queue_patterns_tests.rs"]
mod tests;
