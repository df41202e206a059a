//! The source: a member of a consumer group.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use service_core::coordinator::Commit;
use service_core::source::{Event, Source, Stored};
use service_log::Message;

use crate::context::{CommitEnd, Context, Rebalance, answer};
use crate::{KafkaError, KafkaLane, Settings, Start, native};

/// How long the brokers may take to answer a question of the start.
const METADATA: Duration = Duration::from_secs(10);

/// How long a question may take while the group waits. What has no answer by then is asked again at the next poll.
const QUESTION: Duration = Duration::from_secs(1);

/// The time after a question that failed, before it is asked again.
const AGAIN: Duration = Duration::from_millis(100);

/// How long a member may take to leave its group.
const LEAVING: Duration = Duration::from_secs(15);

/// An assigned partition.
#[derive(Debug)]
struct Own {
    /// Told to the lane when the partition is gone.
    is_over: Arc<AtomicBool>,
    is_paused: bool,
}

impl Drop for Own {
    fn drop(&mut self) {
        // Relaxed: as in the lane.
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// What librdkafka waits for.
#[derive(Debug)]
enum Waits {
    /// `assign`, for which the commits have to be fetched.
    ForAssign { partitions: Vec<i32>, not_before: Instant },
    /// `unassign`, for which these partitions have to be let go.
    ForUnassign { partitions: Vec<i32>, held: BTreeSet<i32>, is_lost: bool },
}

/// A member of a consumer group, as a source of partitions.
///
/// Poll it at least every few seconds, also when nothing is expected: rebalances and the ends of commits come by a
/// poll, and the group excludes a member that was not polled for `max.poll.interval.ms`.
pub struct Kafka {
    consumer: Arc<BaseConsumer<Context>>,
    topic: String,
    start: Start,
    partitions: usize,
    own: BTreeMap<i32, Own>,
    waits: Option<Waits>,
    /// Commits whose end is not known, the oldest first.
    commits: VecDeque<Commit>,
    has_left: bool,
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
            Some(topic) if topic.error().is_some() || topic.partitions().is_empty() => {
                return Err(wrong("there is no such topic".to_owned()));
            }
            Some(topic) => topic.partitions().len(),
            None => return Err(wrong("there is no such topic".to_owned())),
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

    fn list(&self, partitions: impl IntoIterator<Item = i32>) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(&self.topic, partition);
        }
        list
    }

    fn tell(&self, line: &str) {
        self.consumer.context().trouble.tell(line);
    }

