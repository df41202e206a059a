//! A member in one thread: a source, the coordinator and the lanes, a step at a time.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use service_core::coordinator::{Admitted, Coordinator, Left, Outcome, Record, Settings as Own};
use service_core::offset_map::OffsetMap;
use service_core::scheduler::{Job, Limits, Order};
use service_core::source::{Event, Input, Lane, Source, Stored};
use service_kafka::{Kafka, KafkaLane, Settings};
use service_log::Message;

use crate::wait::{DEADLINE, until};

/// The longest drain of a revoked partition.
const GRACE: Duration = Duration::from_secs(8);

thread_local! {
    static MET_ANOTHER_REBALANCE: Cell<bool> = const { Cell::new(false) };
}

/// Runs a scenario with one rebalance, and again when the mock began another one in the middle of it: it then takes no commit, as
/// no broker does, and waits for a member that waits for its commit.
pub(crate) fn with_one_rebalance(scenario: fn()) {
    for _ in 0..4 {
        MET_ANOTHER_REBALANCE.set(false);
        if std::panic::catch_unwind(scenario).is_ok() {
            return;
        }
        if !MET_ANOTHER_REBALANCE.get() {
            break;
        }
    }
    panic!("the scenario failed: see above");
}

/// What happened to a member, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Happened {
    Assigned {
        partition: usize,
        position: u64,
    },
    Revoked(usize),
    LetGo(usize),
    Lost(usize),
    Done {
        partition: usize,
        offset: u64,
    },
    Stored {
        partition: usize,
        position: u64,
        metadata: String,
    },
    /// A commit, and why.
    NotStored(usize, String),
}

/// A member.
pub(crate) struct Member {
    pub(crate) source: Kafka,
    pub(crate) coordinator: Coordinator<Message>,
    pub(crate) lanes: BTreeMap<usize, KafkaLane>,
    /// Records that found no room.
    waiting: BTreeMap<usize, VecDeque<Record<Message>>>,
    /// Messages at work that are not finished.
    pub(crate) held: Vec<Job<Message>>,
    /// Which messages are held: partition and offset.
    pub(crate) holds: fn(usize, u64) -> bool,
    /// Lanes that are not read.
    pub(crate) unread: BTreeSet<usize>,
    pub(crate) happened: Vec<Happened>,
    pub(crate) left: Vec<Left>,
    /// Lanes of partitions that were let go, when they are kept.
    pub(crate) old_lanes: Option<Vec<KafkaLane>>,
    started: Instant,
}

