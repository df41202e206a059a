//! `thingbuf`: a ring of reused slots, and lists of waiters on their own stacks. The adapter uses its
//! blocking channel.
//!
//! Thingbuf keeps the value in a slot when the slot becomes free, so a slot holds an `Option` of a message
//! here.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use contract::channel::{
    Capability, Capacity, Channel, Handles, Info, NoSelect, Receiver, RecvError, RecvTimeoutError, SendError,
    SendTimeoutError, Sender, TryRecvError, TrySendError, Unsupported,
};
use thingbuf::mpsc::blocking;
use thingbuf::mpsc::errors;
use thingbuf::recycling::Recycle;

/// The channel `thingbuf`.
#[derive(Debug)]
pub struct Adapter;

impl Channel for Adapter {
    const INFO: Info = Info {
        name: "thingbuf",
        package: Some("thingbuf"),
        about: "a ring of reused slots (mpsc, blocking)",
        lacks: &[
            (Capability::MultiConsumer, "thingbuf's channel has one consumer"),
            (Capability::Rendezvous, "thingbuf's channel has at least one slot"),
            (Capability::Unbounded, "thingbuf allocates all slots when the channel is created"),
            (Capability::Select, "thingbuf has no select"),
        ],
        differs: &[],
        notes: &[],
    };
    type Sender<T: Send + 'static> = Tx<T>;
    type Receiver<T: Send + 'static> = Rx<T>;
    type Selector<'a, T: Send + 'static> = NoSelect;

    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        let (sender, receiver) = match capacity.slots() {
            Some(0) => return Err(Self::INFO.unsupported(Capability::Rendezvous)),
            Some(slots) => blocking::with_recycle(slots, Empty),
            None => return Err(Self::INFO.unsupported(Capability::Unbounded)),
        };
        Ok((Tx(sender), Rx(receiver)))
    }

    fn selector<'a, T: Send + 'static>(
        _: impl IntoIterator<Item = &'a Self::Receiver<T>>,
    ) -> Result<Self::Selector<'a, T>, Unsupported> {
        Err(Self::INFO.unsupported(Capability::Select))
    }
}

/// The value in a slot. Thingbuf requires it to be `Sync`, hence the mutex; no thread ever locks it.
type Slot<T> = Mutex<Option<T>>;

/// Empties a slot between two messages.
#[derive(Debug)]
pub struct Empty;

impl<T> Recycle<Slot<T>> for Empty {
    fn new_element(&self) -> Slot<T> {
        Mutex::new(None)
    }

    fn recycle(&self, element: &mut Slot<T>) {
        *element.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn filled<T>(message: T) -> Slot<T> {
    Mutex::new(Some(message))
}

/// The message in a slot that was sent.
fn message<T>(slot: Slot<T>) -> T {
    slot.into_inner().unwrap_or_else(PoisonError::into_inner).expect("only full slots are sent")
}

/// The sending handle.
#[derive(Debug)]
pub struct Tx<T>(blocking::Sender<Slot<T>, Empty>);

// A derived `Clone` would require `T: Clone`.
impl<T> Clone for Tx<T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        Tx(self.0.clone())
    }
}

impl<T: Send + 'static> Sender<T> for Tx<T> {
    #[inline(always)]
    fn send(&self, sent: T) -> Result<(), SendError<T>> {
        blocking::Sender::send(&self.0, filled(sent))
            .map_err(|error| SendError { message: Some(message(error.into_inner())) })
    }

    #[inline(always)]
    fn try_send(&self, sent: T) -> Result<(), TrySendError<T>> {
        blocking::Sender::try_send(&self.0, filled(sent)).map_err(|error| match error {
            errors::TrySendError::Full(slot) => TrySendError::Full(message(slot)),
            errors::TrySendError::Closed(slot) => TrySendError::Disconnected(message(slot)),
            other => panic!("unknown error of thingbuf: {other:?}"),
        })
    }

    #[inline(always)]
    fn send_timeout(&self, sent: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        blocking::Sender::send_timeout(&self.0, filled(sent), timeout).map_err(|error| match error {
            errors::SendTimeoutError::Timeout(slot) => SendTimeoutError::Timeout(message(slot)),
            errors::SendTimeoutError::Closed(slot) => SendTimeoutError::Disconnected(message(slot)),
            other => panic!("unknown error of thingbuf: {other:?}"),
        })
    }
}

/// The receiving handle.
#[derive(Debug)]
pub struct Rx<T>(blocking::Receiver<Slot<T>, Empty>);

impl<T: Send + 'static> Receiver<T> for Rx<T> {
    #[inline(always)]
    fn recv(&self) -> Result<T, RecvError> {
        blocking::Receiver::recv(&self.0).map(message).ok_or(RecvError)
    }

    #[inline(always)]
    fn try_recv(&self) -> Result<T, TryRecvError> {
        blocking::Receiver::try_recv(&self.0).map(message).map_err(|error| match error {
            errors::TryRecvError::Empty => TryRecvError::Empty,
            errors::TryRecvError::Closed => TryRecvError::Disconnected,
            other => panic!("unknown error of thingbuf: {other:?}"),
        })
    }

    #[inline(always)]
    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        blocking::Receiver::recv_timeout(&self.0, timeout).map(message).map_err(|error| match error {
            errors::RecvTimeoutError::Timeout => RecvTimeoutError::Timeout,
            errors::RecvTimeoutError::Closed => RecvTimeoutError::Disconnected,
            other => panic!("unknown error of thingbuf: {other:?}"),
        })
    }

    #[inline(always)]
    fn try_clone(&self) -> Result<Self, Unsupported> {
        Err(Adapter::INFO.unsupported(Capability::MultiConsumer))
    }

    #[inline(always)]
    fn len(&self) -> Result<usize, Unsupported> {
        Ok(blocking::Receiver::len(&self.0))
    }
}
