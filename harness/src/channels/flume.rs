//! `flume`: a lock around a queue, with a small and safe implementation.

use std::time::Duration;

use flume as crate_;

use crate::channel::{
    Capacity, Channel, Difference, Handles, Info, Receiver, RecvError, RecvTimeoutError, Selector, SendError,
    SendTimeoutError, Sender, TryRecvError, TrySendError, Unsupported,
};

/// The channel `flume`.
#[derive(Debug)]
pub struct Flume;

impl Channel for Flume {
    const INFO: Info = Info {
        name: "flume",
        package: Some("flume"),
        about: "a queue behind a lock, waiters served by signals",
        lacks: &[],
        differs: &[
            (Difference::BoundedKeepsUndelivered, "its queue lives as long as a handle of either end"),
            (Difference::UnboundedKeepsUndelivered, "its queue lives as long as a handle of either end"),
        ],
        notes: &[
            "select is built anew for each receive, as the crate's interface asks, and polls in random order",
        ],
    };
    type Sender<T: Send + 'static> = crate_::Sender<T>;
    type Receiver<T: Send + 'static> = crate_::Receiver<T>;
    type Selector<'a, T: Send + 'static> = Select<'a, T>;

    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        Ok(match capacity.slots() {
            Some(slots) => crate_::bounded(slots),
            None => crate_::unbounded(),
        })
    }

    fn selector<'a, T: Send + 'static>(
        receivers: impl IntoIterator<Item = &'a Self::Receiver<T>>,
    ) -> Result<Self::Selector<'a, T>, Unsupported> {
        Ok(Select { open: receivers.into_iter().collect() })
    }
}

/// Flume's select over the receivers that are not disconnected yet.
#[derive(Debug)]
pub struct Select<'a, T> {
    open: Vec<&'a crate_::Receiver<T>>,
}

impl<T> Selector<T> for Select<'_, T> {
    #[inline(always)]
    fn recv(&mut self) -> Result<T, RecvError> {
        while !self.open.is_empty() {
            let mut selector = crate_::Selector::new();
            for (index, receiver) in self.open.iter().enumerate() {
                selector = selector.recv(receiver, move |received| (index, received));
            }
            match selector.wait() {
                (_, Ok(message)) => return Ok(message),
                (index, Err(crate_::RecvError::Disconnected)) => {
                    self.open.remove(index);
                }
            }
        }
        Err(RecvError)
    }
}

impl<T: Send + 'static> Sender<T> for crate_::Sender<T> {
    #[inline(always)]
    fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.send(message).map_err(|error| SendError { message: Some(error.0) })
    }

    #[inline(always)]
    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.try_send(message).map_err(|error| match error {
            crate_::TrySendError::Full(message) => TrySendError::Full(message),
            crate_::TrySendError::Disconnected(message) => TrySendError::Disconnected(message),
        })
    }

    #[inline(always)]
    fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.send_timeout(message, timeout).map_err(|error| match error {
            crate_::SendTimeoutError::Timeout(message) => SendTimeoutError::Timeout(message),
            crate_::SendTimeoutError::Disconnected(message) => SendTimeoutError::Disconnected(message),
        })
    }
}

impl<T: Send + 'static> Receiver<T> for crate_::Receiver<T> {
    #[inline(always)]
    fn recv(&self) -> Result<T, RecvError> {
        self.recv().map_err(|crate_::RecvError::Disconnected| RecvError)
    }

    #[inline(always)]
    fn try_recv(&self) -> Result<T, TryRecvError> {
        self.try_recv().map_err(|error| match error {
            crate_::TryRecvError::Empty => TryRecvError::Empty,
            crate_::TryRecvError::Disconnected => TryRecvError::Disconnected,
        })
    }

    #[inline(always)]
    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_timeout(timeout).map_err(|error| match error {
            crate_::RecvTimeoutError::Timeout => RecvTimeoutError::Timeout,
            crate_::RecvTimeoutError::Disconnected => RecvTimeoutError::Disconnected,
        })
    }

    fn try_clone(&self) -> Result<Self, Unsupported> {
        Ok(self.clone())
    }

    fn len(&self) -> Result<usize, Unsupported> {
        Ok(self.len())
    }
}
