//! `crossfire`: lock-free, for threads and tasks alike; here its blocking many-to-many channel.

use std::time::Duration;

use crossfire as crate_;
use crossfire::mpmc::{Array, List};
use crossfire::{BlockingRxTrait as _, MRx, MTx};

use crate::channel::{
    Capability, Capacity, Channel, Difference, Handles, Info, Receiver, RecvError, RecvTimeoutError,
    Selector, SendError, SendTimeoutError, Sender, TryRecvError, TrySendError, Unsupported,
};

/// The channel `crossfire`.
#[derive(Debug)]
pub struct Crossfire;

impl Channel for Crossfire {
    const INFO: Info = Info {
        name: "crossfire",
        package: Some("crossfire"),
        about: "lock-free array and linked blocks derived from crossbeam's queues, tuned back-off (mpmc, blocking)",
        lacks: &[(Capability::Rendezvous, "crossfire turns capacity 0 into 1")],
        differs: &[
            (Difference::BoundedKeepsUndelivered, "queues are emptied when both ends are gone"),
            (Difference::UnboundedKeepsUndelivered, "queues are emptied when both ends are gone"),
            (Difference::BoundedLeaksAfterPanic, "the discard ends with the panic"),
            (Difference::UnboundedLeaksAfterPanic, "the discard ends with the panic"),
        ],
        notes: &[
            "bounded and unbounded handles are two types, so each call takes one predictable branch here",
            "select takes its receivers in turn (round robin, the crate's default)",
            "its single-producer and single-consumer types, which may be faster, are not the ones measured",
        ],
    };
    type Sender<T: Send + 'static> = CrossfireSender<T>;
    type Receiver<T: Send + 'static> = CrossfireReceiver<T>;
    type Selector<'a, T: Send + 'static> = Select<'a, T>;

    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        Ok(match capacity.slots() {
            Some(slots) => {
                let (sender, receiver) = crate_::mpmc::bounded_blocking(slots);
                (CrossfireSender::Bounded(sender), CrossfireReceiver::Bounded(receiver))
            }
            None => {
                let (sender, receiver) = crate_::mpmc::unbounded_blocking();
                (CrossfireSender::Unbounded(sender), CrossfireReceiver::Unbounded(receiver))
            }
        })
    }

    fn effective_capacity(requested: Capacity) -> Capacity {
        match requested {
            Capacity::Rendezvous => Capacity::of(1),
            other => other,
        }
    }

    fn selector<'a, T: Send + 'static>(
        receivers: impl IntoIterator<Item = &'a Self::Receiver<T>>,
    ) -> Result<Self::Selector<'a, T>, Unsupported> {
        let receivers: Vec<_> = receivers.into_iter().collect();
        let mut select = crate_::select::Select::new();
        for &receiver in &receivers {
            match receiver {
                CrossfireReceiver::Bounded(receiver) => select.add(receiver),
                CrossfireReceiver::Unbounded(receiver) => select.add(receiver),
            }
        }
        Ok(Select { select, receivers })
    }
}

/// Crossfire's select over receivers.
#[expect(missing_debug_implementations, reason = "crossfire's Select has none")]
pub struct Select<'a, T: Send + 'static> {
    select: crate_::select::Select<'a>,
    receivers: Vec<&'a CrossfireReceiver<T>>,
}

impl<T: Send + 'static> Selector<T> for Select<'_, T> {
    #[inline(always)]
    fn recv(&mut self) -> Result<T, RecvError> {
        // `select` fails when every receiver was removed.
        while let Ok(ready) = self.select.select() {
            let receiver = self
                .receivers
                .iter()
                .find(|receiver| match receiver {
                    CrossfireReceiver::Bounded(receiver) => ready.is_from(receiver),
                    CrossfireReceiver::Unbounded(receiver) => ready.is_from(receiver),
                })
                .expect("crossfire's select names a receiver that was added");
            match receiver {
                CrossfireReceiver::Bounded(receiver) => match receiver.read_select(ready) {
                    Ok(message) => return Ok(message),
                    Err(crate_::RecvError) => self.select.remove(receiver),
                },
                CrossfireReceiver::Unbounded(receiver) => match receiver.read_select(ready) {
                    Ok(message) => return Ok(message),
                    Err(crate_::RecvError) => self.select.remove(receiver),
                },
            }
        }
        Err(RecvError)
    }
}

