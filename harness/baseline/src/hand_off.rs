//! The rendezvous flavour of the baseline: a true hand-off.
//!
//! A send returns only when a receiver that was inside a receive *during* that send has the message. To
//! guarantee this, a message is bound to one waiting receiver. If it were queued for any waiting receiver,
//! one that arrived after the send had returned could take it, and the two calls would never have met. Each
//! waiter therefore has a ticket. A condition variable cannot wake a particular thread, so all waiters of one
//! side wake and search for their own ticket. This is slow with many waiters, but a fast rendezvous is not
//! built from these parts anyway.

use std::collections::VecDeque;

use super::{NotReceived, NotSent, WaitMode};
use contract::sync::{Condvar, Mutex, lock};

/// Identifies one waiting call; never used twice in a channel.
type Ticket = u64;

#[derive(Debug)]
pub(super) struct HandOff<T> {
    state: Mutex<State<T>>,
    /// Notifies when a message is bound to a waiting receiver, and when the last sender is dropped.
    handed: Condvar,
    /// Notifies when an offer is taken, and when the last receiver is dropped.
    taken: Condvar,
}

/// `idle` and `offers` are never both non-empty: the call that comes second completes the first.
#[derive(Debug)]
struct State<T> {
    /// Waiting receivers without a message, in order of arrival.
    idle: VecDeque<Ticket>,
    /// Messages bound to a waiting receiver that has not woken yet, with the ticket of the receiver.
    handed: VecDeque<(Ticket, T)>,
    /// Messages of waiting senders in order of arrival, with the ticket of the sender.
    offers: VecDeque<(Ticket, T)>,
    next_ticket: Ticket,
    /// The numbers of open handles.
    senders: usize,
    receivers: usize,
}

impl<T> State<T> {
    fn issue(&mut self) -> Ticket {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        ticket
    }
}

/// Removes the message with this ticket from `messages`, if there is one.
fn take<T>(messages: &mut VecDeque<(Ticket, T)>, ticket: Ticket) -> Option<T> {
    let index = messages.iter().position(|(other, _)| *other == ticket)?;
    messages.remove(index).map(|(_, message)| message)
}

impl<T: Send + 'static> HandOff<T> {
    pub(super) fn new() -> Self {
        HandOff {
            state: Mutex::new(State {
                idle: VecDeque::new(),
                handed: VecDeque::new(),
                offers: VecDeque::new(),
                next_ticket: 0,
                senders: 1,
                receivers: 1,
            }),
            handed: Condvar::new(),
            taken: Condvar::new(),
        }
    }

    pub(super) fn send(&self, message: T, wait_mode: &WaitMode) -> Result<(), NotSent<T>> {
        let mut state = lock(&self.state);
        if state.receivers == 0 {
            return Err(NotSent::Disconnected(message));
        }
        if let Some(receiver) = state.idle.pop_front() {
            state.handed.push_back((receiver, message));
            drop(state);
            self.handed.notify_all();
            return Ok(());
        }
        if wait_mode.is_over() {
            return Err(NotSent::GaveUp(message));
        }
        let ticket = state.issue();
        state.offers.push_back((ticket, message));
        loop {
            state = wait_mode.wait(&self.taken, state);
            // An offer that is gone was taken, since only its own sender may withdraw it.
            if !state.offers.iter().any(|(other, _)| *other == ticket) {
                return Ok(());
            }
            let disconnected = state.receivers == 0;
            if (disconnected || wait_mode.is_over())
                && let Some(message) = take(&mut state.offers, ticket)
            {
                return Err(if disconnected {
                    NotSent::Disconnected(message)
                } else {
                    NotSent::GaveUp(message)
                });
            }
        }
    }

    pub(super) fn recv(&self, wait_mode: &WaitMode) -> Result<T, NotReceived> {
        let mut state = lock(&self.state);
        if let Some((_, message)) = state.offers.pop_front() {
            drop(state);
            self.taken.notify_all();
            return Ok(message);
        }
        if state.senders == 0 {
            return Err(NotReceived::Disconnected);
        }
        if wait_mode.is_over() {
            return Err(NotReceived::GaveUp);
        }
        let ticket = state.issue();
        state.idle.push_back(ticket);
        loop {
            state = wait_mode.wait(&self.handed, state);
            // This comes first: a sender that bound its message to this receiver has already returned.
            if let Some(message) = take(&mut state.handed, ticket) {
                return Ok(message);
            }
            let disconnected = state.senders == 0;
            if disconnected || wait_mode.is_over() {
                state.idle.retain(|other| *other != ticket);
                return Err(if disconnected { NotReceived::Disconnected } else { NotReceived::GaveUp });
            }
        }
    }

    pub(super) fn add_sender(&self) {
        lock(&self.state).senders += 1;
    }

    pub(super) fn remove_sender(&self) {
        let mut state = lock(&self.state);
        state.senders -= 1;
        if state.senders == 0 {
            drop(state);
            self.handed.notify_all();
        }
    }

    pub(super) fn add_receiver(&self) {
        lock(&self.state).receivers += 1;
    }

    pub(super) fn remove_receiver(&self) {
        let mut state = lock(&self.state);
        state.receivers -= 1;
        if state.receivers == 0 {
            drop(state);
            self.taken.notify_all();
        }
    }
}
