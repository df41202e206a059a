//! `flume`: a queue behind a lock, a small implementation without unsafe code.

use std::time::Duration;

use contract::channel::{
    Capacity, Channel, Difference, Handles, Info, Receiver, RecvError, RecvTimeoutError, Selector, SendError,
    SendTimeoutError, Sender, TryRecvError, TrySendError, Unsupported,
};

/// The channel `flume`.
#[derive(Debug)]
pub struct Adapter;

impl Channel for Adapter {
    const INFO: Info = Info {
        name: "flume",
        package: Some("flume"),
        about: "a queue behind a lock, waiters served by signals",
        lacks: &[],
        differs: &[
            (Difference::BoundedKeepsUndelivered, "the queue is dropped with the last handle of either end"),
            (
                Difference::UnboundedKeepsUndelivered,
                "the queue is dropped with the last handle of either end",
            ),
        ],
        notes: &[
            "every receive builds a new selector, as the crate's interface requires; it polls in random order",
        ],
    };
    type Sender<T: Send + 'static> = Tx<T>;
    type Receiver<T: Send + 'static> = Rx<T>;
    type Selector<'a, T: Send + 'static> = Select<'a, T>;

    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        let (sender, receiver) = match capacity.slots() {
            Some(slots) => flume::bounded(slots),
            None => flume::unbounded(),
        };
        Ok((Tx(sender), Rx(receiver)))
    }

    fn selector<'a, T: Send + 'static>(
        receivers: impl IntoIterator<Item = &'a Self::Receiver<T>>,
    ) -> Result<Self::Selector<'a, T>, Unsupported> {
        Ok(Select { open: receivers.into_iter().map(|receiver| &receiver.0).collect() })
    }
}

/// Flume's select over the receivers that are still connected.
#[derive(Debug)]
pub struct Select<'a, T> {
    open: Vec<&'a flume::Receiver<T>>,
}

impl<T> Selector<T> for Select<'_, T> {
    #[inline(always)]
    fn recv(&mut self) -> Result<T, RecvError> {
        while !self.open.is_empty() {
            let mut selector = flume::Selector::new();
            for (index, receiver) in self.open.iter().enumerate() {
                selector = selector.recv(receiver, move |received| (index, received));
            }
            match selector.wait() {
                (_, Ok(message)) => return Ok(message),
                (index, Err(flume::RecvError::Disconnected)) => {
                    self.open.remove(index);
                }
            }
        }
        Err(RecvError)
    }
}

/// The sending handle.
#[derive(Debug)]
pub struct Tx<T>(flume::Sender<T>);

// A derived `Clone` would require `T: Clone`.
impl<T> Clone for Tx<T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        Tx(self.0.clone())
    }
}

impl<T: Send + 'static> Sender<T> for Tx<T> {
    #[inline(always)]
    fn send(&self, message: T) -> Result<(), SendError<T>> {
        flume::Sender::send(&self.0, message).map_err(|error| SendError { message: Some(error.0) })
    }

    #[inline(always)]
    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        flume::Sender::try_send(&self.0, message).map_err(|error| match error {
            flume::TrySendError::Full(message) => TrySendError::Full(message),
            flume::TrySendError::Disconnected(message) => TrySendError::Disconnected(message),
        })
    }

    #[inline(always)]
    fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        flume::Sender::send_timeout(&self.0, message, timeout).map_err(|error| match error {
            flume::SendTimeoutError::Timeout(message) => SendTimeoutError::Timeout(message),
            flume::SendTimeoutError::Disconnected(message) => SendTimeoutError::Disconnected(message),
        })
    }
}

/// The receiving handle.
#[derive(Debug)]
pub struct Rx<T>(flume::Receiver<T>);

impl<T: Send + 'static> Receiver<T> for Rx<T> {
    #[inline(always)]
    fn recv(&self) -> Result<T, RecvError> {
        flume::Receiver::recv(&self.0).map_err(|flume::RecvError::Disconnected| RecvError)
    }

    #[inline(always)]
    fn try_recv(&self) -> Result<T, TryRecvError> {
        flume::Receiver::try_recv(&self.0).map_err(|error| match error {
            flume::TryRecvError::Empty => TryRecvError::Empty,
            flume::TryRecvError::Disconnected => TryRecvError::Disconnected,
        })
    }

    #[inline(always)]
    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        flume::Receiver::recv_timeout(&self.0, timeout).map_err(|error| match error {
            flume::RecvTimeoutError::Timeout => RecvTimeoutError::Timeout,
            flume::RecvTimeoutError::Disconnected => RecvTimeoutError::Disconnected,
        })
    }

    #[inline(always)]
    fn try_clone(&self) -> Result<Self, Unsupported> {
        Ok(Rx(self.0.clone()))
    }

    #[inline(always)]
    fn len(&self) -> Result<usize, Unsupported> {
        Ok(flume::Receiver::len(&self.0))
    }
}
