//! A segment: one file with consecutive messages of a partition. Its name is the offset of the first.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::FORMAT;
use crate::error::LogError;
use crate::message::{Bytes, HEAD, Head, LEAST_BODY, Place};
use crate::sealed::{sync_folder, unfinished};

/// The bytes before the first message: magic, format, partition, first offset, a random number, and their
/// checksum.
pub(crate) const SEGMENT_HEADER: u64 = 36;

const MAGIC: &[u8; 8] = b"chanlog\n";

/// What the names of segments end in.
const SUFFIX: &str = ".segment";

/// The digits of the offset in a name: those of the largest one.
const DIGITS: usize = 20;

/// The bytes that a search reads at a time.
const WINDOW: usize = 16 << 10;

/// An open segment.
#[derive(Debug)]
pub(crate) struct Segment {
    file: File,
    pub(crate) path: PathBuf,
    /// The offset of the first message.
    pub(crate) base: u64,
    /// The checksum of the header, with which that of every message begins.
    pub(crate) seed: u32,
}

/// The name of the segment that begins at an offset.
fn name(base: u64) -> String {
    format!("{base:0DIGITS$}{SUFFIX}")
}

/// The offset that a file's name states; `None` for the file of somebody else.
pub(crate) fn base_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX).filter(|digits| digits.len() == DIGITS)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// The bytes of a segment, which need not be one.
pub(crate) fn length(folder: &Path, base: u64) -> Result<u64, LogError> {
    let path = folder.join(name(base));
    fs::metadata(&path).map(|data| data.len()).map_err(LogError::io("read", &path))
}

/// Returns when everything that was written into a segment, by whichever process, is on the disk.
pub(crate) fn sync(folder: &Path, base: u64) -> Result<(), LogError> {
    let path = folder.join(name(base));
    File::open(&path).and_then(|file| file.sync_data()).map_err(LogError::io("sync", &path))
}

