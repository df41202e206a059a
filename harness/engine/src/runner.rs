//! One runner: its process, the requests to it and its replies.
//!
//! A runner may hang, exit, be killed, or write a malformed reply. Each of these becomes a [`RunnerError`] and
//! never stops the run; a shortage of the machine is distinguished from a failure.
//!
//! Between requests the whole process group of a runner is paused, so that no idle runner takes a processor from
//! the one that is measured.

use std::env;
use std::io;
use std::process::Command;
use std::time::{Duration, Instant};

use records::crash::ProcessFailure;
use records::plan::Launch;
use records::protocol::{Hello, MAX_LINE_LEN, OLDEST_VERSION, Reply, Request, VERSION, line};
use records::rounds::{CellFailure, Stray};

use super::claims;
use super::shortage::Shortage;
use super::supervisor::{
    Deadline, END_TIMEOUT, LineLimits, NoLine, Streams, Supervised, command_from_words, excerpt, status_words,
};

/// The time limit for a runner's hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// The interval at which a wait for a reply looks at its deadline.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A runner sends one reply for each request, so nothing is read ahead.
const STREAMS: Streams = Streams::Protocol(LineLimits { max_len: MAX_LINE_LEN, ahead: 1 });

/// A runner that has said hello.
#[derive(Debug)]
pub struct Runner {
    process: Supervised,
    /// Its description of itself.
    pub hello: Hello,
}

/// A reply, and the time from its request to it by this process's clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The reply.
    pub reply: Reply,
    /// The time.
    pub elapsed: Duration,
}

/// The reason why a runner has not done what was requested. It is gone then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunnerError {
    /// The machine lacked something.
    #[error(transparent)]
    Shortage(Shortage),
    /// The runner failed.
    #[error("{failure}")]
    Failed {
        /// The kind of the failure.
        cause: CellFailure,
        /// The failure.
        failure: Box<ProcessFailure>,
    },
}

impl Runner {
    /// Starts a runner and waits for its hello.
    ///
    /// # Errors
    ///
    /// [`RunnerError`] when it cannot be started, does not say hello, or describes itself in a way that cannot be
    /// shown.
    pub fn start(launch: &Launch) -> Result<Self, RunnerError> {
        let mut process = command(launch)
            .and_then(|command| Supervised::start(command, STREAMS))
            .map_err(|error| RunnerError::Shortage(Shortage::not_started(launch, &error)))?;
        let (cause, what) = match reply(&mut process, HELLO_TIMEOUT) {
            Ok(Reply::Hello(hello)) if (OLDEST_VERSION..=VERSION).contains(&hello.protocol) => {
                match claims::check_hello(&hello) {
                    Ok(()) => {
                        process.pause();
                        return Ok(Runner { process, hello });
                    }
                    Err(claim) => (CellFailure::ImpossibleClaim, claim.to_string()),
                }
            }
            Ok(Reply::Hello(hello)) => (
                CellFailure::Protocol,
                format!(
                    "speaks version {} of the protocol, and this build the versions {OLDEST_VERSION} to {VERSION}",
                    hello.protocol
                ),
            ),
            Ok(other) => (CellFailure::Protocol, format!("sent {} before its hello", other.kind())),
            Err(NoReply::Silent(limit)) => (CellFailure::Hang, format!("did not say hello within {limit}")),
            Err(NoReply::Malformed(what)) => (CellFailure::Protocol, what),
        };
        Err(failed(&mut process, cause, what, None))
    }

