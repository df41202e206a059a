//! The exit codes of the command, the same for every subcommand.

use std::fmt;

/// The meaning of an exit code. `docs/EXIT_CODES.md` says which ending of which subcommand has which code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All that was requested was done, and it is sound.
    Sound,
    /// A failure was found: of a channel, a model, a runner, a benchmark or a record, or a significant slowdown.
    Failure,
    /// The command line or an input file makes no sense.
    Usage,
    /// Nothing failed, but not all that was requested was examined: cut, out of time, unsupported, not available,
    /// not instrumentable, or too little data to tell.
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

impl fmt::Display for ExitWith {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ExitWith {}
