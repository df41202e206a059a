//! The coordinator on real threads and the real clock: what waits is woken, by others or by time alone.
//!
//! The models explore the schedules of the same code on a logical clock. Here every wait of a test has a deadline, and
//! none sleeps.

use std::collections::VecDeque;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use service_core::coordinator::{Left, Outcome, Record, Settings};
use service_core::offset_map::OffsetMap;
use service_core::scheduler::{Held, Job, Limits, Order};
use service_core::shared::{Clock, Fed, Shared, Taken};

/// Far longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(30);

/// Short, and long enough to be seen.
const MOMENT: Duration = Duration::from_millis(20);

const NEVER: Duration = Duration::from_secs(3_600);

const SETTINGS: Settings = Settings {
    order: Order::None,
    limits: Limits { in_flight: 2, at_work: 2, retries: 1, retry_delay: MOMENT },
    commit_every: 1,
    commit_retry: MOMENT,
};

type Consumer = Arc<Shared<u64>>;

/// A consumer of these partitions, each assigned from its start.
fn consumer(partitions: usize, settings: Settings) -> Consumer {
    let shared = Shared::new(partitions, settings, Clock::Real(Instant::now()));
    for partition in 0..partitions {
        assert_eq!(shared.assign(partition, 0, &OffsetMap::default()), Ok(1));
    }
    Arc::new(shared)
}

/// Hands over these offsets; returns what became of them, and how many were not taken.
fn admit(shared: &Consumer, partition: usize, offsets: impl IntoIterator<Item = u64>) -> (Fed, usize) {
    let record = |offset| Record { offset, key: None, message: offset };
    let mut records: VecDeque<_> = offsets.into_iter().map(record).collect();
    let shared = Arc::clone(shared);
    let admit = Call::of(move || {
        let mut surplus = Vec::new();
        let fed = shared.admit(partition, 1, &mut records, &mut surplus).expect("offsets rise");
        (fed, surplus.len())
    });
    admit.returned()
}

fn finish(shared: &Consumer, job: Job<u64>) {
    shared.answer(&mut vec![(job.ticket, Outcome::Done)]);
}

/// A call on a thread of its own.
struct Call<T>(Receiver<T>);

impl<T: Send + 'static> Call<T> {
    fn of(call: impl FnOnce() -> T + Send + 'static) -> Self {
        let (ends, ended) = mpsc::channel();
        thread::spawn(move || ends.send(call()));
        Call(ended)
    }

    fn returned(self) -> T {
        self.0.recv_timeout(DEADLINE).expect("the call returns")
    }

    fn is_running(&self) -> bool {
        self.0.try_recv().is_err()
    }
}

/// The positions that were stored, for each commit the partition and the position.
type Stored = Arc<Mutex<Vec<(usize, u64)>>>;

