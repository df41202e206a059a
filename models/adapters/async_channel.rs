//! `async-channel`: a lock-free queue (`concurrent-queue`) and lists of waiters (`event-listener`), made for tasks; here its blocking calls.

use std::time::Duration;

use harness::channel::{
    Capability, Capacity, Channel, Handles, Info, NoSelect, Receiver, RecvError, RecvTimeoutError, SendError,
    SendTimeoutError, Sender, TryRecvError, TrySendError, Unsupported,
};

/// The channel `async-channel`.
#[derive(Debug)]
pub struct Subject;

impl Channel for Subject {
    const INFO: Info = Info {
        name: "async-channel",
        package: Some("async-channel"),
        about: "a lock-free queue, and lists of waiters, made for tasks (its blocking calls)",
        lacks: &[
            (Capability::Rendezvous, "async-channel refuses capacity 0"),
            (Capability::SendTimeout, "async-channel has no deadlines: timeouts are an executor's"),
            (Capability::RecvTimeout, "async-channel has no deadlines: timeouts are an executor's"),
            (Capability::Select, "async-channel has no select of its own"),
        ],
        differs: &[],
        notes: &[],
    };
    type Sender<T: Send + 'static> = AsyncSender<T>;
    type Receiver<T: Send + 'static> = AsyncReceiver<T>;
    type Selector<'a, T: Send + 'static> = NoSelect;

    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        let (sender, receiver) = match capacity.slots() {
            Some(0) => return Err(Self::INFO.unsupported(Capability::Rendezvous)),
            Some(slots) => async_channel::bounded(slots),
            None => async_channel::unbounded(),
        };
        Ok((AsyncSender(sender), AsyncReceiver(receiver)))
    }

    fn selector<'a, T: Send + 'static>(
        _: impl IntoIterator<Item = &'a Self::Receiver<T>>,
    ) -> Result<Self::Selector<'a, T>, Unsupported> {
        Err(Self::INFO.unsupported(Capability::Select))
    }
}

/// Async-channel's sender.
#[derive(Debug)]
pub struct AsyncSender<T>(async_channel::Sender<T>);

// Not derived: a derived `Clone` would ask `T: Clone`.
impl<T> Clone for AsyncSender<T> {
    fn clone(&self) -> Self {
        AsyncSender(self.0.clone())
    }
}

impl<T: Send + 'static> Sender<T> for AsyncSender<T> {
    fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.0.send_blocking(message).map_err(|error| SendError { message: Some(error.into_inner()) })
    }

    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.0.try_send(message).map_err(|error| match error {
            async_channel::TrySendError::Full(message) => TrySendError::Full(message),
            async_channel::TrySendError::Closed(message) => TrySendError::Disconnected(message),
        })
    }

    fn send_timeout(&self, message: T, _: Duration) -> Result<(), SendTimeoutError<T>> {
        Err(SendTimeoutError::Unsupported(message, Subject::INFO.unsupported(Capability::SendTimeout)))
    }
}

/// Async-channel's receiver.
#[derive(Debug)]
pub struct AsyncReceiver<T>(async_channel::Receiver<T>);

impl<T: Send + 'static> Receiver<T> for AsyncReceiver<T> {
    fn recv(&self) -> Result<T, RecvError> {
        self.0.recv_blocking().map_err(|async_channel::RecvError| RecvError)
    }

    fn try_recv(&self) -> Result<T, TryRecvError> {
        self.0.try_recv().map_err(|error| match error {
            async_channel::TryRecvError::Empty => TryRecvError::Empty,
            async_channel::TryRecvError::Closed => TryRecvError::Disconnected,
        })
    }

    fn recv_timeout(&self, _: Duration) -> Result<T, RecvTimeoutError> {
        Err(RecvTimeoutError::Unsupported(Subject::INFO.unsupported(Capability::RecvTimeout)))
    }

    fn try_clone(&self) -> Result<Self, Unsupported> {
        Ok(AsyncReceiver(self.0.clone()))
    }

    fn len(&self) -> Result<usize, Unsupported> {
        Ok(self.0.len())
    }
}
