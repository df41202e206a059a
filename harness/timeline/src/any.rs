//! One type for every channel, chosen at run time.
//!
//! A copy of every workload for every traced channel would take longer to compile than the measured ones. So what is
//! traced runs over this type: a channel carries boxes and is called through a pointer. Only that is compiled for each
//! channel. A box and a call are a part of what recording costs, and are measured with it; a payload is not copied into
//! the channel.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use contract::channel::{
    Capability, Capacity, Channel, Handles, Info, Receiver, RecvError, RecvTimeoutError, Selector, SendError,
    SendTimeoutError, Sender, TryRecvError, TrySendError, Unsupported, Visitor,
};

/// A message of any type.
type Erased = Box<dyn Any + Send>;

/// The message that was [boxed](Erased).
fn plain<T: 'static>(message: Erased) -> T {
    *message.downcast().expect("a channel gives what was sent into it")
}

/// The chosen channel.
#[derive(Debug)]
pub struct AnyChannel;

/// The name of the chosen channel. Only one timeline is recorded at a time.
static CHOSEN: Mutex<&str> = Mutex::new("");

/// Chooses the channel `C`: it is opened from now on.
pub(crate) fn choose<C: Channel>() {
    *CHOSEN.lock().unwrap_or_else(PoisonError::into_inner) = C::INFO.name;
}

/// Visits the chosen channel, if there is one.
fn with_chosen(visitor: &mut impl Visitor) {
    let name = *CHOSEN.lock().unwrap_or_else(PoisonError::into_inner);
    adapters::visit_named(name, visitor);
}

/// The refusal while no channel is chosen.
const NOT_CHOSEN: Unsupported =
    Unsupported { capability: Capability::Select, reason: "no channel is chosen" };

impl Channel for AnyChannel {
    // It is never shown: what the chosen channel lacks is asked before anything is recorded.
    const INFO: Info = Info { name: "any", package: None, about: "", lacks: &[], differs: &[], notes: &[] };
    type Sender<T: Send + 'static> = AnySender<T>;
    type Receiver<T: Send + 'static> = AnyReceiver<T>;
    type Selector<'a, T: Send + 'static> = AnySelector<'a, T>;

    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        let (sender, receiver) = open(capacity)?;
        Ok((AnySender(sender, PhantomData), AnyReceiver(receiver, PhantomData)))
    }

    fn effective_capacity(requested: Capacity) -> Capacity {
        struct Effective(Capacity);
        impl Visitor for Effective {
            fn visit<C: Channel>(&mut self) {
                self.0 = C::effective_capacity(self.0);
            }
        }
        let mut effective = Effective(requested);
        with_chosen(&mut effective);
        effective.0
    }

    fn selector<'a, T: Send + 'static>(
        receivers: impl IntoIterator<Item = &'a Self::Receiver<T>>,
    ) -> Result<Self::Selector<'a, T>, Unsupported> {
        let receivers: Vec<&'a dyn BoxedReceiver> = receivers.into_iter().map(|one| &*one.0).collect();
        let selector = receivers.first().ok_or(NOT_CHOSEN)?.selector(&receivers)?;
        Ok(AnySelector(selector, PhantomData))
    }
}

type Opened = (Box<dyn BoxedSender>, Box<dyn BoxedReceiver>);

fn open(capacity: Capacity) -> Result<Opened, Unsupported> {
    struct Open(Capacity, Result<Opened, Unsupported>);
    impl Visitor for Open {
        fn visit<C: Channel>(&mut self) {
            self.1 = C::open::<Erased>(self.0)
                .map(|(sender, receiver)| -> Opened { (Box::new(sender), Box::new(Own::<C>(receiver))) });
        }
    }
    let mut open = Open(capacity, Err(NOT_CHOSEN));
    with_chosen(&mut open);
    open.1
}

trait BoxedSender: Send {
    fn send(&self, message: Erased) -> Result<(), SendError<Erased>>;
    fn try_send(&self, message: Erased) -> Result<(), TrySendError<Erased>>;
    fn send_timeout(&self, message: Erased, timeout: Duration) -> Result<(), SendTimeoutError<Erased>>;
    fn boxed_clone(&self) -> Box<dyn BoxedSender>;
}

impl<S: Sender<Erased>> BoxedSender for S {
    fn send(&self, message: Erased) -> Result<(), SendError<Erased>> {
        Sender::send(self, message)
    }

    fn try_send(&self, message: Erased) -> Result<(), TrySendError<Erased>> {
        Sender::try_send(self, message)
    }

