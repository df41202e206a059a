//! `open_loop`: P producers that send by a schedule, C consumers, one channel: how long a message takes at a given rate.
//!
//! # The schedule, and why it does not wait
//!
//! A producer that waits for its last send before it thinks of the next measures a channel that is never behind: while the
//! channel stands still, nobody asks it for anything, and the messages that would have waited are never sent (G. Tene calls this
//! coordinated omission). So each message has a moment at which it is *meant* to be sent, fixed before the round, whatever
//! the channel does. A producer that is late sends its backlog at once. The latency of a message is the time from the moment
//! that was meant until it is received, the wait for a place in the channel included.
//!
//! All threads compute these moments alike: message `k` of the round is meant for `k / rate` after the start, and the producers take
//! turns. So the messages carry no time. The start is `LEAD` after the moment at which the first thread went through the
//! barrier, which it leaves for the others in a `OnceLock` that each reads once; the lead is for threads that the system wakes
//! late, which is no time of the channel's.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::channel::{Channel, Receiver, Sender, receivers};
use crate::endpoints::EndpointCount;
use crate::latency;
use crate::ledger::{LastDelivery, Ledger};
use crate::message::{Message, MessageId, Payload};
use crate::pacing::wait_until;
use crate::params::{Kind, ParamSpec, Params};
use crate::profile::Profile::{Full, Quick, Standard};
use crate::sync::EXPLORES;
use crate::thread_group::{GroupThread, ThreadGroup};
use crate::violation::DeliveryViolation;
use crate::workload::{
    Figure, RankedBy, Received, Round, RoundError, Size, Workload, WorkloadInfo, conclude, shares,
};

/// The workload `open_loop`.
#[derive(Debug)]
pub struct OpenLoop;

/// From the first thread through the barrier to the first message's moment. A model has no threads that are woken late.
const LEAD: Duration = if EXPLORES { Duration::ZERO } else { Duration::from_millis(1) };

/// A round is about so long.
const ROUNDS_IN_A_SECOND: u64 = 20;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// When each message is meant to be sent.
#[derive(Clone, Debug)]
struct Schedule {
    /// Set by the first thread that is through the barrier.
    start: Arc<OnceLock<Instant>>,
    rate: u64,
    producers: u64,
}

impl Schedule {
    fn new(rate: u64, producers: usize) -> Self {
        Schedule { start: Arc::default(), rate, producers: producers as u64 }
    }

    /// The start, the same for all threads; `passed` is when the caller went through the barrier.
    fn start(&self, passed: Instant) -> Instant {
        *self.start.get_or_init(|| passed + LEAD)
    }

    /// From the start to the moment of a message. The product has room for the messages of months.
    #[inline]
    fn after_start(&self, id: MessageId) -> Duration {
        let place = id.seq * self.producers + id.producer as u64;
        Duration::from_nanos(place * NANOS_PER_SECOND / self.rate)
    }

    /// How long a message took that was received at `now`: from the moment at which it was meant to be sent.
    #[inline]
    fn latency(&self, start: Instant, id: MessageId, now: Instant) -> Duration {
        now.saturating_duration_since(start + self.after_start(id))
    }
}

impl Workload for OpenLoop {
    const INFO: WorkloadInfo = WorkloadInfo {
        name: "open_loop",
        about: "P producers send at given moments, at a total rate, whether or not the channel keeps up; C consumers \
                receive. The latency of a message is from the moment it was meant to be sent to its receipt, so a stall \
                counts for every message that it delays.",
        caveat: "Where the channel keeps up, ns/op is the period of the rate, so `chanlab run` ranks by the latency; where \
                 it does not, the latency is how far behind it was when the round ended. A producer that the system holds \
                 back makes latency as a slow channel does: its oversleep is told. The producers wait by yielding, which \
                 takes processor time of its own. The time starts with the schedule, 1 ms after the barrier.",
        ranked_by: RankedBy::Latency,
        params: &[
            ParamSpec {
                name: "rate",
                about: "messages in a second, of all producers together",
                kind: Kind::Number { least: 1_000, most: 100_000_000 },
                default: "100000",
            },
            ParamSpec { name: "producers", about: "sending threads", kind: Kind::Threads, default: "1" },
            ParamSpec { name: "consumers", about: "receiving threads", kind: Kind::Threads, default: "1" },
            ParamSpec {
                name: "capacity",
                about: "messages the channel holds",
                kind: Kind::Capacity,
                default: "64",
            },
        ],
        grid: &[
            (Quick, "rate=100000"),
            (Standard, "rate=20000"),
            (Standard, "rate=500000"),
            (Full, "rate=2000000"),
            (Standard, "capacity=1"),
            (Full, "capacity=0"),
            (Full, "capacity=1024"),
            (Full, "capacity=unbounded"),
            (Standard, "producers=2,consumers=2"),
            (Full, "producers=4,consumers=4"),
            (Full, "rate=500000,producers=2,consumers=2"),
        ],
    };

