//! Who still holds one end of a channel: what a reported disconnect is held against.
//!
//! The ledgers see what arrived. When one of several receivers is told of a disconnect that is none, the others take the
//! rest, nothing is missing in the end, and the ledgers are silent. So each end of a channel counts the threads that hold it,
//! and whoever is told that the other end is gone asks whether it is. A message costs nothing.
//!
//! The count is of what has happened, not of what the channel lets a thread know: no channel promises that its report of a disconnect orders what
//! the other side did before, and few do (crossbeam's and std's is a Relaxed load, and flume writes it Relaxed as well). So both sides have a fence of their own,
//! and an explorer that shows older values does not see the count: its atomic is not modelled.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering, fence};

use crate::violation::DeliveryViolation;

/// Counts the threads that hold one end of a channel.
#[derive(Clone, Debug)]
pub(crate) struct EndpointCount(Arc<AtomicUsize>);

impl EndpointCount {
    /// Nobody yet.
    pub(crate) fn new() -> Self {
        EndpointCount(Arc::new(AtomicUsize::new(0)))
    }

    /// Counts `handle` until it is dropped. Called before any thread runs, so that nobody asks too early.
    pub(crate) fn hold<H>(&self, handle: H) -> EndpointGuard<H> {
        // Relaxed: the threads that ask are started afterwards.
        self.0.fetch_add(1, Ordering::Relaxed);
        EndpointGuard { handle, holders: self.clone() }
    }

    /// Asks whether the disconnect that `thread` was told of is one.
    ///
    /// # Errors
    ///
    /// [`DeliveryViolation::EarlyDisconnect`] when a handle of the other end is still held.
    #[inline]
    pub(crate) fn disconnected(&self, thread: &'static str) -> Result<(), DeliveryViolation> {
        // Pairs with the fence in `EndpointGuard::drop`: the channel's report, whatever its orderings are, was read before this one and written after that one.
        fence(Ordering::SeqCst);
        match self.0.load(Ordering::Relaxed) {
            0 => Ok(()),
            _ => Err(DeliveryViolation::EarlyDisconnect { thread }),
        }
    }
}

/// A handle that is counted.
#[derive(Debug)]
pub(crate) struct EndpointGuard<H> {
    handle: H,
    holders: EndpointCount,
}

impl<H> Deref for EndpointGuard<H> {
    type Target = H;

    #[inline(always)]
    fn deref(&self) -> &H {
        &self.handle
    }
}

impl<H> Drop for EndpointGuard<H> {
    fn drop(&mut self) {
        self.holders.0.fetch_sub(1, Ordering::Relaxed);
        // Pairs with the fence in `EndpointCount::disconnected`. The handle itself is dropped after this.
        fence(Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disconnect_is_one_when_every_handle_is_gone() {
        let senders = EndpointCount::new();
        let (one, other) = (senders.hold(()), senders.hold(()));
        drop(one);
        let early = DeliveryViolation::EarlyDisconnect { thread: "consumer" };
        assert_eq!(senders.disconnected("consumer"), Err(early));
        drop(other);
        assert!(senders.disconnected("consumer").is_ok());
    }

    #[test]
    fn a_handle_is_counted_off_before_it_is_dropped() {
        struct Asks(EndpointCount);
        impl Drop for Asks {
            fn drop(&mut self) {
                assert!(self.0.disconnected("consumer").is_ok());
            }
        }
        let senders = EndpointCount::new();
        drop(senders.hold(Asks(senders.clone())));
    }
}
