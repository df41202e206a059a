//! `fan_in`: N inputs merged into one stream, in three variants.

use std::ops::RangeInclusive;

use super::roles::{self, Producer, Received, finish, producers, shares, spawn_each, spawn_sink};
use crate::endpoints::EndpointCount;
use crate::ledger::Ledger;
use crate::message::{Message, Payload};
use crate::params::{Kind, ParamSpec, Params};
use crate::profile::Profile::{Full, Quick, Standard};
use crate::size::Size;
use crate::thread_group::ThreadGroup;
use crate::violation::DeliveryViolation;
use crate::workload::{Metric, Round, RoundError, Workload, WorkloadInfo};
use contract::channel::{Capability, Capacity, Channel, Receiver, Selector, Sender};

/// The workload `fan_in`.
#[derive(Debug)]
pub struct FanIn;

impl Workload for FanIn {
    const INFO: WorkloadInfo = WorkloadInfo {
        name: "fan_in",
        about: "N producers merged into one consumer: by a forwarding thread for each input, by the \
                channel's own select over the inputs, or by one channel whose sender they share.",
        caveat: "The inputs are equally fast, so it does not show how fair a select is to a slow input.",
        ranked_by: Metric::Throughput,
        params: &[
            ParamSpec {
                name: "inputs",
                about: "inputs, each with a producing thread",
                kind: Kind::Threads,
                default: "4",
            },
            ParamSpec {
                name: "variant",
                about: "forwarders: one thread per input; select: the crate's own select; shared: one \
                        channel for all",
                kind: Kind::Choice(&["forwarders", "select", "shared"]),
                default: "forwarders",
            },
            ParamSpec {
                name: "capacity",
                about: "messages that each channel holds",
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

    fn delivered(params: &Params, messages: u64) -> RangeInclusive<u64> {
        roles::shared(messages, params.threads("inputs"))
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

/// A channel and a forwarding thread for each input; the forwarders send into the merged channel.
fn forwarders<C: Channel>(shares: &[u64], capacity: Capacity, size: Size) -> Result<Round, RoundError> {
    let mut group = ThreadGroup::new(2 * shares.len() + 1, size)?;
    let mut sending = Vec::with_capacity(2 * shares.len());
    let (merged_sender, merged_receiver) = C::open::<Message>(capacity)?;
    let merging = EndpointCount::new();
    for (input, &share) in shares.iter().enumerate() {
        let (sender, receiver) = C::open::<Message>(capacity)?;
        let source = EndpointCount::new();
        let producer = Producer { index: input, share, sender: source.guard(sender) };
        sending.push(group.spawn(format!("producer {input}"), move |barrier| producer.run(barrier))?);
        let merged_sender = merging.guard(merged_sender.clone());
        sending.push(group.spawn(format!("forwarder {input}"), move |barrier| {
            let started = barrier.wait();
            forward(&receiver, &source, &*merged_sender).map(|()| started)
        })?);
    }
    drop(merged_sender);
    let sink = spawn_sink(&mut group, merged_receiver, merging, shares)?;
    finish(group, sending, vec![sink], shares)
}

/// A channel for each input, and a consumer that selects over them.
fn select<C: Channel>(shares: &[u64], capacity: Capacity, size: Size) -> Result<Round, RoundError> {
    C::INFO.require(Capability::Select)?;
    let mut group = ThreadGroup::new(shares.len() + 1, size)?;
    let mut sending = Vec::with_capacity(shares.len());
    let mut receivers = Vec::with_capacity(shares.len());
    let senders = EndpointCount::new();
    for (input, &share) in shares.iter().enumerate() {
        let (sender, receiver) = C::open::<Message>(capacity)?;
        let producer = Producer { index: input, share, sender: senders.guard(sender) };
        sending.push(group.spawn(format!("producer {input}"), move |barrier| producer.run(barrier))?);
        receivers.push(receiver);
    }
    let expected = shares.to_vec();
    let sink = group.spawn("sink", move |barrier| {
        let ledger = Ledger::new(&expected);
        let mut selector = C::selector(&receivers).expect("the capability was required before");
        Received::until_disconnect(barrier, "sink", &senders, ledger, |ledger| {
            while let Ok(message) = selector.recv() {
                ledger.record(&message);
                message.acknowledge();
            }
        })
    })?;
    finish(group, sending, vec![sink], shares)
}

/// One channel, and a sender of it for each input.
fn shared<C: Channel>(shares: &[u64], capacity: Capacity, size: Size) -> Result<Round, RoundError> {
    let mut group = ThreadGroup::new(shares.len() + 1, size)?;
    let (sender, receiver) = C::open::<Message>(capacity)?;
    let senders = EndpointCount::new();
    let sending = producers(&senders, sender, shares);
    let sending = spawn_each(&mut group, "producer", sending, |barrier, _, producer| producer.run(barrier))?;
    let sink = spawn_sink(&mut group, receiver, senders, shares)?;
    finish(group, sending, vec![sink], shares)
}

/// Sends on what it receives, until the disconnect; `source` counts the senders of its input.
///
/// # Errors
///
/// [`DeliveryViolation::EarlyDisconnect`] when a channel reports a disconnect while its other side is open.
#[inline]
pub(super) fn forward<T>(
    receiver: &impl Receiver<T>,
    source: &EndpointCount,
    sender: &impl Sender<T>,
) -> Result<(), DeliveryViolation> {
    while let Ok(message) = receiver.recv() {
        if sender.send(message).is_err() {
            return Err(DeliveryViolation::EarlyDisconnect { thread: "forwarder" });
        }
    }
    source.check_disconnect("forwarder")
}
