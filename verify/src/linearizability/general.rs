//! The general checker: is there a legal order of the operations that keeps what came before what?
//!
//! The search is that of J. Wing and C. Gong, "Testing and verifying concurrent objects" (1993): take an operation that nothing
//! left over comes before, try it on the sequential specification, go on, and go back when stuck; with the memory of G. Lowe, "Testing
//! for linearizability" (2017): a configuration (which operations are done, and the state) is never searched twice. As every
//! thread does one thing after the other, the set of done operations is one count for each thread, which takes the place of the bit set
//! and the linked list of other implementations; an operation may be next if it was invoked no later than the first return of what is left over.
//!
//! # The specification
//!
//! A queue of at most so many messages, a count of senders and one of receivers. Every answer needs one moment between
//! invocation and return at which it is true:
//!
//! | answer | true when |
//! | --- | --- |
//! | sent | a receiver is there, and room |
//! | full, or a send's timeout | a receiver is there, and no room |
//! | a send's disconnect | no receiver is there |
//! | a message | it is the first of the queue |
//! | empty, or a receive's timeout | a sender is there, and no message |
//! | a receive's disconnect | no sender is there, and no message |
//! | a length | so many messages are in the queue |
//!
//! A length is exact: the contract counts what is queued and nothing else. A message with which a sender still waits for room is not in the
//! queue, so that no length is above the capacity, and a rendezvous, which holds nothing, has the length 0 always. Nor is
//! a message counted that a receive already has, or one that nobody could receive yet.
//!
//! A rendezvous is no queue: a send and the receive of its message take effect at one moment that lies in both (the sets of
//! operations of G. Neiger, "Set-linearizability", 1994). One of the two had been waiting, so they are not `try_send` and `try_recv`, which do
//! not wait (a timeout of zero does, for no time). Full, empty and timeouts ask no more than that the other side has a handle.
//!
//! Nothing stricter is sound, though the contract says more: a rendezvous is full only while no receiver waits. But to have invoked a
//! receive is not to wait in it: the thread may have been stopped before it came to that, until its time was over if it had one, and all
//! that a history shows of a wait is the exchange that ended it. Take an order that is legal here. Let the side of each exchange that is no
//! try begin to wait just before the exchange, and nobody else wait at all. Then nobody waits at the moment of a full, an empty or a timeout:
//! each is true in the strict sense too, and the two accept the same histories. So a `try_send` that says "full" beside a receiver that
//! does wait is not seen here. It is where one knows that the receiver waits, in the scenarios of `verify::conformance`.
//!
//! A pending operation may have taken effect or not, with any answer.

use std::collections::HashSet;

use super::history::{Action, Answer, History, Operation};

/// What the general checker found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is a legal order: places of operations; pending ones that need not have taken effect are left out.
    Legal(Vec<usize>),
    /// There is none. These operations (places) could not be next after the longest legal beginning.
    Illegal(Vec<usize>),
}

impl Verdict {
    /// Whether there is a legal order.
    pub fn is_legal(&self) -> bool {
        matches!(self, Verdict::Legal(_))
    }
}

/// The state of a channel, as the specification sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    slots: Option<usize>,
    senders: usize,
    receivers: usize,
    /// Every message sent so far, in their order; those before `first` were received.
    sent: Vec<u64>,
    first: usize,
}

impl State {
    /// The state at the beginning of a history.
    pub fn at_the_beginning_of(history: &History) -> Self {
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

    /// Lets an operation take effect, if its answer is true now. A pending one takes effect as if it were to succeed: no other answer
    /// changes anything. Exchanges of a rendezvous are not among what one operation can do.
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
        // A clone is of a handle that is there, and so is a drop.
        let legal = *count > 0;
        *count = if more { *count + 1 } else { count.saturating_sub(1) };
        legal
    }

    /// Takes back what [`State::step`] did when it was legal.
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

    /// Whether a send and a receive can be the two sides of one exchange of a rendezvous.
    fn exchanges(&self, send: &Operation, receive: &Operation) -> bool {
        let Some(message) = send.action.sends() else { return false };
        self.is_rendezvous()
            && matches!(send.answer, Some(Answer::Done) | None)
            && !matches!((send.action, receive.action), (Action::TrySend(_), Action::TryRecv))
            && receive.action.receives()
            && (receive.received() == Some(message) || receive.answer.is_none())
    }
}

/// What takes effect at one moment: an operation of a thread, or an exchange of two threads.
#[derive(Clone, Copy, Debug)]
enum Moment {
    One(usize),
    Exchange(usize, usize),
}

