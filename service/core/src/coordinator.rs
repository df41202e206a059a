//! The coordinator of a consumer: the state of every partition, apart from threads, clocks and I/O.
//!
//! It puts together the commit tracker, the key scheduler and the life of a partition. Whatever happens outside is a
//! call: a message arrived, a worker is free, an attempt ended, a commit was stored, the time is up. [`Shared`] is
//! what threads use.
//!
//! # The life of a partition
//!
//! ```text
//!             assign             drain, or its input ends        nothing in flight, all committed      let_go
//! Unassigned ───────► Consuming ──────────────────────► Draining ────────────────────────────────► Complete ─┐
//!     ▲                   │                                 │  the grace is over: what is done is committed   │
//!     │                   └───────────── lose ──────────────┘                                                │
//!     └──────────────────────────────────◄──────────────────────────────────────────────────────────────────┘
//! ```
//!
//! A partition is let go only after its last commit was stored, and each partition by itself. A lost partition
//! belongs to somebody else already, so it commits nothing.
//!
//! [`Shared`]: crate::shared::Shared

use std::collections::VecDeque;
use std::time::Duration;

use crate::offset_map::OffsetMap;
use crate::scheduler::{AnsweredTwice, Finished, Held, Job, Limits, Order, Scheduler, Ticket};
use crate::tracker::{Received, TrackError, Tracker};

/// The settings of a coordinator.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Which messages are worked at one after the other.
    pub order: Order,
    /// The bounds of each partition.
    pub limits: Limits,
    /// A partition commits when this many messages are done since its last commit; [`Coordinator::commit_now`] and the
    /// end of a partition do not wait for it. At least 1.
    pub commit_every: u64,
    /// The time after a failed commit before it is tried again.
    pub commit_retry: Duration,
}

/// A message of a partition, as a source delivers it.
#[derive(Debug)]
pub struct Record<M> {
    /// Its offset. Offsets of a partition rise, not always by 1.
    pub offset: u64,
    /// A hash of its key, the same for equal keys; `None` when it has no key.
    pub key: Option<u64>,
    /// The message.
    pub message: M,
}

/// What became of a record that arrived.
#[derive(Debug)]
pub enum Admitted<M> {
    /// It will be worked at.
    Taken,
    /// It was done before the last restart: nothing is to be done.
    Known(M),
    /// No room now: the partition is paused until [`Coordinator::resumed`] names it.
    Full(Record<M>),
    /// The partition takes no more: it was lost, or its grace is over.
    Refused(M),
    /// The source broke its promise.
    Wrong(M, TrackError),
}

/// The end of an attempt.
#[derive(Debug)]
pub enum Outcome<M> {
    /// The message is processed, or written to the dead-letter output.
    Done,
    /// The attempt failed; the message comes back.
    Failed(M),
}

/// A commit to store: everything of the partition below `position` is done, and what `metadata` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The partition.
    pub partition: usize,
    /// The assignment that it belongs to: 1 for the partition's first one.
    pub epoch: u64,
    /// The first offset that is not done.
    pub position: u64,
    /// The offset map, as text.
    pub metadata: String,
    /// How many changes of the tracker it has.
    changes: u64,
}

/// What is left of a partition that was let go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// The partition.
    pub partition: usize,
    /// The stored commit position: where the next owner goes on.
    pub committed: u64,
    /// The received offsets that are not done, in rising order.
    pub unfinished: Vec<u64>,
    /// What was held when the partition ended.
    pub held: Held,
    /// Messages that are done and in no stored commit: the next owner repeats them.
    pub uncommitted: u64,
}

impl Left {
    /// Whether everything that was received is done and committed.
    pub fn is_clean(&self) -> bool {
        self.unfinished.is_empty() && self.uncommitted == 0
    }
}

/// Numbers since the start, of all partitions together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Messages that arrived and were new.
    pub received: u64,
    /// Messages that arrived and were done before the last restart.
    pub known: u64,
    /// Messages that were processed.
    pub processed: u64,
    /// Failed attempts. The last one of a dead letter is among them, as it is followed by an attempt to write that.
    pub retried: u64,
    /// Messages that went to the dead-letter output.
    pub dead_lettered: u64,
    /// Messages that ended after their partition was dropped.
    pub orphaned: u64,
    /// Messages that were answered twice.
    pub answered_twice: u64,
    /// Stored commits.
    pub commits: u64,
    /// Commits that the source refused.
    pub commits_failed: u64,
    /// Commits without their offset map, which was too long.
    pub maps_left_out: u64,
}

