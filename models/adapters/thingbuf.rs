//! `thingbuf`: a ring of slots that are used again, and lists of waiters that live on their stacks; here its blocking channel.
//!
//! It gives slots out and takes them back, and what is in them stays: so a slot holds a message here, or none.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use harness::channel::{
    Capability, Capacity, Channel, Handles, Info, NoSelect, Receiver, RecvError, RecvTimeoutError, SendError,
    SendTimeoutError, Sender, TryRecvError, TrySendError, Unsupported,
};
use thingbuf::mpsc::blocking;
use thingbuf::mpsc::errors;
use thingbuf::recycling::Recycle;

/// The channel `thingbuf`.
#[derive(Debug)]
pub struct Subject;

impl Channel for Subject {
    const INFO: Info = Info {
        name: "thingbuf",
        package: Some("thingbuf"),
        about: "a ring of slots that are used again (mpsc, blocking)",
        lacks: &[
            (Capability::MultiConsumer, "thingbuf's channel has a single consumer"),
            (Capability::Rendezvous, "thingbuf's channel has one slot or more"),
            (Capability::Unbounded, "thingbuf's slots are there from the beginning"),
            (Capability::Select, "thingbuf has no select"),
        ],
        differs: &[],
        notes: &[],
    };
    type Sender<T: Send + 'static> = ThingSender<T>;
    type Receiver<T: Send + 'static> = ThingReceiver<T>;
    type Selector<'a, T: Send + 'static> = NoSelect;

    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        let (sender, receiver) = match capacity.slots() {
            Some(0) => return Err(Self::INFO.unsupported(Capability::Rendezvous)),
            Some(slots) => blocking::with_recycle(slots, Emptied),
            None => return Err(Self::INFO.unsupported(Capability::Unbounded)),
        };
        Ok((ThingSender(sender), ThingReceiver(receiver)))
    }

    fn selector<'a, T: Send + 'static>(
        _: impl IntoIterator<Item = &'a Self::Receiver<T>>,
    ) -> Result<Self::Selector<'a, T>, Unsupported> {
        Err(Self::INFO.unsupported(Capability::Select))
    }
}

/// What a slot holds. Thingbuf asks of it that threads may share it, which they never do: nobody ever locks this.
type Slot<T> = Mutex<Option<T>>;

/// What becomes of a slot between two messages: it is empty.
#[derive(Debug)]
pub struct Emptied;

impl<T> Recycle<Slot<T>> for Emptied {
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

/// The message of a slot that was sent.
fn message<T>(slot: Slot<T>) -> T {
    slot.into_inner().unwrap_or_else(PoisonError::into_inner).expect("nobody sends an empty slot")
}

/// Thingbuf's sender.
#[derive(Debug)]
pub struct ThingSender<T>(blocking::Sender<Slot<T>, Emptied>);

// Not derived: a derived `Clone` would ask `T: Clone`.
impl<T> Clone for ThingSender<T> {
    fn clone(&self) -> Self {
        ThingSender(self.0.clone())
    }
}

impl<T: Send + 'static> Sender<T> for ThingSender<T> {
    fn send(&self, sent: T) -> Result<(), SendError<T>> {
        self.0.send(filled(sent)).map_err(|error| SendError { message: Some(message(error.into_inner())) })
    }

    fn try_send(&self, sent: T) -> Result<(), TrySendError<T>> {
        self.0.try_send(filled(sent)).map_err(|error| match error {
            errors::TrySendError::Full(slot) => TrySendError::Full(message(slot)),
            errors::TrySendError::Closed(slot) => TrySendError::Disconnected(message(slot)),
            other => panic!("thingbuf has another error now: {other:?}"),
        })
    }

    fn send_timeout(&self, sent: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.0.send_timeout(filled(sent), timeout).map_err(|error| match error {
            errors::SendTimeoutError::Timeout(slot) => SendTimeoutError::Timeout(message(slot)),
            errors::SendTimeoutError::Closed(slot) => SendTimeoutError::Disconnected(message(slot)),
            other => panic!("thingbuf has another error now: {other:?}"),
        })
    }
}

/// Thingbuf's receiver.
#[derive(Debug)]
pub struct ThingReceiver<T>(blocking::Receiver<Slot<T>, Emptied>);

impl<T: Send + 'static> Receiver<T> for ThingReceiver<T> {
    fn recv(&self) -> Result<T, RecvError> {
        self.0.recv().map(message).ok_or(RecvError)
    }

    fn try_recv(&self) -> Result<T, TryRecvError> {
        self.0.try_recv().map(message).map_err(|error| match error {
            errors::TryRecvError::Empty => TryRecvError::Empty,
            errors::TryRecvError::Closed => TryRecvError::Disconnected,
            other => panic!("thingbuf has another error now: {other:?}"),
        })
    }

    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.0.recv_timeout(timeout).map(message).map_err(|error| match error {
            errors::RecvTimeoutError::Timeout => RecvTimeoutError::Timeout,
            errors::RecvTimeoutError::Closed => RecvTimeoutError::Disconnected,
            other => panic!("thingbuf has another error now: {other:?}"),
        })
    }

    fn try_clone(&self) -> Result<Self, Unsupported> {
        Err(Subject::INFO.unsupported(Capability::MultiConsumer))
    }

    fn len(&self) -> Result<usize, Unsupported> {
        Ok(self.0.len())
    }
}
