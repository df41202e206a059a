//! What can be wrong with a round, in types and in words.

use std::fmt;
use std::time::Duration;

use crate::message::MessageId;

/// What was wrong with a round. The round's time is void.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryViolation {
    /// Messages that were sent and never arrived.
    Lost {
        /// The first of them.
        first: MessageId,
        /// How many there are.
        count: u64,
    },
    /// A message that arrived twice.
    Doubled(MessageId),
    /// A message that arrived after a later one of the same producer, at the same receiver by the same way.
    Reordered {
        /// The message that came too late.
        late: MessageId,
        /// The sequence number that the receiver had already seen.
        after: u64,
    },
    /// A message that nobody sent.
    Forged(MessageId),
    /// A message whose payload was damaged on the way.
    Corrupt,
    /// More payloads were created than dropped.
    Leaked(u64),
    /// More payloads were dropped than created.
    DroppedTwice(u64),
    /// As many payloads leaked as were dropped twice.
    LeakedAndDroppedTwice,
    /// A disconnect was reported while the other side was there.
    EarlyDisconnect {
        /// Who was told.
        thread: &'static str,
    },
    /// More messages were accepted than the channels between can hold: there is no back-pressure.
    NoBackPressure {
        /// Messages accepted and not delivered.
        in_flight: u64,
        /// What the channels and the workers can hold.
        limit: u64,
    },
    /// A worker went on after it was told to quit.
    QuitIgnored {
        /// Results after the quit.
        results: u64,
        /// Results that were under way at the quit, at most.
        limit: u64,
    },
    /// A job was done and its result is not the expected one.
    WrongResult(MessageId),
    /// More tokens were granted in some window than burst + rate x window.
    OverGranted {
        /// Tokens granted in the window.
        granted: u64,
        /// The window's length.
        window: Duration,
        /// What burst and rate allow in it.
        allowed: u64,
    },
    /// A channel took more or less messages than its declared capacity.
    Capacity {
        /// Messages that it took without a receive.
        took: u64,
        /// The effective capacity that it declares.
        declared: u64,
    },
}

impl fmt::Display for DeliveryViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeliveryViolation::Lost { first, count } => {
                write!(f, "lost {count} message(s), the first is {first}")
            }
            DeliveryViolation::Doubled(id) => write!(f, "{id} arrived twice"),
            DeliveryViolation::Reordered { late, after } => {
                write!(f, "{late} arrived after message {after} of the same producer")
            }
            DeliveryViolation::Forged(id) => write!(f, "{id} arrived, but was never sent"),
            DeliveryViolation::Corrupt => write!(f, "a payload was damaged on the way"),
            DeliveryViolation::Leaked(count) => write!(f, "{count} payload(s) were never dropped"),
            DeliveryViolation::DroppedTwice(count) => write!(f, "{count} payload(s) were dropped twice"),
            DeliveryViolation::LeakedAndDroppedTwice => {
                write!(f, "some payloads were dropped twice, and as many never")
            }
            DeliveryViolation::EarlyDisconnect { thread } => {
                write!(f, "the {thread} was told of a disconnect while the other side was there")
            }
            DeliveryViolation::NoBackPressure { in_flight, limit } => {
                write!(f, "{in_flight} messages were in flight where {limit} have room: no back-pressure")
            }
            DeliveryViolation::QuitIgnored { results, limit } => {
                write!(f, "{results} results came after the quit, where {limit} were under way")
            }
            DeliveryViolation::WrongResult(id) => write!(f, "the result of {id} is not what its job gives"),
            DeliveryViolation::OverGranted { granted, window, allowed } => {
                write!(f, "{granted} tokens were granted within {window:?}, where {allowed} are allowed")
            }
            DeliveryViolation::Capacity { took, declared } => {
                write!(f, "the channel took {took} messages, and its declared capacity is {declared}")
            }
        }
    }
}
