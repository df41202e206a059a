//! How a member goes through a rebalance, and how it leaves.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use service_core::source::Event;

use crate::context::{Rebalance, answer};
use crate::{Kafka, KafkaError, KafkaLane, Start, native};

/// How long a question may take while the group waits. What has no answer by then is asked again at the next poll.
const QUESTION: Duration = Duration::from_secs(1);

/// The time after a question that failed, before it is asked again.
pub(crate) const AGAIN: Duration = Duration::from_millis(100);

/// How long a member may take to leave its group.
pub(crate) const LEAVING: Duration = Duration::from_secs(15);

/// An assigned partition.
#[derive(Debug)]
pub(crate) struct Own {
    /// Set when the partition is gone, for the lane.
    pub(crate) is_over: Arc<AtomicBool>,
    pub(crate) is_paused: bool,
    /// Whether it was let go before the group asked for it. It is this member's until then, and no event tells of it.
    pub(crate) is_let_go: bool,
}

impl Drop for Own {
    fn drop(&mut self) {
        // Relaxed: as in the lane.
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// What librdkafka waits for.
#[derive(Debug)]
pub(crate) enum Waits {
    /// `assign`, for which the commits have to be fetched.
    ForAssign { partitions: Vec<i32>, not_before: Instant },
    /// `unassign`, for which these partitions have to be let go.
    ForUnassign { partitions: Vec<i32>, held: BTreeSet<i32>, is_lost: bool },
}

impl Kafka {
    /// Goes on with the rebalance as far as it can now.
    pub(crate) fn rebalance(&mut self, events: &mut Vec<Event<KafkaLane>>) -> Result<(), KafkaError> {
        if self.waits.is_none() {
            match self.consumer.context().rebalance() {
                None => return Ok(()),
                Some(Rebalance::Assign(partitions)) => {
                    self.waits = Some(Waits::ForAssign { partitions, not_before: Instant::now() });
                }
                Some(Rebalance::Revoke(partitions)) => {
                    let is_held = |partition: &i32| self.own.get(partition).is_some_and(|own| !own.is_let_go);
                    let held: BTreeSet<i32> = partitions.iter().copied().filter(is_held).collect();
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
                let assigned = self.assign(&partitions, events);
                if !matches!(assigned, Ok(true)) {
                    // Also after an error: `leave` has to answer it.
                    let not_before = Instant::now() + AGAIN;
                    self.waits = Some(Waits::ForAssign { partitions, not_before });
                }
                assigned?;
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
            self.own.insert(partition, Own { is_over, is_paused: false, is_let_go: false });
            assigned.push(Event::Assigned { partition: number, position, metadata, lane });
        }
        answer(&self.consumer, true, &list).map_err(|error| KafkaError::Failed(error.to_string()))?;
        events.append(&mut assigned);
        Ok(true)
    }

    /// Goes on with a revocation when every partition of it is let go.
    pub(crate) fn unassign_if_let_go(&mut self) -> Result<(), KafkaError> {
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
    pub(crate) fn release(&mut self, partition: i32) {
        if self.own.remove(&partition).is_some_and(|own| own.is_paused)
            && let Err(error) = self.consumer.resume(&self.list([partition]))
        {
            self.tell(&format!("partition {partition} stays paused: {error}"));
        }
    }

    /// Leaves the group, once.
    pub(crate) fn leave(&mut self) -> Result<(), KafkaError> {
        if std::mem::replace(&mut self.has_left, true) {
            return Ok(());
        }
        let left = self.try_to_leave();
        if left.is_err() {
            // The client's own drop would wait for the end without a deadline.
            std::mem::forget(Arc::clone(&self.consumer));
        }
        left
    }

    /// Leaves the group. What is asked from here on is answered by the context.
    fn try_to_leave(&mut self) -> Result<(), KafkaError> {
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
