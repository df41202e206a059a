//! Revocation, loss, restart: what is committed, and who has it then.

use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use service_core::coordinator::Left;
use service_core::offset_map::OffsetMap;
use service_core::source::Source;
use service_kafka::{Assignor, Kafka};

use crate::cluster::Cluster;
use crate::member::{Happened, Member, both, with_one_rebalance};
use crate::wait::until;

/// The place of the first such event.
fn place(happened: &[Happened], wanted: &Happened) -> usize {
    let place = happened.iter().position(|happened| happened == wanted);
    place.unwrap_or_else(|| panic!("{wanted:?} is not in {happened:?}"))
}

#[test]
fn a_revoked_partition_is_drained_committed_and_then_let_go() {
    with_one_rebalance(|| {
        let cluster = Cluster::new(2);
        cluster.produce(0, 0..20);
        cluster.produce(1, 0..20);
        let settings = cluster.settings();
        let mut one = Member::with(&settings, 1_000, 1_000);
        // One message of each partition is at work for long; two have its key and wait.
        one.holds = |_, offset| offset == 10;
        one.until("everything else is done", |one| {
            one.held.len() == 2 && one.coordinator.totals().processed == 34
        });
        let mut other = Member::new(&settings);
        both(&mut one, &mut other, "it is revoked", |one, _| !one.revoked().is_empty());
        let revoked = one.revoked();
        let &[moved] = revoked.as_slice() else {
            panic!("a cooperative rebalance revokes what moves: {revoked:?}")
        };
        // As long as a message is at work, the other member gets nothing.
        for _ in 0..40 {
            one.step();
            other.step();
        }
        assert!(other.lanes.is_empty() && !one.has_lost(), "{:?}", other.happened);
        one.release();
        both(&mut one, &mut other, "each has a partition", |one, other| {
            one.lanes.len() == 1 && other.owns(&[moved])
        });
        let stored = Happened::Stored { partition: moved, position: 20, metadata: String::new() };
        let stored = place(&one.happened, &stored);
        assert!(place(&one.happened, &Happened::Done { partition: moved, offset: 10 }) < stored);
        assert!(stored < place(&one.happened, &Happened::LetGo(moved)));
        assert!(other.has(&Happened::Assigned { partition: moved, position: 20 }), "{:?}", other.happened);
        assert!(one.left.iter().all(Left::is_clean), "{:?}", one.left);
        assert!(other.done(moved).is_empty());
        one.stop();
        other.stop();
    });
}

#[test]
fn a_partition_is_let_go_while_another_one_drains() {
    with_one_rebalance(|| {
        let cluster = Cluster::new(4);
        (0..4).for_each(|partition| cluster.produce(partition, 0..10));
        let settings = cluster.settings();
        let mut one = Member::with(&settings, 1_000, 1_000);
        one.holds = |_, offset| offset == 9;
        one.until("everything else is done", |one| one.held.len() == 4);
        let mut other = Member::new(&settings);
        both(&mut one, &mut other, "two are revoked", |one, _| one.revoked().len() == 2);
        let revoked = one.revoked();
        let &[first, second] = revoked.as_slice() else { panic!("{revoked:?}") };
        let place = one.held.iter().position(|job| job.partition == first).expect("it is held");
        let job = one.held.swap_remove(place);
        one.finish(job);
        both(&mut one, &mut other, "it is let go alone", |one, _| one.has(&Happened::LetGo(first)));
        assert!(one.has_stored(first, 10) && !one.has(&Happened::LetGo(second)));
        assert!(other.lanes.is_empty(), "the group waits for the other one");
        one.release();
        both(&mut one, &mut other, "each has two", |one, other| {
            one.lanes.len() == 2 && other.lanes.len() == 2
        });
        assert!(!one.has_lost() && !other.has_lost());
    });
}

