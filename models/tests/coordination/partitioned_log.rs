//! Models of `partitioned_log`'s coordination, which the program `chanlab consume` has as well: what is committed, what
//! is worked at, and when a partition is let go, while threads answer, feed, revoke and lose.
//!
//! The main thread dispatches: it takes messages and stores commits, and works at what is given out late by itself.
//! Other threads answer what was taken before, feed a partition, revoke it or lose it. `world` judges each commit and
//! each message that is begun. Time is the coordinator's logical clock.

mod world;

use std::time::Duration;

use contract::sync::Bounds;
use contract::sync::thread::{self, JoinHandle};
use models::bounds::{DEFAULT, EVERY_SCHEDULE, at_most, sized};
use models::needs::Needs;
use models::{Model, joined};
use service_core::coordinator::{Left, Settings};
use service_core::scheduler::{Limits, Order};
use service_core::shared::Fed;
use workloads::partitioned_log::PartitionedLog;
use workloads::workload::Workload;

use self::world::{SETTINGS, World};

fn model(name: &str, bounds: Bounds, scenario: fn()) -> Model {
    Model::of_workload(name, PartitionedLog::INFO.name, Needs::NOTHING, bounds, scenario)
}

fn all_joined(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    threads.into_iter().for_each(joined);
}

const BY_KEY: Settings = Settings { order: Order::Key, ..SETTINGS };

/// Room for one message of each partition.
const ONE_AT_A_TIME: Settings = Settings { limits: Limits { in_flight: 1, ..SETTINGS.limits }, ..SETTINGS };

/// Nothing is committed before it is asked for, or a partition ends.
const SELDOM: Settings = Settings { commit_every: 100, ..SETTINGS };

// -- Commits.

/// Workers answer while the dispatcher commits; the store refuses the first `refused` commits. Each commit is judged.
fn workers_answer(refused: usize) {
    let (each, workers) = (sized(2, 3), 2);
    let all = (each * workers) as u64 - 1;
    let world = World::new(1, SETTINGS);
    world.feed(0, 0..all);
    world.close(0);
    world.shared.stop(None);
    let mut jobs = world.take_jobs(all as usize);
    // The first worker has the messages with even offsets, so commits have to wait for the other one.
    let mut shares: Vec<_> = std::iter::repeat_with(Vec::new).take(workers).collect();
    for (index, job) in jobs.drain(..).enumerate() {
        shares[index % workers].push(job);
    }
    let workers: Vec<_> = shares
        .into_iter()
        .map(|share| {
            let world = world.clone();
            thread::spawn(move || share.into_iter().for_each(|job| world.finish(job)))
        })
        .collect();
    let mut refused = refused;
    while let Some((jobs, commits)) = world.take() {
        assert_eq!(jobs.len(), 0, "everything was taken");
        for commit in commits {
            match refused.checked_sub(1) {
                Some(fewer) => {
                    refused = fewer;
                    world.shared.commit_ended(&commit, false);
                }
                None => world.store(&commit),
            }
        }
    }
    all_joined(workers);
    world.assert_clean(&[all]);
}

/// A commit that is asked for comes, however little is done, and while others answer.
fn a_commit_that_is_asked_for_comes() {
    let world = World::new(1, SELDOM);
    world.feed(0, 0..2);
    let mut jobs = world.take_jobs(2);
    let (first, second) = (jobs.pop_front().expect("two"), jobs.pop_front().expect("two"));
    let asks = {
        let world = world.clone();
        thread::spawn(move || {
            world.finish(first);
            world.shared.commit_now();
        })
    };
    let answers = {
        let world = world.clone();
        thread::spawn(move || world.finish(second))
    };
    // It waits for ever unless the commit comes.
    let (_, commits) = world.take().expect("nothing has ended");
    commits.iter().for_each(|commit| world.store(commit));
    assert!(world.stored(0).0 >= 1, "the commit has what was done before it was asked for");
    all_joined([asks, answers]);
    world.close(0);
    world.shared.stop(None);
    world.serve();
    world.assert_clean(&[2]);
}

// -- Lanes.

