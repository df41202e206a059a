//! Models of `worker_pool`'s coordination: a pool that quits at any moment loses no result and ends.
//!
//! The threads are the workload's: a submitter and workers that run the real [`submit`] and [`serve`], and a
//! collector, which is the main thread and raises [`Quit`]. Loom explores every moment for that: while a
//! worker runs a job, waits for one, or waits for room in the results channel, and while the submitter waits
//! for room in the jobs channel.

use std::panic::resume_unwind;

use baseline::{DequeReceiver, MutexDeque};
use contract::channel::{Capacity, Channel, Receiver, receivers};
use contract::sync::thread::{self, JoinHandle};
use contract::sync::{Arc, AtomicBool, Bounds, Ordering};
use models::bounds::{DEFAULT, EVERY_SCHEDULE, at_most};
use models::needs::Needs;
use models::payload::{Id, Payload, Payloads, assert_each_once};
use models::{Model, joined};
use workloads::worker_pool::WorkerPool;
use workloads::worker_pool::coordination::{JobOutcome, Quit, Stopped, outcome, serve, submit};
use workloads::workload::Workload;

fn model(name: &str, bounds: Bounds, scenario: fn()) -> Model {
    Model::of_workload(name, WorkerPool::INFO.name, Needs::NOTHING, bounds, scenario)
}

/// The delivery of a worker: the job and its outcome.
type Delivery = (Payload, JobOutcome<usize>);

/// A pool, and the number of its jobs.
#[derive(Clone, Copy, Debug)]
struct Pool {
    workers: usize,
    /// Capacity of the jobs channel.
    jobs: Capacity,
    /// Capacity of the results channel.
    results: Capacity,
    submitted: usize,
}

/// The threads of a pool, and the handles of the main thread.
struct Running {
    payloads: Payloads,
    quit: Quit,
    results: DequeReceiver<Delivery>,
    /// Returns the number of accepted jobs.
    submitter: JoinHandle<usize>,
    /// Each returns the jobs that it took, and the reason why it stopped.
    workers: Vec<JoinHandle<(Vec<Id>, Stopped)>>,
}

impl Pool {
    fn start(self) -> Running {
        let open = "the baseline has every capacity";
        let (job_sender, job_receiver) = MutexDeque::open::<Payload>(self.jobs).expect(open);
        let (result_sender, results) = MutexDeque::open::<Delivery>(self.results).expect(open);
        let (payloads, quit) = (Payloads::new(), Quit::new());
        let workers = receivers(job_receiver, self.workers)
            .expect("the baseline has several consumers")
            .into_iter()
            .map(|jobs| {
                let (results, quit) = (result_sender.clone(), quit.clone());
                thread::spawn(move || {
                    let mut taken = Vec::new();
                    let stopped = serve(&jobs, &results, &quit, |job| {
                        taken.push(job.id());
                        let outcome = outcome(|| run(job.id()));
                        (job, outcome)
                    });
                    (taken, stopped)
                })
            })
            .collect();
        let submitter = {
            let (payloads, quit) = (payloads.clone(), quit.clone());
            thread::spawn(move || {
                let make = |seq| payloads.make(0, seq as usize);
                let submitted = submit(&job_sender, self.submitted as u64, &quit, make, |_| ());
                submitted.made as usize - usize::from(submitted.disconnected)
            })
        };
        Running { payloads, quit, results, submitter, workers }
    }
}

/// The first job succeeds, the second fails and the third panics.
fn run((_, seq): Id) -> Result<usize, String> {
    match expected(seq) {
        JobOutcome::Done(value) => Ok(value),
        JobOutcome::Failed(reason) => Err(reason),
        // Without the panic hook, as in the workload, so that the model does not fail.
        JobOutcome::Panicked(message) => resume_unwind(Box::new(message)),
    }
}

fn expected(seq: usize) -> JobOutcome<usize> {
    match seq {
        1 => JobOutcome::Failed("fails".to_owned()),
        2 => JobOutcome::Panicked("panics".to_owned()),
        _ => JobOutcome::Done(seq),
    }
}

/// The collector raises quit after `quit_after` results, or never, and takes the other results until every
/// worker is gone.
fn collect(pool: Pool, quit_after: Option<usize>) {
    let running = pool.start();
    let mut results = Vec::new();
    loop {
        if quit_after == Some(results.len()) {
            running.quit.raise();
        }
        let Ok((job, outcome)) = running.results.recv() else {
            break;
        };
        assert_eq!(outcome, expected(job.id().1));
        results.push(job.id());
    }
    let accepted = joined(running.submitter);
    let mut taken = Vec::new();
    for worker in running.workers {
        let (jobs, stopped) = joined(worker);
        taken.extend(jobs);
        assert_ne!(stopped, Stopped::NoCollector, "the collector outlives the workers");
    }
    taken.sort_unstable();
    results.sort_unstable();
    assert_eq!(results, taken, "each job that was taken has its result delivered");
    if quit_after.is_none() {
        assert_eq!((accepted, results.len()), (pool.submitted, pool.submitted));
    }
    drop(running.results);
    running.payloads.assert_each_dropped_once();
}

