//! The general checker: does a history have a legal order of its operations that keeps operations that do not
//! overlap in order?
//!
//! The search is the algorithm of Wing, Gong and Lowe (WGL). J. Wing and C. Gong, "Testing and verifying
//! concurrent objects" (1993): take an operation that no remaining operation precedes, try it on the
//! sequential specification, go on, and backtrack when stuck. G. Lowe, "Testing for linearizability" (2017):
//! remember each configuration (the set of operations that are done, and the state) and never search one
//! twice. Since each thread does one operation after the other, the set of done operations is one count for
//! each thread, instead of the bit set and linked list of other implementations. An operation may come next
//! if it was invoked no later than the first return among the remaining operations.
//!
//! The number of configurations is exponential in the worst case, so the search has a budget. When it exceeds
//! the budget it answers [`Legality::Unknown`].
//!
//! # The specification
//!
//! The state is a queue of limited length, a count of senders and a count of receivers. Every answer needs
//! one moment between invocation and return at which it is true:
//!
//! | answer | true when |
//! | --- | --- |
//! | sent | a receiver exists, and there is room |
//! | full, or the timeout of a send | a receiver exists, and there is no room |
//! | the disconnect of a send | no receiver exists |
//! | a message | it is the first of the queue |
//! | empty, or the timeout of a receive | a sender exists, and the queue is empty |
//! | the disconnect of a receive | no sender exists, and the queue is empty |
//! | a length | the queue has that length |
//!
//! A length is exact: the contract counts the queued messages and nothing else. A message whose sender still
//! waits for room is not in the queue, so no length is above the capacity, and a rendezvous, which holds
//! nothing, always has length 0. Neither does the length count a message that a receive has already taken, or
//! one that no receive could take yet.
//!
//! A rendezvous is not a queue. A send and the receive of its message take effect at one moment that lies in
//! both operations (a set of operations in G. Neiger, "Set-linearizability", 1994). One of the two was
//! waiting, so they are not `try_send` and `try_recv`, neither of which waits (a timeout of zero does, for no
//! time). Full, empty and timeout require no more than a handle on the other side.
//!
//! The contract says more: a rendezvous is full only while no receiver waits. A stricter specification would
//! nevertheless be unsound, because invoking a receive is not the same as waiting in it: the scheduler may
//! have stopped the thread before it began to wait, until its time was over if it had a timeout. All that a
//! history shows of a wait is the exchange that ended it. Take any order that is legal here. Let the waiting
//! side of each exchange begin to wait just before the exchange, and no other operation wait at all. Then
//! nothing waits at the moment of a full, an empty or a timeout: each is true in the strict sense too, and
//! both specifications accept the same histories. A `try_send` that reports full while a receiver does wait
//! is therefore not seen here. The scenarios of `verify::conformance` see it, because they know that the
//! receiver waits.
//!
//! A pending operation may or may not have taken effect, with any answer.

use std::collections::HashSet;

use super::history::{Action, Answer, History, Operation};

/// The default budget of a search, in configurations: less than a second, and some tens of megabytes. The
/// histories of a verification need far fewer, and all histories of one case together stay within the
/// deadline of a case.
pub const MAX_CONFIGURATIONS: usize = 200_000;

/// The answer of the general checker. Operations are given by their indices in the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Legality {
    /// The history has this legal order, which omits pending operations that need not have taken effect.
    Legal(Vec<usize>),
    /// The history has no legal order. None of these operations can follow the longest legal prefix.
    Illegal(Vec<usize>),
    /// The search exceeded its budget.
    Unknown,
}

impl Legality {
    /// Whether a legal order was found.
    pub fn is_legal(&self) -> bool {
        matches!(self, Legality::Legal(_))
    }

    /// Whether it is certain that no legal order exists.
    pub fn is_illegal(&self) -> bool {
        matches!(self, Legality::Illegal(_))
    }
}

/// The state of a channel in the specification.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    slots: Option<usize>,
    senders: usize,
    receivers: usize,
    /// Every message sent so far, in order. Those before `first` were received.
    sent: Vec<u64>,
    first: usize,
}

impl State {
    /// The state before the first operation of a history.
    pub fn initial(history: &History) -> Self {
        let History { slots, senders, receivers, .. } = *history;
        State { slots, senders, receivers, sent: Vec::new(), first: 0 }
    }

    /// The messages in the channel.
    pub fn queued(&self) -> &[u64] {
        &self.sent[self.first..]
    }

    fn room(&self) -> bool {
        self.slots.is_none_or(|slots| self.queued().len() < slots)
    }

