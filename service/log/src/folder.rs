//! The folder of a log: where its files are, and what they say together.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::FORMAT;
use crate::commits::{Commits, read_commits};
use crate::error::LogError;
use crate::reader::PartitionReader;
use crate::sealed;
use crate::segment::base_of;

/// The limit of partitions: each has an open file and a buffer in a writer.
pub const MAX_PARTITIONS: u32 = 512;

const MANIFEST: &str = "log.json";
const LOCK: &str = "log.lock";
const PARTITIONS: &str = "partitions";
const GROUPS: &str = "groups";

/// What holds for a log as long as it exists. The file is written last, so a folder without it is no log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) format: u32,
    pub(crate) partitions: u32,
    pub(crate) segment_bytes: u64,
}

/// The time after which a lock counts as held. A program that the holder was starting when it was killed has
/// the lock too until it runs.
const PATIENCE: Duration = Duration::from_millis(200);

/// The interval between two attempts.
const RETRY_INTERVAL: Duration = Duration::from_millis(5);

/// Locks a file; false when another process keeps the lock.
///
/// # Errors
///
/// When the system refuses to lock the file at all.
pub fn try_lock(file: &File) -> io::Result<bool> {
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if began.elapsed() < PATIENCE => thread::sleep(RETRY_INTERVAL),
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// A lock that is held.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file is not enough while another thread starts a program, which has the open file too
        // until it runs. Ignored: a lock that cannot be released is released with the process.
        let _ = self.0.unlock();
    }
}

/// The paths of a log.
#[derive(Clone, Debug)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn partition(&self, partition: u32) -> PathBuf {
        self.0.join(PARTITIONS).join(partition.to_string())
    }

    pub(crate) fn groups(&self) -> PathBuf {
        self.0.join(GROUPS)
    }

    pub(crate) fn manifest(&self) -> Result<Option<Manifest>, LogError> {
        sealed::read(&self.0.join(MANIFEST))
    }

    pub(crate) fn write_manifest(&self, partitions: u32, segment_bytes: u64) -> Result<Manifest, LogError> {
        let manifest = Manifest { format: FORMAT, partitions, segment_bytes };
        sealed::replace(&self.0, &self.0.join(MANIFEST), &manifest)?;
        Ok(manifest)
    }

    /// Locks the log for one writer.
    pub(crate) fn lock(&self) -> Result<Lock, LogError> {
        self.lock_file(&self.0.join(LOCK), || "the log".to_owned())
    }

    /// Locks a file for as long as the result lives. The system releases it when the process ends, however
    /// that happens.
    pub(crate) fn lock_file(&self, path: &Path, what: impl FnOnce() -> String) -> Result<Lock, LogError> {
        let file = File::options().write(true).create(true).truncate(false).open(path);
        let file = file.map_err(LogError::io("open", path))?;
        match try_lock(&file).map_err(LogError::io("lock", path))? {
            true => Ok(Lock(file)),
            false => Err(LogError::Held { what: what(), folder: self.0.clone() }),
        }
    }

    /// The first offsets of a partition's segments, ascending; at least one. Files of others are left alone.
    pub(crate) fn bases(&self, partition: u32) -> Result<Vec<u64>, LogError> {
        let folder = self.partition(partition);
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(LogError::damaged(&folder, 0, "the folder of a partition is missing"));
            }
            entries => entries.map_err(LogError::io("read", &folder))?,
        };
        let mut bases = Vec::new();
        for entry in entries {
            let name = entry.map_err(LogError::io("read", &folder))?.file_name();
            bases.extend(name.to_str().and_then(base_of));
        }
        bases.sort_unstable();
        match bases.is_empty() {
            true => Err(LogError::damaged(&folder, 0, "the segments of a partition are missing")),
            false => Ok(bases),
        }
    }

    /// Checks that a new log may be made here: the folder is not there or empty, or an attempt to make a log
    /// in it was interrupted.
    pub(crate) fn is_free(&self) -> Result<(), LogError> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(LogError::io("read", &self.0))?,
        };
        let unfinished = sealed::unfinished(Path::new(MANIFEST));
        for entry in entries {
            let name = entry.map_err(LogError::io("read", &self.0))?.file_name();
            if name == MANIFEST {
                return Err(LogError::Exists { folder: self.0.clone() });
            }
            if ![LOCK, PARTITIONS, GROUPS].iter().any(|own| name == *own) && name != *unfinished {
                let name = name.to_string_lossy().into_owned();
                return Err(LogError::Foreign { folder: self.0.clone(), name });
            }
        }
        Ok(())
    }
}

/// A log that is read. Nothing is locked or changed, and the folder may be read-only.
#[derive(Clone, Debug)]
pub struct Log {
    folder: Folder,
    manifest: Manifest,
}

/// How far a partition goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The offset of the first message.
    pub first: u64,
    /// The offset that the next message will get.
    pub next: u64,
    /// The bytes of the segments.
    pub bytes: u64,
    /// The number of segments.
    pub segments: usize,
}

impl Log {
    /// Opens the log in a folder.
    ///
    /// # Errors
    ///
    /// When there is none, or its manifest is damaged or newer.
    pub fn open(folder: &Path) -> Result<Self, LogError> {
        let folder = Folder(folder.to_owned());
        let manifest = folder.manifest()?.ok_or_else(|| LogError::Absent { folder: folder.0.clone() })?;
        Ok(Log { folder, manifest })
    }

    /// The number of partitions, from 0 on.
    pub fn partitions(&self) -> u32 {
        self.manifest.partitions
    }

    /// How far a partition goes at this moment. Reads a few places of the last segment only.
    ///
    /// # Errors
    ///
    /// When there is no such partition, or its files cannot be read; [`LogError::Damaged`] when the last
    /// message is damaged.
    pub fn extent(&self, partition: u32) -> Result<Extent, LogError> {
        self.check(partition)?;
        let bases = self.folder.bases(partition)?;
        let mut bytes = 0;
        for base in &bases {
            bytes += crate::segment::length(&self.folder.partition(partition), *base)?;
        }
        let reader = PartitionReader::at_end(&self.folder, partition)?;
        let first = bases.first().copied().unwrap_or_default();
        Ok(Extent { first, next: reader.offset(), bytes, segments: bases.len() })
    }

    /// The offset of the first message of a partition, or that which it will get.
    ///
    /// # Errors
    ///
    /// When there is no such partition, or its folder cannot be read.
    pub fn first_offset(&self, partition: u32) -> Result<u64, LogError> {
        self.check(partition)?;
        Ok(self.folder.bases(partition)?.first().copied().unwrap_or_default())
    }

    /// A reader of a partition, whose first message is that at `offset`. The offset that the next message
    /// will get is one too.
    ///
    /// # Errors
    ///
    /// [`LogError::OutOfRange`], or [`LogError::Damaged`] when the place of the message cannot be found.
    /// Damage of the message itself is found when it is read.
    pub fn reader(&self, partition: u32, offset: u64) -> Result<PartitionReader, LogError> {
        self.check(partition)?;
        PartitionReader::at(&self.folder, partition, offset)
    }

    /// The groups that have committed, by name.
    ///
    /// # Errors
    ///
    /// When a file of a group is damaged or cannot be read.
    pub fn groups(&self) -> Result<Vec<Commits>, LogError> {
        read_commits(&self.folder)
    }

    fn check(&self, partition: u32) -> Result<(), LogError> {
        let partitions = self.partitions();
        match partition < partitions {
            true => Ok(()),
            false => Err(LogError::NoPartition { partition, partitions }),
        }
    }
}