/// Two workers end two keys; the messages behind them come only then, and the drain waits for all.
fn a_key_is_at_work_once() {
    let all = sized(4, 8) as u64;
    let world = World::new(1, BY_KEY);
    world.feed(0, 0..all);
    world.close(0);
    let workers = Vec::from(world.take_jobs(2)).into_iter().map(|job| {
        let world = world.clone();
        thread::spawn(move || world.finish(job))
    });
    let workers: Vec<_> = workers.collect();
    world.shared.stop(None);
    world.serve();
    all_joined(workers);
    world.assert_clean(&[all]);
}

/// A message fails until it is a dead letter. It keeps its key from the messages behind it, while another key goes on.
fn a_failing_message_keeps_its_key() {
    let all = sized(4, 6) as u64;
    let world = World::new(1, BY_KEY);
    world.feed(0, 0..all);
    world.close(0);
    world.shared.stop(None);
    let mut jobs = world.take_jobs(2);
    let (failing, other) = (jobs.pop_front().expect("two"), jobs.pop_front().expect("two"));
    let fails = {
        let world = world.clone();
        thread::spawn(move || world.fail(failing))
    };
    let finishes = {
        let world = world.clone();
        thread::spawn(move || world.finish(other))
    };
    let mut attempts = vec![0];
    while let Some((jobs, commits)) = world.take() {
        for job in jobs {
            if job.offset == 0 {
                attempts.push(job.attempt);
            }
            match job.offset == 0 && !job.is_dead {
                true => world.fail(job),
                false => world.finish(job),
            }
        }
        commits.iter().for_each(|commit| world.store(commit));
    }
    all_joined([fails, finishes]);
    assert_eq!(attempts, [0, 1, 2], "one retry, and the dead-letter output");
    let totals = world.shared.totals();
    assert_eq!((totals.processed, totals.dead_lettered, totals.retried), (all - 1, 1, 2));
    world.assert_clean(&[all]);
}

/// A worker that answers twice ends nothing of the message that has the place of its own meanwhile.
fn an_answer_counts_once() {
    let world = World::new(1, ONE_AT_A_TIME);
    world.feed(0, [0]);
    let job = world.take_jobs(1).pop_front().expect("one");
    let worker = {
        let world = world.clone();
        thread::spawn(move || {
            let ticket = job.ticket;
            world.finish(job);
            world.answer_again(ticket);
        })
    };
    let feeder = {
        let world = world.clone();
        thread::spawn(move || world.feed(0, [1]))
    };
    let second = loop {
        let (mut jobs, commits) = world.take().expect("nothing has ended");
        commits.iter().for_each(|commit| world.store(commit));
        if let Some(job) = jobs.pop() {
            break job;
        }
    };
    joined(worker);
    assert_eq!(joined(feeder), (Fed::Taken, 0));
    assert_eq!(world.shared.held(0).at_work, 1, "the second message is at work");
    world.finish(second);
    world.close(0);
    world.shared.stop(None);
    world.serve();
    assert_eq!(world.shared.totals().answered_twice, 1);
    world.assert_clean(&[2]);
}

// -- Room.

/// Feeders wait for room in partitions that hold one message, and are never forgotten.
fn feeders_wait_for_room(partitions: usize, each: usize) {
    let world = World::new(partitions, ONE_AT_A_TIME);
    let feeders: Vec<_> = (0..partitions)
        .map(|partition| {
            let world = world.clone();
            thread::spawn(move || {
                assert_eq!(world.feed(partition, 0..each as u64), (Fed::Taken, 0));
                world.close(partition);
            })
        })
        .collect();
    world.shared.stop(None);
    while let Some((jobs, commits)) = world.take() {
        for partition in 0..partitions {
            let held = world.shared.held(partition);
            assert!(held.at_work + held.delayed + held.waiting <= 1, "{held:?}");
        }
        jobs.into_iter().for_each(|job| world.finish(job));
        commits.iter().for_each(|commit| world.store(commit));
    }
    all_joined(feeders);
    world.assert_clean(&vec![each as u64; partitions]);
}

