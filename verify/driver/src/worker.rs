//! The parent's side of a worker: starts the process that runs the cases of a method, and reports the result,
//! whatever the process does.
//!
//! A case that does not end within the deadline has hung; a process that aborts, exits or is killed failed in
//! the case that it announced last. Both are failures of the channel, and the other channels are verified all
//! the same.

use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use records::crash::{CrashReport, ProcessFailure};
use records::record::Verdict;
use records::verify::cases::{WorkerEvent, WorkerRequest};
use records::verify::{Finding, Method, MethodOutcome, Task};

use engine::shortage::Shortage;
use engine::supervisor::{Deadline, LineLimits, NoLine, Streams, Supervised, command_from_words, excerpt};

/// A picture of a history may take a few megabytes, and workers announce cases in quick succession.
const STREAMS: Streams = Streams::Protocol(LineLimits { max_len: 64 << 20, ahead: 256 });

/// The interval at which a waiting parent checks for a stop request.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The time limit for a worker to name its channels.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// The program that runs the cases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkerProgram {
    /// Chanlab's own ([`super::program`]); `None` when only models are explored, which need no worker.
    Own(Option<PathBuf>),
    /// Another program, with its arguments.
    Command(Vec<String>),
}

impl WorkerProgram {
    fn start(&self, request: Option<&WorkerRequest>) -> io::Result<Supervised> {
        let mut command = match self {
            WorkerProgram::Own(program) => {
                Command::new(program.as_ref().ok_or_else(|| io::Error::other("no worker program was built"))?)
            }
            WorkerProgram::Command(words) => command_from_words(words)?,
        };
        // Without a backtrace, the stderr tail holds the message of a panic and not a page of frames.
        command.args(request.map(WorkerRequest::to_argument)).env("RUST_BACKTRACE", "0");
        Supervised::start(command, STREAMS)
    }

    /// The channels that the program has, each with its version.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or does not name them.
    pub fn channels(&self) -> Result<Vec<(String, String)>, ProcessFailure> {
        let mut process = self.start(None).map_err(not_started)?;
        match process.line(HELLO_TIMEOUT).map(|line| serde_json::from_slice(&line)) {
            Ok(Ok(WorkerEvent::Hello { channels, .. })) => Ok(channels),
            Ok(Err(error)) => Err(process.fail(format!("did not name its channels: {error}"))),
            Ok(Ok(_)) => Err(process.fail("did not name its channels".to_owned())),
            Err(NoLine::Silent) => {
                Err(process.fail(format!("did not name its channels within {} s", HELLO_TIMEOUT.as_secs())))
            }
            Err(NoLine::Ended) => Err(process.fail("ended without naming its channels".to_owned())),
            Err(NoLine::Malformed(what)) => Err(process.fail(what)),
        }
    }
}

fn not_started(error: io::Error) -> ProcessFailure {
    ProcessFailure::new(format!("could not be started: {error}"))
}

/// The cases of one method over one channel.
#[derive(Debug)]
pub struct Job<'a> {
    /// The program that runs them.
    pub program: &'a WorkerProgram,
    /// The channel.
    pub channel: &'a str,
    /// The method.
    pub method: Method,
    /// The cases to run.
    pub task: Task,
    /// The deadline of a case.
    pub deadline: Duration,
    /// The time limit of the job. When it is over, the process is ended and the job is out of time.
    pub limit: Duration,
}

/// The result of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseReport {
    /// The verdict.
    pub verdict: Verdict,
    /// The case that began last.
    pub last_case: Option<u64>,
    /// The crash report of a process that failed.
    pub crash: Option<CrashReport>,
}

/// The number of attempts at a job for which the machine lacks something, and the pause between them.
const MAX_ATTEMPTS: u32 = 3;
const ATTEMPT_PAUSE: Duration = Duration::from_millis(200);

/// Why a job has no report.
#[derive(Debug)]
pub enum NoReport {
    /// There was a stop request.
    Stopped,
    /// The machine lacked something, attempt after attempt. No channel is to blame.
    Shortage(Shortage),
}

impl From<Shortage> for NoReport {
    fn from(shortage: Shortage) -> Self {
        NoReport::Shortage(shortage)
    }
}

