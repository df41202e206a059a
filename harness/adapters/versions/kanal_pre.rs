//! `kanal` before version 0.1.0-pre4, for `chanlab verify --path … --adapter …`: `scripts/defects` shows a defect of
//! these versions.
//!
//! Their `try_send` and `send_timeout` drop a message that they do not send, but the contract returns it. The
//! adapter therefore sends a shared slot, and takes the message out of it again when the channel did not
//! accept it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use contract::channel::{
    Capability, Capacity, Channel, Difference, Handles, Info, NoSelect, Receiver, RecvError,
    RecvTimeoutError, SendError, SendTimeoutError, Sender, TryRecvError, TrySendError, Unsupported,
};
use kanal::ErrorTimeout;

/// The channel `kanal`.
#[derive(Debug)]
pub struct Adapter;

/// A message that the sender and the receiver share; the first to take it has it.
struct Slot<T>(Arc<Mutex<Option<T>>>);

impl<T> Slot<T> {
    fn new(message: T) -> (Self, Self) {
        let own = Arc::new(Mutex::new(Some(message)));
        (Slot(Arc::clone(&own)), Slot(own))
    }

    fn take(self) -> T {
        let message = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        message.expect("a message is either received or returned")
    }
}

impl Channel for Adapter {
    const INFO: Info = Info {
        name: "kanal",
        package: Some("kanal"),
        about: "a queue behind a spin lock; a message goes directly to a waiting peer",
        lacks: &[(Capability::Select, "kanal has no select")],
        differs: &[
            (Difference::BoundedKeepsUndelivered, "the queue is dropped with the last handle of either end"),
            (
                Difference::UnboundedKeepsUndelivered,
                "the queue is dropped with the last handle of either end",
            ),
        ],
        notes: &[],
    };
    type Sender<T: Send + 'static> = Tx<T>;
    type Receiver<T: Send + 'static> = Rx<T>;
    type Selector<'a, T: Send + 'static> = NoSelect;

    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        let (sender, receiver) = match capacity.slots() {
            Some(slots) => kanal::bounded(slots),
            None => kanal::unbounded(),
        };
        Ok((Tx(sender), Rx(receiver)))
    }

    fn selector<'a, T: Send + 'static>(
        _: impl IntoIterator<Item = &'a Self::Receiver<T>>,
    ) -> Result<NoSelect, Unsupported> {
        Err(Self::INFO.unsupported(Capability::Select))
    }
}

/// The sending handle.
pub struct Tx<T>(kanal::Sender<Slot<T>>);

/// The receiving handle.
pub struct Rx<T>(kanal::Receiver<Slot<T>>);

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
        let (sent, own) = Slot::new(message);
        kanal::Sender::send(&self.0, sent).map_err(|_| SendError { message: Some(own.take()) })
    }

    #[inline(always)]
    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        let (sent, own) = Slot::new(message);
        match kanal::Sender::try_send(&self.0, sent) {
            Ok(true) => Ok(()),
            Ok(false) => Err(TrySendError::Full(own.take())),
            Err(_) => Err(TrySendError::Disconnected(own.take())),
        }
    }

    #[inline(always)]
    fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        let (sent, own) = Slot::new(message);
        kanal::Sender::send_timeout(&self.0, sent, timeout).map_err(|error| match error {
            ErrorTimeout::Timeout => SendTimeoutError::Timeout(own.take()),
            _ => SendTimeoutError::Disconnected(own.take()),
        })
    }
}

impl<T: Send + 'static> Receiver<T> for Rx<T> {
    #[inline(always)]
    fn recv(&self) -> Result<T, RecvError> {
        kanal::Receiver::recv(&self.0).map(Slot::take).map_err(|_| RecvError)
    }

    #[inline(always)]
    fn try_recv(&self) -> Result<T, TryRecvError> {
        match kanal::Receiver::try_recv(&self.0) {
            Ok(Some(slot)) => Ok(slot.take()),
            Ok(None) => Err(TryRecvError::Empty),
            Err(_) => Err(TryRecvError::Disconnected),
        }
    }

    #[inline(always)]
    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        kanal::Receiver::recv_timeout(&self.0, timeout).map(Slot::take).map_err(|error| match error {
            ErrorTimeout::Timeout => RecvTimeoutError::Timeout,
            _ => RecvTimeoutError::Disconnected,
        })
    }

    #[inline(always)]
    fn try_clone(&self) -> Result<Self, Unsupported> {
        Ok(Rx(self.0.clone()))
    }

    #[inline(always)]
    fn len(&self) -> Result<usize, Unsupported> {
        Ok(kanal::Receiver::len(&self.0))
    }
}
