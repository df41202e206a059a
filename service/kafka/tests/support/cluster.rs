//! librdkafka's broker in this process, with its real protocol.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::bindings;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaApiKey;
use service_kafka::Settings;

use crate::wait::DEADLINE;

/// The topic of the tests.
pub(crate) const TOPIC: &str = "orders";

/// The group of the tests.
pub(crate) const GROUP: &str = "billing";

/// The session time-out of the members. A rebalance of the mock takes a second less: it waits for members until then.
pub(crate) const SESSION: Duration = Duration::from_secs(4);

/// A cluster of one broker with the topic, which lives as long as its producer.
pub(crate) struct Cluster {
    producer: BaseProducer,
}

impl Cluster {
    pub(crate) fn new(partitions: i32) -> Self {
        let mut config = ClientConfig::new();
        let producer: BaseProducer =
            config.set("test.mock.num.brokers", "1").create().expect("a producer with a cluster");
        let cluster = Cluster { producer };
        // SAFETY: the cluster lives.
        unsafe { bindings::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster.raw(), 100) };
        cluster.mock().create_topic(TOPIC, partitions, 1).expect("a topic");
        cluster
    }

    /// The cluster, for what the crate has no function for. It lives as long as `self`.
    fn raw(&self) -> *mut bindings::rd_kafka_mock_cluster_t {
        // SAFETY: the handle of the producer lives.
        let mock = unsafe { bindings::rd_kafka_handle_mock_cluster(self.producer.client().native_ptr()) };
        assert!(!mock.is_null());
        mock
    }

    /// How many requests of a kind the broker gets while `runs`.
    pub(crate) fn requests_of(&self, key: RDKafkaApiKey, runs: impl FnOnce()) -> usize {
        let mock = self.raw();
        // SAFETY: the cluster lives.
        unsafe { bindings::rd_kafka_mock_start_request_tracking(mock) };
        runs();
        let mut count = 0;
        // SAFETY: the cluster lives; the requests are an array of `count` that belongs to this function.
        unsafe {
            let requests = bindings::rd_kafka_mock_get_requests(mock, &raw mut count);
            let keys = (0..count).map(|index| bindings::rd_kafka_mock_request_api_key(*requests.add(index)));
            let found = keys.filter(|&own| own == key as i16).count();
            bindings::rd_kafka_mock_request_destroy_array(requests, count);
            bindings::rd_kafka_mock_stop_request_tracking(mock);
            found
        }
    }

    pub(crate) fn mock(&self) -> MockCluster<'_, impl rdkafka::ClientContext> {
        self.producer.client().mock_cluster().expect("it has a cluster")
    }

    /// The settings of a member whose session is short.
    pub(crate) fn settings(&self) -> Settings {
        let mut settings = Settings::new(self.mock().bootstrap_servers(), TOPIC, GROUP);
        settings.session = SESSION;
        settings.grace = Duration::from_secs(3);
        for (name, value) in [("heartbeat.interval.ms", "100"), ("fetch.wait.max.ms", "50")] {
            settings.more.push((name.to_owned(), value.to_owned()));
        }
        settings
    }

    /// Appends messages to a partition: see [`produce`].
    pub(crate) fn produce(&self, partition: i32, numbers: std::ops::Range<u64>) {
        produce(&self.producer, partition, numbers);
    }

    /// The stored commit of a partition.
    pub(crate) fn committed(&self, partition: i32) -> Option<(i64, String)> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.mock().bootstrap_servers()).set("group.id", GROUP);
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let mut list = TopicPartitionList::new();
        list.add_partition(TOPIC, partition);
        let list = consumer.committed_offsets(list, DEADLINE).expect("the broker answers");
        let elements = list.elements();
        match elements.first().map(|element| (element.offset(), element.metadata().to_owned())) {
            Some((Offset::Offset(offset), metadata)) => Some((offset, metadata)),
            _ => None,
        }
    }
}

/// Appends messages with these numbers as payload to a partition, in turn with one of four keys.
pub(crate) fn produce(producer: &BaseProducer, partition: i32, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let (payload, key) = (number.to_string(), format!("key {}", number % 4));
        let record = BaseRecord::to(TOPIC).partition(partition).payload(&payload).key(&key);
        producer.send(record).expect("room for it");
    }
    producer.flush(DEADLINE).expect("it is stored");
}
