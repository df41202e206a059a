//! Models of `partitioned_log`'s coordination, which the program `chanlab consume` has as well: what is committed, what
//! is worked at, and when a partition is let go, while threads answer, feed, revoke and lose.
//!
//! The main thread dispatches: it takes messages and stores commits, and works at what is given out late by itself.
//! Other threads answer what was taken before, feed a partition, revoke it or lose it. `world` judges each commit and
//! each message that is begun. Time is the coordinator's logical clock.

mod lives;
mod world;

use contract::sync::Bounds;
use contract::sync::thread::{self, JoinHandle};
use models::bounds::{DEFAULT, EVERY_SCHEDULE, at_most, sized};
use models::needs::Needs;
use models::{Model, joined};
use service_core::coordinator::Settings;
use service_core::scheduler::{Limits, Order};
use service_core::shared::Fed;
use workloads::partitioned_log::PartitionedLog;
use workloads::workload::Workload;

use self::world::{SETTINGS, World};

fn model(name: &str, bounds: Bounds, scenario: fn()) -> Model {
    let workload = PartitionedLog::INFO.name;
    Model::of_workload(format!("{workload}::{name}"), workload, Needs::NOTHING, bounds, scenario)
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

/// The models of this file and of `lives`.
pub(crate) fn table() -> Vec<Model> {
    let own = vec![
        model("workers_answer_while_commits_are_stored", DEFAULT, || workers_answer(0)),
        model("a_refused_commit_is_stored_later", at_most(2), || workers_answer(1)),
        model("a_commit_that_is_asked_for_comes", EVERY_SCHEDULE, a_commit_that_is_asked_for_comes),
        model("a_key_is_at_work_once", EVERY_SCHEDULE, a_key_is_at_work_once),
        model("a_failing_message_keeps_its_key", EVERY_SCHEDULE, a_failing_message_keeps_its_key),
        model("an_answer_counts_once", DEFAULT, an_answer_counts_once),
        model("a_feeder_waits_for_room", DEFAULT, || feeders_wait_for_room(1, sized(3, 6))),
        model("two_feeders_wait_for_room", at_most(2), || feeders_wait_for_room(2, sized(2, 4))),
        model("work_is_bounded", EVERY_SCHEDULE, work_is_bounded),
        model("a_lost_partition_lets_its_feeder_go", EVERY_SCHEDULE, a_lost_partition_lets_its_feeder_go),
    ];
    [own, lives::table()].concat()
}
