//! A channel of one place with a planted mistake, written on the same synchronisation as the baseline.

use std::mem;

use harness::sync::{AtomicBool, Condvar, Mutex, Ordering, lock, wait};
use models::payload::Payload;

/// What is wrong with a [`Slot`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// Nothing.
    None,
    /// A woken taker does not look again: `if` where `while` belongs.
    WaitsOnce,
    /// A put wakes nobody.
    PutsInSilence,
    /// The close wakes one of those that wait.
    ClosesForOne,
    /// The close does not take the lock, and falls between a taker's look and its wait.
    ClosesUnlocked,
    /// What nobody took is neither dropped nor returned.
    LeaksTheRest,
}

/// At most one message; all that wait, wait for the same condition variable.
#[derive(Debug)]
pub(crate) struct Slot {
    message: Mutex<Option<Payload>>,
    /// Written under the lock of `message`, but for [`Mistake::ClosesUnlocked`].
    closed: AtomicBool,
    changed: Condvar,
    mistake: Mistake,
}

impl Slot {
    pub(crate) fn new(mistake: Mistake) -> Self {
        Slot { message: Mutex::new(None), closed: AtomicBool::new(false), changed: Condvar::new(), mistake }
    }

    /// Waits while the slot is full.
    pub(crate) fn put(&self, payload: Payload) {
        let mut message = lock(&self.message);
        while message.is_some() {
            message = wait(&self.changed, message);
        }
        *message = Some(payload);
        drop(message);
        if self.mistake != Mistake::PutsInSilence {
            self.changed.notify_all();
        }
    }

    /// Waits while the slot is empty; nothing when it is closed.
    pub(crate) fn take(&self) -> Option<Payload> {
        let mut message = lock(&self.message);
        while message.is_none() && !self.is_closed() {
            message = wait(&self.changed, message);
            if self.mistake == Mistake::WaitsOnce {
                break;
            }
        }
        let payload = message.take();
        drop(message);
        if payload.is_some() {
            self.changed.notify_all();
        }
        payload
    }

    pub(crate) fn close(&self) {
        let held = (self.mistake != Mistake::ClosesUnlocked).then(|| lock(&self.message));
        // Pairs with the Acquire load in `is_closed`; under the lock, the lock would do.
        self.closed.store(true, Ordering::Release);
        drop(held);
        if self.mistake == Mistake::ClosesForOne {
            self.changed.notify_one();
        } else {
            self.changed.notify_all();
        }
    }

    fn is_closed(&self) -> bool {
        // Pairs with the Release store in `close`.
        self.closed.load(Ordering::Acquire)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.mistake == Mistake::LeaksTheRest {
            mem::forget(lock(&self.message).take());
        }
    }
}
