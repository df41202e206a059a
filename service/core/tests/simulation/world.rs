//! The world outside a coordinator: a log with gaps, workers, and a store of commits.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::sample::Index;

use service_core::coordinator::{Admitted, Commit, Coordinator, Left, Outcome, Record, Settings};
use service_core::offset_map::OffsetMap;
use service_core::scheduler::{Job, Order};

/// A partition and an offset.
pub(crate) type Place = (usize, u64);

/// A message, which knows where it comes from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message(Place);

#[derive(Debug)]
struct Log {
    /// Its offsets, with gaps.
    offsets: Vec<u64>,
    /// The index of the next one to fetch.
    next: usize,
    /// A record that found no room, and may come only when the partition is resumed.
    waiting: Option<Record<Message>>,
    is_resumed: bool,
    stored: (u64, String),
    /// What the stored commit says is done.
    stored_done: BTreeSet<u64>,
    is_assigned: bool,
    /// Nothing more is fetched.
    drains: bool,
    /// When its grace is over.
    until: Option<Duration>,
    /// Whether the lane was closed.
    is_closed: bool,
    /// Whether the partition was ended by its grace.
    is_cut: bool,
    epoch: u64,
}

/// The world.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) coordinator: Coordinator<Message>,
    settings: Settings,
    keys: u64,
    logs: Vec<Log>,
    now: Duration,
    at_work: Vec<(u64, Job<Message>)>,
    /// Commits under way.
    commits: Vec<Commit>,
    processed: BTreeSet<Place>,
    /// For each lane, the message whose attempts have begun and not ended.
    open: BTreeMap<(usize, u64), u64>,
    /// For each lane, the newest message that was begun in this assignment.
    begun: BTreeMap<(usize, u64), u64>,
    failures: BTreeMap<Place, u32>,
    /// Jobs of partitions that were dropped meanwhile.
    orphans: BTreeSet<(u64, Place)>,
}

impl World {
    pub(crate) fn new(partitions: usize, messages: u64, keys: u64, settings: Settings) -> Self {
        let logs = (0..partitions as u64).map(|partition| Log {
            // A gap here and there, at the begin too.
            offsets: (0..messages).map(|index| partition + index + index / 7).collect(),
            next: 0,
            waiting: None,
            is_resumed: false,
            stored: (0, String::new()),
            stored_done: BTreeSet::new(),
            is_assigned: false,
            drains: false,
            until: None,
            is_closed: false,
            is_cut: false,
            epoch: 0,
        });
        let mut world = World {
            coordinator: Coordinator::new(partitions, settings),
            settings,
            keys,
            logs: logs.collect(),
            now: Duration::ZERO,
            at_work: Vec::new(),
            commits: Vec::new(),
            processed: BTreeSet::new(),
            open: BTreeMap::new(),
            begun: BTreeMap::new(),
            failures: BTreeMap::new(),
            orphans: BTreeSet::new(),
        };
        (0..partitions).for_each(|partition| world.assign(partition));
        world
    }

    pub(crate) fn partitions(&self) -> usize {
        self.logs.len()
    }

    fn key(&self, (partition, offset): Place) -> Option<u64> {
        let key = (offset * 7 + partition as u64) % (self.keys + 1);
        // Some have none.
        (key < self.keys).then_some(key)
    }

    fn lane(&self, place: Place) -> Option<(usize, u64)> {
        let lane = match self.settings.order {
            Order::Partition => Some(0),
            Order::Key => self.key(place),
            Order::None => None,
        };
        lane.map(|lane| (place.0, lane))
    }

    // -- What may happen.

    pub(crate) fn assign(&mut self, partition: usize) {
        let log = &mut self.logs[partition];
        if log.is_assigned {
            return;
        }
        let map = OffsetMap::decode(&log.stored.1).expect("its own text");
        let epoch = self.coordinator.assign(partition, log.stored.0, &map).expect("let go");
        assert!(epoch > 0 && (epoch > log.epoch || log.epoch == 0));
        log.epoch = epoch;
        let position = log.stored.0;
        log.next = log.offsets.iter().position(|offset| *offset >= position).unwrap_or(log.offsets.len());
        (log.waiting, log.is_resumed, log.drains, log.until) = (None, false, false, None);
        (log.is_assigned, log.is_closed, log.is_cut) = (true, false, false);
        self.begun.retain(|lane, _| lane.0 != partition);
    }

