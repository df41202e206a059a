//! The embedded log: messages in partitions, and the offsets that groups of consumers have committed, in a
//! folder.
//!
//! It exists so that a consumer runs without a broker. It is no database: messages are appended and read in
//! order, and nothing is deleted.
//!
//! - [`Writer`] makes a log and appends to it. There is one for each log at a time.
//! - [`Log`] reads, also while a writer of another process appends: [`Log::reader`] starts at any offset.
//! - [`Group`] commits the offsets of one group. There is one for each group at a time.
//!
//! # What survives what
//!
//! | after | the messages survive |
//! | --- | --- |
//! | [`Writer::append`] | nothing: they may be in the memory of this process |
//! | [`Writer::flush`] | a `kill -9` of this process; readers see them |
//! | [`Writer::sync`] | a power cut |
//!
//! A segment is synced before the next one begins, so a power cut can damage the last segment only.
//! [`Group::commit`] first syncs the messages that it covers, then replaces the file of the group as a whole,
//! and syncs that. What was committed therefore survives a power cut, and no committed offset is given to
//! another message after one.
//!
//! # Torn and damaged
//!
//! A process that is killed leaves a prefix of what it wrote. A *torn tail* is such a prefix: the last
//! segment ends before its last message does, or in zeros. Readers stop before it, and the next
//! [`Writer::open`] cuts it off. Everything else that is not as it was written is *damage*:
//! [`LogError::Damaged`] says where, and neither a reader nor a writer passes it. To go on behind it, name
//! the next offset that can be read.

mod commits;
mod error;
mod folder;
mod json;
mod message;
mod reader;
mod sealed;
mod segment;
mod writer;

pub use commits::{Commit, Commits, Group, MAX_METADATA_BYTES};
pub use error::LogError;
pub use folder::{Extent, Log, MAX_PARTITIONS, try_lock};
pub use json::{BytesJson, MessageJson, hexadecimal};
pub use message::{Header, MAX_MESSAGE_BYTES, Message, NewMessage};
pub use reader::PartitionReader;
pub use writer::{DEFAULT_SEGMENT_BYTES, Options, Writer};

/// The version of all files of a log. It rises when an older build would misread one.
pub(crate) const FORMAT: u32 = 1;
