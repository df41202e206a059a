//! How a pool of workers shares out its jobs and stops, without the round that times it.
//!
//! It is written on [`contract::sync`], so the models explore the very code that is measured.
//!
//! `quit` is a flag that a worker reads before each job, so it always finishes the job it has and delivers its
//! result. A worker that waits for a job is woken because the submitter, which sees the flag, drops its sender.
//! A submitter that waits in a full channel is woken because the last worker drops its receiver. A worker that
//! waits in a full results channel is served by the collector, which goes on until every worker is gone.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::thread_group::panic_message;
use contract::channel::{Receiver, Sender};
use contract::sync::{Arc, AtomicBool, Ordering};

/// The flag that makes the workers of a pool stop after their current job.
#[derive(Clone, Debug)]
pub struct Quit(Arc<AtomicBool>);

impl Quit {
    /// A flag that is not raised.
    #[expect(clippy::new_without_default, reason = "a quit is shared by cloning, never made by default")]
    pub fn new() -> Self {
        Quit(Arc::new(AtomicBool::new(false)))
    }

    /// Raises the flag for all workers.
    pub fn raise(&self) {
        // Pairs with the Acquire load in `raised`: a thread that sees the flag sees what was done before it
        // was raised.
        self.0.store(true, Ordering::Release);
    }

    /// Whether the flag is raised.
    #[inline]
    pub fn raised(&self) -> bool {
        // Pairs with the Release store in `raise`.
        self.0.load(Ordering::Acquire)
    }
}

/// The outcome of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobOutcome<R> {
    /// Done, with its value.
    Done(R),
    /// The job reported a failure, with this reason.
    Failed(String),
    /// The job panicked with this message. The worker goes on.
    Panicked(String),
}

/// Why a worker stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// The quit flag was raised.
    Quit,
    /// Every job is done and no more will come.
    NoMoreJobs,
    /// The collector is gone.
    NoCollector,
}

/// The loop of one worker: takes jobs, runs them with `run` and sends the results, until there are no more
/// jobs or `quit` is raised.
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
        if results.send(run(job)).is_err() {
            return Stopped::NoCollector;
        }
    }
    Stopped::Quit
}

/// The result of a submitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// Jobs made. The channel accepted all of them, except for the last one before a disconnect.
    pub made: u64,
    /// Whether the channel reported that every worker is gone.
    pub disconnected: bool,
}

/// The loop of the submitter: makes and submits `count` jobs, or fewer if `quit` is raised or the workers are
/// gone. Calls `accepted` after each with the number of jobs so far.
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

/// Runs a job. A failure or a panic is an outcome and does not end the worker.
pub fn outcome<R>(job: impl FnOnce() -> Result<R, String>) -> JobOutcome<R> {
    match catch_unwind(AssertUnwindSafe(job)) {
        Ok(Ok(value)) => JobOutcome::Done(value),
        Ok(Err(reason)) => JobOutcome::Failed(reason),
        Err(panic) => JobOutcome::Panicked(panic_message(&*panic)),
    }
}
