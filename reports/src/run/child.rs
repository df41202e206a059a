//! One runner: its process, what it is asked and answers, and what is left of it when it fails.
//!
//! A runner may do anything: hang, exit, be killed, write what is no reply, or too much. Each of it ends as a [`Failure`] that
//! says what happened, and never as a failure of the run.

use std::collections::VecDeque;
use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child as Process, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use harness::protocol::{Hello, LONGEST_LINE, Reply, Request, VERSION, line};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

use super::record::Failure;

/// A runner says hello within this time.
const HELLO_LIMIT: Duration = Duration::from_secs(10);

/// A runner that was told to end has this time to do so.
const END_LIMIT: Duration = Duration::from_secs(2);

/// So many lines of a runner's standard error are kept.
const LAST_WORDS: usize = 20;

/// So much of a line of these is kept, in bytes.
const LONGEST_WORD: u64 = 400;

/// So many lines of a backtrace are kept.
const LONGEST_BACKTRACE: usize = 200;

/// A debugger has this time to tell where the threads are.
const BACKTRACE_LIMIT: Duration = Duration::from_secs(20);

/// How a runner is started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Launch {
    /// This program's own runner.
    Own,
    /// This program's own runner, with a planted slowdown: so many steps of work for each message received.
    Slowed(u64),
    /// Another program, with its arguments.
    Command(Vec<String>),
}

impl Launch {
    fn command(&self) -> io::Result<Command> {
        Ok(match self {
            Launch::Own | Launch::Slowed(_) => {
                let mut command = Command::new(env::current_exe()?);
                command.args(["runner", "serve"]);
                if let Launch::Slowed(steps) = self {
                    command.args(["--slowed", &steps.to_string()]);
                }
                command
            }
            Launch::Command(words) => {
                let (program, arguments) = words
                    .split_first()
                    .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "an empty command"))?;
                let mut command = Command::new(program);
                command.args(arguments);
                command
            }
        })
    }

    /// The command in words.
    pub fn words(&self) -> String {
        match self {
            Launch::Own => "chanlab's own runner".to_owned(),
            Launch::Slowed(steps) => format!("chanlab's own runner, slowed by {steps} steps"),
            Launch::Command(words) => words.join(" "),
        }
    }
}

/// What came from a runner's standard output.
enum Incoming {
    Line(Vec<u8>),
    /// It went past the longest line; nothing is read after it.
    TooLong,
    /// It ended in the middle of a line.
    HalfALine(Vec<u8>),
    Gone,
}

/// A runner that said hello.
#[derive(Debug)]
pub struct Child {
    process: Process,
    requests: Option<ChildStdin>,
    replies: Receiver<Incoming>,
    last_words: Arc<Mutex<VecDeque<String>>>,
    /// Reads its standard error.
    listening: Option<JoinHandle<()>>,
    /// What it said of itself.
    pub hello: Hello,
}

impl Child {
    /// Starts a runner and waits for its hello.
    ///
    /// # Errors
    ///
    /// [`Failure`] when it could not be started, or does something else.
    pub fn start(launch: &Launch) -> Result<Self, Failure> {
        let cannot = |error: io::Error| Failure {
            what: format!("could not start {}: {error}", launch.words()),
            ..Failure::default()
        };
        let mut process = launch
            .command()
            .map_err(cannot)?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C in a terminal goes to the whole foreground group; the round in flight shall end first.
            .process_group(0)
            .spawn()
            .map_err(cannot)?;
        let (output, errors) = (process.stdout.take(), process.stderr.take());
        let (sender, replies) = sync_channel(1);
        if let Some(output) = output {
            thread::spawn(move || read_replies(output, &sender));
        }
        let last_words = Arc::new(Mutex::new(VecDeque::new()));
        let listening = errors.map(|errors| {
            let last_words = Arc::clone(&last_words);
            thread::spawn(move || keep_last_words(errors, &last_words))
        });
        let hello = Hello {
            protocol: 0,
            runner: String::new(),
            language: String::new(),
            channels: Vec::new(),
            workloads: Vec::new(),
            meters: Vec::new(),
            without: Default::default(),
        };
        let requests = process.stdin.take();
        let mut child = Child { process, requests, replies, last_words, listening, hello };
        match child.reply(HELLO_LIMIT) {
            Ok(Reply::Hello(hello)) if hello.protocol == VERSION => {
                child.hello = hello;
                Ok(child)
            }
            Ok(Reply::Hello(hello)) => {
                let spoken = hello.protocol;
                Err(child.fail(format!(
                    "speaks version {spoken} of the protocol, and this build version {VERSION}"
                )))
            }
            Ok(other) => Err(child.fail(format!("said {} before its hello", kind(&other)))),
            Err(NoReply::Silent) => {
                Err(child.fail(format!("did not say hello within {} s", HELLO_LIMIT.as_secs())))
            }
            Err(NoReply::Wrong(what)) => Err(child.fail(what)),
        }
    }

