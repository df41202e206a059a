//! `partitioned_log`: a consumer of a partitioned log, as a service that reads Kafka is built.
//!
//! A channel for each partition; a thread that feeds from it to the coordinator; the coordinator decides which message
//! may be worked at; a dispatcher sends it to the workers through one more channel, and stores commits. The coordinator
//! and the loops of the threads are those of `service_core`, which the program `chanlab consume` runs as well; the log
//! is in memory (`log`), and what the threads leave behind is checked apart from the coordinator (`evidence`).

mod evidence;
mod log;

use std::ops::RangeInclusive;
use std::sync::Arc as Unmodelled;
use std::time::{Duration, Instant};

use service_core::coordinator::{Outcome, Record, Settings};
use service_core::offset_map::OffsetMap;
use service_core::roles::{DispatchEnd, FeedEnd, Fetched, dispatch, feed, fetch, work as serve};
use service_core::scheduler::{Job, Limits, Order};
use service_core::shared::{Clock, Shared};
use service_core::source::{Event, Source};

use self::evidence::Evidence;
use self::log::{Contents, MemoryLane, MemoryLog, RETRIES, Room};
use super::roles::{self, shares, timed_region};
use crate::endpoints::{EndpointCount, EndpointGuard};
use crate::ledger::{Deliveries, Ledger, balanced};
use crate::message::{Message, Payload};
use crate::params::{Kind, ParamSpec, Params};
use crate::profile::Profile::{Full, Quick, Standard};
use crate::size::Size;
use crate::thread_group::{GroupThread, GroupTotals, StartBarrier, ThreadGroup};
use crate::violation::DeliveryViolation;
use crate::work::{work, work_time};
use crate::workload::{Figure, Metric, Round, RoundError, Workload, WorkloadInfo};
use contract::channel::{Capacity, Channel, Receiver, Sender, receivers};
use contract::sync::{Arc, AtomicUsize, EXPLORES, Ordering};

/// The workload `partitioned_log`.
#[derive(Debug)]
pub struct PartitionedLog;

/// The largest batch of records or answers: with it, a lock costs a message little.
const MAX_BATCH: usize = 32;

/// Work between two batches of answers, in steps. Until it answers, a worker holds back the lanes of what it has done.
const STEPS_PER_BATCH: u64 = 2_000;

/// Messages of a partition that the coordinator holds in addition to a channel's slots, for each worker.
const HELD_PER_WORKER: usize = 2;

/// The slots of an unbounded channel, for what the coordinator holds.
const UNBOUNDED_HELD: usize = 1_024;

/// The largest number of messages between two commits of a partition.
const COMMIT_EVERY: u64 = 64;

/// A failed attempt is followed by another one after this many answers, of any messages.
const RETRY_DELAY: Duration = Duration::from_nanos(16);

impl Workload for PartitionedLog {
    const INFO: WorkloadInfo = WorkloadInfo {
        name: "partitioned_log",
        about: "A consumer of a partitioned log: a channel for each partition, fan-in to W workers in the order of \
                partitions or keys, retries and dead letters, and commits of what is done. It ends with a drain, \
                and its time ends with the last commit.",
        caveat: "A message passes two channels and, in batches, the lock of the coordinator, which is the same for \
                 all channels. The log is in memory, and a commit costs no I/O. Retries wait for other messages, not \
                 for time.",
        ranked_by: Metric::Throughput,
        params: &[
            ParamSpec {
                name: "partitions",
                about: "partitions, each with two threads and a channel",
                kind: Kind::Threads,
                default: "4",
            },
            ParamSpec { name: "workers", about: "worker threads", kind: Kind::Threads, default: "4" },
            ParamSpec {
                name: "capacity",
                about: "messages that each channel holds",
                kind: Kind::Capacity,
                default: "64",
            },
            ParamSpec {
                name: "work",
                about: "steps of integer work (about 1 ns each) per attempt",
                kind: Kind::Number { min: 0, max: 100_000 },
                default: "0",
            },
            ParamSpec {
                name: "order",
                about: "messages that are worked at one after the other: those of a partition, those of a key, or none",
                kind: Kind::Choice(&["partition", "key", "none"]),
                default: "key",
            },
            ParamSpec {
                name: "keys",
                about: "different keys in each partition",
                kind: Kind::Number { min: 1, max: 1_000 },
                default: "64",
            },
            ParamSpec {
                name: "failing",
                about: "messages in 1,000 whose first attempts fail; a quarter of them become dead letters",
                kind: Kind::Number { min: 0, max: 1_000 },
                default: "8",
            },
            ParamSpec {
                name: "slow",
                about: "how many times as much work a message of the first partition is",
                kind: Kind::Number { min: 1, max: 100 },
                default: "1",
            },
            ParamSpec {
                name: "stop",
                about: "end: the stop comes when all is fetched; half: when half is committed",
                kind: Kind::Choice(&["end", "half"]),
                default: "end",
            },
        ],
        grid: &[
            (Quick, "workers=1"),
            (Standard, "workers=2"),
            (Quick, "workers=4"),
            (Full, "workers=8"),
            (Quick, "order=partition"),
            (Standard, "order=none"),
            (Standard, "partitions=1"),
            (Full, "partitions=8,workers=1"),
            (Full, "partitions=8,workers=8"),
            (Standard, "capacity=1"),
            (Full, "capacity=0"),
            (Full, "capacity=1024"),
            (Quick, "work=1000"),
            (Standard, "work=1000,slow=20"),
            (Standard, "failing=100"),
            (Full, "keys=1"),
            (Standard, "stop=half"),
        ],
    };

