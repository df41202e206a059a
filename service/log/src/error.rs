//! Everything that can go wrong with a log.

use std::io;
use std::path::{Path, PathBuf};

use crate::commits::MAX_METADATA_BYTES;
use crate::folder::MAX_PARTITIONS;
use crate::message::MAX_MESSAGE_BYTES;

/// Why the log did not do what was asked, in one line.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The folder holds no log.
    #[error("there is no log in {}: name the folder of one, or make it with `chanlab log produce`", folder.display())]
    Absent {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder already holds a log.
    #[error("{} already holds a log: append to it, or name another folder", folder.display())]
    Exists {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder of a new log holds something else.
    #[error("{} holds {name} and no log: name an empty folder, or one that is not there", folder.display())]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// The name of what it holds.
        name: String,
    },
    /// Another writer has the log, or another consumer the group.
    #[error("{what} in {} is in use: wait for the end of the process that has it, or stop it", folder.display())]
    Held {
        /// `the log`, or the group.
        what: String,
        /// The folder of the log.
        folder: PathBuf,
    },
    /// A file is not as it was written.
    #[error("{} is damaged at byte {position}: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where what is wrong begins, in bytes from the start of the file.
        position: u64,
        /// What is wrong, and where reading can go on.
        what: String,
    },
    /// A newer build wrote the log.
    #[error("{} has format {format}, and this build reads up to {}: use a newer build", path.display(), crate::FORMAT)]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u32,
    },
    /// The options of a new log make no sense.
    #[error("a log has from 1 to {MAX_PARTITIONS} partitions and segments of at least {least} bytes")]
    Options {
        /// The smallest segment.
        least: u64,
    },
    /// The log has no such partition.
    #[error("there is no partition {partition}: the log has the partitions 0 to {}", partitions.saturating_sub(1))]
    NoPartition {
        /// The partition that was asked for.
        partition: u32,
        /// The number of partitions.
        partitions: u32,
    },
    /// The partition has no message at an offset, and will not have it next.
    #[error(
        "partition {partition} cannot be read from offset {offset}: it begins at {first} and ends before {next}"
    )]
    OutOfRange {
        /// The partition.
        partition: u32,
        /// The offset that was asked for.
        offset: u64,
        /// The offset of the first message.
        first: u64,
        /// The offset that the next message will get.
        next: u64,
    },
    /// A message has more bytes than a log takes.
    #[error(
        "a message of {bytes} bytes, key and headers included, is too large: the limit is {MAX_MESSAGE_BYTES}"
    )]
    TooLarge {
        /// The bytes of the message in its segment.
        bytes: usize,
    },
    /// A message has more headers, or one has a longer name, than its length can say.
    #[error("a message has at most {max} headers, with names of at most {max} bytes", max = u16::MAX)]
    Headers,
    /// A name of a group that cannot be the name of a file everywhere.
    #[error(
        "{name:?} is no name of a group: it has 1 to 128 letters, digits, `.`, `_` and `-`, and begins with none of `.` and `-`"
    )]
    GroupName {
        /// The name.
        name: String,
    },
    /// The metadata of a commit is too long.
    #[error(
        "the metadata of partition {partition} has {bytes} bytes: a commit takes at most {MAX_METADATA_BYTES}"
    )]
    Metadata {
        /// The partition.
        partition: u32,
        /// The bytes of the metadata.
        bytes: usize,
    },
    /// A commit would take back another one.
    #[error("cannot commit offset {offset} of partition {partition}: {committed} is committed already")]
    Backwards {
        /// The partition.
        partition: u32,
        /// The offset of the commit.
        offset: u64,
        /// The offset that is committed.
        committed: u64,
    },
    /// A group has committed messages that the log does not have.
    #[error("{} has committed offset {committed} of partition {partition}, which ends before {next}: messages are \
             lost; if that is known, remove the file", path.display())]
    Lost {
        /// The file of the group.
        path: PathBuf,
        /// The partition.
        partition: u32,
        /// The offset that is committed.
        committed: u64,
        /// The offset that the next message would get.
        next: u64,
    },
    /// A write has failed before, and how much of it is in the file is not known.
    #[error("nothing is appended to {} any more, since a write to it has failed: open the log again", folder.display())]
    Failed {
        /// The folder.
        folder: PathBuf,
    },
    /// The system refused.
    #[error("cannot {what} {}: {error}", path.display())]
    Io {
        /// What was attempted, such as `read`.
        what: &'static str,
        /// The file or the folder.
        path: PathBuf,
        /// Why it was refused.
        error: io::Error,
    },
}

impl LogError {
    /// Makes an error of a refusal of the system.
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LogError {
        move |error| LogError::Io { what, path: path.to_owned(), error }
    }

    pub(crate) fn damaged(path: &Path, position: u64, what: impl Into<String>) -> LogError {
        LogError::Damaged { path: path.to_owned(), position, what: what.into() }
    }
}
