//! The standard library's `std::sync::mpsc`.

use std::sync::mpsc;
use std::time::Duration;

use contract::channel::{
    Capability, Capacity, Channel, Difference, Handles, Info, NoSelect, Receiver, RecvError,
    RecvTimeoutError, SendError, SendTimeoutError, Sender, TryRecvError, TrySendError, Unsupported,
};

/// The channel `std`.
#[derive(Debug)]
pub struct Adapter;

impl Channel for Adapter {
    const INFO: Info = Info {
        name: "std",
        package: None,
        about: "std::sync::mpsc: since Rust 1.67 crossbeam's algorithms behind a single-consumer interface",
        lacks: &[
            (Capability::MultiConsumer, "std::sync::mpsc has one consumer"),
            (Capability::SendTimeout, "SyncSender::send_timeout is not stable"),
            (Capability::Len, "std::sync::mpsc has no len"),
            (Capability::Select, "std::sync::mpsc has no select"),
        ],
        differs: &[
            (Difference::BoundedLeaksAfterPanic, "the panic ends the loop that drops the queued messages"),
            (Difference::UnboundedLeaksAfterPanic, "the panic ends the loop that drops the queued messages"),
        ],
        notes: &[
            "bounded and unbounded senders are different types, so every send takes one predictable branch here",
        ],
    };
    type Sender<T: Send + 'static> = Tx<T>;
    type Receiver<T: Send + 'static> = Rx<T>;
    type Selector<'a, T: Send + 'static> = NoSelect;

    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        Ok(match capacity.slots() {
            Some(slots) => {
                let (sender, receiver) = mpsc::sync_channel(slots);
                (Tx::Bounded(sender), Rx(receiver))
            }
            None => {
                let (sender, receiver) = mpsc::channel();
                (Tx::Unbounded(sender), Rx(receiver))
            }
        })
    }

    fn selector<'a, T: Send + 'static>(
        _: impl IntoIterator<Item = &'a Self::Receiver<T>>,
    ) -> Result<NoSelect, Unsupported> {
        Err(Self::INFO.unsupported(Capability::Select))
    }
}

/// The sending handle.
#[derive(Debug)]
pub enum Tx<T> {
    /// `sync_channel`, rendezvous included.
    Bounded(mpsc::SyncSender<T>),
    /// `channel`.
    Unbounded(mpsc::Sender<T>),
}

// A derived `Clone` would require `T: Clone`.
impl<T> Clone for Tx<T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        match self {
            Tx::Bounded(sender) => Tx::Bounded(sender.clone()),
            Tx::Unbounded(sender) => Tx::Unbounded(sender.clone()),
        }
    }
}

impl<T: Send + 'static> Sender<T> for Tx<T> {
    #[inline(always)]
    fn send(&self, message: T) -> Result<(), SendError<T>> {
        match self {
            Tx::Bounded(sender) => mpsc::SyncSender::send(sender, message),
            Tx::Unbounded(sender) => mpsc::Sender::send(sender, message),
        }
        .map_err(|error| SendError { message: Some(error.0) })
    }

    #[inline(always)]
    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        match self {
            Tx::Bounded(sender) => mpsc::SyncSender::try_send(sender, message).map_err(|error| match error {
                mpsc::TrySendError::Full(message) => TrySendError::Full(message),
                mpsc::TrySendError::Disconnected(message) => TrySendError::Disconnected(message),
            }),
            // An unbounded channel is never full, so `send` does not wait.
            Tx::Unbounded(sender) => {
                mpsc::Sender::send(sender, message).map_err(|error| TrySendError::Disconnected(error.0))
            }
        }
    }

    #[inline(always)]
    fn send_timeout(&self, message: T, _: Duration) -> Result<(), SendTimeoutError<T>> {
        Err(SendTimeoutError::Unsupported(message, Adapter::INFO.unsupported(Capability::SendTimeout)))
    }
}

/// The receiving handle.
#[derive(Debug)]
pub struct Rx<T>(mpsc::Receiver<T>);

impl<T: Send + 'static> Receiver<T> for Rx<T> {
    #[inline(always)]
    fn recv(&self) -> Result<T, RecvError> {
        mpsc::Receiver::recv(&self.0).map_err(|mpsc::RecvError| RecvError)
    }

    #[inline(always)]
    fn try_recv(&self) -> Result<T, TryRecvError> {
        mpsc::Receiver::try_recv(&self.0).map_err(|error| match error {
            mpsc::TryRecvError::Empty => TryRecvError::Empty,
            mpsc::TryRecvError::Disconnected => TryRecvError::Disconnected,
        })
    }

    #[inline(always)]
    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        mpsc::Receiver::recv_timeout(&self.0, timeout).map_err(|error| match error {
            mpsc::RecvTimeoutError::Timeout => RecvTimeoutError::Timeout,
            mpsc::RecvTimeoutError::Disconnected => RecvTimeoutError::Disconnected,
        })
    }

    #[inline(always)]
    fn try_clone(&self) -> Result<Self, Unsupported> {
        Err(Adapter::INFO.unsupported(Capability::MultiConsumer))
    }

    #[inline(always)]
    fn len(&self) -> Result<usize, Unsupported> {
        Err(Adapter::INFO.unsupported(Capability::Len))
    }
}
