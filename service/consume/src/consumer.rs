//! The threads of a consumer, and what ends them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use contract::channel::{Capacity, Channel, receivers};
use engine::StopSignal;
use service_core::coordinator::{self, Commit, Left};
use service_core::roles::{DispatchEnd, dispatch, work};
use service_core::scheduler::{Job, Limits, Order};
use service_core::shared::{Clock, Shared};
use service_core::source::{Lane, Source, Stored};
use service_log::Message;

use crate::Failure;
use crate::lanes::{Alarm, Ask, Keeper};
use crate::monitor::{Monitor, Snapshot};
use crate::output::Output;
use crate::process::Processor;
use crate::report::{Report, Stopped};
use crate::work::Work;

/// The time after a failed commit before it is tried again.
const COMMIT_RETRY: Duration = Duration::from_secs(1);

/// The time that the last commits have after the grace.
const LAST_COMMITS: Duration = Duration::from_secs(5);

/// The interval of snapshots, and of looks at the limit of dead letters.
const TICK: Duration = Duration::from_millis(100);

/// The settings of a consumer.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Worker threads; at least 1.
    pub workers: usize,
    /// Messages that each channel holds: that of each partition, and that of the jobs.
    pub capacity: usize,
    /// Which messages are worked at one after the other.
    pub order: Order,
    /// Messages of a partition that are fetched and not done, at most.
    pub in_flight: usize,
    /// Attempts after the first one, before a message becomes a dead letter.
    pub retries: u32,
    /// The time between a failed attempt and the next one.
    pub retry_delay: Duration,
    /// A partition commits when this many messages are done since its last commit.
    pub commit_every: u64,
    /// The interval after which all partitions commit what is done.
    pub commit_interval: Duration,
    /// The longest time that a drain takes.
    pub grace: Duration,
    /// The number of dead letters that does not yet stop the consumer; `None` for any.
    pub dead_letter_limit: Option<u64>,
    /// Whether it stops when every lane has ended.
    pub until_end: bool,
}

/// Something that the thread in charge has to know.
#[derive(Debug)]
pub enum Note {
    /// A stop signal. The second one ends the consumer at once.
    Signal(StopSignal),
    /// Partitions were assigned.
    Assigned(usize),
    /// A lane has no more.
    LaneEnded,
    /// What is left of a partition that was revoked or lost.
    Left(Left),
    /// A commit was not stored, for this reason. It is tried again.
    CommitFailed(String),
    /// Something failed, and the consumer drains.
    Failed(Failure),
    /// An output failed, and the consumer ends without a drain: nothing more can be done.
    OutputFailed(Failure),
    /// The dispatcher has ended.
    Dispatched(DispatchEnd),
    /// The source is closed, or has failed.
    Closed(Result<(), Failure>),
}

