//! `worker_pool`: bounded jobs and results, back-pressure, and a `quit` that loses nothing.
//!
//! The pool's coordination is in [`coordination`].

pub mod coordination;

use std::ops::RangeInclusive;
use std::panic::resume_unwind;
use std::time::{Duration, Instant};

use self::coordination::{JobOutcome, Quit, Stopped, outcome, serve, submit};
use super::roles::{Received, timed_region};
use crate::endpoints::EndpointCount;
use crate::ledger::{Deliveries, Ledger, balanced};
use crate::message::{Message, MessageId, Payload};
use crate::params::{Kind, ParamSpec, Params};
use crate::profile::Profile::{Full, Quick, Standard};
use crate::size::Size;
use crate::thread_group::{GroupThread, GroupTotals, StartBarrier, ThreadGroup};
use crate::violation::DeliveryViolation;
use crate::work::{work, work_time};
use crate::workload::{Figure, Metric, Round, RoundError, Workload, WorkloadInfo};
use contract::channel::{Capacity, Channel, Receiver, Sender, receivers};
use contract::sync::{Arc, AtomicU64, Ordering};

/// The workload `worker_pool`.
#[derive(Debug)]
pub struct WorkerPool;

/// One job in this many fails.
const FAILING: u64 = 128;
/// One job in this many panics. Unwinding takes microseconds, so few jobs do.
const PANICKING: u64 = 1024;
/// The submitter checks the back-pressure once in this many jobs.
const BACK_PRESSURE_INTERVAL: u64 = 64;

/// The result that a worker sends.
#[derive(Debug)]
struct Delivery {
    job: Message,
    worker: usize,
    outcome: JobOutcome<u64>,
}

/// The expected outcome of job `seq`. Every kind of outcome occurs in every round.
fn expected(seq: u64) -> JobOutcome<u64> {
    if seq % PANICKING == 1 {
        JobOutcome::Panicked("a job that panics".to_owned())
    } else if seq % FAILING == 2 {
        JobOutcome::Failed("a job that fails".to_owned())
    } else {
        JobOutcome::Done(seq.wrapping_mul(3))
    }
}

/// The job itself.
fn run(id: MessageId, steps: u64) -> Result<u64, String> {
    work(steps);
    match expected(id.seq) {
        JobOutcome::Done(value) => Ok(value),
        JobOutcome::Failed(reason) => Err(reason),
        // Unwinds without the panic hook, which would print a report for each of thousands of jobs.
        JobOutcome::Panicked(message) => resume_unwind(Box::new(message)),
    }
}