/// Where a partition is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    Unassigned,
    Consuming,
    /// Nothing new is fetched. At `until`, if not before, the partition ends.
    Draining {
        until: Option<Duration>,
    },
    /// The grace is over. One commit of what is done is under way, or waits to be taken.
    Expired {
        left: Box<Left>,
        finished: bool,
    },
    Complete(Box<Left>),
}

/// Why a partition could not be assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssignError {
    /// The coordinator has fewer partitions.
    #[error("partition {0} is unknown: the consumer was made for fewer partitions")]
    Unknown(usize),
    /// It has not been let go.
    #[error("partition {0} was assigned again before it was let go")]
    NotLetGo(usize),
    /// The offset map does not fit.
    #[error("partition {0}: {1}")]
    Map(usize, TrackError),
}

#[derive(Debug)]
struct Partition {
    phase: Phase,
    tracker: Tracker,
    epoch: u64,
    /// Whether its input has ended, so that nothing more arrives.
    is_closed: bool,
    /// Whether a record found no room and waits.
    is_paused: bool,
    /// Messages done since the assignment.
    changes: u64,
    /// How many of these are in a stored commit.
    stored_changes: u64,
    /// The stored position.
    committed: u64,
    /// Whether a commit was taken whose end is not known.
    is_committing: bool,
    /// A commit is wanted however few messages it has.
    wants_commit: bool,
    /// After a failed commit, the time of the next one.
    not_before: Duration,
    /// Whether it is in the list of partitions that may have something to commit.
    is_due: bool,
}

/// The coordinator of a consumer.
#[derive(Debug)]
pub struct Coordinator<M> {
    settings: Settings,
    scheduler: Scheduler<M>,
    partitions: Vec<Partition>,
    /// Partitions that may have something to commit, or may be complete.
    due: VecDeque<usize>,
    resumed: Vec<usize>,
    completed: Vec<usize>,
    totals: Totals,
    /// Whether a stop was requested.
    stops: bool,
}

impl<M> Coordinator<M> {
    /// A coordinator of up to `partitions` partitions, none of which is assigned.
    pub fn new(partitions: usize, settings: Settings) -> Self {
        let partition = || Partition {
            phase: Phase::Unassigned,
            tracker: Tracker::new(0),
            epoch: 0,
            is_closed: true,
            is_paused: false,
            changes: 0,
            stored_changes: 0,
            committed: 0,
            is_committing: false,
            wants_commit: false,
            not_before: Duration::ZERO,
            is_due: false,
        };
        Coordinator {
            settings,
            scheduler: Scheduler::new(partitions, settings.order, settings.limits),
            partitions: std::iter::repeat_with(partition).take(partitions).collect(),
            due: VecDeque::new(),
            resumed: Vec::new(),
            completed: Vec::new(),
            totals: Totals::default(),
            stops: false,
        }
    }

    /// Bounds the messages of all partitions together that are at work at a time; at least 1. See
    /// [`Shared::bounded`](crate::shared::Shared::bounded) for what it should be.
    pub fn bound_at_work(&mut self, most: usize) {
        self.scheduler.bound_at_work(most);
    }

    /// Numbers since the start.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// The messages of this partition that are held, and how.
    pub fn held(&self, partition: usize) -> Held {
        self.scheduler.held(partition)
    }

    /// The stored commit position of this partition; `None` when it is not assigned.
    pub fn committed(&self, partition: usize) -> Option<u64> {
        let own = self.partitions.get(partition)?;
        (own.phase != Phase::Unassigned).then_some(own.committed)
    }

    /// The number of this partition's assignment, as [`Coordinator::assign`] returned it; `None` when it is not assigned.
    pub fn epoch(&self, partition: usize) -> Option<u64> {
        let own = self.partitions.get(partition)?;
        (own.phase != Phase::Unassigned).then_some(own.epoch)
    }

    // -- The life of a partition.

