//! `fan_in`: N inputs merged into one stream, in the three ways that one can.

use std::time::Instant;

use crate::channel::{Capability, Capacity, Channel, Receiver, Selector, Sender};
use crate::endpoints::{EndpointCount, EndpointGuard};
use crate::ledger::Ledger;
use crate::message::{Message, Payload};
use crate::mutants::{Mutant, active};
use crate::params::{Kind, ParamSpec, Params};
use crate::profile::Profile::{Full, Quick, Standard};
use crate::thread_group::{GroupThread, ThreadGroup};
use crate::violation::DeliveryViolation;
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

type Producing = Vec<GroupThread<Result<Instant, DeliveryViolation>>>;

/// A channel for each input and a thread for each that forwards it into the merged one.
fn forwarders<C: Channel>(shares: &[u64], capacity: Capacity, size: Size) -> Result<Round, RoundError> {
    let mut group = ThreadGroup::new(2 * shares.len() + 1, size)?;
    let mut producing = Producing::new();
    let (merged_sender, merged_receiver) = C::open::<Message>(capacity)?;
    let merging = EndpointCount::new();
    for (input, &share) in shares.iter().enumerate() {
        let (sender, receiver) = C::open::<Message>(capacity)?;
        let source = EndpointCount::new();
        producing.push(spawn_producer::<C>(&mut group, source.hold(sender), input, share)?);
        let merged_sender = merging.hold(merged_sender.clone());
        producing.push(group.spawn(format!("forwarder {input}"), move |barrier| {
            let passed = barrier.wait();
            forward(&receiver, &source, &*merged_sender).map(|()| passed)
        })?);
    }
    drop(merged_sender);
    let sink = spawn_sink::<C>(&mut group, merged_receiver, merging, shares)?;
    finish(group, producing, vec![sink], shares)
}

/// A channel for each input, and a consumer that selects over them.
fn select<C: Channel>(shares: &[u64], capacity: Capacity, size: Size) -> Result<Round, RoundError> {
    C::INFO.require(Capability::Select)?;
    let mut group = ThreadGroup::new(shares.len() + 1, size)?;
    let mut producing = Producing::new();
    let mut receivers = Vec::with_capacity(shares.len());
    let senders = EndpointCount::new();
    for (input, &share) in shares.iter().enumerate() {
        let (sender, receiver) = C::open::<Message>(capacity)?;
        producing.push(spawn_producer::<C>(&mut group, senders.hold(sender), input, share)?);
        receivers.push(receiver);
    }
    let own_shares = shares.to_vec();
    let sink = group.spawn("sink", move |barrier| {
        let mut ledger = Ledger::new(&own_shares);
        let mut selector = C::selector(&receivers).expect("the capability was asked for before");
        let passed = barrier.wait();
        while let Ok(message) = selector.recv() {
            ledger.record(&message);
            message.acknowledge();
        }
        Received { passed, told: senders.disconnected("sink"), ledger }
    })?;
    finish(group, producing, vec![sink], shares)
}

/// One channel, and a sender of it for each input.
fn shared<C: Channel>(shares: &[u64], capacity: Capacity, size: Size) -> Result<Round, RoundError> {
    let mut group = ThreadGroup::new(shares.len() + 1, size)?;
    let mut producing = Producing::new();
    let (sender, receiver) = C::open::<Message>(capacity)?;
    let senders = EndpointCount::new();
    for (input, &share) in shares.iter().enumerate() {
        producing.push(spawn_producer::<C>(&mut group, senders.hold(sender.clone()), input, share)?);
    }
    drop(sender);
    let sink = spawn_sink::<C>(&mut group, receiver, senders, shares)?;
    finish(group, producing, vec![sink], shares)
}

/// Sends on what it receives, until the disconnect; `source` are those who send to it.
///
/// # Errors
///
/// [`DeliveryViolation::EarlyDisconnect`] when a channel says that its other end is gone, and it is not.
#[inline]
pub(super) fn forward<T>(
    receiver: &impl Receiver<T>,
    source: &EndpointCount,
    sender: &impl Sender<T>,
) -> Result<(), DeliveryViolation> {
    while let Ok(message) = receiver.recv() {
        if active(Mutant::ForwarderDropsWhenFull) {
            drop(sender.try_send(message));
        } else if sender.send(message).is_err() {
            return Err(DeliveryViolation::EarlyDisconnect { thread: "forwarder" });
        }
    }
    source.disconnected("forwarder")
}

fn spawn_producer<C: Channel>(
    group: &mut ThreadGroup,
    sender: EndpointGuard<C::Sender<Message>>,
    input: usize,
    share: u64,
) -> Result<GroupThread<Result<Instant, DeliveryViolation>>, RoundError> {
    Ok(group.spawn(format!("producer {input}"), move |barrier| {
        let passed = barrier.wait();
        produce(&*sender, input, share).map(|()| passed)
    })?)
}

fn spawn_sink<C: Channel>(
    group: &mut ThreadGroup,
    receiver: C::Receiver<Message>,
    senders: EndpointCount,
    shares: &[u64],
) -> Result<GroupThread<Received>, RoundError> {
    let shares = shares.to_vec();
    Ok(group.spawn("sink", move |barrier| {
        let mut ledger = Ledger::new(&shares);
        let passed = barrier.wait();
        while let Ok(message) = receiver.recv() {
            ledger.record(&message);
            message.acknowledge();
        }
        Received { passed, told: senders.disconnected("sink"), ledger }
    })?)
}