/// The mock takes no commit once a rebalance has begun, and goes on without a member that is late, as a broker does after
/// `max.poll.interval.ms`. What such a member has not committed belongs to others.
#[test]
fn a_revoked_partition_that_the_group_does_not_wait_for_is_lost() {
    let cluster = Cluster::new(2);
    cluster.produce(0, 0..20);
    cluster.produce(1, 0..20);
    let mut settings = cluster.settings();
    settings.assignor = Assignor::Eager;
    let mut one = Member::with(&settings, 5, 1_000);
    one.holds = |_, offset| offset == 10;
    one.until("everything else is done", |one| {
        one.held.len() == 2 && (0..2).all(|partition| one.coordinator.committed(partition) == Some(10))
    });
    let mut other = Member::new(&settings);
    both(&mut one, &mut other, "all is revoked", |one, _| one.revoked() == [0, 1]);
    both(&mut one, &mut other, "the other has both", |_, other| other.owns(&[0, 1]));
    // The late commit is refused, and tells that they are lost.
    one.release();
    both(&mut one, &mut other, "it knows", |one, _| {
        one.happened.iter().filter(|lost| matches!(lost, Happened::Lost(_))).count() == 2
    });
    let lost = place(&one.happened, &Happened::Lost(0)).min(place(&one.happened, &Happened::Lost(1)));
    both(&mut one, &mut other, "each has a partition", |one, other| {
        one.lanes.len() == 1 && other.lanes.len() == 1
    });
    assert!(one.happened.iter().skip(lost).all(|happened| !matches!(happened, Happened::LetGo(_))));
    for partition in 0..2 {
        // What was mapped at the last commit is not repeated: 10 itself, and 14 and 18 behind it, may be.
        let again = other.done(partition);
        assert!(again.iter().all(|offset| *offset >= 10), "{again:?}");
        assert!(again.len() <= 3 + 4, "{again:?}");
    }
    both(&mut one, &mut other, "all is committed", |one, other| {
        (0..2).all(|partition| {
            one.coordinator.committed(partition).or(other.coordinator.committed(partition)) == Some(20)
        })
    });
}

#[test]
fn a_lost_partition_commits_nothing() {
    let cluster = Cluster::new(1);
    cluster.produce(0, 0..20);
    let settings = cluster.settings();
    let mut one = Member::with(&settings, 5, 1_000);
    one.holds = |_, offset| offset == 7;
    one.until("the others are done and committed", |one| {
        one.done(0).len() == 16 && one.coordinator.committed(0) == Some(7)
    });
    // Offsets 11 and on with the key of 7 wait for it. More is done, and not committed yet.
    let before = cluster.committed(0).expect("it committed");
    cluster
        .mock()
        .request_errors(RDKafkaApiKey::Heartbeat, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID; 1]);
    cluster.produce(0, 20..22);
    until("it is lost", || {
        one.poll();
        one.has_lost()
    });
    // A commit that is late: of the assignment that was lost.
    one.coordinator.commit_now();
    let lost = one.happened.len();
    one.release();
    // No work meanwhile, whose commits would be those of the next assignment.
    until("it is assigned again", || {
        one.poll();
        one.owns(&[0])
    });
    assert_eq!(cluster.committed(0), Some(before), "{:?}", one.happened);
    let again = &one.happened[lost..];
    assert!(again.contains(&Happened::Assigned { partition: 0, position: 7 }), "{again:?}");
    one.until("the rest is done", |one| one.coordinator.committed(0) == Some(22));
    // What the map of the last commit has is not repeated: only 7 and the three behind it.
    let repeated =
        one.happened[lost..].iter().filter(|happened| matches!(happened, Happened::Done { .. })).count();
    assert!(repeated <= 1 + 4 + 2, "{repeated}: {:?}", one.happened);
    one.stop();
}

#[test]
fn a_restart_repeats_nothing_that_was_done() {
    let cluster = Cluster::new(1);
    cluster.produce(0, 0..500);
    let mut settings = cluster.settings();
    settings.more.push(("fetch.message.max.bytes".to_owned(), "1000000".to_owned()));
    let mut one = Member::with(&settings, 1, 1_000);
    // The first message of one key, which holds back this key alone.
    one.holds = |_, offset| offset == 3;
    one.until("three of four are done", |one| one.done(0).len() == 375 && one.held.len() == 1);
    one.until("they are committed", |one| !one.coordinator.has_due_commits());
    until("the broker has it", || {
        one.step();
        cluster.committed(0).is_some_and(|(position, metadata)| {
            let map = OffsetMap::decode(&metadata).expect("a map");
            position == 3 && map.offsets().count() == 375 - 3
        })
    });
    // Killed: no drain, no commit.
    let done = one.done(0);
    drop(one);
    let mut again = Member::new(&settings);
    again.until("the rest is done", |again| again.coordinator.committed(0) == Some(500));
    assert_eq!(again.coordinator.totals().known, 375 - 3);
    let mut all: Vec<u64> = done.iter().copied().chain(again.done(0)).collect();
    all.sort_unstable();
    assert_eq!(all, (0..500).collect::<Vec<_>>(), "each once");
    again.stop();
}