/// A sender of either of crossfire's flavours.
#[derive(Debug)]
pub enum CrossfireSender<T: Send + 'static> {
    /// A ring of slots.
    Bounded(MTx<Array<T>>),
    /// Linked blocks.
    Unbounded(MTx<List<T>>),
}

// Not derived: a derived `Clone` would ask `T: Clone`.
impl<T: Send + 'static> Clone for CrossfireSender<T> {
    fn clone(&self) -> Self {
        match self {
            CrossfireSender::Bounded(sender) => CrossfireSender::Bounded(sender.clone()),
            CrossfireSender::Unbounded(sender) => CrossfireSender::Unbounded(sender.clone()),
        }
    }
}

/// A receiver of either of crossfire's flavours.
#[derive(Debug)]
pub enum CrossfireReceiver<T: Send + 'static> {
    /// A ring of slots.
    Bounded(MRx<Array<T>>),
    /// Linked blocks.
    Unbounded(MRx<List<T>>),
}

impl<T: Send + 'static> Sender<T> for CrossfireSender<T> {
    #[inline(always)]
    fn send(&self, message: T) -> Result<(), SendError<T>> {
        match self {
            CrossfireSender::Bounded(sender) => sender.send(message),
            CrossfireSender::Unbounded(sender) => sender.send(message),
        }
        .map_err(|error| SendError { message: Some(error.0) })
    }

    #[inline(always)]
    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        match self {
            CrossfireSender::Bounded(sender) => sender.try_send(message),
            CrossfireSender::Unbounded(sender) => sender.try_send(message),
        }
        .map_err(|error| match error {
            crate_::TrySendError::Full(message) => TrySendError::Full(message),
            crate_::TrySendError::Disconnected(message) => TrySendError::Disconnected(message),
        })
    }

    #[inline(always)]
    fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        match self {
            CrossfireSender::Bounded(sender) => sender.send_timeout(message, timeout),
            CrossfireSender::Unbounded(sender) => sender.send_timeout(message, timeout),
        }
        .map_err(|error| match error {
            crate_::SendTimeoutError::Timeout(message) => SendTimeoutError::Timeout(message),
            crate_::SendTimeoutError::Disconnected(message) => SendTimeoutError::Disconnected(message),
        })
    }
}

impl<T: Send + 'static> Receiver<T> for CrossfireReceiver<T> {
    #[inline(always)]
    fn recv(&self) -> Result<T, RecvError> {
        match self {
            CrossfireReceiver::Bounded(receiver) => receiver.recv(),
            CrossfireReceiver::Unbounded(receiver) => receiver.recv(),
        }
        .map_err(|crate_::RecvError| RecvError)
    }

    #[inline(always)]
    fn try_recv(&self) -> Result<T, TryRecvError> {
        match self {
            CrossfireReceiver::Bounded(receiver) => receiver.try_recv(),
            CrossfireReceiver::Unbounded(receiver) => receiver.try_recv(),
        }
        .map_err(|error| match error {
            crate_::TryRecvError::Empty => TryRecvError::Empty,
            crate_::TryRecvError::Disconnected => TryRecvError::Disconnected,
        })
    }

    #[inline(always)]
    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        match self {
            CrossfireReceiver::Bounded(receiver) => receiver.recv_timeout(timeout),
            CrossfireReceiver::Unbounded(receiver) => receiver.recv_timeout(timeout),
        }
        .map_err(|error| match error {
            crate_::RecvTimeoutError::Timeout => RecvTimeoutError::Timeout,
            crate_::RecvTimeoutError::Disconnected => RecvTimeoutError::Disconnected,
        })
    }

    fn try_clone(&self) -> Result<Self, Unsupported> {
        Ok(match self {
            CrossfireReceiver::Bounded(receiver) => CrossfireReceiver::Bounded(receiver.clone()),
            CrossfireReceiver::Unbounded(receiver) => CrossfireReceiver::Unbounded(receiver.clone()),
        })
    }

    fn len(&self) -> Result<usize, Unsupported> {
        Ok(match self {
            CrossfireReceiver::Bounded(receiver) => receiver.len(),
            CrossfireReceiver::Unbounded(receiver) => receiver.len(),
        })
    }
}
