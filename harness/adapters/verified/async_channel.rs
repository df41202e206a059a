//! `async-channel`: a lock-free queue (`concurrent-queue`) and lists of waiters (`event-listener`), made for
//! tasks. The adapter uses its blocking calls.

use std::time::Duration;

use contract::channel::{
    Capability, Capacity, Channel, Handles, Info, NoSelect, Receiver, RecvError, RecvTimeoutError, SendError,
    SendTimeoutError, Sender, TryRecvError, TrySendError, Unsupported,
};

/// The channel `async-channel`.
#[derive(Debug)]
pub struct Adapter;

impl Channel for Adapter {
    const INFO: Info = Info {
        name: "async-channel",
        package: Some("async-channel"),
        about: "a lock-free queue and lists of waiters, made for tasks (blocking calls)",
        lacks: &[
            (Capability::Rendezvous, "async-channel does not accept capacity 0"),
            (Capability::SendTimeout, "async-channel leaves timeouts to the executor"),
            (Capability::RecvTimeout, "async-channel leaves timeouts to the executor"),
            (Capability::Select, "async-channel has no select"),
        ],
        differs: &[],
        notes: &[],
    };
    type Sender<T: Send + 'static> = Tx<T>;
    type Receiver<T: Send + 'static> = Rx<T>;
    type Selector<'a, T: Send + 'static> = NoSelect;

    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        let (sender, receiver) = match capacity.slots() {
            Some(0) => return Err(Self::INFO.unsupported(Capability::Rendezvous)),
            Some(slots) => async_channel::bounded(slots),
            None => async_channel::unbounded(),
        };
        Ok((Tx(sender), Rx(receiver)))
    }

    fn selector<'a, T: Send + 'static>(
        _: impl IntoIterator<Item = &'a Self::Receiver<T>>,
    ) -> Result<Self::Selector<'a, T>, Unsupported> {
        Err(Self::INFO.unsupported(Capability::Select))
    }
}

/// The sending handle.
#[derive(Debug)]
pub struct Tx<T>(async_channel::Sender<T>);

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
        async_channel::Sender::send_blocking(&self.0, message)
            .map_err(|error| SendError { message: Some(error.into_inner()) })
    }

    #[inline(always)]
    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        async_channel::Sender::try_send(&self.0, message).map_err(|error| match error {
            async_channel::TrySendError::Full(message) => TrySendError::Full(message),
            async_channel::TrySendError::Closed(message) => TrySendError::Disconnected(message),
        })
    }

    #[inline(always)]
    fn send_timeout(&self, message: T, _: Duration) -> Result<(), SendTimeoutError<T>> {
        Err(SendTimeoutError::Unsupported(message, Adapter::INFO.unsupported(Capability::SendTimeout)))
    }
}

/// The receiving handle.
#[derive(Debug)]
pub struct Rx<T>(async_channel::Receiver<T>);

impl<T: Send + 'static> Receiver<T> for Rx<T> {
    #[inline(always)]
    fn recv(&self) -> Result<T, RecvError> {
        async_channel::Receiver::recv_blocking(&self.0).map_err(|async_channel::RecvError| RecvError)
    }

    #[inline(always)]
    fn try_recv(&self) -> Result<T, TryRecvError> {
        async_channel::Receiver::try_recv(&self.0).map_err(|error| match error {
            async_channel::TryRecvError::Empty => TryRecvError::Empty,
            async_channel::TryRecvError::Closed => TryRecvError::Disconnected,
        })
    }

    #[inline(always)]
    fn recv_timeout(&self, _: Duration) -> Result<T, RecvTimeoutError> {
        Err(RecvTimeoutError::Unsupported(Adapter::INFO.unsupported(Capability::RecvTimeout)))
    }

    #[inline(always)]
    fn try_clone(&self) -> Result<Self, Unsupported> {
        Ok(Rx(self.0.clone()))
    }

    #[inline(always)]
    fn len(&self) -> Result<usize, Unsupported> {
        Ok(async_channel::Receiver::len(&self.0))
    }
}
