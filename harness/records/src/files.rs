//! The files of records: where they are, and how lines are appended and read.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;

use crate::checksum;
use crate::model_report::ModelEvent;
use crate::record::Record;
use crate::text;

/// Appends `value` as one line of JSON. It is one write: the line is there whole or not at all, as far as the system allows.
///
/// # Errors
///
/// When the file cannot be written.
pub fn append_line(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut line = text::json(value)?;
    line.push(b'\n');
    append(path, &line)
}

fn append(path: &Path, line: &[u8]) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).open(path)?.write_all(line)
}

/// The longest file that is read, in bytes.
pub const MAX_FILE_LEN: u64 = 1 << 30;

/// Reads a whole file of at most `longest` bytes.
///
/// # Errors
///
/// When the file cannot be read, or is longer ([`io::ErrorKind::FileTooLarge`]).
pub fn read_at_most(path: &Path, longest: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // Not by the length that the file system names: a device has none, and a file may grow.
    File::open(path)?.take(longest.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > longest {
        true => {
            Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than {longest} bytes")))
        }
        false => Ok(bytes),
    }
}

/// Appends lines to a record.
#[derive(Clone, Debug)]
pub struct Recorder {
    path: PathBuf,
}

impl Recorder {
    /// A recorder of this file. The first line creates the file and its folder.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Recorder { path: path.into() }
    }

    /// Appends a line with its checksum, with one write as [`append_line`].
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn append(&self, record: &Record) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        append(&self.path, &checksum::line(record, None)?.0)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The events in the file that answer `request`; none when there is no file, which a process that failed early leaves.
///
/// # Errors
///
/// When the file cannot be read, or a line is no event. A last line without an end is left out: its process was killed
/// while it wrote.
pub fn read_events(path: &Path, request: &str) -> io::Result<Vec<ModelEvent>> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        bytes => bytes?,
    };
    Ok(events(&bytes, request)?)
}

/// As [`read_events`], from the bytes of the file.
///
/// # Errors
///
/// When a line is no event.
pub fn events(bytes: &[u8], request: &str) -> serde_json::Result<Vec<ModelEvent>> {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let mut events = Vec::new();
    for line in bytes[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let event: ModelEvent = serde_json::from_slice(line)?;
        if event.request() == Some(request) {
            events.push(event);
        }
    }
    Ok(events)
}

/// The current moment, as records write it (RFC 3339, UTC).
pub fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// The files that mark a target directory: cargo writes the first into one that it creates, and the second into any.
const TARGET_MARKERS: [&str; 2] = ["CACHEDIR.TAG", ".rustc_info.json"];

/// The target directory that this program was built into: the nearest folder above it that is one of cargo's. `target` in the
/// current folder when there is none.
pub fn target_dir() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    program
        .ancestors()
        .skip(1)
        .find(|folder| TARGET_MARKERS.iter().any(|file| folder.join(file).is_file()))
        .map_or_else(|| PathBuf::from("target"), Path::to_path_buf)
}

/// Criterion's directory: the one in criterion's own environment variable, or the one in the target directory.
pub fn criterion_dir() -> PathBuf {
    env::var_os("CRITERION_HOME").map_or_else(|| target_dir().join("criterion"), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Format;
    use crate::model_report::ModelSubject;

    /// Must also hold for a directory that existed before cargo used it, which has no tag file.
    #[test]
    fn the_target_directory_of_this_test_is_found() {
        assert!(target_dir().is_absolute(), "{}", target_dir().display());
    }

    fn started(request: &str) -> ModelEvent {
        ModelEvent::Started {
            format: Format,
            request: request.to_owned(),
            model: "m".to_owned(),
            subject: ModelSubject::Workload("fan_in".to_owned()),
        }
    }

    #[test]
    fn events_belong_to_their_request() {
        let path = std::env::temp_dir().join(format!("chanlab-events-{}.jsonl", std::process::id()));
        let _ = fs::remove_file(&path);
        assert_eq!(read_events(&path, "a").expect("no file has no events"), []);
        for request in ["a", "b", "a"] {
            append_line(&path, &started(request)).expect("written");
        }
        fs::write(&path, [fs::read(&path).expect("there"), b"{\"event\":\"sta".to_vec()].concat())
            .expect("written");
        assert_eq!(read_events(&path, "b").expect("a half line is left out"), [started("b")]);
        assert_eq!(read_events(&path, "a").expect("readable").len(), 2);
        fs::remove_file(&path).expect("removed");
    }
}
