//! One type for every channel, so that the methods are compiled once.
//!
//! The scenarios, the model and the recorder call a channel at hundreds of places, with a dozen message
//! types. Compiling a copy of them for each channel takes minutes. They are therefore written over
//! [`DynChannel`], whose handles are trait objects; only the methods of those objects are compiled for each
//! channel. Rounds, which measure, stay statically dispatched.
//!
//! The message types are the supertraits of [`Factory`]: opening a channel for another type does not compile.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use contract::channel::{
    Capacity, Channel, Info, Receiver, RecvError, RecvTimeoutError, Selector, SendError, SendTimeoutError,
    Sender, TryRecvError, TrySendError, Unsupported,
};

use crate::messages::{
    Aligned, Counted, Large, LongMessage, Owning, PanicsOnDrop, SequenceMessage, ZeroSized,
};

/// A channel implementation, chosen at run time.
#[derive(Clone, Copy)]
pub struct DynChannel(&'static dyn Factory);

impl fmt::Debug for DynChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DynChannel").field(&self.info().name).finish()
    }
}

impl DynChannel {
    /// The channel `C`.
    pub fn new<C: Channel>() -> Self {
        DynChannel(const { &Of::<C>(PhantomData) })
    }

    /// The channel's own declarations.
    pub fn info(self) -> &'static Info {
        self.0.info()
    }

    /// The capacity that opening it gives for `requested`.
    pub fn effective_capacity(self, requested: Capacity) -> Capacity {
        self.0.effective_capacity(requested)
    }

    /// Opens a channel with one sender and one receiver.
    pub(crate) fn open<T>(self, capacity: Capacity) -> Result<DynHandles<T>, Unsupported>
    where
        dyn Factory: Open<T>,
    {
        Open::<T>::open(self.0, capacity)
    }

    /// Opens `count` channels: their senders, and their receivers as the inputs of a select.
    pub(crate) fn open_inputs(
        self,
        capacity: Capacity,
        count: usize,
    ) -> Result<(Vec<DynSender<u64>>, Inputs), Unsupported> {
        self.0.open_inputs(capacity, count)
    }
}

/// Opens a channel for messages of type `T`.
pub(crate) trait Open<T> {
    fn open(&self, capacity: Capacity) -> Result<DynHandles<T>, Unsupported>;
}

/// A number, and the sender through which its double is returned.
pub(crate) type DoubleRequest = (u64, DynSender<u64>);

/// Both ends of a channel that was just opened.
pub(crate) type DynHandles<T> = (DynSender<T>, DynReceiver<T>);

/// A channel with the message types of every method.
pub(crate) trait Factory:
    Open<()>
    + Open<u64>
    + Open<Box<u64>>
    + Open<Box<dyn Send>>
    + Open<Counted>
    + Open<PanicsOnDrop>
    + Open<Aligned>
    + Open<Large>
    + Open<Owning>
    + Open<DoubleRequest>
    + Open<ZeroSized>
    + Open<SequenceMessage>
    + Open<LongMessage>
    + Sync
{
    fn info(&self) -> &'static Info;
    fn effective_capacity(&self, requested: Capacity) -> Capacity;
    fn open_inputs(
        &self,
        capacity: Capacity,
        count: usize,
    ) -> Result<(Vec<DynSender<u64>>, Inputs), Unsupported>;
}

/// The channel `C` as a [`Factory`].
struct Of<C>(PhantomData<fn() -> C>);

impl<C: Channel, T: Send + 'static> Open<T> for Of<C> {
    fn open(&self, capacity: Capacity) -> Result<DynHandles<T>, Unsupported> {
        let (sender, receiver) = C::open(capacity)?;
        Ok((DynSender(Box::new(sender)), DynReceiver(Box::new(receiver))))
    }
}

impl<C: Channel> Factory for Of<C> {
    fn info(&self) -> &'static Info {
        const { &C::INFO }
    }

    fn effective_capacity(&self, requested: Capacity) -> Capacity {
        C::effective_capacity(requested)
    }

    fn open_inputs(
        &self,
        capacity: Capacity,
        count: usize,
    ) -> Result<(Vec<DynSender<u64>>, Inputs), Unsupported> {
        let (mut senders, mut receivers) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let (sender, receiver) = C::open::<u64>(capacity)?;
            senders.push(DynSender(Box::new(sender) as Box<dyn BoxedSender<u64>>));
            receivers.push(receiver);
        }
        Ok((senders, Inputs(Box::new(Receivers::<C>(receivers)))))
    }
}

trait BoxedSender<T>: Send {
    fn send(&self, message: T) -> Result<(), SendError<T>>;
    fn try_send(&self, message: T) -> Result<(), TrySendError<T>>;
    fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>>;
    fn boxed_clone(&self) -> Box<dyn BoxedSender<T>>;
}

