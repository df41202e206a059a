//! The delivery ledger: what arrived, so that a round can prove that each message arrived exactly once and in order.
//!
//! Each receiving thread keeps a ledger of its own (nothing is shared while the clock runs: one bit and one comparison for
//! each message); after the round the ledgers are merged and held against what was sent.

use std::fmt;
use std::time::{Duration, Instant};

use crate::message::{Balance, MessageId, Payload};

/// What was wrong with a round. The round's time is void.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
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
    Leaked(i64),
    /// More payloads were dropped than created.
    DroppedTwice(i64),
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

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Lost { first, count } => write!(f, "lost {count} message(s), the first is {first}"),
            Fault::Doubled(id) => write!(f, "{id} arrived twice"),
            Fault::Reordered { late, after } => {
                write!(f, "{late} arrived after message {after} of the same producer")
            }
            Fault::Forged(id) => write!(f, "{id} arrived, but was never sent"),
            Fault::Corrupt => write!(f, "a payload was damaged on the way"),
            Fault::Leaked(count) => write!(f, "{count} payload(s) were never dropped"),
            Fault::DroppedTwice(count) => write!(f, "{count} payload(s) were dropped twice"),
            Fault::LeakedAndDroppedTwice => write!(f, "some payloads were dropped twice, and as many never"),
            Fault::EarlyDisconnect { thread } => {
                write!(
                    f,
                    "the {thread} was told of a disconnect while the other side was there"
                )
            }
            Fault::NoBackPressure { in_flight, limit } => {
                write!(
                    f,
                    "{in_flight} messages were in flight where {limit} have room: no back-pressure"
                )
            }
            Fault::QuitIgnored { results, limit } => {
                write!(
                    f,
                    "{results} results came after the quit, where {limit} were under way"
                )
            }
            Fault::WrongResult(id) => write!(f, "the result of {id} is not what its job gives"),
            Fault::OverGranted {
                granted,
                window,
                allowed,
            } => {
                write!(
                    f,
                    "{granted} tokens were granted within {window:?}, where {allowed} are allowed"
                )
            }
            Fault::Capacity { took, declared } => {
                write!(
                    f,
                    "the channel took {took} messages, and its declared capacity is {declared}"
                )
            }
        }
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message {} of producer {}", self.seq, self.producer)
    }
}

/// A set of sequence numbers below a fixed bound.
#[derive(Clone, Debug)]
struct Bits {
    words: Vec<u64>,
}

impl Bits {
    fn new(bound: u64) -> Self {
        Bits {
            words: vec![0; bound.div_ceil(64) as usize],
        }
    }

    /// Adds `number` and returns whether it was there.
    #[inline]
    fn insert(&mut self, number: u64) -> bool {
        let word = &mut self.words[(number / 64) as usize];
        let bit = 1 << (number % 64);
        let present = *word & bit != 0;
        *word |= bit;
        present
    }

    fn contains(&self, number: u64) -> bool {
        self.words[(number / 64) as usize] & 1 << (number % 64) != 0
    }
}

/// Records the deliveries of one receiving thread.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// Messages that each producer sends.
    shares: Vec<u64>,
    /// Ways by which one producer's messages may come (the workers between): order holds for each way.
    ways: usize,
    seen: Vec<Bits>,
    /// The least sequence number that may come next, for each producer and way.
    next: Vec<u64>,
    delivered: u64,
    total: u64,
    fault: Option<Fault>,
    last_delivery: Option<Instant>,
}

impl Ledger {
    /// A ledger for producers that send `shares` messages each, all by one way.
    pub fn new(shares: &[u64]) -> Self {
        Ledger::with_ways(shares, 1)
    }

    /// As [`Ledger::new`], for messages that come by `ways` different ways and are in order only on each of them.
    pub fn with_ways(shares: &[u64], ways: usize) -> Self {
        Ledger {
            ways,
            seen: shares.iter().map(|&share| Bits::new(share)).collect(),
            next: vec![0; shares.len() * ways],
            delivered: 0,
            total: shares.iter().sum(),
            fault: None,
            last_delivery: None,
            shares: shares.to_vec(),
        }
    }

