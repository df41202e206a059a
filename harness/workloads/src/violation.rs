//! The violations that a check can find in a round, as types and in words.

use std::fmt;
use std::time::Duration;

use crate::message::MessageId;

/// A violation that a check found in a round. It voids the round's time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryViolation {
    /// Messages were sent and never arrived.
    Lost {
        /// The first of these messages.
        first: MessageId,
        /// Their number.
        count: u64,
    },
    /// A message arrived twice.
    Doubled(MessageId),
    /// A message arrived after a later one of the same producer, at the same receiver on the same path.
    Reordered {
        /// The message that arrived too late.
        late: MessageId,
        /// The sequence number that the receiver had already seen.
        after: u64,
    },
    /// A message arrived that was never sent.
    Forged(MessageId),
    /// A message arrived with a damaged payload.
    Corrupt,
    /// More payloads were created than dropped.
    Leaked(u64),
    /// More payloads were dropped than created.
    DroppedTwice(u64),
    /// As many payloads leaked as were dropped twice.
    LeakedAndDroppedTwice,
    /// The channel reported a disconnect while its other side was open.
    EarlyDisconnect {
        /// The role of the thread that got the report.
        thread: &'static str,
    },
    /// The channels accepted more messages than they can hold, so there is no back-pressure.
    NoBackPressure {
        /// Messages accepted and not delivered.
        in_flight: u64,
        /// Messages that the channels and the workers can hold.
        limit: u64,
    },
    /// Workers continued after the quit.
    QuitIgnored {
        /// Results that came after the quit.
        results: u64,
        /// The maximum number of results that can have been in flight at the quit.
        limit: u64,
    },
    /// The result of a job is not the expected one.
    WrongResult(MessageId),
    /// Some window had more than burst + rate x window grants.
    OverGranted {
        /// Tokens granted in the window.
        granted: u64,
        /// The window's length.
        window: Duration,
        /// The grants that burst and rate allow in it.
        allowed: u64,
    },
    /// A channel took more or fewer messages than its declared capacity.
    Capacity {
        /// Messages that it took without a receive.
        took: u64,
        /// Its declared effective capacity.
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
                write!(f, "the {thread} saw a disconnect while the other side was open")
            }
            DeliveryViolation::NoBackPressure { in_flight, limit } => {
                write!(f, "{in_flight} messages were in flight where {limit} have room: no back-pressure")
            }
            DeliveryViolation::QuitIgnored { results, limit } => {
                write!(f, "{results} results came after the quit, where at most {limit} were in flight")
            }
            DeliveryViolation::WrongResult(id) => write!(f, "the result of {id} is not the expected one"),
            DeliveryViolation::OverGranted { granted, window, allowed } => {
                write!(f, "{granted} tokens were granted within {window:?}, where {allowed} are allowed")
            }
            DeliveryViolation::Capacity { took, declared } => {
                write!(f, "the channel took {took} messages, and its declared capacity is {declared}")
            }
        }
    }
}
