//! Appending to a log.

use std::fs;
use std::path::Path;

use crate::commits::read_commits;
use crate::error::LogError;
use crate::folder::{Folder, Lock, MAX_PARTITIONS, Manifest};
use crate::message::{MAX_MESSAGE_BYTES, NewMessage};
use crate::reader::PartitionReader;
use crate::sealed::sync_folder;
use crate::segment::{SEGMENT_HEADER, Segment};

/// The size from which a segment is followed by another, unless the log was made with another one: 64 MiB.
pub const DEFAULT_SEGMENT_BYTES: u64 = 64 << 20;

/// The smallest such size: tests want many segments.
const LEAST_SEGMENT_BYTES: u64 = 256;

/// The bytes of a partition that are kept until they are written.
const BUFFER: usize = 64 << 10;

/// What a new log is made with, and keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The number of partitions, up to [`MAX_PARTITIONS`].
    pub partitions: u32,
    /// The size in bytes that a segment does not exceed, unless by its only message.
    pub segment_bytes: u64,
}

/// The one process that appends to a log.
#[derive(Debug)]
pub struct Writer {
    folder: Folder,
    manifest: Manifest,
    tails: Vec<Tail>,
    /// Whether a write failed.
    has_failed: bool,
    /// Held until the end.
    _lock: Lock,
}

/// The end of a partition.
#[derive(Debug)]
struct Tail {
    segment: Segment,
    /// The bytes of the segment that were written.
    length: u64,
    /// The offset of the next message.
    next: u64,
    /// Messages that come after those that were written.
    buffer: Vec<u8>,
    /// Whether everything that was written is on the disk.
    is_synced: bool,
}

impl Tail {
    fn write(&mut self) -> Result<(), LogError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.segment.write_at(&self.buffer, self.length)?;
        self.length += self.buffer.len() as u64;
        self.buffer.clear();
        self.is_synced = false;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), LogError> {
        self.write()?;
        if !self.is_synced {
            self.segment.sync()?;
            self.is_synced = true;
        }
        Ok(())
    }
}

impl Writer {
    /// Makes a log in a folder, which is not there or empty.
    ///
    /// # Errors
    ///
    /// When the folder holds something, the options make no sense, or it cannot be written.
    pub fn create(folder: &Path, options: Options) -> Result<Self, LogError> {
        if !(1..=MAX_PARTITIONS).contains(&options.partitions) || options.segment_bytes < LEAST_SEGMENT_BYTES
        {
            return Err(LogError::Options { least: LEAST_SEGMENT_BYTES });
        }
        let folder = Folder(folder.to_owned());
        folder.is_free()?;
        make_folder(&folder.0)?;
        let lock = folder.lock()?;
        // Another process may have made one in the meantime.
        folder.is_free()?;
        make_folder(&folder.groups())?;
        let mut tails = Vec::new();
        for partition in 0..options.partitions {
            let path = folder.partition(partition);
            make_folder(&path)?;
            // A log that has lost its manifest has messages.
            for base in folder.bases(partition).unwrap_or_default() {
                if crate::segment::length(&path, base)? > SEGMENT_HEADER {
                    return Err(LogError::damaged(
                        &folder.0,
                        0,
                        "it holds messages, and its log.json is missing",
                    ));
                }
            }
            let segment = Segment::create(&path, partition, 0)?;
            tails.push(Tail {
                segment,
                length: SEGMENT_HEADER,
                next: 0,
                buffer: Vec::new(),
                is_synced: true,
            });
        }
        sync_folder(&folder.0)?;
        let manifest = folder.write_manifest(options.partitions, options.segment_bytes)?;
        Ok(Writer { folder, manifest, tails, has_failed: false, _lock: lock })
    }