fn header(partition: u32, base: u64) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&partition.to_le_bytes());
    bytes.extend_from_slice(&base.to_le_bytes());
    // It makes the checksums of this segment's messages unknown to those who write payloads: a payload that
    // looks like a message would mislead a search. std's hash maps have their random keys for the same
    // reason.
    bytes.extend_from_slice(&RandomState::new().hash_one(base).to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

impl Segment {
    /// Makes a segment in the folder of its partition. It gets its name when its header is on the disk, so a
    /// segment never lacks a part of it.
    pub(crate) fn create(folder: &Path, partition: u32, base: u64) -> Result<Self, LogError> {
        let path = folder.join(name(base));
        let new = unfinished(&path);
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&new);
        let file = file.map_err(LogError::io("create", &new))?;
        let header = header(partition, base);
        file.write_all_at(&header, 0).map_err(LogError::io("write", &new))?;
        file.sync_all().map_err(LogError::io("sync", &new))?;
        fs::rename(&new, &path).map_err(LogError::io("create", &path))?;
        sync_folder(folder)?;
        let seed = header.last_chunk().copied().map(u32::from_le_bytes).unwrap_or_default();
        Ok(Segment { file, path, base, seed })
    }

    /// Opens the segment that begins at `base`.
    pub(crate) fn open(folder: &Path, partition: u32, base: u64, write: bool) -> Result<Self, LogError> {
        let path = folder.join(name(base));
        let file =
            File::options().read(true).write(write).open(&path).map_err(LogError::io("open", &path))?;
        let mut segment = Segment { file, path, base, seed: 0 };
        let mut bytes = [0; SEGMENT_HEADER as usize];
        let count = segment.read_at(&mut bytes, 0)?;
        let damaged = |what: &str| LogError::damaged(&segment.path, 0, what);
        if count < bytes.len() {
            return Err(damaged("the header of the segment is cut off"));
        }
        let (fields, seed) = bytes.split_last_chunk().ok_or_else(|| damaged("it has no header"))?;
        let seed = u32::from_le_bytes(*seed);
        let mut rest = Bytes(fields);
        let (magic, format) = (rest.array(), rest.u32());
        if magic != Some(*MAGIC) {
            return Err(damaged("it is no segment of a log"));
        }
        if crc32fast::hash(fields) != seed {
            return Err(damaged("the checksum of the segment's header is wrong"));
        }
        if let Some(format) = format.filter(|format| *format > FORMAT) {
            return Err(LogError::Newer { path: segment.path, format });
        }
        if (rest.u32(), rest.u64()) != (Some(partition), Some(base)) {
            return Err(damaged("it is another segment, under the name of this one"));
        }
        segment.seed = seed;
        Ok(segment)
    }

    /// Its bytes at this moment.
    pub(crate) fn length(&self) -> Result<u64, LogError> {
        self.file.metadata().map(|data| data.len()).map_err(LogError::io("read", &self.path))
    }

    /// Reads as much of `bytes` as the file has from `position` on.
    pub(crate) fn read_at(&self, bytes: &mut [u8], position: u64) -> Result<usize, LogError> {
        let mut count = 0;
        while let Some(rest) = bytes.get_mut(count..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, position + count as u64) {
                Ok(0) => break,
                Ok(read) => count += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(LogError::io("read", &self.path)(error)),
            }
        }
        Ok(count)
    }

    /// Writes at the end, which is at `position`.
    pub(crate) fn write_at(&self, bytes: &[u8], position: u64) -> Result<(), LogError> {
        self.file.write_all_at(bytes, position).map_err(LogError::io("write", &self.path))
    }

    /// Returns when everything that was written, by whichever process, is on the disk.
    pub(crate) fn sync(&self) -> Result<(), LogError> {
        self.file.sync_data().map_err(LogError::io("sync", &self.path))
    }

    /// Cuts off what comes after `length`.
    pub(crate) fn cut(&self, length: u64) -> Result<(), LogError> {
        self.file.set_len(length).map_err(LogError::io("cut", &self.path))?;
        self.file.sync_all().map_err(LogError::io("sync", &self.path))
    }

    /// The head at a position; `None` when there is none.
    pub(crate) fn head(&self, bytes: &[u8; HEAD], position: u64) -> Option<Head> {
        Head::decode(bytes, Place { seed: self.seed, position })
    }

    /// The first head at `from` or after it, and before `to`. So a search can begin anywhere.
    pub(crate) fn find(&self, from: u64, to: u64) -> Result<Option<(u64, Head)>, LogError> {
        let mut window = vec![0; WINDOW];
        // Mostly there is a head right at the start.
        let (mut start, mut wanted) = (from, HEAD);
        while start < to {
            let bytes = window.get_mut(..wanted).unwrap_or_default();
            let count = self.read_at(bytes, start)?;
            let bytes = bytes.get(..count).unwrap_or_default();
            for (position, bytes) in (start..to).zip(bytes.array_windows()) {
                if self.may_begin(bytes, position)
                    && let Some(head) = self.head(bytes, position)
                {
                    return Ok(Some((position, head)));
                }
            }
            if count < wanted {
                return Ok(None);
            }
            start += (wanted - HEAD + 1) as u64;
            wanted = WINDOW;
        }
        Ok(None)
    }

    /// Whether the offset of a head can be that of a message at this position: saves the checksum of nearly
    /// all bytes that are no head.
    fn may_begin(&self, bytes: &[u8; HEAD], position: u64) -> bool {
        let mut rest = Bytes(bytes);
        let offset = rest.u64().and_then(|_| rest.u64());
        let most = position.saturating_sub(SEGMENT_HEADER) / (HEAD + LEAST_BODY) as u64;
        offset.and_then(|offset| offset.checked_sub(self.base)).is_some_and(|before| before <= most)
    }

    /// Whether there are only zeros from `position` on: what a power cut leaves of bytes that were not
    /// synced.
    pub(crate) fn is_zero_from(&self, mut position: u64) -> Result<bool, LogError> {
        let mut window = vec![0; WINDOW];
        loop {
            let count = self.read_at(&mut window, position)?;
            if count == 0 {
                return Ok(true);
            }
            if window.iter().take(count).any(|byte| *byte != 0) {
                return Ok(false);
            }
            position += count as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::NewMessage;

    #[test]
    fn a_search_finds_the_next_message_wherever_it_begins() {
        let folder = tempfile::tempdir().expect("a folder");
        let segment = Segment::create(folder.path(), 0, 7).expect("created");
        let mut position = SEGMENT_HEADER;
        let mut places = Vec::new();
        for (offset, size) in [(7, WINDOW + 99), (8, 3), (9, 0)] {
            let (place, mut bytes) = (Place { seed: segment.seed, position }, Vec::new());
            NewMessage { payload: &vec![0; size], ..NewMessage::default() }.encode(offset, place, &mut bytes);
            segment.write_at(&bytes, position).expect("written");
            places.push((position, offset));
            position += bytes.len() as u64;
        }
        let found =
            |from, to| segment.find(from, to).expect("read").map(|(position, head)| (position, head.offset));
        let mut rest = places.iter().copied().peekable();
        for from in 0..position {
            while rest.peek().is_some_and(|(place, _)| *place < from) {
                rest.next();
            }
            assert_eq!(found(from, position), rest.peek().copied(), "from {from}");
        }
        let [_, (second, _), _] = places[..] else { panic!("{places:?}") };
        assert_eq!(found(SEGMENT_HEADER + 1, second), None);
        assert_eq!(found(SEGMENT_HEADER + 1, second + 1), Some((second, 8)));
    }

    #[test]
    fn a_name_is_an_offset_and_other_names_are_none() {
        for base in [0, 1, u64::MAX] {
            assert_eq!(base_of(&name(base)), Some(base));
        }
        let others = [
            "",
            ".segment",
            "0.segment",
            "00000000000000000000.segment.unfinished",
            "99999999999999999999.segment",
        ];
        for other in
            others.into_iter().chain(["+0000000000000000001.segment", "0000000000000000000a.segment"])
        {
            assert_eq!(base_of(other), None, "{other}");
        }
    }
}
