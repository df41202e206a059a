//! The contract of a channel: the workloads call it, and the checks hold every channel to it.
//!
//! Everything is dispatched statically, so that the hot path of a round is the crate's own call. The methods
//! of an adapter's handles are `#[inline(always)]`: without it, a wrapper that the compiler does not inline
//! prevents the crate's own `inline(always)` from reaching the caller (a round over kanal took 1.4 times as
//! long). A channel declares every [`Capability`] that it lacks in its [`Info`], with the reason; the
//! operation then returns [`Unsupported`], which the page shows in words. `verify::conformance` compares
//! declaration and behaviour.

use std::fmt;
use std::num::NonZeroUsize;
use std::time::Duration;

/// The number of messages that a channel holds before `send` blocks.
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
    /// The capacity for `slots` messages; 0 is [`Capacity::Rendezvous`].
    pub fn from_slots(slots: usize) -> Self {
        NonZeroUsize::new(slots).map_or(Capacity::Rendezvous, Capacity::Bounded)
    }

    /// The maximum number of messages held; `None` when there is no limit.
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

/// A documented deviation from the contract. A channel declares it in its [`Info`], with the reason. The
/// conformance scenarios fail when it is real and not declared, and when it is declared and no longer real.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Difference {
    /// A bounded channel drops its queued messages when the last handle of either end is gone, not with the
    /// last receiver.
    BoundedKeepsUndelivered,
    /// An unbounded channel drops its queued messages when the last handle of either end is gone, not with
    /// the last receiver.
    UnboundedKeepsUndelivered,
    /// A bounded channel leaks queued messages when the `Drop` of one of them panics.
    BoundedLeaksAfterPanic,
    /// An unbounded channel leaks queued messages when the `Drop` of one of them panics.
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
                "bounded, it drops queued messages with the last sender, not with the last receiver"
            }
            Difference::UnboundedKeepsUndelivered => {
                "unbounded, it drops queued messages with the last sender, not with the last receiver"
            }
            Difference::BoundedLeaksAfterPanic => {
                "bounded, it leaks the messages queued after one whose Drop panics"
            }
            Difference::UnboundedLeaksAfterPanic => {
                "unbounded, it leaks the messages queued after one whose Drop panics"
            }
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// The result of an operation on a channel that lacks the capability. It is not a failure, and never counts
/// as zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unsupported: {capability} ({reason})")]
pub struct Unsupported {
    /// The capability that is missing.
    pub capability: Capability,
    /// The reason, as the adapter declares it.
    pub reason: &'static str,
}

/// An adapter's declaration of its channel.
#[derive(Debug)]
pub struct Info {
    /// The channel's name on the command line, in benchmarks and on the page.
    pub name: &'static str,
    /// The crate it comes from, as the lock file names it; `None` for the standard library and for chanlab's
    /// own code.
    pub package: Option<&'static str>,
    /// A short description.
    pub about: &'static str,
    /// The capabilities it lacks, each with the reason.
    pub lacks: &'static [(Capability, &'static str)],
    /// Its documented deviations from the contract that no missing capability explains, each with the reason.
    /// Conformance checks that they are real.
    pub differs: &'static [(Difference, &'static str)],
    /// Further facts for the page; nothing checks them.
    pub notes: &'static [&'static str],
}

impl Info {
    /// Succeeds when the channel has the capability.
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

    /// The result of an operation that this channel does not have.
    ///
    /// # Panics
    ///
    /// When the adapter does not declare the lack, which is a mistake in the adapter that the contract's
    /// tests find.
    pub fn unsupported(&self, capability: Capability) -> Unsupported {
        match self.require(capability) {
            Err(unsupported) => unsupported,
            Ok(()) => panic!("{} does not declare that it lacks: {capability}", self.name),
        }
    }
}

/// A channel implementation under test.
pub trait Channel: Sized + 'static {
    /// The channel's declaration.
    const INFO: Info;
    /// The sending handle.
    type Sender<T: Send + 'static>: Sender<T>;
    /// The receiving handle.
    type Receiver<T: Send + 'static>: Receiver<T>;
    /// The crate's select; [`NoSelect`] for a channel without one.
    type Selector<'a, T: Send + 'static>: Selector<T> + 'a;

    /// Opens a channel with one sender and one receiver.
    ///
    /// # Errors
    ///
    /// [`Unsupported`] when the crate has no channel of this capacity.
    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported>;

    /// The capacity that a channel opened with `requested` really has: some crates round up, or use 1
    /// for 0.
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

/// Both ends of a new channel.
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
    reason = "whether a queue is empty means little while other threads change it"
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

    /// The number of queued messages at this moment. It does not count a message whose sender still waits, so
    /// it never exceeds the capacity, and is 0 on a rendezvous channel.
    ///
    /// # Errors
    ///
    /// [`Unsupported`] when the channel has no length.
    fn len(&self) -> Result<usize, Unsupported>;
}

/// Receives from several channels of one kind, whichever has a message.
pub trait Selector<T> {
    /// The next message of any of the receivers, waiting while all are empty. A receiver that has
    /// disconnected is ignored from then on.
    ///
    /// # Errors
    ///
    /// [`RecvError`] when every receiver is empty and disconnected.
    fn recv(&mut self) -> Result<T, RecvError>;
}

/// The selector of a channel without select. It has no values, so it cannot be called.
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
    /// The channel was full until the timeout.
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
    /// No message now, but there are senders.
    Empty,
    /// No message, and every sender is gone.
    Disconnected,
}

/// Why [`Receiver::recv_timeout`] returned nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvTimeoutError {
    /// The channel was empty until the timeout.
    Timeout,
    /// No message, and every sender is gone.
    Disconnected,
    /// The channel has no such operation.
    Unsupported(Unsupported),
}

/// `count` receivers of the channel of `first`, including `first`.
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
