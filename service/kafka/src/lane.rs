//! The input of a partition: its queue, which a thread of its own polls.

use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message as _};
use service_core::coordinator::Record;
use service_core::source::{Input, Lane};
use service_log::{Header, Message};

use crate::KafkaError;
use crate::context::Context;
use crate::settings::Trouble;

/// The longest wait for a message.
const WAIT: Duration = Duration::from_millis(20);

/// The input of a partition.
pub struct KafkaLane {
    pub(crate) partition: usize,
    pub(crate) queue: PartitionQueue<Context>,
    /// Whether the partition belongs to this member no more.
    pub(crate) is_over: Arc<AtomicBool>,
    pub(crate) trouble: Trouble,
}

impl fmt::Debug for KafkaLane {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KafkaLane").field("partition", &self.partition).finish_non_exhaustive()
    }
}

impl Lane for KafkaLane {
    type Message = Message;
    type Error = KafkaError;

    fn receive(&mut self, most: usize, records: &mut Vec<Record<Message>>) -> Result<Input, KafkaError> {
        let mut wait = WAIT;
        for _ in 0..most {
            // Relaxed: it orders nothing; what was received before stays received.
            if self.is_over.load(Ordering::Relaxed) {
                return Ok(Input::Ended);
            }
            match self.queue.poll(wait) {
                None => break,
                Some(Ok(message)) => records.push(self.record(&message)?),
                // Only where the setting `until_end` asks for it.
                Some(Err(ClientError::PartitionEOF(_))) => return Ok(Input::Ended),
                Some(Err(ClientError::MessageConsumption(code))) if goes_by(code) => {
                    self.trouble.tell(&format!("partition {}: {code}", self.partition));
                }
                Some(Err(error)) => return Err(self.failed(&error)),
            }
            wait = Duration::ZERO;
        }
        Ok(Input::Open)
    }
}

impl KafkaLane {
    fn record(&self, message: &BorrowedMessage<'_>) -> Result<Record<Message>, KafkaError> {
        let wrong = |_| KafkaError::Lane {
            partition: self.partition,
            reason: format!("an offset of {} is none", message.offset()),
        };
        let offset = u64::try_from(message.offset()).map_err(wrong)?;
        let headers = message.headers().map(|headers| {
            let owned = headers.iter().map(|header| Header {
                name: header.key.to_owned(),
                value: header.value.unwrap_or_default().to_owned(),
            });
            owned.collect()
        });
        Ok(Record {
            offset,
            key: message.key().map(hashed),
            message: Message {
                offset,
                timestamp: message.timestamp().to_millis().unwrap_or(0),
                key: message.key().map(<[u8]>::to_vec),
                headers: headers.unwrap_or_default(),
                payload: message.payload().unwrap_or_default().to_vec(),
            },
        })
    }

    fn failed(&self, error: &ClientError) -> KafkaError {
        let reason = match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                "the committed offset is not in the topic: its messages were deleted before they were processed, or \
                 the topic was made anew; set the group's offset by hand"
                    .to_owned()
            }
            _ => error.to_string(),
        };
        KafkaError::Lane { partition: self.partition, reason }
    }
}

/// Whether librdkafka tries again by itself.
fn goes_by(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::AllBrokersDown
            | Code::BrokerTransportFailure
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::UnknownTopicOrPartition
            | Code::UnknownTopic
            | Code::UnknownPartition
            | Code::ReplicaNotAvailable
            | Code::Resolve
            | Code::PollExceeded
    )
}

/// A number that is the same for equal keys.
fn hashed(key: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
