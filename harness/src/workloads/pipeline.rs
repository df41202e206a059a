//! `pipeline`: a source, a fan-out to W workers with an output each, a fan-in, a sink.

use std::time::Duration;

use crate::channel::{Capacity, Channel, Receiver, Sender, receivers};
use crate::endpoints::EndpointCount;
use crate::ledger::Ledger;
use crate::message::{Message, Payload};
use crate::params::{Kind, ParamSpec, Params};
use crate::profile::Profile::{Full, Quick, Standard};
use crate::thread_group::ThreadGroup;
use crate::violation::DeliveryViolation;
use crate::workload::{
    RankedBy, Received, Round, RoundError, Size, Workload, WorkloadInfo, finish, work, work_time,
};
use crate::workloads::fan_in::forward;
use crate::workloads::producer_consumer::produce;

/// The workload `pipeline`.
#[derive(Debug)]
pub struct Pipeline;

/// What a worker passes on.
#[derive(Debug)]
struct Processed {
    message: Message,
    worker: usize,
}

impl Workload for Pipeline {
    const INFO: WorkloadInfo = WorkloadInfo {
        name: "pipeline",
        about: "A source feeds W workers from one channel; each has its own output, a forwarder for each merges them \
                for a sink. A message crosses three channels.",
        caveat: "One op is one message at the sink, so its time holds three sends and three receives.",
        ranked_by: RankedBy::Time,
        params: &[
            ParamSpec { name: "workers", about: "worker threads", kind: Kind::Threads, default: "4" },
            ParamSpec {
                name: "capacity",
                about: "messages each channel holds",
                kind: Kind::Capacity,
                default: "64",
            },
            ParamSpec {
                name: "work",
                about: "steps of integer work (about 1 ns each) a worker does for each message",
                kind: Kind::Number { least: 0, most: 1_000_000 },
                default: "0",
            },
        ],
        grid: &[
            (Quick, "workers=1"),
            (Standard, "workers=2"),
            (Quick, "workers=4"),
            (Full, "workers=8"),
            (Full, "workers=1,capacity=0"),
            (Standard, "workers=1,capacity=1"),
            (Standard, "workers=1,capacity=1024"),
            (Full, "workers=4,capacity=1"),
            (Full, "workers=4,capacity=1024"),
            (Quick, "workers=4,work=1000"),
        ],
    };

    fn messages(params: &Params) -> u64 {
        match params.capacity().and_then(Capacity::slots) {
            Some(0 | 1) => 1_000,
            _ => 10_000,
        }
    }

    fn paced(params: &Params, messages: u64) -> Duration {
        work_time(params.number("work"), messages)
    }

    fn round<C: Channel>(params: &Params, size: Size) -> Result<Round, RoundError> {
        let workers = params.threads("workers");
        let steps = params.number("work");
        let capacity = params.capacity().expect("the workload declares a capacity");
        let share = size.messages;
        let mut group = ThreadGroup::new(1 + 2 * workers + 1, size)?;
        let mut stages = Vec::with_capacity(1 + 2 * workers);

        let (source_sender, source_receiver) = C::open::<Message>(capacity)?;
        let inputs = receivers(source_receiver, workers)?;
        let source = EndpointCount::new();
        let source_sender = source.hold(source_sender);
        stages.push(group.spawn("source", move |barrier| {
            let passed = barrier.wait();
            produce(&*source_sender, 0, share).map(|()| passed)
        })?);

        let (merged_sender, merged_receiver) = C::open::<Processed>(capacity)?;
        let merging = EndpointCount::new();
        for (worker, input) in inputs.into_iter().enumerate() {
            let (output, own_output) = C::open::<Processed>(capacity)?;
            let (source, serving) = (source.clone(), EndpointCount::new());
            let output = serving.hold(output);
            stages.push(group.spawn(format!("worker {worker}"), move |barrier| {
                let passed = barrier.wait();
                while let Ok(message) = input.recv() {
                    work(steps);
                    if output.send(Processed { message, worker }).is_err() {
                        return Err(DeliveryViolation::EarlyDisconnect { thread: "worker" });
                    }
                }
                source.disconnected("worker").map(|()| passed)
            })?);
            let merged_sender = merging.hold(merged_sender.clone());
            stages.push(group.spawn(format!("forwarder {worker}"), move |barrier| {
                let passed = barrier.wait();
                forward(&own_output, &serving, &*merged_sender).map(|()| passed)
            })?);
        }
        drop(merged_sender);

        let sink = group.spawn("sink", move |barrier| {
            // The workers overtake each other, so order holds for each worker.
            let mut ledger = Ledger::with_ways(&[share], workers);
            let passed = barrier.wait();
            while let Ok(processed) = merged_receiver.recv() {
                ledger.record_by(&processed.message, processed.worker);
                processed.message.acknowledge();
            }
            Received { passed, told: merging.disconnected("sink"), ledger }
        })?;

        finish(group, stages, vec![sink], &[share])
    }
}