    /// The lane of a partition hands over up to `most` records.
    pub(crate) fn arrive(&mut self, partition: usize, most: u8) {
        for _ in 0..most {
            let log = &mut self.logs[partition];
            let may_fetch = self.coordinator.may_fetch(partition);
            let record = match log.waiting.take() {
                Some(record) if log.is_resumed => record,
                // Paused: the lane waits.
                Some(record) => {
                    log.waiting = Some(record);
                    return;
                }
                None if may_fetch && log.next < log.offsets.len() => {
                    let offset = log.offsets[log.next];
                    log.next += 1;
                    let place = (partition, offset);
                    Record { offset, key: self.key(place), message: Message(place) }
                }
                None => {
                    self.close_if_drained(partition);
                    return;
                }
            };
            let offset = record.offset;
            let is_known = self.logs[partition].stored_done.contains(&offset);
            match self.coordinator.admit(partition, record) {
                Admitted::Taken => {
                    assert!(!is_known, "{offset} of {partition} was done before the commit, and is repeated")
                }
                Admitted::Known(message) => {
                    assert_eq!(message, Message((partition, offset)));
                    assert!(is_known, "{offset} of {partition} is not in the stored commit, and is left out");
                }
                Admitted::Full(record) => {
                    assert!(
                        self.coordinator.held(partition).waiting + self.in_flight(partition) > 0,
                        "full of nothing"
                    );
                    let log = &mut self.logs[partition];
                    (log.waiting, log.is_resumed) = (Some(record), false);
                    return;
                }
                Admitted::Refused(_) => {
                    let log = &self.logs[partition];
                    assert!(log.is_cut || !log.is_assigned || log.is_closed, "refused for no reason");
                    return;
                }
                Admitted::Wrong(_, error) => panic!("{error}"),
            }
        }
        self.close_if_drained(partition);
    }

    fn in_flight(&self, partition: usize) -> usize {
        let held = self.coordinator.held(partition);
        held.at_work + held.delayed + held.waiting
    }

    /// A lane ends when the partition drains and it has handed over all that was fetched.
    fn close_if_drained(&mut self, partition: usize) {
        let log = &mut self.logs[partition];
        if log.is_assigned && log.drains && log.waiting.is_none() && !log.is_closed {
            log.is_closed = true;
            self.coordinator.close(partition);
        }
    }

    pub(crate) fn take(&mut self) -> Option<Place> {
        let job = self.coordinator.take(self.now)?;
        let place = (job.partition, job.offset);
        assert_eq!(job.message, Message(place));
        let log = &self.logs[job.partition];
        assert!(log.is_assigned, "{place:?} is at work, and its partition is gone");
        assert!(
            !log.stored_done.contains(&job.offset),
            "{place:?} was done before the commit, and is repeated"
        );
        let failures = self.failures.get(&place).copied().unwrap_or(0);
        assert_eq!(
            job.is_dead,
            failures > self.settings.limits.retries,
            "{place:?} after {failures} failures"
        );
        assert_eq!(job.attempt, failures.min(self.settings.limits.retries + 1));
        if let Some(lane) = self.lane(place) {
            let is_worked_at = self
                .at_work
                .iter()
                .any(|(_, other)| self.lane((other.partition, other.offset)) == Some(lane));
            assert!(!is_worked_at, "the lane of {place:?} is at work twice");
            if let Some(open) = self.open.insert(lane, job.offset) {
                assert_eq!(open, job.offset, "{place:?} overtakes a retry");
            }
            if job.attempt == 0 {
                let before = self.begun.insert(lane, job.offset);
                assert!(before < Some(job.offset), "{place:?} is begun after {before:?}");
            }
        }
        self.at_work.push((log.epoch, job));
        Some(place)
    }

    fn remove(&mut self, index: Index) -> Option<(u64, Job<Message>)> {
        (!self.at_work.is_empty()).then(|| self.at_work.remove(index.index(self.at_work.len())))
    }

