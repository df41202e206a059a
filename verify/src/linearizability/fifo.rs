//! The fast checker: a history of a queue without limit in which no message is sent twice, in O(n log n).
//!
//! Such a history, if nobody asks for the length, has a legal order if and only if it has none of a few bad patterns: T. Henzinger,
//! A. Sezgin and V. Vafeiadis, "Aspect-oriented linearizability proofs" (2013); A. Bouajjani, M. Emmi, C. Enea and J. Hamza, "On reducing
//! linearizability to state reachability" (2015). They are the variants of [`Violation`]. Each is found by one sweep over sorted stamps, as in
//! U. Mathur and Z. Lee, "Efficient decrease-and-conquer linearizability monitoring" (2025), who reach the same bound in another way:
//!
//! - *Overtaken* is a statement about two messages: of all `a` that were sent before `b` was, the one that was asked for last
//!   must not have been asked for after `b` had arrived. So the messages are gone through in the order in which their sends were
//!   invoked, with the latest such moment of those whose sends had returned.
//! - *Not empty* is a statement about one answer and any number of messages: a message is certainly in the queue from the return of
//!   its send to the invocation of its receive. Where such spans overlap one another without a gap for the whole of
//!   an operation, the queue was at no moment of it empty. Merged spans are few to search in.
//!
//! The checker looks at messages that were sent and received and at the answers that say that the queue was empty (a receive's
//! disconnect is one). A disconnect it refutes only where, at its return, fewer drops had begun than there were handles at the
//! beginning. It ignores "full", and the limit of a channel but for lengths: a legal history of any channel of this contract passes, a
//! rendezvous included. The general checker sees the rest. Lengths are in the file `lengths.rs`, which says what is not seen of them.

mod lengths;

use std::fmt;

use super::history::{Action, Answer, History, NEVER};

/// Why a history has no legal order. The numbers are places of operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A message arrived damaged, or a failed send did not give back its own.
    Damaged(usize),
    /// A disconnect was told while a handle of the other side was there.
    Connected(usize),
    /// A message was received that nobody sent.
    NeverSent(usize),
    /// A message was received twice.
    Twice(usize, usize),
    /// A message was received before its send was invoked.
    TooEarly {
        /// The send.
        send: usize,
        /// The receive.
        receive: usize,
    },
    /// A message was sent before another and asked for after that one had arrived, or never.
    Overtaken {
        /// The send of the message that came too late.
        send: usize,
        /// Its receive.
        receive: Option<usize>,
        /// The send of the message that overtook it.
        later_send: usize,
        /// Its receive.
        earlier_receive: usize,
    },
    /// The queue was said to be empty, and was not at any moment of the operation.
    NotEmpty {
        /// The operation.
        says: usize,
        /// Sends and receives of messages, of which one after the other was certainly in the queue.
        held: Vec<usize>,
    },
    /// A length was told that the queue had at no moment of the operation.
    Miscounted {
        /// The operation.
        says: usize,
        /// The fewest messages that were certainly in the queue, of all moments of the operation.
        least: u64,
        /// The most messages that may have been in it.
        most: u64,
        /// The operations with each message that may have been in the queue then.
        around: Vec<usize>,
    },
}

impl Violation {
    /// The operation whose answer cannot be.
    pub fn offending(&self) -> usize {
        match *self {
            Violation::Damaged(place) | Violation::Connected(place) => place,
            Violation::NeverSent(place) | Violation::Twice(_, place) => place,
            Violation::TooEarly { receive, .. } => receive,
            Violation::Overtaken { earlier_receive, .. } => earlier_receive,
            Violation::NotEmpty { says, .. } | Violation::Miscounted { says, .. } => says,
        }
    }

