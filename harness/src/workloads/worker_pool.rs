//! `worker_pool`: bounded jobs and results, back-pressure, and a `quit` that loses nothing.
//!
//! The pool's coordination ([`Quit`], [`submit`], [`serve`]) is apart from the round that times it, and written on [`crate::sync`]: the
//! models explore the very code that is measured.
//!
//! How it stops: `quit` is a flag that a worker looks at before each job, so it always finishes the job it has and delivers
//! its result. A worker that waits for a job is woken because the submitter, seeing the flag, drops its sender; a
//! submitter that waits in a full channel is woken because the last worker drops its receiver. A worker that waits in a
//! full results channel is served by the collector, which goes on until every worker is gone.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use crate::channel::{Capacity, Channel, Receiver, Sender, receivers};
use crate::crew::{Crew, Member, panic_message};
use crate::fault::Fault;
use crate::holders::Holders;
use crate::ledger::{Deliveries, Ledger, balanced};
use crate::message::{Message, MessageId, Payload};
use crate::mutants::{Mutant, active};
use crate::params::{Kind, ParamSpec, Params};
use crate::profile::Profile::{Full, Quick, Standard};
use crate::sync::{Arc, AtomicBool, AtomicU64, Ordering};
use crate::workload::{
    Figure, RankedBy, Round, RoundError, Size, Workload, WorkloadInfo, timed_region, work, work_time,
};

/// Tells the workers of a pool to stop after their current job.
#[derive(Clone, Debug)]
pub struct Quit(Arc<AtomicBool>);

impl Quit {
    /// Not raised.
    #[expect(clippy::new_without_default, reason = "a quit is shared by cloning, never made by default")]
    pub fn new() -> Self {
        Quit(Arc::new(AtomicBool::new(false)))
    }

    /// Tells all workers.
    pub fn raise(&self) {
        // Pairs with the Acquire load in `raised`: whoever sees the flag sees what was done before it was raised.
        self.0.store(true, if active(Mutant::QuitIsRelaxed) { Ordering::Relaxed } else { Ordering::Release });
    }

    /// Whether it was raised.
    #[inline]
    pub fn raised(&self) -> bool {
        // Pairs with the Release store in `raise`.
        self.0.load(if active(Mutant::QuitIsRelaxed) { Ordering::Relaxed } else { Ordering::Acquire })
    }
}

/// What became of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<R> {
    /// Done, with its value.
    Done(R),
    /// The job said that it failed, and why.
    Failed(String),
    /// The job panicked, and what the panic said. The worker goes on.
    Panicked(String),
}

/// Why a worker stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It was told to quit.
    Quit,
    /// Every job was done and no more will come.
    NoMoreJobs,
    /// Nobody takes results any more.
    NoCollector,
}

/// The loop of one worker: takes jobs and delivers what `run` makes of them until there are no more or `quit` is raised.
///
/// A job that was taken is run and its result is sent, whatever happens meanwhile.
pub fn serve<J, R>(
    jobs: &impl Receiver<J>,
    results: &impl Sender<R>,
    quit: &Quit,
    mut run: impl FnMut(J) -> R,
) -> Stopped {
    while !quit.raised() {
        let Ok(job) = jobs.recv() else {
            return Stopped::NoMoreJobs;
        };
        if active(Mutant::QuitForgetsTheJob) && quit.raised() {
            break;
        }
        if results.send(run(job)).is_err() {
            return Stopped::NoCollector;
        }
    }
    Stopped::Quit
}

/// What a submitter did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// Jobs made; the channel accepted all of them, but for the last one after a disconnect.
    pub made: u64,
    /// Whether it was told that every worker is gone.
    pub disconnected: bool,
}

/// The loop of the submitter: makes and submits `count` jobs, or as many as it can until `quit` is raised or the workers are
/// gone. `accepted` is told how many there are after each.
pub fn submit<J>(
    jobs: &impl Sender<J>,
    count: u64,
    quit: &Quit,
    mut make: impl FnMut(u64) -> J,
    mut accepted: impl FnMut(u64),
) -> Submitted {
    for seq in 0..count {
        if quit.raised() {
            return Submitted { made: seq, disconnected: false };
        }
        if jobs.send(make(seq)).is_err() {
            return Submitted { made: seq + 1, disconnected: true };
        }
        accepted(seq + 1);
    }
    Submitted { made: count, disconnected: false }
}

/// Runs a job that may fail or panic; either is an outcome, and not the end of the worker.
pub fn outcome<R>(job: impl FnOnce() -> Result<R, String>) -> Outcome<R> {
    if active(Mutant::PanicKillsTheWorker) {
        return job().map_or_else(Outcome::Failed, Outcome::Done);
    }
    match catch_unwind(AssertUnwindSafe(job)) {
        Ok(Ok(value)) => Outcome::Done(value),
        Ok(Err(reason)) => Outcome::Failed(reason),
        Err(panic) => Outcome::Panicked(panic_message(&*panic)),
    }
}

/// The workload `worker_pool`.
#[derive(Debug)]
pub struct WorkerPool;

