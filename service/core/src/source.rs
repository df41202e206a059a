//! What a source of partitions does, for the coordinator: the in-memory log of the workload, a log in a folder, or a
//! consumer group.

use std::fmt;
use std::time::Duration;

use crate::coordinator::{Commit, Record};

/// A source of partitions.
///
/// One thread owns it, and polls it often: a consumer group is alive only as long as it is polled. Each assigned
/// partition comes with a [`Lane`], which a thread of its own may read.
pub trait Source {
    /// A message.
    type Message: Send + 'static;
    /// The input of a partition.
    type Lane: Lane<Message = Self::Message>;
    /// Why the source failed.
    type Error: fmt::Display;

    /// Waits at most `wait` for events, and adds them to `events`.
    ///
    /// # Errors
    ///
    /// When the source has failed for good.
    fn poll(&mut self, wait: Duration, events: &mut Vec<Event<Self::Lane>>) -> Result<(), Self::Error>;

    /// Stores a commit, or begins to.
    fn commit(&mut self, commit: &Commit) -> Stored;

    /// Delivers nothing of this partition until it is resumed. For a source whose lanes share one connection; a lane
    /// that is not read does not hold back the others in other sources, which may ignore it.
    ///
    /// # Errors
    ///
    /// When the source has failed for good.
    fn pause(&mut self, partition: usize) -> Result<(), Self::Error>;

    /// Delivers again. Called only for a partition that was paused and is still assigned.
    ///
    /// # Errors
    ///
    /// When the source has failed for good.
    fn resume(&mut self, partition: usize) -> Result<(), Self::Error>;

    /// Lets a revoked partition go: its last commit is stored, and its lane is dropped. A source that makes the group
    /// wait for it, goes on with the rebalance when all revoked partitions are let go. No event tells of the partition until
    /// it is assigned again. Not called for a lost partition.
    ///
    /// # Errors
    ///
    /// When the source has failed for good.
    fn let_go(&mut self, partition: usize) -> Result<(), Self::Error>;

    /// Leaves, after every partition was let go.
    ///
    /// # Errors
    ///
    /// When something may not have been stored.
    fn close(self) -> Result<(), Self::Error>;
}

/// What happened to a source.
#[derive(Debug)]
pub enum Event<L> {
    /// A partition was assigned: [`Coordinator::assign`], and its lane is read.
    ///
    /// [`Coordinator::assign`]: crate::coordinator::Coordinator::assign
    Assigned {
        /// The partition.
        partition: usize,
        /// The stored commit position: the first offset that the lane delivers.
        position: u64,
        /// The metadata of that commit; empty when it has none.
        metadata: String,
        /// The partition's input.
        lane: L,
    },
    /// A partition has to be drained, committed and let go.
    Revoked {
        /// The partition.
        partition: usize,
    },
    /// A partition belongs to somebody else already.
    Lost {
        /// The partition.
        partition: usize,
    },
    /// The end of a commit for which [`Source::commit`] returned [`Stored::Later`].
    CommitEnded {
        /// The commit.
        commit: Commit,
        /// Whether it is stored, or why not.
        result: Result<(), String>,
    },
}

/// The result of [`Source::commit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It is stored.
    Yes,
    /// It will end with [`Event::CommitEnded`].
    Later,
    /// It is not stored, for this reason. It is tried again.
    No(String),
}

/// The input of a partition.
pub trait Lane: Send + 'static {
    /// A message.
    type Message: Send + 'static;
    /// Why the input failed.
    type Error: fmt::Display + Send + 'static;

    /// Adds at most `most` of the next records to `records`. It waits a little for the first one, so that its caller
    /// sees in time that the partition drains, and for no other.
    ///
    /// # Errors
    ///
    /// When the partition can deliver no more.
    fn receive(
        &mut self,
        most: usize,
        records: &mut Vec<Record<Self::Message>>,
    ) -> Result<Input, Self::Error>;
}

/// Whether more may come from a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// More may come.
    Open,
    /// Nothing more will.
    Ended,
}