    /// The operations that make it, in the history's order: without the others it is still there.
    pub fn operations(&self) -> Vec<usize> {
        let mut places = match *self {
            Violation::Damaged(place) | Violation::Connected(place) | Violation::NeverSent(place) => {
                vec![place]
            }
            Violation::Twice(first, second) => vec![first, second],
            Violation::TooEarly { send, receive } => vec![send, receive],
            Violation::Overtaken { send, receive, later_send, earlier_receive } => {
                [Some(send), receive, Some(later_send), Some(earlier_receive)].into_iter().flatten().collect()
            }
            Violation::NotEmpty { says, held: ref others }
            | Violation::Miscounted { says, around: ref others, .. } => {
                others.iter().copied().chain([says]).collect()
            }
        };
        places.sort_unstable();
        places
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Violation::Miscounted { least, most, .. } => {
                return write!(
                    f,
                    "a length was told that the queue had at no moment of the operation: at least {least} and at most {most} in all of it"
                );
            }
            Violation::Damaged(_) => "a message arrived damaged or was not given back",
            Violation::Connected(_) => "a disconnect was told while a handle of the other side was there",
            Violation::NeverSent(_) => "a message was received that nobody sent",
            Violation::Twice(..) => "a message was received twice",
            Violation::TooEarly { .. } => "a message was received before its send began",
            Violation::Overtaken { receive: Some(_), .. } => {
                "a message that was sent before another was received after it"
            }
            Violation::Overtaken { receive: None, .. } => {
                "a message that was sent before another never arrived, though the other did"
            }
            Violation::NotEmpty { .. } => {
                "the channel was said to be empty and was not at any moment of the operation"
            }
        })
    }
}

/// A message's way through the queue.
#[derive(Clone, Copy, Debug)]
struct Life {
    /// The places of its send and its receive.
    send: usize,
    receive: Option<usize>,
    send_invoked: u64,
    send_returned: u64,
    /// [`NEVER`] for a message that is left in the queue.
    receive_invoked: u64,
    receive_returned: u64,
}

/// Looks for a bad pattern.
///
/// A receive that never returned may hold any message that did not arrive: such messages then count as asked for when the first
/// of these receives was. A history with pending receives may therefore pass though it has no legal order, never the other way.
///
/// # Errors
///
/// The first bad pattern found.
pub fn check(history: &History) -> Result<(), Violation> {
    let operations = &history.operations;
    if let Some(place) = operations.iter().position(|operation| operation.answer == Some(Answer::Damaged)) {
        return Err(Violation::Damaged(place));
    }
    connected(history)?;
    let lives = lives(history)?;
    let mut by_return: Vec<(u64, u32)> =
        lives.iter().zip(0..).map(|(life, index)| (life.send_returned, index)).collect();
    by_return.sort_unstable();
    overtaken(&lives, &by_return)?;
    not_empty(history, &lives, &by_return)?;
    lengths::check(history, &lives)
}

/// Looks for a disconnect that is none.
fn connected(history: &History) -> Result<(), Violation> {
    // When the last of the first handles of a side began to be dropped.
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
    early.map_or(Ok(()), |place| Err(Violation::Connected(place)))
}

/// Joins the sends and the receives of each message.
fn lives(history: &History) -> Result<Vec<Life>, Violation> {
    let operations = &history.operations;
    let mut sends = Vec::with_capacity(operations.len() / 2);
    let mut receives = Vec::with_capacity(operations.len() / 2);
    let mut missing_since = NEVER;
    for (place, operation) in operations.iter().enumerate() {
        if let Some(message) = operation.received() {
            receives.push((message, place));
        } else if let (Some(message), Some(Answer::Done) | None) =
            (operation.action.sends(), operation.answer)
        {
            sends.push((message, place));
        } else if operation.answer.is_none() && operation.action.receives() {
            missing_since = missing_since.min(operation.invoked);
        }
    }
    sends.sort_unstable();
    receives.sort_unstable();
    if let Some(pair) = receives.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(Violation::Twice(pair[0].1, pair[1].1));
    }
    let mut lives = Vec::with_capacity(sends.len());
    let mut left = receives.iter().copied().peekable();
    for (message, send) in sends {
        if let Some(&(_, receive)) = left.peek().filter(|(received, _)| *received < message) {
            return Err(Violation::NeverSent(receive));
        }
        let receive = left.next_if(|(received, _)| *received == message).map(|(_, receive)| receive);
        let sent = &operations[send];
        let (receive_invoked, receive_returned) = match receive {
            Some(receive) if operations[receive].before(sent) => {
                return Err(Violation::TooEarly { send, receive });
            }
            Some(receive) => (operations[receive].invoked, operations[receive].returned),
            // A send that is pending and whose message did not arrive need not have happened.
            None if sent.answer.is_none() => continue,
            None => (missing_since, NEVER),
        };
        lives.push(Life {
            send,
            receive,
            send_invoked: sent.invoked,
            send_returned: sent.returned,
            receive_invoked,
            receive_returned,
        });
    }
    match left.next() {
        Some((_, receive)) => Err(Violation::NeverSent(receive)),
        None => Ok(lives),
    }
}

