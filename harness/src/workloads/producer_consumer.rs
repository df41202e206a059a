//! `producer_consumer`: P producers and C consumers on one channel.

use std::time::Duration;

use crate::channel::{Channel, Receiver, Sender, receivers};
use crate::crew::Crew;
use crate::fault::Fault;
use crate::holders::Holders;
use crate::ledger::{Ends, Ledger};
use crate::message::{Message, MessageId, Payload};
use crate::params::{Kind, ParamSpec, Params};
use crate::profile::Profile::{Full, Quick, Standard};
use crate::workload::{
    Received, Round, RoundError, Size, Workload, WorkloadInfo, finish, shares, work, work_time,
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
            (Standard, "work=200"),
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
    let mut crew = Crew::new(producers + consumers, size.deadline);
    let (senders, ends) = (Holders::new(), Ends::new(producers));

    let mut sending = Vec::with_capacity(producers);
    for (producer, &share) in shares.iter().enumerate() {
        let sender = senders.hold(sender.clone());
        sending.push(crew.spawn(format!("producer {producer}"), move |gate| {
            let passed = gate.pass();
            produce(&*sender, producer, share).map(|()| passed)
        })?);
    }
    drop(sender);

    let mut receiving = Vec::with_capacity(consumers);
    for (consumer, receiver) in receivers.into_iter().enumerate() {
        let (shares, senders, ends) = (shares.clone(), senders.clone(), ends.clone());
        receiving.push(crew.spawn(format!("consumer {consumer}"), move |gate| {
            let mut ledger = Ledger::among(&shares, ends);
            let passed = gate.pass();
            while let Ok(message) = receiver.recv() {
                ledger.record_among(&message);
                message.settle();
                work(steps);
            }
            Received { passed, told: senders.disconnected("consumer"), ledger }
        })?);
    }

    finish(crew, sending, receiving, &shares)
}

/// Sends a producer's share.
///
/// # Errors
///
/// [`Fault::EarlyDisconnect`] when the channel says that its receivers are gone.
#[inline]
pub(super) fn produce<P: Payload>(sender: &impl Sender<P>, producer: usize, share: u64) -> Result<(), Fault> {
    for seq in 0..share {
        if sender.send(P::new(MessageId { producer, seq })).is_err() {
            return Err(Fault::EarlyDisconnect { thread: "producer" });
        }
    }
    Ok(())
}
