//! `producer_consumer`: P producers and C consumers on one channel.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use super::roles::{self, Received, conclude, shares, spawn_each};
use crate::endpoints::EndpointCount;
use crate::fairness::jain;
use crate::ledger::{LastDelivery, Ledger};
use crate::message::{Message, Payload};
use crate::params::{Kind, ParamSpec, Params};
use crate::profile::Profile::{Full, Quick, Standard};
use crate::size::Size;
use crate::thread_group::{GroupThread, ThreadGroup};
use crate::violation::DeliveryViolation;
use crate::work::{work, work_time};
use crate::workload::{Figure, Metric, Round, RoundError, Workload, WorkloadInfo};
use contract::channel::{Capacity, Channel, Receiver, receivers};

/// The workload `producer_consumer`.
#[derive(Debug)]
pub struct ProducerConsumer;

impl Workload for ProducerConsumer {
    const INFO: WorkloadInfo = WorkloadInfo {
        name: "producer_consumer",
        about: "P producers send into one channel and C consumers receive from it; shows the cost of one \
                message.",
        caveat: "The producers only send, so the channel is always contended. A program that works between \
                 its sends pays less for contention.",
        ranked_by: Metric::Throughput,
        params: &[
            ParamSpec { name: "producers", about: "sending threads", kind: Kind::Threads, default: "1" },
            ParamSpec { name: "consumers", about: "receiving threads", kind: Kind::Threads, default: "1" },
            ParamSpec {
                name: "capacity",
                about: "messages that the channel holds",
                kind: Kind::Capacity,
                default: "64",
            },
            ParamSpec {
                name: "payload",
                about: "size of a message in bytes; box256 sends a pointer to 256 bytes on the heap",
                kind: Kind::Choice(&["8", "64", "256", "1024", "box256"]),
                default: "8",
            },
            ParamSpec {
                name: "work",
                about: "steps of integer work (about 1 ns each) per message, done by the consumer",
                kind: Kind::Number { min: 0, max: 1_000_000 },
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
        // With capacity 0 or 1 a thread sleeps for each message, which takes microseconds instead of tens of
        // nanoseconds.
        match params.capacity().and_then(Capacity::slots) {
            Some(0 | 1) => 2_000,
            _ => 40_000,
        }
    }

    fn paced(params: &Params, messages: u64) -> Duration {
        work_time(params.number("work"), messages)
    }

    fn delivered(params: &Params, messages: u64) -> RangeInclusive<u64> {
        roles::shared(messages, params.threads("producers"))
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
    let (producers, consumers) = (params.threads("producers"), params.threads("consumers"));
    let steps = params.number("work");
    let capacity = params.capacity().expect("the workload declares a capacity");

    let (sender, receiver) = C::open::<P>(capacity)?;
    let receivers = receivers(receiver, consumers)?;
    let shares = shares(size.messages, producers);
    let mut group = ThreadGroup::new(producers + consumers, size)?;
    let (senders, last) = (EndpointCount::new(), LastDelivery::new(producers));

    let sending = roles::producers(&senders, sender, &shares);
    let sending = spawn_each(&mut group, "producer", sending, |barrier, _, producer| {
        producer.run(barrier).map(|started| Sent { started, finished: Instant::now() })
    })?;
    let expected = shares.clone();
    let receiving = spawn_each(&mut group, "consumer", receivers, move |barrier, _, receiver| {
        let ledger = Ledger::among(&expected, last);
        Received::until_disconnect(barrier, "consumer", &senders, ledger, |ledger| {
            while let Ok(message) = receiver.recv() {
                ledger.record_among(&message);
                message.acknowledge();
                work(steps);
            }
        })
    })?;

    let totals = group.join()?;
    let sent: Vec<Sent> =
        sending.into_iter().map(GroupThread::result).collect::<Result<_, DeliveryViolation>>()?;
    let received: Vec<Received> = receiving.into_iter().map(GroupThread::result).collect();
    let figures = fairness(&shares, &sent, &received);
    let starts = sent.into_iter().map(|sent| sent.started).collect();
    Ok(Round { figures, ..conclude(totals, starts, received, &shares)? })
}

/// The moments of a producer that sent its share.
#[derive(Clone, Copy, Debug)]
struct Sent {
    /// When it left the start barrier.
    started: Instant,
    /// When its last send returned.
    finished: Instant,
}

/// How evenly several consumers shared the messages, and how close the rates of several producers were. A
/// producer's rate is its share over the time from its start to the end of its last send.
fn fairness(shares: &[u64], sent: &[Sent], received: &[Received]) -> Vec<Figure> {
    let mut figures = Vec::new();
    let mut add = |name, index: Option<f64>| figures.extend(index.map(|value| Figure { name, value }));
    if received.len() > 1 {
        add("fairness of consumers (Jain)", jain(received.iter().map(|one| one.ledger.delivered() as f64)));
    }
    if sent.len() > 1 {
        let rates = shares.iter().zip(sent).map(|(&share, sent)| {
            // At least a nanosecond, so that a clock that did not move gives no infinite rate.
            let time = sent.finished.duration_since(sent.started).max(Duration::from_nanos(1));
            share as f64 / time.as_secs_f64()
        });
        add("fairness of producers (Jain)", jain(rates));
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::MessageId;

    fn received(started: Instant, seqs: std::ops::Range<u64>) -> Received {
        let mut ledger = Ledger::new(&[3, 3]);
        for seq in seqs {
            ledger.record(&Message::<0>::new(MessageId { producer: 0, seq }));
        }
        Received { started, disconnect: Ok(()), ledger }
    }

    #[test]
    fn consumers_are_compared_by_messages_and_producers_by_rates() {
        let start = Instant::now();
        let after = |millis| Sent { started: start, finished: start + Duration::from_millis(millis) };
        // The second producer took twice as long for the same share, so the rates are 2 to 1; the consumers
        // got 2 and 1.
        let both = [received(start, 0..2), received(start, 2..3)];
        let figures = fairness(&[3, 3], &[after(10), after(20)], &both);
        let names: Vec<&str> = figures.iter().map(|figure| figure.name).collect();
        assert_eq!(names, ["fairness of consumers (Jain)", "fairness of producers (Jain)"]);
        assert!(figures.iter().all(|figure| (figure.value - 0.9).abs() < 1e-9), "{figures:?}");
    }

    #[test]
    fn a_single_thread_has_no_fairness() {
        let start = Instant::now();
        let sent = Sent { started: start, finished: start };
        assert_eq!(fairness(&[3], &[sent], &[received(start, 0..3)]), []);
    }
}
