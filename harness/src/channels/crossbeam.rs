//! `crossbeam-channel`: the channel that most Rust programs use.

use std::time::Duration;

use crossbeam_channel as crate_;

use crate::channel::{
    Capacity, Channel, Difference, Handles, Info, Receiver, RecvError, RecvTimeoutError, Selector, SendError,
    SendTimeoutError, Sender, TryRecvError, TrySendError, Unsupported,
};

/// The channel `crossbeam`.
#[derive(Debug)]
pub struct Crossbeam;

impl Channel for Crossbeam {
    const INFO: Info = Info {
        name: "crossbeam",
        package: Some("crossbeam-channel"),
        about: "lock-free array (bounded) and linked blocks (unbounded), a locked hand-off at capacity 0",
        lacks: &[],
        differs: &[
            (
                Difference::BoundedKeepsUndelivered,
                "its array is emptied when both ends are gone; its list when the receivers are",
            ),
            (Difference::BoundedLeaksAfterPanic, "its tests say so: elements after the panicked one leak"),
            (Difference::UnboundedLeaksAfterPanic, "the discard ends with the panic"),
        ],
        notes: &["select chooses at random among the ready receivers"],
    };
    type Sender<T: Send + 'static> = crate_::Sender<T>;
    type Receiver<T: Send + 'static> = crate_::Receiver<T>;
    type Selector<'a, T: Send + 'static> = Select<'a, T>;

    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        Ok(match capacity.slots() {
            Some(slots) => crate_::bounded(slots),
            None => crate_::unbounded(),
        })
    }

    fn selector<'a, T: Send + 'static>(
        receivers: impl IntoIterator<Item = &'a Self::Receiver<T>>,
    ) -> Result<Self::Selector<'a, T>, Unsupported> {
        let receivers: Vec<_> = receivers.into_iter().collect();
        let mut select = crate_::Select::new();
        for receiver in &receivers {
            select.recv(receiver);
        }
        Ok(Select { select, open: receivers.len(), receivers })
    }
}

/// Crossbeam's select over receivers; an index of `select` is the place in `receivers`.
#[derive(Debug)]
pub struct Select<'a, T> {
    select: crate_::Select<'a>,
    receivers: Vec<&'a crate_::Receiver<T>>,
    open: usize,
}

impl<T> Selector<T> for Select<'_, T> {
    #[inline(always)]
    fn recv(&mut self) -> Result<T, RecvError> {
        while self.open > 0 {
            let operation = self.select.select();
            let index = operation.index();
            match operation.recv(self.receivers[index]) {
                Ok(message) => return Ok(message),
                Err(crate_::RecvError) => {
                    self.select.remove(index);
                    self.open -= 1;
                }
            }
        }
        Err(RecvError)
    }
}

impl<T: Send + 'static> Sender<T> for crate_::Sender<T> {
    #[inline(always)]
    fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.send(message).map_err(|error| SendError { message: Some(error.0) })
    }

    #[inline(always)]
    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.try_send(message).map_err(|error| match error {
            crate_::TrySendError::Full(message) => TrySendError::Full(message),
            crate_::TrySendError::Disconnected(message) => TrySendError::Disconnected(message),
        })
    }

    #[inline(always)]
    fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.send_timeout(message, timeout).map_err(|error| match error {
            crate_::SendTimeoutError::Timeout(message) => SendTimeoutError::Timeout(message),
            crate_::SendTimeoutError::Disconnected(message) => SendTimeoutError::Disconnected(message),
        })
    }
}

impl<T: Send + 'static> Receiver<T> for crate_::Receiver<T> {
    #[inline(always)]
    fn recv(&self) -> Result<T, RecvError> {
        self.recv().map_err(|crate_::RecvError| RecvError)
    }

    #[inline(always)]
    fn try_recv(&self) -> Result<T, TryRecvError> {
        self.try_recv().map_err(|error| match error {
            crate_::TryRecvError::Empty => TryRecvError::Empty,
            crate_::TryRecvError::Disconnected => TryRecvError::Disconnected,
        })
    }

    #[inline(always)]
    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_timeout(timeout).map_err(|error| match error {
            crate_::RecvTimeoutError::Timeout => RecvTimeoutError::Timeout,
            crate_::RecvTimeoutError::Disconnected => RecvTimeoutError::Disconnected,
        })
    }

    fn try_clone(&self) -> Result<Self, Unsupported> {
        Ok(self.clone())
    }

    fn len(&self) -> Result<usize, Unsupported> {
        Ok(self.len())
    }
}
