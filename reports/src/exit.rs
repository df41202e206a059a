//! The exit codes of the command, the same for every subcommand.

use std::fmt;

use engine::journal::JournalError;
use engine::plan_file::PlanError;
use engine::run_folder::LockError;
use engine::runner::RunnerError;
use engine::schedule::RunError;
use engine::{NotReplaced, StopSignal, stopped_by};

/// The meaning of an exit code. `docs/EXIT_CODES.md` says which ending of which subcommand has which code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All that was requested was done, and it is sound.
    Sound,
    /// A failure was found: of a channel, a model, a runner, a benchmark or a record, or a significant
    /// slowdown.
    Failure,
    /// The command line or an input file makes no sense.
    Usage,
    /// Nothing failed, but not all that was requested was examined: cut, out of time, unsupported, not
    /// available, not instrumentable, or too little data to tell.
    Undecided,
    /// Chanlab could not work: a shortage of the machine, or a file that it cannot read or write.
    Unable,
    /// SIGINT ended it after everything was saved.
    Interrupted,
    /// SIGTERM ended it after everything was saved.
    Terminated,
}

impl Exit {
    /// Every exit code, in ascending order.
    pub const ALL: [Exit; 7] = [
        Exit::Sound,
        Exit::Failure,
        Exit::Usage,
        Exit::Undecided,
        Exit::Unable,
        Exit::Interrupted,
        Exit::Terminated,
    ];

    /// The number that the process ends with.
    pub fn code(self) -> u8 {
        match self {
            Exit::Sound => 0,
            Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::Undecided => 3,
            Exit::Unable => 4,
            // The shell's convention for a process that a signal ended: 128 and the signal's number.
            Exit::Interrupted => 128 + 2,
            Exit::Terminated => 128 + 15,
        }
    }
}

impl From<StopSignal> for Exit {
    fn from(signal: StopSignal) -> Exit {
        match signal {
            StopSignal::Interrupt => Exit::Interrupted,
            StopSignal::Terminate => Exit::Terminated,
        }
    }
}

/// The end of a command after a stop request ([`engine::stop_request`]), once everything is
/// saved. `message` says what is unfinished, and what finishes it.
pub fn stopped(message: impl fmt::Display) -> ExitWith {
    // Without a handled signal nothing sets the flag, and SIGINT is what a user would have sent.
    let signal = stopped_by().unwrap_or(StopSignal::Interrupt);
    ExitWith::new(signal.into(), format!("stopped by {}: {message}", signal.name()))
}

/// An error that ends the command with a certain exit code.
#[derive(Debug)]
pub struct ExitWith {
    /// The exit code.
    pub exit: Exit,
    /// The line that the terminal shows.
    pub message: String,
}

impl ExitWith {
    /// An error with this exit code and message.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        ExitWith { exit, message: message.into() }
    }
}

impl From<NotReplaced> for ExitWith {
    fn from(error: NotReplaced) -> Self {
        ExitWith::new(Exit::Unable, error.to_string())
    }
}

impl From<LockError> for ExitWith {
    fn from(error: LockError) -> Self {
        let exit = match error {
            // To measure into the folder of another process makes no sense, and waiting for that process
            // does.
            LockError::Held { .. } => Exit::Usage,
            LockError::Folder { .. } | LockError::File { .. } => Exit::Unable,
        };
        ExitWith::new(exit, error.to_string())
    }
}

impl From<PlanError> for ExitWith {
    fn from(error: PlanError) -> Self {
        use std::io::ErrorKind::{NotADirectory, NotFound};
        let exit = match &error {
            PlanError::NoRun { error, .. } if !matches!(error.kind(), NotFound | NotADirectory) => {
                Exit::Unable
            }
            PlanError::NoRun { .. } | PlanError::Format { .. } | PlanError::Exists { .. } => Exit::Usage,
            PlanError::Damaged { .. } => Exit::Failure,
            PlanError::NotWritten(_) => Exit::Unable,
        };
        ExitWith::new(exit, error.to_string())
    }
}

impl From<JournalError> for ExitWith {
    fn from(error: JournalError) -> Self {
        let exit = match error {
            JournalError::File { .. } => Exit::Unable,
            JournalError::Damaged { .. } => Exit::Failure,
        };
        ExitWith::new(exit, error.to_string())
    }
}

impl From<RunnerError> for ExitWith {
    fn from(error: RunnerError) -> Self {
        let exit = match &error {
            RunnerError::Shortage(shortage) if shortage.lacking().is_some() => Exit::Unable,
            // The command line names a program that is no runner.
            _ => Exit::Usage,
        };
        ExitWith::new(exit, error.to_string())
    }
}

impl From<RunError> for ExitWith {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Journal(error) => error.into(),
            // No channel is to blame: it is the machine that has to change.
            RunError::Shortage(shortage) => ExitWith::new(Exit::Unable, shortage.to_string()),
        }
    }
}

impl fmt::Display for ExitWith {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ExitWith {}