    pub(crate) fn finish(&mut self, index: Index) {
        if let Some((epoch, job)) = self.remove(index) {
            self.end(epoch, job);
        }
    }

    fn end(&mut self, epoch: u64, job: Job<Message>) {
        let place = (job.partition, job.offset);
        // Processed, whether or not anybody counts it.
        self.processed.insert(place);
        self.forget(epoch, place);
        self.coordinator.answer(job.ticket, Outcome::Done, self.now);
        // An answer that comes twice changes nothing.
        let before = self.coordinator.totals();
        self.coordinator.answer(job.ticket, Outcome::Done, self.now);
        let after = self.coordinator.totals();
        assert_eq!((before.processed, before.answered_twice + 1), (after.processed, after.answered_twice));
    }

    /// A message has ended. An orphan says nothing about the message of the next assignment.
    fn forget(&mut self, epoch: u64, place: Place) {
        if self.orphans.remove(&(epoch, place)) {
            return;
        }
        self.failures.remove(&place);
        if let Some(lane) = self.lane(place) {
            self.open.remove(&lane);
        }
    }

    pub(crate) fn fail(&mut self, index: Index) {
        if let Some((epoch, job)) = self.remove(index) {
            let place = (job.partition, job.offset);
            if !self.orphans.remove(&(epoch, place)) {
                *self.failures.entry(place).or_default() += 1;
            }
            self.coordinator.answer(job.ticket, Outcome::Failed(job.message), self.now);
        }
    }

    /// Takes commits. `fates` decides what becomes of each.
    pub(crate) fn commit(&mut self, fates: u8) {
        for (index, commit) in self.coordinator.commits(self.now).into_iter().enumerate() {
            let (log, epoch) = (&self.logs[commit.partition], commit.epoch);
            assert!(
                log.is_assigned && epoch == log.epoch,
                "a commit of a partition that is gone: {commit:?}"
            );
            self.judge(&commit);
            let other =
                self.commits.iter().find(|other| (other.partition, other.epoch) == (commit.partition, epoch));
            assert!(other.is_none(), "two commits of a partition under way");
            match fates >> (2 * index % 8) & 3 {
                0 | 1 => self.stores(&commit, true),
                2 => self.stores(&commit, false),
                _ => self.commits.push(commit),
            }
        }
        self.let_go();
    }

    /// A commit says only what is true, and nothing that an earlier one said is taken back.
    fn judge(&self, commit: &Commit) {
        let &Commit { partition, position, ref metadata, .. } = commit;
        let log = &self.logs[partition];
        let first = log.offsets.iter().find(|offset| !self.processed.contains(&(partition, **offset)));
        assert!(first.is_none_or(|first| position <= *first), "{commit:?}: {first:?} is not processed");
        let map = OffsetMap::decode(metadata).expect("its own text");
        for offset in map.offsets().map(|offset| position + offset) {
            let is_gap = !log.offsets.contains(&offset);
            assert!(
                is_gap || self.processed.contains(&(partition, offset)),
                "{commit:?}: {offset} is not processed"
            );
        }
        assert!(position >= log.stored.0, "{commit:?} goes back from {}", log.stored.0);
        for &done in &log.stored_done {
            let is_done = done < position || map.runs().iter().any(|run| run.contains(&(done - position)));
            assert!(is_done, "{commit:?} forgets {done}");
        }
    }

    /// The end of a commit, in the store and for the coordinator.
    fn stores(&mut self, commit: &Commit, is_stored: bool) {
        let log = &mut self.logs[commit.partition];
        // A store refuses what comes from an earlier owner.
        if is_stored && log.is_assigned && log.epoch == commit.epoch {
            let map = OffsetMap::decode(&commit.metadata).expect("its own text");
            log.stored = (commit.position, commit.metadata.clone());
            let below = log.offsets.iter().copied().filter(|offset| *offset < commit.position);
            log.stored_done = below.chain(map.offsets().map(|offset| commit.position + offset)).collect();
        }
        self.coordinator.commit_ended(commit, is_stored, self.now);
    }