/// Dispatches until everything has ended: works at each message but those of the `stuck` partitions, and stores commits.
fn dispatch(shared: &Consumer, stuck: &'static [usize]) -> (Call<Vec<Job<u64>>>, Stored) {
    let stored = Stored::default();
    let (shared, log) = (Arc::clone(shared), Arc::clone(&stored));
    let dispatcher = Call::of(move || {
        let (mut jobs, mut commits, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        while shared.take(8, &mut jobs, &mut commits, None) == Taken::Work {
            for job in jobs.drain(..) {
                match stuck.contains(&job.partition) {
                    true => kept.push(job),
                    false => finish(&shared, job),
                }
            }
            for commit in commits.drain(..) {
                log.lock().expect("no panic").push((commit.partition, commit.position));
                shared.commit_ended(&commit, true);
            }
        }
        kept
    });
    (dispatcher, stored)
}

fn take(shared: &Consumer) -> (Vec<Job<u64>>, Vec<u64>) {
    let shared = Arc::clone(shared);
    let take = Call::of(move || {
        let (mut jobs, mut commits) = (Vec::new(), Vec::new());
        assert_eq!(shared.take(8, &mut jobs, &mut commits, None), Taken::Work);
        for commit in &commits {
            shared.commit_ended(commit, true);
        }
        (jobs, commits.into_iter().map(|commit| commit.position).collect())
    });
    take.returned()
}

#[test]
fn a_retry_comes_after_its_delay_and_not_before() {
    let shared = consumer(1, SETTINGS);
    admit(&shared, 0, [0]);
    let job = take(&shared).0.pop().expect("one");
    let failed = Instant::now();
    shared.answer(&mut vec![(job.ticket, Outcome::Failed(job.message))]);
    let (jobs, _) = take(&shared);
    assert_eq!(jobs.iter().map(|job| (job.offset, job.attempt)).collect::<Vec<_>>(), [(0, 1)]);
    assert!(failed.elapsed() >= MOMENT, "after {:?}", failed.elapsed());
}

#[test]
fn a_refused_commit_is_tried_again_after_its_time_and_not_before() {
    let shared = consumer(1, SETTINGS);
    admit(&shared, 0, [0]);
    let job = take(&shared).0.pop().expect("one");
    finish(&shared, job);
    let mut commits = Vec::new();
    assert_eq!(shared.take(8, &mut Vec::new(), &mut commits, Some(DEADLINE)), Taken::Work);
    let refused = Instant::now();
    shared.commit_ended(&commits.pop().expect("one is due"), false);
    assert_eq!(take(&shared).1, [1]);
    assert!(refused.elapsed() >= MOMENT, "after {:?}", refused.elapsed());
    let totals = shared.totals();
    assert_eq!((totals.commits, totals.commits_failed), (1, 1));
}

#[test]
fn the_dispatcher_waits_as_long_as_its_patience_and_no_longer() {
    let shared = consumer(1, SETTINGS);
    let stalls = {
        let shared = Arc::clone(&shared);
        Call::of(move || {
            let began = Instant::now();
            (shared.take(8, &mut Vec::new(), &mut Vec::new(), Some(MOMENT)), began.elapsed())
        })
    };
    let (taken, elapsed) = stalls.returned();
    assert_eq!(taken, Taken::Stalled);
    assert!(elapsed >= MOMENT, "after {elapsed:?}");
}

#[test]
fn a_commit_that_is_asked_for_wakes_the_dispatcher() {
    let shared = consumer(2, Settings { commit_every: 100, ..SETTINGS });
    admit(&shared, 0, [0]);
    let job = take(&shared).0.pop().expect("one");
    let (dispatcher, stored) = dispatch(&shared, &[]);
    finish(&shared, job);
    assert!(stored.lock().expect("no panic").is_empty(), "nothing is due");
    shared.commit_now();
    let began = Instant::now();
    while stored.lock().expect("no panic").is_empty() {
        assert!(began.elapsed() < DEADLINE, "the commit does not come");
        thread::yield_now();
    }
    assert_eq!(*stored.lock().expect("no panic"), [(0, 1)]);
    (0..2).for_each(|partition| shared.close(partition, 1));
    shared.stop(None);
    assert_eq!(dispatcher.returned().len(), 0);
    assert!(shared.ends().iter().all(Left::is_clean));
}

#[test]
fn a_revoke_returns_when_the_last_commit_is_stored() {
    let shared = consumer(2, Settings { commit_every: 100, ..SETTINGS });
    let (dispatcher, stored) = dispatch(&shared, &[1]);
    // More than it holds at a time.
    assert_eq!(admit(&shared, 0, 0..50), (Fed::Taken, 0));
    // It stays at work.
    assert_eq!(admit(&shared, 1, [0]), (Fed::Taken, 0));
    let revoke = {
        let shared = Arc::clone(&shared);
        Call::of(move || shared.revoke(0, None))
    };
    shared.close(0, 1);
    let left = revoke.returned().expect("it was assigned");
    assert_eq!(left, Left { committed: 50, ..Left::default() });
    assert_eq!(stored.lock().expect("no panic").last(), Some(&(0, 50)));
    assert!(dispatcher.is_running(), "another partition is at work");
    assert_eq!(shared.revoke(0, None), None, "it was let go");
    shared.expire();
    assert_eq!(dispatcher.returned().len(), 1);
}

#[test]
fn a_grace_ends_by_time_alone() {
    let shared = consumer(2, SETTINGS);
    let (dispatcher, stored) = dispatch(&shared, &[0, 1]);
    for partition in 0..2 {
        admit(&shared, partition, [0]);
    }
    // The dispatcher waits for this end, until an earlier one comes.
    let late = {
        let shared = Arc::clone(&shared);
        Call::of(move || shared.revoke(1, Some(NEVER)))
    };
    let began = Instant::now();
    let revoke = {
        let shared = Arc::clone(&shared);
        Call::of(move || shared.revoke(0, Some(MOMENT)))
    };
    let left = revoke.returned().expect("it was assigned");
    assert!(began.elapsed() >= MOMENT, "after {:?}", began.elapsed());
    assert_eq!((left.committed, left.unfinished), (0, vec![0]));
    assert_eq!(left.held.at_work + left.held.waiting, 1);
    assert!(late.is_running());
    shared.expire();
    assert_eq!(late.returned().expect("it was assigned").unfinished, [0]);
    dispatcher.returned();
    assert!(stored.lock().expect("no panic").is_empty(), "nothing is done");
}

#[test]
fn a_lost_partition_lets_its_threads_go() {
    let shared = consumer(1, SETTINGS);
    assert_eq!(admit(&shared, 0, 0..2), (Fed::Taken, 0));
    let job = take(&shared).0.swap_remove(0);
    let feeder = {
        let shared = Arc::clone(&shared);
        Call::of(move || admit(&shared, 0, 2..5))
    };
    let revoke = {
        let shared = Arc::clone(&shared);
        Call::of(move || shared.revoke(0, None))
    };
    assert!(feeder.is_running() && revoke.is_running());
    let left = shared.lose(0).expect("it is assigned");
    assert_eq!((left.committed, left.unfinished, left.held.at_work), (0, vec![0, 1], 2));
    assert_eq!(feeder.returned(), (Fed::Refused, 3));
    assert_eq!(revoke.returned(), None);
    assert_eq!(shared.lose(0), None, "it is not assigned");
    // Its end counts for nothing, whoever has the partition then.
    assert_eq!(shared.assign(0, 0, &OffsetMap::default()), Ok(2));
    finish(&shared, job);
    let totals = shared.totals();
    assert_eq!((totals.processed, totals.orphaned), (0, 1));
    assert_eq!(shared.held(0), Held::default());
}

#[test]
fn a_feeder_of_an_earlier_assignment_hands_over_and_closes_nothing() {
    let shared = consumer(1, SETTINGS);
    shared.lose(0).expect("it is assigned");
    assert_eq!(shared.assign(0, 0, &OffsetMap::default()), Ok(2));
    assert_eq!(admit(&shared, 0, 0..2), (Fed::Refused, 2));
    shared.close(0, 1);
    assert!(shared.may_fetch(0));
    assert_eq!(shared.held(0), Held::default());
}
