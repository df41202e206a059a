//! `loole`: a queue and queues of waiters behind one lock, for threads and tasks alike; here its blocking calls.

use std::time::Duration;

use harness::channel::{
    Capability, Capacity, Channel, Handles, Info, NoSelect, Receiver, RecvError, RecvTimeoutError, SendError,
    SendTimeoutError, Sender, TryRecvError, TrySendError, Unsupported,
};

/// The channel `loole`.
#[derive(Debug)]
pub struct Subject;

impl Channel for Subject {
    const INFO: Info = Info {
        name: "loole",
        package: Some("loole"),
        about: "a queue and queues of waiters behind one lock",
        lacks: &[(Capability::Select, "loole has no select")],
        differs: &[],
        notes: &[],
    };
    type Sender<T: Send + 'static> = LooleSender<T>;
    type Receiver<T: Send + 'static> = LooleReceiver<T>;
    type Selector<'a, T: Send + 'static> = NoSelect;

    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        let (sender, receiver) = match capacity.slots() {
            Some(slots) => loole::bounded(slots),
            None => loole::unbounded(),
        };
        Ok((LooleSender(sender), LooleReceiver(receiver)))
    }

    fn selector<'a, T: Send + 'static>(
        _: impl IntoIterator<Item = &'a Self::Receiver<T>>,
    ) -> Result<Self::Selector<'a, T>, Unsupported> {
        Err(Self::INFO.unsupported(Capability::Select))
    }
}

/// Loole's sender.
#[derive(Debug)]
pub struct LooleSender<T>(loole::Sender<T>);

// Not derived: a derived `Clone` would ask `T: Clone`.
impl<T> Clone for LooleSender<T> {
    fn clone(&self) -> Self {
        LooleSender(self.0.clone())
    }
}

impl<T: Send + 'static> Sender<T> for LooleSender<T> {
    fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.0.send(message).map_err(|error| SendError { message: Some(error.0) })
    }

    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.0.try_send(message).map_err(|error| match error {
            loole::TrySendError::Full(message) => TrySendError::Full(message),
            loole::TrySendError::Disconnected(message) => TrySendError::Disconnected(message),
        })
    }

    fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.0.send_timeout(message, timeout).map_err(|error| match error {
            loole::SendTimeoutError::Timeout(message) => SendTimeoutError::Timeout(message),
            loole::SendTimeoutError::Disconnected(message) => SendTimeoutError::Disconnected(message),
        })
    }
}

/// Loole's receiver.
#[derive(Debug)]
pub struct LooleReceiver<T>(loole::Receiver<T>);

impl<T: Send + 'static> Receiver<T> for LooleReceiver<T> {
    fn recv(&self) -> Result<T, RecvError> {
        self.0.recv().map_err(|loole::RecvError::Disconnected| RecvError)
    }

    fn try_recv(&self) -> Result<T, TryRecvError> {
        self.0.try_recv().map_err(|error| match error {
            loole::TryRecvError::Empty => TryRecvError::Empty,
            loole::TryRecvError::Disconnected => TryRecvError::Disconnected,
        })
    }

    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.0.recv_timeout(timeout).map_err(|error| match error {
            loole::RecvTimeoutError::Timeout => RecvTimeoutError::Timeout,
            loole::RecvTimeoutError::Disconnected => RecvTimeoutError::Disconnected,
        })
    }

    fn try_clone(&self) -> Result<Self, Unsupported> {
        Ok(LooleReceiver(self.0.clone()))
    }

    fn len(&self) -> Result<usize, Unsupported> {
        Ok(self.0.len())
    }
}
