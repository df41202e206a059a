//! A process that may do anything: hang, exit, be killed, write what nobody asked for, or too much. It is read line by line with a
//! limit on time and on size, and when it fails, this says what is left of it.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child as Process, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::record::Failure;

/// A process that was told to end has this time to do so.
pub const END_LIMIT: Duration = Duration::from_secs(2);

/// So many lines of the standard error are kept.
const LAST_WORDS: usize = 20;

/// So much of a line of these is kept, in bytes.
const LONGEST_WORD: u64 = 400;

/// So many lines of a backtrace are kept.
const LONGEST_BACKTRACE: usize = 200;

/// A debugger has this time to tell where the threads are.
const BACKTRACE_LIMIT: Duration = Duration::from_secs(20);

/// What is read of a process's standard output.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// The longest line, in bytes.
    pub longest_line: usize,
    /// So many lines may be read before anybody asks for them.
    pub ahead: usize,
}

/// What came from the standard output.
enum Incoming {
    Line(Vec<u8>),
    /// It went past the longest line; nothing is read after it.
    TooLong,
    /// It ended in the middle of a line.
    HalfALine(Vec<u8>),
    Gone,
}

/// Why there is no line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoLine {
    /// None came within the time.
    Silent,
    /// The process has closed its standard output, or ended.
    Ended,
    /// Something that is no line, in words.
    Wrong(String),
}

/// A process, and who listens to it.
#[derive(Debug)]
pub struct Watched {
    process: Process,
    /// Its standard input, until somebody closes it.
    pub input: Option<ChildStdin>,
    lines: Receiver<Incoming>,
    longest_line: usize,
    last_words: Arc<Mutex<VecDeque<String>>>,
    /// Reads its standard error.
    listening: Option<JoinHandle<()>>,
}

impl Watched {
    /// Starts `command` in a process group of its own: Ctrl-C in a terminal goes to the whole foreground group, and what is in flight
    /// shall end first.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(mut command: Command, reading: Reading) -> io::Result<Self> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let (output, errors) = (process.stdout.take(), process.stderr.take());
        let (sender, lines) = sync_channel(reading.ahead);
        let longest_line = reading.longest_line;
        if let Some(output) = output {
            thread::spawn(move || read_lines(output, longest_line, &sender));
        }
        let last_words = Arc::new(Mutex::new(VecDeque::new()));
        let listening = errors.map(|errors| {
            let last_words = Arc::clone(&last_words);
            thread::spawn(move || keep_last_words(errors, &last_words))
        });
        let input = process.stdin.take();
        Ok(Watched { process, input, lines, longest_line, last_words, listening })
    }

    /// The next line, with its end, if it comes within `limit`.
    ///
    /// # Errors
    ///
    /// [`NoLine`].
    pub fn line(&self, limit: Duration) -> Result<Vec<u8>, NoLine> {
        match self.lines.recv_timeout(limit) {
            Ok(Incoming::Line(text)) => Ok(text),
            Ok(Incoming::TooLong) => {
                Err(NoLine::Wrong(format!("wrote a line of more than {} bytes", self.longest_line)))
            }
            Ok(Incoming::HalfALine(text)) => {
                Err(NoLine::Wrong(format!("ended in the middle of a line: {}", beginning(&text))))
            }
            Ok(Incoming::Gone) | Err(RecvTimeoutError::Disconnected) => Err(NoLine::Ended),
            Err(RecvTimeoutError::Timeout) => Err(NoLine::Silent),
        }
    }

    /// Where the threads of the process are, or why that is not known.
    pub fn backtrace(&self) -> String {
        backtrace(self.process.id()).unwrap_or_else(|why| format!("not available: {why}"))
    }

    /// Ends the process and says what is left of it.
    pub fn fail(&mut self, what: String) -> Failure {
        // One that ends by itself says how; one that does not is killed, which says nothing of it.
        let ended = match wait(&mut self.process, Duration::from_millis(200)) {
            Some(status) => Some(status_words(status)),
            None => {
                self.kill();
                None
            }
        };
        if let Some(listening) = self.listening.take() {
            // It ends with the process, unless a grandchild holds on to the pipe.
            let until = Instant::now() + END_LIMIT;
            while !listening.is_finished() && Instant::now() < until {
                thread::yield_now();
            }
        }
        let last_words = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        Failure { what, ended, last_words: last_words.iter().cloned().collect(), backtrace: None }
    }

    /// Ends the process's input and waits for its end; returns how it ended, if it did.
    pub fn close(&mut self) -> Option<ExitStatus> {
        self.input = None;
        wait(&mut self.process, END_LIMIT)
    }

    /// Kills the process, and what it has started, if that is still there.
    pub fn kill(&mut self) {
        kill(&mut self.process);
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Kills a process that leads a group, and the group.
pub fn kill(process: &mut Process) {
    // The group's number is surely its own only as long as nobody has waited for the process.
    if matches!(process.try_wait(), Ok(None)) {
        // Nothing is left to be done for processes that are gone or cannot be killed.
        let _ = killpg(Pid::from_raw(process.id() as i32), Signal::SIGKILL);
        let _ = process.kill();
    }
    let _ = process.wait();
}

/// The command of a program and its arguments.
///
/// # Errors
///
/// When there is not even a program.
pub fn command_of(words: &[String]) -> io::Result<Command> {
    let (program, arguments) =
        words.split_first().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "an empty command"))?;
    let mut command = Command::new(program);
    command.args(arguments);
    Ok(command)
}