    /// Begins with a partition at its stored commit. Returns the number of the assignment.
    ///
    /// # Errors
    ///
    /// [`AssignError`]; nothing has changed then.
    pub fn assign(&mut self, partition: usize, position: u64, map: &OffsetMap) -> Result<u64, AssignError> {
        let stops = self.stops;
        let own = self.partitions.get_mut(partition).ok_or(AssignError::Unknown(partition))?;
        if own.phase != Phase::Unassigned {
            return Err(AssignError::NotLetGo(partition));
        }
        own.tracker = Tracker::resume(position, map).map_err(|error| AssignError::Map(partition, error))?;
        own.epoch += 1;
        own.phase = if stops { Phase::Draining { until: None } } else { Phase::Consuming };
        (own.is_closed, own.is_paused) = (false, false);
        (own.changes, own.stored_changes, own.committed) = (0, 0, position);
        (own.is_committing, own.wants_commit, own.not_before) = (false, false, Duration::ZERO);
        Ok(own.epoch)
    }

    /// Whether more of this partition should be fetched.
    pub fn may_fetch(&self, partition: usize) -> bool {
        self.partitions.get(partition).is_some_and(|own| own.phase == Phase::Consuming)
    }

    /// Fetches no more of this partition, for a revoke: works off what was fetched, commits, and is complete. At
    /// `until` it ends with what is done by then.
    pub fn drain(&mut self, partition: usize, until: Option<Duration>) {
        if let Some(own) = self.partitions.get_mut(partition) {
            match &mut own.phase {
                Phase::Consuming => own.phase = Phase::Draining { until },
                // The earlier of two ends counts.
                Phase::Draining { until: present } => *present = earlier(*present, until),
                _ => return,
            }
        }
        self.is_due(partition);
    }

    /// Stops: every partition drains.
    pub fn stop(&mut self, until: Option<Duration>) {
        self.stops = true;
        for partition in 0..self.partitions.len() {
            self.drain(partition, until);
        }
    }

    /// Whether a stop was requested and every partition is complete.
    pub fn is_finished(&self) -> bool {
        self.stops
            && self.partitions.iter().all(|own| matches!(own.phase, Phase::Complete(_) | Phase::Unassigned))
    }

    /// The input of this partition has ended: what was fetched has arrived, and nothing more will.
    pub fn close(&mut self, partition: usize) {
        if let Some(own) = self.partitions.get_mut(partition) {
            own.is_closed = true;
            if own.phase == Phase::Consuming {
                own.phase = Phase::Draining { until: None };
            }
        }
        self.is_due(partition);
    }

    /// Ends the partitions whose grace is over at `now`; returns the messages that no worker had.
    pub fn expire(&mut self, now: Duration) -> Vec<M> {
        let mut dropped = Vec::new();
        for partition in 0..self.partitions.len() {
            let is_over =
                |own: &Partition| matches!(own.phase, Phase::Draining { until: Some(until) } if until <= now);
            if self.partitions.get(partition).is_some_and(is_over) {
                dropped.extend(self.cut(partition));
            }
        }
        dropped
    }

    /// Ends every partition that is not complete, now.
    pub fn expire_all(&mut self) -> Vec<M> {
        self.stops = true;
        (0..self.partitions.len()).flat_map(|partition| self.cut(partition)).collect()
    }

    /// Ends a partition with what is done.
    fn cut(&mut self, partition: usize) -> Vec<M> {
        let held = self.scheduler.held(partition);
        let Some(own) = self.partitions.get_mut(partition) else { return Vec::new() };
        if !matches!(own.phase, Phase::Consuming | Phase::Draining { .. }) {
            return Vec::new();
        }
        let left =
            Left { partition, held, unfinished: own.tracker.unfinished().collect(), ..Left::default() };
        own.phase = Phase::Expired { left: Box::new(left), finished: false };
        // The last commit is tried once, now.
        own.not_before = Duration::ZERO;
        self.resume(partition);
        self.is_due(partition);
        self.scheduler.drop_partition(partition)
    }

    /// Drops a partition that belongs to somebody else already: nothing of it is committed. Returns what is left, and
    /// the messages that no worker had; `None` when it is not assigned.
    pub fn lose(&mut self, partition: usize) -> Option<(Left, Vec<M>)> {
        let held = self.scheduler.held(partition);
        let own = self.partitions.get_mut(partition)?;
        if own.phase == Phase::Unassigned {
            return None;
        }
        let left = Left {
            partition,
            committed: own.committed,
            unfinished: own.tracker.unfinished().collect(),
            held,
            uncommitted: own.changes - own.stored_changes,
        };
        own.phase = Phase::Unassigned;
        own.is_closed = true;
        self.resume(partition);
        Some((left, self.scheduler.drop_partition(partition)))
    }