    /// Checks a message that arrived, and records it.
    #[inline]
    pub fn record(&mut self, message: &impl Payload) -> Option<MessageId> {
        self.record_by(message, 0)
    }

    /// As [`Ledger::record`], for a message that came by `way`. Returns the id of a sound message.
    #[inline]
    pub fn record_by(&mut self, message: &impl Payload, way: usize) -> Option<MessageId> {
        let Ok(id) = message.read() else {
            self.fail(Fault::Corrupt);
            return None;
        };
        if id.producer >= self.shares.len() || id.seq >= self.shares[id.producer] || way >= self.ways {
            self.fail(Fault::Forged(id));
            return None;
        }
        if self.seen[id.producer].insert(id.seq) {
            self.fail(Fault::Doubled(id));
            return None;
        }
        let next = &mut self.next[id.producer * self.ways + way];
        if id.seq < *next {
            let after = *next - 1;
            self.fail(Fault::Reordered { late: id, after });
            return None;
        }
        *next = id.seq + 1;
        self.delivered += 1;
        // The clock is read only where the last delivery of the round may be: at a producer's last message, and at the
        // last of all when this is the only receiver (whatever order the ways give).
        if id.seq + 1 == self.shares[id.producer] || self.delivered == self.total {
            self.last_delivery = Some(Instant::now());
        }
        Some(id)
    }

