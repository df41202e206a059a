//! The baseline with a mistake at its handles.

use std::marker::PhantomData;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::{Mistake, Mutation, duplicate};
use baseline::{DequeReceiver, DequeSender, MutexDeque};
use contract::channel::{
    Capability, Capacity, Channel, Handles, Info, NoSelect, Receiver, RecvError, RecvTimeoutError, SendError,
    SendTimeoutError, Sender, TryRecvError, TrySendError, Unsupported,
};

/// The position, counted from 0, of the received message with which a single mistake is made.
const VICTIM: u64 = 10;

/// A tried operation fails falsely once in this many.
const FALSE_EVERY: usize = 4;

/// A short wait where none belongs.
const LINGERING: Duration = Duration::from_micros(100);

/// The baseline with the mistake `M`.
#[derive(Debug)]
pub struct Wrapped<M>(PhantomData<M>);

impl<M: Mutation> Channel for Wrapped<M> {
    const INFO: Info = Info {
        name: M::MUTANT.name,
        package: None,
        about: M::MUTANT.wrong,
        lacks: &[(Capability::Select, "as the baseline")],
        differs: &[],
        notes: &[],
    };
    type Sender<T: Send + 'static> = WrappedSender<T, M>;
    type Receiver<T: Send + 'static> = WrappedReceiver<T, M>;
    type Selector<'a, T: Send + 'static> = NoSelect;

    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        let real = match (M::MISTAKE, capacity) {
            (Mistake::Roomier, Capacity::Bounded(slots)) => Capacity::from_slots(slots.get() + 1),
            (Mistake::Narrower, Capacity::Bounded(slots)) => Capacity::from_slots((slots.get() - 1).max(1)),
            (Mistake::BuffersARendezvous, Capacity::Rendezvous) => Capacity::from_slots(1),
            // A message that is held back makes room, which would be a second mistake.
            (Mistake::FetchesTwo, Capacity::Bounded(_) | Capacity::Rendezvous) => {
                let reason = "this mutant is unbounded";
                return Err(Unsupported { capability: Capability::Rendezvous, reason });
            }
            _ => capacity,
        };
        let (sender, receiver) = MutexDeque::open(real)?;
        let shared = Arc::new(Mutex::new(Shared {
            receivers: 1,
            received: 0,
            tries: 0,
            sender_dropped: false,
            disconnect_reported: false,
            held_back: None,
        }));
        Ok((
            WrappedSender { sender, shared: Arc::clone(&shared), mutation: PhantomData },
            WrappedReceiver { receiver, shared, mutation: PhantomData },
        ))
    }

    fn selector<'a, T: Send + 'static>(
        _: impl IntoIterator<Item = &'a Self::Receiver<T>>,
    ) -> Result<NoSelect, Unsupported> {
        Err(Self::INFO.unsupported(Capability::Select))
    }
}

/// The state that the handles of a channel share in addition to the baseline's.
#[derive(Debug)]
struct Shared<T> {
    receivers: usize,
    received: u64,
    /// Calls of `try_send` and `try_recv`.
    tries: usize,
    sender_dropped: bool,
    /// Whether a receive has reported a false disconnect.
    disconnect_reported: bool,
    /// A message that is delivered before those in the channel.
    held_back: Option<T>,
}

fn lock<T>(shared: &Mutex<Shared<T>>) -> MutexGuard<'_, Shared<T>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether this try fails falsely.
fn fails_falsely<T>(shared: &Mutex<Shared<T>>) -> bool {
    let mut shared = lock(shared);
    let tries = shared.tries;
    shared.tries += 1;
    tries.is_multiple_of(FALSE_EVERY)
}

/// The sender of a [`Wrapped`] channel.
#[derive(Debug)]
pub struct WrappedSender<T: Send + 'static, M: Mutation> {
    sender: DequeSender<T>,
    shared: Arc<Mutex<Shared<T>>>,
    mutation: PhantomData<M>,
}

impl<T: Send + 'static, M: Mutation> Clone for WrappedSender<T, M> {
    fn clone(&self) -> Self {
        WrappedSender { sender: self.sender.clone(), shared: Arc::clone(&self.shared), mutation: PhantomData }
    }
}

impl<T: Send + 'static, M: Mutation> Drop for WrappedSender<T, M> {
    fn drop(&mut self) {
        if M::MISTAKE == Mistake::AnyDropDisconnects {
            lock(&self.shared).sender_dropped = true;
        }
    }
}

impl<T: Send + 'static, M: Mutation> Sender<T> for WrappedSender<T, M> {
    fn send(&self, message: T) -> Result<(), SendError<T>> {
        match (self.sender.send(message), M::MISTAKE) {
            (Err(_), Mistake::AcceptsAfterDisconnect) => Ok(()),
            (Err(_), Mistake::KeepsTheMessage) => Err(SendError { message: None }),
            (sent, _) => sent,
        }
    }

    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        match M::MISTAKE {
            Mistake::FalselyFull if fails_falsely(&self.shared) => Err(TrySendError::Full(message)),
            Mistake::TrySendLingers => {
                self.sender.send_timeout(message, LINGERING).map_err(|error| match error {
                    SendTimeoutError::Timeout(message) => TrySendError::Full(message),
                    SendTimeoutError::Disconnected(message) => TrySendError::Disconnected(message),
                    SendTimeoutError::Unsupported(_, unsupported) => panic!("{unsupported}"),
                })
            }
            _ => self.sender.try_send(message),
        }
    }

    fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.sender.send_timeout(message, timeout)
    }
}