impl Member {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self::with(settings, 1, 1_000)
    }

    /// A member that commits after `commit_every` messages, and holds at most `in_flight` of a partition.
    pub(crate) fn with(settings: &Settings, commit_every: u64, in_flight: usize) -> Self {
        let source = Kafka::connect(settings).expect("the broker answers");
        let limits = Limits { in_flight, at_work: in_flight, retries: 0, retry_delay: Duration::ZERO };
        let own = Own { order: Order::Key, limits, commit_every, commit_retry: Duration::from_millis(20) };
        Member {
            coordinator: Coordinator::new(source.partitions(), own),
            source,
            lanes: BTreeMap::new(),
            waiting: BTreeMap::new(),
            held: Vec::new(),
            holds: |_, _| false,
            unread: BTreeSet::new(),
            happened: Vec::new(),
            left: Vec::new(),
            old_lanes: None,
            started: Instant::now(),
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// One round of everything.
    pub(crate) fn step(&mut self) {
        self.poll();
        self.read();
        self.work();
        self.commit();
        self.let_go();
    }

    pub(crate) fn poll(&mut self) {
        let mut events = Vec::new();
        self.source.poll(Duration::from_millis(5), &mut events).expect("the source goes on");
        for event in events {
            match event {
                Event::Assigned { partition, position, metadata, lane } => {
                    let map = OffsetMap::decode(&metadata).expect("its own metadata");
                    self.coordinator.assign(partition, position, &map).expect("it was let go");
                    self.lanes.insert(partition, lane);
                    self.happened.push(Happened::Assigned { partition, position });
                }
                Event::Revoked { partition } => {
                    let until = self.now() + GRACE;
                    self.coordinator.drain(partition, Some(until));
                    self.happened.push(Happened::Revoked(partition));
                }
                Event::Lost { partition } => {
                    self.drop_lane(partition);
                    let lost = self.coordinator.lose(partition).expect("it was assigned");
                    self.left.push(lost.0);
                    self.happened.push(Happened::Lost(partition));
                }
                Event::CommitEnded { commit, result } => {
                    self.coordinator.commit_ended(&commit, result.is_ok(), self.now());
                    let (partition, position, metadata) =
                        (commit.partition, commit.position, commit.metadata);
                    self.happened.push(match result {
                        Ok(()) => Happened::Stored { partition, position, metadata },
                        Err(reason) => {
                            let is_another = reason.contains("RebalanceInProgress");
                            MET_ANOTHER_REBALANCE.set(MET_ANOTHER_REBALANCE.get() || is_another);
                            Happened::NotStored(partition, reason)
                        }
                    });
                }
            }
        }
    }

    fn drop_lane(&mut self, partition: usize) {
        self.waiting.remove(&partition);
        let lane = self.lanes.remove(&partition);
        if let (Some(lanes), Some(lane)) = (&mut self.old_lanes, lane) {
            lanes.push(lane);
        }
    }

    fn read(&mut self) {
        let mut ended = Vec::new();
        for (&partition, lane) in &mut self.lanes {
            let waiting = self.waiting.entry(partition).or_default();
            let reads = self.coordinator.may_fetch(partition) && !self.unread.contains(&partition);
            let mut records = Vec::new();
            if reads && waiting.is_empty() {
                let input = lane.receive(64, &mut records).expect("the lane goes on");
                waiting.extend(records);
                if input == Input::Ended {
                    ended.push(partition);
                }
            }
            while let Some(record) = waiting.pop_front() {
                match self.coordinator.admit(partition, record) {
                    Admitted::Taken | Admitted::Known(_) | Admitted::Refused(_) => {}
                    Admitted::Full(record) => {
                        waiting.push_front(record);
                        break;
                    }
                    Admitted::Wrong(_, error) => panic!("partition {partition}: {error}"),
                }
            }
            if !self.coordinator.may_fetch(partition) && waiting.is_empty() {
                ended.push(partition);
            }
        }
        for partition in ended {
            self.coordinator.close(partition);
        }
        self.coordinator.resumed();
    }

    fn work(&mut self) {
        while let Some(job) = self.coordinator.take(self.now()) {
            if (self.holds)(job.partition, job.offset) {
                self.held.push(job);
            } else {
                self.finish(job);
            }
        }
    }

    pub(crate) fn finish(&mut self, job: Job<Message>) {
        let (partition, offset) = (job.partition, job.offset);
        self.coordinator.answer(job.ticket, Outcome::Done, self.now());
        self.happened.push(Happened::Done { partition, offset });
    }

    /// Finishes what is held, and holds nothing more.
    pub(crate) fn release(&mut self) {
        self.holds = |_, _| false;
        for job in std::mem::take(&mut self.held) {
            self.finish(job);
        }
    }

    fn commit(&mut self) {
        let now = self.now();
        // What no worker had is not done.
        drop(self.coordinator.expire(now));
        for commit in self.coordinator.commits(now) {
            if let Stored::No(reason) = self.source.commit(&commit) {
                self.coordinator.commit_ended(&commit, false, now);
                self.happened.push(Happened::NotStored(commit.partition, reason));
            }
        }
    }

    fn let_go(&mut self) {
        for partition in self.coordinator.completed() {
            let Some(left) = self.coordinator.let_go(partition) else { continue };
            self.left.push(left);
            self.drop_lane(partition);
            self.source.let_go(partition).expect("it can be let go");
            self.happened.push(Happened::LetGo(partition));
        }
    }

    /// Steps until `is_so`.
    pub(crate) fn until(&mut self, what: &str, is_so: impl Fn(&Member) -> bool) {
        until(what, || {
            self.step();
            is_so(self)
        });
    }

    pub(crate) fn owns(&self, partitions: &[usize]) -> bool {
        self.lanes.keys().copied().eq(partitions.iter().copied())
    }

    /// The offsets of a partition that were done here, in order.
    pub(crate) fn done(&self, partition: usize) -> Vec<u64> {
        let done = self.happened.iter().filter_map(|happened| match happened {
            Happened::Done { partition: own, offset } if *own == partition => Some(*offset),
            _ => None,
        });
        done.collect()
    }

    /// The partitions that were revoked, in order.
    pub(crate) fn revoked(&self) -> Vec<usize> {
        let revoked = self.happened.iter().filter_map(|happened| match happened {
            Happened::Revoked(partition) => Some(*partition),
            _ => None,
        });
        revoked.collect()
    }

    pub(crate) fn has(&self, happened: &Happened) -> bool {
        self.happened.contains(happened)
    }

    pub(crate) fn has_lost(&self) -> bool {
        self.happened.iter().any(|happened| matches!(happened, Happened::Lost(_)))
    }

    /// Drains everything, for at most `grace`.
    pub(crate) fn drain(&mut self, grace: Option<Duration>) {
        let until = grace.map(|grace| self.now() + grace);
        self.coordinator.stop(until);
    }

    /// Whether everything is drained and let go.
    pub(crate) fn is_over(&self) -> bool {
        self.coordinator.is_finished() && self.lanes.is_empty()
    }

    /// Whether the commit with this position is stored, with whatever map.
    pub(crate) fn has_stored(&self, partition: usize, position: u64) -> bool {
        self.happened.iter().any(|happened| {
            matches!(happened, Happened::Stored { partition: own, position: stored, .. }
                if *own == partition && *stored == position)
        })
    }

    /// Drains, for as long as it takes, and leaves.
    pub(crate) fn stop(mut self) -> Vec<Happened> {
        self.drain(None);
        let started = Instant::now();
        while !self.is_over() {
            self.step();
            assert!(started.elapsed() < DEADLINE, "it does not drain: {:?}", self.happened);
        }
        self.source.close().expect("it leaves");
        self.happened
    }
}

/// Steps both until `is_so`.
pub(crate) fn both(
    one: &mut Member,
    other: &mut Member,
    what: &str,
    is_so: impl Fn(&Member, &Member) -> bool,
) {
    let deadline = std::time::Instant::now() + DEADLINE;
    loop {
        one.step();
        other.step();
        if is_so(one, other) {
            return;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "not within {DEADLINE:?}: {what}\n{:?}\n{:?}",
            one.happened,
            other.happened
        );
    }
}
