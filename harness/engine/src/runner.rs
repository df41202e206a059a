//! One runner: its process, the requests to it and its replies.
//!
//! A runner may hang, exit, be killed, or write a malformed reply. Each of these becomes a [`ProcessFailure`]
//! and never stops the run.

use std::env;
use std::io;
use std::process::Command;
use std::time::Duration;

use records::crash::ProcessFailure;
use records::protocol::{Hello, MAX_LINE_LEN, Reply, Request, VERSION, line};

use super::supervisor::{
    END_TIMEOUT, LineLimits, NoLine, Streams, Supervised, command_from_words, excerpt, status_words,
};
use records::plan::Launch;

/// The time limit for a runner's hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// A runner sends one reply for each request, so nothing is read ahead.
const STREAMS: Streams = Streams::Protocol(LineLimits { max_len: MAX_LINE_LEN, ahead: 1 });

/// A runner that has said hello.
#[derive(Debug)]
pub struct Runner {
    process: Supervised,
    /// Its description of itself.
    pub hello: Hello,
}

impl Runner {
    /// Starts a runner and waits for its hello.
    ///
    /// # Errors
    ///
    /// [`ProcessFailure`] when it cannot be started, or does not say hello.
    pub fn start(launch: &Launch) -> Result<Self, ProcessFailure> {
        let not_started =
            |error: io::Error| ProcessFailure::new(format!("could not start {launch}: {error}"));
        let mut process =
            command(launch).and_then(|command| Supervised::start(command, STREAMS)).map_err(not_started)?;
        match reply(&mut process, HELLO_TIMEOUT) {
            Ok(Reply::Hello(hello)) if hello.protocol == VERSION => Ok(Runner { process, hello }),
            Ok(Reply::Hello(hello)) => Err(process.fail(format!(
                "speaks version {} of the protocol, and this build version {VERSION}",
                hello.protocol
            ))),
            Ok(other) => Err(process.fail(format!("sent {} before its hello", other.kind()))),
            Err(NoReply::Silent) => {
                Err(process.fail(format!("did not say hello within {} s", HELLO_TIMEOUT.as_secs())))
            }
            Err(NoReply::Malformed(what)) => Err(process.fail(what)),
        }
    }

    /// Sends a request, and waits for the reply for at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`ProcessFailure`], after which the runner is gone.
    pub fn request(&mut self, request: &Request, timeout: Duration) -> Result<Reply, Box<ProcessFailure>> {
        // The last reply of an exited runner is more useful than the error of the broken pipe.
        let is_broken = self.process.write(&line(request)).is_err();
        match reply(&mut self.process, if is_broken { END_TIMEOUT } else { timeout }) {
            Ok(reply) => Ok(reply),
            Err(NoReply::Malformed(what)) => Err(Box::new(self.fail(what))),
            Err(NoReply::Silent) => {
                let backtrace = self.backtrace();
                let failure = self.fail(format!("hung: no reply within {} s", timeout.as_secs_f64()));
                Err(Box::new(failure.with_backtrace(Some(backtrace))))
            }
        }
    }

    /// A backtrace of the runner's threads, or why there is none.
    pub fn backtrace(&self) -> String {
        self.process.backtrace()
    }

    /// Ends the runner, which failed as `what` says.
    pub fn fail(&mut self, what: String) -> ProcessFailure {
        self.process.fail(what)
    }

    /// Sends the runner a request to quit.
    pub fn request_quit(&mut self) {
        // A runner that has already exited needs no request.
        let _ = self.process.write(&line(&Request::Quit));
    }

    /// Closes the runner's input and waits for its end; returns how it ended, in words, if it did.
    pub fn close(&mut self) -> Option<String> {
        self.process.close().map(status_words)
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.request_quit();
        // The supervisor kills a runner that does not end.
        self.process.close();
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
    Silent,
    Malformed(String),
}

fn reply(process: &mut Supervised, timeout: Duration) -> Result<Reply, NoReply> {
    match process.line(timeout) {
        Ok(text) => serde_json::from_slice(&text).map_err(|error| {
            NoReply::Malformed(format!("wrote a line that is no reply ({error}): {}", excerpt(&text)))
        }),
        Err(NoLine::Silent) => Err(NoReply::Silent),
        Err(NoLine::Ended) => Err(NoReply::Malformed("ended without a reply".to_owned())),
        Err(NoLine::Malformed(what)) => Err(NoReply::Malformed(what)),
    }
}
