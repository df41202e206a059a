//! A consumer whose world is judged: what was processed, which lanes are open, what the store of commits has.
//!
//! What the threads leave here is plain, not modelled: it decides nothing, so the order in which it changes need not be
//! explored. No lock is held across a step of the model.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc as Unmodelled, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use contract::sync::Arc;
use models::payload::{Payload, Payloads};
use service_core::coordinator::{Commit, Left, Outcome, Record, Settings};
use service_core::offset_map::OffsetMap;
use service_core::scheduler::{Job, Limits, Order, Ticket};
use service_core::shared::{Clock, Fed, Shared, Taken};

/// Everything is committed at once, one message at a time; nothing is retried but what a model lets fail.
pub(super) const SETTINGS: Settings = Settings {
    order: Order::None,
    limits: Limits { in_flight: 8, at_work: 8, retries: 1, retry_delay: Duration::from_nanos(1) },
    commit_every: 1,
    commit_retry: Duration::from_nanos(1),
};

/// The keys of the offsets of a partition, in turn.
pub(super) const KEYS: u64 = 2;

/// A partition and an offset.
type Place = (usize, u64);

/// What happened outside of the coordinator.
#[derive(Debug, Default)]
struct Outside {
    processed: BTreeSet<Place>,
    /// For each lane with an open message, that message: its attempts have begun and not ended.
    open: BTreeMap<(usize, u64), u64>,
    /// For each partition, the store.
    stores: Vec<Store>,
}

/// What is stored of a partition.
#[derive(Clone, Debug, Default)]
struct Store {
    /// The assignment that may store.
    epoch: u64,
    position: u64,
    metadata: String,
    /// Whether the partition is lost and not assigned again.
    is_lost: bool,
}

/// A consumer, as each thread of a model has it.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) shared: Arc<Shared<Payload>>,
    payloads: Payloads,
    order: Order,
    outside: Unmodelled<Mutex<Outside>>,
}

impl World {
    /// A consumer of these partitions, each assigned from its start.
    pub(super) fn new(partitions: usize, settings: Settings) -> Self {
        let stores = vec![Store::default(); partitions];
        let world = World {
            shared: Arc::new(Shared::new(partitions, settings, Clock::Logical)),
            payloads: Payloads::new(),
            order: settings.order,
            outside: Unmodelled::new(Mutex::new(Outside { stores, ..Outside::default() })),
        };
        (0..partitions).for_each(|partition| world.assign(partition));
        world
    }

    fn outside(&self) -> MutexGuard<'_, Outside> {
        self.outside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // -- The source.

    /// The partition comes, with what is stored of it.
    pub(super) fn assign(&self, partition: usize) {
        let Store { position, metadata, .. } = self.store_of(partition);
        let map = OffsetMap::decode(&metadata).expect("its own text");
        let epoch = self.shared.assign(partition, position, &map).expect("it was let go");
        let store = &mut self.outside().stores[partition];
        (store.epoch, store.is_lost) = (epoch, false);
    }

    /// The partition belongs to somebody else from now on.
    pub(super) fn lose(&self, partition: usize) -> Option<Left> {
        let left = self.shared.lose(partition);
        self.outside().stores[partition].is_lost = true;
        left
    }

    fn store_of(&self, partition: usize) -> Store {
        self.outside().stores[partition].clone()
    }

    /// What is stored of the partition: the position, and the offsets beyond it that are done.
    pub(super) fn stored(&self, partition: usize) -> (u64, Vec<u64>) {
        let Store { position, metadata, .. } = self.store_of(partition);
        let map = OffsetMap::decode(&metadata).expect("its own text");
        (position, map.offsets().map(|offset| position + offset).collect())
    }

    /// Hands over these offsets of a partition; returns how many were not taken, or were done before.
    pub(super) fn feed(&self, partition: usize, offsets: impl IntoIterator<Item = u64>) -> (Fed, usize) {
        self.feed_as(partition, self.store_of(partition).epoch, offsets)
    }

    /// The input of the partition has ended.
    pub(super) fn close(&self, partition: usize) {
        self.shared.close(partition, self.store_of(partition).epoch);
    }

    /// As [`World::feed`], by the thread of this assignment.
    pub(super) fn feed_as(
        &self,
        partition: usize,
        epoch: u64,
        offsets: impl IntoIterator<Item = u64>,
    ) -> (Fed, usize) {
        let record = |offset| Record {
            offset,
            key: Some(offset % KEYS),
            message: self.payloads.make(partition, offset as usize),
        };
        let mut records: VecDeque<_> = offsets.into_iter().map(record).collect();
        let mut surplus = Vec::new();
        let fed = self.shared.admit(partition, epoch, &mut records, &mut surplus).expect("offsets rise");
        assert!(records.is_empty(), "a record is left between the source and the coordinator");
        (fed, surplus.len())
    }

    // -- The workers.

