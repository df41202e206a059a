//! What others ran into with librdkafka and `rdkafka`, each as a test. Where a test shows the trap itself, with the client
//! alone, its name says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use service_core::source::{Lane, Source};
use service_kafka::{Kafka, KafkaError, Settings};

use crate::cluster::{Cluster, SESSION, TOPIC};
use crate::member::{Happened, Member, both};
use crate::wait::{DEADLINE, until};

/// The client alone, with one partition assigned by hand.
fn bare(cluster: &Cluster) -> Arc<BaseConsumer> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", cluster.mock().bootstrap_servers()).set("group.id", "bare");
    config.set("enable.auto.commit", "false").set("enable.auto.offset.store", "false");
    config.set("fetch.wait.max.ms", "50");
    Arc::new(config.create().expect("a consumer"))
}

fn assign(consumer: &BaseConsumer) {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(TOPIC, 0, Offset::Beginning).expect("an offset");
    consumer.assign(&list).expect("it is assigned");
}

/// rdkafka 0.39, `Drop for PartitionQueue`, and the same in `StreamPartitionQueue`.
#[test]
fn with_the_client_alone_an_old_queue_that_is_dropped_silences_the_new_one() {
    let cluster = Cluster::new(1);
    let consumer = bare(&cluster);
    let woken = Arc::new(AtomicUsize::new(0));
    let wakes = |queue: &mut rdkafka::consumer::base_consumer::PartitionQueue<_>| {
        let woken = Arc::clone(&woken);
        queue.set_nonempty_callback(move || {
            woken.fetch_add(1, Ordering::SeqCst);
        });
    };
    let mut old = consumer.split_partition_queue(TOPIC, 0).expect("a queue");
    wakes(&mut old);
    let mut new = consumer.split_partition_queue(TOPIC, 0).expect("a queue");
    wakes(&mut new);
    drop(old);
    woken.store(0, Ordering::SeqCst);
    assign(&consumer);
    cluster.produce(0, 0..1);
    until("the message is in the queue", || {
        assert!(consumer.poll(Duration::ZERO).is_none());
        new.poll(Duration::from_millis(5)).is_some_and(|message| message.is_ok())
    });
    assert_eq!(woken.load(Ordering::SeqCst), 0, "rdkafka has mended it: say so in this test");
}

/// A member that has lost its partition and has it again, and keeps the lane of the first time.
fn assigned_again(cluster: &Cluster) -> Member {
    let mut one = Member::new(&cluster.settings());
    one.old_lanes = Some(Vec::new());
    one.until("it is assigned", |one| one.owns(&[0]));
    lose(cluster);
    one.until("it is lost", Member::has_lost);
    one.until("it is assigned again", |one| one.owns(&[0]));
    one
}

#[test]
fn an_old_lane_that_is_dropped_late_leaves_the_new_one_awake() {
    let cluster = Cluster::new(1);
    let mut one = assigned_again(&cluster);
    let old = one.old_lanes.take().expect("they are kept");
    assert_eq!(old.len(), 1);
    drop(old);
    cluster.produce(0, 0..10);
    one.until("all is done", |one| one.done(0) == (0..10).collect::<Vec<_>>());
    one.stop();
}

/// The group forgets the member.
fn lose(cluster: &Cluster) {
    cluster.mock().request_errors(
        rdkafka::types::RDKafkaApiKey::Heartbeat,
        &[rdkafka::types::RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID; 1],
    );
}

#[test]
fn an_old_lane_delivers_nothing_of_the_next_assignment() {
    let cluster = Cluster::new(1);
    let mut one = assigned_again(&cluster);
    cluster.produce(0, 0..10);
    let mut records = Vec::new();
    let old = one.old_lanes.as_mut().and_then(|lanes| lanes.first_mut()).expect("it is kept");
    let input = old.receive(10, &mut records).expect("it goes on");
    assert!(input == service_core::source::Input::Ended && records.is_empty(), "{records:?}");
    one.until("all is done", |one| one.done(0) == (0..10).collect::<Vec<_>>());
}

