//! The contract of a channel: what the workloads call and what the checks hold every channel to.
//!
//! Everything is dispatched statically, so that the hot path of a round is the crate's own call. The methods of a crate's
//! handles are `#[inline(always)]`: a wrapper that the compiler leaves standing keeps the crate's own `inline(always)` from
//! reaching the caller (a round over kanal took 1.4 times as long). What a channel
//! cannot do is a [`Capability`] it lacks, declared in its [`Info`] with the reason; the operation then answers
//! [`Unsupported`], which the page shows in words. `verify::conformance` holds declaration and behaviour together.

use std::fmt;
use std::num::NonZeroUsize;
use std::time::Duration;

/// How many messages a channel holds before `send` blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Capacity {
    /// Holds none: a send waits until a receiver takes the message.
    Rendezvous,
    /// Holds up to this many messages.
    Bounded(NonZeroUsize),
    /// Never full.
    Unbounded,
}

impl Capacity {
    /// The capacity of `slots` messages; none is [`Capacity::Rendezvous`].
    pub fn of(slots: usize) -> Self {
        NonZeroUsize::new(slots).map_or(Capacity::Rendezvous, Capacity::Bounded)
    }

    /// Messages held at most; `None` when there is no limit.
    pub fn slots(self) -> Option<usize> {
        match self {
            Capacity::Rendezvous => Some(0),
            Capacity::Bounded(slots) => Some(slots.get()),
            Capacity::Unbounded => None,
        }
    }
}

impl fmt::Display for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.slots() {
            Some(slots) => write!(f, "{slots}"),
            None => f.write_str("unbounded"),
        }
    }
}

/// Something that a channel may be unable to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Capability {
    /// More than one receiver of the same channel ([`Receiver::try_clone`]).
    MultiConsumer,
    /// Capacity 0 as a hand-off.
    Rendezvous,
    /// A capacity without limit.
    Unbounded,
    /// [`Sender::send_timeout`].
    SendTimeout,
    /// [`Receiver::recv_timeout`].
    RecvTimeout,
    /// [`Receiver::len`].
    Len,
    /// Waiting on several receivers at once ([`Channel::selector`]).
    Select,
    /// A failed blocking [`Sender::send`] gives the message back.
    MessageReturned,
}

impl Capability {
    /// Every capability, in the order in which tables show them.
    pub const ALL: [Capability; 8] = [
        Capability::MultiConsumer,
        Capability::Rendezvous,
        Capability::Unbounded,
        Capability::SendTimeout,
        Capability::RecvTimeout,
        Capability::Len,
        Capability::Select,
        Capability::MessageReturned,
    ];

    /// The capability in words.
    pub fn words(self) -> &'static str {
        match self {
            Capability::MultiConsumer => "several consumers",
            Capability::Rendezvous => "rendezvous (capacity 0)",
            Capability::Unbounded => "unbounded capacity",
            Capability::SendTimeout => "send with a timeout",
            Capability::RecvTimeout => "receive with a timeout",
            Capability::Len => "length",
            Capability::Select => "select over receivers",
            Capability::MessageReturned => "message returned by a failed send",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// A documented way in which a channel is not as the contract says. A channel declares it in its [`Info`] with the reason, and the
/// conformance scenarios hold the declaration to what the channel does: one that is no longer real fails as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Difference {
    /// Queued messages of a bounded channel live until the last sender is gone as well.
    BoundedKeepsUndelivered,
    /// Queued messages of an unbounded channel live until the last sender is gone as well.
    UnboundedKeepsUndelivered,
    /// When the `Drop` of a queued message of a bounded channel panics, others are leaked.
    BoundedLeaksAfterPanic,
    /// When the `Drop` of a queued message of an unbounded channel panics, others are leaked.
    UnboundedLeaksAfterPanic,
}

impl Difference {
    /// Every difference, in the order in which tables show them.
    pub const ALL: [Difference; 4] = [
        Difference::BoundedKeepsUndelivered,
        Difference::UnboundedKeepsUndelivered,
        Difference::BoundedLeaksAfterPanic,
        Difference::UnboundedLeaksAfterPanic,
    ];

