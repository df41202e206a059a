//! The rendezvous flavour of the baseline: a true hand-off.
//!
//! A send ends only when a receiver that was inside a receive *during* that send has the message. To hold that strictly,
//! a message is bound to one particular waiting receiver: were it merely queued for "some receiver that waits", a receiver
//! that arrived after the send had returned could take it, and the two calls would never have met. Each waiter therefore
//! has a ticket. A condition variable cannot wake a particular thread, so all waiters of one side are woken and look for
//! their own ticket; with many waiters that costs, and a rendezvous is not what one builds from these parts for speed.

use std::collections::VecDeque;

use super::{NotReceived, NotSent, Patience};
use crate::sync::{Condvar, Mutex, lock};

/// Names one waiting call; never used twice in a channel.
type Ticket = u64;

#[derive(Debug)]
pub(super) struct HandOff<T> {
    state: Mutex<State<T>>,
    /// Notified when a message was bound to a waiting receiver, and when the last sender goes.
    handed: Condvar,
    /// Notified when an offer was taken, and when the last receiver goes.
    taken: Condvar,
}

/// Receivers in `idle` and messages in `offers` are never both present: whoever comes second completes the other.
#[derive(Debug)]
struct State<T> {
    /// Waiting receivers without a message, in order of arrival.
    idle: VecDeque<Ticket>,
    /// Messages bound to a waiting receiver that has not woken yet, under that receiver's ticket.
    handed: VecDeque<(Ticket, T)>,
    /// Messages of waiting senders, in order of arrival, under the sender's ticket.
    offers: VecDeque<(Ticket, T)>,
    next_ticket: Ticket,
    /// Live handles.
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

/// Takes the message under `ticket` out of `messages`, if it is there.
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

    pub(super) fn send(&self, message: T, patience: &Patience) -> Result<(), NotSent<T>> {
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
        if patience.exhausted() {
            return Err(NotSent::Impatient(message));
        }
        let ticket = state.issue();
        state.offers.push_back((ticket, message));
        loop {
            state = patience.wait(&self.taken, state);
            // An offer that is gone was taken: only its own sender may withdraw it.
            if !state.offers.iter().any(|(other, _)| *other == ticket) {
                return Ok(());
            }
            let disconnected = state.receivers == 0;
            if (disconnected || patience.exhausted())
                && let Some(message) = take(&mut state.offers, ticket)
            {
                return Err(if disconnected {
                    NotSent::Disconnected(message)
                } else {
                    NotSent::Impatient(message)
                });
            }
        }
    }

    pub(super) fn recv(&self, patience: &Patience) -> Result<T, NotReceived> {
        let mut state = lock(&self.state);
        if let Some((_, message)) = state.offers.pop_front() {
            drop(state);
            self.taken.notify_all();
            return Ok(message);
        }
        if state.senders == 0 {
            return Err(NotReceived::Disconnected);
        }
        if patience.exhausted() {
            return Err(NotReceived::Impatient);
        }
        let ticket = state.issue();
        state.idle.push_back(ticket);
        loop {
            state = patience.wait(&self.handed, state);
            // First of all: a sender that bound its message to this receiver has already returned.
            if let Some(message) = take(&mut state.handed, ticket) {
                return Ok(message);
            }
            let disconnected = state.senders == 0;
            if disconnected || patience.exhausted() {
                state.idle.retain(|other| *other != ticket);
                return Err(if disconnected { NotReceived::Disconnected } else { NotReceived::Impatient });
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