    /// Asks, and waits for the reply for at most `limit`.
    ///
    /// # Errors
    ///
    /// [`Failure`], after which the runner is gone.
    pub fn ask(&mut self, request: &Request, limit: Duration) -> Result<Reply, Box<Failure>> {
        let written = self.requests.as_mut().map(|requests| {
            requests.write_all(&line(request))?;
            requests.flush()
        });
        // A runner that is gone says more by its last reply than by the pipe that broke.
        let broken = matches!(written, None | Some(Err(_)));
        match self.reply(if broken { END_LIMIT } else { limit }) {
            Ok(reply) => Ok(reply),
            Err(NoReply::Wrong(what)) => Err(Box::new(self.fail(what))),
            Err(NoReply::Silent) => {
                let backtrace = self.backtrace();
                let what = format!("hung: no reply within {} s", limit.as_secs_f64());
                Err(Box::new(Failure { backtrace: Some(backtrace), ..self.fail(what) }))
            }
        }
    }

    fn reply(&mut self, limit: Duration) -> Result<Reply, NoReply> {
        match self.replies.recv_timeout(limit) {
            Ok(Incoming::Line(text)) => serde_json::from_slice(&text).map_err(|error| {
                NoReply::Wrong(format!("wrote what is no reply ({error}): {}", start(&text)))
            }),
            Ok(Incoming::TooLong) => {
                Err(NoReply::Wrong(format!("wrote a line of more than {LONGEST_LINE} bytes")))
            }
            Ok(Incoming::HalfALine(text)) => {
                Err(NoReply::Wrong(format!("ended in the middle of a line: {}", start(&text))))
            }
            Ok(Incoming::Gone) | Err(RecvTimeoutError::Disconnected) => {
                Err(NoReply::Wrong("ended without a reply".to_owned()))
            }
            Err(RecvTimeoutError::Timeout) => Err(NoReply::Silent),
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

    /// Asks the runner to end.
    pub fn tell_to_quit(&mut self) {
        if let Some(requests) = &mut self.requests {
            // One that is gone has ended, which is what was asked.
            let _ = requests.write_all(&line(&Request::Quit));
        }
    }

    /// Ends the runner's input and waits for its end; returns how it ended, in words, if it did.
    pub fn close(&mut self) -> Option<String> {
        self.requests = None;
        wait(&mut self.process, END_LIMIT).map(status_words)
    }

    fn kill(&mut self) {
        // Nothing is left to be done for a process that is gone or cannot be killed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.tell_to_quit();
        if self.close().is_none() {
            self.kill();
        }
    }
}

enum NoReply {
    Silent,
    Wrong(String),
}

fn kind(reply: &Reply) -> &'static str {
    match reply {
        Reply::Hello(_) => "hello",
        Reply::Planned { .. } => "planned",
        Reply::Unsupported { .. } => "unsupported",
        Reply::Round(_) => "round",
        Reply::Failed { .. } => "failed",
        Reply::Error { .. } => "error",
    }
}

/// The start of a line, for people.
fn start(text: &[u8]) -> String {
    const SHOWN: usize = 80;
    let shown = String::from_utf8_lossy(&text[..text.len().min(SHOWN)]);
    let more = if text.len() > SHOWN { "…" } else { "" };
    format!("`{}{more}`", shown.escape_debug())
}

fn read_replies(output: impl Read, sender: &SyncSender<Incoming>) {
    let mut output = BufReader::new(output);
    loop {
        let mut text = Vec::new();
        let incoming = match output.by_ref().take(LONGEST_LINE as u64 + 1).read_until(b'\n', &mut text) {
            Ok(_) if text.ends_with(b"\n") => Incoming::Line(text),
            Ok(_) if text.len() > LONGEST_LINE => Incoming::TooLong,
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
fn wait(process: &mut Process, limit: Duration) -> Option<ExitStatus> {
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

fn status_words(status: ExitStatus) -> String {
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
