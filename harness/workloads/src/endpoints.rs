//! Counts the open endpoints of a channel, to check a disconnect that the channel reports.
//!
//! Ledgers see only what arrived. If one of several receivers gets a disconnect too early, the others take
//! the remaining messages, nothing is missing in the end, and the ledgers are silent. So each side of a
//! channel counts the threads that hold an endpoint, and a thread that gets a disconnect checks that the
//! other side's count is zero. A message costs nothing.
//!
//! The count says what has happened, not what the channel lets a thread know. No channel promises that its
//! report of a disconnect orders what the other side did before, and few do: the flag is a Relaxed load in
//! crossbeam and std, and a Relaxed store in flume. So both sides have a fence here. An explorer that shows
//! older values does not see the count, because its atomic is not modelled.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering, fence};

use crate::violation::DeliveryViolation;

/// The number of open endpoints on one side of a channel.
#[derive(Clone, Debug)]
pub(crate) struct EndpointCount(Arc<AtomicUsize>);

impl EndpointCount {
    /// No endpoint yet.
    pub(crate) fn new() -> Self {
        EndpointCount(Arc::new(AtomicUsize::new(0)))
    }

    /// Counts `handle` until the guard is dropped. Called before any thread starts, so that no thread checks
    /// too early.
    pub(crate) fn guard<H>(&self, handle: H) -> EndpointGuard<H> {
        // Relaxed: the threads that read the count are started afterwards.
        self.0.fetch_add(1, Ordering::Relaxed);
        EndpointGuard { handle, count: self.clone() }
    }

    /// Checks a disconnect that the channel reported to `thread`.
    ///
    /// # Errors
    ///
    /// [`DeliveryViolation::EarlyDisconnect`] when an endpoint of the other side is still open.
    #[inline]
    pub(crate) fn check_disconnect(&self, thread: &'static str) -> Result<(), DeliveryViolation> {
        // Pairs with the fence in `EndpointGuard::drop`: whatever its orderings, the channel's report was
        // written after that fence and read before this one.
        fence(Ordering::SeqCst);
        match self.0.load(Ordering::Relaxed) {
            0 => Ok(()),
            _ => Err(DeliveryViolation::EarlyDisconnect { thread }),
        }
    }
}

/// A channel handle that is counted as an open endpoint.
#[derive(Debug)]
pub(crate) struct EndpointGuard<H> {
    handle: H,
    count: EndpointCount,
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
        self.count.0.fetch_sub(1, Ordering::Relaxed);
        // Pairs with the fence in `EndpointCount::check_disconnect`. The handle itself is dropped after this.
        fence(Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disconnect_is_early_while_an_endpoint_is_open() {
        let senders = EndpointCount::new();
        let (one, other) = (senders.guard(()), senders.guard(()));
        drop(one);
        let early = DeliveryViolation::EarlyDisconnect { thread: "consumer" };
        assert_eq!(senders.check_disconnect("consumer"), Err(early));
        drop(other);
        assert!(senders.check_disconnect("consumer").is_ok());
    }

    #[test]
    fn an_endpoint_is_uncounted_before_its_handle_is_dropped() {
        struct ChecksOnDrop(EndpointCount);
        impl Drop for ChecksOnDrop {
            fn drop(&mut self) {
                assert!(self.0.check_disconnect("consumer").is_ok());
            }
        }
        let senders = EndpointCount::new();
        drop(senders.guard(ChecksOnDrop(senders.clone())));
    }
}