    /// Sends a request, and waits for the reply for at most `timeout`, which is extended while the runner waits for a
    /// processor.
    ///
    /// # Errors
    ///
    /// [`RunnerError`], after which the runner is gone.
    pub fn request(&mut self, request: &Request, timeout: Duration) -> Result<Answer, RunnerError> {
        if self.process.has_pending_line() {
            return Err(self.fail(CellFailure::Protocol, "wrote a line without a request".to_owned()));
        }
        self.process.go_on();
        let asked = Instant::now();
        // The last reply of an exited runner is more useful than the error of the broken pipe.
        let is_broken = self.process.write(&line(request)).is_err();
        match reply(&mut self.process, if is_broken { END_TIMEOUT } else { timeout }) {
            Ok(reply) => {
                let elapsed = asked.elapsed();
                self.process.pause();
                Ok(Answer { reply, elapsed })
            }
            Err(NoReply::Malformed(what)) => Err(self.fail(CellFailure::Protocol, what)),
            Err(NoReply::Silent(limit)) => {
                let backtrace = self.backtrace();
                let what = format!("hung: no reply within {limit}");
                Err(self.fail_with(CellFailure::Hang, what, Some(backtrace)))
            }
        }
    }

    /// A backtrace of the runner's threads, or why there is none.
    pub fn backtrace(&self) -> String {
        self.process.backtrace()
    }

    /// Ends the runner, which failed as `what` says.
    pub fn fail(&mut self, cause: CellFailure, what: String) -> RunnerError {
        self.fail_with(cause, what, None)
    }

    /// As [`Runner::fail`], with a backtrace.
    pub fn fail_with(&mut self, cause: CellFailure, what: String, backtrace: Option<String>) -> RunnerError {
        self.process.go_on();
        failed(&mut self.process, cause, what, backtrace)
    }

    /// Sends the runner a request to quit.
    pub fn request_quit(&mut self) {
        self.process.go_on();
        // A runner that has already exited needs no request.
        let _ = self.process.write(&line(&Request::Quit));
    }

    /// Closes the runner's input and waits for its end; returns how it ended, in words, if it did.
    pub fn close(&mut self) -> Option<String> {
        self.process.go_on();
        self.process.close().map(status_words)
    }

    /// Ends the runner, and returns the processes that it left behind, which have been killed.
    pub fn end(mut self) -> Vec<Stray> {
        self.quit();
        self.process.take_strays()
    }

    fn quit(&mut self) {
        self.request_quit();
        self.close();
        // A runner that does not end.
        self.process.kill();
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.quit();
    }
}

/// Ends a process, which failed as `what` says.
fn failed(
    process: &mut Supervised,
    cause: CellFailure,
    what: String,
    backtrace: Option<String>,
) -> RunnerError {
    let failure = process.fail(what).with_backtrace(backtrace);
    match Shortage::from_crash(&failure, process.foreign_signal()) {
        // What it claimed or how long it was silent was seen before its end.
        Some(shortage) if cause == CellFailure::Protocol => RunnerError::Shortage(shortage),
        _ => RunnerError::Failed { cause, failure: Box::new(failure) },
    }
}

fn command(launch: &Launch) -> io::Result<Command> {
    Ok(match launch {
        Launch::Own | Launch::Slowed(_) => {
            let mut command = Command::new(env::current_exe()?);
            command.args(["runner", "serve"]);
            if let Launch::Slowed(steps) = launch {
                command.args(["--slowed", &steps.to_string()]);
            }
            command
        }
        Launch::Command(words) => command_from_words(words)?,
    })
}

enum NoReply {
    /// None came within the time, in words.
    Silent(String),
    Malformed(String),
}

fn reply(process: &mut Supervised, timeout: Duration) -> Result<Reply, NoReply> {
    let mut deadline = Deadline::new(timeout);
    loop {
        let left = deadline.left(process);
        return match process.line(left.min(POLL_INTERVAL)) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| {
                NoReply::Malformed(format!("wrote a line that is no reply ({error}): {}", excerpt(&text)))
            }),
            Err(NoLine::Silent) if left.is_zero() => Err(NoReply::Silent(deadline.words())),
            Err(NoLine::Silent) => continue,
            Err(NoLine::Ended) => Err(NoReply::Malformed("ended without a reply".to_owned())),
            Err(NoLine::Malformed(what)) => Err(NoReply::Malformed(what)),
        };
    }
}