    /// Partitions that have become complete since the last call.
    pub fn completed(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.completed)
    }

    /// Lets a complete partition go; returns what is left of it. `None` when it is not complete.
    pub fn let_go(&mut self, partition: usize) -> Option<Left> {
        let own = self.partitions.get_mut(partition)?;
        match std::mem::replace(&mut own.phase, Phase::Unassigned) {
            Phase::Complete(left) => Some(*left),
            other => {
                own.phase = other;
                None
            }
        }
    }

    /// What is left of this partition, if it is complete.
    pub fn left(&self, partition: usize) -> Option<&Left> {
        match &self.partitions.get(partition)?.phase {
            Phase::Complete(left) => Some(left),
            _ => None,
        }
    }

    // -- Messages.

    /// Takes a record that arrived.
    pub fn admit(&mut self, partition: usize, record: Record<M>) -> Admitted<M> {
        let Some(own) = self.partitions.get_mut(partition) else {
            return Admitted::Refused(record.message);
        };
        if !matches!(own.phase, Phase::Consuming | Phase::Draining { .. }) || own.is_closed {
            return Admitted::Refused(record.message);
        }
        if self.scheduler.room(partition) == 0 || own.tracker.is_pressed() {
            own.is_paused = true;
            return Admitted::Full(record);
        }
        let Record { offset, key, message } = record;
        match own.tracker.receive(offset) {
            Ok(Received::Done) => {
                self.totals.known += 1;
                return Admitted::Known(message);
            }
            Err(TrackError::BeyondWindow { .. }) => {
                own.is_paused = true;
                return Admitted::Full(Record { offset, key, message });
            }
            Err(error) => return Admitted::Wrong(message, error),
            Ok(Received::New) => {}
        }
        self.totals.received += 1;
        match self.scheduler.push(partition, offset, key, message) {
            Ok(()) => Admitted::Taken,
            // It had room.
            Err(message) => Admitted::Refused(message),
        }
    }

    /// Whether a record of this partition waits for room.
    pub fn is_paused(&self, partition: usize) -> bool {
        self.partitions.get(partition).is_some_and(|own| own.is_paused)
    }

    /// Paused partitions that have room again since the last call.
    pub fn resumed(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.resumed)
    }

    /// Whether a worker can have a message now.
    pub fn is_ready(&self) -> bool {
        self.scheduler.is_ready()
    }

    /// Whether no worker has a message.
    pub fn is_idle(&self) -> bool {
        self.scheduler.is_idle()
    }

    /// Whether there may be a commit to store.
    pub fn has_due_commits(&self) -> bool {
        !self.due.is_empty()
    }

    /// The next message to work at.
    pub fn take(&mut self, now: Duration) -> Option<Job<M>> {
        self.scheduler.take(now)
    }

    /// The end of an attempt.
    pub fn answer(&mut self, ticket: Ticket, outcome: Outcome<M>, now: Duration) {
        let answered = match outcome {
            Outcome::Done => self.scheduler.finish(ticket).map(|finished| (finished, true)),
            Outcome::Failed(message) => {
                self.scheduler.fail(ticket, message, now).map(|finished| (finished, finished.is_orphan))
            }
        };
        match answered {
            Err(AnsweredTwice) => self.totals.answered_twice += 1,
            Ok((Finished { is_orphan: true, .. }, _)) => self.totals.orphaned += 1,
            Ok((_, false)) => self.totals.retried += 1,
            Ok((finished, true)) => self.finished(finished),
        }
    }

    fn finished(&mut self, finished: Finished) {
        let Finished { partition, offset, is_dead, .. } = finished;
        let held = self.scheduler.in_flight(partition);
        let every = self.settings.commit_every.max(1);
        let Some(own) = self.partitions.get_mut(partition) else { return };
        if own.tracker.finish(offset).is_err() {
            self.totals.answered_twice += 1;
            return;
        }
        own.changes += 1;
        if is_dead {
            self.totals.dead_lettered += 1;
        } else {
            self.totals.processed += 1;
        }
        let is_due =
            own.changes - own.stored_changes >= every || (held == 0 && own.phase != Phase::Consuming);
        // A partition that was paused goes on when half of its room is free, so that it pauses seldom, or when it has
        // nothing for a worker. The tracker is asked last: it may have to count.
        let goes_on = own.is_paused
            && (self.scheduler.room(partition) * 2 >= self.settings.limits.in_flight
                || !self.scheduler.has_ready(partition))
            && (held == 0 || !own.tracker.is_pressed());
        if is_due {
            self.is_due(partition);
        }
        if goes_on {
            self.resume(partition);
        }
    }

    fn resume(&mut self, partition: usize) {
        if let Some(own) = self.partitions.get_mut(partition)
            && std::mem::take(&mut own.is_paused)
        {
            self.resumed.push(partition);
        }
    }

    // -- Commits.

    fn is_due(&mut self, partition: usize) {
        if let Some(own) = self.partitions.get_mut(partition)
            && !own.is_due
        {
            own.is_due = true;
            self.due.push_back(partition);
        }
    }

    /// Commits what is done of every partition, however little that is.
    pub fn commit_now(&mut self) {
        for partition in 0..self.partitions.len() {
            if let Some(own) = self.partitions.get_mut(partition) {
                own.wants_commit = true;
            }
            self.is_due(partition);
        }
    }

    /// The commits to store now. The end of each has to be told to [`Coordinator::commit_ended`].
    pub fn commits(&mut self, now: Duration) -> Vec<Commit> {
        let mut commits = Vec::new();
        for _ in 0..self.due.len() {
            let Some(partition) = self.due.pop_front() else { break };
            let in_flight = self.scheduler.in_flight(partition);
            let Some(own) = self.partitions.get_mut(partition) else { continue };
            own.is_due = false;
            // When it ends, the partition is looked at again.
            if own.is_committing {
                continue;
            }
            let ends = match &own.phase {
                Phase::Unassigned | Phase::Complete(_) => continue,
                Phase::Consuming => false,
                Phase::Draining { .. } => own.is_closed && in_flight == 0,
                Phase::Expired { .. } => true,
            };
            let done = own.changes - own.stored_changes;
            if done == 0 || matches!(own.phase, Phase::Expired { finished: true, .. }) {
                if ends {
                    self.complete(partition);
                }
                continue;
            }
            let wants =
                ends || std::mem::take(&mut own.wants_commit) || done >= self.settings.commit_every.max(1);
            if !wants {
                continue;
            }
            if own.not_before > now {
                own.wants_commit = true;
                self.is_due(partition);
                continue;
            }
            own.is_committing = true;
            let metadata = own.tracker.map().encode().unwrap_or_else(|_| {
                self.totals.maps_left_out += 1;
                String::new()
            });
            let (epoch, position, changes) = (own.epoch, own.tracker.position(), own.changes);
            commits.push(Commit { partition, epoch, position, metadata, changes });
        }
        commits
    }

    /// The end of a commit: whether the source has stored it.
    pub fn commit_ended(&mut self, commit: &Commit, is_stored: bool, now: Duration) {
        let Some(own) = self.partitions.get_mut(commit.partition) else { return };
        // A commit of an assignment that has ended says nothing about this one.
        if own.epoch != commit.epoch || !own.is_committing {
            return;
        }
        own.is_committing = false;
        if is_stored {
            self.totals.commits += 1;
            own.stored_changes = own.stored_changes.max(commit.changes);
            own.committed = own.committed.max(commit.position);
        } else {
            self.totals.commits_failed += 1;
            own.wants_commit = true;
            own.not_before = now.saturating_add(self.settings.commit_retry);
        }
        if let Phase::Expired { finished, .. } = &mut own.phase {
            // The commit with all that is done was tried, and there is no time to try it again.
            *finished = commit.changes == own.changes;
            own.not_before = Duration::ZERO;
        }
        self.is_due(commit.partition);
    }

    fn complete(&mut self, partition: usize) {
        let Some(own) = self.partitions.get_mut(partition) else { return };
        let mut left = match std::mem::replace(&mut own.phase, Phase::Unassigned) {
            Phase::Expired { left, .. } => left,
            _ => Box::new(Left { partition, ..Left::default() }),
        };
        left.committed = own.committed;
        left.uncommitted = own.changes - own.stored_changes;
        own.phase = Phase::Complete(left);
        own.is_closed = true;
        self.completed.push(partition);
    }

    /// The next moment at which time alone changes something: an attempt, a commit or the end of a grace.
    pub fn next_due(&self) -> Option<Duration> {
        let due = self.due.iter().filter_map(|&partition| self.partitions.get(partition));
        let commits = due.map(|own| own.not_before).min();
        let ends = self.partitions.iter().filter_map(|own| match own.phase {
            Phase::Draining { until } => until,
            _ => None,
        });
        earlier(earlier(self.scheduler.next_due(), commits), ends.min())
    }
}

/// The earlier of two moments, where `None` never comes.
fn earlier(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