    /// The difference in words.
    pub fn words(self) -> &'static str {
        match self {
            Difference::BoundedKeepsUndelivered => {
                "bounded, it drops what nobody received with the last sender, not with the last receiver"
            }
            Difference::UnboundedKeepsUndelivered => {
                "unbounded, it drops what nobody received with the last sender, not with the last receiver"
            }
            Difference::BoundedLeaksAfterPanic => {
                "bounded, it leaks the messages behind one whose Drop panics"
            }
            Difference::UnboundedLeaksAfterPanic => {
                "unbounded, it leaks the messages behind one whose Drop panics"
            }
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// The answer of a channel that lacks a capability: not a failure, and never a zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unsupported: {capability} ({reason})")]
pub struct Unsupported {
    /// What is lacking.
    pub capability: Capability,
    /// Why, in the words of the channel's own file.
    pub reason: &'static str,
}

/// What a channel says of itself.
#[derive(Debug)]
pub struct Info {
    /// The channel's name on the command line, in benchmarks and on the page.
    pub name: &'static str,
    /// The crate it comes from, as the lock file names it; `None` for the standard library and for chanlab's own code.
    pub package: Option<&'static str>,
    /// One sentence: what it is.
    pub about: &'static str,
    /// The capabilities it lacks, each with the reason.
    pub lacks: &'static [(Capability, &'static str)],
    /// Documented differences from the contract that are no lack of a capability, each with the reason; checked to be real.
    pub differs: &'static [(Difference, &'static str)],
    /// What else is to be known of it, shown on the page; nothing checks it.
    pub notes: &'static [&'static str],
}

impl Info {
    /// Asks for a capability before work starts.
    ///
    /// # Errors
    ///
    /// [`Unsupported`] with the declared reason when the channel lacks it.
    pub fn require(&self, capability: Capability) -> Result<(), Unsupported> {
        match self.lacks.iter().find(|(lacking, _)| *lacking == capability) {
            Some(&(capability, reason)) => Err(Unsupported { capability, reason }),
            None => Ok(()),
        }
    }

    /// Whether the channel declares this difference.
    pub fn declares(&self, difference: Difference) -> bool {
        self.differs.iter().any(|(declared, _)| *declared == difference)
    }

    /// The answer of an operation that this channel does not have.
    ///
    /// # Panics
    ///
    /// When the channel's file does not declare the lack: a mistake in that file, found by the contract's tests.
    pub fn unsupported(&self, capability: Capability) -> Unsupported {
        match self.require(capability) {
            Err(unsupported) => unsupported,
            Ok(()) => panic!("{} does not declare that it lacks: {capability}", self.name),
        }
    }
}

/// A channel implementation under test.
pub trait Channel: Sized + 'static {
    /// What the channel says of itself.
    const INFO: Info;
    /// The sending handle.
    type Sender<T: Send + 'static>: Sender<T>;
    /// The receiving handle.
    type Receiver<T: Send + 'static>: Receiver<T>;
    /// Waits on several receivers; [`NoSelect`] for a channel without select.
    type Selector<'a, T: Send + 'static>: Selector<T> + 'a;

    /// Opens a channel with one sender and one receiver.
    ///
    /// # Errors
    ///
    /// [`Unsupported`] when it has no channel of this capacity.
    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported>;

    /// The capacity that [`Channel::open`] really gives for `requested`: some channels round up, or turn 0 into 1.
    fn effective_capacity(requested: Capacity) -> Capacity {
        requested
    }

    /// Waits on all of `receivers` at once, through the crate's own select.
    ///
    /// # Errors
    ///
    /// [`Unsupported`] when the channel has no select.
    fn selector<'a, T: Send + 'static>(
        receivers: impl IntoIterator<Item = &'a Self::Receiver<T>>,
    ) -> Result<Self::Selector<'a, T>, Unsupported>;
}

/// Does something with each of several channels.
pub trait Visitor {
    /// Called once for each channel.
    fn visit<C: Channel>(&mut self);
}

/// Both ends of a channel that was just opened.
pub type Handles<C, T> = (<C as Channel>::Sender<T>, <C as Channel>::Receiver<T>);