#[test]
fn with_the_client_alone_a_queue_that_is_split_after_assign_misses_messages() {
    let cluster = Cluster::new(1);
    cluster.produce(0, 0..10);
    let consumer = bare(&cluster);
    assign(&consumer);
    until("a message came by the common queue", || {
        consumer.poll(Duration::from_millis(5)).is_some_and(|message| {
            let message = message.expect("no error");
            // What was fetched before the split stays in the common queue.
            drop(consumer.split_partition_queue(TOPIC, 0));
            message.partition() == 0
        })
    });
    let rest = consumer.poll(Duration::from_secs(5)).expect("more of it").expect("no error");
    assert_eq!(rest.offset(), 1);
}

/// `poll` fails when a message comes by the common queue, so a whole partition without an error shows it.
#[test]
fn every_message_comes_by_the_queue_of_its_partition() {
    let cluster = Cluster::new(3);
    (0..3).for_each(|partition| cluster.produce(partition, 0..500));
    let mut one = Member::new(&cluster.settings());
    one.until("all is done", |one| (0..3).all(|partition| one.done(partition).len() == 500));
    for partition in 0..3 {
        let mut done = one.done(partition);
        done.sort_unstable();
        assert_eq!(done, (0..500).collect::<Vec<_>>());
    }
    one.stop();
}

#[test]
fn without_polls_of_the_source_lanes_deliver_and_commits_do_not_end() {
    let cluster = Cluster::new(1);
    let mut one = Member::new(&cluster.settings());
    one.until("it is assigned", |one| one.owns(&[0]));
    cluster.produce(0, 0..3);
    let mut records = Vec::new();
    let lane = one.lanes.get_mut(&0).expect("it has one");
    until("they are delivered", || {
        lane.receive(3, &mut records).expect("it goes on");
        records.len() == 3
    });
    for record in records.drain(..) {
        one.coordinator.admit(0, record);
    }
    while let Some(job) = one.coordinator.take(Duration::ZERO) {
        one.finish(job);
    }
    let commits = one.coordinator.commits(Duration::ZERO);
    assert_eq!(one.source.commit(&commits[0]), service_core::source::Stored::Later);
    until("the broker has the commit", || cluster.committed(0).is_some_and(|committed| committed.0 == 3));
    assert!(!one.has_stored(0, 3));
    until("a poll brings its end", || {
        one.poll();
        one.has_stored(0, 3)
    });
}

#[test]
fn a_lane_that_is_not_read_holds_back_no_other() {
    let cluster = Cluster::new(2);
    cluster.produce(0, 0..20_000);
    cluster.produce(1, 0..2_000);
    let settings = cluster.settings();
    let mut one = Member::with(&settings, 100, 100);
    one.unread.insert(0);
    one.until("the other is done", |one| one.done(1).len() == 2_000);
    assert!(one.done(0).is_empty());
    // And a member that comes gets its partition.
    let mut other = Member::with(&settings, 100, 100);
    both(&mut one, &mut other, "each has one", |one, other| one.lanes.len() == 1 && other.lanes.len() == 1);
    assert!(!one.has_lost() && !other.has_lost());
}

/// Mended in librdkafka 2.12 (`rd_kafka_toppar_op_pause_resume`), but not for the time of a rebalance, during which librdkafka
/// pauses partitions itself, and takes the pause for one that is to be resumed.
#[test]
fn with_the_client_alone_to_resume_what_is_not_paused_is_harmless_by_now() {
    let cluster = Cluster::new(1);
    cluster.produce(0, 0..500);
    let consumer = bare(&cluster);
    let queue = consumer.split_partition_queue(TOPIC, 0).expect("a queue");
    assign(&consumer);
    until("a message came", || {
        drop(consumer.poll(Duration::ZERO));
        queue.poll(Duration::from_millis(5)).is_some()
    });
    let mut list = TopicPartitionList::new();
    list.add_partition(TOPIC, 0);
    consumer.resume(&list).expect("it is no error");
    cluster.produce(0, 500..501);
    let mut offsets = Vec::new();
    until("the last one came", || {
        drop(consumer.poll(Duration::ZERO));
        if let Some(message) = queue.poll(Duration::from_millis(5)) {
            offsets.push(message.expect("no error").offset());
        }
        offsets.last() == Some(&500)
    });
    assert_eq!(offsets, (1..=500).collect::<Vec<_>>());
}

