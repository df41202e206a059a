//! A channel whose calls are calls, for the scenarios of select, which have to have a channel's own receivers.
//!
//! The handles' methods are `#[inline(always)]`, for the sake of the rounds, and a copy of each crate's code at each place that
//! calls it takes the compiler long. Over [`Called`] there is one copy of what the scenarios call most.

use std::marker::PhantomData;
use std::time::Duration;

use crate::channel::{
    Capacity, Channel, Handles, Info, RecvError, Selector, SendError, SendTimeoutError, Sender, TrySendError,
    Unsupported,
};

/// The channel `C`, called.
pub(super) struct Called<C>(PhantomData<C>);

/// Its sender.
#[derive(Clone)]
pub(super) struct CalledSender<S>(S);

impl<C: Channel> Channel for Called<C> {
    const INFO: Info = C::INFO;
    type Sender<T: Send + 'static> = CalledSender<C::Sender<T>>;
    type Receiver<T: Send + 'static> = C::Receiver<T>;
    type Selector<'a, T: Send + 'static> = Selecting<'a, C, T>;

    #[inline(never)]
    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        C::open(capacity).map(|(sender, receiver)| (CalledSender(sender), receiver))
    }

    fn effective_capacity(requested: Capacity) -> Capacity {
        C::effective_capacity(requested)
    }

    #[inline(never)]
    fn selector<T: Send + 'static>(
        receivers: &[Self::Receiver<T>],
    ) -> Result<Self::Selector<'_, T>, Unsupported> {
        C::selector(receivers).map(Selecting)
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

impl<T: Send + 'static, S: Sender<T>> Sender<T> for CalledSender<S> {
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
