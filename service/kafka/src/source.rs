//! The source: a member of a consumer group.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use service_core::coordinator::Commit;
use service_core::source::{Event, Source, Stored};
use service_log::Message;

use crate::context::{CommitEnd, Context};
use crate::rebalance::{AGAIN, LEAVING, Own, Waits};
use crate::{KafkaError, KafkaLane, Settings, Start, native};

/// How long the brokers may take to answer a question of the start.
const METADATA: Duration = Duration::from_secs(10);

const NO_TOPIC: &str = "there is no such topic";

/// A member of a consumer group, as a source of partitions.
///
/// Poll it at least every few seconds, also when nothing is expected: rebalances and the ends of commits come by a
/// poll, and the group excludes a member that was not polled for `max.poll.interval.ms`.
pub struct Kafka {
    pub(crate) consumer: Arc<BaseConsumer<Context>>,
    pub(crate) topic: String,
    pub(crate) start: Start,
    pub(crate) partitions: usize,
    pub(crate) own: BTreeMap<i32, Own>,
    pub(crate) waits: Option<Waits>,
    /// Commits whose end is not known, the oldest first.
    pub(crate) commits: VecDeque<Commit>,
    pub(crate) has_left: bool,
}

impl fmt::Debug for Kafka {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Kafka");
        shown.field("topic", &self.topic).field("own", &self.own).field("waits", &self.waits);
        shown.finish_non_exhaustive()
    }
}

impl Kafka {
    /// Joins a group.
    ///
    /// # Errors
    ///
    /// When a setting makes no sense, or no broker answers for the topic.
    pub fn connect(settings: &Settings) -> Result<Self, KafkaError> {
        let config = settings.config()?;
        let context = Context::new(settings.trouble.clone());
        let consumer = BaseConsumer::from_config_and_context(&config, context)
            .map_err(|error| KafkaError::Client(error.to_string()))?;
        let wrong = |reason: String| KafkaError::Topic {
            topic: settings.topic.clone(),
            brokers: settings.brokers.clone(),
            reason,
        };
        let metadata = consumer.fetch_metadata(Some(&settings.topic), METADATA);
        let metadata = metadata.map_err(|error| wrong(error.to_string()))?;
        let partitions = match metadata.topics().iter().find(|topic| topic.name() == settings.topic) {
            Some(topic) => match topic.error().map(RDKafkaErrorCode::from) {
                None if !topic.partitions().is_empty() => topic.partitions().len(),
                None | Some(RDKafkaErrorCode::UnknownTopicOrPartition) => {
                    return Err(wrong(NO_TOPIC.to_owned()));
                }
                Some(code) => return Err(wrong(code.to_string())),
            },
            None => return Err(wrong(NO_TOPIC.to_owned())),
        };
        consumer.subscribe(&[&settings.topic]).map_err(|error| wrong(error.to_string()))?;
        Ok(Kafka {
            consumer: Arc::new(consumer),
            topic: settings.topic.clone(),
            start: settings.start,
            partitions,
            own: BTreeMap::new(),
            waits: None,
            commits: VecDeque::new(),
            has_left: false,
        })
    }

    /// The partitions of the topic: each event's partition is below this number.
    pub fn partitions(&self) -> usize {
        self.partitions
    }

    pub(crate) fn list(&self, partitions: impl IntoIterator<Item = i32>) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(&self.topic, partition);
        }
        list
    }

    pub(crate) fn tell(&self, line: &str) {
        self.consumer.context().trouble.tell(line);
    }

    pub(crate) fn number(&self, partition: i32) -> Result<usize, KafkaError> {
        let known = usize::try_from(partition).ok().filter(|&number| number < self.partitions);
        known.ok_or(KafkaError::Grown { known: self.partitions, partition })
    }

    /// Serves what the client has for the application.
    fn serve(&self, wait: Duration) -> Result<(), KafkaError> {
        match self.consumer.poll(wait) {
            None => Ok(()),
            Some(Ok(message)) => {
                Err(KafkaError::Stray { partition: message.partition(), offset: message.offset() })
            }
            Some(Err(ClientError::MessageConsumptionFatal(code))) => {
                Err(KafkaError::Failed(code.to_string()))
            }
            Some(Err(ClientError::MessageConsumption(code))) if is_final(code) => {
                Err(KafkaError::Failed(code.to_string()))
            }
            Some(Err(error)) => {
                self.tell(&error.to_string());
                Ok(())
            }
        }
    }

    /// Adds the ends of commits.
    fn committed(&mut self, events: &mut Vec<Event<KafkaLane>>) {
        for end in self.consumer.context().commits() {
            let CommitEnd { partition, position, metadata, result, is_outdated } = end;
            // While librdkafka waits for `unassign` it takes no notice of it. At other times it revokes what is lost.
            if let Some(Waits::ForUnassign { partitions, is_lost, .. }) = &mut self.waits
                && partitions.contains(&partition)
            {
                *is_lost |= is_outdated;
            }
            let is_it = |commit: &Commit| {
                i32::try_from(commit.partition) == Ok(partition)
                    && i64::try_from(commit.position).ok() == position
                    && commit.metadata == metadata
            };
            let Some(index) = self.commits.iter().position(is_it) else { continue };
            if let Some(commit) = self.commits.remove(index) {
                events.push(Event::CommitEnded { commit, result });
            }
        }
    }
}