    pub(crate) fn end_commit(&mut self, index: Index, is_stored: bool) {
        if !self.commits.is_empty() {
            let commit = self.commits.remove(index.index(self.commits.len()));
            self.stores(&commit, is_stored);
        }
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        self.now += time;
        for Message((partition, _)) in self.coordinator.expire(self.now) {
            let until = self.logs[partition].until;
            assert!(until.is_some_and(|until| until <= self.now), "ended before its time: {until:?}");
        }
        for partition in 0..self.partitions() {
            if self.logs[partition].is_assigned
                && self.logs[partition].until.is_some_and(|until| until <= self.now)
            {
                self.cut(partition);
            }
        }
    }

    fn cut(&mut self, partition: usize) {
        if !std::mem::replace(&mut self.logs[partition].is_cut, true) {
            self.orphan(partition);
        }
    }

    fn orphan(&mut self, partition: usize) {
        let jobs = self.at_work.iter().filter(|(_, job)| job.partition == partition);
        let orphans: Vec<_> = jobs.map(|(epoch, job)| (*epoch, (partition, job.offset))).collect();
        self.orphans.extend(orphans);
        self.open.retain(|lane, _| lane.0 != partition);
        self.failures.retain(|place, _| place.0 != partition);
        self.logs[partition].waiting = None;
    }

    pub(crate) fn revoke(&mut self, partition: usize, grace: Option<Duration>) {
        let until = grace.map(|grace| self.now + grace);
        self.coordinator.drain(partition, until);
        let log = &mut self.logs[partition];
        if log.is_assigned {
            log.drains = true;
            log.until = match (log.until, until) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
            assert!(!self.coordinator.may_fetch(partition));
        }
        self.close_if_drained(partition);
    }

    pub(crate) fn lose(&mut self, partition: usize) {
        let lost = self.coordinator.lose(partition);
        assert_eq!(lost.is_some(), self.logs[partition].is_assigned);
        if let Some((left, _)) = lost {
            assert_eq!(left.committed, self.logs[partition].stored.0);
            self.orphan(partition);
            self.logs[partition].is_assigned = false;
        }
    }

    /// Lets complete partitions go, and checks what is said of them.
    fn let_go(&mut self) {
        for partition in 0..self.partitions() {
            let Some(left) = self.coordinator.let_go(partition) else { continue };
            let log = &self.logs[partition];
            assert!(log.is_assigned && log.drains);
            assert_eq!(left.committed, log.stored.0, "what is said to be committed is stored");
            if !log.is_cut {
                assert!(left.is_clean(), "{left:?}");
                let received = &log.offsets[..log.next];
                for &offset in received {
                    assert!(
                        self.processed.contains(&(partition, offset)),
                        "{offset} of {partition} is forgotten"
                    );
                    assert!(offset < log.stored.0, "{partition} is let go before {offset} is committed");
                }
            }
            self.judge_left(&left);
            self.logs[partition].is_assigned = false;
        }
    }

    /// What is left is told exactly: each received message is stored as done, or unfinished, or uncommitted.
    fn judge_left(&self, left: &Left) {
        let log = &self.logs[left.partition];
        let received = log.offsets[..log.next].iter().copied();
        let open: Vec<u64> = received.filter(|offset| !log.stored_done.contains(offset)).collect();
        for offset in &left.unfinished {
            assert!(open.contains(offset), "{offset} is stored as done, and said to be unfinished");
        }
        // A message that waited in the lane was never received.
        assert!(open.len() as u64 >= left.unfinished.len() as u64 + left.uncommitted, "{left:?} of {open:?}");
        let at_most_waiting = open.len() as u64 - left.unfinished.len() as u64 - left.uncommitted;
        assert!(at_most_waiting <= 1, "{left:?} of {open:?}");
        let held = left.held.at_work + left.held.delayed + left.held.waiting;
        assert_eq!(held, left.unfinished.len(), "{left:?}");
    }

    /// The process dies: what is stored stays.
    pub(crate) fn crash(&mut self) {
        self.coordinator = Coordinator::new(self.partitions(), self.settings);
        self.at_work.clear();
        self.commits.clear();
        self.open.clear();
        self.begun.clear();
        self.orphans.clear();
        self.failures.clear();
        for log in &mut self.logs {
            (log.is_assigned, log.epoch) = (false, 0);
        }
        (0..self.partitions()).for_each(|partition| self.assign(partition));
    }

