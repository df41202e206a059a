//! The buffered flavour of the baseline: bounded and unbounded.
//!
//! The textbook monitor (C. A. R. Hoare, "Monitors: an operating system structuring concept", 1974, §4 "bounded buffer"):
//! each wait is inside a loop that looks again, since a woken waiter may find that another thread was faster.

use std::collections::VecDeque;
use std::mem;

use super::{NotReceived, NotSent, Patience, wake_all};
use crate::mutants::{Mutant, active};
use crate::sync::{Condvar, Mutex, lock};

#[derive(Debug)]
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    /// Notified once for each message pushed while a receiver waits, and for all when the last sender goes.
    readable: Condvar,
    /// Notified once for each message popped while a sender waits, and for all when the last receiver goes.
    writable: Condvar,
}

#[derive(Debug)]
struct State<T> {
    /// At most `limit` messages, oldest first. Empty for good once `receivers` is 0.
    buffer: VecDeque<T>,
    /// Messages held at most; `usize::MAX` when unbounded.
    limit: usize,
    /// Live handles.
    senders: usize,
    receivers: usize,
    /// Threads inside a wait, or woken and not yet holding the lock: never fewer than those that need a notification.
    waiting_senders: usize,
    waiting_receivers: usize,
}

impl<T> State<T> {
    #[inline]
    fn has_room(&self) -> bool {
        if active(Mutant::OneTooMany) {
            return self.buffer.len() <= self.limit;
        }
        self.buffer.len() < self.limit
    }

    /// Takes the oldest message.
    #[inline]
    fn pop(&mut self) -> Option<T> {
        if active(Mutant::NewestAtWrapAround) && !self.buffer.as_slices().1.is_empty() {
            return self.buffer.pop_back();
        }
        self.buffer.pop_front()
    }
}

impl<T: Send + 'static> Queue<T> {
    pub(super) fn new(limit: Option<usize>) -> Self {
        Queue {
            state: Mutex::new(State {
                // A bounded ring is allocated at once, as crossbeam's is; an unbounded one grows.
                buffer: VecDeque::with_capacity(limit.unwrap_or(0)),
                limit: limit.unwrap_or(usize::MAX),
                senders: 1,
                receivers: 1,
                waiting_senders: 0,
                waiting_receivers: 0,
            }),
            readable: Condvar::new(),
            writable: Condvar::new(),
        }
    }

    #[inline]
    pub(super) fn send(&self, message: T, patience: &Patience) -> Result<(), NotSent<T>> {
        let mut state = lock(&self.state);
        // Only mutants look at it.
        let mut waited = false;
        loop {
            if state.receivers == 0 && !(waited && active(Mutant::WaitingSenderMissesTheEnd)) {
                return Err(NotSent::Disconnected(message));
            }
            if state.has_room() || (waited && active(Mutant::SendWaitsOnce)) {
                if active(Mutant::LooksForRoomUnlocked) {
                    drop(state);
                    state = lock(&self.state);
                }
                if active(Mutant::NotifiesBeforeItPushes) {
                    drop(state);
                    self.readable.notify_one();
                    lock(&self.state).buffer.push_back(message);
                    return Ok(());
                }
                state.buffer.push_back(message);
                let mut awaited = state.waiting_receivers > 0;
                if active(Mutant::WakesOnlyWhenEmpty) {
                    awaited = state.buffer.len() == 1;
                }
                drop(state);
                if awaited && !active(Mutant::SendWakesNobody) {
                    self.readable.notify_one();
                }
                return Ok(());
            }
            if patience.exhausted() {
                return Err(NotSent::Impatient(message));
            }
            state.waiting_senders += 1;
            state = patience.wait(&self.writable, state);
            state.waiting_senders -= 1;
            waited = true;
        }
    }

    #[inline]
    pub(super) fn recv(&self, patience: &Patience) -> Result<T, NotReceived> {
        let mut state = lock(&self.state);
        // Only mutants look at it.
        let mut waited = false;
        loop {
            if active(Mutant::EndBeforeTheRest) && state.senders == 0 {
                return Err(NotReceived::Disconnected);
            }
            if let Some(message) = state.pop() {
                if active(Mutant::TimeoutDropsTheMessage) && waited && patience.exhausted() {
                    return Err(NotReceived::Impatient);
                }
                let awaited = state.waiting_senders > 0;
                drop(state);
                if awaited && !active(Mutant::ReceiveWakesNobody) {
                    self.writable.notify_one();
                }
                return Ok(message);
            }
            if state.senders == 0 || (waited && active(Mutant::ReceiveWaitsOnce)) {
                return Err(NotReceived::Disconnected);
            }
            if patience.exhausted() {
                return Err(NotReceived::Impatient);
            }
            state.waiting_receivers += 1;
            state = patience.wait(&self.readable, state);
            state.waiting_receivers -= 1;
            waited = true;
        }
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.state).buffer.len()
    }

    pub(super) fn add_sender(&self) {
        lock(&self.state).senders += 1;
    }

    pub(super) fn remove_sender(&self) {
        let mut state = lock(&self.state);
        if active(Mutant::LastSenderNotifiesFirst) {
            drop(state);
            self.readable.notify_all();
            lock(&self.state).senders -= 1;
            return;
        }
        state.senders -= 1;
        if active(Mutant::SenderCountedOffTwice) {
            state.senders = state.senders.saturating_sub(1);
        }
        if state.senders == 0 {
            drop(state);
            wake_all(&self.readable, Mutant::LastSenderWakesOne);
        }
    }

    pub(super) fn add_receiver(&self) {
        lock(&self.state).receivers += 1;
    }

    pub(super) fn remove_receiver(&self) {
        let mut state = lock(&self.state);
        state.receivers -= 1;
        if state.receivers == 0 {
            // Nobody can receive these any more. They are dropped after the lock: their `Drop` is not our code.
            let undelivered = mem::take(&mut state.buffer);
            drop(state);
            wake_all(&self.writable, Mutant::LastReceiverWakesOne);
            if active(Mutant::LastReceiverLeaks) {
                return mem::forget(undelivered);
            }
            if active(Mutant::LastReceiverDropsTwice) {
                return drop_twice(undelivered);
            }
            drop(undelivered);
        }
    }
}

/// The mistake of [`Mutant::LastReceiverDropsTwice`].
fn drop_twice<T>(messages: VecDeque<T>) {
    for message in messages {
        // SAFETY: there is none, and that is the mistake that is planted: the message is dropped here and below. Only a build with
        // mutants comes here, in a process of its own, which may abort where messages own memory: that is a catch as well.
        drop(unsafe { std::ptr::read(&raw const message) });
        drop(message);
    }
}
