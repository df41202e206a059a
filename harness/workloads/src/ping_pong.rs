//! `ping_pong`: one message there and back over two channels, for latency.

use std::ops::RangeInclusive;
use std::time::Instant;

use hdrhistogram::Histogram;

use super::roles::{Received, timed_region};
use crate::endpoints::EndpointCount;
use crate::latency;
use crate::ledger::{Deliveries, Ledger, verify};
use crate::message::{Message, MessageId, Payload};
use crate::params::{Kind, ParamSpec, Params};
use crate::placement::Placement;
use crate::profile::Profile::{Full, Quick, Standard};
use crate::size::Size;
use crate::thread_group::{GroupTotals, StartBarrier, ThreadGroup};
use crate::violation::DeliveryViolation;
use crate::workload::{Metric, Round, RoundError, Workload, WorkloadInfo};
use contract::channel::{Channel, Receiver, Sender};

/// The workload `ping_pong`.
#[derive(Debug)]
pub struct PingPong;

impl Workload for PingPong {
    const INFO: WorkloadInfo = WorkloadInfo {
        name: "ping_pong",
        about: "Two threads pass one message back and forth over two channels; shows how long a message and \
                the wake-up of its receiver take. A round trip is two ops. The latency is the time of each \
                round trip except the first, during which the other thread may still be leaving the start \
                barrier.",
        caveat: "Only one message is in flight at a time, so it does not show throughput. Channels that spin \
                 before they sleep look best here and pay with processor time.",
        ranked_by: Metric::Throughput,
        params: &[
            ParamSpec {
                name: "capacity",
                about: "messages that each channel holds",
                kind: Kind::Capacity,
                default: "1",
            },
            ParamSpec {
                name: "placement",
                about: "any: where the run places the threads; same-core, two-cores: pinned",
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
        // The first trip and a thousand more, which are enough for a 99th percentile.
        2_002
    }

    /// A trip is two messages, and there is at least one.
    fn delivered(_params: &Params, messages: u64) -> RangeInclusive<u64> {
        let even = (messages / 2 * 2).max(2);
        messages.min(even)..=even.max(messages)
    }

    fn latencies(delivered: u64) -> u64 {
        (delivered / 2).saturating_sub(1)
    }

    fn round<C: Channel>(params: &Params, size: Size) -> Result<Round, RoundError> {
        let capacity = params.capacity().expect("the workload declares a capacity");
        let own: Placement = params.choice("placement").parse().expect("the choices are placements");
        // The cell's own placement is part of what it measures, so it takes precedence over the run's.
        let placement = if own == Placement::Any { size.placement } else { own };
        let trips = (size.messages / 2).max(1);
        let (ping_sender, ping_receiver) = C::open::<Message>(capacity)?;
        let (pong_sender, pong_receiver) = C::open::<Message>(capacity)?;
        let mut group = ThreadGroup::new(2, Size { placement, ..size })?;

        let (pings_open, pongs_open) = (EndpointCount::new(), EndpointCount::new());
        let ping_handles = pings_open.guard((ping_sender, pong_receiver));
        let pong_handles = pongs_open.guard((pong_sender, ping_receiver));
        let ping = group.spawn("ping", move |barrier| {
            let (sender, receiver) = &*ping_handles;
            ping(barrier, sender, receiver, &pongs_open, trips)
        })?;
        let pong = group.spawn("pong", move |barrier| {
            let (sender, receiver) = &*pong_handles;
            pong(barrier, sender, receiver, &pings_open, trips)
        })?;

        let totals = group.join()?;
        verify_trips(totals, ping.result(), pong.result(), trips)
    }
}

/// The result of the thread that starts each trip.
#[derive(Debug)]
struct Ping {
    /// The moment at which it left the start barrier.
    started: Instant,
    /// The messages it created.
    created: u64,
    /// The messages that came back.
    pongs: Ledger,
    /// The check of a disconnect that ended it early; `Ok` when all trips were made.
    disconnect: Result<(), DeliveryViolation>,
    latency: Histogram<u64>,
}

/// Sends a message and waits for it to come back, `trips` times or until a disconnect.
#[inline]
fn ping(
    barrier: &StartBarrier,
    sender: &impl Sender<Message>,
    receiver: &impl Receiver<Message>,
    other: &EndpointCount,
    trips: u64,
) -> Ping {
    let mut pongs = Ledger::new(&[trips]);
    let (mut created, mut disconnect) = (0, Ok(()));
    let mut latency = latency::histogram();
    let started = barrier.wait();
    let mut back: Option<Instant> = None;
    for seq in 0..trips {
        created += 1;
        let sent = sender.send(Message::new(MessageId { producer: 0, seq }));
        let Some(message) = sent.ok().and_then(|()| receiver.recv().ok()) else {
            disconnect = other.check_disconnect("ping");
            break;
        };
        pongs.record(&message);
        message.acknowledge();
        // The end of a trip is the start of the next, so one reading of the clock per trip is enough.
        let now = Instant::now();
        if let Some(left) = back.replace(now) {
            latency::record(&mut latency, now - left);
        }
    }
    Ping { started, created, pongs, disconnect, latency }
}

/// Sends back what it receives, until a disconnect.
#[inline]
fn pong(
    barrier: &StartBarrier,
    sender: &impl Sender<Message>,
    receiver: &impl Receiver<Message>,
    other: &EndpointCount,
    trips: u64,
) -> Received {
    Received::until_disconnect(barrier, "pong", other, Ledger::new(&[trips]), |ledger| {
        while let Ok(message) = receiver.recv() {
            ledger.record(&message);
            if sender.send(message).is_err() {
                break;
            }
        }
    })
}

fn verify_trips(totals: GroupTotals, ping: Ping, pong: Received, trips: u64) -> Result<Round, RoundError> {
    // A thread stops at a disconnect. If the disconnect was early, it is the reason why messages are missing.
    ping.disconnect.and(pong.disconnect)?;
    let pings = Deliveries::join([pong.ledger])?;
    let pongs = verify([ping.pongs], &[ping.created], totals.dropped)?;
    pings.complete(&[trips])?;
    pongs.complete(&[trips])?;
    Ok(Round {
        messages: pings.count() + pongs.count(),
        elapsed: timed_region([ping.started, pong.started], pongs.last()),
        usage: totals.usage,
        allocations: totals.allocations,
        latency: Some(ping.latency),
        figures: Vec::new(),
    })
}