    fn messages(params: &Params) -> u64 {
        match params.capacity().and_then(Capacity::slots) {
            Some(0 | 1) => 2_000,
            _ => 20_000,
        }
    }

    fn paced(params: &Params, messages: u64) -> Duration {
        let slow = messages / params.number("partitions") * (params.number("slow") - 1);
        let retries = (messages + slow).div_ceil(1_000) * params.number("failing") * u64::from(RETRIES);
        work_time(params.number("work"), (messages + slow).saturating_add(retries))
    }

    fn delivered(params: &Params, messages: u64) -> RangeInclusive<u64> {
        let all = roles::shared(messages, params.threads("partitions"));
        match stop_after(params, messages) {
            Some(half) => half..=*all.end(),
            None => all,
        }
    }

    fn round<C: Channel>(params: &Params, size: Size) -> Result<Round, RoundError> {
        Consumer::from_params::<C>(params, size).round::<C>(size)
    }
}

/// The number of committed messages after which a round of `messages` messages stops.
fn stop_after(params: &Params, messages: u64) -> Option<u64> {
    (params.choice("stop") == "half").then_some((messages / 2).max(1))
}

/// The settings of one round.
#[derive(Clone, Debug)]
struct Consumer {
    workers: usize,
    /// Steps of work per attempt.
    steps: u64,
    /// How many times as many the first partition's messages take.
    slow: u64,
    order: Order,
    contents: Contents,
    /// The messages of each partition.
    shares: Vec<u64>,
    capacity: Capacity,
    settings: Settings,
    /// Records in a batch.
    batch: usize,
    /// What may be in flight.
    room: Room,
    /// The number of committed messages at which the round stops.
    stop_after: Option<u64>,
    /// How long the dispatcher waits while nothing happens; without end where an explorer sees that itself.
    patience: Option<Duration>,
}

/// The coordinator of a round.
type Coordinator = Arc<Shared<Message>>;

impl Consumer {
    fn from_params<C: Channel>(params: &Params, size: Size) -> Self {
        let (partitions, workers) = (params.threads("partitions"), params.threads("workers"));
        let capacity = params.capacity().expect("the workload declares a capacity");
        let slots = C::effective_capacity(capacity).slots();
        let batch = slots.unwrap_or(MAX_BATCH).clamp(1, MAX_BATCH);
        let in_flight = slots.unwrap_or(UNBOUNDED_HELD) + HELD_PER_WORKER * workers;
        let slow = params.number("slow");
        // Half of the workers are left to the others.
        let at_work = if slow > 1 { workers.div_ceil(2) } else { in_flight };
        let shares = shares(size.messages, partitions);
        let order = match params.choice("order") {
            "partition" => Order::Partition,
            "key" => Order::Key,
            _ => Order::None,
        };
        let largest = shares.iter().copied().max().unwrap_or(1);
        Consumer {
            workers,
            steps: params.number("work"),
            slow,
            order,
            contents: Contents { keys: params.number("keys"), failing: params.number("failing") },
            capacity,
            settings: Settings {
                order,
                limits: Limits { in_flight, at_work, retries: RETRIES, retry_delay: RETRY_DELAY },
                commit_every: (largest / 16).clamp(1, COMMIT_EVERY),
                commit_retry: Duration::ZERO,
            },
            batch,
            room: Room {
                // Each partition: its channel, the batches of the two threads at its ends, and the coordinator.
                limit: slots.map(|slots| ((slots + 2 * batch + in_flight) * partitions) as u64),
            },
            stop_after: stop_after(params, size.messages),
            patience: (!EXPLORES).then_some(size.deadline / 2),
            shares,
        }
    }