/// The start of a line, for people.
pub fn beginning(text: &[u8]) -> String {
    const SHOWN: usize = 80;
    let shown = String::from_utf8_lossy(&text[..text.len().min(SHOWN)]);
    let more = if text.len() > SHOWN { "…" } else { "" };
    format!("`{}{more}`", shown.escape_debug())
}

fn read_lines(output: impl Read, longest: usize, sender: &SyncSender<Incoming>) {
    let mut output = BufReader::new(output);
    loop {
        let mut text = Vec::new();
        let incoming = match output.by_ref().take(longest as u64 + 1).read_until(b'\n', &mut text) {
            Ok(_) if text.ends_with(b"\n") => Incoming::Line(text),
            Ok(_) if text.len() > longest => Incoming::TooLong,
            Ok(0) | Err(_) => Incoming::Gone,
            Ok(_) => Incoming::HalfALine(text),
        };
        let last = !matches!(incoming, Incoming::Line(_));
        if sender.send(incoming).is_err() || last {
            return;
        }
    }
}

fn keep_last_words(errors: impl Read, last_words: &Mutex<VecDeque<String>>) {
    let mut errors = BufReader::new(errors);
    loop {
        let mut text = Vec::new();
        match errors.by_ref().take(LONGEST_WORD).read_until(b'\n', &mut text) {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let mut last_words = last_words.lock().unwrap_or_else(PoisonError::into_inner);
                last_words.push_back(String::from_utf8_lossy(&text).trim_end().to_owned());
                if last_words.len() > LAST_WORDS {
                    last_words.pop_front();
                }
            }
        }
    }
}

/// Waits for a process to end; `None` when it does not within `limit`.
pub fn wait(process: &mut Process, limit: Duration) -> Option<ExitStatus> {
    const LOOK: Duration = Duration::from_millis(1);
    let until = Instant::now() + limit;
    loop {
        match process.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < until => thread::sleep(LOOK),
            Ok(None) | Err(_) => return None,
        }
    }
}

/// How a process ended, in words.
pub fn status_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => match Signal::try_from(signal) {
            Ok(name) => format!("killed by signal {signal} ({name})"),
            Err(_) => format!("killed by signal {signal}"),
        },
        (None, None) => status.to_string(),
    }
}

/// Asks a debugger.
fn backtrace(process: u32) -> Result<String, String> {
    let mut gdb = Command::new("gdb")
        .args(["-batch", "-nx", "-ex", "thread apply all backtrace", "-p", &process.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("gdb could not be started ({error})"))?;
    let output = gdb.stdout.take();
    let reading = thread::spawn(move || {
        let mut text = String::new();
        output.and_then(|mut output| output.read_to_string(&mut text).ok());
        text
    });
    if wait(&mut gdb, BACKTRACE_LIMIT).is_none() {
        let _ = gdb.kill();
        let _ = gdb.wait();
        return Err(format!("gdb did not end within {} s", BACKTRACE_LIMIT.as_secs()));
    }
    let text = reading.join().unwrap_or_default();
    let frames: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .skip_while(|line| !line.starts_with("Thread "))
        .filter(|line| !line.is_empty() && !line.starts_with("[Inferior"))
        .take(LONGEST_BACKTRACE)
        .collect();
    if frames.is_empty() {
        Err("gdb may not look into the process".to_owned())
    } else {
        Ok(frames.join("\n"))
    }
}