    fn lane(&self, job: &Job<Payload>) -> Option<(usize, u64)> {
        let lane = match self.order {
            Order::Partition => Some(0),
            Order::Key => Some(job.offset % KEYS),
            Order::None => None,
        };
        lane.map(|lane| (job.partition, lane))
    }

    /// A worker has the job from now on.
    fn begin(&self, job: &Job<Payload>) {
        assert_eq!(job.message.id(), (job.partition, job.offset as usize));
        let Some(lane) = self.lane(job) else { return };
        let open = self.outside().open.insert(lane, job.offset);
        let is_retry = job.attempt > 0 && open == Some(job.offset);
        let is_next = job.attempt == 0 && open.is_none();
        assert!(is_retry || is_next, "{} is begun while {open:?} holds its lane", job.offset);
    }

    /// The job succeeds.
    pub(super) fn finish(&self, job: Job<Payload>) {
        let lane = self.lane(&job);
        {
            let mut outside = self.outside();
            outside.processed.insert((job.partition, job.offset));
            if let Some(lane) = lane {
                outside.open.remove(&lane);
            }
        }
        self.shared.answer(&mut vec![(job.ticket, Outcome::Done)]);
    }

    /// The job fails.
    pub(super) fn fail(&self, job: Job<Payload>) {
        self.shared.answer(&mut vec![(job.ticket, Outcome::Failed(job.message))]);
    }

    /// A worker answers although it has done so before.
    pub(super) fn answer_again(&self, ticket: Ticket) {
        self.shared.answer(&mut vec![(ticket, Outcome::Done)]);
    }

    // -- The dispatcher.

    /// What the dispatcher finds to do; `None` when everything has ended. The jobs have begun.
    pub(super) fn take(&self) -> Option<(Vec<Job<Payload>>, Vec<Commit>)> {
        let lost: Vec<bool> = self.outside().stores.iter().map(|store| store.is_lost).collect();
        let (mut jobs, mut commits) = (Vec::new(), Vec::new());
        let taken = self.shared.take(8, &mut jobs, &mut commits, None);
        for commit in &commits {
            assert!(!lost[commit.partition], "a commit of a partition that was lost before: {commit:?}");
        }
        jobs.iter().for_each(|job| self.begin(job));
        match taken {
            Taken::Work => Some((jobs, commits)),
            Taken::Finished => None,
            Taken::Stalled => panic!("it waits for ever"),
        }
    }

    /// This number of jobs, which are ready.
    pub(super) fn take_jobs(&self, number: usize) -> VecDeque<Job<Payload>> {
        let (jobs, commits) = self.take().expect("nothing has ended");
        assert_eq!((jobs.len(), commits.len()), (number, 0));
        jobs.into()
    }

    /// Stores a commit, if it may, and tells the coordinator.
    pub(super) fn store(&self, commit: &Commit) {
        self.shared.commit_ended(commit, self.judge(commit));
    }

    /// The store's end of a commit: it says only what is true and takes nothing back. Returns whether it is stored: a
    /// store refuses what comes from an earlier owner.
    pub(super) fn judge(&self, commit: &Commit) -> bool {
        let &Commit { partition, epoch, position, ref metadata, .. } = commit;
        let outside = &mut *self.outside();
        let store = &mut outside.stores[partition];
        if store.is_lost || store.epoch != epoch {
            return false;
        }
        let map = OffsetMap::decode(metadata).expect("its own text");
        for done in (0..position).chain(map.offsets().map(|offset| position + offset)) {
            assert!(outside.processed.contains(&(partition, done)), "{commit:?}: {done} is not processed");
        }
        let before = OffsetMap::decode(&store.metadata).expect("its own text");
        for done in (0..store.position).chain(before.offsets().map(|offset| store.position + offset)) {
            let is_kept = done < position || map.offsets().any(|offset| position + offset == done);
            assert!(is_kept, "{commit:?} takes {done} back");
        }
        (store.position, store.metadata) = (position, metadata.clone());
        true
    }

    /// Works at what comes and stores the commits, until everything has ended.
    pub(super) fn serve(&self) {
        while let Some((jobs, commits)) = self.take() {
            jobs.into_iter().for_each(|job| self.finish(job));
            commits.iter().for_each(|commit| self.store(commit));
        }
    }

    // -- The end.

    /// Everything of these partitions, of which `offsets` has the numbers of messages, is processed, committed and let go.
    pub(super) fn assert_clean(self, offsets: &[u64]) {
        for left in self.shared.ends() {
            assert!(left.is_clean(), "{left:?}");
            assert_eq!(left.committed, self.store_of(left.partition).position, "{left:?}");
        }
        for (partition, &all) in offsets.iter().enumerate() {
            assert_eq!(self.stored(partition), (all, Vec::new()), "what is stored of partition {partition}");
            let held = self.shared.held(partition);
            assert_eq!(held.at_work + held.delayed + held.waiting, 0, "{held:?}");
        }
        let World { shared, payloads, .. } = self;
        drop(shared);
        payloads.assert_each_dropped_once();
    }
}