    /// Lanes of a partition: a message's lane is its key, or 0.
    fn lanes(&self) -> usize {
        if self.order == Order::Key { self.contents.keys as usize } else { 1 }
    }

    fn round<C: Channel>(self, size: Size) -> Result<Round, RoundError> {
        let partitions = self.shares.len();
        let (job_sender, job_receiver) = C::open::<Job<Message>>(self.capacity)?;
        let job_receivers = receivers(job_receiver, self.workers)?;
        let evidence = Unmodelled::new(Evidence::new(&self.shares, self.lanes(), self.workers));
        let mut log = MemoryLog::new(self.contents, &self.shares, self.room, Unmodelled::clone(&evidence));
        let shared = Coordinator::new(Shared::new(partitions, self.settings, Clock::Logical));
        let mut group = ThreadGroup::new(2 * partitions + 1 + self.workers, size)?;

        let fetching = Arc::new(AtomicUsize::new(partitions));
        let mut events = Vec::with_capacity(partitions);
        let Ok(()) = log.poll(Duration::ZERO, &mut events);
        let (mut fetchers, mut feeders) = (Vec::with_capacity(partitions), Vec::with_capacity(partitions));
        for event in events {
            let Event::Assigned { partition, position, lane, .. } = event else {
                unreachable!("a log in memory only assigns");
            };
            let epoch = shared.assign(partition, position, &OffsetMap::default());
            let epoch = epoch.expect("it is assigned once");
            let (sender, receiver) = C::open::<Record<Message>>(self.capacity)?;
            let (sending, taking) = (EndpointCount::new(), EndpointCount::new());
            let (sender, receiver) = (sending.guard(sender), taking.guard(receiver));
            let (own, shared_by, fetching) = (self.clone(), Arc::clone(&shared), Arc::clone(&fetching));
            fetchers.push(group.spawn(format!("fetcher {partition}"), move |barrier| {
                own.fetch(barrier, partition, lane, sender, &taking, &shared_by, &fetching)
            })?);
            let (own, shared_by) = (self.clone(), Arc::clone(&shared));
            feeders.push(group.spawn(format!("feeder {partition}"), move |barrier| {
                own.feed(barrier, (partition, epoch), &*receiver, &sending, &shared_by)
            })?);
        }

        let (dispatching, working) = (EndpointCount::new(), EndpointCount::new());
        let mut workers = Vec::with_capacity(self.workers);
        for (index, jobs) in job_receivers.into_iter().enumerate() {
            let jobs = working.guard(jobs);
            let (own, shared, dispatching) = (self.clone(), Arc::clone(&shared), dispatching.clone());
            let evidence = Unmodelled::clone(&evidence);
            workers.push(group.spawn(format!("worker {index}"), move |barrier| {
                own.work(barrier, index, &*jobs, &dispatching, &shared, &evidence)
            })?);
        }
        let jobs = dispatching.guard(job_sender);
        let (own, shared_by) = (self.clone(), Arc::clone(&shared));
        let dispatcher = group
            .spawn("dispatcher", move |barrier| own.dispatch(barrier, jobs, &working, &shared_by, log))?;

        let totals = group.join()?;
        let ended = Ended {
            fetchers: fetchers.into_iter().map(GroupThread::result).collect(),
            feeders: feeders.into_iter().map(GroupThread::result).collect(),
            workers: workers.into_iter().map(GroupThread::result).collect(),
            dispatcher: dispatcher.result(),
        };
        self.verify(totals, ended, &evidence, &shared)
    }

