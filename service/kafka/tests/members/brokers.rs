//! The two brokers.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::BaseProducer;
use rdkafka::types::{RDKafkaApiKey as Key, RDKafkaRespErr as Error};

use crate::cluster::{Cluster, TOPIC, produce};
use crate::wait::until;

/// The partitions of the topic.
pub(crate) const PARTITIONS: i32 = 4;

/// A broker for members in other processes.
pub(crate) trait Broker {
    /// Its address.
    fn address(&self) -> String;

    /// Appends messages with these numbers to a partition.
    fn produce(&self, partition: i32, numbers: std::ops::Range<u64>);

    /// Makes some requests fail; `turn` says which. What was injected, in words.
    fn inject(&self, turn: u64) -> Option<String>;

    /// Whether a commit's metadata is given back.
    fn keeps_metadata(&self) -> bool;

    /// The session time-out of members.
    fn session(&self) -> Duration;
}

/// librdkafka's own.
pub(crate) struct Mock(Cluster);

impl Mock {
    pub(crate) fn new() -> Self {
        Mock(Cluster::new(PARTITIONS))
    }
}

impl Broker for Mock {
    fn address(&self) -> String {
        self.0.mock().bootstrap_servers()
    }

    fn produce(&self, partition: i32, numbers: std::ops::Range<u64>) {
        self.0.produce(partition, numbers);
    }

    fn inject(&self, turn: u64) -> Option<String> {
        let (key, error, times) = match turn % 5 {
            0 => (Key::OffsetCommit, Error::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 5),
            1 => (Key::Fetch, Error::RD_KAFKA_RESP_ERR__TRANSPORT, 2),
            2 => (Key::Heartbeat, Error::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, 1),
            3 => (Key::OffsetCommit, Error::RD_KAFKA_RESP_ERR__TRANSPORT, 2),
            _ => (Key::OffsetFetch, Error::RD_KAFKA_RESP_ERR_NOT_COORDINATOR, 2),
        };
        self.0.mock().request_errors(key, &vec![error; times]);
        let delay = Duration::from_millis([0, 5, 20][(turn % 3) as usize]);
        self.0.mock().broker_round_trip_time(-1, delay).expect("the cluster has a broker");
        Some(format!("{times} times {error:?} for {key:?}, round trips of {delay:?}"))
    }

    fn keeps_metadata(&self) -> bool {
        true
    }

    fn session(&self) -> Duration {
        Duration::from_secs(3)
    }
}

/// `tansu`, a broker of others. Its limits: it gives no metadata back, and its first assignment takes some seconds.
pub(crate) struct Tansu {
    process: Child,
    address: String,
    producer: BaseProducer,
}

impl Tansu {
    /// Starts it; `None`, and says so, where it is not there.
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = std::env::var_os("CHANLAB_TANSU") else {
            println!("not available: tansu, the second broker: scripts/kafka --install installs it");
            return None;
        };
        let port = {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            listener.local_addr().expect("an address").port()
        };
        let address = format!("127.0.0.1:{port}");
        let url = format!("tcp://{address}");
        let mut broker = Command::new(&program);
        broker.args(["broker", "--silent", "--storage-engine", "memory://tansu/"]);
        broker.args(["--listener-url", &url, "--advertised-listener-url", &url]);
        let process = broker.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("tansu starts");
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &address);
        let tansu =
            Tansu { process, address: address.clone(), producer: config.create().expect("a producer") };
        let asks: BaseConsumer = config.create().expect("a consumer");
        until("tansu answers", || asks.fetch_metadata(None, Duration::from_secs(1)).is_ok());
        let mut create = Command::new(&program);
        create.args(["topic", "create", "--broker", &url, "--partitions", &PARTITIONS.to_string(), TOPIC]);
        let created = create.output().expect("tansu makes a topic");
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
        Some(tansu)
    }
}

impl Drop for Tansu {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Broker for Tansu {
    fn address(&self) -> String {
        self.address.clone()
    }

    fn produce(&self, partition: i32, numbers: std::ops::Range<u64>) {
        produce(&self.producer, partition, numbers);
    }

    fn inject(&self, _turn: u64) -> Option<String> {
        None
    }

    fn keeps_metadata(&self) -> bool {
        false
    }

    fn session(&self) -> Duration {
        Duration::from_secs(6)
    }
}