    #[cold]
    fn fail(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    /// Messages recorded.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Whether this message was recorded.
    pub fn contains(&self, id: MessageId) -> bool {
        self.seen[id.producer].contains(id.seq)
    }

    /// When the last delivery was made, as far as this ledger saw one that can be the last.
    pub fn last_delivery(&self) -> Option<Instant> {
        self.last_delivery
    }

    /// Joins the ledgers of all receivers of a round.
    ///
    /// # Errors
    ///
    /// The first [`Fault`] found by any of them, or a message that two of them have.
    ///
    /// # Panics
    ///
    /// When there is no ledger.
    pub fn merge(ledgers: impl IntoIterator<Item = Ledger>) -> Result<Ledger, Fault> {
        let mut ledgers = ledgers.into_iter();
        let mut merged = ledgers.next().expect("a round has at least one receiver");
        for ledger in ledgers {
            merged.fault = merged.fault.or(ledger.fault);
            merged.delivered += ledger.delivered;
            merged.last_delivery = merged.last_delivery.max(ledger.last_delivery);
            for (producer, (ours, theirs)) in merged.seen.iter_mut().zip(&ledger.seen).enumerate() {
                for (index, (our, their)) in ours.words.iter_mut().zip(&theirs.words).enumerate() {
                    let both = *our & *their;
                    if both != 0 {
                        let seq = index as u64 * 64 + u64::from(both.trailing_zeros());
                        merged
                            .fault
                            .get_or_insert(Fault::Doubled(MessageId { producer, seq }));
                    }
                    *our |= *their;
                }
            }
        }
        match merged.fault {
            Some(fault) => Err(fault),
            None => Ok(merged),
        }
    }

    /// Asks for every message that was sent.
    ///
    /// # Errors
    ///
    /// [`Fault::Lost`] when one is missing.
    pub fn complete(&self) -> Result<(), Fault> {
        self.complete_to(&self.shares)
    }

    /// Asks for the first messages of each producer, as many as `shares` says.
    ///
    /// # Errors
    ///
    /// [`Fault::Lost`] when one is missing.
    pub fn complete_to(&self, shares: &[u64]) -> Result<(), Fault> {
        let mut missing = shares.iter().enumerate().flat_map(|(producer, &share)| {
            let ids = (0..share).map(move |seq| MessageId { producer, seq });
            ids.filter(|&id| !self.contains(id))
        });
        match missing.next() {
            Some(first) => Err(Fault::Lost {
                first,
                count: 1 + missing.count() as u64,
            }),
            None => Ok(()),
        }
    }
}

/// Verifies a round that was to deliver everything: joins the ledgers of its receivers, and asks for every message and for
/// every payload's drop.
///
/// # Errors
///
/// The first [`Fault`]. A message that is neither delivered nor dropped is a leak, the graver of the two.
pub fn verify(ledgers: impl IntoIterator<Item = Ledger>, balance: Balance) -> Result<Ledger, Fault> {
    let ledger = Ledger::merge(ledgers)?;
    balanced(balance)?;
    ledger.complete()?;
    Ok(ledger)
}

/// Asks that every payload of a round was dropped exactly once.
///
/// # Errors
///
/// The [`Fault`] that the balance shows.
pub fn balanced(balance: Balance) -> Result<(), Fault> {
    match balance {
        Balance {
            count: 0,
            fingerprint: 0,
        } => Ok(()),
        Balance { count: 0, .. } => Err(Fault::LeakedAndDroppedTwice),
        Balance { count, .. } if count > 0 => Err(Fault::Leaked(count)),
        Balance { count, .. } => Err(Fault::DroppedTwice(-count)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;

    fn message(producer: usize, seq: u64) -> Message {
        Message::new(MessageId { producer, seq })
    }

    fn fault_of(arrivals: &[(usize, u64)]) -> Fault {
        let mut ledger = Ledger::new(&[3, 3]);
        for &(producer, seq) in arrivals {
            ledger.record(&message(producer, seq));
        }
        Ledger::merge([ledger])
            .and_then(|ledger| ledger.complete())
            .expect_err("the arrivals are faulty")
    }

    #[test]
    fn each_fault_is_named() {
        let id = |producer, seq| MessageId { producer, seq };
        assert_eq!(
            fault_of(&[(0, 0), (0, 2), (1, 0), (1, 1), (1, 2)]),
            Fault::Lost {
                first: id(0, 1),
                count: 1
            }
        );
        assert_eq!(fault_of(&[(0, 0), (0, 1), (0, 1)]), Fault::Doubled(id(0, 1)));
        assert_eq!(
            fault_of(&[(0, 1), (0, 0)]),
            Fault::Reordered {
                late: id(0, 0),
                after: 1
            }
        );
        assert_eq!(fault_of(&[(0, 3)]), Fault::Forged(id(0, 3)));
        assert_eq!(fault_of(&[(2, 0)]), Fault::Forged(id(2, 0)));
    }

    #[test]
    fn receivers_share_the_messages_and_may_not_both_have_one() {
        let ledger = |arrivals: &[u64]| {
            let mut ledger = Ledger::new(&[3]);
            for &seq in arrivals {
                ledger.record(&message(0, seq));
            }
            ledger
        };
        let merged = Ledger::merge([ledger(&[0, 2]), ledger(&[1])]).expect("no fault");
        assert_eq!(merged.complete(), Ok(()));
        assert_eq!(merged.delivered(), 3);
        let doubled = Ledger::merge([ledger(&[0, 2]), ledger(&[1, 2])]).expect_err("message 2 came twice");
        assert_eq!(doubled, Fault::Doubled(MessageId { producer: 0, seq: 2 }));
    }

    #[test]
    fn order_holds_on_each_way_apart() {
        let mut ledger = Ledger::with_ways(&[4], 2);
        for (seq, way) in [(1, 0), (0, 1), (3, 0), (2, 1)] {
            assert!(ledger.record_by(&message(0, seq), way).is_some());
        }
        assert!(ledger.last_delivery().is_some());
        assert_eq!(
            Ledger::merge([ledger]).and_then(|ledger| ledger.complete()),
            Ok(())
        );
    }

    #[test]
    fn the_balance_must_be_zero() {
        assert_eq!(
            balanced(Balance {
                count: 0,
                fingerprint: 0
            }),
            Ok(())
        );
        assert_eq!(
            balanced(Balance {
                count: 2,
                fingerprint: 7
            }),
            Err(Fault::Leaked(2))
        );
        assert_eq!(
            balanced(Balance {
                count: -1,
                fingerprint: 7
            }),
            Err(Fault::DroppedTwice(1))
        );
        assert_eq!(
            balanced(Balance {
                count: 0,
                fingerprint: 7
            }),
            Err(Fault::LeakedAndDroppedTwice)
        );
    }
}
