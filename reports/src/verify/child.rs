//! The parent's side: starts the process that looks at cases, and says what came of it, whatever it does.
//!
//! A case that does not end within the deadline is a hang; a process that aborts, exits or is killed failed in the case that it told of
//! last. Both are failures of the channel, and no trouble for the others.

use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use harness::record::{Answer, Remains};
use harness::verify::{Finding, Method, MethodOutcome, Task};

use crate::run::process::{NoLine, Reading, Watched, beginning, command_of, status_words};
use crate::run::record::Failure;
use harness::verify::cases::{WorkerEvent, WorkerRequest};

/// A picture of a history may be some megabytes; and cases are told faster than one by one.
const READING: Reading = Reading { longest_line: 64 << 20, ahead: 256 };

/// How often a waiting parent looks whether it is asked to stop.
const LOOK: Duration = Duration::from_millis(100);

/// Who says hello within this time is there.
const HELLO_LIMIT: Duration = Duration::from_secs(10);

/// Which program looks at the cases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// Chanlab's own ([`super::program`]); `None` where only models are explored, which need none.
    Own(Option<PathBuf>),
    /// Another, with its arguments.
    Command(Vec<String>),
}

impl By {
    fn command(&self, asked: Option<&WorkerRequest>) -> io::Result<Command> {
        let mut command = match self {
            By::Own(program) => {
                Command::new(program.as_ref().ok_or_else(|| io::Error::other("nothing was built for cases"))?)
            }
            By::Command(words) => command_of(words)?,
        };
        // A panic's own words are its last then, and not a page of frames.
        command.args(asked.map(WorkerRequest::to_argument)).env("RUST_BACKTRACE", "0");
        Ok(command)
    }

    /// The channels that the program has, each with its version.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or does not tell.
    pub fn channels(&self) -> Result<Vec<(String, String)>, Failure> {
        let mut process =
            self.command(None).and_then(|command| Watched::start(command, READING)).map_err(not_started)?;
        match process.line(HELLO_LIMIT).map(|line| serde_json::from_slice(&line)) {
            Ok(Ok(WorkerEvent::Hello { channels })) => Ok(channels),
            Ok(_) => Err(process.fail("did not tell its channels".to_owned())),
            Err(NoLine::Silent) => {
                Err(process.fail(format!("did not tell its channels within {} s", HELLO_LIMIT.as_secs())))
            }
            Err(NoLine::Ended) => Err(process.fail("ended without telling its channels".to_owned())),
            Err(NoLine::Wrong(what)) => Err(process.fail(what)),
        }
    }
}

fn not_started(error: io::Error) -> Failure {
    Failure { what: format!("could not be started: {error}"), ..Failure::default() }
}

/// The cases of one method over one channel, to be looked at.
#[derive(Debug)]
pub struct Job<'a> {
    /// Which program looks.
    pub by: &'a By,
    /// The channel.
    pub channel: &'a str,
    /// The method.
    pub method: Method,
    /// Which cases.
    pub task: Task,
    /// After so long a case has hung.
    pub deadline: Duration,
    /// After so long the process is ended, also when its cases go on; the answer is then that it ran out of time.
    pub limit: Duration,
}

/// What came of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct Looked {
    /// What was found out.
    pub answer: Answer,
    /// The case that began last.
    pub last_case: Option<u64>,
    /// What is left of a process that failed.
    pub remains: Option<Remains>,
}

impl Job<'_> {
    /// Does it. `at` is told of each case, and of the same one again while it goes on; `None` when `stop` was set meanwhile.
    pub fn look(&self, stop: &AtomicBool, at: &mut dyn FnMut(Option<u64>)) -> Option<Looked> {
        let asked = WorkerRequest { channel: self.channel.to_owned(), method: self.method, task: self.task };
        let started = self.by.command(Some(&asked)).and_then(|command| Watched::start(command, READING));
        let mut process = match started {
            Ok(process) => process,
            Err(error) => {
                let reason = format!("the process that looks at the cases {}", not_started(error));
                return Some(Looked {
                    answer: Answer::NotAvailable { reason },
                    last_case: None,
                    remains: None,
                });
            }
        };
        let (began, mut last_case, mut cases) = (Instant::now(), None, 0);
        let mut case_began = began;
        loop {
            // Relaxed: a flag that a signal sets; nothing else is read because of it.
            if stop.load(Ordering::Relaxed) {
                return None;
            }
            let left = self.deadline.saturating_sub(case_began.elapsed());
            match process.line(left.min(LOOK)) {
                Ok(line) => match serde_json::from_slice(&line) {
                    Ok(WorkerEvent::Begins { case }) => {
                        if last_case != Some(case) {
                            cases += 1;
                        }
                        last_case = Some(case);
                        case_began = Instant::now();
                        at(last_case);
                        if began.elapsed() >= self.limit {
                            // The case that has just begun is not looked at.
                            let outcome = MethodOutcome::OutOfTime { cases: cases - 1, all: None };
                            return Some(Looked { answer: Answer::Ran(outcome), last_case, remains: None });
                        }
                    }
                    Ok(WorkerEvent::Ended { outcome }) => return Some(ended(process, outcome, last_case)),
                    Ok(WorkerEvent::Hello { .. }) | Err(_) => {
                        let what = format!("wrote what is no answer: {}", beginning(&line));
                        return Some(failed(process.fail(what), last_case, None));
                    }
                },
                Err(NoLine::Silent) if left > LOOK => at(last_case),
                Err(NoLine::Silent) => {
                    let backtrace = process.backtrace();
                    let what = format!("hung: it has not ended after {} s", self.deadline.as_secs_f64());
                    return Some(failed(process.fail(what), last_case, Some(backtrace)));
                }
                Err(NoLine::Ended) => {
                    return Some(failed(process.fail("its process ended".to_owned()), last_case, None));
                }
                Err(NoLine::Wrong(what)) => return Some(failed(process.fail(what), last_case, None)),
            }
        }
    }
}

/// The process has answered, and has to end well: memory that was damaged in a case may only be found out at the end.
fn ended(mut process: Watched, outcome: MethodOutcome, last_case: Option<u64>) -> Looked {
    match process.close().filter(|status| !status.success()) {
        Some(status) if !matches!(outcome, MethodOutcome::Failed(_)) => {
            let what = format!("its process answered, and then ended: {}", status_words(status));
            failed(process.fail(what), last_case, None)
        }
        _ => Looked { answer: Answer::Ran(outcome), last_case, remains: None },
    }
}

/// A failure that the process could not tell of.
fn failed(failure: Failure, last_case: Option<u64>, backtrace: Option<String>) -> Looked {
    let mut happened = failure.what;
    // The end of a process that went on is that it was killed, which is nothing to be told.
    if let Some(how) = failure.ended.as_ref().filter(|how| !happened.contains(how.as_str())) {
        happened = format!("{happened}; {how}");
    }
    let finding = Finding {
        case: last_case.unwrap_or(0),
        scenario: match last_case {
            Some(case) => format!("case {case}"),
            None => "before the first case".to_owned(),
        },
        expected: "each case ends, and the process with exit code 0".to_owned(),
        happened,
        ..Finding::default()
    };
    Looked {
        answer: Answer::Ran(MethodOutcome::Failed(Box::new(finding))),
        last_case,
        remains: Some(Remains { ended: failure.ended, last_words: failure.last_words, backtrace }),
    }
}