impl<T: Send + 'static, S: Sender<T>> BoxedSender<T> for S {
    fn send(&self, message: T) -> Result<(), SendError<T>> {
        Sender::send(self, message)
    }

    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        Sender::try_send(self, message)
    }

    fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        Sender::send_timeout(self, message, timeout)
    }

    fn boxed_clone(&self) -> Box<dyn BoxedSender<T>> {
        Box::new(self.clone())
    }
}

trait BoxedReceiver<T>: Send {
    fn recv(&self) -> Result<T, RecvError>;
    fn try_recv(&self) -> Result<T, TryRecvError>;
    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError>;
    fn boxed_clone(&self) -> Result<Box<dyn BoxedReceiver<T>>, Unsupported>;
    fn len(&self) -> Result<usize, Unsupported>;
}

impl<T: Send + 'static, R: Receiver<T>> BoxedReceiver<T> for R {
    fn recv(&self) -> Result<T, RecvError> {
        Receiver::recv(self)
    }

    fn try_recv(&self) -> Result<T, TryRecvError> {
        Receiver::try_recv(self)
    }

    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        Receiver::recv_timeout(self, timeout)
    }

    fn boxed_clone(&self) -> Result<Box<dyn BoxedReceiver<T>>, Unsupported> {
        Ok(Box::new(self.try_clone()?))
    }

    fn len(&self) -> Result<usize, Unsupported> {
        Receiver::len(self)
    }
}

/// A sender of a [`DynChannel`].
pub(crate) struct DynSender<T>(Box<dyn BoxedSender<T>>);

impl<T> Clone for DynSender<T> {
    fn clone(&self) -> Self {
        DynSender(self.0.boxed_clone())
    }
}

impl<T: Send + 'static> Sender<T> for DynSender<T> {
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

/// A receiver of a [`DynChannel`].
pub(crate) struct DynReceiver<T>(Box<dyn BoxedReceiver<T>>);

impl<T: Send + 'static> Receiver<T> for DynReceiver<T> {
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
        self.0.boxed_clone().map(DynReceiver)
    }

    fn len(&self) -> Result<usize, Unsupported> {
        self.0.len()
    }
}

/// Receivers of one channel implementation. A select needs the implementation's own receivers, so they stay
/// together here.
pub(crate) struct Inputs(Box<dyn BoxedInputs>);

impl Inputs {
    /// Waits on all inputs at once.
    pub(crate) fn selector(&self) -> Result<DynSelector<'_>, Unsupported> {
        self.0.selector().map(DynSelector)
    }

    /// Receives from one input, without a select.
    pub(crate) fn recv(&self, input: usize) -> Result<u64, RecvError> {
        self.0.recv(input)
    }

    /// Another receiver of one input's channel.
    pub(crate) fn clone_input(&self, input: usize) -> Result<DynReceiver<u64>, Unsupported> {
        self.0.clone_input(input).map(DynReceiver)
    }

    /// Adds another receiver of one input's channel to the inputs.
    pub(crate) fn push_clone(&mut self, input: usize) -> Result<(), Unsupported> {
        self.0.push_clone(input)
    }

    /// Another receiver of every input's channel.
    pub(crate) fn try_clone(&self) -> Result<Inputs, Unsupported> {
        self.0.try_clone().map(Inputs)
    }
}

trait BoxedInputs: Send {
    fn selector(&self) -> Result<Box<dyn Selector<u64> + '_>, Unsupported>;
    fn recv(&self, input: usize) -> Result<u64, RecvError>;
    fn clone_input(&self, input: usize) -> Result<Box<dyn BoxedReceiver<u64>>, Unsupported>;
    fn push_clone(&mut self, input: usize) -> Result<(), Unsupported>;
    fn try_clone(&self) -> Result<Box<dyn BoxedInputs>, Unsupported>;
}

struct Receivers<C: Channel>(Vec<C::Receiver<u64>>);

impl<C: Channel> BoxedInputs for Receivers<C> {
    fn selector(&self) -> Result<Box<dyn Selector<u64> + '_>, Unsupported> {
        Ok(Box::new(C::selector(&self.0)?))
    }

    fn recv(&self, input: usize) -> Result<u64, RecvError> {
        Receiver::recv(&self.0[input])
    }

    fn clone_input(&self, input: usize) -> Result<Box<dyn BoxedReceiver<u64>>, Unsupported> {
        Ok(Box::new(self.0[input].try_clone()?))
    }

    fn push_clone(&mut self, input: usize) -> Result<(), Unsupported> {
        self.0.push(self.0[input].try_clone()?);
        Ok(())
    }

    fn try_clone(&self) -> Result<Box<dyn BoxedInputs>, Unsupported> {
        let receivers = self.0.iter().map(Receiver::try_clone).collect::<Result<_, _>>()?;
        Ok(Box::new(Receivers::<C>(receivers)))
    }
}

/// The selector of some [`Inputs`].
pub(crate) struct DynSelector<'a>(Box<dyn Selector<u64> + 'a>);

impl Selector<u64> for DynSelector<'_> {
    fn recv(&mut self) -> Result<u64, RecvError> {
        self.0.recv()
    }
}
