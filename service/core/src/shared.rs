//! The coordinator as threads share it: one lock, taken once for each batch, and conditions to wait for.
//!
//! Four kinds of threads use it ([`roles`]): those that feed a partition's records wait for room; the one that
//! dispatches waits for messages that can be worked at, and stores commits; workers answer and never wait; and the one that
//! revokes a partition waits until it is complete. A thread is notified only while it waits, since a notification
//! costs a system call whether or not anybody waits.
//!
//! It is written on [`contract::sync`], so the models explore the very code that is measured.
//!
//! [`roles`]: crate::roles

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use contract::sync::{AtomicBool, Condvar, Deadline, Guard, Mutex, Ordering, lock, wait};

use crate::coordinator::{
    Admitted, AssignError, Commit, Coordinator, Left, Outcome, Record, Settings, Totals,
};
use crate::offset_map::OffsetMap;
use crate::scheduler::{Held, Job, Ticket};
use crate::tracker::TrackError;

/// What time means for retries and graces.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The time since the start.
    Real(Instant),
    /// The number of answers, in nanoseconds; when nothing is at work, the time at which something is due. No choice
    /// depends on a clock, so an explorer can repeat it, and no round waits for a retry.
    Logical,
}

/// The result of [`Shared::take`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// There are jobs or commits.
    Work,
    /// A stop was requested, and every partition is complete.
    Finished,
    /// Nothing has happened for as long as the caller was prepared to wait.
    Stalled,
}

/// The result of [`Shared::admit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fed {
    /// Every record was taken, or was done before.
    Taken,
    /// The partition takes no more: it was lost, or its grace is over.
    Refused,
}

#[derive(Debug)]
struct State<M> {
    coordinator: Coordinator<M>,
    /// Until when the dispatcher waits; `None` when it does not.
    dispatcher_waits: Option<Duration>,
    /// Threads that wait for a partition to be complete.
    waiting_for_ends: usize,
    /// The time of a logical clock.
    ticks: Duration,
}

/// What threads that feed a partition share.
#[derive(Debug)]
struct Gate {
    /// Notified when a paused partition has room again.
    room: Condvar,
    /// Whether more should be fetched.
    is_open: AtomicBool,
}

/// The coordinator as threads share it.
#[derive(Debug)]
pub struct Shared<M> {
    state: Mutex<State<M>>,
    /// Notified when there is something for the dispatcher.
    work: Condvar,
    /// Notified when a partition is complete.
    ends: Condvar,
    gates: Vec<Gate>,
    clock: Clock,
}

/// The threads to notify once the lock is free.
#[derive(Debug, Default)]
struct Wakes {
    dispatcher: bool,
    gates: Vec<usize>,
    ends: bool,
}