    fn messages(params: &Params) -> u64 {
        params.number("rate") / ROUNDS_IN_A_SECOND
    }

    fn paced(params: &Params, messages: u64) -> Duration {
        LEAD + Duration::from_secs_f64(messages as f64 / params.number("rate") as f64)
    }

    fn round<C: Channel>(params: &Params, size: Size) -> Result<Round, RoundError> {
        let producers = params.threads("producers");
        let consumers = params.threads("consumers");
        let capacity = params.capacity().expect("the workload declares a capacity");
        let schedule = Schedule::new(params.number("rate"), producers);

        let (sender, receiver) = C::open::<Message>(capacity)?;
        let receivers = receivers(receiver, consumers)?;
        let shares = shares(size.messages, producers);
        let mut group = ThreadGroup::new(producers + consumers, size)?;
        let (senders, ends) = (EndpointCount::new(), LastDelivery::new(producers));

        let mut sending = Vec::with_capacity(producers);
        for (producer, &share) in shares.iter().enumerate() {
            let (sender, schedule) = (senders.hold(sender.clone()), schedule.clone());
            sending.push(group.spawn(format!("producer {producer}"), move |barrier| {
                let start = schedule.start(barrier.wait());
                send_by(&schedule, start, &*sender, producer, share).map(|overslept| (start, overslept))
            })?);
        }
        drop(sender);

        let mut receiving = Vec::with_capacity(consumers);
        for (consumer, receiver) in receivers.into_iter().enumerate() {
            let (shares, senders, ends) = (shares.clone(), senders.clone(), ends.clone());
            let schedule = schedule.clone();
            receiving.push(group.spawn(format!("consumer {consumer}"), move |barrier| {
                let mut ledger = Ledger::among(&shares, ends);
                let mut latency = latency::histogram();
                let start = schedule.start(barrier.wait());
                while let Ok(message) = receiver.recv() {
                    let now = Instant::now();
                    if let Some(id) = ledger.record_among(&message) {
                        latency::record(&mut latency, schedule.latency(start, id, now));
                    }
                    message.acknowledge();
                }
                // The region opens with the schedule, for all threads at the same moment.
                (Received { passed: start, told: senders.disconnected("consumer"), ledger }, latency)
            })?);
        }

        let ended = group.join()?;
        let sent =
            sending.into_iter().map(GroupThread::result).collect::<Result<Vec<_>, DeliveryViolation>>()?;
        let (started, overslept): (Vec<_>, Vec<_>) = sent.into_iter().unzip();
        let (received, latencies): (Vec<_>, Vec<_>) = receiving.into_iter().map(GroupThread::result).unzip();
        let round = conclude(ended, started, received, &shares)?;
        let mut latency = latency::histogram();
        for own in latencies {
            latency.add(own).expect("histograms of the same bounds");
        }
        let overslept = overslept.into_iter().max().unwrap_or_default();
        Ok(Round {
            latency: Some(latency),
            figures: vec![Figure {
                name: "longest oversleep of a producer (ns)",
                value: overslept.as_nanos() as f64,
            }],
            ..round
        })
    }
}

/// Sends a producer's share, each message at its moment, or at once when that has passed. Returns by how much a wait for a moment
/// was too long at most: that much of the latency is no time of the channel's, but of a system that let the producer sleep.
///
/// # Errors
///
/// [`DeliveryViolation::EarlyDisconnect`] when the channel says that its receivers are gone.
#[inline]
fn send_by(
    schedule: &Schedule,
    start: Instant,
    sender: &impl Sender<Message>,
    producer: usize,
    share: u64,
) -> Result<Duration, DeliveryViolation> {
    let mut clock = ProducerClock::new(start);
    for seq in 0..share {
        let id = MessageId { producer, seq };
        let meant = start + schedule.after_start(id);
        clock.wait_until(meant);
        if sender.send(Message::new(id)).is_err() {
            return Err(DeliveryViolation::EarlyDisconnect { thread: "producer" });
        }
    }
    Ok(clock.overslept)
}