    fn is_rendezvous(&self) -> bool {
        self.slots == Some(0)
    }

    /// Applies an operation if its answer is true now. A pending operation is applied as a success, since no
    /// other answer changes the state. An exchange of a rendezvous needs two operations and is not applied
    /// here.
    pub fn step(&mut self, action: Action, answer: Option<Answer>) -> bool {
        let (room, empty) = (self.room(), self.queued().is_empty());
        let (has_senders, has_receivers) = (self.senders > 0, self.receivers > 0);
        if let Some(message) = action.sends() {
            return match answer {
                Some(Answer::Done) | None => {
                    let sent = has_receivers && room;
                    if sent {
                        self.sent.push(message);
                    }
                    sent
                }
                Some(Answer::Full | Answer::Timeout) => has_receivers && (!room || self.is_rendezvous()),
                Some(Answer::Disconnected) => !has_receivers,
                Some(_) => false,
            };
        }
        if action == Action::Len {
            return match answer {
                Some(Answer::Length(length)) => length == self.queued().len() as u64,
                Some(_) => false,
                None => true,
            };
        }
        if action.receives() {
            return match answer {
                Some(Answer::Received(message)) => {
                    let received = self.queued().first() == Some(&message);
                    self.first += usize::from(received);
                    received
                }
                None => {
                    self.first += usize::from(!empty);
                    !empty
                }
                Some(Answer::Empty | Answer::Timeout) => has_senders && empty,
                Some(Answer::Disconnected) => !has_senders && empty,
                Some(_) => false,
            };
        }
        if !matches!(answer, Some(Answer::Done) | None) {
            return false;
        }
        let (count, more) = match action {
            Action::CloneSender => (&mut self.senders, true),
            Action::DropSender => (&mut self.senders, false),
            Action::CloneReceiver => (&mut self.receivers, true),
            _ => (&mut self.receivers, false),
        };
        // Only an existing handle can be cloned or dropped.
        let legal = *count > 0;
        *count = if more { *count + 1 } else { count.saturating_sub(1) };
        legal
    }

    /// Reverts a legal [`State::step`].
    fn undo(&mut self, operation: &Operation) {
        match (operation.action, operation.answer) {
            (Action::CloneSender, _) => self.senders -= 1,
            (Action::DropSender, _) => self.senders += 1,
            (Action::CloneReceiver, _) => self.receivers -= 1,
            (Action::DropReceiver, _) => self.receivers += 1,
            (action, Some(Answer::Done) | None) if action.sends().is_some() => {
                self.sent.pop();
            }
            (action, Some(Answer::Received(_)) | None) if action.receives() => self.first -= 1,
            _ => {}
        }
    }

    /// Whether a send and a receive can be the two sides of one exchange at a rendezvous.
    fn exchanges(&self, send: &Operation, receive: &Operation) -> bool {
        let Some(message) = send.action.sends() else { return false };
        self.is_rendezvous()
            && matches!(send.answer, Some(Answer::Done) | None)
            && !matches!((send.action, receive.action), (Action::TrySend(_), Action::TryRecv))
            && receive.action.receives()
            && (receive.received() == Some(message) || receive.answer.is_none())
    }
}

/// The next operation of one thread, or an exchange between the next operations of two, takes effect.
#[derive(Clone, Copy, Debug)]
enum Transition {
    One(usize),
    Exchange(usize, usize),
}

/// A search in progress.
struct Search<'a> {
    history: &'a History,
    threads: Vec<Vec<usize>>,
    /// The number of done operations of each thread.
    done: Vec<usize>,
    state: State,
    /// The configurations reached so far: the counts, then the queued messages. The counts of handles follow
    /// from the done operations.
    reached: HashSet<Box<[u64]>>,
    key: Vec<u64>,
}

impl<'a> Search<'a> {
    fn new(history: &'a History) -> Self {
        let threads = history.by_thread();
        Search {
            history,
            done: vec![0; threads.len()],
            state: State::initial(history),
            reached: HashSet::new(),
            key: Vec::new(),
            threads,
        }
    }

