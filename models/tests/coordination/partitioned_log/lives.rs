//! The life of partitions: stops, revokes, graces, losses and returns.

use std::time::Duration;

use contract::sync::thread;
use models::bounds::{DEFAULT, EVERY_SCHEDULE, sized};
use models::payload::Payload;
use models::{Model, joined};
use service_core::coordinator::Left;
use service_core::scheduler::Job;
use service_core::shared::Fed;

use super::world::{SETTINGS, World};
use super::{BY_KEY, ONE_AT_A_TIME, SELDOM, all_joined, model};

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

/// Two messages of partition 0 at work, and one of partition 1, the last of these.
fn three_at_work() -> (World, Vec<Job<Payload>>, Job<Payload>) {
    let world = World::new(2, SELDOM);
    world.feed(0, 0..2);
    world.feed(1, [0]);
    let mut jobs: Vec<_> = world.take_jobs(3).into();
    let at = jobs.iter().position(|job| job.partition == 1).expect("each has its turn");
    let other = jobs.remove(at);
    (world, jobs, other)
}

/// A revoke arrives while workers answer: the partition is let go when its last commit is stored, and does not wait for
/// another one.
fn a_revoke_waits_for_the_last_commit() {
    let (world, jobs, other) = three_at_work();
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
    let (world, mut jobs, other) = three_at_work();
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
/// assignment is committed any more, and a late report of its commit says nothing about the new one.
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
                // Its end is reported when the next commit is under way.
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
pub(super) fn table() -> Vec<Model> {
    vec![
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
