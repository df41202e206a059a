//! Models of every workload: its own round over the [`Adapter`], ledgers included, with a few messages.
//!
//! A round verifies itself, so it is a scenario as it stands: no message lost, doubled, reordered or leaked,
//! and no disconnect reported that is none. Its threads are modelled ones
//! (`harness/workloads/src/thread_group/modelled.rs`). The models of `coordination` look closer at what
//! coordinates `worker_pool` and `token_bucket`.

use std::process::ExitCode;

use contract::channel::{Capability, Capacity};
use contract::sync::Bounds;
use models::Model;
use models::bounds::{DEFAULT, at_most, sized};
use models::needs::Needs;
use sut::Adapter;
use workloads::fan_in::FanIn;
use workloads::open_loop::OpenLoop;
use workloads::params::Params;
use workloads::partitioned_log::PartitionedLog;
use workloads::ping_pong::PingPong;
use workloads::pipeline::Pipeline;
use workloads::producer_consumer::ProducerConsumer;
use workloads::registry::Registry;
use workloads::token_bucket::TokenBucket;
use workloads::worker_pool::WorkerPool;
use workloads::workload::{Size, Workload};

/// The model of a round of `messages` messages.
fn round<W: Workload>(name: &str, bounds: Bounds, params: &str, messages: usize) -> Model {
    let params = Params::parse(W::INFO.params, params).expect("the params are the workload's");
    let capacity = params.capacity().unwrap_or(Capacity::Unbounded);
    // Most workloads share a channel's receivers among several threads.
    let mut capabilities = vec![Capability::MultiConsumer];
    if W::INFO.params.iter().any(|spec| spec.name == "variant") && params.choice("variant") == "select" {
        capabilities.push(Capability::Select);
    }
    let needs = Needs { capacity: Some(capacity), capabilities };
    Model::of_workload(name, W::INFO.name, needs, bounds, move || {
        // Fewer messages are delivered where the threads share them evenly, or where a pool quits.
        let round = W::round::<Adapter>(&params, Size::with_messages(messages as u64))
            .unwrap_or_else(|error| panic!("{error}"));
        assert!(round.messages > 0, "nothing was delivered");
    })
}

/// The table: a row has a name, a workload, bounds, the numbers of messages for loom and for shuttle, and the
/// params; braces in these stand for a number of threads, again for loom and for shuttle.
macro_rules! rounds {
    ($($name:ident: $workload:ty, $bounds:expr, ($few:literal, $more:literal), $params:literal $(, ($few_threads:literal, $more_threads:literal))?;)*) => {
        fn table() -> Vec<Model> {
            vec![$({
                let params = format!($params $(, sized($few_threads, $more_threads))?);
                round::<$workload>(stringify!($name), $bounds, &params, sized($few, $more))
            }),*]
        }

        /// The workloads that have a model.
        const MODELLED: &[&str] = &[$(<$workload>::INFO.name),*];
    };
}

rounds! {
    one_producer_and_one_consumer: ProducerConsumer, DEFAULT, (3, 12), "capacity=1";
    producers_and_a_consumer: ProducerConsumer, at_most(2), (3, 12), "capacity=1,producers={}", (2, 4);
    producers_and_consumers_that_meet: ProducerConsumer, at_most(2), (2, 8), "capacity=0,consumers=2,producers={}", (1, 3);
    producers_and_consumers_at_capacity_2: ProducerConsumer, at_most(2), (3, 16), "capacity=2,consumers=2,producers={}", (2, 3);
    boxed_messages_without_bound: ProducerConsumer, at_most(2), (3, 12), "capacity=unbounded,payload=box256,producers={}", (2, 4);
    forwarders: FanIn, at_most(1), (2, 9), "variant=forwarders,capacity=1,inputs={}", (1, 3);
    one_forwarder: FanIn, at_most(2), (3, 8), "variant=forwarders,capacity=1,inputs=1";
    selected_inputs: FanIn, at_most(1), (2, 9), "variant=select,capacity=1,inputs={}", (2, 3);
    shared_senders: FanIn, at_most(2), (3, 12), "variant=shared,capacity=1,inputs={}", (2, 4);
    one_worker_of_a_pipeline: Pipeline, at_most(1), (2, 6), "capacity=1,workers=1";
    workers_of_a_pipeline_that_meet: Pipeline, at_most(1), (1, 8), "capacity=0,workers={}", (1, 3);
    a_pool: WorkerPool, at_most(2), (3, 12), "capacity=1,workers={}", (1, 3);
    a_pool_that_quits: WorkerPool, at_most(2), (3, 12), "capacity=1,quit=half,workers={}", (1, 3);
    a_pool_that_meets_and_quits: WorkerPool, at_most(1), (3, 8), "capacity=0,quit=half,workers={}", (1, 2);
    one_caller: TokenBucket, at_most(2), (2, 6), "rate=1000000000,burst=2,callers=1";
    callers: TokenBucket, at_most(1), (2, 12), "rate=1000000000,burst=2,callers={}", (2, 4);
    ping_pong: PingPong, DEFAULT, (4, 20), "capacity=1";
    ping_pong_that_meets: PingPong, DEFAULT, (4, 12), "capacity=0";
    a_log_of_one_partition: PartitionedLog, at_most(1), (2, 12), "capacity=1,partitions=1,failing=0,workers={}", (1, 3);
    a_log_that_meets: PartitionedLog, at_most(1), (1, 6), "capacity=0,order=none,workers=1,failing=0,partitions={}", (1, 2);
    a_log_with_failures: PartitionedLog, at_most(1), (1, 8), "capacity=1,failing=1000,keys=2,workers=1,partitions={}", (1, 2);
    a_log_that_stops: PartitionedLog, at_most(1), (2, 12), "capacity=1,stop=half,order=partition,failing=0,workers=1,partitions={}", (1, 3);
    an_open_loop: OpenLoop, at_most(2), (3, 12), "rate=100000000,capacity=1,producers=2,consumers={}", (1, 3);
}

fn main() -> ExitCode {
    for workload in Registry::baseline().workloads() {
        assert!(
            MODELLED.contains(&workload.name),
            "{} has no model: add a row to models/tests/workloads.rs",
            workload.name
        );
    }
    models::run(table())
}
