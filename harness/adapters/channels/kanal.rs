//! `kanal`: a queue behind a spin lock that writes a message directly to the stack of a waiting peer.

use std::time::Duration;

use contract::channel::{
    Capability, Capacity, Channel, Difference, Handles, Info, NoSelect, Receiver, RecvError,
    RecvTimeoutError, SendError, SendTimeoutError, Sender, TryRecvError, TrySendError, Unsupported,
};

/// The channel `kanal`.
#[derive(Debug)]
pub struct Adapter;

impl Channel for Adapter {
    const INFO: Info = Info {
        name: "kanal",
        package: Some("kanal"),
        about: "a queue behind a spin lock; a message goes directly to a waiting peer",
        lacks: &[
            (Capability::Select, "kanal has no select"),
            (Capability::MessageReturned, "kanal's send drops the message when all receivers are gone"),
        ],
        differs: &[
            (Difference::BoundedKeepsUndelivered, "the queue is dropped with the last handle of either end"),
            (
                Difference::UnboundedKeepsUndelivered,
                "the queue is dropped with the last handle of either end",
            ),
        ],
        notes: &["close(), which the contract does not use, discards the queued messages"],
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

/// The message that an operation on kanal's `Option` interface did not send.
fn unsent<T>(slot: Option<T>) -> T {
    slot.expect("kanal leaves a message that it does not send in its place")
}

/// The sending handle.
#[derive(Debug)]
pub struct Tx<T>(kanal::Sender<T>);

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
        kanal::Sender::send(&self.0, message).map_err(|_| SendError { message: None })
    }

    #[inline(always)]
    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        let mut slot = Some(message);
        match kanal::Sender::try_send_option(&self.0, &mut slot) {
            Ok(true) => Ok(()),
            Ok(false) => Err(TrySendError::Full(unsent(slot))),
            Err(_) => Err(TrySendError::Disconnected(unsent(slot))),
        }
    }

    #[inline(always)]
    fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        let mut slot = Some(message);
        kanal::Sender::send_option_timeout(&self.0, &mut slot, timeout).map_err(|error| match error {
            kanal::SendErrorTimeout::Timeout => SendTimeoutError::Timeout(unsent(slot)),
            kanal::SendErrorTimeout::Closed | kanal::SendErrorTimeout::ReceiveClosed => {
                SendTimeoutError::Disconnected(unsent(slot))
            }
        })
    }
}

/// The receiving handle.
#[derive(Debug)]
pub struct Rx<T>(kanal::Receiver<T>);

impl<T: Send + 'static> Receiver<T> for Rx<T> {
    #[inline(always)]
    fn recv(&self) -> Result<T, RecvError> {
        kanal::Receiver::recv(&self.0).map_err(|_| RecvError)
    }

    #[inline(always)]
    fn try_recv(&self) -> Result<T, TryRecvError> {
        match kanal::Receiver::try_recv(&self.0) {
            Ok(Some(message)) => Ok(message),
            Ok(None) => Err(TryRecvError::Empty),
            Err(_) => Err(TryRecvError::Disconnected),
        }
    }

    #[inline(always)]
    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        kanal::Receiver::recv_timeout(&self.0, timeout).map_err(|error| match error {
            kanal::ReceiveErrorTimeout::Timeout => RecvTimeoutError::Timeout,
            kanal::ReceiveErrorTimeout::Closed | kanal::ReceiveErrorTimeout::SendClosed => {
                RecvTimeoutError::Disconnected
            }
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
