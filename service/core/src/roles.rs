//! The loops of a consumer's threads, over the channels of the contract.
//!
//! ```text
//! fetch ─► channel ─► feed ─┐                        ┌─► work
//! fetch ─► channel ─► feed ─┼─► Shared ─► dispatch ──┼─► work     ─► answers go back to Shared
//! fetch ─► channel ─► feed ─┘   (order,   ─► channel └─► work
//!        one per partition       commits)    of jobs
//! ```
//!
//! Nothing here waits for a worker but [`dispatch`], in the channel of jobs, and workers wait for no other thread: they answer
//! under the lock and go on. So a full channel is back-pressure and never a circle. Where a message can take long, the
//! coordinator is [`bounded`](Shared::bounded), so that commits and graces do not wait for it.

use std::collections::VecDeque;
use std::time::Duration;

use contract::channel::{Receiver, Sender, TryRecvError};

use crate::coordinator::{Commit, Outcome, Record};
use crate::scheduler::Job;
use crate::shared::{Fed, Shared, Taken};
use crate::source::{Input, Lane, Stored};
use crate::tracker::TrackError;

/// Jobs that the dispatcher takes at a time, so that it takes the lock seldom.
const JOBS: usize = 32;

/// Why a thread that fetches has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched<E> {
    /// The partition drains: nothing more is to be fetched.
    Drains,
    /// The source has no more.
    Ended,
    /// The thread that feeds is gone.
    NobodyFeeds,
    /// The source failed.
    Failed(E),
}

/// Fetches records of a partition, at most `batch` at a time, and sends them into its channel, until the partition
/// drains.
pub fn fetch<L: Lane>(
    partition: usize,
    lane: &mut L,
    batch: usize,
    records: &impl Sender<Record<L::Message>>,
    shared: &Shared<L::Message>,
) -> Fetched<L::Error> {
    let mut fetched = Vec::with_capacity(batch);
    while shared.may_fetch(partition) {
        let input = match lane.receive(batch, &mut fetched) {
            Ok(input) => input,
            Err(error) => return Fetched::Failed(error),
        };
        for record in fetched.drain(..) {
            if records.send(record).is_err() {
                return Fetched::NobodyFeeds;
            }
        }
        if input == Input::Ended {
            return Fetched::Ended;
        }
    }
    Fetched::Drains
}

/// Why a thread that feeds has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedEnd {
    /// The thread that fetches is gone, and everything it sent was handed over.
    Disconnected,
    /// The partition takes no more.
    Refused,
    /// The source broke its promise.
    Wrong(TrackError),
}

/// Hands over the records of a partition's channel, at most `batch` at a time, until the disconnect, and closes the
/// partition. A record for which `arrives` returns false is dropped. `epoch` is the number of the assignment that the
/// channel belongs to.
pub fn feed<M: Send + 'static>(
    partition: usize,
    epoch: u64,
    records: &impl Receiver<Record<M>>,
    batch: usize,
    shared: &Shared<M>,
    mut arrives: impl FnMut(&Record<M>) -> bool,
) -> FeedEnd {
    let (mut arrived, mut surplus) = (VecDeque::with_capacity(batch), Vec::new());
    let mut is_connected = true;
    let mut end = FeedEnd::Disconnected;
    while is_connected {
        let Ok(first) = records.recv() else { break };
        let mut next = Some(first);
        while let Some(record) = next {
            if arrives(&record) {
                arrived.push_back(record);
            }
            let more = if arrived.len() < batch { records.try_recv() } else { Err(TryRecvError::Empty) };
            // A disconnect may be reported once only.
            is_connected = more.as_ref().err() != Some(&TryRecvError::Disconnected);
            next = more.ok();
        }
        let fed = shared.admit(partition, epoch, &mut arrived, &mut surplus);
        surplus.clear();
        match fed {
            Ok(Fed::Taken) => continue,
            Ok(Fed::Refused) => end = FeedEnd::Refused,
            Err(error) => end = FeedEnd::Wrong(error),
        }
        break;
    }
    shared.close(partition, epoch);
    end
}

/// Why the dispatcher has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DispatchEnd {
    /// A stop was requested, and every partition is complete.
    Finished,
    /// Nothing has happened for as long as it was prepared to wait.
    Stalled,
    /// Every worker is gone.
    NobodyWorks,
}

/// Sends messages that can be worked at to the workers, and stores commits with `store`, until every partition is
/// complete.
pub fn dispatch<M: Send + 'static>(
    jobs: &impl Sender<Job<M>>,
    shared: &Shared<M>,
    patience: Option<Duration>,
    mut store: impl FnMut(&Commit) -> Stored,
) -> DispatchEnd {
    let (mut taken, mut commits) = (Vec::with_capacity(JOBS), Vec::new());
    loop {
        match shared.take(JOBS, &mut taken, &mut commits, patience) {
            Taken::Finished => return DispatchEnd::Finished,
            Taken::Stalled => return DispatchEnd::Stalled,
            Taken::Work => {}
        }
        for commit in commits.drain(..) {
            match store(&commit) {
                Stored::Yes => shared.commit_ended(&commit, true),
                Stored::No(_) => shared.commit_ended(&commit, false),
                Stored::Later => {}
            }
        }
        for job in taken.drain(..) {
            if jobs.send(job).is_err() {
                return DispatchEnd::NobodyWorks;
            }
        }
    }
}

/// Works at messages with `process` until the dispatcher is gone. Answers are given in batches of at most `batch`, and
/// before the worker waits.
pub fn work<M: Send + 'static>(
    jobs: &impl Receiver<Job<M>>,
    batch: usize,
    shared: &Shared<M>,
    mut process: impl FnMut(Job<M>) -> Outcome<M>,
) {
    let mut answers = Vec::with_capacity(batch);
    loop {
        let job = match jobs.try_recv() {
            Ok(job) => job,
            Err(TryRecvError::Disconnected) => break,
            Err(TryRecvError::Empty) => {
                shared.answer(&mut answers);
                match jobs.recv() {
                    Ok(job) => job,
                    Err(_) => break,
                }
            }
        };
        let ticket = job.ticket;
        answers.push((ticket, process(job)));
        if answers.len() >= batch {
            shared.answer(&mut answers);
        }
    }
    shared.answer(&mut answers);
}
