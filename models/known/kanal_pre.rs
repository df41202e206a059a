//! `kanal` before its version 0.1.0-pre4, for `chanlab verify --path … --adapter …`: `scripts/instrumented` shows a defect of those days.
//!
//! Its `try_send` and `send_timeout` drop a message that they do not send, and the contract gives it back. So what goes through the channel is a
//! shared slot, and the sender takes the message out of it again when the channel did not.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use harness::channel::{
    Capability, Capacity, Channel, Difference, Handles, Info, NoSelect, Receiver, RecvError,
    RecvTimeoutError, SendError, SendTimeoutError, Sender, TryRecvError, TrySendError, Unsupported,
};
use kanal::ErrorTimeout;

/// The channel.
#[derive(Debug)]
pub struct Subject;

/// A message on its way: whoever comes first has it.
struct Slot<T>(Arc<Mutex<Option<T>>>);

impl<T> Slot<T> {
    fn new(message: T) -> (Self, Self) {
        let own = Arc::new(Mutex::new(Some(message)));
        (Slot(Arc::clone(&own)), Slot(own))
    }

    fn take(self) -> T {
        let message = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        message.expect("a message is received, or it is left")
    }
}

impl Channel for Subject {
    const INFO: Info = Info {
        name: "kanal",
        package: Some("kanal"),
        about: "a queue behind a spin lock, messages handed directly to a waiting peer",
        lacks: &[(Capability::Select, "kanal has no select")],
        differs: &[
            (Difference::BoundedKeepsUndelivered, "its queue lives as long as a handle of either end"),
            (Difference::UnboundedKeepsUndelivered, "its queue lives as long as a handle of either end"),
        ],
        notes: &[],
    };
    type Sender<T: Send + 'static> = Sending<T>;
    type Receiver<T: Send + 'static> = Receiving<T>;
    type Selector<'a, T: Send + 'static> = NoSelect;

    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        let (sender, receiver) = match capacity.slots() {
            Some(slots) => kanal::bounded(slots),
            None => kanal::unbounded(),
        };
        Ok((Sending(sender), Receiving(receiver)))
    }

    fn selector<'a, T: Send + 'static>(
        _: impl IntoIterator<Item = &'a Self::Receiver<T>>,
    ) -> Result<NoSelect, Unsupported> {
        Err(Self::INFO.unsupported(Capability::Select))
    }
}

/// The sending handle.
pub struct Sending<T>(kanal::Sender<Slot<T>>);

/// The receiving handle.
pub struct Receiving<T>(kanal::Receiver<Slot<T>>);

impl<T> fmt::Debug for Sending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sending")
    }
}

impl<T> fmt::Debug for Receiving<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiving")
    }
}

impl<T> Clone for Sending<T> {
    fn clone(&self) -> Self {
        Sending(self.0.clone())
    }
}

impl<T: Send + 'static> Sender<T> for Sending<T> {
    fn send(&self, message: T) -> Result<(), SendError<T>> {
        let (sent, own) = Slot::new(message);
        self.0.send(sent).map_err(|_| SendError { message: Some(own.take()) })
    }

    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        let (sent, own) = Slot::new(message);
        match self.0.try_send(sent) {
            Ok(true) => Ok(()),
            Ok(false) => Err(TrySendError::Full(own.take())),
            Err(_) => Err(TrySendError::Disconnected(own.take())),
        }
    }

    fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        let (sent, own) = Slot::new(message);
        self.0.send_timeout(sent, timeout).map_err(|error| match error {
            ErrorTimeout::Timeout => SendTimeoutError::Timeout(own.take()),
            _ => SendTimeoutError::Disconnected(own.take()),
        })
    }
}

impl<T: Send + 'static> Receiver<T> for Receiving<T> {
    fn recv(&self) -> Result<T, RecvError> {
        self.0.recv().map(Slot::take).map_err(|_| RecvError)
    }

    fn try_recv(&self) -> Result<T, TryRecvError> {
        match self.0.try_recv() {
            Ok(Some(slot)) => Ok(slot.take()),
            Ok(None) => Err(TryRecvError::Empty),
            Err(_) => Err(TryRecvError::Disconnected),
        }
    }

    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.0.recv_timeout(timeout).map(Slot::take).map_err(|error| match error {
            ErrorTimeout::Timeout => RecvTimeoutError::Timeout,
            _ => RecvTimeoutError::Disconnected,
        })
    }

    fn try_clone(&self) -> Result<Self, Unsupported> {
        Ok(Receiving(self.0.clone()))
    }

    fn len(&self) -> Result<usize, Unsupported> {
        Ok(self.0.len())
    }
}