const ONE_WORKER: Pool = Pool {
    workers: 1,
    jobs: Capacity::Bounded(std::num::NonZeroUsize::MIN),
    results: Capacity::Bounded(std::num::NonZeroUsize::MIN),
    submitted: 3,
};

const TWO_WORKERS: Pool = Pool { workers: 2, submitted: 2, ..ONE_WORKER };

/// The same with rendezvous channels.
const HAND_TO_HAND: Pool = Pool { jobs: Capacity::Rendezvous, results: Capacity::Rendezvous, ..ONE_WORKER };

/// The collector drops its end of the results without raising quit: worker and submitter end all the same.
fn the_collector_goes_without_quit() {
    let running = ONE_WORKER.start();
    running.results.recv().expect("the first job has a result");
    drop(running.results);
    joined(running.submitter);
    for (_, stopped) in running.workers.into_iter().map(joined) {
        assert_ne!(stopped, Stopped::Quit, "quit was not raised");
    }
    running.payloads.assert_each_dropped_once();
}

/// An accepted job is done or was never taken: a worker that quits does not forget the job that it has. The
/// other models cannot show that, since a job that was never taken is dropped with its channel; here the rest
/// of the channel is received.
fn a_job_is_done_or_never_taken() {
    let open = "the baseline has every capacity";
    let (jobs, job_receiver) = MutexDeque::open::<Payload>(Capacity::from_slots(1)).expect(open);
    let (result_sender, results) = MutexDeque::open::<Payload>(Capacity::from_slots(1)).expect(open);
    let (payloads, quit) = (Payloads::new(), Quit::new());
    let left = job_receiver.try_clone().expect("the baseline has several consumers");
    let worker = {
        let quit = quit.clone();
        thread::spawn(move || serve(&job_receiver, &result_sender, &quit, |job| job))
    };
    // One job, which the channel has room for: a submitter that waits would not be woken while `left` is
    // held.
    submit(&jobs, 1, &quit, |_| payloads.make(0, 0), |_| ());
    quit.raise();
    drop(jobs);
    joined(worker);
    let done = results.recv().map(|job| job.id()).into_iter();
    let not_taken = left.recv().map(|job| job.id()).into_iter();
    assert_each_once(done.chain(not_taken), &[1]);
    payloads.assert_each_dropped_once();
}

/// A thread that sees the flag sees everything that happened before it was raised.
fn quit_publishes_what_was_done_before() {
    let quit = Quit::new();
    let done = Arc::new(AtomicBool::new(false));
    let worker = {
        let (quit, done) = (quit.clone(), Arc::clone(&done));
        // Relaxed: it is the flag that has to order them.
        thread::spawn(move || !quit.raised() || done.load(Ordering::Relaxed))
    };
    done.store(true, Ordering::Relaxed);
    quit.raise();
    assert!(joined(worker), "quit was seen, and not what was done before");
}

/// The models of this file.
pub(crate) fn table() -> Vec<Model> {
    vec![
        model("every_job_is_done_without_quit", DEFAULT, || collect(ONE_WORKER, None)),
        // Results never wait, which keeps the number of schedules of four threads small.
        model("every_job_is_done_by_two_workers", at_most(2), || {
            collect(Pool { results: Capacity::Unbounded, ..TWO_WORKERS }, None)
        }),
        // The worker may run a job, wait for one or for room, or not have begun; the submitter may wait in
        // the full channel.
        model("quit_at_the_start", DEFAULT, || collect(ONE_WORKER, Some(0))),
        model("quit_after_a_result", DEFAULT, || collect(ONE_WORKER, Some(1))),
        model("quit_at_the_start_of_a_rendezvous_pool", DEFAULT, || collect(HAND_TO_HAND, Some(0))),
        model("quit_after_a_result_of_a_rendezvous_pool", DEFAULT, || collect(HAND_TO_HAND, Some(1))),
        // One worker may run a job while the other waits for one.
        model("quit_of_two_workers_at_the_start", at_most(2), || collect(TWO_WORKERS, Some(0))),
        model("quit_of_two_workers_after_a_result", at_most(2), || collect(TWO_WORKERS, Some(1))),
        model("the_collector_goes_without_quit", DEFAULT, the_collector_goes_without_quit),
        model("a_job_is_done_or_never_taken", EVERY_SCHEDULE, a_job_is_done_or_never_taken),
        model("quit_publishes_what_was_done_before", EVERY_SCHEDULE, quit_publishes_what_was_done_before),
    ]
}