/// The receiver of a [`Wrapped`] channel.
#[derive(Debug)]
pub struct WrappedReceiver<T: Send + 'static, M: Mutation> {
    receiver: DequeReceiver<T>,
    shared: Arc<Mutex<Shared<T>>>,
    mutation: PhantomData<M>,
}

impl<T: Send + 'static, M: Mutation> WrappedReceiver<T, M> {
    /// The result of a receive that does not ask the channel; `Ok(None)` when it must.
    fn without_asking(&self) -> Result<Option<T>, RecvError> {
        let mut shared = lock(&self.shared);
        match M::MISTAKE {
            Mistake::DisconnectsEarly if shared.received > VICTIM && !shared.disconnect_reported => {
                shared.disconnect_reported = true;
                Err(RecvError)
            }
            Mistake::AnyDropDisconnects if shared.sender_dropped && self.receiver.len() == Ok(0) => {
                Err(RecvError)
            }
            Mistake::FetchesTwo if shared.held_back.is_none() => {
                drop(shared);
                let first = self.receiver.try_recv().ok();
                if let Ok(second) = self.receiver.try_recv() {
                    // Here another receiver may take the third message.
                    thread::yield_now();
                    lock(&self.shared).held_back = Some(second);
                }
                Ok(first)
            }
            _ => Ok(shared.held_back.take()),
        }
    }

    /// Makes a single mistake when its moment has come; `None` when the message is not delivered now.
    fn pass(&self, message: T) -> Option<T> {
        let mut shared = lock(&self.shared);
        let position = shared.received;
        shared.received += 1;
        if position != VICTIM {
            return Some(message);
        }
        match M::MISTAKE {
            Mistake::DropsOne => None,
            Mistake::LeaksOne => {
                mem::forget(message);
                None
            }
            Mistake::DeliversTwice => {
                shared.held_back = duplicate(&message);
                Some(message)
            }
            Mistake::Reorders => {
                drop(shared);
                match self.receiver.recv() {
                    Ok(following) => {
                        lock(&self.shared).held_back = Some(message);
                        Some(following)
                    }
                    Err(RecvError) => Some(message),
                }
            }
            Mistake::Hangs => loop {
                thread::park();
            },
            _ => Some(message),
        }
    }
}

impl<T: Send + 'static, M: Mutation> Drop for WrappedReceiver<T, M> {
    fn drop(&mut self) {
        let mut shared = lock(&self.shared);
        shared.receivers -= 1;
        let last = shared.receivers == 0;
        drop(shared);
        if last && M::MISTAKE == Mistake::LeaksTheRest {
            while let Ok(message) = self.receiver.try_recv() {
                mem::forget(message);
            }
        }
    }
}

impl<T: Send + 'static, M: Mutation> Receiver<T> for WrappedReceiver<T, M> {
    fn recv(&self) -> Result<T, RecvError> {
        loop {
            if let Some(message) = self.without_asking()? {
                return Ok(message);
            }
            let received = self.receiver.recv();
            while M::MISTAKE == Mistake::SleepsAtDisconnect && received.is_err() {
                thread::park();
            }
            if let Some(message) = self.pass(received?) {
                return Ok(message);
            }
        }
    }

    fn try_recv(&self) -> Result<T, TryRecvError> {
        if M::MISTAKE == Mistake::FalselyEmpty && fails_falsely(&self.shared) {
            return Err(TryRecvError::Empty);
        }
        loop {
            if let Some(message) = self.without_asking().map_err(|RecvError| TryRecvError::Disconnected)? {
                return Ok(message);
            }
            if let Some(message) = self.pass(self.receiver.try_recv()?) {
                return Ok(message);
            }
        }
    }

    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        loop {
            let early = self.without_asking().map_err(|RecvError| RecvTimeoutError::Disconnected)?;
            if let Some(message) = early {
                return Ok(message);
            }
            let received = self.receiver.recv_timeout(timeout);
            if M::MISTAKE == Mistake::TakesAfterTimeout && received.is_err() {
                drop(self.receiver.recv_timeout(LINGERING));
            }
            if let Some(message) = self.pass(received?) {
                return Ok(message);
            }
        }
    }

    fn try_clone(&self) -> Result<Self, Unsupported> {
        let receiver = self.receiver.try_clone()?;
        lock(&self.shared).receivers += 1;
        Ok(WrappedReceiver { receiver, shared: Arc::clone(&self.shared), mutation: PhantomData })
    }

    fn len(&self) -> Result<usize, Unsupported> {
        self.receiver.len()
    }
}
