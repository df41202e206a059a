//! Where processed messages and dead letters go: a file of lines, or an embedded log.
//!
//! To append may keep a message in memory; [`Output::sync`] returns when everything that was appended before is on the
//! disk. The committer calls it before each commit. After a failed write or sync an output stays failed: what the
//! system then has of a file is not known, and a later sync that succeeds would say nothing about it.

use std::fmt;
use std::fs::File;
use std::io::{BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use records::text;
use serde::Serialize;
use service_log::{
    BytesJson, DEFAULT_SEGMENT_BYTES, Header, LogError, Message, MessageJson, NewMessage, Options, Writer,
    try_lock,
};

use crate::Failure;

/// The version of a sink's lines.
const FORMAT: u32 = 1;

/// An output by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OutputName {
    /// Nothing is kept.
    #[default]
    None,
    /// A line of JSON for each message, appended to a file.
    File(PathBuf),
    /// A message for each message, in the same partition of an embedded log.
    Log(PathBuf),
}

impl FromStr for OutputName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "none" => Ok(OutputName::None),
            Some(("file", path)) if !path.is_empty() => Ok(OutputName::File(path.into())),
            Some(("log", path)) if !path.is_empty() => Ok(OutputName::Log(path.into())),
            _ => Err(format!("an output is none, file:PATH or log:DIR, and {text:?} is neither")),
        }
    }
}

impl fmt::Display for OutputName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OutputName::None => f.write_str("none"),
            OutputName::File(path) => write!(f, "file:{}", path.display()),
            OutputName::Log(path) => write!(f, "log:{}", path.display()),
        }
    }
}

/// An open output; workers share it.
#[derive(Debug)]
pub struct Output {
    place: Place,
    has_failed: AtomicBool,
}

#[derive(Debug)]
enum Place {
    None,
    File { path: PathBuf, lines: Mutex<BufWriter<File>>, file: File },
    Log(Mutex<Writer>),
}

/// A line of a sink.
#[derive(Serialize)]
struct Processed<'a> {
    format: u32,
    partition: usize,
    offset: u64,
    key: Option<BytesJson<'a>>,
    /// The CRC-32 of the payload in 8 hexadecimal digits.
    checksum: String,
}

impl Output {
    /// An output that keeps nothing.
    pub fn none() -> Self {
        Output { place: Place::None, has_failed: AtomicBool::new(false) }
    }

    /// Opens an output for messages of this many partitions, or makes it. What is there is kept; half a line at the end
    /// of a file, which a kill has left, is cut off: its message was not committed.
    ///
    /// # Errors
    ///
    /// When it cannot be opened, holds something else, or is a log of fewer partitions.
    pub fn open(name: &OutputName, partitions: usize) -> Result<Self, Failure> {
        let place = match name {
            OutputName::None => Place::None,
            OutputName::File(path) => {
                let file = opened(path)?;
                let lines = file.try_clone().map_err(Failure::output("open", path))?;
                Place::File { path: path.clone(), lines: Mutex::new(BufWriter::new(lines)), file }
            }
            OutputName::Log(folder) => Place::Log(Mutex::new(log(folder, partitions)?)),
        };
        Ok(Output { place, has_failed: AtomicBool::new(false) })
    }

    /// Whether it keeps nothing.
    pub fn is_none(&self) -> bool {
        matches!(self.place, Place::None)
    }

    /// Appends a processed message: its partition, offset and key, and the checksum of its payload.
    ///
    /// # Errors
    ///
    /// When it cannot be written, now or earlier.
    pub fn append_processed(
        &self,
        partition: usize,
        message: &Message,
        checksum: u32,
    ) -> Result<(), Failure> {
        if self.is_none() {
            return Ok(());
        }
        let Message { offset, timestamp, key, .. } = message;
        let key = key.as_deref();
        let checksum = format!("{checksum:08x}");
        let line =
            Processed { format: FORMAT, partition, offset: *offset, key: key.map(BytesJson::of), checksum };
        let mut line = json(&line);
        self.append(partition, &mut line, |line| NewMessage {
            timestamp: *timestamp,
            key,
            headers: &[],
            payload: line,
        })
    }