#[test]
fn to_resume_what_is_not_paused_changes_nothing() {
    let cluster = Cluster::new(1);
    let settings = cluster.settings();
    cluster.produce(0, 0..500);
    let mut one = Member::new(&settings);
    one.until("some is done", |one| !one.done(0).is_empty());
    one.source.resume(0).expect("it goes on");
    one.until("all is done", |one| one.done(0).contains(&499));
    assert_eq!(one.done(0), (0..500).collect::<Vec<_>>());
    one.source.resume(7).expect("what is not assigned is no error");
    one.stop();
}

#[test]
fn a_paused_partition_delivers_nothing_until_it_is_resumed() {
    let cluster = Cluster::new(2);
    let mut one = Member::new(&cluster.settings());
    one.until("it is assigned", |one| one.owns(&[0, 1]));
    one.source.pause(0).expect("it is paused");
    cluster.produce(0, 0..10);
    cluster.produce(1, 0..10);
    one.until("the other delivers", |one| one.done(1).len() == 10);
    assert!(one.done(0).is_empty());
    one.source.resume(0).expect("it is resumed");
    one.until("it delivers", |one| one.done(0) == (0..10).collect::<Vec<_>>());
    one.stop();
}

#[test]
fn a_pause_does_not_outlive_its_assignment() {
    let cluster = Cluster::new(1);
    let mut one = Member::new(&cluster.settings());
    one.until("it is assigned", |one| one.owns(&[0]));
    one.source.pause(0).expect("it is paused");
    lose(&cluster);
    one.until("it is assigned again", |one| one.has_lost() && one.owns(&[0]));
    cluster.produce(0, 0..10);
    one.until("it delivers", |one| one.done(0) == (0..10).collect::<Vec<_>>());
}

/// Runs what may hang in a thread.
fn within_the_deadline(what: &str, run: impl FnOnce() + Send + 'static) {
    let (ended, ends) = mpsc::channel();
    let runner = thread::spawn(move || {
        run();
        let _ = ended.send(());
    });
    // An error is also that it panicked.
    assert!(ends.recv_timeout(DEADLINE).is_ok(), "{what}");
    runner.join().expect("it ends");
}

#[test]
fn a_member_that_is_dropped_with_a_commit_under_way_leaves() {
    let cluster = Cluster::new(1);
    cluster.produce(0, 0..10);
    let mut one = Member::with(&cluster.settings(), 1_000, 100);
    one.until("all is done", |one| one.done(0).len() == 10);
    cluster.mock().broker_round_trip_time(1, Duration::from_millis(300)).expect("a slow broker");
    one.coordinator.commit_now();
    for commit in one.coordinator.commits(Duration::ZERO) {
        assert_eq!(one.source.commit(&commit), service_core::source::Stored::Later);
    }
    within_the_deadline("it leaves", move || drop(one));
}

#[test]
fn a_member_that_is_dropped_while_it_drains_leaves() {
    let cluster = Cluster::new(2);
    cluster.produce(0, 0..1);
    cluster.produce(1, 0..1);
    let settings = cluster.settings();
    let mut one = Member::new(&settings);
    one.holds = |_, _| true;
    one.until("it has both", |one| one.held.len() == 2);
    let mut other = Member::new(&settings);
    both(&mut one, &mut other, "it is revoked", |one, _| {
        one.happened.iter().any(|happened| matches!(happened, Happened::Revoked(_)))
    });
    within_the_deadline("it leaves", move || drop(one));
    other.until("the other has both", |other| other.owns(&[0, 1]));
    within_the_deadline("the other leaves", move || drop(other));
}

