//! `open_loop`: P producers that send on a schedule, C consumers, one channel: the latency of a message at a
//! given rate.
//!
//! # The schedule, and why it does not wait
//!
//! A producer that waits for one send before it considers the next measures a channel that is never behind:
//! while the channel stalls, no further message is sent, and the messages that would have waited do not
//! exist. G. Tene calls this coordinated omission. So every message has a scheduled moment, fixed before the
//! round, whatever the channel does. A producer that is late sends its backlog at once. The latency of a
//! message is the time from its scheduled moment to its receipt, which includes the wait for room in the
//! channel.
//!
//! All threads compute the same schedule: message `k` of the round is due `k / rate` after the start, and the
//! producers take turns. So the messages carry no time. The start is `LEAD` after the first thread left the
//! start barrier; that thread leaves it for the others in a `OnceLock`, which each reads once. The lead
//! covers threads that the system wakes late, since their delay is not the channel's.

use std::ops::RangeInclusive;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::roles::{self, Producer, Received, conclude, shares, spawn_each};
use crate::endpoints::EndpointCount;
use crate::latency;
use crate::ledger::{LastDelivery, Ledger};
use crate::message::{Message, MessageId, Payload};
use crate::pacing::wait_until;
use crate::params::{Kind, ParamSpec, Params};
use crate::profile::Profile::{Full, Quick, Standard};
use crate::size::Size;
use crate::thread_group::{GroupThread, StartBarrier, ThreadGroup};
use crate::violation::DeliveryViolation;
use crate::workload::{Figure, Metric, Round, RoundError, Workload, WorkloadInfo};
use contract::channel::{Channel, Receiver, Sender, receivers};
use contract::sync::EXPLORES;

/// The workload `open_loop`.
#[derive(Debug)]
pub struct OpenLoop;

/// The time from the first thread's start to the first scheduled moment. A model wakes no thread late.
const LEAD: Duration = if EXPLORES { Duration::ZERO } else { Duration::from_millis(1) };

/// A round lasts about a second divided by this.
const ROUNDS_PER_SECOND: u64 = 20;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// The scheduled moment of each message.
#[derive(Clone, Debug)]
struct Schedule {
    /// Set by the first thread that leaves the start barrier.
    start: Arc<OnceLock<Instant>>,
    rate: u64,
    producers: u64,
}

impl Schedule {
    fn new(rate: u64, producers: usize) -> Self {
        Schedule { start: Arc::default(), rate, producers: producers as u64 }
    }

    /// The start, the same for all threads; `started` is the moment at which the caller left the start
    /// barrier.
    fn start(&self, started: Instant) -> Instant {
        *self.start.get_or_init(|| started + LEAD)
    }

    /// The time from the start to the scheduled moment of a message. The product has room for the messages of
    /// months.
    #[inline]
    fn after_start(&self, id: MessageId) -> Duration {
        let position = id.seq * self.producers + id.producer as u64;
        Duration::from_nanos(position * NANOS_PER_SECOND / self.rate)
    }

    /// The latency of a message that was received at `now`.
    #[inline]
    fn latency(&self, start: Instant, id: MessageId, now: Instant) -> Duration {
        now.saturating_duration_since(start + self.after_start(id))
    }
}