    /// Opens a log and cuts off what a writer that was killed left of its last messages.
    ///
    /// # Errors
    ///
    /// When there is no log, another writer has it, its end is damaged ([`LogError::Damaged`]), or a group
    /// has committed messages that are gone ([`LogError::Lost`]). Nothing is changed then.
    pub fn open(folder: &Path) -> Result<Self, LogError> {
        let folder = Folder(folder.to_owned());
        let absent = || LogError::Absent { folder: folder.0.clone() };
        // Before the lock, so that no file is left in a folder without a log.
        folder.manifest()?.ok_or_else(absent)?;
        let lock = folder.lock()?;
        let manifest = folder.manifest()?.ok_or_else(absent)?;
        let mut ends = Vec::new();
        for partition in 0..manifest.partitions {
            ends.push(PartitionReader::at_end(&folder, partition)?);
        }
        for commits in read_commits(&folder)? {
            commits.check(&folder, &ends)?;
        }
        let tails = ends.iter().map(|end| tail(&folder, end)).collect::<Result<_, _>>()?;
        Ok(Writer { folder, manifest, tails, has_failed: false, _lock: lock })
    }

    /// The number of partitions, from 0 on.
    pub fn partitions(&self) -> u32 {
        self.manifest.partitions
    }

    /// The offset that the next message of a partition gets; `None` when there is no such partition.
    pub fn next_offset(&self, partition: u32) -> Option<u64> {
        self.tails.get(partition as usize).map(|tail| tail.next)
    }

    /// Appends a message to a partition and returns its offset. It may stay in the memory of this process
    /// until [`Writer::flush`].
    ///
    /// # Errors
    ///
    /// When there is no such partition, the message is too large, or a write fails.
    pub fn append(&mut self, partition: u32, message: &NewMessage<'_>) -> Result<u64, LogError> {
        let size = message.size();
        if size > MAX_MESSAGE_BYTES {
            return Err(LogError::TooLarge { bytes: size });
        }
        if !message.has_countable_headers() {
            return Err(LogError::Headers);
        }
        let partitions = self.manifest.partitions;
        self.unless_failed(|writer| {
            let Some(tail) = writer.tails.get_mut(partition as usize) else {
                return Ok(Err(LogError::NoPartition { partition, partitions }));
            };
            let mut position = tail.length + tail.buffer.len() as u64;
            if position > SEGMENT_HEADER && position + size as u64 > writer.manifest.segment_bytes {
                // The next segment is begun when this one is on the disk: only the last one can be torn.
                tail.sync()?;
                let path = writer.folder.partition(partition);
                tail.segment = Segment::create(&path, partition, tail.next)?;
                tail.length = SEGMENT_HEADER;
                position = SEGMENT_HEADER;
            }
            let place = crate::message::Place { seed: tail.segment.seed, position };
            message.encode(tail.next, place, &mut tail.buffer);
            tail.next += 1;
            if tail.buffer.len() >= BUFFER {
                tail.write()?;
            }
            Ok(Ok(tail.next - 1))
        })?
    }

    /// Hands everything that was appended to the system: it survives a `kill -9`, and readers see it.
    ///
    /// # Errors
    ///
    /// When a write fails. Nothing is appended any more then, since an unknown part of it is in the file.
    pub fn flush(&mut self) -> Result<(), LogError> {
        self.unless_failed(|writer| writer.tails.iter_mut().try_for_each(Tail::write))
    }

    /// Returns when everything that was appended is on the disk: it survives a power cut.
    ///
    /// # Errors
    ///
    /// As [`Writer::flush`].
    pub fn sync(&mut self) -> Result<(), LogError> {
        self.unless_failed(|writer| writer.tails.iter_mut().try_for_each(Tail::sync))
    }

    fn unless_failed<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        if self.has_failed {
            return Err(LogError::Failed { folder: self.folder.0.clone() });
        }
        let result = work(self);
        self.has_failed = result.is_err();
        result
    }
}

/// The end of a partition, without what is torn.
fn tail(folder: &Folder, end: &PartitionReader) -> Result<Tail, LogError> {
    let (base, length) = end.place();
    let segment = Segment::open(&folder.partition(end.partition()), end.partition(), base, true)?;
    if segment.length()? > length {
        segment.cut(length)?;
    }
    // The writer before this one may have been killed before it synced.
    Ok(Tail { segment, length, next: end.offset(), buffer: Vec::new(), is_synced: false })
}

fn make_folder(path: &Path) -> Result<(), LogError> {
    fs::create_dir_all(path).map_err(LogError::io("make the folder", path))?;
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync_folder)
}