    // -- What always holds.

    pub(crate) fn check(&mut self) {
        for partition in self.coordinator.resumed() {
            let log = &mut self.logs[partition];
            log.is_resumed = true;
            if log.is_cut || !log.is_assigned {
                log.waiting = None;
            }
        }
        self.coordinator.completed();
        for partition in 0..self.partitions() {
            let in_flight = self.in_flight(partition);
            assert!(in_flight <= self.settings.limits.in_flight, "{in_flight} of {partition} are in flight");
            let jobs = self.at_work.iter().filter(|(_, job)| job.partition == partition);
            let at_work = jobs.clone().count();
            let own = jobs
                .filter(|(epoch, job)| !self.orphans.contains(&(*epoch, (partition, job.offset))))
                .count();
            assert!(own <= self.settings.limits.at_work, "{own} of {partition} are at work");
            assert_eq!(self.coordinator.held(partition).at_work, own, "of {at_work}");
            self.close_if_drained(partition);
        }
    }

    // -- What has to be possible in the end.

    /// Nothing goes wrong any more: what is under way ends, partitions without an owner come back.
    pub(crate) fn recover(&mut self) {
        for _ in 0..1_000 {
            self.round(&[]);
            (0..self.partitions()).for_each(|partition| self.assign(partition));
            if (0..self.partitions())
                .all(|partition| self.logs[partition].is_assigned && !self.logs[partition].drains)
            {
                return;
            }
        }
        panic!("a revoked partition is never complete: {self:#?}");
    }

    /// One round of everything, except for jobs of the `stuck` partitions.
    fn round(&mut self, stuck: &[usize]) {
        for commit in std::mem::take(&mut self.commits) {
            self.stores(&commit, true);
        }
        while self.take().is_some() {}
        let (kept, ended): (Vec<_>, Vec<_>) = std::mem::take(&mut self.at_work)
            .into_iter()
            .partition(|(_, job)| stuck.contains(&job.partition));
        self.at_work = kept;
        for (epoch, job) in ended {
            self.end(epoch, job);
        }
        self.check();
        (0..self.partitions()).for_each(|partition| self.arrive(partition, 3));
        self.commit(0);
        self.wait(Duration::from_nanos(20));
        self.check();
    }

    /// Works everything off, stops, and checks that nothing is left.
    pub(crate) fn stop_cleanly(&mut self) {
        for _ in 0..1_000 {
            self.round(&[]);
        }
        for partition in 0..self.partitions() {
            assert_eq!(self.unprocessed(partition), Vec::<u64>::new(), "of {partition}: {self:#?}");
            self.logs[partition].drains = true;
        }
        self.coordinator.stop(None);
        for _ in 0..20 {
            self.round(&[]);
        }
        assert!(self.coordinator.is_finished(), "{self:#?}");
        for log in &self.logs {
            let last = log.offsets.last().copied().unwrap_or(0);
            assert!(log.stored.0 > last, "the stop left {:?} of {last}", log.stored);
        }
    }

    /// The jobs of one partition never end; all others are worked off and committed.
    pub(crate) fn work_off_beside_stuck_messages_of(&mut self, stuck: usize) {
        for _ in 0..1_000 {
            self.round(&[stuck]);
        }
        for partition in (0..self.partitions()).filter(|partition| *partition != stuck) {
            assert_eq!(self.unprocessed(partition), Vec::<u64>::new(), "of {partition}: {self:#?}");
        }
    }

    pub(crate) fn finish_all_but(&mut self, stuck: &[Place]) {
        let (kept, ended): (Vec<_>, Vec<_>) = std::mem::take(&mut self.at_work)
            .into_iter()
            .partition(|(_, job)| stuck.contains(&(job.partition, job.offset)));
        self.at_work = kept;
        for (epoch, job) in ended {
            self.end(epoch, job);
        }
    }

    pub(crate) fn unprocessed(&self, partition: usize) -> Vec<u64> {
        let offsets = self.logs[partition].offsets.iter().copied();
        offsets.filter(|offset| !self.processed.contains(&(partition, *offset))).collect()
    }

    pub(crate) fn stored(&self, partition: usize) -> (u64, String) {
        self.logs[partition].stored.clone()
    }
}
