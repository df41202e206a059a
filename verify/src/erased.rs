//! A channel that is chosen when the program runs.
//!
//! The scenarios and the model call a channel at hundreds of places, for a dozen kinds of messages. A copy of them for each channel takes
//! the compiler minutes, each time that anything here changes. So they are compiled once, over [`Erased`], whose handles are trait objects; what
//! is compiled for each channel are those objects' methods. Which channel is opened is a matter of the thread ([`Chosen`]). Rounds, which measure,
//! are dispatched statically as ever.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use harness::channel::{
    Capacity, Channel, Handles, Info, Receiver, RecvError, RecvTimeoutError, Selector, SendError,
    SendTimeoutError, Sender, TryRecvError, TrySendError, Unsupported,
};

type SelectorOf<T> = for<'a> fn(&[&'a ErasedReceiver<T>]) -> Result<ErasedSelector<'a, T>, Unsupported>;

/// A channel, for one kind of message.
struct Kind<T: Send + 'static> {
    open: fn(Capacity) -> Result<Handles<Erased, T>, Unsupported>,
    selector: SelectorOf<T>,
}

/// A channel, for the kinds of messages that were named.
#[derive(Clone)]
pub(super) struct Chosen(Arc<Opener>);

struct Opener {
    info: &'static Info,
    effective_capacity: fn(Capacity) -> Capacity,
    selects: fn() -> bool,
    /// A [`Kind`] for each kind of message.
    kinds: HashMap<TypeId, Box<dyn Any + Send + Sync>>,
}

impl fmt::Debug for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Chosen").field(&self.0.info.name).finish()
    }
}

thread_local! {
    /// The channel that this thread opens.
    static CHOSEN: RefCell<Option<Chosen>> = const { RefCell::new(None) };
}

/// Names the kinds of messages that scenarios send.
pub(super) struct Kinds<C>(HashMap<TypeId, Box<dyn Any + Send + Sync>>, std::marker::PhantomData<C>);

impl<C: Channel> Kinds<C> {
    /// The channel `C`, for no kind of message yet.
    pub(super) fn new() -> Self {
        Kinds(HashMap::new(), std::marker::PhantomData)
    }

    /// And for messages of this type.
    pub(super) fn and<T: Send + 'static>(mut self) -> Self {
        let kind = Kind::<T> {
            open: |capacity| {
                let (sender, receiver) = C::open(capacity)?;
                Ok((ErasedSender(Box::new(sender)), ErasedReceiver(Box::new(receiver))))
            },
            selector: |receivers| {
                let own = receivers.iter().map(|receiver| receiver.own::<C::Receiver<T>>());
                Ok(ErasedSelector(Box::new(C::selector(own)?)))
            },
        };
        self.0.insert(TypeId::of::<T>(), Box::new(kind));
        self
    }

    /// That is all.
    pub(super) fn chosen(self) -> Chosen {
        Chosen(Arc::new(Opener {
            info: const { &C::INFO },
            effective_capacity: C::effective_capacity,
            selects: || {
                let handles = C::open::<u64>(Capacity::from_slots(1));
                handles.is_ok_and(|(_, receiver)| C::selector([&receiver]).is_ok())
            },
            kinds: self.0,
        }))
    }
}

impl Chosen {
    /// Makes it the channel of this thread.
    pub(super) fn choose(self) {
        CHOSEN.set(Some(self));
    }

    /// The channel of this thread, for another thread.
    pub(super) fn current() -> Option<Chosen> {
        CHOSEN.with_borrow(Clone::clone)
    }
}

fn with<T>(ask: impl FnOnce(&Opener) -> T) -> T {
    CHOSEN.with_borrow(|chosen| ask(&chosen.as_ref().expect("a thread of a scenario has a channel").0))
}

/// Something of the channel of this thread, for messages of this type.
fn kind<T: Send + 'static, R>(ask: impl FnOnce(&Kind<T>) -> R) -> R {
    with(|chosen| {
        let kind = chosen.kinds.get(&TypeId::of::<T>());
        let kind = kind.and_then(|kind| kind.downcast_ref());
        ask(kind.expect("the kind of message is named where the channel is chosen"))
    })
}

/// What the channel of this thread says of itself.
pub(super) fn info() -> &'static Info {
    with(|chosen| chosen.info)
}

/// Whether the channel of this thread has a select.
pub(super) fn selects() -> bool {
    with(|chosen| chosen.selects)()
}