impl Workload for WorkerPool {
    const INFO: WorkloadInfo = WorkloadInfo {
        name: "worker_pool",
        about: "A submitter, W workers and a collector; jobs and results go through channels of the same \
                capacity. One job in 128 fails and one in 1,024 panics, and each is a result. With quit=half \
                the pool quits halfway; the time until the last worker has stopped is the drain.",
        caveat: "All jobs are equally long. A failed job allocates its reason and a panic unwinds, which \
                 adds some nanoseconds to each op, the same for all channels.",
        ranked_by: Metric::Throughput,
        params: &[
            ParamSpec { name: "workers", about: "worker threads", kind: Kind::Threads, default: "4" },
            ParamSpec {
                name: "capacity",
                about: "jobs that each of the two channels holds",
                kind: Kind::Capacity,
                default: "64",
            },
            ParamSpec {
                name: "work",
                about: "steps of integer work (about 1 ns each) per job",
                kind: Kind::Number { min: 0, max: 1_000_000 },
                default: "0",
            },
            ParamSpec {
                name: "quit",
                about: "never: every job is done; half: the pool quits after half of the results",
                kind: Kind::Choice(&["never", "half"]),
                default: "never",
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
            (Standard, "workers=1,quit=half"),
            (Full, "workers=4,quit=half"),
        ],
    };

    fn messages(params: &Params) -> u64 {
        match params.capacity().and_then(Capacity::slots) {
            Some(0 | 1) => 2_048,
            _ => 10_240,
        }
    }

    fn paced(params: &Params, messages: u64) -> Duration {
        work_time(params.number("work"), messages)
    }

    fn delivered(params: &Params, messages: u64) -> RangeInclusive<u64> {
        quit_after(params, messages).unwrap_or(messages)..=messages
    }

    fn round<C: Channel>(params: &Params, size: Size) -> Result<Round, RoundError> {
        let pool = Pool::from_params::<C>(params, size);
        let (job_sender, job_receiver) = C::open::<Message>(pool.capacity)?;
        let job_receivers = receivers(job_receiver, pool.workers)?;
        let (result_sender, result_receiver) = C::open::<Delivery>(pool.capacity)?;
        let quit = Quit::new();
        let collected = Arc::new(AtomicU64::new(0));
        let (submitting, taking, delivering) =
            (EndpointCount::new(), EndpointCount::new(), EndpointCount::new());
        let mut group = ThreadGroup::new(1 + pool.workers + 1, size)?;

        let mut workers = Vec::with_capacity(pool.workers);
        for (index, jobs) in job_receivers.into_iter().enumerate() {
            let (jobs, results) = (taking.guard(jobs), delivering.guard(result_sender.clone()));
            let (quit, submitting) = (quit.clone(), submitting.clone());
            workers.push(group.spawn(format!("worker {index}"), move |barrier| {
                pool.work(barrier, index, &*jobs, &*results, &quit, &submitting)
            })?);
        }
        drop(result_sender);
        let jobs = submitting.guard(job_sender);
        let submitter = group.spawn("submitter", {
            let (quit, collected) = (quit.clone(), Arc::clone(&collected));
            move |barrier| pool.submit(barrier, &*jobs, &quit, &collected, &taking)
        })?;
        let collector = group.spawn("collector", {
            let quit = quit.clone();
            move |barrier| pool.collect(barrier, &result_receiver, &collected, &quit, &delivering)
        })?;

        let totals = group.join()?;
        let (submitter, collector) = (submitter.result(), collector.result());
        let workers = workers.into_iter().map(GroupThread::result).collect();
        pool.verify(totals, submitter, workers, collector)
    }
}

/// The number of results after which a pool of `jobs` jobs quits.
fn quit_after(params: &Params, jobs: u64) -> Option<u64> {
    (params.choice("quit") == "half").then_some((jobs / 2).max(1))
}

/// The settings of one round.
#[derive(Clone, Copy, Debug)]
struct Pool {
    workers: usize,
    /// Steps of work per job.
    steps: u64,
    /// Jobs to submit.
    jobs: u64,
    /// The capacity of each of the two channels.
    capacity: Capacity,
    /// The capacity that the channel really gives.
    effective: Capacity,
    /// The number of results after which the pool quits.
    quit_after: Option<u64>,
}

/// The result of a worker.
#[derive(Debug)]
struct Worker {
    /// The moment at which it left the start barrier.
    started: Instant,
    /// The moment at which it stopped.
    stopped: Instant,
    /// The check of the disconnect that ended it, if one did.
    disconnect: Result<(), DeliveryViolation>,
    /// The jobs that it took.
    done: Ledger,
}

/// The result of the submitter.
#[derive(Debug)]
struct Submitter {
    /// The moment at which it left the start barrier.
    started: Instant,
    /// Jobs made.
    made: u64,
    /// The check of the disconnect that ended it, if one did.
    disconnect: Result<(), DeliveryViolation>,
    /// The first lack of back-pressure.
    jam: Option<DeliveryViolation>,
}

/// The result of the collector.
#[derive(Debug)]
struct Collector {
    received: Received,
    /// The first result that is not the expected one.
    wrong_result: Option<DeliveryViolation>,
    /// The moment at which it raised the quit flag.
    quit_raised: Option<Instant>,
    /// The moment of its last result after that; of its start before.
    last_after_quit: Instant,
}

impl Pool {
    fn from_params<C: Channel>(params: &Params, size: Size) -> Self {
        let capacity = params.capacity().expect("the workload declares a capacity");
        Pool {
            workers: params.threads("workers"),
            steps: params.number("work"),
            jobs: size.messages,
            capacity,
            effective: C::effective_capacity(capacity),
            quit_after: quit_after(params, size.messages),
        }
    }

