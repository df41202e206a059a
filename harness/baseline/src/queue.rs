//! The buffered flavour of the baseline: bounded and unbounded.
//!
//! The textbook monitor (C. A. R. Hoare, "Monitors: an operating system structuring concept", 1974, §4
//! "bounded buffer"). Each wait is inside a loop that checks again, because another thread may have been
//! faster than the woken one.

use std::collections::VecDeque;
use std::mem;

use super::{NotReceived, NotSent, WaitMode};
use contract::sync::{Condvar, Mutex, lock};

#[derive(Debug)]
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    /// Notifies one receiver for each message pushed while a receiver waits, and all when the last sender is
    /// dropped.
    readable: Condvar,
    /// Notifies one sender for each message popped while a sender waits, and all when the last receiver is
    /// dropped.
    writable: Condvar,
}

#[derive(Debug)]
struct State<T> {
    /// At most `limit` messages, oldest first. Empty for good once `receivers` is 0.
    buffer: VecDeque<T>,
    /// The capacity; `usize::MAX` when unbounded.
    limit: usize,
    /// The numbers of open handles.
    senders: usize,
    receivers: usize,
    /// The numbers of threads that wait, or are woken and do not hold the lock yet: at least those that need
    /// a notification.
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
                // A bounded ring is allocated at once, like crossbeam's; an unbounded one grows.
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
    pub(super) fn send(&self, message: T, wait_mode: &WaitMode) -> Result<(), NotSent<T>> {
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
            if wait_mode.is_over() {
                return Err(NotSent::GaveUp(message));
            }
            state.waiting_senders += 1;
            state = wait_mode.wait(&self.writable, state);
            state.waiting_senders -= 1;
        }
    }

    #[inline]
    pub(super) fn recv(&self, wait_mode: &WaitMode) -> Result<T, NotReceived> {
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
            if wait_mode.is_over() {
                return Err(NotReceived::GaveUp);
            }
            state.waiting_receivers += 1;
            state = wait_mode.wait(&self.readable, state);
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
            // No receiver is left for these. They are dropped after the lock is released, since `Drop` runs
            // foreign code.
            let undelivered = mem::take(&mut state.buffer);
            drop(state);
            self.writable.notify_all();
            drop(undelivered);
        }
    }
}
