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
    /// A message was begun while another one of its partition or key was not done, or after a later one.
    LaneBroken {
        /// The message.
        id: MessageId,
        /// The sequence number of the other one.
        before: u64,
    },
    /// A commit says that a message is done that was not processed.
    CommittedEarly(MessageId),
    /// A commit took back an earlier one.
    CommitWentBack {
        /// The partition.
        partition: usize,
        /// The position that was committed before.
        from: u64,
        /// The position of the commit.
        to: u64,
    },
    /// At the end, not everything that was fetched was committed.
    Uncommitted {
        /// The partition.
        partition: usize,
        /// Its committed position.
        position: u64,
        /// The position of a partition that is drained.
        expected: u64,
    },
    /// Other messages than expected became dead letters.
    DeadLetters {
        /// Dead letters.
        written: u64,
        /// Messages whose attempts all fail.
        expected: u64,
    },
    /// A drain ended, and messages were left.
    LeftBehind {
        /// The partition.
        partition: usize,
        /// Messages that were held.
        count: u64,
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
            DeliveryViolation::LaneBroken { id, before } => {
                write!(f, "{id} was begun before message {before} of its lane was done, or after a later one")
            }
            DeliveryViolation::CommittedEarly(id) => write!(f, "{id} was committed before it was processed"),
            DeliveryViolation::CommitWentBack { partition, from, to } => {
                write!(f, "the commit of partition {partition} went back from {from} to {to}")
            }
            DeliveryViolation::Uncommitted { partition, position, expected } => {
                write!(
                    f,
                    "partition {partition} was committed up to {position} at the end, and not up to {expected}"
                )
            }
            DeliveryViolation::DeadLetters { written, expected } => {
                write!(f, "{written} messages became dead letters, where {expected} fail for ever")
            }
            DeliveryViolation::LeftBehind { partition, count } => {
                write!(f, "the drain of partition {partition} left {count} message(s)")
            }
        }
    }
}