    fn next(&self, thread: usize) -> Option<&'a Operation> {
        let place = *self.threads[thread].get(self.done[thread])?;
        Some(&self.history.operations[place])
    }

    /// Whether every operation that returned is done.
    fn is_over(&self) -> bool {
        (0..self.threads.len()).all(|thread| self.next(thread).is_none_or(|next| next.answer.is_none()))
    }

    /// The threads whose next operation may come next, the one that returned first at the head because it is
    /// the likeliest.
    fn candidates(&self, into: &mut Vec<usize>) {
        into.clear();
        into.extend((0..self.threads.len()).filter(|&thread| self.next(thread).is_some()));
        let returned = |thread: &usize| self.next(*thread).map_or(u64::MAX, |next| next.returned);
        let first_return = into.iter().map(returned).min().unwrap_or(u64::MAX);
        into.retain(|&thread| self.next(thread).is_some_and(|next| next.invoked <= first_return));
        into.sort_by_key(returned);
    }

    /// Applies a transition if it is legal.
    fn enter(&mut self, transition: Transition) -> bool {
        match transition {
            Transition::One(thread) => {
                let Some(next) = self.next(thread) else { return false };
                let legal = self.state.step(next.action, next.answer);
                self.done[thread] += usize::from(legal);
                legal
            }
            Transition::Exchange(sender, receiver) => {
                let (Some(send), Some(receive)) = (self.next(sender), self.next(receiver)) else {
                    return false;
                };
                let legal = self.state.exchanges(send, receive);
                self.done[sender] += usize::from(legal);
                self.done[receiver] += usize::from(legal);
                legal
            }
        }
    }

    fn leave(&mut self, transition: Transition) {
        match transition {
            Transition::One(thread) => {
                self.done[thread] -= 1;
                if let Some(operation) = self.next(thread) {
                    self.state.undo(operation);
                }
            }
            Transition::Exchange(sender, receiver) => {
                self.done[sender] -= 1;
                self.done[receiver] -= 1;
            }
        }
    }

    /// Remembers the configuration; whether it is new.
    fn is_new(&mut self) -> bool {
        self.key.clear();
        self.key.extend(self.done.iter().map(|&done| done as u64));
        self.key.extend_from_slice(self.state.queued());
        let new = !self.reached.contains(&*self.key);
        if new {
            self.reached.insert(self.key.as_slice().into());
        }
        new
    }

    fn next_operations(&self, threads: &[usize]) -> Vec<usize> {
        let place = |&thread: &usize| self.threads[thread].get(self.done[thread]).copied();
        threads.iter().filter_map(place).collect()
    }
}

/// The transition with this number among those of `candidates`: first the operations, then the exchanges at a
/// rendezvous.
fn transition(candidates: &[usize], exchanges: bool, number: usize) -> Option<Transition> {
    let count = candidates.len();
    match number.checked_sub(count) {
        None => Some(Transition::One(candidates[number])),
        Some(pair) if exchanges && pair < count * count => {
            Some(Transition::Exchange(candidates[pair / count], candidates[pair % count]))
        }
        Some(_) => None,
    }
}

/// Searches for a legal order with the default budget. Histories of a few tens of operations take
/// microseconds.
pub fn check(history: &History) -> Legality {
    check_within(history, MAX_CONFIGURATIONS)
}

/// Searches for a legal order and explores at most `max_configurations`.
pub fn check_within(history: &History, max_configurations: usize) -> Legality {
    let mut search = Search::new(history);
    let exchanges = search.state.is_rendezvous();
    // No recursion: a long history would overflow the stack.
    let mut taken: Vec<(usize, Transition)> = Vec::new();
    let mut candidates = Vec::new();
    let (mut longest, mut stuck) = (0, Vec::new());
    let mut number = 0;
    search.candidates(&mut candidates);
    stuck.extend(search.next_operations(&candidates));
    while !search.is_over() {
        let Some(transition) = transition(&candidates, exchanges, number) else {
            let Some((last, transition)) = taken.pop() else { return Legality::Illegal(stuck) };
            search.leave(transition);
            search.candidates(&mut candidates);
            number = last + 1;
            continue;
        };
        if !search.enter(transition) {
            number += 1;
        } else if !search.is_new() {
            search.leave(transition);
            number += 1;
        } else if search.reached.len() > max_configurations {
            return Legality::Unknown;
        } else {
            taken.push((number, transition));
            search.candidates(&mut candidates);
            number = 0;
            let done: usize = search.done.iter().sum();
            if done > longest {
                longest = done;
                stuck = search.next_operations(&candidates);
            }
        }
    }
    let mut counts = vec![0; search.threads.len()];
    let mut order = Vec::new();
    for (_, transition) in taken {
        let threads = match transition {
            Transition::One(thread) => [Some(thread), None],
            Transition::Exchange(sender, receiver) => [Some(sender), Some(receiver)],
        };
        for thread in threads.into_iter().flatten() {
            order.push(search.threads[thread][counts[thread]]);
            counts[thread] += 1;
        }
    }
    Legality::Legal(order)
}

#[cfg(test)]
#[path = "wgl_tests.rs"]
mod tests;
