//! `mutex-deque`, the baseline: a `Mutex<VecDeque>` and two `Condvar`s, as one would write them by hand.
//!
//! Other channels are compared with it, so it is a good channel of its kind and no more. It counts waiters,
//! because a notification without a waiter costs a system call on Linux; it notifies after it has released
//! the lock; and it drops messages outside the lock. `queue.rs` is the buffered flavour and `hand_off.rs` the
//! rendezvous. Both use [`contract::sync`], so that loom and shuttle explore the code that is measured.

mod hand_off;
mod queue;

use std::time::Duration;

use self::hand_off::HandOff;
use self::queue::Queue;
use contract::channel::{
    Capability, Capacity, Channel, Handles, Info, NoSelect, Receiver, RecvError, RecvTimeoutError, SendError,
    SendTimeoutError, Sender, TryRecvError, TrySendError, Unsupported,
};
use contract::sync::{Arc, Condvar, Deadline, Guard};

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

/// The time that an operation may wait.
#[derive(Debug)]
enum WaitMode {
    /// It must not wait.
    Never,
    /// Until the deadline.
    Until(Deadline),
    /// Without a limit.
    Forever,
}

impl WaitMode {
    /// Whether the operation may not wait any longer.
    fn is_over(&self) -> bool {
        match self {
            WaitMode::Never => true,
            WaitMode::Until(deadline) => deadline.passed(),
            WaitMode::Forever => false,
        }
    }

    /// Waits for a notification. The caller has checked that the mode [is not over](WaitMode::is_over).
    #[track_caller]
    fn wait<'a, T: Send + 'static>(&self, condvar: &Condvar, guard: Guard<'a, T>) -> Guard<'a, T> {
        match self {
            WaitMode::Until(deadline) => deadline.wait(condvar, guard),
            WaitMode::Never | WaitMode::Forever => contract::sync::wait(condvar, guard),
        }
    }
}

/// The reason why a message was not sent, with the message.
enum NotSent<T> {
    GaveUp(T),
    Disconnected(T),
}

/// The reason why no message was received.
enum NotReceived {
    GaveUp,
    Disconnected,
}

#[derive(Debug)]
enum Flavour<T> {
    Queue(Queue<T>),
    HandOff(HandOff<T>),
}

impl<T: Send + 'static> Flavour<T> {
    #[inline]
    fn send(&self, message: T, wait_mode: &WaitMode) -> Result<(), NotSent<T>> {
        match self {
            Flavour::Queue(queue) => queue.send(message, wait_mode),
            Flavour::HandOff(hand_off) => hand_off.send(message, wait_mode),
        }
    }

    #[inline]
    fn recv(&self, wait_mode: &WaitMode) -> Result<T, NotReceived> {
        match self {
            Flavour::Queue(queue) => queue.recv(wait_mode),
            Flavour::HandOff(hand_off) => hand_off.recv(wait_mode),
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
        self.flavour.send(message, &WaitMode::Forever).map_err(|error| match error {
            NotSent::Disconnected(message) | NotSent::GaveUp(message) => SendError { message: Some(message) },
        })
    }

    #[inline]
    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.flavour.send(message, &WaitMode::Never).map_err(|error| match error {
            NotSent::GaveUp(message) => TrySendError::Full(message),
            NotSent::Disconnected(message) => TrySendError::Disconnected(message),
        })
    }

    #[inline]
    fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.flavour.send(message, &WaitMode::Until(Deadline::after(timeout))).map_err(|error| match error {
            NotSent::GaveUp(message) => SendTimeoutError::Timeout(message),
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
        self.flavour.recv(&WaitMode::Forever).map_err(|_| RecvError)
    }

    #[inline]
    fn try_recv(&self) -> Result<T, TryRecvError> {
        self.flavour.recv(&WaitMode::Never).map_err(|error| match error {
            NotReceived::GaveUp => TryRecvError::Empty,
            NotReceived::Disconnected => TryRecvError::Disconnected,
        })
    }

    #[inline]
    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.flavour.recv(&WaitMode::Until(Deadline::after(timeout))).map_err(|error| match error {
            NotReceived::GaveUp => RecvTimeoutError::Timeout,
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
