//! `crossfire`: lock-free, for threads and tasks. The adapter uses its blocking many-to-many channel.

use std::time::Duration;

use contract::channel::{
    Capability, Capacity, Channel, Difference, Handles, Info, Receiver, RecvError, RecvTimeoutError,
    Selector, SendError, SendTimeoutError, Sender, TryRecvError, TrySendError, Unsupported,
};
use crossfire::mpmc::{Array, List};
use crossfire::{BlockingRxTrait, MRx, MTx};

/// The channel `crossfire`.
#[derive(Debug)]
pub struct Adapter;

impl Channel for Adapter {
    const INFO: Info = Info {
        name: "crossfire",
        package: Some("crossfire"),
        about: "lock-free array and linked blocks derived from crossbeam's queues, tuned back-off (mpmc, blocking)",
        lacks: &[(Capability::Rendezvous, "crossfire turns capacity 0 into 1")],
        differs: &[
            (Difference::BoundedKeepsUndelivered, "the queue is dropped with the last handle of either end"),
            (
                Difference::UnboundedKeepsUndelivered,
                "the queue is dropped with the last handle of either end",
            ),
            (Difference::BoundedLeaksAfterPanic, "the panic ends the loop that drops the queued messages"),
            (Difference::UnboundedLeaksAfterPanic, "the panic ends the loop that drops the queued messages"),
        ],
        notes: &[
            "bounded and unbounded handles are different types, so every call takes one predictable branch here",
            "select serves its receivers round robin, the crate's default",
            "the crate's single-producer and single-consumer types, which may be faster, are not measured",
        ],
    };
    type Sender<T: Send + 'static> = Tx<T>;
    type Receiver<T: Send + 'static> = Rx<T>;
    type Selector<'a, T: Send + 'static> = Select<'a, T>;

    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        Ok(match capacity.slots() {
            Some(slots) => {
                let (sender, receiver) = crossfire::mpmc::bounded_blocking(slots);
                (Tx::Bounded(sender), Rx::Bounded(receiver))
            }
            None => {
                let (sender, receiver) = crossfire::mpmc::unbounded_blocking();
                (Tx::Unbounded(sender), Rx::Unbounded(receiver))
            }
        })
    }

    fn effective_capacity(requested: Capacity) -> Capacity {
        match requested {
            Capacity::Rendezvous => Capacity::from_slots(1),
            other => other,
        }
    }

    fn selector<'a, T: Send + 'static>(
        receivers: impl IntoIterator<Item = &'a Self::Receiver<T>>,
    ) -> Result<Self::Selector<'a, T>, Unsupported> {
        let receivers: Vec<_> = receivers.into_iter().collect();
        let mut select = crossfire::select::Select::new();
        for &receiver in &receivers {
            match receiver {
                Rx::Bounded(receiver) => select.add(receiver),
                Rx::Unbounded(receiver) => select.add(receiver),
            }
        }
        Ok(Select { select, receivers })
    }
}

/// Crossfire's select.
#[expect(missing_debug_implementations, reason = "crossfire's Select has none")]
pub struct Select<'a, T: Send + 'static> {
    select: crossfire::select::Select<'a>,
    receivers: Vec<&'a Rx<T>>,
}

impl<T: Send + 'static> Selector<T> for Select<'_, T> {
    #[inline(always)]
    fn recv(&mut self) -> Result<T, RecvError> {
        // `select` fails once every receiver has been removed.
        while let Ok(ready) = self.select.select() {
            let receiver = self
                .receivers
                .iter()
                .find(|receiver| match receiver {
                    Rx::Bounded(receiver) => ready.is_from(receiver),
                    Rx::Unbounded(receiver) => ready.is_from(receiver),
                })
                .expect("crossfire's select names a receiver that was added");
            match receiver {
                Rx::Bounded(receiver) => match crossfire::Rx::read_select(receiver, ready) {
                    Ok(message) => return Ok(message),
                    Err(crossfire::RecvError) => self.select.remove(receiver),
                },
                Rx::Unbounded(receiver) => match crossfire::Rx::read_select(receiver, ready) {
                    Ok(message) => return Ok(message),
                    Err(crossfire::RecvError) => self.select.remove(receiver),
                },
            }
        }
        Err(RecvError)
    }
}