    /// The thread that fetches a partition. The last one to end requests the stop.
    #[expect(clippy::too_many_arguments, reason = "the handles of one thread, named at its only caller")]
    #[inline]
    fn fetch(
        self,
        barrier: &StartBarrier,
        partition: usize,
        mut lane: MemoryLane,
        sender: EndpointGuard<impl Sender<Record<Message>>>,
        taking: &EndpointCount,
        shared: &Shared<Message>,
        fetching: &AtomicUsize,
    ) -> Fetcher {
        let started = barrier.wait();
        let disconnect = match fetch(partition, &mut lane, self.batch, &*sender, shared) {
            // Right if a drain that took too long has ended the feeder.
            Fetched::NobodyFeeds => taking.check_disconnect("fetcher"),
            Fetched::Drains | Fetched::Ended => Ok(()),
        };
        drop(sender);
        // AcqRel: the last one has seen all others end, as a stop claims.
        let is_last = fetching.fetch_sub(1, Ordering::AcqRel) == 1;
        let stopped = is_last.then(|| {
            shared.stop(None);
            Instant::now()
        });
        Fetcher { started, stopped, disconnect, most_in_flight: lane.most_in_flight, jam: lane.jam }
    }

    /// The thread that feeds a partition to the coordinator, for one assignment.
    #[inline]
    fn feed(
        self,
        barrier: &StartBarrier,
        (partition, epoch): (usize, u64),
        records: &impl Receiver<Record<Message>>,
        sending: &EndpointCount,
        shared: &Shared<Message>,
    ) -> Feeder {
        let own: Vec<u64> = self
            .shares
            .iter()
            .enumerate()
            .map(|(of, share)| if of == partition { *share } else { 0 })
            .collect();
        let mut arrived = Ledger::new(&own);
        let started = barrier.wait();
        let arrives = |record: &Record<Message>| arrived.record(&record.message).is_some();
        let end = feed(partition, epoch, records, self.batch, shared, arrives);
        let disconnect = match end {
            FeedEnd::Disconnected => sending.check_disconnect("feeder"),
            // The drain took too long.
            FeedEnd::Refused | FeedEnd::Wrong(_) => Ok(()),
        };
        Feeder { started, disconnect, arrived }
    }

    /// The thread that dispatches, and stores commits.
    #[inline]
    fn dispatch(
        self,
        barrier: &StartBarrier,
        jobs: EndpointGuard<impl Sender<Job<Message>>>,
        working: &EndpointCount,
        shared: &Shared<Message>,
        mut log: MemoryLog,
    ) -> Dispatcher {
        let started = barrier.wait();
        let mut stopped = None;
        let end = dispatch(&*jobs, shared, self.patience, |commit| {
            let stored = log.commit(commit);
            if let Some(half) = self.stop_after
                && stopped.is_none()
                && log.stored().iter().sum::<u64>() >= half
            {
                stopped = Some(Instant::now());
                shared.stop(None);
            }
            stored
        });
        let finished = Instant::now();
        let disconnect = match end {
            DispatchEnd::Finished | DispatchEnd::Stalled => Ok(()),
            DispatchEnd::NobodyWorks => working.check_disconnect("dispatcher"),
        };
        if end != DispatchEnd::Finished {
            shared.expire();
        }
        Dispatcher { started, stopped, finished, disconnect, log }
    }

    /// The thread of one worker.
    #[inline]
    fn work(
        self,
        barrier: &StartBarrier,
        worker: usize,
        jobs: &impl Receiver<Job<Message>>,
        dispatching: &EndpointCount,
        shared: &Shared<Message>,
        evidence: &Evidence,
    ) -> Worker {
        let per_attempt = self.steps * self.slow + 1;
        let batch = (STEPS_PER_BATCH / per_attempt).clamp(1, self.batch as u64) as usize;
        let mut begun = Ledger::with_paths(&self.shares, self.lanes());
        let mut own = Worker {
            started: barrier.wait(),
            wrong: None,
            retried: 0,
            dead: 0,
            begun: None,
            disconnect: Ok(()),
        };
        serve(jobs, batch, shared, |job| self.attempt(job, worker, &mut begun, &mut own, evidence));
        own.disconnect = dispatching.check_disconnect("worker");
        own.begun = Some(begun);
        own
    }

