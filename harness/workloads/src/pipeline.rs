//! `pipeline`: a source, a fan-out to W workers with an output each, a fan-in, a sink.

use std::time::Duration;

use super::fan_in::forward;
use super::roles::{Producer, Received, finish};
use crate::endpoints::EndpointCount;
use crate::ledger::Ledger;
use crate::message::{Message, Payload};
use crate::params::{Kind, ParamSpec, Params};
use crate::profile::Profile::{Full, Quick, Standard};
use crate::size::Size;
use crate::thread_group::ThreadGroup;
use crate::violation::DeliveryViolation;
use crate::work::{work, work_time};
use crate::workload::{Metric, Round, RoundError, Workload, WorkloadInfo};
use contract::channel::{Capacity, Channel, Receiver, Sender, receivers};

/// The workload `pipeline`.
#[derive(Debug)]
pub struct Pipeline;

/// A message that a worker has processed.
#[derive(Debug)]
struct Processed {
    message: Message,
    worker: usize,
}

impl Workload for Pipeline {
    const INFO: WorkloadInfo = WorkloadInfo {
        name: "pipeline",
        about: "A source feeds W workers through one channel. Each worker has an output channel, and a \
                forwarder per worker merges the outputs for a sink. A message crosses three channels.",
        caveat: "One op is one message at the sink, so it contains three sends and three receives.",
        ranked_by: Metric::Throughput,
        params: &[
            ParamSpec { name: "workers", about: "worker threads", kind: Kind::Threads, default: "4" },
            ParamSpec {
                name: "capacity",
                about: "messages that each channel holds",
                kind: Kind::Capacity,
                default: "64",
            },
            ParamSpec {
                name: "work",
                about: "steps of integer work (about 1 ns each) per message, done by the worker",
                kind: Kind::Number { min: 0, max: 1_000_000 },
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
        let mut sending = Vec::with_capacity(1 + 2 * workers);

        let (source_sender, source_receiver) = C::open::<Message>(capacity)?;
        let inputs = receivers(source_receiver, workers)?;
        let source = EndpointCount::new();
        let producer = Producer { index: 0, share, sender: source.guard(source_sender) };
        sending.push(group.spawn("source", move |barrier| producer.run(barrier))?);

        let (merged_sender, merged_receiver) = C::open::<Processed>(capacity)?;
        let merging = EndpointCount::new();
        for (worker, input) in inputs.into_iter().enumerate() {
            let (output, output_receiver) = C::open::<Processed>(capacity)?;
            let (source, serving) = (source.clone(), EndpointCount::new());
            let output = serving.guard(output);
            sending.push(group.spawn(format!("worker {worker}"), move |barrier| {
                let started = barrier.wait();
                process(&input, &source, &*output, worker, steps).map(|()| started)
            })?);
            let merged_sender = merging.guard(merged_sender.clone());
            sending.push(group.spawn(format!("forwarder {worker}"), move |barrier| {
                let started = barrier.wait();
                forward(&output_receiver, &serving, &*merged_sender).map(|()| started)
            })?);
        }
        drop(merged_sender);

        let sink = group.spawn("sink", move |barrier| {
            // The workers overtake each other, so order holds per worker.
            let ledger = Ledger::with_paths(&[share], workers);
            Received::until_disconnect(barrier, "sink", &merging, ledger, |ledger| {
                while let Ok(processed) = merged_receiver.recv() {
                    ledger.record_on_path(&processed.message, processed.worker);
                    processed.message.acknowledge();
                }
            })
        })?;

        finish(group, sending, vec![sink], &[share])
    }
}

/// The loop of one worker: works on each message and passes it on; `source` counts the senders of its input.
///
/// # Errors
///
/// [`DeliveryViolation::EarlyDisconnect`] when a channel reports a disconnect while its other side is open.
#[inline]
fn process(
    input: &impl Receiver<Message>,
    source: &EndpointCount,
    output: &impl Sender<Processed>,
    worker: usize,
    steps: u64,
) -> Result<(), DeliveryViolation> {
    while let Ok(message) = input.recv() {
        work(steps);
        if output.send(Processed { message, worker }).is_err() {
            return Err(DeliveryViolation::EarlyDisconnect { thread: "worker" });
        }
    }
    source.check_disconnect("worker")
}