    /// The messages that the two channels, the workers and the collector can hold; `None` if the channels are
    /// unbounded.
    fn room(&self) -> Option<u64> {
        self.effective.slots().map(|slots| 2 * slots as u64 + self.workers as u64 + 1)
    }

    /// The thread of one worker.
    #[inline]
    fn work(
        self,
        barrier: &StartBarrier,
        worker: usize,
        jobs: &impl Receiver<Message>,
        results: &impl Sender<Delivery>,
        quit: &Quit,
        submitting: &EndpointCount,
    ) -> Worker {
        let steps = self.steps;
        let mut done = Ledger::new(&[self.jobs]);
        let started = barrier.wait();
        let stopped = serve(jobs, results, quit, |job| {
            let outcome = match done.record(&job) {
                Some(id) => outcome(|| run(id, steps)),
                None => JobOutcome::Failed("a faulty delivery, which the ledger names".to_owned()),
            };
            Delivery { job, worker, outcome }
        });
        let disconnect = match stopped {
            Stopped::Quit => Ok(()),
            Stopped::NoMoreJobs => submitting.check_disconnect("worker"),
            // The collector outlives the workers.
            Stopped::NoCollector => Err(DeliveryViolation::EarlyDisconnect { thread: "worker" }),
        };
        Worker { started, stopped: Instant::now(), disconnect, done }
    }

    /// The thread of the submitter.
    #[inline]
    fn submit(
        self,
        barrier: &StartBarrier,
        jobs: &impl Sender<Message>,
        quit: &Quit,
        collected: &AtomicU64,
        taking: &EndpointCount,
    ) -> Submitter {
        let room = self.room();
        let started = barrier.wait();
        let mut jam = None;
        let make = |seq| Message::new(MessageId { producer: 0, seq });
        let submitted = submit(jobs, self.jobs, quit, make, |accepted| {
            if let Some(room) = room
                && accepted % BACK_PRESSURE_INTERVAL == 1
            {
                // Relaxed: see the collector's store.
                let in_flight = accepted.saturating_sub(collected.load(Ordering::Relaxed));
                if in_flight > room {
                    jam.get_or_insert(DeliveryViolation::NoBackPressure { in_flight, limit: room });
                }
            }
        });
        // Right if the workers have quit; otherwise they are still there.
        let disconnect = if submitted.disconnected { taking.check_disconnect("submitter") } else { Ok(()) };
        Submitter { started, made: submitted.made, disconnect, jam }
    }

    /// The thread of the collector.
    #[inline]
    fn collect(
        self,
        barrier: &StartBarrier,
        results: &impl Receiver<Delivery>,
        collected: &AtomicU64,
        quit: &Quit,
        delivering: &EndpointCount,
    ) -> Collector {
        let quit_after = self.quit_after;
        let mut ledger = Ledger::with_paths(&[self.jobs], self.workers);
        let started = barrier.wait();
        let mut wrong_result = None;
        let mut last_after_quit = started;
        let mut quit_raised = None;
        while let Ok(delivery) = results.recv() {
            if let Some(id) = ledger.record_on_path(&delivery.job, delivery.worker)
                && delivery.outcome != expected(id.seq)
            {
                wrong_result.get_or_insert(DeliveryViolation::WrongResult(id));
            }
            delivery.job.acknowledge();
            // Relaxed: only the number matters. It lags by at most one job, which `room` grants to the
            // collector: the next receive publishes it.
            collected.store(ledger.delivered_on_paths(), Ordering::Relaxed);
            if quit_after.is_some_and(|after| ledger.delivered_on_paths() >= after) {
                let now = Instant::now();
                quit_raised.get_or_insert(now);
                quit.raise();
                last_after_quit = now;
            }
        }
        let received = Received { started, disconnect: delivering.check_disconnect("collector"), ledger };
        Collector { received, wrong_result, quit_raised, last_after_quit }
    }

