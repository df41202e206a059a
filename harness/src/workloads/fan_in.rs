//! `fan_in`: N inputs merged into one stream, in the three ways that one can.

use std::time::Instant;

use crate::channel::{Capability, Capacity, Channel, Receiver, Selector, Sender};
use crate::crew::{Crew, Member};
use crate::fault::Fault;
use crate::holders::{Held, Holders};
use crate::ledger::Ledger;
use crate::message::{Message, Payload};
use crate::params::{Kind, ParamSpec, Params};
use crate::profile::Profile::{Full, Quick, Standard};
use crate::workload::{RankedBy, Received, Round, RoundError, Size, Workload, WorkloadInfo, finish, shares};
use crate::workloads::producer_consumer::produce;

/// The workload `fan_in`.
#[derive(Debug)]
pub struct FanIn;

impl Workload for FanIn {
    const INFO: WorkloadInfo = WorkloadInfo {
        name: "fan_in",
        about: "N producers, merged into one consumer: through a forwarding thread for each input, through the \
                channel's own select over the inputs, or by sharing one sender.",
        caveat: "The inputs are equally fast; how fair a select is to a slow input is not shown.",
        ranked_by: RankedBy::Time,
        params: &[
            ParamSpec {
                name: "inputs",
                about: "inputs, a producing thread each",
                kind: Kind::Threads,
                default: "4",
            },
            ParamSpec {
                name: "variant",
                about: "forwarders: a thread for each input; select: the crate's select; shared: one channel for all",
                kind: Kind::Choice(&["forwarders", "select", "shared"]),
                default: "forwarders",
            },
            ParamSpec {
                name: "capacity",
                about: "messages each channel holds",
                kind: Kind::Capacity,
                default: "64",
            },
        ],
        grid: &[
            (Quick, "variant=forwarders"),
            (Quick, "variant=select"),
            (Quick, "variant=shared"),
            (Standard, "variant=forwarders,inputs=2"),
            (Standard, "variant=select,inputs=2"),
            (Standard, "variant=shared,inputs=2"),
            (Full, "variant=forwarders,inputs=8"),
            (Full, "variant=select,inputs=8"),
            (Full, "variant=shared,inputs=8"),
            (Standard, "variant=select,capacity=1"),
            (Full, "variant=shared,capacity=1"),
            (Standard, "variant=select,capacity=1024"),
            (Full, "variant=forwarders,capacity=1024"),
            (Full, "variant=shared,capacity=1024"),
        ],
    };

    fn messages(params: &Params) -> u64 {
        match params.capacity().and_then(Capacity::slots) {
            Some(0 | 1) => 2_000,
            _ => 20_000,
        }
    }

    fn round<C: Channel>(params: &Params, size: Size) -> Result<Round, RoundError> {
        let inputs = params.threads("inputs");
        let capacity = params.capacity().expect("the workload declares a capacity");
        let shares = shares(size.messages, inputs);
        match params.choice("variant") {
            "forwarders" => forwarders::<C>(&shares, capacity, size),
            "select" => select::<C>(&shares, capacity, size),
            "shared" => shared::<C>(&shares, capacity, size),
            other => unreachable!("variant={other} is not among the choices"),
        }
    }
}

type Producing = Vec<Member<Result<Instant, Fault>>>;

/// A channel for each input and a thread for each that forwards it into the merged one.
fn forwarders<C: Channel>(shares: &[u64], capacity: Capacity, size: Size) -> Result<Round, RoundError> {
    let mut crew = Crew::new(2 * shares.len() + 1, size)?;
    let mut producing = Producing::new();
    let (merged_sender, merged_receiver) = C::open::<Message>(capacity)?;
    let merging = Holders::new();
    for (input, &share) in shares.iter().enumerate() {
        let (sender, receiver) = C::open::<Message>(capacity)?;
        let source = Holders::new();
        producing.push(spawn_producer::<C>(&mut crew, source.hold(sender), input, share)?);
        let merged_sender = merging.hold(merged_sender.clone());
        producing.push(crew.spawn(format!("forwarder {input}"), move |gate| {
            let passed = gate.pass();
            forward(&receiver, &source, &*merged_sender).map(|()| passed)
        })?);
    }
    drop(merged_sender);
    let sink = spawn_sink::<C>(&mut crew, merged_receiver, merging, shares)?;
    finish(crew, producing, vec![sink], shares)
}

