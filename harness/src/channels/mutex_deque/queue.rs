//! The buffered flavour of the baseline: bounded and unbounded.
//!
//! The textbook monitor (C. A. R. Hoare, "Monitors: an operating system structuring concept", 1974, §4 "bounded buffer"):
//! each wait is inside a loop that looks again, since a woken waiter may find that another thread was faster.

use std::collections::VecDeque;
use std::mem;

use super::{NotReceived, NotSent, Patience};
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
        self.buffer.len() < self.limit
    }

    /// Takes the oldest message.
    #[inline]
    fn pop(&mut self) -> Option<T> {
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
        loop {
            if state.receivers == 0 {
                return Err(NotSent::Disconnected(message));
            }
            if state.has_room() {
                state.buffer.push_back(message);
                let awaited = state.waiting_receivers > 0;
                drop(state);
                if awaited {
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
        }
    }

    #[inline]
    pub(super) fn recv(&self, patience: &Patience) -> Result<T, NotReceived> {
        let mut state = lock(&self.state);
        loop {
            if let Some(message) = state.pop() {
                let awaited = state.waiting_senders > 0;
                drop(state);
                if awaited {
                    self.writable.notify_one();
                }
                return Ok(message);
            }
            if state.senders == 0 {
                return Err(NotReceived::Disconnected);
            }
            if patience.exhausted() {
                return Err(NotReceived::Impatient);
            }
            state.waiting_receivers += 1;
            state = patience.wait(&self.readable, state);
            state.waiting_receivers -= 1;
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
        state.senders -= 1;
        if state.senders == 0 {
            drop(state);
            self.readable.notify_all();
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
            self.writable.notify_all();
            drop(undelivered);
        }
    }
}