/// Something that people should know while a consumer runs.
#[derive(Debug)]
pub enum News<'a> {
    /// How it goes.
    Goes(&'a Snapshot),
    /// It drains, for this reason and for at most this time; `None` for as long as it takes.
    Drains(Stopped, Option<Duration>),
    /// A commit was not stored, for this reason. It is tried again.
    CommitFailed(&'a str),
}

/// A consumer that has not begun.
pub struct Consumer {
    settings: Settings,
    shared: Arc<Shared<Message>>,
    work: Arc<Work>,
    monitor: Monitor,
    notes: Sender<Note>,
    noted: Receiver<Note>,
}

impl Consumer {
    /// A consumer of up to `partitions` partitions.
    pub fn new(
        settings: Settings,
        partitions: usize,
        processor: Box<dyn Processor>,
        sink: Output,
        dead_letters: Output,
    ) -> Self {
        let limits = Limits {
            in_flight: settings.in_flight,
            at_work: settings.in_flight,
            retries: settings.retries,
            retry_delay: settings.retry_delay,
        };
        let own = coordinator::Settings {
            order: settings.order,
            limits,
            commit_every: settings.commit_every,
            commit_retry: COMMIT_RETRY,
        };
        let started = Instant::now();
        // As many as the workers and their channel hold, so that the dispatcher never waits for a worker.
        let at_work = settings.workers.saturating_add(settings.capacity);
        let shared = Arc::new(Shared::new(partitions, own, Clock::Real(started)).bounded(at_work));
        let monitor = Monitor::new(Arc::clone(&shared), partitions, started);
        let work = Work { processor, sink, dead_letters, over: AtomicBool::new(false) };
        let (notes, noted) = mpsc::channel();
        Consumer { settings, shared, work: Arc::new(work), monitor, notes, noted }
    }

    /// What shows how it goes.
    pub fn monitor(&self) -> Monitor {
        self.monitor.clone()
    }

    /// Where signals go.
    pub fn notes(&self) -> Sender<Note> {
        self.notes.clone()
    }

    /// Consumes over the channel `C` until it is stopped, and reports `news`.
    ///
    /// After an expired grace or a second signal, threads may be left that are still at a message.
    ///
    /// # Errors
    ///
    /// When it could not begin. What happens later is in the report.
    pub fn run<C: Channel, S>(self, source: S, news: &mut dyn FnMut(News<'_>)) -> Result<Report, Failure>
    where
        S: Source<Message = Message, Error: Into<Failure>> + Send + 'static,
        S::Lane: Lane<Error: Into<Failure>>,
    {
        let capacity = Capacity::from_slots(self.settings.capacity);
        let unsupported = |error: contract::channel::Unsupported| Failure::Usage(error.to_string());
        let (jobs, receiver) = C::open::<Job<Message>>(capacity).map_err(unsupported)?;
        let receivers = receivers(receiver, self.settings.workers).map_err(unsupported)?;
        let (commits, to_commit) = mpsc::channel::<Commit>();
        let (asks, asked) = mpsc::channel();

        let mut workers = Vec::new();
        for (index, receiver) in receivers.into_iter().enumerate() {
            let (shared, own, notes) = (Arc::clone(&self.shared), Arc::clone(&self.work), self.notes());
            workers.push(named(format!("worker {index}"), move || {
                let _alarm = Alarm(&notes);
                work(&receiver, own.processor.batch(), &shared, |job| own.attempt(job, &notes));
            })?);
        }
        let (shared, own, notes) = (Arc::clone(&self.shared), Arc::clone(&self.work), self.notes());
        let asks_of_commits = asks.clone();
        workers.push(named("committer".to_owned(), move || {
            let _alarm = Alarm(&notes);
            pass_on(&to_commit, &own, &shared, &asks_of_commits, &notes);
        })?);
        let (shared, notes) = (Arc::clone(&self.shared), self.notes());
        workers.push(named("dispatcher".to_owned(), move || {
            let _alarm = Alarm(&notes);
            let end = dispatch(&jobs, &shared, None, |commit| match commits.send(commit.clone()) {
                Ok(()) => Stored::Later,
                Err(_) => Stored::No("the committer has ended".to_owned()),
            });
            drop(jobs);
            let _ = notes.send(Note::Dispatched(end));
        })?);
        let (notes, grace) = (self.notes(), self.settings.grace);
        let (shared, own_asks) = (Arc::clone(&self.shared), asks.clone());
        let fetchers = HashMap::new();
        workers.push(named("source".to_owned(), move || {
            let _alarm = Alarm(&notes);
            let closed = notes.clone();
            let keeper = Keeper {
                source,
                capacity,
                grace,
                shared,
                notes: notes.clone(),
                asks: own_asks,
                fetchers,
                revoking: 0,
            };
            let _ = closed.send(Note::Closed(keeper.keep::<C>(&asked)));
        })?);
        let charge = Charge {
            settings: &self.settings,
            shared: &self.shared,
            work: &self.work,
            monitor: &self.monitor,
            asks: &asks,
            stopped: None,
            since: None,
            until: None,
            signals: 0,
            lanes: None,
            left: Vec::new(),
            failure: None,
        };
        let (report, is_over) = charge.serve(&self.noted, news);
        if is_over {
            for worker in workers {
                let _ = worker.join();
            }
        }
        Ok(report)
    }
}

/// Passes commits on to the source once their messages are on the disk; all that wait at a time together.
fn pass_on(
    commits: &Receiver<Commit>,
    work: &Work,
    shared: &Shared<Message>,
    asks: &Sender<Ask>,
    notes: &Sender<Note>,
) {
    while let Ok(first) = commits.recv() {
        let all: Vec<Commit> = std::iter::once(first).chain(commits.try_iter()).collect();
        let synced = work.sync();
        for commit in all {
            if synced.is_err() || asks.send(Ask::Commit(commit.clone())).is_err() {
                shared.commit_ended(&commit, false);
            }
        }
        if let Err(failure) = synced {
            work.fail(failure, notes);
        }
    }
}

/// Starts a thread with a name.
pub(crate) fn named(name: String, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Failure> {
    let what = || format!("start the thread {name}");
    let started = thread::Builder::new().name(name.clone()).spawn(run);
    started.map_err(|error| Failure::System { what: what(), error })
}

/// The thread in charge.
struct Charge<'a> {
    settings: &'a Settings,
    shared: &'a Shared<Message>,
    work: &'a Work,
    monitor: &'a Monitor,
    asks: &'a Sender<Ask>,
    /// Why it drains.
    stopped: Option<Stopped>,
    /// Since when it drains.
    since: Option<Instant>,
    /// When it waits no more, not even for the last commits.
    until: Option<Instant>,
    signals: usize,
    /// Lanes that have not ended; `None` before the first assignment.
    lanes: Option<usize>,
    left: Vec<Left>,
    failure: Option<Failure>,
}

impl Charge<'_> {
    /// Serves until the source is closed or nothing is waited for any more; whether every thread has ended, or will
    /// within a moment.
    fn serve(mut self, noted: &Receiver<Note>, news: &mut dyn FnMut(News<'_>)) -> (Report, bool) {
        let mut commits = Instant::now();
        let closed = loop {
            match noted.recv_timeout(TICK.min(self.settings.commit_interval)) {
                Ok(Note::Closed(Ok(()))) => break true,
                Ok(Note::Closed(Err(failure))) => {
                    self.fail(failure);
                    break false;
                }
                Ok(Note::Signal(signal)) => {
                    self.signals += 1;
                    if self.signals > 1 {
                        self.stopped = Some(Stopped::Twice(signal));
                        break false;
                    }
                    self.stop(Stopped::Signal(signal), Some(self.settings.grace), news);
                }
                Ok(note) => self.take(note, news),
                // This thread has a sender of its own.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            if self.until.is_some_and(|until| until <= Instant::now()) {
                break false;
            }
            if commits.elapsed() >= self.settings.commit_interval {
                commits = Instant::now();
                self.shared.commit_now();
            }
            let snapshot = self.monitor.snapshot();
            let limit = self.settings.dead_letter_limit;
            if self.stopped.is_none() && limit.is_some_and(|limit| snapshot.totals.dead_lettered > limit) {
                self.stop(Stopped::DeadLetters, Some(self.settings.grace), news);
            }
            news(News::Goes(&snapshot));
        };
        if !closed {
            // Ended without a drain: what each partition has is what is left of it.
            self.work.over.store(true, Ordering::Relaxed);
            let partitions = 0..self.monitor.partitions();
            let lost: Vec<Left> = partitions.filter_map(|partition| self.shared.lose(partition)).collect();
            self.left.extend(lost);
            // So that the threads that can end do.
            self.shared.stop(None);
            let _ = self.asks.send(Ask::Abandon);
        }
        self.left.sort_by_key(|left| left.partition);
        let is_over = closed && self.left.iter().all(|left| left.held.at_work == 0);
        let snapshot = self.monitor.snapshot();
        let report = Report {
            stopped: self.stopped.unwrap_or(Stopped::Failure),
            failure: self.failure,
            totals: snapshot.totals,
            left: self.left,
            time: snapshot.elapsed,
            drain: self.since.map(|since| since.elapsed()).unwrap_or_default(),
            peak_memory: runner::meters::memory::peak(),
            dead_letters_are_kept: !self.work.dead_letters.is_none(),
            dead_letter_limit: self.settings.dead_letter_limit,
        };
        (report, is_over)
    }

    fn take(&mut self, note: Note, news: &mut dyn FnMut(News<'_>)) {
        let grace = Some(self.settings.grace);
        match note {
            Note::Assigned(lanes) => self.lanes = Some(self.lanes.unwrap_or(0) + lanes),
            Note::LaneEnded => {
                self.lanes = self.lanes.map(|lanes| lanes.saturating_sub(1));
                if self.lanes == Some(0) && self.settings.until_end {
                    self.stop(Stopped::End, None, news);
                }
            }
            Note::Left(left) => self.left.push(left),
            Note::CommitFailed(reason) => news(News::CommitFailed(&reason)),
            Note::Failed(failure) => {
                self.fail(failure);
                self.stop(Stopped::Failure, grace, news);
            }
            Note::OutputFailed(failure) => {
                self.fail(failure);
                self.stop(Stopped::Failure, Some(Duration::ZERO), news);
            }
            Note::Dispatched(end) => {
                if end == DispatchEnd::NobodyWorks {
                    self.shared.expire();
                }
                // From here on no thread takes the answer of a worker that comes back.
                self.work.over.store(true, Ordering::Relaxed);
                let ends = self.shared.ends();
                let _ = self.asks.send(Ask::Close(ends.iter().map(|left| left.partition).collect()));
                self.left.extend(ends);
            }
            // Handled where they come.
            Note::Signal(_) | Note::Closed(_) => {}
        }
    }

    fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
    }

    /// Drains, or drains sooner.
    fn stop(&mut self, stopped: Stopped, grace: Option<Duration>, news: &mut dyn FnMut(News<'_>)) {
        if self.since.is_none() {
            self.since = Some(Instant::now());
            self.stopped = Some(stopped);
            news(News::Drains(stopped, grace));
        } else if self.stopped == Some(Stopped::End) {
            // A signal or a failure bounds the time of a drain that had none.
            self.stopped = Some(stopped);
        }
        if let Some(grace) = grace {
            let until = Instant::now().checked_add(grace.saturating_add(LAST_COMMITS));
            self.until = match (self.until, until) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
        self.monitor.drains();
        self.shared.stop(grace);
    }
}
