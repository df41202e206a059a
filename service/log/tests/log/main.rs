//! The log as its users see it: what is appended is read, what was acknowledged survives, what is damaged is
//! named.

mod alongside;
mod appended;
mod child;
mod killed;
mod recovered;
mod refused;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use service_log::{Header, Log, LogError, Message, NewMessage, Options, Writer};

/// A folder in memory where there is one, for tests that make many segments and do not ask what the disk has:
/// each costs several waits for the disk.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder")
}

/// The message at a place, so that whoever reads it can tell whether it is the one that was written.
fn message(partition: u32, offset: u64) -> Message {
    let mix = (offset ^ u64::from(partition) << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let sized = |most: u64, shift: u32| vec![(mix >> shift) as u8; ((mix >> shift) % most) as usize];
    let headers = (0..mix % 3).map(|index| Header { name: format!("h{index}"), value: sized(20, 8) });
    Message {
        offset,
        timestamp: mix as i64,
        key: (!mix.is_multiple_of(4)).then(|| sized(12, 16)),
        headers: headers.collect(),
        payload: sized(90, 24),
    }
}

/// Appends the message that belongs there.
fn append(writer: &mut Writer, partition: u32) -> Result<u64, LogError> {
    let offset = writer.next_offset(partition).unwrap_or_default();
    let Message { timestamp, key, headers, payload, .. } = message(partition, offset);
    let new = NewMessage { timestamp, key: key.as_deref(), headers: &headers, payload: &payload };
    writer.append(partition, &new)
}

/// A log with this many messages in each partition, all written.
fn filled(folder: &Path, partitions: u32, messages: u64, segment_bytes: u64) -> Writer {
    let mut writer = Writer::create(folder, Options { partitions, segment_bytes }).expect("a new log");
    for _ in 0..messages {
        for partition in 0..partitions {
            append(&mut writer, partition).expect("appended");
        }
    }
    writer.flush().expect("written");
    writer
}

/// Reads a partition from `from` to its end. Every message must be the one that belongs there. Returns the
/// offset after the last.
fn read_from(log: &Log, partition: u32, from: u64) -> Result<u64, LogError> {
    let mut reader = log.reader(partition, from)?;
    let mut offset = from;
    while let Some(read) = reader.read()? {
        assert_eq!(read, message(partition, offset));
        offset += 1;
    }
    assert_eq!(reader.offset(), offset);
    Ok(offset)
}

/// The files of a folder and of those in it, with their content.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => files.extend(self::files(&path)),
            false => drop(files.insert(path.clone(), fs::read(&path).expect("a file"))),
        }
    }
    files
}

/// The segments of a partition, in order.
fn segments(folder: &Path, partition: u32) -> Vec<PathBuf> {
    files(&folder.join("partitions").join(partition.to_string())).into_keys().collect()
}
