//! `crossbeam-channel`: the channel that most Rust programs use.

use std::time::Duration;

use contract::channel::{
    Capacity, Channel, Difference, Handles, Info, Receiver, RecvError, RecvTimeoutError, Selector, SendError,
    SendTimeoutError, Sender, TryRecvError, TrySendError, Unsupported,
};

/// The channel `crossbeam`.
#[derive(Debug)]
pub struct Adapter;

impl Channel for Adapter {
    const INFO: Info = Info {
        name: "crossbeam",
        package: Some("crossbeam-channel"),
        about: "lock-free array (bounded) and linked blocks (unbounded), a locked hand-off at capacity 0",
        lacks: &[],
        differs: &[
            (
                Difference::BoundedKeepsUndelivered,
                "the array is dropped with the last handle of either end, the list with the last receiver",
            ),
            (
                Difference::BoundedLeaksAfterPanic,
                "intended: the crate's own test expects the elements after the panicking one to leak",
            ),
            (Difference::UnboundedLeaksAfterPanic, "the panic ends the loop that drops the queued messages"),
        ],
        notes: &["select picks one of the ready receivers at random"],
    };
    type Sender<T: Send + 'static> = Tx<T>;
    type Receiver<T: Send + 'static> = Rx<T>;
    type Selector<'a, T: Send + 'static> = Select<'a, T>;

    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        let (sender, receiver) = match capacity.slots() {
            Some(slots) => crossbeam_channel::bounded(slots),
            None => crossbeam_channel::unbounded(),
        };
        Ok((Tx(sender), Rx(receiver)))
    }

    fn selector<'a, T: Send + 'static>(
        receivers: impl IntoIterator<Item = &'a Self::Receiver<T>>,
    ) -> Result<Self::Selector<'a, T>, Unsupported> {
        let receivers: Vec<_> = receivers.into_iter().map(|receiver| &receiver.0).collect();
        let mut select = crossbeam_channel::Select::new();
        for receiver in &receivers {
            select.recv(receiver);
        }
        Ok(Select { select, open: receivers.len(), receivers })
    }
}

/// Crossbeam's select. The index of an operation of `select` is that of its receiver in `receivers`.
#[derive(Debug)]
pub struct Select<'a, T> {
    select: crossbeam_channel::Select<'a>,
    receivers: Vec<&'a crossbeam_channel::Receiver<T>>,
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
                Err(crossbeam_channel::RecvError) => {
                    self.select.remove(index);
                    self.open -= 1;
                }
            }
        }
        Err(RecvError)
    }
}

/// The sending handle.
#[derive(Debug)]
pub struct Tx<T>(crossbeam_channel::Sender<T>);

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
        crossbeam_channel::Sender::send(&self.0, message)
            .map_err(|error| SendError { message: Some(error.0) })
    }

    #[inline(always)]
    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        crossbeam_channel::Sender::try_send(&self.0, message).map_err(|error| match error {
            crossbeam_channel::TrySendError::Full(message) => TrySendError::Full(message),
            crossbeam_channel::TrySendError::Disconnected(message) => TrySendError::Disconnected(message),
        })
    }

    #[inline(always)]
    fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        crossbeam_channel::Sender::send_timeout(&self.0, message, timeout).map_err(|error| match error {
            crossbeam_channel::SendTimeoutError::Timeout(message) => SendTimeoutError::Timeout(message),
            crossbeam_channel::SendTimeoutError::Disconnected(message) => {
                SendTimeoutError::Disconnected(message)
            }
        })
    }
}

/// The receiving handle.
#[derive(Debug)]
pub struct Rx<T>(crossbeam_channel::Receiver<T>);

impl<T: Send + 'static> Receiver<T> for Rx<T> {
    #[inline(always)]
    fn recv(&self) -> Result<T, RecvError> {
        crossbeam_channel::Receiver::recv(&self.0).map_err(|crossbeam_channel::RecvError| RecvError)
    }

    #[inline(always)]
    fn try_recv(&self) -> Result<T, TryRecvError> {
        crossbeam_channel::Receiver::try_recv(&self.0).map_err(|error| match error {
            crossbeam_channel::TryRecvError::Empty => TryRecvError::Empty,
            crossbeam_channel::TryRecvError::Disconnected => TryRecvError::Disconnected,
        })
    }

    #[inline(always)]
    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        crossbeam_channel::Receiver::recv_timeout(&self.0, timeout).map_err(|error| match error {
            crossbeam_channel::RecvTimeoutError::Timeout => RecvTimeoutError::Timeout,
            crossbeam_channel::RecvTimeoutError::Disconnected => RecvTimeoutError::Disconnected,
        })
    }

    #[inline(always)]
    fn try_clone(&self) -> Result<Self, Unsupported> {
        Ok(Rx(self.0.clone()))
    }

    #[inline(always)]
    fn len(&self) -> Result<usize, Unsupported> {
        Ok(crossbeam_channel::Receiver::len(&self.0))
    }
}