    /// Appends a dead letter: the whole message, and headers that say where it comes from.
    ///
    /// # Errors
    ///
    /// As [`Output::append_processed`].
    pub fn append_dead(&self, partition: usize, message: &Message, attempts: u32) -> Result<(), Failure> {
        if self.is_none() {
            return Ok(());
        }
        let mut dead = message.clone();
        let values = [
            ("chanlab-partition", partition.to_string()),
            ("chanlab-offset", message.offset.to_string()),
            ("chanlab-attempts", attempts.to_string()),
        ];
        dead.headers
            .extend(values.map(|(name, value)| Header { name: name.to_owned(), value: value.into() }));
        let mut line = match self.place {
            // A log has at most some hundred partitions, and Kafka's have numbers of 31 bits.
            Place::File { .. } => json(&MessageJson::of(u32::try_from(partition).unwrap_or(u32::MAX), &dead)),
            Place::Log(_) | Place::None => Vec::new(),
        };
        self.append(partition, &mut line, |_| NewMessage {
            timestamp: dead.timestamp,
            key: dead.key.as_deref(),
            headers: &dead.headers,
            payload: &dead.payload,
        })
    }

    fn append<'a>(
        &self,
        partition: usize,
        line: &'a mut Vec<u8>,
        message: impl FnOnce(&'a [u8]) -> NewMessage<'a>,
    ) -> Result<(), Failure> {
        self.unless_failed(|| match &self.place {
            Place::None => Ok(()),
            Place::File { path, lines, .. } => {
                line.push(b'\n');
                let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
                lines.write_all(line).map_err(Failure::output("write", path))
            }
            Place::Log(writer) => {
                let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
                let partition = u32::try_from(partition).unwrap_or(u32::MAX);
                Ok(writer.append(partition, &message(line)).map(drop)?)
            }
        })
    }

    /// Returns when everything that was appended before is on the disk.
    ///
    /// # Errors
    ///
    /// When that is not so, now or earlier.
    pub fn sync(&self) -> Result<(), Failure> {
        self.unless_failed(|| match &self.place {
            Place::None => Ok(()),
            Place::File { path, lines, file } => {
                // Workers may append while this waits for the disk.
                let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
                lines.flush().map_err(Failure::output("write", path))?;
                drop(lines);
                file.sync_data().map_err(Failure::output("sync", path))
            }
            Place::Log(writer) => Ok(writer.lock().unwrap_or_else(PoisonError::into_inner).sync()?),
        })
    }

    fn unless_failed(&self, write: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
        // Acquire, Release: who sees the flag need not see more, and a stale one is caught below.
        let result = match self.has_failed.load(Ordering::Acquire) {
            true => Err(Failure::FailedBefore),
            false => write(),
        };
        if result.is_err() {
            self.has_failed.store(true, Ordering::Release);
        }
        result
    }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    // Plain data is always JSON.
    text::json(value).unwrap_or_default()
}

/// The file, without half a line at its end.
fn opened(path: &Path) -> Result<File, Failure> {
    let is_new = !path.exists();
    let mut file = File::options().read(true).append(true).create(true).open(path).map_err(|error| {
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::IsADirectory => Failure::Usage(format!(
                "cannot open {}: {error}; name a file in a folder that is there",
                path.display()
            )),
            _ => Failure::output("open", path)(error),
        }
    })?;
    if !try_lock(&file).map_err(Failure::output("lock", path))? {
        return Err(Failure::Usage(format!("{} is in use: name another file", path.display())));
    }
    let length = whole_lines(&mut file).map_err(Failure::output("read", path))?;
    if file.metadata().map_err(Failure::output("read", path))?.len() > length {
        file.set_len(length).map_err(Failure::output("cut", path))?;
    }
    if is_new {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(Failure::output("sync", folder))?;
    }
    Ok(file)
}