/// `by_return` are the indices of `lives` in the order in which the sends returned.
fn overtaken(lives: &[Life], by_return: &[(u64, u32)]) -> Result<(), Violation> {
    let mut by_invocation: Vec<(u64, u32)> =
        lives.iter().zip(0..).map(|(life, index)| (life.send_invoked, index)).collect();
    by_invocation.sort_unstable();
    let mut returned = by_return.iter().peekable();
    // Of the messages whose sends had returned, the one that was asked for last.
    let mut latest: Option<&Life> = None;
    for (send_invoked, index) in by_invocation {
        while let Some(&(_, index)) = returned.next_if(|(send_returned, _)| *send_returned < send_invoked) {
            let life = &lives[index as usize];
            if latest.is_none_or(|latest| latest.receive_invoked < life.receive_invoked) {
                latest = Some(life);
            }
        }
        let later = &lives[index as usize];
        if let (Some(first), Some(earlier_receive)) = (latest, later.receive)
            && later.receive_returned < first.receive_invoked
        {
            return Err(Violation::Overtaken {
                send: first.send,
                receive: first.receive,
                later_send: later.send,
                earlier_receive,
            });
        }
    }
    Ok(())
}

/// The spans, between `from` and `to`, both excluded, in which some message was certainly in the queue.
fn spans(lives: &[Life], by_return: &[(u64, u32)]) -> Vec<(u64, u64)> {
    let mut spans: Vec<(u64, u64)> = Vec::new();
    for &(from, index) in by_return {
        let to = lives[index as usize].receive_invoked;
        if from >= to {
            continue;
        }
        match spans.last_mut() {
            // At the moment where one ends and the next begins the queue may have been empty.
            Some((_, end)) if from < *end => *end = to.max(*end),
            _ => spans.push((from, to)),
        }
    }
    spans
}

fn not_empty(history: &History, lives: &[Life], by_return: &[(u64, u32)]) -> Result<(), Violation> {
    let spans = spans(lives, by_return);
    for (says, operation) in history.operations.iter().enumerate() {
        if !operation.says_empty() {
            continue;
        }
        let (invoked, returned) = (operation.invoked, operation.returned);
        let begun = spans.partition_point(|(from, _)| *from < invoked);
        if begun > 0 && returned < spans[begun - 1].1 {
            return Err(Violation::NotEmpty { says, held: cover(lives, by_return, invoked, returned) });
        }
    }
    Ok(())
}

/// The sends and receives of as few messages as it takes to be certain that one was in the queue from `invoked` to `returned`.
fn cover(lives: &[Life], by_return: &[(u64, u32)], invoked: u64, returned: u64) -> Vec<usize> {
    let mut held = Vec::new();
    let mut reached = invoked;
    let mut open = by_return.iter().peekable();
    // Greedy: of the spans that begin before the place that is reached, the one that goes furthest.
    while reached <= returned {
        let mut furthest: Option<&Life> = None;
        while let Some(&(_, index)) = open.next_if(|(from, _)| *from < reached) {
            let life = &lives[index as usize];
            if furthest.is_none_or(|furthest| furthest.receive_invoked < life.receive_invoked) {
                furthest = Some(life);
            }
        }
        let Some(life) = furthest.filter(|life| life.receive_invoked > reached || held.is_empty()) else {
            break;
        };
        held.push(life.send);
        held.extend(life.receive);
        reached = life.receive_invoked;
    }
    held
}

#[cfg(test)]
#[path = "fifo_tests.rs"]
mod tests;