/// A member that comes and goes before it knows where its partitions begin.
#[test]
fn a_member_that_is_dropped_before_its_commits_are_fetched_leaves() {
    let cluster = Cluster::new(1);
    let settings = cluster.settings();
    let mut source = Kafka::connect(&settings).expect("the broker answers");
    cluster.mock().request_errors(
        rdkafka::types::RDKafkaApiKey::OffsetFetch,
        &[rdkafka::types::RDKafkaRespErr::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED; 1_000],
    );
    let mut events = Vec::new();
    let mut rounds = 0;
    until("it asked", || {
        source.poll(Duration::from_millis(5), &mut events).expect("it goes on");
        rounds += usize::from(format!("{source:?}").contains("ForAssign"));
        rounds > 3
    });
    assert!(events.is_empty());
    within_the_deadline("it leaves", move || drop(source));
}

#[test]
fn the_grace_has_to_be_below_the_session_time_out() {
    let cluster = Cluster::new(1);
    let mut settings = cluster.settings();
    settings.grace = SESSION;
    assert!(matches!(Kafka::connect(&settings), Err(KafkaError::Grace { .. })));
}

#[test]
fn a_topic_that_is_not_there_is_named() {
    let cluster = Cluster::new(1);
    cluster
        .mock()
        .topic_error("elsewhere", rdkafka::types::RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        .expect("an error");
    let settings = Settings { topic: "elsewhere".to_owned(), ..cluster.settings() };
    let error = Kafka::connect(&settings).expect_err("there is none").to_string();
    assert!(error.starts_with("topic elsewhere at ") && error.ends_with("there is no such topic"), "{error}");
}

#[test]
fn a_committed_offset_that_is_not_in_the_topic_fails_its_lane() {
    let cluster = Cluster::new(1);
    cluster.produce(0, 0..10);
    let settings = cluster.settings();
    let one = Member::with(&settings, 1, 100);
    let mut one = one;
    one.until("it is committed", |one| one.coordinator.committed(0) == Some(10));
    one.stop();
    // Another cluster, whose topic is shorter.
    let newer = Cluster::new(1);
    newer.produce(0, 0..1);
    let committer = {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", newer.mock().bootstrap_servers())
            .set("group.id", crate::cluster::GROUP);
        config.create::<BaseConsumer>().expect("a consumer")
    };
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(TOPIC, 0, Offset::Offset(10)).expect("an offset");
    committer.commit(&list, rdkafka::consumer::CommitMode::Sync).expect("it is stored");
    let mut source = Kafka::connect(&newer.settings()).expect("the broker answers");
    let mut events = Vec::new();
    until("it is assigned", || {
        source.poll(Duration::from_millis(5), &mut events).expect("it goes on");
        !events.is_empty()
    });
    let Some(service_core::source::Event::Assigned { mut lane, position: 10, .. }) = events.pop() else {
        panic!("{events:?}");
    };
    let mut failed = None;
    until("it fails", || {
        failed = lane.receive(1, &mut Vec::new()).err();
        failed.is_some()
    });
    let line = failed.map(|error| error.to_string()).unwrap_or_default();
    assert!(line.starts_with("partition 0: the committed offset is not in the topic"), "{line}");
}

#[test]
fn a_lane_ends_where_its_partition_ended() {
    let cluster = Cluster::new(2);
    cluster.produce(0, 0..100);
    let settings = Settings { until_end: true, ..cluster.settings() };
    let mut one = Member::new(&settings);
    one.until("both have ended, the empty one too", |one| {
        one.has(&Happened::LetGo(0)) && one.has(&Happened::LetGo(1))
    });
    assert!(one.has_stored(0, 100));
    assert_eq!(one.done(0).len(), 100);
}
