//! Two calls that `rdkafka` 0.39 has no safe function for.

use std::ptr;

use rdkafka::bindings;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;

use crate::context::Context;

/// Begins to commit, so that the end comes by `commit_callback`.
///
/// `BaseConsumer::commit` with `CommitMode::Async` names no queue for the answer, so in 0.38 and 0.39 the callback is
/// never called: rust-rdkafka#856, which its open change #857 mends in this way.
pub(crate) fn commit(
    consumer: &BaseConsumer<Context>,
    list: &TopicPartitionList,
) -> Result<(), RDKafkaErrorCode> {
    let client = consumer.client().native_ptr();
    // SAFETY: the client lives as long as `consumer`, and the list, which is copied, as long as `list`. The queue is
    // given back once; the call keeps a reference of its own. Without a callback the answer is an event.
    let code = unsafe {
        let queue = bindings::rd_kafka_queue_get_consumer(client);
        if queue.is_null() {
            return Err(RDKafkaErrorCode::UnknownGroup);
        }
        let code = bindings::rd_kafka_commit_queue(client, list.ptr(), queue, None, ptr::null_mut());
        bindings::rd_kafka_queue_destroy(queue);
        code
    };
    if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR { Ok(()) } else { Err(code.into()) }
}

/// The metadata of each entry, in the order of `elements`; `None` when it is no UTF-8, on which
/// `TopicPartitionListElem::metadata` panics.
pub(crate) fn metadata(list: &TopicPartitionList) -> Vec<Option<String>> {
    // SAFETY: the list and its entries live as long as `list`, which nothing changes meanwhile. An entry's metadata is
    // null or has `metadata_size` bytes.
    unsafe {
        let native = &*list.ptr();
        let count = usize::try_from(native.cnt).unwrap_or(0);
        let entries = if count == 0 { &[] } else { std::slice::from_raw_parts(native.elems, count) };
        let texts = entries.iter().map(|entry| match entry.metadata.is_null() {
            true => Some(String::new()),
            false => {
                let bytes = std::slice::from_raw_parts(entry.metadata.cast::<u8>(), entry.metadata_size);
                String::from_utf8(bytes.to_vec()).ok()
            }
        });
        texts.collect()
    }
}