/// A search under way.
struct Search<'a> {
    history: &'a History,
    threads: Vec<Vec<usize>>,
    /// How many operations of each thread are done.
    done: Vec<usize>,
    state: State,
    /// The configurations that were reached: the counts, then the messages in the channel. The counts of handles follow from
    /// what is done.
    reached: HashSet<Box<[u64]>>,
    key: Vec<u64>,
}

impl<'a> Search<'a> {
    fn new(history: &'a History) -> Self {
        let threads = history.by_thread();
        Search {
            history,
            done: vec![0; threads.len()],
            state: State::at_the_beginning_of(history),
            reached: HashSet::new(),
            key: Vec::new(),
            threads,
        }
    }

    fn next(&self, thread: usize) -> Option<&'a Operation> {
        let place = *self.threads[thread].get(self.done[thread])?;
        Some(&self.history.operations[place])
    }

    /// Whether all is done that returned.
    fn is_over(&self) -> bool {
        (0..self.threads.len()).all(|thread| self.next(thread).is_none_or(|next| next.answer.is_none()))
    }

    /// The threads whose next operation may be next of all, the one that returned first at the head: it is the likeliest.
    fn candidates(&self, into: &mut Vec<usize>) {
        into.clear();
        into.extend((0..self.threads.len()).filter(|&thread| self.next(thread).is_some()));
        let returned = |thread: &usize| self.next(*thread).map_or(u64::MAX, |next| next.returned);
        let first_return = into.iter().map(returned).min().unwrap_or(u64::MAX);
        into.retain(|&thread| self.next(thread).is_some_and(|next| next.invoked <= first_return));
        into.sort_by_key(returned);
    }

    /// Lets a moment happen, if it is legal.
    fn enter(&mut self, moment: Moment) -> bool {
        match moment {
            Moment::One(thread) => {
                let Some(next) = self.next(thread) else { return false };
                let legal = self.state.step(next.action, next.answer);
                self.done[thread] += usize::from(legal);
                legal
            }
            Moment::Exchange(sender, receiver) => {
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

    fn leave(&mut self, moment: Moment) {
        match moment {
            Moment::One(thread) => {
                self.done[thread] -= 1;
                if let Some(operation) = self.next(thread) {
                    self.state.undo(operation);
                }
            }
            Moment::Exchange(sender, receiver) => {
                self.done[sender] -= 1;
                self.done[receiver] -= 1;
            }
        }
    }

    /// Whether the configuration is new.
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

    fn places(&self, threads: &[usize]) -> Vec<usize> {
        let place = |&thread: &usize| self.threads[thread].get(self.done[thread]).copied();
        threads.iter().filter_map(place).collect()
    }
}

/// The moment with this number, of `candidates`: the operations first, then the exchanges if there are any.
fn moment(candidates: &[usize], exchanges: bool, number: usize) -> Option<Moment> {
    let count = candidates.len();
    match number.checked_sub(count) {
        None => Some(Moment::One(candidates[number])),
        Some(pair) if exchanges && pair < count * count => {
            Some(Moment::Exchange(candidates[pair / count], candidates[pair % count]))
        }
        Some(_) => None,
    }
}

/// Looks for a legal order. Exponential in the worst case; histories of some tens of operations take microseconds.
pub fn check(history: &History) -> Verdict {
    let mut search = Search::new(history);
    let exchanges = search.state.is_rendezvous();
    // Without recursion: a long history would overflow the stack.
    let mut taken: Vec<(usize, Moment)> = Vec::new();
    let mut candidates = Vec::new();
    let (mut longest, mut stuck) = (0, Vec::new());
    let mut number = 0;
    search.candidates(&mut candidates);
    stuck.extend(search.places(&candidates));
    while !search.is_over() {
        let Some(moment) = moment(&candidates, exchanges, number) else {
            let Some((last, moment)) = taken.pop() else { return Verdict::Illegal(stuck) };
            search.leave(moment);
            search.candidates(&mut candidates);
            number = last + 1;
            continue;
        };
        if !search.enter(moment) {
            number += 1;
        } else if !search.is_new() {
            search.leave(moment);
            number += 1;
        } else {
            taken.push((number, moment));
            search.candidates(&mut candidates);
            number = 0;
            let done: usize = search.done.iter().sum();
            if done > longest {
                longest = done;
                stuck = search.places(&candidates);
            }
        }
    }
    let mut counts = vec![0; search.threads.len()];
    let mut order = Vec::new();
    for (_, moment) in taken {
        let threads = match moment {
            Moment::One(thread) => [Some(thread), None],
            Moment::Exchange(sender, receiver) => [Some(sender), Some(receiver)],
        };
        for thread in threads.into_iter().flatten() {
            order.push(search.threads[thread][counts[thread]]);
            counts[thread] += 1;
        }
    }
    Verdict::Legal(order)
}

#[cfg(test)]
#[path = "general_tests.rs"]
mod tests;