/// A partition gives no more work than its bound, however many messages wait.
fn work_is_bounded() {
    let limits = Limits { at_work: 1, ..SETTINGS.limits };
    let world = World::new(1, Settings { limits, ..SETTINGS });
    world.feed(0, 0..3);
    world.close(0);
    world.shared.stop(None);
    let job = world.take_jobs(1).pop_front().expect("one");
    let worker = {
        let world = world.clone();
        thread::spawn(move || world.finish(job))
    };
    while let Some((jobs, commits)) = world.take() {
        assert!(jobs.len() <= 1, "{} jobs at a time", jobs.len());
        assert!(world.shared.held(0).at_work <= 1);
        jobs.into_iter().for_each(|job| world.finish(job));
        commits.iter().for_each(|commit| world.store(commit));
    }
    joined(worker);
    world.assert_clean(&[3]);
}

/// A feeder that waits for room goes on when its partition is lost, and hands over nothing more.
fn a_lost_partition_lets_its_feeder_go() {
    let world = World::new(1, ONE_AT_A_TIME);
    world.feed(0, [0]);
    let feeder = {
        let world = world.clone();
        thread::spawn(move || world.feed(0, [1, 2]))
    };
    let left = world.lose(0).expect("it is assigned");
    assert_eq!(joined(feeder), (Fed::Refused, 2));
    assert_eq!((left.committed, left.unfinished), (0, vec![0]));
    world.shared.stop(None);
    world.serve();
    world.assert_clean(&[0]);
}

// -- The life of partitions.

/// A stop arrives while workers answer and the input is open: the end comes when everything is answered, committed and
/// let go.
fn a_stop_works_everything_off() {
    let world = World::new(sized(1, 2), BY_KEY);
    world.feed(0, 0..2);
    let mut jobs = world.take_jobs(2);
    let (first, second) = (jobs.pop_front().expect("two"), jobs.pop_front().expect("two"));
    let worker = {
        let world = world.clone();
        thread::spawn(move || [first, second].into_iter().for_each(|job| world.finish(job)))
    };
    let stops = {
        let world = world.clone();
        thread::spawn(move || {
            world.shared.stop(None);
            // What was fetched before still arrives.
            assert!(!world.shared.may_fetch(0));
            assert_eq!(world.feed(0, [2]), (Fed::Taken, 0));
            (0..sized(1, 2)).for_each(|partition| world.close(partition));
        })
    };
    world.serve();
    all_joined([worker, stops]);
    world.assert_clean(&[3, 0][..sized(1, 2)]);
}

/// A revoke arrives while workers answer: the partition is let go when its last commit is stored, and does not wait for
/// another one.
fn a_revoke_waits_for_the_last_commit() {
    let world = World::new(2, SELDOM);
    world.feed(0, 0..2);
    world.feed(1, [0]);
    let mut jobs: Vec<_> = world.take_jobs(3).into();
    let at = jobs.iter().position(|job| job.partition == 1).expect("each has its turn");
    let other = jobs.remove(at);
    let worker = {
        let world = world.clone();
        thread::spawn(move || {
            jobs.into_iter().for_each(|job| world.finish(job));
            world.close(0);
        })
    };
    let revokes = {
        let world = world.clone();
        thread::spawn(move || {
            let left = world.shared.revoke(0, None).expect("it is assigned");
            assert_eq!(world.stored(0), (2, Vec::new()), "let go before its commit is stored");
            assert_eq!(left, Left { committed: 2, ..Left::default() });
            // The other one is at work until now.
            world.finish(other);
            world.close(1);
            world.shared.stop(None);
        })
    };
    world.serve();
    all_joined([worker, revokes]);
    world.assert_clean(&[2, 1]);
}

/// Two partitions are revoked at a time, by two threads: each is let go by itself.
fn two_revokes_wait() {
    let world = World::new(2, SETTINGS);
    for partition in 0..2 {
        world.feed(partition, [0]);
        world.close(partition);
    }
    let revokes = [0, 1].map(|partition| {
        let world = world.clone();
        thread::spawn(move || {
            let left = world.shared.revoke(partition, None).expect("it is assigned");
            assert_eq!((left.committed, world.stored(partition).0), (1, 1));
        })
    });
    // Until both partitions have stored their commit.
    while (0..2).any(|partition| world.stored(partition).0 == 0) {
        let (jobs, commits) = world.take().expect("no stop was requested");
        jobs.into_iter().for_each(|job| world.finish(job));
        commits.iter().for_each(|commit| world.store(commit));
    }
    world.shared.stop(None);
    world.serve();
    all_joined(revokes);
    world.assert_clean(&[1, 1]);
}

