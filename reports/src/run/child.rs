//! One runner: its process, what it is asked and answers.
//!
//! A runner may do anything: hang, exit, be killed, write what is no reply, or too much. Each of it ends as a [`Failure`] that
//! says what happened, and never as a failure of the run.

use std::env;
use std::io::{self, Write};
use std::process::Command;
use std::time::Duration;

use harness::protocol::{Hello, LONGEST_LINE, Reply, Request, VERSION, line};
use serde::{Deserialize, Serialize};

use super::process::{END_LIMIT, NoLine, Reading, Watched, beginning, command_of, status_words};
use super::record::Failure;

/// A runner says hello within this time.
const HELLO_LIMIT: Duration = Duration::from_secs(10);

/// A runner replies once to each request, so that nobody reads ahead.
const READING: Reading = Reading { longest_line: LONGEST_LINE, ahead: 1 };

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
            Launch::Command(words) => command_of(words)?,
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

/// A runner that said hello.
#[derive(Debug)]
pub struct Child {
    process: Watched,
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
        let process = Watched::start(launch.command().map_err(cannot)?, READING).map_err(cannot)?;
        let hello = Hello {
            protocol: 0,
            runner: String::new(),
            language: String::new(),
            channels: Vec::new(),
            workloads: Vec::new(),
            meters: Vec::new(),
            without: Default::default(),
        };
        let mut child = Child { process, hello };
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
        let written = self.process.input.as_mut().map(|requests| {
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
        match self.process.line(limit) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| {
                NoReply::Wrong(format!("wrote what is no reply ({error}): {}", beginning(&text)))
            }),
            Err(NoLine::Silent) => Err(NoReply::Silent),
            Err(NoLine::Ended) => Err(NoReply::Wrong("ended without a reply".to_owned())),
            Err(NoLine::Wrong(what)) => Err(NoReply::Wrong(what)),
        }
    }

    /// Where the threads of the process are, or why that is not known.
    pub fn backtrace(&self) -> String {
        self.process.backtrace()
    }

    /// Ends the process and says what is left of it.
    pub fn fail(&mut self, what: String) -> Failure {
        self.process.fail(what)
    }

    /// Asks the runner to end.
    pub fn tell_to_quit(&mut self) {
        if let Some(requests) = &mut self.process.input {
            // One that is gone has ended, which is what was asked.
            let _ = requests.write_all(&line(&Request::Quit));
        }
    }

    /// Ends the runner's input and waits for its end; returns how it ended, in words, if it did.
    pub fn close(&mut self) -> Option<String> {
        self.process.close().map(status_words)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.tell_to_quit();
        // One that does not end is killed with what is dropped next.
        self.process.close();
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