    /// One attempt at a message.
    #[inline]
    fn attempt(
        &self,
        job: Job<Message>,
        worker: usize,
        begun: &mut Ledger,
        own: &mut Worker,
        evidence: &Evidence,
    ) -> Outcome<Message> {
        let Job { attempt, is_dead, message, .. } = job;
        let is_first = attempt == 0;
        let Ok(id) = message.read() else {
            own.wrong.get_or_insert(DeliveryViolation::Corrupt);
            return Outcome::Done;
        };
        let lane = match self.order {
            Order::Partition => Some(0),
            Order::Key => Some(self.contents.key(id) as usize),
            Order::None => None,
        };
        // A faulty delivery, which the ledger names.
        if is_first && begun.record_on_path(&message, lane.unwrap_or(0)).is_none() {
            return Outcome::Done;
        }
        if let Some(lane) = lane
            && let Err(wrong) = evidence.begin(id, lane, is_first)
        {
            own.wrong.get_or_insert(wrong);
        }
        let failures = self.contents.failures(id);
        // A dead letter is one that has failed for ever, and a message is not tried again once it has succeeded.
        let is_expected = if is_dead { failures > RETRIES } else { attempt <= failures };
        if !is_expected {
            own.wrong.get_or_insert(DeliveryViolation::WrongResult(id));
        }
        if is_dead {
            // The dead-letter output is this worker's count.
            own.dead += 1;
        } else {
            work(if id.producer == 0 { self.steps * self.slow } else { self.steps });
            if attempt < failures {
                own.retried += 1;
                return Outcome::Failed(message);
            }
        }
        message.acknowledge();
        evidence.end(id, lane, worker);
        Outcome::Done
    }

    fn verify(
        &self,
        totals: GroupTotals,
        ended: Ended,
        evidence: &Evidence,
        shared: &Shared<Message>,
    ) -> Result<Round, RoundError> {
        let Ended { fetchers, feeders, workers, dispatcher } = ended;
        let mut starts = vec![dispatcher.started];
        starts.extend(fetchers.iter().map(|own| own.started));
        starts.extend(feeders.iter().map(|own| own.started));
        starts.extend(workers.iter().map(|own| own.started));

        // An early disconnect explains missing messages, so it comes first; then the ledgers, which name the message
        // behind what else is wrong.
        feeders.iter().try_for_each(|own| own.disconnect.clone())?;
        workers.iter().try_for_each(|own| own.disconnect.clone())?;
        fetchers.iter().try_for_each(|own| own.disconnect.clone())?;
        dispatcher.disconnect?;
        Deliveries::join(feeders.into_iter().map(|own| own.arrived))?;
        let wrong = workers.iter().find_map(|own| own.wrong.clone());
        let (retried, dead) =
            workers.iter().fold((0, 0), |(retried, dead), own| (retried + own.retried, dead + own.dead));
        let begun = Deliveries::join(workers.into_iter().filter_map(|own| own.begun))?;
        balanced(evidence.unprocessed(), totals.dropped)?;
        let fetched = if self.stop_after.is_some() { evidence.all_fetched() } else { self.shares.clone() };
        begun.complete(&fetched)?;
        let jam = fetchers.iter().find_map(|own| own.jam.clone());
        if let Some(wrong) = wrong.or(jam).or(dispatcher.log.wrong()) {
            return Err(wrong.into());
        }
        let expected = (0..).zip(&fetched).flat_map(|(producer, &share)| {
            (0..share).map(move |seq| crate::message::MessageId { producer, seq })
        });
        let poisoned = expected.filter(|id| self.contents.failures(*id) > RETRIES).count() as u64;
        if let Some(wrong) = dead_letters(dead, poisoned) {
            return Err(wrong.into());
        }
        committed(dispatcher.log.stored(), &fetched)?;
        // What the consumer says about its own end.
        for left in shared.ends() {
            let held = (left.held.at_work + left.held.waiting + left.held.delayed) as u64;
            if !left.is_clean() || held > 0 {
                return Err(
                    DeliveryViolation::LeftBehind { partition: left.partition, count: held.max(1) }.into()
                );
            }
        }

        let stops = fetchers.iter().filter_map(|own| own.stopped).chain(dispatcher.stopped);
        let drain =
            stops.min().map_or(Duration::ZERO, |stop| dispatcher.finished.saturating_duration_since(stop));
        let most = fetchers.iter().map(|own| own.most_in_flight).max().unwrap_or(0);
        let figure = |name, value| Figure { name, value };
        Ok(Round {
            messages: evidence.all_ended(),
            elapsed: timed_region(starts, Some(dispatcher.finished)),
            usage: totals.usage,
            allocations: totals.allocations,
            latency: None,
            figures: vec![
                figure("drain after the stop (ns)", drain.as_nanos() as f64),
                figure("most messages in flight", most as f64),
                figure("commits", dispatcher.log.commits() as f64),
                figure("failed attempts", retried as f64),
                figure("dead letters", dead as f64),
            ],
        })
    }
}