/// The bytes of a file up to the end of its last whole line.
fn whole_lines(file: &mut File) -> std::io::Result<u64> {
    const WINDOW: u64 = 64 << 10;
    let mut end = file.metadata()?.len();
    let mut window = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(WINDOW);
        file.seek(SeekFrom::Start(start))?;
        window.clear();
        Read::by_ref(file).take(end - start).read_to_end(&mut window)?;
        if let Some(last) = window.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + last as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// The log in a folder, or a new one.
fn log(folder: &Path, partitions: usize) -> Result<Writer, Failure> {
    let wanted = u32::try_from(partitions).unwrap_or(u32::MAX);
    let writer = match Writer::open(folder) {
        Err(LogError::Absent { .. }) => {
            return Ok(Writer::create(
                folder,
                Options { partitions: wanted, segment_bytes: DEFAULT_SEGMENT_BYTES },
            )?);
        }
        writer => writer?,
    };
    match writer.partitions() {
        own if own >= wanted => Ok(writer),
        own => Err(Failure::Usage(format!(
            "the log in {} has {own} partitions, and the source has {wanted}: name another folder",
            folder.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn message(offset: u64) -> Message {
        let headers = vec![Header { name: "a".to_owned(), value: b"b".to_vec() }];
        Message { offset, timestamp: 5, key: Some(b"k".to_vec()), headers, payload: vec![0xff, 1] }
    }

    #[test]
    fn a_file_has_a_line_for_each_message_and_half_a_line_is_cut_off() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("sink");
        let name = OutputName::File(path.clone());
        let line = |offset| {
            format!(
                "{{\"format\":1,\"partition\":2,\"offset\":{offset},\"key\":\"k\",\"checksum\":\"0000000a\"}}\n"
            )
        };
        for (offset, torn) in [(0, "{\"fo"), (1, ""), (2, "x")] {
            let output = Output::open(&name, 3).expect("a file");
            output.append_processed(2, &message(offset), 10).expect("written");
            output.sync().expect("synced");
            let whole: String = (0..=offset).map(line).collect();
            assert_eq!(fs::read_to_string(&path).expect("text"), whole);
            fs::write(&path, whole + torn).expect("written");
        }
        let dead = Output::open(&name, 3).expect("a file");
        dead.append_dead(2, &message(9), 4).expect("written");
        dead.sync().expect("synced");
        let text = fs::read_to_string(&path).expect("text");
        let last: serde_json::Value =
            serde_json::from_str(text.lines().last().expect("a line")).expect("JSON");
        assert_eq!(last["headers"][0], serde_json::json!(["a", "b"]));
        assert_eq!(last["headers"][2], serde_json::json!(["chanlab-offset", "9"]));
        assert_eq!(last["payload"], serde_json::json!({"hex": "ff01"}));
    }

    #[test]
    fn a_log_has_a_message_for_each_message_in_its_partition() {
        let folder = tempfile::tempdir().expect("a folder");
        let name = OutputName::Log(folder.path().join("log"));
        let output = Output::open(&name, 3).expect("a log");
        output.append_processed(2, &message(7), 10).expect("written");
        output.append_dead(1, &message(8), 4).expect("written");
        output.sync().expect("synced");
        let log = service_log::Log::open(&folder.path().join("log")).expect("a log");
        let read = |partition| log.reader(partition, 0).and_then(|mut reader| reader.read()).expect("whole");
        let processed = String::from_utf8(read(2).expect("one").payload).expect("text");
        assert!(processed.contains("\"offset\":7"), "{processed}");
        let dead = read(1).expect("one");
        assert_eq!((dead.payload, dead.headers.len()), (vec![0xff, 1], 4));
        drop(output);
        let error = Output::open(&name, 4).expect_err("it has fewer partitions").to_string();
        assert!(error.contains("has 3 partitions, and the source has 4"), "{error}");
    }

    #[test]
    fn a_failed_output_stays_failed() {
        let output = Output::open(&OutputName::File("/dev/full".into()), 1);
        let output = output.expect("it can be opened");
        let mut last = Ok(());
        for offset in 0..1_000 {
            last = output.append_processed(0, &message(offset), 0);
        }
        let error = last.expect_err("the buffer is full").to_string();
        assert!(error.contains("failed before"), "{error}");
        output.sync().expect_err("it has failed before");
    }
}
