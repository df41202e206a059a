//! `producer_consumer`: P producers and C consumers on one channel.

use std::time::{Duration, Instant};

use crate::channel::{Channel, Receiver, Sender, receivers};
use crate::endpoints::EndpointCount;
use crate::fairness::jain;
use crate::ledger::{LastDelivery, Ledger};
use crate::message::{Message, MessageId, Payload};
use crate::params::{Kind, ParamSpec, Params};
use crate::profile::Profile::{Full, Quick, Standard};
use crate::thread_group::{GroupThread, ThreadGroup};
use crate::violation::DeliveryViolation;
use crate::workload::{
    Figure, RankedBy, Received, Round, RoundError, Size, Workload, WorkloadInfo, conclude, shares, work,
    work_time,
};

/// The workload `producer_consumer`.
#[derive(Debug)]
pub struct ProducerConsumer;

impl Workload for ProducerConsumer {
    const INFO: WorkloadInfo = WorkloadInfo {
        name: "producer_consumer",
        about: "P producers send into one channel, C consumers receive from it: what one message costs.",
        caveat: "The producers do nothing but send, so the channel is always contended; a program with work between \
                 its sends pays less for it.",
        ranked_by: RankedBy::Time,
        params: &[
            ParamSpec { name: "producers", about: "sending threads", kind: Kind::Threads, default: "1" },
            ParamSpec { name: "consumers", about: "receiving threads", kind: Kind::Threads, default: "1" },
            ParamSpec {
                name: "capacity",
                about: "messages the channel holds",
                kind: Kind::Capacity,
                default: "64",
            },
            ParamSpec {
                name: "payload",
                about: "size of a message in bytes; box256 is a pointer to 256 bytes on the heap",
                kind: Kind::Choice(&["8", "64", "256", "1024", "box256"]),
                default: "8",
            },
            ParamSpec {
                name: "work",
                about: "steps of integer work (about 1 ns each) a consumer does for each message",
                kind: Kind::Number { least: 0, most: 1_000_000 },
                default: "0",
            },
        ],
        grid: &[
            (Quick, "capacity=0"),
            (Standard, "capacity=1"),
            (Quick, "capacity=64"),
            (Quick, "capacity=1024"),
            (Quick, "capacity=unbounded"),
            (Standard, "producers=2,consumers=2"),
            (Quick, "producers=4,consumers=4"),
            (Full, "producers=8,consumers=8"),
            (Standard, "producers=4"),
            (Full, "consumers=4"),
            (Standard, "payload=256"),
            (Full, "payload=1024"),
            (Standard, "payload=box256"),
            (Standard, "work=1000"),
            (Full, "producers=4,consumers=4,capacity=0"),
            (Full, "producers=4,consumers=4,capacity=1"),
            (Full, "producers=4,consumers=4,capacity=1024"),
            (Full, "producers=4,consumers=4,capacity=unbounded"),
        ],
    };

    fn messages(params: &Params) -> u64 {
        // A channel that holds none or one puts a thread to sleep for each message: some microseconds instead of tens
        // of nanoseconds.
        match params.capacity().and_then(crate::channel::Capacity::slots) {
            Some(0 | 1) => 2_000,
            _ => 40_000,
        }
    }

    fn paced(params: &Params, messages: u64) -> Duration {
        work_time(params.number("work"), messages)
    }

    fn round<C: Channel>(params: &Params, size: Size) -> Result<Round, RoundError> {
        match params.choice("payload") {
            "8" => round::<C, Message<0>>(params, size),
            "64" => round::<C, Message<7>>(params, size),
            "256" => round::<C, Message<31>>(params, size),
            "1024" => round::<C, Message<127>>(params, size),
            "box256" => round::<C, Box<Message<31>>>(params, size),
            other => unreachable!("payload={other} is not among the choices"),
        }
    }
}

