//! The standard library's `std::sync::mpsc`.

use std::sync::mpsc;
use std::time::Duration;

use crate::channel::{
    Capability, Capacity, Channel, Difference, Handles, Info, NoSelect, Receiver, RecvError,
    RecvTimeoutError, SendError, SendTimeoutError, Sender, TryRecvError, TrySendError, Unsupported,
};

/// The channel `std`.
#[derive(Debug)]
pub struct Std;

impl Channel for Std {
    const INFO: Info = Info {
        name: "std",
        package: None,
        about: "std::sync::mpsc: since Rust 1.67 crossbeam's algorithms behind a single-consumer interface",
        lacks: &[
            (Capability::MultiConsumer, "std::sync::mpsc has one consumer"),
            (Capability::SendTimeout, "SyncSender::send_timeout is not stable"),
            (Capability::Len, "std::sync::mpsc does not tell its length"),
            (Capability::Select, "std::sync::mpsc has no select"),
        ],
        differs: &[
            (Difference::BoundedLeaksAfterPanic, "the discard ends with the panic"),
            (Difference::UnboundedLeaksAfterPanic, "the discard ends with the panic"),
        ],
        notes: &[
            "bounded and unbounded senders are two types, so each send takes one predictable branch here",
        ],
    };
    type Sender<T: Send + 'static> = StdSender<T>;
    type Receiver<T: Send + 'static> = StdReceiver<T>;
    type Selector<'a, T: Send + 'static> = NoSelect;

    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        Ok(match capacity.slots() {
            Some(slots) => {
                let (sender, receiver) = mpsc::sync_channel(slots);
                (StdSender::Bounded(sender), StdReceiver(receiver))
            }
            None => {
                let (sender, receiver) = mpsc::channel();
                (StdSender::Unbounded(sender), StdReceiver(receiver))
            }
        })
    }

    fn selector<'a, T: Send + 'static>(
        _: impl IntoIterator<Item = &'a Self::Receiver<T>>,
    ) -> Result<NoSelect, Unsupported> {
        Err(Self::INFO.unsupported(Capability::Select))
    }
}

/// Either of the two sender types of `std::sync::mpsc`.
#[derive(Debug)]
pub enum StdSender<T> {
    /// `sync_channel`, rendezvous included.
    Bounded(mpsc::SyncSender<T>),
    /// `channel`.
    Unbounded(mpsc::Sender<T>),
}

// Not derived: a derived `Clone` would ask `T: Clone`.
impl<T> Clone for StdSender<T> {
    fn clone(&self) -> Self {
        match self {
            StdSender::Bounded(sender) => StdSender::Bounded(sender.clone()),
            StdSender::Unbounded(sender) => StdSender::Unbounded(sender.clone()),
        }
    }
}

impl<T: Send + 'static> Sender<T> for StdSender<T> {
    #[inline(always)]
    fn send(&self, message: T) -> Result<(), SendError<T>> {
        match self {
            StdSender::Bounded(sender) => sender.send(message),
            StdSender::Unbounded(sender) => sender.send(message),
        }
        .map_err(|error| SendError { message: Some(error.0) })
    }

    #[inline(always)]
    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        match self {
            StdSender::Bounded(sender) => sender.try_send(message).map_err(|error| match error {
                mpsc::TrySendError::Full(message) => TrySendError::Full(message),
                mpsc::TrySendError::Disconnected(message) => TrySendError::Disconnected(message),
            }),
            // Never full: its `send` does not wait.
            StdSender::Unbounded(sender) => {
                sender.send(message).map_err(|error| TrySendError::Disconnected(error.0))
            }
        }
    }

    fn send_timeout(&self, message: T, _: Duration) -> Result<(), SendTimeoutError<T>> {
        Err(SendTimeoutError::Unsupported(message, Std::INFO.unsupported(Capability::SendTimeout)))
    }
}

/// The receiver of `std::sync::mpsc`. A type of this file's, so that it can stand in a crate beside the contract as well.
#[derive(Debug)]
pub struct StdReceiver<T>(mpsc::Receiver<T>);

impl<T: Send + 'static> Receiver<T> for StdReceiver<T> {
    #[inline(always)]
    fn recv(&self) -> Result<T, RecvError> {
        self.0.recv().map_err(|mpsc::RecvError| RecvError)
    }

    #[inline(always)]
    fn try_recv(&self) -> Result<T, TryRecvError> {
        self.0.try_recv().map_err(|error| match error {
            mpsc::TryRecvError::Empty => TryRecvError::Empty,
            mpsc::TryRecvError::Disconnected => TryRecvError::Disconnected,
        })
    }

    #[inline(always)]
    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.0.recv_timeout(timeout).map_err(|error| match error {
            mpsc::RecvTimeoutError::Timeout => RecvTimeoutError::Timeout,
            mpsc::RecvTimeoutError::Disconnected => RecvTimeoutError::Disconnected,
        })
    }

    fn try_clone(&self) -> Result<Self, Unsupported> {
        Err(Std::INFO.unsupported(Capability::MultiConsumer))
    }

    fn len(&self) -> Result<usize, Unsupported> {
        Err(Std::INFO.unsupported(Capability::Len))
    }
}