/// What a producer knows of the time.
#[derive(Debug)]
struct ProducerClock {
    /// The moment at which it last looked.
    seen: Instant,
    /// By how much a wait was too long at most.
    overslept: Duration,
}

impl ProducerClock {
    /// Waits for the start; who comes late to it has overslept.
    fn new(start: Instant) -> Self {
        let seen = wait_until(start);
        ProducerClock { seen, overslept: seen - start }
    }

    /// Waits until `meant`, if it has not passed.
    #[inline]
    fn wait_until(&mut self, meant: Instant) {
        // Of a backlog the clock is not asked: it was past these moments when it was last looked at.
        if self.seen >= meant {
            return;
        }
        self.seen = Instant::now();
        // When the moment passed during the last send, that is the channel's doing, and no oversleep.
        if self.seen < meant {
            self.seen = wait_until(meant);
            self.overslept = self.overslept.max(self.seen - meant);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Capacity;
    use crate::channels::mutex_deque::MutexDeque;

    fn after(schedule: &Schedule, producer: usize, seq: u64) -> Duration {
        schedule.after_start(MessageId { producer, seq })
    }

    #[test]
    fn producers_take_turns_at_the_rate() {
        let schedule = Schedule::new(1_000_000, 2);
        let moments =
            [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2)].map(|(producer, seq)| after(&schedule, producer, seq));
        assert_eq!(moments, [0, 1, 2, 3, 4].map(Duration::from_micros));
    }

    #[test]
    fn a_period_that_is_no_whole_nanosecond_does_not_add_up() {
        let schedule = Schedule::new(30_000_000, 1);
        assert_eq!(after(&schedule, 0, 1), Duration::from_nanos(33));
        assert_eq!(after(&schedule, 0, 30_000_000), Duration::from_secs(1));
    }

    #[test]
    fn the_first_through_the_gate_starts_the_schedule_of_all() {
        let (schedule, first) = (Schedule::new(1_000, 1), Instant::now());
        let other = schedule.clone();
        assert_eq!(schedule.start(first), first + LEAD);
        assert_eq!(other.start(first + Duration::from_secs(1)), first + LEAD);
    }

    /// As when the channel stood still for ten seconds: no message waits for another moment, and each is charged with its own wait.
    #[test]
    fn a_backlog_is_sent_at_once_and_charged_to_the_channel() {
        const LATE: Duration = Duration::from_secs(10);
        const MESSAGES: u64 = 1_000;
        let Some(start) = Instant::now().checked_sub(LATE) else {
            return println!("this clock has not run for so long");
        };
        let schedule = Schedule::new(1_000, 1);
        let (sender, receiver) =
            MutexDeque::open::<Message>(Capacity::Unbounded).expect("the baseline has it");
        let overslept = send_by(&schedule, start, &sender, 0, MESSAGES).expect("its receiver is there");
        assert!(overslept >= LATE, "it came late to the start");
        drop(sender);
        let mut seqs = 0..MESSAGES;
        while let Ok(message) = receiver.recv() {
            let id = message.read().expect("sound");
            assert_eq!(Some(id.seq), seqs.next());
            let now = Instant::now();
            let latency = schedule.latency(start, id, now);
            assert!(latency > LATE - Duration::from_secs(1), "{latency:?}");
        }
        assert!(seqs.is_empty());
    }

    /// The last look at the clock was before the moment, and then a send took long.
    #[test]
    fn what_a_send_takes_is_no_oversleep() {
        let now = Instant::now();
        let (Some(before), Some(meant)) =
            (now.checked_sub(Duration::from_secs(10)), now.checked_sub(Duration::from_secs(5)))
        else {
            return println!("this clock has not run for so long");
        };
        let mut clock = ProducerClock { seen: before, overslept: Duration::ZERO };
        clock.wait_until(meant);
        assert_eq!(clock.overslept, Duration::ZERO);
        assert!(clock.seen >= now);
        // Until this thread is not held back before it waits.
        while clock.overslept.is_zero() {
            let next = Instant::now() + Duration::from_micros(50);
            clock.wait_until(next);
            assert!(clock.seen >= next);
            assert!(clock.overslept.is_zero() || clock.overslept == clock.seen - next);
        }
    }
}