fn round<C: Channel, P: Payload>(params: &Params, size: Size) -> Result<Round, RoundError> {
    let producers = params.threads("producers");
    let consumers = params.threads("consumers");
    let steps = params.number("work");
    let capacity = params.capacity().expect("the workload declares a capacity");

    let (sender, receiver) = C::open::<P>(capacity)?;
    let receivers = receivers(receiver, consumers)?;
    let shares = shares(size.messages, producers);
    let mut group = ThreadGroup::new(producers + consumers, size)?;
    let (senders, ends) = (EndpointCount::new(), LastDelivery::new(producers));

    let mut sending = Vec::with_capacity(producers);
    for (producer, &share) in shares.iter().enumerate() {
        let sender = senders.hold(sender.clone());
        sending.push(group.spawn(format!("producer {producer}"), move |barrier| {
            let passed = barrier.wait();
            produce(&*sender, producer, share).map(|()| (passed, Instant::now()))
        })?);
    }
    drop(sender);

    let mut receiving = Vec::with_capacity(consumers);
    for (consumer, receiver) in receivers.into_iter().enumerate() {
        let (shares, senders, ends) = (shares.clone(), senders.clone(), ends.clone());
        receiving.push(group.spawn(format!("consumer {consumer}"), move |barrier| {
            let mut ledger = Ledger::among(&shares, ends);
            let passed = barrier.wait();
            while let Ok(message) = receiver.recv() {
                ledger.record_among(&message);
                message.acknowledge();
                work(steps);
            }
            Received { passed, told: senders.disconnected("consumer"), ledger }
        })?);
    }

    let ended = group.join()?;
    let sent: Vec<(Instant, Instant)> =
        sending.into_iter().map(GroupThread::result).collect::<Result<_, DeliveryViolation>>()?;
    let received: Vec<Received> = receiving.into_iter().map(GroupThread::result).collect();
    let figures = fairness(&shares, &sent, &received);
    let passed = sent.into_iter().map(|(passed, _)| passed).collect();
    Ok(Round { figures, ..conclude(ended, passed, received, &shares)? })
}

/// How evenly several consumers shared the messages, and how alike the rates of several producers were: each one's share over its
/// time from the barrier to the end of its last send.
fn fairness(shares: &[u64], sent: &[(Instant, Instant)], received: &[Received]) -> Vec<Figure> {
    let mut figures = Vec::new();
    let mut tell = |name, index: Option<f64>| figures.extend(index.map(|value| Figure { name, value }));
    if received.len() > 1 {
        tell("fairness of consumers (Jain)", jain(received.iter().map(|one| one.ledger.delivered() as f64)));
    }
    if sent.len() > 1 {
        let rates = shares.iter().zip(sent).map(|(&share, &(passed, done))| {
            // A clock that did not move is taken to have moved by its least step, so that no rate is infinite.
            let time = done.duration_since(passed).max(Duration::from_nanos(1));
            share as f64 / time.as_secs_f64()
        });
        tell("fairness of producers (Jain)", jain(rates));
    }
    figures
}

/// Sends a producer's share.
///
/// # Errors
///
/// [`DeliveryViolation::EarlyDisconnect`] when the channel says that its receivers are gone.
#[inline]
pub(super) fn produce<P: Payload>(
    sender: &impl Sender<P>,
    producer: usize,
    share: u64,
) -> Result<(), DeliveryViolation> {
    for seq in 0..share {
        if sender.send(P::new(MessageId { producer, seq })).is_err() {
            return Err(DeliveryViolation::EarlyDisconnect { thread: "producer" });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;

    fn received(passed: Instant, seqs: std::ops::Range<u64>) -> Received {
        let mut ledger = Ledger::new(&[3, 3]);
        for seq in seqs {
            ledger.record(&Message::<0>::new(MessageId { producer: 0, seq }));
        }
        Received { passed, told: Ok(()), ledger }
    }

    #[test]
    fn consumers_are_held_against_messages_and_producers_against_rates() {
        let barrier = Instant::now();
        let after = |millis| (barrier, barrier + Duration::from_millis(millis));
        // The second took twice as long for as much: rates as 2 to 1; the consumers have 2 and 1 as well.
        let both = [received(barrier, 0..2), received(barrier, 2..3)];
        let figures = fairness(&[3, 3], &[after(10), after(20)], &both);
        let names: Vec<&str> = figures.iter().map(|figure| figure.name).collect();
        assert_eq!(names, ["fairness of consumers (Jain)", "fairness of producers (Jain)"]);
        assert!(figures.iter().all(|figure| (figure.value - 0.9).abs() < 1e-9), "{figures:?}");
    }

    #[test]
    fn one_thread_alone_is_not_fair_or_unfair() {
        let barrier = Instant::now();
        assert_eq!(fairness(&[3], &[(barrier, barrier)], &[received(barrier, 0..3)]), []);
    }
}
