//! `loole`: a queue and queues of waiters behind one lock, for threads and tasks. The adapter uses its
//! blocking calls.

use std::time::Duration;

use contract::channel::{
    Capability, Capacity, Channel, Handles, Info, NoSelect, Receiver, RecvError, RecvTimeoutError, SendError,
    SendTimeoutError, Sender, TryRecvError, TrySendError, Unsupported,
};

/// The channel `loole`.
#[derive(Debug)]
pub struct Adapter;

impl Channel for Adapter {
    const INFO: Info = Info {
        name: "loole",
        package: Some("loole"),
        about: "a queue and queues of waiters behind one lock (blocking calls)",
        lacks: &[(Capability::Select, "loole has no select")],
        differs: &[],
        notes: &[],
    };
    type Sender<T: Send + 'static> = Tx<T>;
    type Receiver<T: Send + 'static> = Rx<T>;
    type Selector<'a, T: Send + 'static> = NoSelect;

    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        let (sender, receiver) = match capacity.slots() {
            Some(slots) => loole::bounded(slots),
            None => loole::unbounded(),
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
pub struct Tx<T>(loole::Sender<T>);

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
        loole::Sender::send(&self.0, message).map_err(|error| SendError { message: Some(error.0) })
    }

    #[inline(always)]
    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        loole::Sender::try_send(&self.0, message).map_err(|error| match error {
            loole::TrySendError::Full(message) => TrySendError::Full(message),
            loole::TrySendError::Disconnected(message) => TrySendError::Disconnected(message),
        })
    }

    #[inline(always)]
    fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        loole::Sender::send_timeout(&self.0, message, timeout).map_err(|error| match error {
            loole::SendTimeoutError::Timeout(message) => SendTimeoutError::Timeout(message),
            loole::SendTimeoutError::Disconnected(message) => SendTimeoutError::Disconnected(message),
        })
    }
}

/// The receiving handle.
#[derive(Debug)]
pub struct Rx<T>(loole::Receiver<T>);

impl<T: Send + 'static> Receiver<T> for Rx<T> {
    #[inline(always)]
    fn recv(&self) -> Result<T, RecvError> {
        loole::Receiver::recv(&self.0).map_err(|loole::RecvError::Disconnected| RecvError)
    }

    #[inline(always)]
    fn try_recv(&self) -> Result<T, TryRecvError> {
        loole::Receiver::try_recv(&self.0).map_err(|error| match error {
            loole::TryRecvError::Empty => TryRecvError::Empty,
            loole::TryRecvError::Disconnected => TryRecvError::Disconnected,
        })
    }

    #[inline(always)]
    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        loole::Receiver::recv_timeout(&self.0, timeout).map_err(|error| match error {
            loole::RecvTimeoutError::Timeout => RecvTimeoutError::Timeout,
            loole::RecvTimeoutError::Disconnected => RecvTimeoutError::Disconnected,
        })
    }

    #[inline(always)]
    fn try_clone(&self) -> Result<Self, Unsupported> {
        Ok(Rx(self.0.clone()))
    }

    #[inline(always)]
    fn len(&self) -> Result<usize, Unsupported> {
        Ok(loole::Receiver::len(&self.0))
    }
}
