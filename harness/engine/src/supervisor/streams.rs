//! The standard streams of a child: read line by line, collected, or kept as a tail, each by a thread of its
//! own.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The number of lines in the tail of a standard error.
const TAIL_LINES: usize = 20;

/// The length at which a line of the tail is split, in bytes.
const MAX_TAIL_LINE_LEN: u64 = 400;

/// The length at which a build's line is split, in bytes.
const MAX_PROGRESS_LINE_LEN: u64 = 1 << 16;

/// The maximum number of bytes to collect from a stream. The rest is read and dropped.
const MAX_COLLECTED: usize = 64 << 20;

/// The use of a child's standard streams.
#[derive(Debug)]
pub enum Streams {
    /// A protocol: requests go to the standard input, replies are read from the standard output line by line,
    /// and the tail of the standard error is kept.
    Protocol(LineLimits),
    /// A build: no input; the standard output is collected, and the standard error read line by line,
    /// overlong lines in pieces.
    Progress,
    /// No input; the standard output is collected, and the standard error is this process's own.
    Echo,
    /// No input; both are collected.
    Collect,
    /// As [`Streams::Collect`], with an input that stays open until the end: for a child that ends with its
    /// input.
    CollectWithInput,
    /// No input; both go to a file.
    File(File),
}

/// The limits of a protocol's standard output.
#[derive(Clone, Copy, Debug)]
pub struct LineLimits {
    /// The maximum length of a line in bytes, without its end. A longer line is a failure, and nothing is
    /// read after it.
    pub max_len: usize,
    /// The maximum number of lines that are read ahead.
    pub ahead: usize,
}

/// The reason why there is no line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoLine {
    /// None came within the time.
    Silent,
    /// The process has ended, or closed the stream.
    Ended,
    /// The stream ended within a line, or the line is too long; in words.
    Malformed(String),
}

pub(super) enum Incoming {
    Line(Vec<u8>),
    TooLong,
    Unfinished(Vec<u8>),
    Ended,
}

/// Reads lines of at most `limits.max_len` bytes.
pub(super) fn read_lines(
    output: impl Read + Send + 'static,
    limits: LineLimits,
) -> io::Result<Receiver<Incoming>> {
    let (sender, lines) = sync_channel(limits.ahead);
    reader(move || send_lines(output, limits.max_len, &sender))?;
    Ok(lines)
}

/// A thread that reads a stream.
fn reader(body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("reader".to_owned()).spawn(body)
}

fn send_lines(output: impl Read, max_len: usize, sender: &SyncSender<Incoming>) {
    let mut output = BufReader::new(output);
    loop {
        let mut text = Vec::new();
        let incoming = match output.by_ref().take(max_len as u64 + 1).read_until(b'\n', &mut text) {
            Ok(_) if text.ends_with(b"\n") => Incoming::Line(text),
            Ok(_) if text.len() > max_len => Incoming::TooLong,
            Ok(0) | Err(_) => Incoming::Ended,
            Ok(_) => Incoming::Unfinished(text),
        };
        let last = !matches!(incoming, Incoming::Line(_));
        if sender.send(incoming).is_err() || last {
            return;
        }
    }
}

/// Reads the lines of a build, whose output may be anything, and also keeps their tail.
pub(super) fn read_progress(output: impl Read + Send + 'static) -> io::Result<(Receiver<Incoming>, Tail)> {
    let (sender, lines) = sync_channel(1);
    let tail = Tail::read_with(output, MAX_PROGRESS_LINE_LEN, move |line| {
        // Ignored: the tail is still kept when the receiver has been dropped.
        let _ = sender.send(Incoming::Line(line.to_vec()));
    })?;
    Ok((lines, tail))
}

/// The last lines of a stream.
#[derive(Debug)]
pub(super) struct Tail {
    lines: Arc<Mutex<VecDeque<String>>>,
    reader: JoinHandle<()>,
}

impl Tail {
    pub(super) fn read(output: impl Read + Send + 'static) -> io::Result<Self> {
        Self::read_with(output, MAX_TAIL_LINE_LEN, |_| ())
    }

    fn read_with(
        output: impl Read + Send + 'static,
        max_len: u64,
        mut each: impl FnMut(&[u8]) + Send + 'static,
    ) -> io::Result<Self> {
        let lines = Arc::new(Mutex::new(VecDeque::new()));
        let shared = Arc::clone(&lines);
        let reader = reader(move || {
            let mut output = BufReader::new(output);
            loop {
                let mut text = Vec::new();
                match output.by_ref().take(max_len).read_until(b'\n', &mut text) {
                    Ok(0) | Err(_) => return,
                    Ok(_) => each(&text),
                }
                let mut lines = shared.lock().unwrap_or_else(PoisonError::into_inner);
                lines.push_back(String::from_utf8_lossy(&text).trim_end().to_owned());
                if lines.len() > TAIL_LINES {
                    lines.pop_front();
                }
            }
        })?;
        Ok(Tail { lines, reader })
    }

    /// The tail, once the stream has ended or `timeout` is over: a grandchild may keep the stream open.
    pub(super) fn finish(&self, timeout: Duration) -> Vec<String> {
        wait_for(&self.reader, timeout);
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// The collected bytes of a stream.
#[derive(Debug)]
pub(super) struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Collected {
    pub(super) fn read(mut output: impl Read + Send + 'static) -> io::Result<Self> {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&bytes);
        let reader = reader(move || {
            let mut buffer = [0; 1 << 14];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                let mut bytes = shared.lock().unwrap_or_else(PoisonError::into_inner);
                let room = MAX_COLLECTED - bytes.len();
                bytes.extend_from_slice(&buffer[..count.min(room)]);
            }
        })?;
        Ok(Collected { bytes, reader })
    }

    /// The collected bytes, once the stream has ended or `timeout` is over.
    pub(super) fn finish(&self, timeout: Duration) -> Vec<u8> {
        wait_for(&self.reader, timeout);
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn wait_for(reader: &JoinHandle<()>, timeout: Duration) {
    let until = Instant::now() + timeout;
    while !reader.is_finished() && Instant::now() < until {
        thread::sleep(Duration::from_millis(1));
    }
}