    fn send_timeout(&self, message: Erased, timeout: Duration) -> Result<(), SendTimeoutError<Erased>> {
        Sender::send_timeout(self, message, timeout)
    }

    fn boxed_clone(&self) -> Box<dyn BoxedSender> {
        Box::new(self.clone())
    }
}

/// The sending handle.
pub struct AnySender<T>(Box<dyn BoxedSender>, PhantomData<fn(T)>);

impl<T> Clone for AnySender<T> {
    fn clone(&self) -> Self {
        AnySender(self.0.boxed_clone(), PhantomData)
    }
}

impl<T: Send + 'static> Sender<T> for AnySender<T> {
    fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.0.send(Box::new(message)).map_err(|error| SendError { message: error.message.map(plain) })
    }

    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.0.try_send(Box::new(message)).map_err(|error| match error {
            TrySendError::Full(message) => TrySendError::Full(plain(message)),
            TrySendError::Disconnected(message) => TrySendError::Disconnected(plain(message)),
        })
    }

    fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.0.send_timeout(Box::new(message), timeout).map_err(|error| match error {
            SendTimeoutError::Timeout(message) => SendTimeoutError::Timeout(plain(message)),
            SendTimeoutError::Disconnected(message) => SendTimeoutError::Disconnected(plain(message)),
            SendTimeoutError::Unsupported(message, lack) => {
                SendTimeoutError::Unsupported(plain(message), lack)
            }
        })
    }
}

/// A receiver of the channel `C`.
struct Own<C: Channel>(C::Receiver<Erased>);

trait BoxedReceiver: Send {
    fn recv(&self) -> Result<Erased, RecvError>;
    fn try_recv(&self) -> Result<Erased, TryRecvError>;
    fn recv_timeout(&self, timeout: Duration) -> Result<Erased, RecvTimeoutError>;
    fn boxed_clone(&self) -> Result<Box<dyn BoxedReceiver>, Unsupported>;
    fn len(&self) -> Result<usize, Unsupported>;
    /// A selector of receivers of the same channel.
    fn selector<'a>(
        &self,
        receivers: &[&'a dyn BoxedReceiver],
    ) -> Result<Box<dyn Selector<Erased> + 'a>, Unsupported>;
    fn as_any(&self) -> &dyn Any;
}

impl<C: Channel> BoxedReceiver for Own<C> {
    fn recv(&self) -> Result<Erased, RecvError> {
        self.0.recv()
    }

    fn try_recv(&self) -> Result<Erased, TryRecvError> {
        self.0.try_recv()
    }

    fn recv_timeout(&self, timeout: Duration) -> Result<Erased, RecvTimeoutError> {
        self.0.recv_timeout(timeout)
    }

    fn boxed_clone(&self) -> Result<Box<dyn BoxedReceiver>, Unsupported> {
        Ok(Box::new(Own::<C>(self.0.try_clone()?)))
    }

    fn len(&self) -> Result<usize, Unsupported> {
        self.0.len()
    }

    fn selector<'a>(
        &self,
        receivers: &[&'a dyn BoxedReceiver],
    ) -> Result<Box<dyn Selector<Erased> + 'a>, Unsupported> {
        let own = receivers.iter().map(|receiver| receiver.as_any().downcast_ref::<Own<C>>());
        let own: Option<Vec<&'a Own<C>>> = own.collect();
        Ok(Box::new(C::selector(own.ok_or(NOT_CHOSEN)?.into_iter().map(|own| &own.0))?))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The receiving handle.
pub struct AnyReceiver<T>(Box<dyn BoxedReceiver>, PhantomData<fn(T)>);

impl<T: Send + 'static> Receiver<T> for AnyReceiver<T> {
    fn recv(&self) -> Result<T, RecvError> {
        self.0.recv().map(plain)
    }

    fn try_recv(&self) -> Result<T, TryRecvError> {
        self.0.try_recv().map(plain)
    }

    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.0.recv_timeout(timeout).map(plain)
    }

    fn try_clone(&self) -> Result<Self, Unsupported> {
        Ok(AnyReceiver(self.0.boxed_clone()?, PhantomData))
    }

    fn len(&self) -> Result<usize, Unsupported> {
        self.0.len()
    }
}

/// The selector.
pub struct AnySelector<'a, T>(Box<dyn Selector<Erased> + 'a>, PhantomData<fn(T)>);

impl<T: Send + 'static> Selector<T> for AnySelector<'_, T> {
    fn recv(&mut self) -> Result<T, RecvError> {
        self.0.recv().map(plain)
    }
}