/// A channel for each input, and a consumer that selects over them.
fn select<C: Channel>(shares: &[u64], capacity: Capacity, size: Size) -> Result<Round, RoundError> {
    C::INFO.require(Capability::Select)?;
    let mut crew = Crew::new(shares.len() + 1, size)?;
    let mut producing = Producing::new();
    let mut receivers = Vec::with_capacity(shares.len());
    let senders = Holders::new();
    for (input, &share) in shares.iter().enumerate() {
        let (sender, receiver) = C::open::<Message>(capacity)?;
        producing.push(spawn_producer::<C>(&mut crew, senders.hold(sender), input, share)?);
        receivers.push(receiver);
    }
    let own_shares = shares.to_vec();
    let sink = crew.spawn("sink", move |gate| {
        let mut ledger = Ledger::new(&own_shares);
        let mut selector = C::selector(&receivers).expect("the capability was asked for before");
        let passed = gate.pass();
        while let Ok(message) = selector.recv() {
            ledger.record(&message);
            message.settle();
        }
        Received { passed, told: senders.disconnected("sink"), ledger }
    })?;
    finish(crew, producing, vec![sink], shares)
}

/// One channel, and a sender of it for each input.
fn shared<C: Channel>(shares: &[u64], capacity: Capacity, size: Size) -> Result<Round, RoundError> {
    let mut crew = Crew::new(shares.len() + 1, size)?;
    let mut producing = Producing::new();
    let (sender, receiver) = C::open::<Message>(capacity)?;
    let senders = Holders::new();
    for (input, &share) in shares.iter().enumerate() {
        producing.push(spawn_producer::<C>(&mut crew, senders.hold(sender.clone()), input, share)?);
    }
    drop(sender);
    let sink = spawn_sink::<C>(&mut crew, receiver, senders, shares)?;
    finish(crew, producing, vec![sink], shares)
}

/// Sends on what it receives, until the disconnect; `source` are those who send to it.
///
/// # Errors
///
/// [`Fault::EarlyDisconnect`] when a channel says that its other end is gone, and it is not.
#[inline]
pub(super) fn forward<T>(
    receiver: &impl Receiver<T>,
    source: &Holders,
    sender: &impl Sender<T>,
) -> Result<(), Fault> {
    while let Ok(message) = receiver.recv() {
        if sender.send(message).is_err() {
            return Err(Fault::EarlyDisconnect { thread: "forwarder" });
        }
    }
    source.disconnected("forwarder")
}

fn spawn_producer<C: Channel>(
    crew: &mut Crew,
    sender: Held<C::Sender<Message>>,
    input: usize,
    share: u64,
) -> Result<Member<Result<Instant, Fault>>, RoundError> {
    Ok(crew.spawn(format!("producer {input}"), move |gate| {
        let passed = gate.pass();
        produce(&*sender, input, share).map(|()| passed)
    })?)
}

fn spawn_sink<C: Channel>(
    crew: &mut Crew,
    receiver: C::Receiver<Message>,
    senders: Holders,
    shares: &[u64],
) -> Result<Member<Received>, RoundError> {
    let shares = shares.to_vec();
    Ok(crew.spawn("sink", move |gate| {
        let mut ledger = Ledger::new(&shares);
        let passed = gate.pass();
        while let Ok(message) = receiver.recv() {
            ledger.record(&message);
            message.settle();
        }
        Received { passed, told: senders.disconnected("sink"), ledger }
    })?)
}
