//! `ping_pong`: one message there and back over two channels: latency.

use crate::channel::{Channel, Receiver, Sender};
use crate::crew::Crew;
use crate::holders::Holders;
use crate::ledger::{Deliveries, Ledger, verify};
use crate::message::{Message, MessageId, Payload};
use crate::params::{Kind, ParamSpec, Params};
use crate::placement::{self, pin};
use crate::profile::Profile::{Full, Quick, Standard};
use crate::workload::{Round, RoundError, Size, Workload, WorkloadInfo, timed_region};

/// The workload `ping_pong`.
#[derive(Debug)]
pub struct PingPong;

impl Workload for PingPong {
    const INFO: WorkloadInfo = WorkloadInfo {
        name: "ping_pong",
        about: "Two threads pass one message to and fro over two channels: how long a message and the wake-up of its \
                receiver take. A round trip is two ops.",
        caveat: "Only ever one message is under way, so nothing is said of throughput; channels that spin before they \
                 sleep look best here and pay with processor time.",
        params: &[
            ParamSpec {
                name: "capacity",
                about: "messages each channel holds",
                kind: Kind::Capacity,
                default: "1",
            },
            ParamSpec {
                name: "placement",
                about: "any: wherever the system puts the threads; same-core, two-cores: pinned",
                kind: Kind::Choice(&["any", "same-core", "two-cores"]),
                default: "any",
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
        2_000
    }

    fn round<C: Channel>(params: &Params, size: Size) -> Result<Round, RoundError> {
        let capacity = params.capacity().expect("the workload declares a capacity");
        let [ping_place, pong_place] =
            placement::pair(params.choice("placement")).map_err(RoundError::NotAvailable)?;
        let trips = (size.messages / 2).max(1);
        let (ping_sender, ping_receiver) = C::open::<Message>(capacity)?;
        let (pong_sender, pong_receiver) = C::open::<Message>(capacity)?;
        let mut crew = Crew::new(2, size.deadline);

        let (ping_ends, pong_ends) = (Holders::new(), Holders::new());
        let ends_of_ping = ping_ends.hold((ping_sender, pong_receiver));
        let ends_of_pong = pong_ends.hold((pong_sender, ping_receiver));

        let pinging = crew.spawn("ping", move |gate| {
            let (sender, receiver) = &*ends_of_ping;
            let mut pongs = Ledger::new(&[trips]);
            let (mut created, mut told) = (0, None);
            let pinned = pin(ping_place);
            let passed = gate.pass();
            for seq in 0..trips {
                created += 1;
                let sent = sender.send(Message::new(MessageId { producer: 0, seq }));
                let Some(message) = sent.ok().and_then(|()| receiver.recv().ok()) else {
                    told = Some(pong_ends.disconnected("ping"));
                    break;
                };
                pongs.record(&message);
                message.settle();
            }
            (pinned, passed, created, pongs, told)
        })?;

        let ponging = crew.spawn("pong", move |gate| {
            let (sender, receiver) = &*ends_of_pong;
            let mut pings = Ledger::new(&[trips]);
            let pinned = pin(pong_place);
            let passed = gate.pass();
            while let Ok(message) = receiver.recv() {
                pings.record(&message);
                if sender.send(message).is_err() {
                    break;
                }
            }
            (pinned, passed, pings, ping_ends.disconnected("pong"))
        })?;

        let ended = crew.join()?;
        let (ping_pinned, ping_passed, created, pongs, ping_told) = pinging.result();
        let (pong_pinned, pong_passed, pings, pong_told) = ponging.result();
        if !(ping_pinned && pong_pinned) {
            return Err(RoundError::NotAvailable(
                "the system refused to pin a thread to a processor".to_owned(),
            ));
        }
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
            latency: None,
            figures: Vec::new(),
        })
    }
}