/// Whether the group never has this member back.
fn is_final(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::Fatal
            | Code::FencedInstanceId
            | Code::GroupAuthorizationFailed
            | Code::TopicAuthorizationFailed
            | Code::InconsistentGroupProtocol
            | Code::UnsupportedVersion
    )
}

impl Source for Kafka {
    type Message = Message;
    type Lane = KafkaLane;
    type Error = KafkaError;

    fn poll(&mut self, wait: Duration, events: &mut Vec<Event<KafkaLane>>) -> Result<(), KafkaError> {
        self.serve(wait)?;
        // First the ends of commits: a partition may be let go for one of them.
        self.committed(events);
        self.rebalance(events)
    }

    fn commit(&mut self, commit: &Commit) -> Stored {
        let number = i32::try_from(commit.partition).ok();
        // The coordinator of the group would store it, over what the new owner has committed.
        let Some(partition) =
            number.filter(|partition| self.own.get(partition).is_some_and(|own| !own.is_let_go))
        else {
            return Stored::No(format!("partition {} is not assigned to this member", commit.partition));
        };
        if self.consumer.assignment_lost() {
            return Stored::No(format!("partition {partition} is lost"));
        }
        let Ok(position) = i64::try_from(commit.position) else {
            return Stored::No(format!("{} is no offset of Kafka", commit.position));
        };
        let mut list = TopicPartitionList::new();
        let mut entry = list.add_partition(&self.topic, partition);
        entry.set_metadata(&commit.metadata);
        if let Err(error) = entry.set_offset(Offset::Offset(position)) {
            return Stored::No(error.to_string());
        }
        match native::commit(&self.consumer, &list) {
            Ok(()) => {
                self.commits.push_back(commit.clone());
                Stored::Later
            }
            Err(error) => Stored::No(error.to_string()),
        }
    }

    fn pause(&mut self, partition: usize) -> Result<(), KafkaError> {
        self.set_paused(partition, true)
    }

    fn resume(&mut self, partition: usize) -> Result<(), KafkaError> {
        self.set_paused(partition, false)
    }

    fn let_go(&mut self, partition: usize) -> Result<(), KafkaError> {
        let Ok(partition) = i32::try_from(partition) else { return Ok(()) };
        if let Some(Waits::ForUnassign { held, .. }) = &mut self.waits
            && held.remove(&partition)
        {
            self.release(partition);
            return self.unassign_if_let_go();
        }
        if let Some(own) = self.own.get_mut(&partition) {
            own.is_let_go = true;
        }
        Ok(())
    }

    fn close(mut self) -> Result<(), KafkaError> {
        let deadline = Instant::now() + LEAVING;
        let mut events = Vec::new();
        while !self.commits.is_empty() && Instant::now() < deadline {
            self.serve(AGAIN)?;
            self.committed(&mut events);
        }
        let unanswered = self.commits.len();
        self.leave()?;
        if unanswered > 0 { Err(KafkaError::Unanswered(unanswered)) } else { Ok(()) }
    }
}

impl Kafka {
    /// Before librdkafka 2.12, and since then during a rebalance, to resume what is not paused moves the partition back to
    /// where it was fetched first.
    fn set_paused(&mut self, partition: usize, is_paused: bool) -> Result<(), KafkaError> {
        let Ok(number) = i32::try_from(partition) else { return Ok(()) };
        let list = self.list([number]);
        let Some(own) = self.own.get_mut(&number).filter(|own| own.is_paused != is_paused) else {
            return Ok(());
        };
        let changed = if is_paused { self.consumer.pause(&list) } else { self.consumer.resume(&list) };
        changed.map_err(|error| KafkaError::Failed(error.to_string()))?;
        own.is_paused = is_paused;
        Ok(())
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        if let Err(error) = self.leave() {
            self.tell(&error.to_string());
        }
    }
}