/// The channel of this thread.
#[derive(Debug)]
pub(super) struct Erased;

impl Channel for Erased {
    const INFO: Info = Info {
        name: "erased",
        package: None,
        about: "the channel of this thread; `info` says which",
        lacks: &[],
        differs: &[],
        notes: &[],
    };
    type Sender<T: Send + 'static> = ErasedSender<T>;
    type Receiver<T: Send + 'static> = ErasedReceiver<T>;
    type Selector<'a, T: Send + 'static> = ErasedSelector<'a, T>;

    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        kind(|kind| kind.open)(capacity)
    }

    fn effective_capacity(requested: Capacity) -> Capacity {
        with(|chosen| chosen.effective_capacity)(requested)
    }

    fn selector<'a, T: Send + 'static>(
        receivers: impl IntoIterator<Item = &'a Self::Receiver<T>>,
    ) -> Result<ErasedSelector<'a, T>, Unsupported> {
        let receivers: Vec<_> = receivers.into_iter().collect();
        kind(|kind| kind.selector)(&receivers)
    }
}

trait Sends<T>: Send {
    fn send(&self, message: T) -> Result<(), SendError<T>>;
    fn try_send(&self, message: T) -> Result<(), TrySendError<T>>;
    fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>>;
    fn another(&self) -> Box<dyn Sends<T>>;
}

impl<T: Send + 'static, S: Sender<T>> Sends<T> for S {
    fn send(&self, message: T) -> Result<(), SendError<T>> {
        Sender::send(self, message)
    }

    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        Sender::try_send(self, message)
    }

    fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        Sender::send_timeout(self, message, timeout)
    }

    fn another(&self) -> Box<dyn Sends<T>> {
        Box::new(self.clone())
    }
}

trait Receives<T>: Send + Any {
    fn recv(&self) -> Result<T, RecvError>;
    fn try_recv(&self) -> Result<T, TryRecvError>;
    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError>;
    fn another(&self) -> Result<Box<dyn Receives<T>>, Unsupported>;
    fn len(&self) -> Result<usize, Unsupported>;
}

impl<T: Send + 'static, R: Receiver<T>> Receives<T> for R {
    fn recv(&self) -> Result<T, RecvError> {
        Receiver::recv(self)
    }

    fn try_recv(&self) -> Result<T, TryRecvError> {
        Receiver::try_recv(self)
    }

    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        Receiver::recv_timeout(self, timeout)
    }

    fn another(&self) -> Result<Box<dyn Receives<T>>, Unsupported> {
        Ok(Box::new(self.try_clone()?))
    }

    fn len(&self) -> Result<usize, Unsupported> {
        Receiver::len(self)
    }
}

/// Its sender.
pub(super) struct ErasedSender<T>(Box<dyn Sends<T>>);

impl<T> Clone for ErasedSender<T> {
    fn clone(&self) -> Self {
        ErasedSender(self.0.another())
    }
}

impl<T: Send + 'static> Sender<T> for ErasedSender<T> {
    fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.0.send(message)
    }

    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.0.try_send(message)
    }

    fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.0.send_timeout(message, timeout)
    }
}

/// Its receiver.
pub(super) struct ErasedReceiver<T>(Box<dyn Receives<T>>);

impl<T: 'static> ErasedReceiver<T> {
    /// As the channel's own.
    fn own<R: 'static>(&self) -> &R {
        let receiver: &dyn Any = &*self.0;
        receiver.downcast_ref().expect("the receivers are of the channel of this thread")
    }
}

/// Its selector.
pub(super) struct ErasedSelector<'a, T>(Box<dyn Selector<T> + 'a>);

impl<T> Selector<T> for ErasedSelector<'_, T> {
    fn recv(&mut self) -> Result<T, RecvError> {
        self.0.recv()
    }
}

impl<T: Send + 'static> Receiver<T> for ErasedReceiver<T> {
    fn recv(&self) -> Result<T, RecvError> {
        self.0.recv()
    }

    fn try_recv(&self) -> Result<T, TryRecvError> {
        self.0.try_recv()
    }

    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.0.recv_timeout(timeout)
    }

    fn try_clone(&self) -> Result<Self, Unsupported> {
        self.0.another().map(ErasedReceiver)
    }

    fn len(&self) -> Result<usize, Unsupported> {
        self.0.len()
    }
}