/// Of each so many jobs one fails.
const FAILING: u64 = 128;
/// Of each so many jobs one panics. Unwinding takes microseconds, so few do.
const PANICKING: u64 = 1024;
/// The submitter looks at the back-pressure after each so many jobs.
const LOOK: u64 = 64;

/// What a worker delivers.
#[derive(Debug)]
struct Delivery {
    job: Message,
    worker: usize,
    outcome: Outcome<u64>,
}

/// What the job of this id has to give: every kind of outcome occurs in every round.
fn expected(seq: u64) -> Outcome<u64> {
    if seq % PANICKING == 1 {
        Outcome::Panicked("a job that panics".to_owned())
    } else if seq % FAILING == 2 {
        Outcome::Failed("a job that fails".to_owned())
    } else {
        Outcome::Done(seq.wrapping_mul(3))
    }
}

/// The job itself.
fn run(id: MessageId, steps: u64) -> Result<u64, String> {
    work(steps);
    match expected(id.seq) {
        Outcome::Done(value) => Ok(value),
        Outcome::Failed(reason) => Err(reason),
        // Unwinds without the panic hook, which would print a report for each of thousands.
        Outcome::Panicked(message) => resume_unwind(Box::new(message)),
    }
}

impl Workload for WorkerPool {
    const INFO: WorkloadInfo = WorkloadInfo {
        name: "worker_pool",
        about: "A submitter, W workers, a collector; jobs and results in channels of the same capacity. One job in 128 \
                fails and one in 1,024 panics: each is a result. With quit=half the pool is told to stop half-way, and \
                the time until the last worker has stopped is the drain.",
        caveat: "Jobs are equally long. A failed job allocates its reason and a panic unwinds: some nanoseconds of each \
                 op, the same for all channels.",
        ranked_by: RankedBy::Time,
        params: &[
            ParamSpec { name: "workers", about: "worker threads", kind: Kind::Threads, default: "4" },
            ParamSpec {
                name: "capacity",
                about: "jobs, and results, that wait at most",
                kind: Kind::Capacity,
                default: "64",
            },
            ParamSpec {
                name: "work",
                about: "steps of integer work (about 1 ns each) in each job",
                kind: Kind::Number { least: 0, most: 1_000_000 },
                default: "0",
            },
            ParamSpec {
                name: "quit",
                about: "never: every job is done; half: the pool is told to quit after half of the results",
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

    fn round<C: Channel>(params: &Params, size: Size) -> Result<Round, RoundError> {
        let workers = params.threads("workers");
        let steps = params.number("work");
        let capacity = params.capacity().expect("the workload declares a capacity");
        let share = size.messages;
        let quit_after = (params.choice("quit") == "half").then_some((share / 2).max(1));
        // What the two channels, the workers and the collector can hold; `None` when the channels hold any number.
        let room = C::effective_capacity(capacity).slots().map(|slots| 2 * slots as u64 + workers as u64 + 1);

        let (job_sender, job_receiver) = C::open::<Message>(capacity)?;
        let job_receivers = receivers(job_receiver, workers)?;
        let (result_sender, result_receiver) = C::open::<Delivery>(capacity)?;
        let quit = Quit::new();
        let collected = Arc::new(AtomicU64::new(0));
        let (submitting, taking, delivering) = (Holders::new(), Holders::new(), Holders::new());
        let mut crew = Crew::new(1 + workers + 1, size)?;

        let mut serving = Vec::with_capacity(workers);
        for (worker, jobs) in job_receivers.into_iter().enumerate() {
            let (jobs, results) = (taking.hold(jobs), delivering.hold(result_sender.clone()));
            let (quit, submitting) = (quit.clone(), submitting.clone());
            serving.push(crew.spawn(format!("worker {worker}"), move |gate| {
                let mut done = Ledger::new(&[share]);
                let passed = gate.pass();
                let stopped = serve(&*jobs, &*results, &quit, |job| {
                    let outcome = match done.record(&job) {
                        Some(id) => outcome(|| run(id, steps)),
                        None => Outcome::Failed("a faulty delivery, which the ledger names".to_owned()),
                    };
                    Delivery { job, worker, outcome }
                });
                let told = match stopped {
                    Stopped::Quit => Ok(()),
                    Stopped::NoMoreJobs => submitting.disconnected("worker"),
                    // The collector outlives the workers.
                    Stopped::NoCollector => Err(Fault::EarlyDisconnect { thread: "worker" }),
                };
                (passed, told, done, Instant::now())
            })?);
        }
        drop(result_sender);

        let submitter = crew.spawn("submitter", {
            let jobs = submitting.hold(job_sender);
            let (quit, collected) = (quit.clone(), Arc::clone(&collected));
            move |gate| {
                let passed = gate.pass();
                let mut jam = None;
                let make = |seq| Message::new(MessageId { producer: 0, seq });
                let submitted = submit(&*jobs, share, &quit, make, |accepted| {
                    if let Some(room) = room
                        && accepted % LOOK == 1
                    {
                        // Relaxed: see the collector's store.
                        let in_flight = accepted.saturating_sub(collected.load(Ordering::Relaxed));
                        if in_flight > room {
                            jam.get_or_insert(Fault::NoBackPressure { in_flight, limit: room });
                        }
                    }
                });
                let told = if submitted.disconnected {
                    // Right when the workers have quit; else they are still there.
                    taking.disconnected("submitter")
                } else {
                    Ok(())
                };
                (passed, submitted.made, told, jam)
            }
        })?;

        let collecting = crew.spawn("collector", {
            let quit = quit.clone();
            move |gate| {
                let mut results = Ledger::with_ways(&[share], workers);
                let passed = gate.pass();
                let mut wrong = None;
                let mut last = passed;
                let mut quit_raised = None;
                while let Ok(delivery) = result_receiver.recv() {
                    if let Some(id) = results.record_by(&delivery.job, delivery.worker)
                        && delivery.outcome != expected(id.seq)
                    {
                        wrong.get_or_insert(Fault::WrongResult(id));
                    }
                    delivery.job.settle();
                    // Relaxed: only the count matters. It is behind by one job at most, the one that `room` grants to the
                    // collector: the next receive publishes it.
                    collected.store(results.delivered_by_ways(), Ordering::Relaxed);
                    if quit_after.is_some_and(|after| results.delivered_by_ways() >= after) {
                        let now = Instant::now();
                        quit_raised.get_or_insert(now);
                        quit.raise();
                        last = now;
                    }
                }
                (passed, results, delivering.disconnected("collector"), wrong, last, quit_raised)
            }
        })?;

        let ended = crew.join()?;
        let (submitter_passed, made, submitter_told, jam) = submitter.result();
        let (collector_passed, results, collector_told, wrong, last_after_quit, quit_raised) =
            collecting.result();
        let mut passed = vec![submitter_passed, collector_passed];
        let mut done = Vec::with_capacity(workers);
        let mut workers_told = Ok(());
        let mut last_stopped = collector_passed;
        for (moment, told, ledger, stopped) in serving.into_iter().map(Member::result) {
            passed.push(moment);
            workers_told = workers_told.and(told);
            last_stopped = last_stopped.max(stopped);
            done.push(ledger);
        }

        // A disconnect that is none is why messages are missing; then the ledgers, which name the message that a wrong result
        // or a jam comes from.
        collector_told.and(workers_told).and(submitter_told)?;
        let done = Deliveries::join(done)?;
        let results = Deliveries::join([results])?;
        // Also of jobs that were submitted and never taken: they are dropped with their channel.
        balanced(results.undelivered(&[made]), ended.dropped)?;
        // A channel is a queue, so the jobs that were done are the first ones, however many those are.
        let taken = if quit_after.is_some() { done.count() } else { share };
        done.complete(&[taken])?;
        results.complete(&[taken])?;
        if let Some(fault) = wrong.or(jam) {
            return Err(fault.into());
        }
        let elapsed = match quit_after {
            None => timed_region(passed, results.last()),
            Some(after) => {
                quit_was_heard(taken.saturating_sub(after), C::effective_capacity(capacity), workers)?;
                timed_region(passed, Some(last_after_quit))
            }
        };
        let mut figures =
            vec![Figure { name: "jobs made and never taken", value: made.saturating_sub(taken) as f64 }];
        if let Some(raised) = quit_raised {
            // 0 when all jobs were done, and the workers gone, before half of the results were collected.
            let drain = last_stopped.saturating_duration_since(raised);
            figures.push(Figure { name: "drain after quit (ns)", value: drain.as_nanos() as f64 });
        }
        Ok(Round {
            messages: results.count(),
            elapsed,
            usage: ended.usage,
            allocations: ended.allocations,
            latency: None,
            figures,
        })
    }
}

/// Quit is heard: no more results came after it than were under way. These are the queued ones and one for each worker
/// (being sent, or of a job that it took just before); one more for each is granted, since a raised flag takes a moment
/// to be seen.
fn quit_was_heard(results: u64, capacity: Capacity, workers: usize) -> Result<(), Fault> {
    match capacity.slots() {
        Some(slots) => {
            let limit = slots as u64 + 2 * workers as u64;
            if results > limit { Err(Fault::QuitIgnored { results, limit }) } else { Ok(()) }
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
        assert!(matches!(outcomes[1], Outcome::Panicked(_)));
        assert!(matches!(outcomes[2], Outcome::Failed(_)));
        assert!(matches!(outcomes[3], Outcome::Done(9)));
    }

    #[test]
    fn a_panic_is_an_outcome_with_its_message() {
        let id = MessageId { producer: 0, seq: 1 };
        assert_eq!(outcome(|| run(id, 0)), Outcome::Panicked("a job that panics".to_owned()));
    }

    #[test]
    fn a_quit_that_is_not_heard_is_a_fault() {
        assert_eq!(quit_was_heard(66, Capacity::from_slots(64), 1), Ok(()));
        assert_eq!(
            quit_was_heard(67, Capacity::from_slots(64), 1),
            Err(Fault::QuitIgnored { results: 67, limit: 66 })
        );
        assert_eq!(quit_was_heard(1_000, Capacity::Unbounded, 1), Ok(()));
    }
}
