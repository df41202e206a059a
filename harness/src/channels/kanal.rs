//! `kanal`: a locked queue that hands a message straight to a waiting peer's stack.

use std::time::Duration;

use kanal as crate_;

use crate::channel::{
    Capability, Capacity, Channel, Difference, Handles, Info, NoSelect, Receiver, RecvError,
    RecvTimeoutError, SendError, SendTimeoutError, Sender, TryRecvError, TrySendError, Unsupported,
};

/// The channel `kanal`.
#[derive(Debug)]
pub struct Kanal;

impl Channel for Kanal {
    const INFO: Info = Info {
        name: "kanal",
        package: Some("kanal"),
        about: "a queue behind a spin lock, messages handed directly to a waiting peer",
        lacks: &[
            (Capability::Select, "kanal has no select"),
            (Capability::MessageReturned, "kanal's send drops the message when every receiver is gone"),
        ],
        differs: &[
            (Difference::BoundedKeepsUndelivered, "its queue lives as long as a handle of either end"),
            (Difference::UnboundedKeepsUndelivered, "its queue lives as long as a handle of either end"),
        ],
        notes: &["its close(), which the contract does not use, discards what is queued"],
    };
    type Sender<T: Send + 'static> = crate_::Sender<T>;
    type Receiver<T: Send + 'static> = crate_::Receiver<T>;
    type Selector<'a, T: Send + 'static> = NoSelect;

    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        Ok(match capacity.slots() {
            Some(slots) => crate_::bounded(slots),
            None => crate_::unbounded(),
        })
    }

    fn selector<'a, T: Send + 'static>(
        _: impl IntoIterator<Item = &'a Self::Receiver<T>>,
    ) -> Result<NoSelect, Unsupported> {
        Err(Self::INFO.unsupported(Capability::Select))
    }
}

/// The message of an operation on kanal's `Option` interface, which leaves it in place when it was not sent.
fn left<T>(slot: Option<T>) -> T {
    slot.expect("kanal leaves the message in place when it does not send it")
}

impl<T: Send + 'static> Sender<T> for crate_::Sender<T> {
    #[inline(always)]
    fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.send(message).map_err(|_| SendError { message: None })
    }

    #[inline(always)]
    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        let mut slot = Some(message);
        match self.try_send_option(&mut slot) {
            Ok(true) => Ok(()),
            Ok(false) => Err(TrySendError::Full(left(slot))),
            Err(_) => Err(TrySendError::Disconnected(left(slot))),
        }
    }

    #[inline(always)]
    fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        let mut slot = Some(message);
        self.send_option_timeout(&mut slot, timeout).map_err(|error| match error {
            crate_::SendErrorTimeout::Timeout => SendTimeoutError::Timeout(left(slot)),
            crate_::SendErrorTimeout::Closed | crate_::SendErrorTimeout::ReceiveClosed => {
                SendTimeoutError::Disconnected(left(slot))
            }
        })
    }
}

impl<T: Send + 'static> Receiver<T> for crate_::Receiver<T> {
    #[inline(always)]
    fn recv(&self) -> Result<T, RecvError> {
        self.recv().map_err(|_| RecvError)
    }

    #[inline(always)]
    fn try_recv(&self) -> Result<T, TryRecvError> {
        match self.try_recv() {
            Ok(Some(message)) => Ok(message),
            Ok(None) => Err(TryRecvError::Empty),
            Err(_) => Err(TryRecvError::Disconnected),
        }
    }

    #[inline(always)]
    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_timeout(timeout).map_err(|error| match error {
            crate_::ReceiveErrorTimeout::Timeout => RecvTimeoutError::Timeout,
            crate_::ReceiveErrorTimeout::Closed | crate_::ReceiveErrorTimeout::SendClosed => {
                RecvTimeoutError::Disconnected
            }
        })
    }

    fn try_clone(&self) -> Result<Self, Unsupported> {
        Ok(self.clone())
    }

    fn len(&self) -> Result<usize, Unsupported> {
        Ok(self.len())
    }
}