impl<M: Send + 'static> Shared<M> {
    /// A coordinator of up to `partitions` partitions, none of which is assigned.
    pub fn new(partitions: usize, settings: Settings, clock: Clock) -> Self {
        let coordinator = Coordinator::new(partitions, settings);
        let gate = || Gate { room: Condvar::new(), is_open: AtomicBool::new(false) };
        Shared {
            state: Mutex::new(State {
                coordinator,
                dispatcher_waits: None,
                waiting_for_ends: 0,
                ticks: Duration::ZERO,
            }),
            work: Condvar::new(),
            ends: Condvar::new(),
            gates: std::iter::repeat_with(gate).take(partitions).collect(),
            clock,
        }
    }

    /// The same coordinator with a bound of the messages of all partitions together that are at work at a time.
    ///
    /// With as many as the workers and the channel of jobs hold, the dispatcher never waits in that channel for a
    /// message to be processed. Without the bound it does, and until then it neither stores a commit nor sees the end
    /// of a grace.
    #[must_use]
    pub fn bounded(self, most_at_work: usize) -> Self {
        lock(&self.state).coordinator.bound_at_work(most_at_work);
        self
    }

    fn now(&self, state: &State<M>) -> Duration {
        match self.clock {
            Clock::Real(start) => start.elapsed(),
            Clock::Logical => state.ticks,
        }
    }

    /// The moment `after` from now, on the coordinator's clock.
    pub fn moment(&self, after: Duration) -> Duration {
        self.now(&lock(&self.state)).saturating_add(after)
    }

    /// Frees the lock, and notifies those for whom there is something.
    fn settle(&self, mut state: Guard<'_, State<M>>) {
        let wakes = self.wakes(&mut state);
        drop(state);
        self.notify(wakes);
    }

    fn wakes(&self, state: &mut State<M>) -> Wakes {
        let gates = state.coordinator.resumed();
        let ends = !state.coordinator.completed().is_empty() && state.waiting_for_ends > 0;
        let coordinator = &state.coordinator;
        let dispatcher = state.dispatcher_waits.is_some_and(|until| {
            let is_due = |due| match self.clock {
                Clock::Real(_) => due < until,
                Clock::Logical => due <= state.ticks || coordinator.is_idle(),
            };
            coordinator.is_ready()
                || coordinator.has_due_commits()
                || coordinator.next_due().is_some_and(is_due)
                || coordinator.is_finished()
        });
        if dispatcher {
            state.dispatcher_waits = None;
        }
        Wakes { dispatcher, gates, ends }
    }

    fn notify(&self, wakes: Wakes) {
        for gate in wakes.gates.into_iter().filter_map(|partition| self.gates.get(partition)) {
            gate.room.notify_all();
        }
        if wakes.dispatcher {
            self.work.notify_one();
        }
        if wakes.ends {
            self.ends.notify_all();
        }
    }

    // -- Feeding.

    /// Whether more of this partition should be fetched. An old answer costs one batch.
    pub fn may_fetch(&self, partition: usize) -> bool {
        // Relaxed: it orders nothing.
        self.gates.get(partition).is_some_and(|gate| gate.is_open.load(Ordering::Relaxed))
    }

    fn set_gates(&self, coordinator: &Coordinator<M>) {
        for (partition, gate) in self.gates.iter().enumerate() {
            // Relaxed: as in `may_fetch`.
            gate.is_open.store(coordinator.may_fetch(partition), Ordering::Relaxed);
        }
    }

    /// Hands over records of a partition, in order, and waits while it has no room for them. `surplus` gets the
    /// messages with which nothing is to be done; `records` is empty when this returns `Ok`.
    ///
    /// `epoch` is the number of the assignment that the records belong to. The thread of an earlier one may come late,
    /// when the partition was lost and is back.
    ///
    /// # Errors
    ///
    /// [`TrackError`] when the source broke its promise; the other records stay in `records`.
    pub fn admit(
        &self,
        partition: usize,
        epoch: u64,
        records: &mut VecDeque<Record<M>>,
        surplus: &mut Vec<M>,
    ) -> Result<Fed, TrackError> {
        let mut state = lock(&self.state);
        let mut fed = Ok(Fed::Taken);
        while let Some(record) = records.pop_front() {
            let is_present = state.coordinator.epoch(partition) == Some(epoch);
            let admitted = match is_present {
                true => state.coordinator.admit(partition, record),
                false => Admitted::Refused(record.message),
            };
            match admitted {
                Admitted::Taken => {}
                Admitted::Known(message) => surplus.push(message),
                Admitted::Refused(message) => {
                    surplus.push(message);
                    surplus.extend(records.drain(..).map(|record| record.message));
                    fed = Ok(Fed::Refused);
                }
                Admitted::Wrong(message, error) => {
                    surplus.push(message);
                    fed = Err(error);
                    break;
                }
                Admitted::Full(record) => {
                    records.push_front(record);
                    let wakes = self.wakes(&mut state);
                    self.notify(wakes);
                    while state.coordinator.is_paused(partition)
                        && state.coordinator.epoch(partition) == Some(epoch)
                    {
                        let Some(gate) = self.gates.get(partition) else { break };
                        state = wait(&gate.room, state);
                    }
                }
            }
        }
        self.settle(state);
        fed
    }

    /// The input of this assignment of the partition has ended. That of an earlier one says nothing.
    pub fn close(&self, partition: usize, epoch: u64) {
        self.change(|coordinator| {
            if coordinator.epoch(partition) == Some(epoch) {
                coordinator.close(partition);
            }
        });
    }

    // -- Dispatching.

    /// Waits until there is something to do, and takes it: at most `most` jobs into `jobs`, and commits to store.
    ///
    /// After `patience` without anything it returns [`Taken::Stalled`]; `None` waits for ever.
    pub fn take(
        &self,
        most: usize,
        jobs: &mut Vec<Job<M>>,
        commits: &mut Vec<Commit>,
        patience: Option<Duration>,
    ) -> Taken {
        let mut state = lock(&self.state);
        loop {
            let now = self.now(&state);
            let surplus = state.coordinator.expire(now);
            commits.extend(state.coordinator.commits(now));
            while jobs.len() < most
                && let Some(job) = state.coordinator.take(now)
            {
                jobs.push(job);
            }
            let taken = match () {
                () if !jobs.is_empty() || !commits.is_empty() => Some(Taken::Work),
                () if state.coordinator.is_finished() => Some(Taken::Finished),
                () => None,
            };
            let due = state.coordinator.next_due();
            if let Some(taken) = taken {
                self.settle(state);
                drop(surplus);
                return taken;
            }
            if !surplus.is_empty() {
                self.settle(state);
                drop(surplus);
                state = lock(&self.state);
                continue;
            }
            let until = match (self.clock, due) {
                (Clock::Logical, Some(due)) if state.coordinator.is_idle() => {
                    state.ticks = state.ticks.max(due);
                    continue;
                }
                (Clock::Real(_), Some(due)) => due,
                _ => Duration::MAX,
            };
            let wakes = self.wakes(&mut state);
            self.notify(wakes);
            let (guard, is_awake) = self.wait_for_work(state, until, now, patience);
            state = guard;
            if !is_awake && until == Duration::MAX {
                self.settle(state);
                return Taken::Stalled;
            }
        }
    }

    /// Waits until the dispatcher is notified, `until` on the clock, or for `patience`; whether it was notified.
    fn wait_for_work<'a>(
        &self,
        mut state: Guard<'a, State<M>>,
        until: Duration,
        now: Duration,
        patience: Option<Duration>,
    ) -> (Guard<'a, State<M>>, bool) {
        state.dispatcher_waits = Some(until);
        let timeout = match (until == Duration::MAX, patience) {
            (true, None) => None,
            (true, Some(patience)) => Some(patience),
            (false, _) => Some(until.saturating_sub(now)),
        };
        if let Some(timeout) = timeout {
            let deadline = Deadline::after(timeout);
            while state.dispatcher_waits.is_some() && !deadline.passed() {
                state = deadline.wait(&self.work, state);
            }
        } else {
            while state.dispatcher_waits.is_some() {
                state = wait(&self.work, state);
            }
        }
        let is_awake = state.dispatcher_waits.take().is_none();
        (state, is_awake)
    }

    /// The end of a commit: whether the source has stored it.
    pub fn commit_ended(&self, commit: &Commit, is_stored: bool) {
        let mut state = lock(&self.state);
        let now = self.now(&state);
        state.coordinator.commit_ended(commit, is_stored, now);
        self.settle(state);
    }

    /// Commits what is done of every partition, however little that is.
    pub fn commit_now(&self) {
        self.change(Coordinator::commit_now);
    }

    // -- Working.

    /// Ends attempts; `answers` is empty afterwards.
    pub fn answer(&self, answers: &mut Vec<(Ticket, Outcome<M>)>) {
        if answers.is_empty() {
            return;
        }
        let mut state = lock(&self.state);
        let mut now = self.now(&state);
        for (ticket, outcome) in answers.drain(..) {
            if let Clock::Logical = self.clock {
                state.ticks += Duration::from_nanos(1);
                now = state.ticks;
            }
            state.coordinator.answer(ticket, outcome, now);
        }
        self.settle(state);
    }

    // -- The life of partitions.

    fn change<T>(&self, change: impl FnOnce(&mut Coordinator<M>) -> T) -> T {
        let mut state = lock(&self.state);
        let result = change(&mut state.coordinator);
        self.set_gates(&state.coordinator);
        self.settle(state);
        result
    }

    /// Begins with a partition: see [`Coordinator::assign`].
    ///
    /// # Errors
    ///
    /// [`AssignError`].
    pub fn assign(&self, partition: usize, position: u64, map: &OffsetMap) -> Result<u64, AssignError> {
        self.change(|coordinator| coordinator.assign(partition, position, map))
    }

    /// Stops: every partition fetches no more, and drains for at most `grace`.
    pub fn stop(&self, grace: Option<Duration>) {
        let until = grace.map(|grace| self.moment(grace));
        self.change(|coordinator| coordinator.stop(until));
    }

    /// Drains a partition for at most `grace`, waits until its last commit is stored, and lets it go.
    ///
    /// Somebody else has to dispatch, work and feed meanwhile, or it waits for ever. `None` when the partition was not
    /// assigned, or is lost meanwhile, whether or not it comes back.
    pub fn revoke(&self, partition: usize, grace: Option<Duration>) -> Option<Left> {
        let until = grace.map(|grace| self.moment(grace));
        let epoch = self.change(|coordinator| {
            coordinator.drain(partition, until);
            coordinator.epoch(partition)
        })?;
        let mut state = lock(&self.state);
        state.waiting_for_ends += 1;
        let left = loop {
            if state.coordinator.epoch(partition) != Some(epoch) {
                break None;
            }
            if let Some(left) = state.coordinator.let_go(partition) {
                break Some(left);
            }
            state = wait(&self.ends, state);
        };
        state.waiting_for_ends -= 1;
        left
    }

    /// Drops a partition that belongs to somebody else already: see [`Coordinator::lose`].
    pub fn lose(&self, partition: usize) -> Option<Left> {
        let (left, surplus) = self.change(|coordinator| coordinator.lose(partition)).unzip();
        drop(surplus);
        self.ends.notify_all();
        left
    }

    /// Ends every partition that is not complete, with what is done.
    pub fn expire(&self) {
        let surplus = self.change(Coordinator::expire_all);
        drop(surplus);
    }

    /// What is left of the complete partitions, which are let go.
    pub fn ends(&self) -> Vec<Left> {
        let mut state = lock(&self.state);
        (0..self.gates.len()).filter_map(|partition| state.coordinator.let_go(partition)).collect()
    }

    /// What this partition holds.
    pub fn held(&self, partition: usize) -> Held {
        lock(&self.state).coordinator.held(partition)
    }

    /// The stored commit position of this partition; `None` when it is not assigned.
    pub fn committed(&self, partition: usize) -> Option<u64> {
        lock(&self.state).coordinator.committed(partition)
    }

    /// Numbers since the start.
    pub fn totals(&self) -> Totals {
        lock(&self.state).coordinator.totals()
    }
}
