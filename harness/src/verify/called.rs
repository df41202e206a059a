//! A channel whose calls are calls.
//!
//! The handles' methods are `#[inline(always)]`, for the sake of the rounds. The scenarios and the model call them at hundreds of places, and
//! a copy of each crate's code at each of them takes the compiler minutes. Over [`Called`] there is one copy for each kind of message.

use std::marker::PhantomData;
use std::time::Duration;

use crate::channel::{
    Capacity, Channel, Handles, Info, Receiver, RecvError, RecvTimeoutError, Selector, SendError,
    SendTimeoutError, Sender, TryRecvError, TrySendError, Unsupported,
};

/// The channel `C`, called.
pub(super) struct Called<C>(PhantomData<C>);

/// A handle or a selector of it.
#[derive(Clone)]
#[repr(transparent)]
pub(super) struct Handle<H>(H);

impl<C: Channel> Channel for Called<C> {
    const INFO: Info = C::INFO;
    type Sender<T: Send + 'static> = Handle<C::Sender<T>>;
    type Receiver<T: Send + 'static> = Handle<C::Receiver<T>>;
    type Selector<'a, T: Send + 'static> = Selecting<'a, C, T>;

    #[inline(never)]
    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        C::open(capacity).map(|(sender, receiver)| (Handle(sender), Handle(receiver)))
    }

    fn effective_capacity(requested: Capacity) -> Capacity {
        C::effective_capacity(requested)
    }

    #[inline(never)]
    fn selector<T: Send + 'static>(
        receivers: &[Self::Receiver<T>],
    ) -> Result<Self::Selector<'_, T>, Unsupported> {
        // SAFETY: (1) the handle is `repr(transparent)`, so a slice of them is a slice of what they hold.
        let own = unsafe { &*(receivers as *const [Handle<C::Receiver<T>>] as *const [C::Receiver<T>]) };
        C::selector(own).map(Selecting)
    }
}

/// Its selector.
pub(super) struct Selecting<'a, C: Channel, T: Send + 'static>(C::Selector<'a, T>);

impl<C: Channel, T: Send + 'static> Selector<T> for Selecting<'_, C, T> {
    #[inline(never)]
    fn recv(&mut self) -> Result<T, RecvError> {
        self.0.recv()
    }
}

impl<T: Send + 'static, S: Sender<T>> Sender<T> for Handle<S> {
    #[inline(never)]
    fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.0.send(message)
    }

    #[inline(never)]
    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.0.try_send(message)
    }

    #[inline(never)]
    fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.0.send_timeout(message, timeout)
    }
}

impl<T: Send + 'static, R: Receiver<T>> Receiver<T> for Handle<R> {
    #[inline(never)]
    fn recv(&self) -> Result<T, RecvError> {
        self.0.recv()
    }

    #[inline(never)]
    fn try_recv(&self) -> Result<T, TryRecvError> {
        self.0.try_recv()
    }

    #[inline(never)]
    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.0.recv_timeout(timeout)
    }

    #[inline(never)]
    fn try_clone(&self) -> Result<Self, Unsupported> {
        self.0.try_clone().map(Handle)
    }

    #[inline(never)]
    fn len(&self) -> Result<usize, Unsupported> {
        self.0.len()
    }
}
