//! Random lives of a consumer: failures, stalls, refused commits, revokes, losses, expired graces and crashes, checked at
//! every step against what the coordinator promises.
//!
//! The world outside is in [`world`]: a log with gaps, workers, a store of commits. It knows what was processed, so it
//! judges each job and each commit by itself.

mod world;

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use service_core::coordinator::{Coordinator, Outcome, Record, Settings};
use service_core::offset_map::OffsetMap;
use service_core::scheduler::{Limits, Order};

use crate::world::World;

/// A step of the world.
#[derive(Clone, Debug)]
enum Step {
    /// At most this number of records of a partition arrive.
    Arrive(Index, u8),
    /// A worker takes a message.
    Take,
    /// A message at work is done.
    Finish(Index),
    /// An attempt fails.
    Fail(Index),
    /// Commits are taken; each is stored, refused, or stays under way.
    Commit(u8),
    /// A commit under way ends.
    EndCommit(Index, bool),
    /// Everything is committed, however little it is.
    CommitNow,
    /// Time passes.
    Wait(u8),
    /// A partition is revoked, with or without a grace.
    Revoke(Index, Option<u8>),
    /// A partition is lost.
    Lose(Index),
    /// A partition without an owner comes back.
    Assign(Index),
    /// The process dies, and a new one begins with the stored commits.
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<Index>;
    prop_oneof![
        8 => (index(), 1..8_u8).prop_map(|(partition, most)| Step::Arrive(partition, most)),
        12 => Just(Step::Take),
        9 => index().prop_map(Step::Finish),
        3 => index().prop_map(Step::Fail),
        3 => any::<u8>().prop_map(Step::Commit),
        2 => (index(), any::<bool>()).prop_map(|(commit, stored)| Step::EndCommit(commit, stored)),
        1 => Just(Step::CommitNow),
        2 => (0..40_u8).prop_map(Step::Wait),
        1 => (index(), proptest::option::of(0..30_u8)).prop_map(|(partition, grace)| Step::Revoke(partition, grace)),
        1 => index().prop_map(Step::Lose),
        2 => index().prop_map(Step::Assign),
        1 => Just(Step::Crash),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let order = prop_oneof![Just(Order::Partition), Just(Order::Key), Just(Order::None)];
    (order, 1..9_usize, 1..5_usize, 0..4_u32, 1..12_u64).prop_map(
        |(order, in_flight, at_work, retries, commit_every)| {
            let limits = Limits { in_flight, at_work, retries, retry_delay: Duration::from_nanos(10) };
            Settings { order, limits, commit_every, commit_retry: Duration::from_nanos(5) }
        },
    )
}

fn run(world: &mut World, steps: Vec<Step>) {
    for step in steps {
        match step {
            Step::Arrive(partition, most) => world.arrive(partition.index(world.partitions()), most),
            Step::Take => drop(world.take()),
            Step::Finish(job) => world.finish(job),
            Step::Fail(job) => world.fail(job),
            Step::Commit(fates) => world.commit(fates),
            Step::EndCommit(commit, is_stored) => world.end_commit(commit, is_stored),
            Step::CommitNow => world.coordinator.commit_now(),
            Step::Wait(time) => world.wait(Duration::from_nanos(time.into())),
            Step::Revoke(partition, grace) => {
                let grace = grace.map(|grace| Duration::from_nanos(grace.into()));
                world.revoke(partition.index(world.partitions()), grace);
            }
            Step::Lose(partition) => world.lose(partition.index(world.partitions())),
            Step::Assign(partition) => world.assign(partition.index(world.partitions())),
            Step::Crash => world.crash(),
        }
        world.check();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    /// Whatever happens, every promise holds at every step; and when nothing more goes wrong, a stop works everything
    /// off and commits it.
    #[test]
    fn every_promise_holds_and_a_stop_is_clean(
        settings in settings(),
        keys in 1..6_u64,
        steps in vec(step(), 0..250),
    ) {
        let mut world = World::new(3, 40, keys, settings);
        run(&mut world, steps);
        world.recover();
        world.stop_cleanly();
    }

    /// A message that never ends holds back its own partition and, where it has one, its lane; nothing else.
    #[test]
    fn a_stuck_message_holds_back_only_what_it_has_to(settings in settings(), keys in 1..6_u64, steps in vec(step(), 0..60)) {
        let mut world = World::new(3, 40, keys, settings);
        run(&mut world, steps);
        world.recover();
        world.work_off_beside_stuck_messages_of(0);
    }
}

/// The partition of a stuck message goes on with other keys, within its bound.
#[test]
fn a_stuck_key_holds_back_only_itself() {
    let limits = Limits { in_flight: 8, at_work: 8, retries: 0, retry_delay: Duration::ZERO };
    let settings = Settings { order: Order::Key, limits, commit_every: 1, commit_retry: Duration::ZERO };
    let mut world = World::new(1, 40, 60, settings);
    world.arrive(0, 40);
    let stuck = world.take().expect("the first one");
    for _ in 0..200 {
        while world.take().is_some() {}
        world.finish_all_but(&[stuck]);
        world.arrive(0, 40);
        world.commit(0);
        world.check();
    }
    assert_eq!(world.unprocessed(0), vec![stuck.1], "all others are done");
    let (position, map) = world.stored(0);
    assert_eq!(position, stuck.1);
    assert!(!map.is_empty(), "and a restart repeats none of them");
    world.crash();
    world.recover();
    world.stop_cleanly();
}

/// An endless supply of one partition does not keep the others from their turns.
#[test]
fn partitions_take_turns() {
    let limits = Limits { in_flight: 16, at_work: 16, retries: 0, retry_delay: Duration::ZERO };
    let settings = Settings { order: Order::None, limits, commit_every: 1, commit_retry: Duration::ZERO };
    let mut world = World::new(3, 40, 1, settings);
    for partition in 0..3 {
        world.arrive(partition, 12);
    }
    let turns: Vec<usize> =
        std::iter::from_fn(|| world.take()).map(|(partition, _)| partition).take(9).collect();
    assert_eq!(turns, [0, 1, 2, 0, 1, 2, 0, 1, 2]);
}

/// A commit of an earlier assignment that ends late says nothing about the present one.
#[test]
fn a_late_commit_of_an_earlier_assignment_counts_for_nothing() {
    let limits = Limits { in_flight: 8, at_work: 8, retries: 0, retry_delay: Duration::ZERO };
    let settings = Settings { order: Order::Key, limits, commit_every: 1, commit_retry: Duration::ZERO };
    let mut coordinator: Coordinator<()> = Coordinator::new(1, settings);
    let commit_one = |coordinator: &mut Coordinator<()>| {
        coordinator.assign(0, 0, &OffsetMap::default()).expect("nobody has it");
        coordinator.admit(0, Record { offset: 0, key: None, message: () });
        let job = coordinator.take(Duration::ZERO).expect("it has room");
        coordinator.answer(job.ticket, Outcome::Done, Duration::ZERO);
        coordinator.commits(Duration::ZERO).pop().expect("one is due")
    };
    let early = commit_one(&mut coordinator);
    assert!(coordinator.lose(0).is_some());
    let late = commit_one(&mut coordinator);
    assert_eq!((early.epoch, late.epoch), (1, 2));
    coordinator.commit_ended(&early, true, Duration::ZERO);
    assert_eq!(coordinator.committed(0), Some(0), "the new owner has stored nothing");
    coordinator.commit_ended(&late, true, Duration::ZERO);
    assert_eq!(coordinator.committed(0), Some(1));
}
