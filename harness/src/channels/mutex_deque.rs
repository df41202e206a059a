//! `mutex-deque`, the baseline: `Mutex<VecDeque>` and two `Condvar`s, as one would write it by hand.
//!
//! It exists to be compared with, so it is written to be good at what it is and no more: waiters are counted so that
//! nobody is notified in vain (a notification is a system call on Linux), notifications are sent after the lock is
//! released, and messages are dropped outside it. The buffered flavour is `queue.rs`, the rendezvous `hand_off.rs`. Both are
//! written on [`crate::sync`], so that loom and shuttle explore the code that is measured.

mod hand_off;
mod queue;

use std::time::Duration;

use self::hand_off::HandOff;
use self::queue::Queue;
use crate::channel::{
    Capability, Capacity, Channel, Handles, Info, NoSelect, Receiver, RecvError, RecvTimeoutError, SendError,
    SendTimeoutError, Sender, TryRecvError, TrySendError, Unsupported,
};
use crate::sync::{Arc, Condvar, Deadline, Guard};

/// The channel `mutex-deque`.
#[derive(Debug)]
pub struct MutexDeque;

impl Channel for MutexDeque {
    const INFO: Info = Info {
        name: "mutex-deque",
        package: None,
        about: "the baseline: a VecDeque behind a Mutex, two Condvars",
        lacks: &[(Capability::Select, "a wait is on one condition variable, so on one channel")],
        differs: &[],
        notes: &[],
    };
    type Sender<T: Send + 'static> = DequeSender<T>;
    type Receiver<T: Send + 'static> = DequeReceiver<T>;
    type Selector<'a, T: Send + 'static> = NoSelect;

    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        let flavour = Arc::new(match capacity {
            Capacity::Rendezvous => Flavour::HandOff(HandOff::new()),
            Capacity::Bounded(slots) => Flavour::Queue(Queue::new(Some(slots.get()))),
            Capacity::Unbounded => Flavour::Queue(Queue::new(None)),
        });
        Ok((DequeSender { flavour: Arc::clone(&flavour) }, DequeReceiver { flavour }))
    }

    fn selector<'a, T: Send + 'static>(
        _: impl IntoIterator<Item = &'a Self::Receiver<T>>,
    ) -> Result<NoSelect, Unsupported> {
        Err(Self::INFO.unsupported(Capability::Select))
    }
}

/// How long an operation may wait.
#[derive(Debug)]
enum Patience {
    /// Not at all.
    None,
    /// Until the deadline.
    Until(Deadline),
    /// For ever.
    Endless,
}

impl Patience {
    fn exhausted(&self) -> bool {
        match self {
            Patience::None => true,
            Patience::Until(deadline) => deadline.passed(),
            Patience::Endless => false,
        }
    }

    /// Waits for a notification. The caller has seen that its patience is not exhausted.
    #[track_caller]
    fn wait<'a, T: Send + 'static>(&self, condvar: &Condvar, guard: Guard<'a, T>) -> Guard<'a, T> {
        match self {
            Patience::Until(deadline) => deadline.wait(condvar, guard),
            Patience::None | Patience::Endless => crate::sync::wait(condvar, guard),
        }
    }
}

/// Why a message was not sent.
enum NotSent<T> {
    Impatient(T),
    Disconnected(T),
}

/// Why no message was received.
enum NotReceived {
    Impatient,
    Disconnected,
}

#[derive(Debug)]
enum Flavour<T> {
    Queue(Queue<T>),
    HandOff(HandOff<T>),
}

impl<T: Send + 'static> Flavour<T> {
    #[inline]
    fn send(&self, message: T, patience: &Patience) -> Result<(), NotSent<T>> {
        match self {
            Flavour::Queue(queue) => queue.send(message, patience),
            Flavour::HandOff(hand_off) => hand_off.send(message, patience),
        }
    }

    #[inline]
    fn recv(&self, patience: &Patience) -> Result<T, NotReceived> {
        match self {
            Flavour::Queue(queue) => queue.recv(patience),
            Flavour::HandOff(hand_off) => hand_off.recv(patience),
        }
    }
}

/// The sending handle of `mutex-deque`.
#[derive(Debug)]
pub struct DequeSender<T: Send + 'static> {
    flavour: Arc<Flavour<T>>,
}

impl<T: Send + 'static> Clone for DequeSender<T> {
    fn clone(&self) -> Self {
        match &*self.flavour {
            Flavour::Queue(queue) => queue.add_sender(),
            Flavour::HandOff(hand_off) => hand_off.add_sender(),
        }
        DequeSender { flavour: Arc::clone(&self.flavour) }
    }
}

impl<T: Send + 'static> Drop for DequeSender<T> {
    fn drop(&mut self) {
        match &*self.flavour {
            Flavour::Queue(queue) => queue.remove_sender(),
            Flavour::HandOff(hand_off) => hand_off.remove_sender(),
        }
    }
}

impl<T: Send + 'static> Sender<T> for DequeSender<T> {
    #[inline]
    fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.flavour.send(message, &Patience::Endless).map_err(|error| match error {
            NotSent::Disconnected(message) | NotSent::Impatient(message) => {
                SendError { message: Some(message) }
            }
        })
    }

    #[inline]
    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.flavour.send(message, &Patience::None).map_err(|error| match error {
            NotSent::Impatient(message) => TrySendError::Full(message),
            NotSent::Disconnected(message) => TrySendError::Disconnected(message),
        })
    }

    #[inline]
    fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.flavour.send(message, &Patience::Until(Deadline::after(timeout))).map_err(|error| match error {
            NotSent::Impatient(message) => SendTimeoutError::Timeout(message),
            NotSent::Disconnected(message) => SendTimeoutError::Disconnected(message),
        })
    }
}

/// The receiving handle of `mutex-deque`.
#[derive(Debug)]
pub struct DequeReceiver<T: Send + 'static> {
    flavour: Arc<Flavour<T>>,
}

impl<T: Send + 'static> Drop for DequeReceiver<T> {
    fn drop(&mut self) {
        match &*self.flavour {
            Flavour::Queue(queue) => queue.remove_receiver(),
            Flavour::HandOff(hand_off) => hand_off.remove_receiver(),
        }
    }
}

impl<T: Send + 'static> Receiver<T> for DequeReceiver<T> {
    #[inline]
    fn recv(&self) -> Result<T, RecvError> {
        self.flavour.recv(&Patience::Endless).map_err(|_| RecvError)
    }

    #[inline]
    fn try_recv(&self) -> Result<T, TryRecvError> {
        self.flavour.recv(&Patience::None).map_err(|error| match error {
            NotReceived::Impatient => TryRecvError::Empty,
            NotReceived::Disconnected => TryRecvError::Disconnected,
        })
    }

    #[inline]
    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.flavour.recv(&Patience::Until(Deadline::after(timeout))).map_err(|error| match error {
            NotReceived::Impatient => RecvTimeoutError::Timeout,
            NotReceived::Disconnected => RecvTimeoutError::Disconnected,
        })
    }

    fn try_clone(&self) -> Result<Self, Unsupported> {
        match &*self.flavour {
            Flavour::Queue(queue) => queue.add_receiver(),
            Flavour::HandOff(hand_off) => hand_off.add_receiver(),
        }
        Ok(DequeReceiver { flavour: Arc::clone(&self.flavour) })
    }

    fn len(&self) -> Result<usize, Unsupported> {
        Ok(match &*self.flavour {
            Flavour::Queue(queue) => queue.len(),
            // A rendezvous holds nothing.
            Flavour::HandOff(_) => 0,
        })
    }
}
