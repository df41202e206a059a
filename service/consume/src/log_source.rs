//! The embedded log as a source. Commits have a thread of their own, because each waits for the disk some ten
//! milliseconds; those that wait are stored together.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use service_core::coordinator::{Commit, Record};
use service_core::source::{Event, Input, Lane, Source, Stored};
use service_log::{Group, Log, LogError, Message, PartitionReader};

/// The time between two looks at the end of a partition: a reader of the log is not woken for new messages.
const IDLE: Duration = Duration::from_millis(10);

/// The embedded log, and the one consumer of a group. All partitions are assigned at the first poll.
#[derive(Debug)]
pub struct LogSource {
    /// Until the first poll.
    assigned: Vec<Event<LogLane>>,
    /// `None` once it closes.
    requests: Option<Sender<Commit>>,
    ends: Receiver<(Commit, Result<(), String>)>,
    committer: JoinHandle<()>,
    partitions: usize,
    folder: PathBuf,
}

impl LogSource {
    /// Opens a log for a group. With `until_end` each lane ends at the message that is the last one now.
    ///
    /// # Errors
    ///
    /// When there is no log, another process has the group, or a committed offset is not in the log.
    pub fn open(folder: &Path, group: &str, until_end: bool) -> Result<Self, LogError> {
        let log = Log::open(folder)?;
        let group = Group::open(folder, group)?;
        let mut assigned = Vec::new();
        for partition in 0..log.partitions() {
            let commit = group.committed(partition).cloned();
            let (position, metadata) = match commit {
                Some(commit) => (commit.offset, commit.metadata),
                None => (log.first_offset(partition)?, String::new()),
            };
            let end = if until_end { Some(log.extent(partition)?.next) } else { None };
            let lane = LogLane { reader: log.reader(partition, position)?, end };
            assigned.push(Event::Assigned { partition: partition as usize, position, metadata, lane });
        }
        let (requests, requested) = mpsc::channel();
        let (ended, ends) = mpsc::channel();
        let committer = thread::Builder::new().name("log commits".to_owned());
        let committer = committer.spawn(move || store(group, &requested, &ended));
        let committer = committer.map_err(|error| LogError::Io {
            what: "start a thread for the commits of",
            path: folder.to_owned(),
            error,
        })?;
        let partitions = assigned.len();
        let folder = folder.to_owned();
        Ok(LogSource { assigned, requests: Some(requests), ends, committer, partitions, folder })
    }

    fn panicked(&self) -> LogError {
        let error = io::Error::other("the thread that stores commits has panicked");
        LogError::Io { what: "commit to", path: self.folder.clone(), error }
    }

    /// The number of partitions.
    pub fn partitions(&self) -> usize {
        self.partitions
    }
}

/// Stores commits until the source closes; all that wait at a time together.
fn store(mut group: Group, requested: &Receiver<Commit>, ended: &Sender<(Commit, Result<(), String>)>) {
    while let Ok(first) = requested.recv() {
        let commits: Vec<Commit> = std::iter::once(first).chain(requested.try_iter()).collect();
        let stored = |commit: &Commit| {
            let Commit { partition, position, metadata, .. } = commit;
            let stored = service_log::Commit { offset: *position, metadata: metadata.clone() };
            // A log has at most some hundred partitions.
            (u32::try_from(*partition).unwrap_or(u32::MAX), stored)
        };
        let result = group.commit(commits.iter().map(stored)).map_err(|error| error.to_string());
        for commit in commits {
            if ended.send((commit, result.clone())).is_err() {
                return;
            }
        }
    }
}

impl Source for LogSource {
    type Message = Message;
    type Lane = LogLane;
    type Error = LogError;

    fn poll(&mut self, wait: Duration, events: &mut Vec<Event<LogLane>>) -> Result<(), LogError> {
        let ended = |(commit, result)| Event::CommitEnded { commit, result };
        if self.assigned.is_empty() {
            match self.ends.recv_timeout(wait) {
                Ok(end) => events.push(ended(end)),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return Err(self.panicked()),
            }
        }
        events.append(&mut self.assigned);
        events.extend(self.ends.try_iter().map(ended));
        Ok(())
    }

    fn commit(&mut self, commit: &Commit) -> Stored {
        let requested = self.requests.as_ref().map(|requests| requests.send(commit.clone()));
        match requested {
            Some(Ok(())) => Stored::Later,
            // The next poll says so too, as an error.
            _ => Stored::No(self.panicked().to_string()),
        }
    }

    // A lane that is not read does not hold back the others.
    fn pause(&mut self, _: usize) -> Result<(), LogError> {
        Ok(())
    }

    fn resume(&mut self, _: usize) -> Result<(), LogError> {
        Ok(())
    }

    fn let_go(&mut self, _: usize) -> Result<(), LogError> {
        Ok(())
    }

    fn close(mut self) -> Result<(), LogError> {
        self.requests = None;
        let error = self.panicked();
        self.committer.join().map_err(|_| error)
    }
}

/// A partition of the log.
#[derive(Debug)]
pub struct LogLane {
    reader: PartitionReader,
    /// The offset at which it ends; `None` when it goes on for ever.
    end: Option<u64>,
}

impl Lane for LogLane {
    type Message = Message;
    type Error = LogError;

    fn receive(&mut self, most: usize, records: &mut Vec<Record<Message>>) -> Result<Input, LogError> {
        for received in 0..most {
            if self.end.is_some_and(|end| self.reader.offset() >= end) {
                return Ok(Input::Ended);
            }
            match self.reader.read()? {
                Some(message) => records.push(Record {
                    offset: message.offset,
                    key: message.key.as_deref().map(key_hash),
                    message,
                }),
                None if received == 0 => {
                    thread::sleep(IDLE);
                    break;
                }
                None => break,
            }
        }
        Ok(Input::Open)
    }
}

/// The number of a key. Two keys with the same one share a lane, which costs time only.
fn key_hash(key: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
