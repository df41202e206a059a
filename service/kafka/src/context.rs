//! What librdkafka calls. Nothing here waits: an event is noted, and the thread that polls the source does what it
//! asks for.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;

use crate::settings::Trouble;

/// What a group asks of a member. librdkafka waits for `assign` or `unassign`, and asks for nothing else before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rebalance {
    Assign(Vec<i32>),
    Revoke(Vec<i32>),
}

/// The end of a commit of one partition.
#[derive(Debug)]
pub(crate) struct CommitEnd {
    pub(crate) partition: i32,
    /// The position and the metadata, which name the commit.
    pub(crate) position: Option<i64>,
    pub(crate) metadata: String,
    pub(crate) result: Result<(), String>,
    /// Whether the group went on without this member, so that its partitions may be with others.
    pub(crate) is_outdated: bool,
}

#[derive(Debug, Default)]
struct Notes {
    rebalances: VecDeque<Rebalance>,
    commits: Vec<CommitEnd>,
}

/// What librdkafka calls.
#[derive(Debug)]
pub(crate) struct Context {
    notes: Mutex<Notes>,
    /// The member leaves: from now on the callback itself answers a rebalance.
    leaves: AtomicBool,
    pub(crate) trouble: Trouble,
}

impl Context {
    pub(crate) fn new(trouble: Trouble) -> Self {
        Context { notes: Mutex::default(), leaves: AtomicBool::new(false), trouble }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The oldest rebalance that was not taken.
    pub(crate) fn rebalance(&self) -> Option<Rebalance> {
        self.notes().rebalances.pop_front()
    }

    /// The commits that ended since the last call.
    pub(crate) fn commits(&self) -> Vec<CommitEnd> {
        std::mem::take(&mut self.notes().commits)
    }

    pub(crate) fn leave(&self) {
        // Release, with the load in `rebalance`: a callback that sees it also sees what was noted before.
        self.leaves.store(true, Ordering::Release);
    }
}

/// Answers a rebalance. For an assignment, `partitions` have the offsets to begin with.
pub(crate) fn answer(
    consumer: &BaseConsumer<Context>,
    assigns: bool,
    partitions: &TopicPartitionList,
) -> KafkaResult<()> {
    match (consumer.rebalance_protocol(), assigns) {
        (RebalanceProtocol::Cooperative, true) => consumer.incremental_assign(partitions),
        (RebalanceProtocol::Cooperative, false) => consumer.incremental_unassign(partitions),
        (_, true) => consumer.assign(partitions),
        (_, false) => consumer.unassign(),
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        use RDKafkaLogLevel as Level;
        if matches!(level, Level::Emerg | Level::Alert | Level::Critical | Level::Error) {
            self.trouble.tell(&format!("{facility}: {message}"));
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.trouble.tell(&format!("{error}: {reason}"));
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        err: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let assigns = err == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        // Acquire: with the store in `leave`.
        if self.leaves.load(Ordering::Acquire) {
            // Nothing is assigned to a member that leaves.
            let answered = match assigns {
                true => answer(consumer, true, &TopicPartitionList::new()),
                false => answer(consumer, false, partitions),
            };
            if let Err(error) = answered {
                self.trouble.tell(&format!("a rebalance while the member leaves: {error}"));
            }
            return;
        }
        let numbers = partitions.elements().iter().map(|partition| partition.partition()).collect();
        let rebalance = if assigns { Rebalance::Assign(numbers) } else { Rebalance::Revoke(numbers) };
        self.notes().rebalances.push_back(rebalance);
    }

    fn commit_callback(&self, result: KafkaResult<()>, partitions: &TopicPartitionList) {
        let mut notes = self.notes();
        for partition in partitions.elements() {
            let own = result.clone().and_then(|()| partition.error());
            notes.commits.push(CommitEnd {
                partition: partition.partition(),
                position: match partition.offset() {
                    Offset::Offset(position) => Some(position),
                    _ => None,
                },
                metadata: partition.metadata().to_owned(),
                is_outdated: own.as_ref().err().and_then(KafkaError::rdkafka_error_code).is_some_and(
                    |code| {
                        use RDKafkaErrorCode as Code;
                        matches!(
                            code,
                            Code::IllegalGeneration | Code::UnknownMemberId | Code::FencedInstanceId
                        )
                    },
                ),
                result: own.map_err(|error| error.to_string()),
            });
        }
    }
}
