//! `ping_pong`: one message there and back over two channels: latency.

use std::time::Instant;

use crate::channel::{Channel, Receiver, Sender};
use crate::endpoints::EndpointCount;
use crate::latency;
use crate::ledger::{Deliveries, Ledger, verify};
use crate::message::{Message, MessageId, Payload};
use crate::params::{Kind, ParamSpec, Params};
use crate::placement::Placement;
use crate::profile::Profile::{Full, Quick, Standard};
use crate::thread_group::ThreadGroup;
use crate::workload::{RankedBy, Round, RoundError, Size, Workload, WorkloadInfo, timed_region};

/// The workload `ping_pong`.
#[derive(Debug)]
pub struct PingPong;

impl Workload for PingPong {
    const INFO: WorkloadInfo = WorkloadInfo {
        name: "ping_pong",
        about: "Two threads pass one message to and fro over two channels: how long a message and the wake-up of its \
                receiver take. A round trip is two ops. The latency is that of each round trip but the first, in which the \
                other thread may still be on its way through the barrier.",
        caveat: "Only ever one message is under way, so nothing is said of throughput; channels that spin before they \
                 sleep look best here and pay with processor time.",
        ranked_by: RankedBy::Time,
        params: &[
            ParamSpec {
                name: "capacity",
                about: "messages each channel holds",
                kind: Kind::Capacity,
                default: "1",
            },
            ParamSpec {
                name: "placement",
                about: "any: wherever the round's threads are put; same-core, two-cores: pinned",
                kind: Kind::Choice(&[
                    Placement::Any.name(),
                    Placement::SameCore.name(),
                    Placement::TwoCores.name(),
                ]),
                default: Placement::Any.name(),
            },
        ],
        grid: &[
            (Standard, "capacity=0"),
            (Quick, "capacity=1"),
            (Full, "capacity=64"),
            (Full, "capacity=unbounded"),
            (Full, "capacity=0,placement=same-core"),
            (Standard, "capacity=1,placement=same-core"),
            (Full, "capacity=0,placement=two-cores"),
            (Quick, "capacity=1,placement=two-cores"),
        ],
    };

    fn messages(_: &Params) -> u64 {
        // The first trip and a thousand, of which a 99th percentile can be told.
        2_002
    }

    fn round<C: Channel>(params: &Params, size: Size) -> Result<Round, RoundError> {
        let capacity = params.capacity().expect("the workload declares a capacity");
        let own: Placement = params.choice("placement").parse().expect("the choices are placements");
        // The cell's own placement is part of what it measures, so it goes before the run's.
        let placement = if own == Placement::Any { size.placement } else { own };
        let trips = (size.messages / 2).max(1);
        let (ping_sender, ping_receiver) = C::open::<Message>(capacity)?;
        let (pong_sender, pong_receiver) = C::open::<Message>(capacity)?;
        let mut group = ThreadGroup::new(2, Size { placement, ..size })?;

        let (ping_ends, pong_ends) = (EndpointCount::new(), EndpointCount::new());
        let ends_of_ping = ping_ends.hold((ping_sender, pong_receiver));
        let ends_of_pong = pong_ends.hold((pong_sender, ping_receiver));

        let pinging = group.spawn("ping", move |barrier| {
            let (sender, receiver) = &*ends_of_ping;
            let mut pongs = Ledger::new(&[trips]);
            let (mut created, mut told) = (0, None);
            let mut latency = latency::histogram();
            let passed = barrier.wait();
            let mut back: Option<Instant> = None;
            for seq in 0..trips {
                created += 1;
                let sent = sender.send(Message::new(MessageId { producer: 0, seq }));
                let Some(message) = sent.ok().and_then(|()| receiver.recv().ok()) else {
                    told = Some(pong_ends.disconnected("ping"));
                    break;
                };
                pongs.record(&message);
                message.acknowledge();
                // The end of a trip is the start of the next: one look at the clock for each.
                let now = Instant::now();
                if let Some(left) = back.replace(now) {
                    latency::record(&mut latency, now - left);
                }
            }
            (passed, created, pongs, told, latency)
        })?;

        let ponging = group.spawn("pong", move |barrier| {
            let (sender, receiver) = &*ends_of_pong;
            let mut pings = Ledger::new(&[trips]);
            let passed = barrier.wait();
            while let Ok(message) = receiver.recv() {
                pings.record(&message);
                if sender.send(message).is_err() {
                    break;
                }
            }
            (passed, pings, ping_ends.disconnected("pong"))
        })?;

        let ended = group.join()?;
        let (ping_passed, created, pongs, ping_told, latency) = pinging.result();
        let (pong_passed, pings, pong_told) = ponging.result();
        // A thread that is told of a disconnect stops. When it is none, that is why messages are missing.
        ping_told.map_or(Ok(()), |told| told).and(pong_told)?;
        let pings = Deliveries::join([pings])?;
        let pongs = verify([pongs], &[created], ended.dropped)?;
        pings.complete(&[trips])?;
        pongs.complete(&[trips])?;
        Ok(Round {
            messages: pings.count() + pongs.count(),
            elapsed: timed_region([ping_passed, pong_passed], pongs.last()),
            usage: ended.usage,
            allocations: ended.allocations,
            latency: Some(latency),
            figures: Vec::new(),
        })
    }
}