/// Checks the number of dead letters.
fn dead_letters(dead: u64, poisoned: u64) -> Option<DeliveryViolation> {
    (dead != poisoned).then_some(DeliveryViolation::DeadLetters { written: dead, expected: poisoned })
}

/// Checks that everything that was fetched is committed.
fn committed(stored: &[u64], fetched: &[u64]) -> Result<(), DeliveryViolation> {
    let mut partitions = stored.iter().zip(fetched).enumerate();
    match partitions.find(|(_, (stored, fetched))| stored != fetched) {
        None => Ok(()),
        Some((partition, (&position, &expected))) => {
            Err(DeliveryViolation::Uncommitted { partition, position, expected })
        }
    }
}

/// The results of a round's threads.
#[derive(Debug)]
struct Ended {
    fetchers: Vec<Fetcher>,
    feeders: Vec<Feeder>,
    workers: Vec<Worker>,
    dispatcher: Dispatcher,
}

/// The result of a thread that fetched.
#[derive(Debug)]
struct Fetcher {
    /// The moment at which it left the start barrier.
    started: Instant,
    /// The moment at which it requested the stop, if it was the last to end.
    stopped: Option<Instant>,
    /// The check of the disconnect that ended it, if one did.
    disconnect: Result<(), DeliveryViolation>,
    /// The most messages in flight that it saw.
    most_in_flight: u64,
    /// The first lack of back-pressure.
    jam: Option<DeliveryViolation>,
}

/// The result of a thread that fed.
#[derive(Debug)]
struct Feeder {
    /// The moment at which it left the start barrier.
    started: Instant,
    /// The check of the disconnect that ended it.
    disconnect: Result<(), DeliveryViolation>,
    /// The messages that arrived.
    arrived: Ledger,
}

/// The result of a worker.
#[derive(Debug)]
struct Worker {
    /// The moment at which it left the start barrier.
    started: Instant,
    /// The first violation that it saw.
    wrong: Option<DeliveryViolation>,
    /// Attempts that failed.
    retried: u64,
    /// Dead letters.
    dead: u64,
    /// The messages whose first attempt it made.
    begun: Option<Ledger>,
    /// The check of the disconnect that ended it.
    disconnect: Result<(), DeliveryViolation>,
}

/// The result of the dispatcher.
#[derive(Debug)]
struct Dispatcher {
    /// The moment at which it left the start barrier.
    started: Instant,
    /// The moment at which it requested the stop, if it did.
    stopped: Option<Instant>,
    /// The moment at which everything was committed.
    finished: Instant,
    /// The check of the disconnect that ended it, if one did.
    disconnect: Result<(), DeliveryViolation>,
    log: MemoryLog,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_committed_and_a_missing_dead_letter_are_violations() {
        assert_eq!(committed(&[3, 4], &[3, 4]), Ok(()));
        let short = DeliveryViolation::Uncommitted { partition: 1, position: 3, expected: 4 };
        assert_eq!(committed(&[3, 3], &[3, 4]), Err(short));
        assert_eq!(dead_letters(2, 2), None);
        assert_eq!(dead_letters(1, 2), Some(DeliveryViolation::DeadLetters { written: 1, expected: 2 }));
    }
}