#[test]
fn a_commit_that_fails_is_tried_again() {
    let cluster = Cluster::new(1);
    cluster.produce(0, 0..5);
    let mut one = Member::with(&cluster.settings(), 5, 1_000);
    cluster.mock().request_errors(
        RDKafkaApiKey::OffsetCommit,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS; 3],
    );
    one.until("it is committed", |one| one.coordinator.committed(0) == Some(5));
    let failed = one.coordinator.totals().commits_failed;
    assert!(failed >= 1, "no commit failed: {:?}", one.happened);
    assert!(!one.has_lost());
    assert_eq!(cluster.committed(0).map(|committed| committed.0), Some(5));
    one.stop();
}

#[test]
fn a_member_that_commits_during_a_cooperative_rebalance_keeps_its_partitions() {
    with_one_rebalance(|| {
        let cluster = Cluster::new(4);
        let settings = cluster.settings();
        let mut one = Member::new(&settings);
        one.until("it has all", |one| one.owns(&[0, 1, 2, 3]));
        let mut other = Member::new(&settings);
        let mut next = 0;
        until("each has two", || {
            // A message and a commit in each step, so that commits meet each state of the rebalance.
            (0..4).for_each(|partition| cluster.produce(partition, next..next + 1));
            next += 1;
            one.step();
            other.step();
            one.lanes.len() == 2 && other.lanes.len() == 2
        });
        both(&mut one, &mut other, "all is committed", |one, other| {
            one.lanes.keys().all(|&partition| one.coordinator.committed(partition) == Some(next))
                && other.lanes.keys().all(|&partition| other.coordinator.committed(partition) == Some(next))
        });
        assert!(!one.has_lost() && !other.has_lost(), "{:?}\n{:?}", one.happened, other.happened);
        for partition in 0..4 {
            let mut all = [one.done(partition), other.done(partition)].concat();
            all.sort_unstable();
            assert_eq!(all, (0..next).collect::<Vec<_>>(), "partition {partition}: each once");
        }
    });
}

#[test]
fn a_partition_that_is_not_assigned_is_not_committed() {
    let cluster = Cluster::new(2);
    cluster.produce(0, 0..1);
    let settings = cluster.settings();
    let mut one = Member::with(&settings, 1_000, 10);
    one.until("it is done", |one| one.done(0) == [0]);
    one.coordinator.commit_now();
    let commits = one.coordinator.commits(std::time::Duration::ZERO);
    let [commit] = commits.as_slice() else { panic!("{commits:?}") };
    let mut other = Kafka::connect(&settings).expect("the broker answers");
    let stored = other.commit(commit);
    assert!(
        matches!(&stored, service_core::source::Stored::No(why) if why.contains("not assigned")),
        "{stored:?}"
    );
    assert_eq!(cluster.committed(0), None);
}

#[test]
fn nothing_is_told_of_a_partition_that_was_let_go() {
    let cluster = Cluster::new(1);
    let mut one = Member::new(&cluster.settings());
    one.until("it is assigned", |one| one.owns(&[0]));
    one.drain(None);
    one.until("it is let go", Member::is_over);
    cluster
        .mock()
        .request_errors(RDKafkaApiKey::Heartbeat, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID; 1]);
    one.until("the group assigns it again", |one| {
        one.happened.iter().filter(|happened| matches!(happened, Happened::Assigned { .. })).count() == 2
    });
    assert!(!one.has_lost() && one.revoked().is_empty(), "{:?}", one.happened);
}

#[test]
fn a_static_member_does_not_leave_its_group() {
    for instance in [None, Some("billing-1".to_owned())] {
        let cluster = Cluster::new(1);
        let mut settings = cluster.settings();
        settings.instance = instance.clone();
        let mut one = Member::new(&settings);
        one.until("it is assigned", |one| one.owns(&[0]));
        let leaves = cluster.requests_of(RDKafkaApiKey::LeaveGroup, || {
            one.stop();
        });
        assert_eq!(leaves == 0, instance.is_some(), "{leaves} requests to leave");
    }
}