/// The sending end. A clone sends into the same channel; dropping the last one disconnects it.
pub trait Sender<T>: Clone + Send + 'static {
    /// Sends, waiting while the channel is full.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the message when every receiver is gone.
    fn send(&self, message: T) -> Result<(), SendError<T>>;

    /// Sends without waiting. On a rendezvous channel it succeeds only when a receiver waits.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] with the message.
    fn try_send(&self, message: T) -> Result<(), TrySendError<T>>;

    /// Sends, waiting at most `timeout` while the channel is full.
    ///
    /// # Errors
    ///
    /// [`SendTimeoutError`] with the message.
    fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>>;
}

/// The receiving end. Dropping the last one disconnects the channel.
#[expect(
    clippy::len_without_is_empty,
    reason = "a queue that others change has no emptiness worth asking for"
)]
pub trait Receiver<T>: Sized + Send + 'static {
    /// Receives, waiting while the channel is empty; drains what is queued before it reports the disconnect.
    ///
    /// # Errors
    ///
    /// [`RecvError`] when the channel is empty and every sender is gone.
    fn recv(&self) -> Result<T, RecvError>;

    /// Receives without waiting. On a rendezvous channel it succeeds only when a sender waits.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`].
    fn try_recv(&self) -> Result<T, TryRecvError>;

    /// Receives, waiting at most `timeout` while the channel is empty.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError`].
    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError>;

    /// Another receiver of the same channel: each message goes to one of them.
    ///
    /// # Errors
    ///
    /// [`Unsupported`] for a single-consumer channel.
    fn try_clone(&self) -> Result<Self, Unsupported>;

    /// Messages queued at this moment. One with which a sender still waits is not among them: the length is never above the capacity, and
    /// that of a rendezvous is 0.
    ///
    /// # Errors
    ///
    /// [`Unsupported`] when the channel does not tell.
    fn len(&self) -> Result<usize, Unsupported>;
}

/// Waits on several receivers of one channel kind and merges what they deliver.
pub trait Selector<T> {
    /// The next message of any of the receivers, waiting while all are empty. A receiver that is disconnected is left
    /// out from then on.
    ///
    /// # Errors
    ///
    /// [`RecvError`] when every receiver is empty and disconnected.
    fn recv(&mut self) -> Result<T, RecvError>;
}

/// The selector of a channel without select: it has no values, so that it cannot be called.
#[derive(Clone, Copy, Debug)]
pub enum NoSelect {}

impl<T> Selector<T> for NoSelect {
    fn recv(&mut self) -> Result<T, RecvError> {
        match *self {}
    }
}

/// Every receiver is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendError<T> {
    /// The message that was not sent; `None` only for a channel that lacks [`Capability::MessageReturned`].
    pub message: Option<T>,
}

/// Why [`Sender::try_send`] did not send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// No room, or on a rendezvous channel no receiver waiting.
    Full(T),
    /// Every receiver is gone.
    Disconnected(T),
}

/// Why [`Sender::send_timeout`] did not send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendTimeoutError<T> {
    /// The channel was full until the time was over.
    Timeout(T),
    /// Every receiver is gone.
    Disconnected(T),
    /// The channel has no such operation.
    Unsupported(T, Unsupported),
}

/// The channel is empty and every sender is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecvError;

/// Why [`Receiver::try_recv`] returned nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// No message now, but senders are left.
    Empty,
    /// No message, and every sender is gone.
    Disconnected,
}

/// Why [`Receiver::recv_timeout`] returned nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvTimeoutError {
    /// The channel was empty until the time was over.
    Timeout,
    /// No message, and every sender is gone.
    Disconnected,
    /// The channel has no such operation.
    Unsupported(Unsupported),
}

/// `count` receivers of the channel that `first` belongs to, `first` among them.
///
/// # Errors
///
/// [`Unsupported`] when `count` is over one and the channel has a single consumer.
pub fn receivers<T, R: Receiver<T>>(first: R, count: usize) -> Result<Vec<R>, Unsupported> {
    let mut receivers = Vec::with_capacity(count);
    for _ in 1..count {
        receivers.push(first.try_clone()?);
    }
    receivers.push(first);
    Ok(receivers)
}