/// The sending handle.
#[derive(Debug)]
pub enum Tx<T: Send + 'static> {
    /// An array of slots.
    Bounded(MTx<Array<T>>),
    /// Linked blocks.
    Unbounded(MTx<List<T>>),
}

// A derived `Clone` would require `T: Clone`.
impl<T: Send + 'static> Clone for Tx<T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        match self {
            Tx::Bounded(sender) => Tx::Bounded(sender.clone()),
            Tx::Unbounded(sender) => Tx::Unbounded(sender.clone()),
        }
    }
}

/// The receiving handle.
#[derive(Debug)]
pub enum Rx<T: Send + 'static> {
    /// An array of slots.
    Bounded(MRx<Array<T>>),
    /// Linked blocks.
    Unbounded(MRx<List<T>>),
}

impl<T: Send + 'static> Sender<T> for Tx<T> {
    #[inline(always)]
    fn send(&self, message: T) -> Result<(), SendError<T>> {
        match self {
            Tx::Bounded(sender) => crossfire::Tx::send(sender, message),
            Tx::Unbounded(sender) => crossfire::Tx::send(sender, message),
        }
        .map_err(|error| SendError { message: Some(error.0) })
    }

    #[inline(always)]
    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        match self {
            Tx::Bounded(sender) => crossfire::Tx::try_send(sender, message),
            Tx::Unbounded(sender) => crossfire::Tx::try_send(sender, message),
        }
        .map_err(|error| match error {
            crossfire::TrySendError::Full(message) => TrySendError::Full(message),
            crossfire::TrySendError::Disconnected(message) => TrySendError::Disconnected(message),
        })
    }

    #[inline(always)]
    fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        match self {
            Tx::Bounded(sender) => crossfire::Tx::send_timeout(sender, message, timeout),
            Tx::Unbounded(sender) => crossfire::Tx::send_timeout(sender, message, timeout),
        }
        .map_err(|error| match error {
            crossfire::SendTimeoutError::Timeout(message) => SendTimeoutError::Timeout(message),
            crossfire::SendTimeoutError::Disconnected(message) => SendTimeoutError::Disconnected(message),
        })
    }
}

impl<T: Send + 'static> Receiver<T> for Rx<T> {
    #[inline(always)]
    fn recv(&self) -> Result<T, RecvError> {
        match self {
            Rx::Bounded(receiver) => BlockingRxTrait::recv(receiver),
            Rx::Unbounded(receiver) => BlockingRxTrait::recv(receiver),
        }
        .map_err(|crossfire::RecvError| RecvError)
    }

    #[inline(always)]
    fn try_recv(&self) -> Result<T, TryRecvError> {
        match self {
            Rx::Bounded(receiver) => BlockingRxTrait::try_recv(receiver),
            Rx::Unbounded(receiver) => BlockingRxTrait::try_recv(receiver),
        }
        .map_err(|error| match error {
            crossfire::TryRecvError::Empty => TryRecvError::Empty,
            crossfire::TryRecvError::Disconnected => TryRecvError::Disconnected,
        })
    }

    #[inline(always)]
    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        match self {
            Rx::Bounded(receiver) => BlockingRxTrait::recv_timeout(receiver, timeout),
            Rx::Unbounded(receiver) => BlockingRxTrait::recv_timeout(receiver, timeout),
        }
        .map_err(|error| match error {
            crossfire::RecvTimeoutError::Timeout => RecvTimeoutError::Timeout,
            crossfire::RecvTimeoutError::Disconnected => RecvTimeoutError::Disconnected,
        })
    }

    #[inline(always)]
    fn try_clone(&self) -> Result<Self, Unsupported> {
        Ok(match self {
            Rx::Bounded(receiver) => Rx::Bounded(receiver.clone()),
            Rx::Unbounded(receiver) => Rx::Unbounded(receiver.clone()),
        })
    }

    #[inline(always)]
    fn len(&self) -> Result<usize, Unsupported> {
        Ok(match self {
            Rx::Bounded(receiver) => BlockingRxTrait::len(receiver),
            Rx::Unbounded(receiver) => BlockingRxTrait::len(receiver),
        })
    }
}