/// The time of a revoke is over while a worker is stuck: what is done is committed, and the end of the stuck message
/// counts for nothing.
fn a_grace_ends_beside_a_stuck_worker() {
    let world = World::new(2, SELDOM);
    world.feed(0, 0..2);
    world.feed(1, [0]);
    let mut jobs: Vec<_> = world.take_jobs(3).into();
    let at = jobs.iter().position(|job| job.partition == 1).expect("each has its turn");
    let other = jobs.remove(at);
    let stuck = jobs.remove(0);
    let done = jobs.remove(0);
    world.finish(done);
    let revokes = {
        let world = world.clone();
        thread::spawn(move || {
            let left = world.shared.revoke(0, Some(Duration::from_nanos(1))).expect("it is assigned");
            assert_eq!((left.committed, left.unfinished, left.uncommitted), (0, vec![0], 0));
            assert_eq!(world.stored(0), (0, vec![1]), "what is done beyond the stuck message");
            world.finish(stuck);
            world.close(1);
            world.shared.stop(None);
        })
    };
    let worker = {
        let world = world.clone();
        thread::spawn(move || {
            // The grace ends one answer after its begin.
            while world.shared.may_fetch(0) {
                thread::yield_now();
            }
            world.finish(other);
        })
    };
    world.serve();
    all_joined([revokes, worker]);
    let totals = world.shared.totals();
    assert_eq!((totals.processed, totals.orphaned), (2, 1));
    assert_eq!((world.stored(0), world.stored(1)), ((0, vec![1]), (1, Vec::new())));
}

/// A partition is lost while a worker answers and the dispatcher commits, and comes back: nothing of the earlier
/// assignment is committed any more, and an end of its commit that is told late says nothing about the new one.
fn a_lost_partition_commits_nothing() {
    let world = World::new(1, SETTINGS);
    world.feed(0, 0..2);
    let mut jobs = world.take_jobs(2);
    let worker = {
        let (world, job) = (world.clone(), jobs.pop_front().expect("two"));
        thread::spawn(move || world.finish(job))
    };
    let loses = {
        let world = world.clone();
        thread::spawn(move || {
            let left = world.lose(0).expect("it is assigned");
            assert!(left.unfinished.contains(&1), "it is at work: {left:?}");
            world.assign(0);
            world.feed(0, world.stored(0).0..2);
            world.close(0);
            world.shared.stop(None);
        })
    };
    let orphan = jobs.pop_front().expect("two");
    let mut late = None;
    while let Some((jobs, commits)) = world.take() {
        jobs.into_iter().for_each(|job| world.finish(job));
        for commit in commits {
            match late.take() {
                // Its end is told when the next commit is under way.
                None if commit.epoch == 1 => late = Some((world.judge(&commit), commit)),
                None => world.store(&commit),
                Some((is_stored, early)) => {
                    world.shared.commit_ended(&early, is_stored);
                    world.store(&commit);
                }
            }
        }
    }
    all_joined([worker, loses]);
    world.finish(orphan);
    assert!(world.shared.totals().orphaned >= 1);
    world.assert_clean(&[2]);
}

/// The thread that feeds comes late: its partition was lost and is back. It hands over nothing and closes nothing.
fn a_late_feeder_counts_for_nothing() {
    let world = World::new(1, ONE_AT_A_TIME);
    let feeder = {
        let world = world.clone();
        thread::spawn(move || {
            let fed = world.feed_as(0, 1, 0..3);
            world.shared.close(0, 1);
            fed
        })
    };
    let left = world.lose(0).expect("it is assigned");
    world.assign(0);
    let feeds = {
        let world = world.clone();
        thread::spawn(move || {
            assert_eq!(world.feed(0, 0..2), (Fed::Taken, 0));
            world.close(0);
            world.shared.stop(None);
        })
    };
    world.serve();
    all_joined([feeds]);
    let (fed, surplus) = joined(feeder);
    assert_eq!((fed, surplus + left.unfinished.len()), (Fed::Refused, 3));
    world.assert_clean(&[2]);
}

