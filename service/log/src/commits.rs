//! What groups of consumers have committed. One file for each group, replaced as a whole by each commit.
//!
//! The alternative is a second log, to which each commit appends what it changes. It would write less, but it
//! has to be compacted, has a tail that can be torn, and a commit of several partitions in it is atomic only
//! with more framing. A file that is replaced has none of that. Its price is a second fsync (that of the
//! folder) and the bytes of all partitions: a few hundred with short metadata, and at most 4 KiB for each
//! partition.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::FORMAT;
use crate::error::LogError;
use crate::folder::{Folder, Lock, Log};
use crate::reader::PartitionReader;
use crate::sealed;
use crate::segment;

/// The limit of a commit's metadata in bytes: Kafka's default.
pub const MAX_METADATA_BYTES: usize = 4_096;

/// The limit of a group's name in bytes.
const MAX_NAME: usize = 128;

const SUFFIX: &str = ".json";

/// What a group has done of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The offset from which the group goes on: that of the first message that is not done.
    pub offset: u64,
    /// What the group wants to remember with it, such as what is done beyond the offset.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub metadata: String,
}

/// The commits of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commits {
    format: u32,
    /// The name of the group.
    pub group: String,
    /// The commit of each partition that has one.
    pub partitions: BTreeMap<u32, Commit>,
}

impl Commits {
    /// Checks that the log has what was committed.
    pub(crate) fn check(&self, folder: &Folder, ends: &[PartitionReader]) -> Result<(), LogError> {
        for (partition, commit) in &self.partitions {
            let path = || file(folder, &self.group);
            let Some(end) = ends.get(*partition as usize) else {
                let what = format!(
                    "it has a commit of partition {partition}, and the log has {} partitions",
                    ends.len()
                );
                return Err(LogError::damaged(&path(), 0, what));
            };
            let (next, committed) = (end.offset(), commit.offset);
            if committed > next {
                return Err(LogError::Lost { path: path(), partition: *partition, committed, next });
            }
        }
        Ok(())
    }
}

/// The one consumer that commits for a group.
#[derive(Debug)]
pub struct Group {
    folder: Folder,
    partitions: u32,
    commits: Commits,
    /// For each partition the offset before which every message is known to be on the disk.
    synced: Vec<u64>,
    /// Held until the end.
    _lock: Lock,
}

impl Group {
    /// Opens a group of the log in a folder. A group that has committed nothing is made.
    ///
    /// # Errors
    ///
    /// When there is no log, the name cannot be one, another process has the group, or its file is damaged or
    /// cannot be written.
    pub fn open(log: &std::path::Path, name: &str) -> Result<Self, LogError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty()
            || name.len() > MAX_NAME
            || name.starts_with(['.', '-'])
            || !name.bytes().all(is_plain)
        {
            return Err(LogError::GroupName { name: name.to_owned() });
        }
        let partitions = Log::open(log)?.partitions();
        let folder = Folder(log.to_owned());
        let lock = folder.groups().join(format!("{name}.lock"));
        let lock = folder.lock_file(&lock, || format!("the group {name}"))?;
        let none = || Commits { format: FORMAT, group: name.to_owned(), partitions: BTreeMap::new() };
        let commits = read(&folder, name)?.unwrap_or_else(none);
        let synced = vec![0; partitions as usize];
        Ok(Group { folder, partitions, commits, synced, _lock: lock })
    }

    /// The commit of a partition; `None` before the first.
    pub fn committed(&self, partition: u32) -> Option<&Commit> {
        self.commits.partitions.get(&partition)
    }

    /// Commits several partitions, all of them or none, and returns when that is on the disk, together with
    /// the messages before the offsets.
    ///
    /// # Errors
    ///
    /// When there is no such partition, the metadata is too long, an offset is smaller than the one that is
    /// committed, or a write fails. The old commits hold then, or, when the last of the writes fails, the new
    /// ones.
    pub fn commit(&mut self, commits: impl IntoIterator<Item = (u32, Commit)>) -> Result<(), LogError> {
        let mut new = self.commits.clone();
        for (partition, commit) in commits {
            if partition >= self.partitions {
                return Err(LogError::NoPartition { partition, partitions: self.partitions });
            }
            if commit.metadata.len() > MAX_METADATA_BYTES {
                return Err(LogError::Metadata { partition, bytes: commit.metadata.len() });
            }
            let committed = new.partitions.get(&partition).map_or(0, |commit| commit.offset);
            if commit.offset < committed {
                return Err(LogError::Backwards { partition, offset: commit.offset, committed });
            }
            if commit.offset > committed {
                self.sync_before(partition, commit.offset)?;
            }
            new.partitions.insert(partition, commit);
        }
        if new != self.commits {
            sealed::replace(&self.folder.groups(), &file(&self.folder, &new.group), &new)?;
            self.commits = new;
        }
        Ok(())
    }

    /// Brings the messages before an offset to the disk, which another process may only have written.
    /// Otherwise a power cut could take messages that are committed, and their offsets would be given to
    /// others, which the group would then never see.
    fn sync_before(&mut self, partition: u32, offset: u64) -> Result<(), LogError> {
        let Some(synced) = self.synced.get(partition as usize).copied().filter(|synced| *synced < offset)
        else {
            return Ok(());
        };
        // Before the sync, which brings at least these messages to the disk. Damage behind the offset is for
        // those who read.
        let end = PartitionReader::at_end(&self.folder, partition).map_or(offset, |end| end.offset());
        // The writer has synced the segments before the last one.
        if let Some(last) = self.folder.bases(partition)?.last() {
            segment::sync(&self.folder.partition(partition), *last)?;
        }
        if let Some(place) = self.synced.get_mut(partition as usize) {
            *place = synced.max(end);
        }
        Ok(())
    }
}

fn file(folder: &Folder, group: &str) -> PathBuf {
    folder.groups().join(format!("{group}{SUFFIX}"))
}

fn read(folder: &Folder, group: &str) -> Result<Option<Commits>, LogError> {
    let path = file(folder, group);
    let commits: Option<Commits> = sealed::read(&path)?;
    match commits {
        Some(commits) if commits.group != group => {
            Err(LogError::damaged(&path, 0, "it is the file of another group"))
        }
        commits => Ok(commits),
    }
}

/// The commits of every group, by name.
pub(crate) fn read_commits(folder: &Folder) -> Result<Vec<Commits>, LogError> {
    let path = folder.groups();
    let mut names = Vec::new();
    for entry in fs::read_dir(&path).map_err(LogError::io("read", &path))? {
        let name = entry.map_err(LogError::io("read", &path))?.file_name();
        names.extend(name.to_str().and_then(|name| name.strip_suffix(SUFFIX)).map(str::to_owned));
    }
    names.sort_unstable();
    names.iter().filter_map(|name| read(folder, name).transpose()).collect()
}