impl Workload for OpenLoop {
    const INFO: WorkloadInfo = WorkloadInfo {
        name: "open_loop",
        about: "P producers send on a schedule, at a given total rate, whether or not the channel keeps up; \
                C consumers receive. The latency of a message is the time from its scheduled moment to its \
                receipt, so a stall counts for every message that it delays.",
        caveat: "Where the channel keeps up, ns/op is the period of the rate, so `chanlab run` ranks by \
                 latency; where it does not, the latency shows how far it had fallen behind when the round \
                 ended. A producer that the system delays raises the latency as a slow channel does, so the \
                 longest oversleep is reported. The producers wait by yielding, which takes processor time \
                 itself. The timed region starts with the schedule, 1 ms after the start barrier.",
        ranked_by: Metric::Latency,
        params: &[
            ParamSpec {
                name: "rate",
                about: "messages per second, of all producers together",
                kind: Kind::Number { min: 1_000, max: 100_000_000 },
                default: "100000",
            },
            ParamSpec { name: "producers", about: "sending threads", kind: Kind::Threads, default: "1" },
            ParamSpec { name: "consumers", about: "receiving threads", kind: Kind::Threads, default: "1" },
            ParamSpec {
                name: "capacity",
                about: "messages that the channel holds",
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
        params.number("rate") / ROUNDS_PER_SECOND
    }

    fn paced(params: &Params, messages: u64) -> Duration {
        LEAD + Duration::from_secs_f64(messages as f64 / params.number("rate") as f64)
    }

    fn delivered(params: &Params, messages: u64) -> RangeInclusive<u64> {
        roles::shared(messages, params.threads("producers"))
    }

    fn latencies(delivered: u64) -> u64 {
        delivered
    }

    fn round<C: Channel>(params: &Params, size: Size) -> Result<Round, RoundError> {
        let (producers, consumers) = (params.threads("producers"), params.threads("consumers"));
        let capacity = params.capacity().expect("the workload declares a capacity");
        let schedule = Schedule::new(params.number("rate"), producers);

        let (sender, receiver) = C::open::<Message>(capacity)?;
        let receivers = receivers(receiver, consumers)?;
        let shares = shares(size.messages, producers);
        let mut group = ThreadGroup::new(producers + consumers, size)?;
        let (senders, last) = (EndpointCount::new(), LastDelivery::new(producers));

        let (sending, own) = (roles::producers(&senders, sender, &shares), schedule.clone());
        let sending = spawn_each(&mut group, "producer", sending, move |barrier, _, producer| {
            send_on_schedule(barrier, &own, &producer)
        })?;
        let expected = shares.clone();
        let receiving = spawn_each(&mut group, "consumer", receivers, move |barrier, _, receiver| {
            let ledger = Ledger::among(&expected, last);
            receive_on_schedule(barrier, &schedule, &receiver, &senders, ledger)
        })?;

        let totals = group.join()?;
        let sent: Vec<Sent> =
            sending.into_iter().map(GroupThread::result).collect::<Result<_, DeliveryViolation>>()?;
        let (received, latencies): (Vec<_>, Vec<_>) = receiving
            .into_iter()
            .map(GroupThread::result)
            .map(|timed| (timed.received, timed.latency))
            .unzip();
        let oversleep = sent.iter().map(|sent| sent.oversleep).max().unwrap_or_default();
        let starts = sent.into_iter().map(|sent| sent.started).collect();
        let round = conclude(totals, starts, received, &shares)?;
        let mut latency = latency::histogram();
        for own in latencies {
            latency.add(own).expect("histograms of the same bounds");
        }
        let oversleep =
            Figure { name: "longest oversleep of a producer (ns)", value: oversleep.as_nanos() as f64 };
        Ok(Round { latency: Some(latency), figures: vec![oversleep], ..round })
    }
}

/// The result of a producer.
#[derive(Clone, Copy, Debug)]
struct Sent {
    /// The start of the schedule: the timed region opens with it, for all threads at the same moment.
    started: Instant,
    /// The longest time by which a wait for a scheduled moment ended too late. That part of the latency is
    /// not the channel's, but the system's, which let the producer sleep.
    oversleep: Duration,
}

/// The result of a consumer.
#[derive(Debug)]
struct TimedReceived {
    received: Received,
    latency: Histogram<u64>,
}

/// The loop of a producer: waits for the start and sends the share on schedule.
///
/// # Errors
///
/// As [`send_share_on_schedule`].
#[inline]
fn send_on_schedule(
    barrier: &StartBarrier,
    schedule: &Schedule,
    producer: &Producer<impl Sender<Message>>,
) -> Result<Sent, DeliveryViolation> {
    let started = schedule.start(barrier.wait());
    let oversleep =
        send_share_on_schedule(schedule, started, &*producer.sender, producer.index, producer.share)?;
    Ok(Sent { started, oversleep })
}

/// Sends a producer's share, each message at its scheduled moment, or at once when that has passed. Returns
/// the longest oversleep.
///
/// # Errors
///
/// [`DeliveryViolation::EarlyDisconnect`] when the channel reports that its receivers are gone.
#[inline]
fn send_share_on_schedule(
    schedule: &Schedule,
    start: Instant,
    sender: &impl Sender<Message>,
    producer: usize,
    share: u64,
) -> Result<Duration, DeliveryViolation> {
    let mut clock = ProducerClock::new(start);
    for seq in 0..share {
        let id = MessageId { producer, seq };
        let scheduled = start + schedule.after_start(id);
        clock.wait_until(scheduled);
        if sender.send(Message::new(id)).is_err() {
            return Err(DeliveryViolation::EarlyDisconnect { thread: "producer" });
        }
    }
    Ok(clock.oversleep)
}

/// The loop of a consumer: waits for the start, then records each message and its latency until the
/// disconnect.
#[inline]
fn receive_on_schedule(
    barrier: &StartBarrier,
    schedule: &Schedule,
    receiver: &impl Receiver<Message>,
    senders: &EndpointCount,
    mut ledger: Ledger,
) -> TimedReceived {
    let mut latency = latency::histogram();
    let started = schedule.start(barrier.wait());
    while let Ok(message) = receiver.recv() {
        let now = Instant::now();
        if let Some(id) = ledger.record_among(&message) {
            latency::record(&mut latency, schedule.latency(started, id, now));
        }
        message.acknowledge();
    }
    let received = Received { started, disconnect: senders.check_disconnect("consumer"), ledger };
    TimedReceived { received, latency }
}

/// A producer's reading of the clock.
#[derive(Debug)]
struct ProducerClock {
    /// The last reading.
    seen: Instant,
    /// The longest time by which a wait ended too late.
    oversleep: Duration,
}

impl ProducerClock {
    /// Waits for the start. A thread that arrives late at the start has overslept.
    fn new(start: Instant) -> Self {
        let seen = wait_until(start);
        ProducerClock { seen, oversleep: seen - start }
    }

    /// Waits until `scheduled`, if it has not passed.
    #[inline]
    fn wait_until(&mut self, scheduled: Instant) {
        // A backlog needs no further reading: these moments had already passed at the last one.
        if self.seen >= scheduled {
            return;
        }
        self.seen = Instant::now();
        // A moment that passed during the last send was delayed by the channel, so it is no oversleep.
        if self.seen < scheduled {
            self.seen = wait_until(scheduled);
            self.oversleep = self.oversleep.max(self.seen - scheduled);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baseline::MutexDeque;
    use contract::channel::Capacity;

    fn after(schedule: &Schedule, producer: usize, seq: u64) -> Duration {
        schedule.after_start(MessageId { producer, seq })
    }

    #[test]
    fn producers_take_turns_on_the_schedule() {
        let schedule = Schedule::new(1_000_000, 2);
        let moments =
            [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2)].map(|(producer, seq)| after(&schedule, producer, seq));
        assert_eq!(moments, [0, 1, 2, 3, 4].map(Duration::from_micros));
    }

    #[test]
    fn the_rounding_of_a_period_does_not_accumulate() {
        let schedule = Schedule::new(30_000_000, 1);
        assert_eq!(after(&schedule, 0, 1), Duration::from_nanos(33));
        assert_eq!(after(&schedule, 0, 30_000_000), Duration::from_secs(1));
    }

    #[test]
    fn the_first_thread_sets_the_start_for_all() {
        let (schedule, first) = (Schedule::new(1_000, 1), Instant::now());
        let other = schedule.clone();
        assert_eq!(schedule.start(first), first + LEAD);
        assert_eq!(other.start(first + Duration::from_secs(1)), first + LEAD);
    }

    /// As if the channel had stalled for ten seconds: no message waits, and each is charged with its own
    /// delay.
    #[test]
    fn a_backlog_is_sent_at_once_and_counts_as_latency() {
        const LATE: Duration = Duration::from_secs(10);
        const MESSAGES: u64 = 1_000;
        let Some(start) = Instant::now().checked_sub(LATE) else {
            return println!("this clock has not run long enough");
        };
        let schedule = Schedule::new(1_000, 1);
        let (sender, receiver) =
            MutexDeque::open::<Message>(Capacity::Unbounded).expect("the baseline has it");
        let oversleep =
            send_share_on_schedule(&schedule, start, &sender, 0, MESSAGES).expect("its receiver is there");
        assert!(oversleep >= LATE, "it was late at the start");
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

    /// The last reading was before the scheduled moment, and then a send took long.
    #[test]
    fn the_duration_of_a_send_is_no_oversleep() {
        let now = Instant::now();
        let (Some(before), Some(scheduled)) =
            (now.checked_sub(Duration::from_secs(10)), now.checked_sub(Duration::from_secs(5)))
        else {
            return println!("this clock has not run long enough");
        };
        let mut clock = ProducerClock { seen: before, oversleep: Duration::ZERO };
        clock.wait_until(scheduled);
        assert_eq!(clock.oversleep, Duration::ZERO);
        assert!(clock.seen >= now);
        // Repeats until the system does not delay this thread before its wait.
        while clock.oversleep.is_zero() {
            let next = Instant::now() + Duration::from_micros(50);
            clock.wait_until(next);
            assert!(clock.seen >= next);
            assert!(clock.oversleep.is_zero() || clock.oversleep == clock.seen - next);
        }
    }
}