    fn verify(
        self,
        totals: GroupTotals,
        submitter: Submitter,
        workers: Vec<Worker>,
        collector: Collector,
    ) -> Result<Round, RoundError> {
        let Collector { received, wrong_result, quit_raised, last_after_quit } = collector;
        let mut starts = vec![submitter.started, received.started];
        let mut last_stopped = received.started;
        let mut workers_disconnect = Ok(());
        let mut done = Vec::with_capacity(self.workers);
        for worker in workers {
            starts.push(worker.started);
            last_stopped = last_stopped.max(worker.stopped);
            workers_disconnect = workers_disconnect.and(worker.disconnect);
            done.push(worker.done);
        }

        // An early disconnect explains missing messages, so it comes first; then the ledgers, which name the
        // message behind a wrong result or a jam.
        received.disconnect.and(workers_disconnect).and(submitter.disconnect)?;
        let done = Deliveries::join(done)?;
        let results = Deliveries::join([received.ledger])?;
        // Includes jobs that were submitted and never taken: they are dropped with their channel.
        balanced(results.undelivered(&[submitter.made]), totals.dropped)?;
        // A channel is a queue, so the jobs that were done are the first ones, however many those are.
        let taken = if self.quit_after.is_some() { done.count() } else { self.jobs };
        done.complete(&[taken])?;
        results.complete(&[taken])?;
        if let Some(violation) = wrong_result.or(submitter.jam) {
            return Err(violation.into());
        }
        let elapsed = match self.quit_after {
            None => timed_region(starts, results.last()),
            Some(after) => {
                check_quit(taken.saturating_sub(after), self.effective, self.workers)?;
                timed_region(starts, Some(last_after_quit))
            }
        };
        let never_taken = submitter.made.saturating_sub(taken);
        let mut figures = vec![Figure { name: "jobs made and never taken", value: never_taken as f64 }];
        if let Some(raised) = quit_raised {
            // 0 if all jobs were done, and the workers gone, before half of the results were collected.
            let drain = last_stopped.saturating_duration_since(raised);
            figures.push(Figure { name: "drain after quit (ns)", value: drain.as_nanos() as f64 });
        }
        Ok(Round {
            messages: results.count(),
            elapsed,
            usage: totals.usage,
            allocations: totals.allocations,
            latency: None,
            figures,
        })
    }
}

/// Checks that the workers obeyed the quit flag: no more results came after it than were in flight.
///
/// In flight are the queued results and one for each worker (being sent, or of a job that it took just
/// before). One more for each worker is granted, since a raised flag takes a moment to become visible.
fn check_quit(results: u64, capacity: Capacity, workers: usize) -> Result<(), DeliveryViolation> {
    match capacity.slots() {
        Some(slots) => {
            let limit = slots as u64 + 2 * workers as u64;
            if results > limit { Err(DeliveryViolation::QuitIgnored { results, limit }) } else { Ok(()) }
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_occurs_in_a_small_round() {
        let outcomes: Vec<_> = (0..4).map(expected).collect();
        assert!(matches!(outcomes[1], JobOutcome::Panicked(_)));
        assert!(matches!(outcomes[2], JobOutcome::Failed(_)));
        assert!(matches!(outcomes[3], JobOutcome::Done(9)));
    }

    #[test]
    fn a_panic_is_an_outcome_with_its_message() {
        let id = MessageId { producer: 0, seq: 1 };
        assert_eq!(outcome(|| run(id, 0)), JobOutcome::Panicked("a job that panics".to_owned()));
    }

    #[test]
    fn too_many_results_after_quit_are_a_violation() {
        assert_eq!(check_quit(66, Capacity::from_slots(64), 1), Ok(()));
        assert_eq!(
            check_quit(67, Capacity::from_slots(64), 1),
            Err(DeliveryViolation::QuitIgnored { results: 67, limit: 66 })
        );
        assert_eq!(check_quit(1_000, Capacity::Unbounded, 1), Ok(()));
    }
}