/// A partition is lost and comes back with its offset map while a worker has a message of it: what the map says is not
/// repeated, and no key is at work twice.
fn a_partition_comes_back_with_its_map() {
    let world = World::new(1, BY_KEY);
    world.feed(0, 0..2);
    let mut jobs = world.take_jobs(2);
    let stuck = jobs.pop_front().expect("two");
    world.finish(jobs.pop_front().expect("two"));
    let (_, commits) = world.take().expect("nothing has ended");
    commits.iter().for_each(|commit| world.store(commit));
    assert_eq!(world.stored(0), (0, vec![1]));
    let worker = {
        let world = world.clone();
        thread::spawn(move || world.finish(stuck))
    };
    let source = {
        let world = world.clone();
        thread::spawn(move || {
            assert!(world.lose(0).is_some());
            world.assign(0);
            let (position, beyond) = world.stored(0);
            assert_eq!(
                world.feed(0, position..4),
                (Fed::Taken, beyond.len()),
                "what is done is not repeated"
            );
            world.close(0);
            world.shared.stop(None);
        })
    };
    world.serve();
    all_joined([worker, source]);
    world.assert_clean(&[4]);
}

/// A partition is lost while its revoke waits; where it comes back at once, the revoke does not wait for its new end.
fn a_partition_is_lost_while_its_revoke_waits(comes_back: bool) {
    let world = World::new(1, SETTINGS);
    world.feed(0, [0]);
    let orphan = world.take_jobs(1).pop_front().expect("one");
    let revokes = {
        let world = world.clone();
        thread::spawn(move || world.shared.revoke(0, None))
    };
    while world.shared.may_fetch(0) {
        thread::yield_now();
    }
    assert!(world.lose(0).is_some());
    if comes_back {
        world.assign(0);
    }
    assert_eq!(joined(revokes), None, "the partition was lost");
    world.finish(orphan);
    if comes_back {
        world.feed(0, [0]);
        world.close(0);
    }
    world.shared.stop(None);
    world.serve();
    world.assert_clean(&[u64::from(comes_back)]);
}

/// The models of this file.
pub(crate) fn table() -> Vec<Model> {
    vec![
        model("workers_answer_while_commits_are_stored", DEFAULT, || workers_answer(0)),
        model("a_refused_commit_is_stored_later", at_most(2), || workers_answer(1)),
        model("a_commit_that_is_asked_for_comes", DEFAULT, a_commit_that_is_asked_for_comes),
        model("a_key_is_at_work_once", DEFAULT, a_key_is_at_work_once),
        model("a_failing_message_keeps_its_key", DEFAULT, a_failing_message_keeps_its_key),
        model("an_answer_counts_once", DEFAULT, an_answer_counts_once),
        model("a_feeder_waits_for_room", DEFAULT, || feeders_wait_for_room(1, sized(3, 6))),
        model("two_feeders_wait_for_room", at_most(2), || feeders_wait_for_room(2, sized(2, 4))),
        model("work_is_bounded", EVERY_SCHEDULE, work_is_bounded),
        model("a_lost_partition_lets_its_feeder_go", EVERY_SCHEDULE, a_lost_partition_lets_its_feeder_go),
        model("a_stop_works_everything_off", DEFAULT, a_stop_works_everything_off),
        model("a_revoke_waits_for_the_last_commit", DEFAULT, a_revoke_waits_for_the_last_commit),
        model("two_revokes_wait", DEFAULT, two_revokes_wait),
        model("a_grace_ends_beside_a_stuck_worker", DEFAULT, a_grace_ends_beside_a_stuck_worker),
        model("a_lost_partition_commits_nothing", DEFAULT, a_lost_partition_commits_nothing),
        model("a_late_feeder_counts_for_nothing", DEFAULT, a_late_feeder_counts_for_nothing),
        model("a_partition_comes_back_with_its_map", DEFAULT, a_partition_comes_back_with_its_map),
        model("a_partition_is_lost_while_its_revoke_waits", EVERY_SCHEDULE, || {
            a_partition_is_lost_while_its_revoke_waits(false)
        }),
        model("a_partition_comes_back_while_its_revoke_waits", EVERY_SCHEDULE, || {
            a_partition_is_lost_while_its_revoke_waits(true)
        }),
    ]
}