impl Job<'_> {
    /// Runs the cases. Calls `polled` for each case and at every poll while it runs.
    ///
    /// # Errors
    ///
    /// [`NoReport`].
    pub fn run_cases(
        &self,
        stop: &AtomicBool,
        polled: &mut dyn FnMut(Option<u64>),
    ) -> Result<CaseReport, NoReport> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.attempt(stop, polled) {
                Err(NoReport::Shortage(_)) if attempts < MAX_ATTEMPTS => {
                    thread::sleep(ATTEMPT_PAUSE * attempts);
                }
                result => return result,
            }
        }
    }

    fn attempt(
        &self,
        stop: &AtomicBool,
        polled: &mut dyn FnMut(Option<u64>),
    ) -> Result<CaseReport, NoReport> {
        let request =
            WorkerRequest { channel: self.channel.to_owned(), method: self.method, task: self.task };
        let mut process = match self.program.start(Some(&request)) {
            Ok(process) => process,
            Err(error) => match Shortage::from_error("the worker could not be started", &error) {
                Some(shortage) => return Err(shortage.into()),
                None => {
                    let verdict =
                        Verdict::NotAvailable { reason: format!("the worker {}", not_started(error)) };
                    return Ok(CaseReport { verdict, last_case: None, crash: None });
                }
            },
        };
        let (began, mut last_case, mut cases) = (Instant::now(), None, 0);
        let mut deadline = Deadline::new(self.deadline);
        loop {
            // Relaxed: a flag that a signal handler sets; it guards no other data.
            if stop.load(Ordering::Relaxed) {
                return Err(NoReport::Stopped);
            }
            let left = deadline.left(&process);
            match process.line(left.min(POLL_INTERVAL)) {
                Ok(line) => match serde_json::from_slice(&line) {
                    Ok(WorkerEvent::Begins { case }) => {
                        if last_case != Some(case) {
                            cases += 1;
                        }
                        last_case = Some(case);
                        deadline = Deadline::new(self.deadline);
                        polled(last_case);
                        if began.elapsed() >= self.limit {
                            // The case that has just begun does not count.
                            let outcome = MethodOutcome::OutOfTime { cases: cases - 1, all: None };
                            let verdict = Verdict::Ran(outcome);
                            return Ok(CaseReport { verdict, last_case, crash: None });
                        }
                    }
                    Ok(WorkerEvent::Ended { outcome: MethodOutcome::Shortage { reason } }) => {
                        return Err(Shortage::reported(reason).into());
                    }
                    Ok(WorkerEvent::Ended { outcome }) => return ended(process, outcome, last_case),
                    Ok(WorkerEvent::Hello { .. }) | Err(_) => {
                        let what = format!("wrote a line that is no event: {}", excerpt(&line));
                        return Ok(failed(process.fail(what), last_case));
                    }
                },
                Err(NoLine::Silent) if !left.is_zero() => polled(last_case),
                Err(NoLine::Silent) => {
                    let what = format!("hung: no end after {}", deadline.words());
                    let backtrace = process.backtrace();
                    return Ok(failed(process.fail(what).with_backtrace(Some(backtrace)), last_case));
                }
                Err(NoLine::Ended) => return crashed(process, "its process ended", last_case),
                Err(NoLine::Malformed(what)) => return crashed(process, &what, last_case),
            }
        }
    }
}

/// The process has reported and must still end with success: damaged memory may only show at its end.
fn ended(
    mut process: Supervised,
    outcome: MethodOutcome,
    last_case: Option<u64>,
) -> Result<CaseReport, NoReport> {
    match process.close().filter(|status| !status.success()) {
        Some(_) if !matches!(outcome, MethodOutcome::Failed(_)) => {
            crashed(process, "its process reported, and then failed", last_case)
        }
        _ => Ok(CaseReport { verdict: Verdict::Ran(outcome), last_case, crash: None }),
    }
}

/// The end of a process that could not report: a failure of the case, unless the machine lacked something.
fn crashed(mut process: Supervised, what: &str, last_case: Option<u64>) -> Result<CaseReport, NoReport> {
    let failure = process.fail(what.to_owned());
    match Shortage::from_crash(&failure, process.foreign_signal()) {
        Some(shortage) => Err(shortage.into()),
        None => Ok(failed(failure, last_case)),
    }
}

/// A failure that the process could not report.
fn failed(failure: ProcessFailure, last_case: Option<u64>) -> CaseReport {
    let ProcessFailure { what: mut happened, crash } = failure;
    // This process killed it because it did not end, so its exit status means nothing.
    if let Some(how) = &crash.ended {
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
    CaseReport {
        verdict: Verdict::Ran(MethodOutcome::Failed(Box::new(finding))),
        last_case,
        crash: Some(crash),
    }
}