    fn number(&self, partition: i32) -> Result<usize, KafkaError> {
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

    /// Goes on with the rebalance as far as it can now.
    fn rebalance(&mut self, events: &mut Vec<Event<KafkaLane>>) -> Result<(), KafkaError> {
        if self.waits.is_none() {
            match self.consumer.context().rebalance() {
                None => return Ok(()),
                Some(Rebalance::Assign(partitions)) => {
                    self.waits = Some(Waits::ForAssign { partitions, not_before: Instant::now() });
                }
                Some(Rebalance::Revoke(partitions)) => {
                    let held =
                        partitions.iter().copied().filter(|partition| self.own.contains_key(partition));
                    let held: BTreeSet<i32> = held.collect();
                    let is_lost = self.consumer.assignment_lost();
                    if !is_lost {
                        for &partition in &held {
                            events.push(Event::Revoked { partition: self.number(partition)? });
                        }
                    }
                    self.waits = Some(Waits::ForUnassign { partitions, held, is_lost });
                }
            }
        }
        match self.waits.take() {
            Some(Waits::ForAssign { partitions, not_before }) if Instant::now() >= not_before => {
                if !self.assign(&partitions, events)? {
                    let not_before = Instant::now() + AGAIN;
                    self.waits = Some(Waits::ForAssign { partitions, not_before });
                }
            }
            Some(Waits::ForUnassign { partitions, mut held, is_lost }) => {
                // Also what was being drained: the group has waited for too long.
                let is_lost = is_lost || self.consumer.assignment_lost();
                if is_lost {
                    for partition in std::mem::take(&mut held) {
                        events.push(Event::Lost { partition: self.number(partition)? });
                    }
                }
                self.waits = Some(Waits::ForUnassign { partitions, held, is_lost });
                self.unassign_if_let_go()?;
            }
            waits => self.waits = waits,
        }
        Ok(())
    }

    /// Where these partitions begin: the offset and the metadata. `None` when it has to be asked again.
    fn beginnings(&self, partitions: &[i32]) -> Option<Vec<(i32, i64, String)>> {
        let committed = self.consumer.committed_offsets(self.list(partitions.iter().copied()), QUESTION);
        let committed = match committed {
            Ok(committed) => committed,
            Err(error) => {
                self.tell(&format!("the commits could not be fetched, which is tried again: {error}"));
                return None;
            }
        };
        let mut beginnings = Vec::with_capacity(partitions.len());
        for (entry, metadata) in committed.elements().iter().zip(native::metadata(&committed)) {
            let partition = entry.partition();
            let began = entry.error().and_then(|()| match entry.offset() {
                // What is no text was written by another program; whoever reads it says that it is no map.
                Offset::Offset(offset) => Ok((offset, metadata.unwrap_or_else(|| "not UTF-8".to_owned()))),
                _ => {
                    let ends = self.consumer.fetch_watermarks(&self.topic, partition, QUESTION)?;
                    Ok((if self.start == Start::Earliest { ends.0 } else { ends.1 }, String::new()))
                }
            });
            match began {
                Ok((offset, metadata)) => beginnings.push((partition, offset, metadata)),
                Err(error) => {
                    let line =
                        format!("the beginning of partition {partition}, which is asked again: {error}");
                    self.tell(&line);
                    return None;
                }
            }
        }
        Some(beginnings)
    }

    /// Assigns; false when it has to be tried again.
    fn assign(&mut self, partitions: &[i32], events: &mut Vec<Event<KafkaLane>>) -> Result<bool, KafkaError> {
        for &partition in partitions {
            self.number(partition)?;
        }
        let beginnings = match partitions {
            [] => Vec::new(),
            _ => match self.beginnings(partitions) {
                Some(beginnings) => beginnings,
                None => return Ok(false),
            },
        };
        let (mut list, mut assigned) = (TopicPartitionList::new(), Vec::new());
        for (partition, offset, metadata) in beginnings {
            let number = self.number(partition)?;
            let position = u64::try_from(offset).map_err(|_| {
                KafkaError::Failed(format!("partition {partition} has a committed offset of {offset}"))
            })?;
            let added = list.add_partition_offset(&self.topic, partition, Offset::Offset(offset));
            added.map_err(|error| KafkaError::Failed(error.to_string()))?;
            // Before `assign`, or the first messages come by the common queue.
            let Some(queue) = self.consumer.split_partition_queue(&self.topic, partition) else {
                return Err(KafkaError::Failed(format!("partition {partition} has no queue")));
            };
            let is_over = Arc::new(AtomicBool::new(false));
            let trouble = self.consumer.context().trouble.clone();
            let lane = KafkaLane { partition: number, queue, is_over: Arc::clone(&is_over), trouble };
            self.own.insert(partition, Own { is_over, is_paused: false });
            assigned.push(Event::Assigned { partition: number, position, metadata, lane });
        }
        answer(&self.consumer, true, &list).map_err(|error| KafkaError::Failed(error.to_string()))?;
        events.append(&mut assigned);
        Ok(true)
    }

    /// Goes on with a revocation when every partition of it is let go.
    fn unassign_if_let_go(&mut self) -> Result<(), KafkaError> {
        match self.waits.take() {
            Some(Waits::ForUnassign { partitions, held, .. }) if held.is_empty() => {
                for &partition in &partitions {
                    self.release(partition);
                }
                answer(&self.consumer, false, &self.list(partitions))
                    .map_err(|error| KafkaError::Failed(error.to_string()))
            }
            waits => {
                self.waits = waits;
                Ok(())
            }
        }
    }

    /// Forgets a partition. A pause would outlive the assignment and hold back the next one.
    fn release(&mut self, partition: i32) {
        if self.own.remove(&partition).is_some_and(|own| own.is_paused)
            && let Err(error) = self.consumer.resume(&self.list([partition]))
        {
            self.tell(&format!("partition {partition} stays paused: {error}"));
        }
    }

    /// Adds the ends of commits.
    fn committed(&mut self, events: &mut Vec<Event<KafkaLane>>) {
        for end in self.consumer.context().commits() {
            let CommitEnd { partition, position, metadata, result, is_outdated } = end;
            // librdkafka says that the assignment is lost only while it asks for nothing. Outside of a rebalance it
            // asks for the revocation itself.
            if let Some(Waits::ForUnassign { is_lost, .. }) = &mut self.waits {
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

    /// Leaves the group. What is asked from here on is answered by the context.
    fn leave(&mut self) -> Result<(), KafkaError> {
        if std::mem::replace(&mut self.has_left, true) {
            return Ok(());
        }
        self.own.clear();
        self.consumer.context().leave();
        // librdkafka waits for the answer to what it has asked, and would never close.
        let asked = std::iter::from_fn(|| self.consumer.context().rebalance());
        let asked = asked.map(|rebalance| match rebalance {
            Rebalance::Assign(_) => (true, TopicPartitionList::new()),
            Rebalance::Revoke(partitions) => (false, self.list(partitions)),
        });
        let waits = match &self.waits {
            Some(Waits::ForAssign { .. }) => Some((true, TopicPartitionList::new())),
            Some(Waits::ForUnassign { partitions, .. }) => {
                Some((false, self.list(partitions.iter().copied())))
            }
            None => None,
        };
        for (assigns, partitions) in waits.into_iter().chain(asked) {
            if let Err(error) = answer(&self.consumer, assigns, &partitions) {
                self.tell(&format!("a rebalance while the member leaves: {error}"));
            }
        }
        self.waits = None;
        self.consumer.close_queue().map_err(|error| KafkaError::Failed(error.to_string()))?;
        let deadline = Instant::now() + LEAVING;
        while !self.consumer.closed() {
            if Instant::now() >= deadline {
                return Err(KafkaError::NotLeft(LEAVING));
            }
            // What comes now is no message of a partition that is worked at.
            drop(self.consumer.poll(AGAIN));
        }
        Ok(())
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
        let Some(partition) = number.filter(|partition| self.own.contains_key(partition)) else {
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
        // What is not revoked is let go when the member leaves.
        if let (Ok(partition), Some(Waits::ForUnassign { held, .. })) =
            (i32::try_from(partition), &mut self.waits)
            && held.remove(&partition)
        {
            self.release(partition);
            return self.unassign_if_let_go();
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
    /// librdkafka counts nothing: to resume what is not paused would move the partition back to where it was fetched
    /// last.
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
