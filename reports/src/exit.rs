//! The exit codes of the command, the same for every subcommand, and the table of all endings.

use std::fmt;
use std::io;
use std::path::Path;

use anyhow::Error;
use engine::cargo::CargoError;
use engine::go::GoError;
use engine::journal::JournalError;
use engine::plan_file::PlanError;
use engine::program::ProgramError;
use engine::run_folder::LockError;
use engine::runner::RunnerError;
use engine::schedule::RunError;
use engine::shortage::Shortage;
use engine::{NotReplaced, StopSignal, stopped_by};
use model_driver::versions::source::SourceError;
use service_consume::Failure;
use service_log::LogError;
use workloads::registry::UsageError;

use crate::BadArguments;

/// The meaning of an exit code. [`ENDINGS`] says which ending of which subcommand has which code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

    /// The meaning, in a few words.
    pub fn meaning(self) -> &'static str {
        match self {
            Exit::Sound => "all that was requested was done, and it is sound",
            Exit::Failure => {
                "a failure was found: of a channel, a model, a runner, a benchmark or a record, or a slowdown"
            }
            Exit::Usage => "the command line makes no sense",
            Exit::Undecided => {
                "undecided: not all that was requested was examined, or there is too little data"
            }
            Exit::Unable => "chanlab could not work: a shortage, or a file that it cannot read or write",
            Exit::Interrupted => "SIGINT stopped it; everything was saved",
            Exit::Terminated => "SIGTERM stopped it; everything was saved",
        }
    }

    /// The exit code of an error. An error that says nothing about it is a failure.
    pub fn of(error: &Error) -> Self {
        // The one that says so decides, wherever it is: it knows what was requested.
        let said = error.downcast_ref::<ExitWith>().map(|error| error.exit);
        said.or_else(|| error.chain().find_map(of_cause)).unwrap_or(Exit::Failure)
    }
}

fn of_cause(cause: &(dyn std::error::Error + 'static)) -> Option<Exit> {
    if cause.is::<UsageError>() || cause.is::<BadArguments>() || cause.is::<SourceError>() {
        return Some(Exit::Usage);
    }
    if let Some(error) = cause.downcast_ref::<PlanError>() {
        return Some(error.into());
    }
    if let Some(error) = cause.downcast_ref::<JournalError>() {
        return Some(error.into());
    }
    if let Some(error) = cause.downcast_ref::<LogError>() {
        return Some(error.into());
    }
    if let Some(failure) = cause.downcast_ref::<Failure>() {
        return Some(failure.into());
    }
    if let Some(error) = cause.downcast_ref::<CargoError>() {
        // A version that cannot be built was not examined.
        let is_built = !matches!(error, CargoError::Failed(_));
        return Some(if is_built { Exit::Unable } else { Exit::Undecided });
    }
    if cause.is::<GoError>() {
        return Some(Exit::Undecided);
    }
    (cause.is::<Shortage>() || cause.is::<io::Error>()).then_some(Exit::Unable)
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

    /// An error of an input file. A name of nothing that is there makes no sense; a file that is there and cannot
    /// be read is a shortage.
    pub fn unread(what: &str, file: &Path, error: &io::Error) -> Self {
        let is_missing = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
        let exit = if is_missing { Exit::Usage } else { Exit::Unable };
        ExitWith::new(exit, format!("cannot read {what} {}: {error}", file.display()))
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

impl From<&PlanError> for Exit {
    fn from(error: &PlanError) -> Self {
        use std::io::ErrorKind::{NotADirectory, NotFound};
        match error {
            PlanError::NoRun { error, .. } if !matches!(error.kind(), NotFound | NotADirectory) => {
                Exit::Unable
            }
            PlanError::NoRun { .. } | PlanError::Format { .. } | PlanError::Exists { .. } => Exit::Usage,
            PlanError::Damaged { .. } | PlanError::Nonsense { .. } => Exit::Failure,
            PlanError::NotWritten(_) => Exit::Unable,
        }
    }
}

impl From<PlanError> for ExitWith {
    fn from(error: PlanError) -> Self {
        ExitWith::new(Exit::from(&error), error.to_string())
    }
}

impl From<&JournalError> for Exit {
    fn from(error: &JournalError) -> Self {
        match error {
            JournalError::File { .. } => Exit::Unable,
            JournalError::Damaged { .. } | JournalError::Unlinked { .. } | JournalError::OtherPlan { .. } => {
                Exit::Failure
            }
        }
    }
}

impl From<JournalError> for ExitWith {
    fn from(error: JournalError) -> Self {
        ExitWith::new(Exit::from(&error), error.to_string())
    }
}

impl From<&LogError> for Exit {
    fn from(error: &LogError) -> Self {
        match error {
            LogError::Damaged { .. } | LogError::Lost { .. } => Exit::Failure,
            LogError::Io { .. } | LogError::Failed { .. } => Exit::Unable,
            // The command line names another log, partition, offset or group than there is.
            _ => Exit::Usage,
        }
    }
}

impl From<&Failure> for Exit {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Log(error) => error.into(),
            Failure::Usage(_) => Exit::Usage,
            #[cfg(feature = "kafka")]
            Failure::Kafka(error) => match error {
                service_kafka::KafkaError::Setting(_) | service_kafka::KafkaError::Grace { .. } => {
                    Exit::Usage
                }
                service_kafka::KafkaError::Client(_)
                | service_kafka::KafkaError::Topic { .. }
                | service_kafka::KafkaError::NotLeft(_) => Exit::Unable,
                _ => Exit::Failure,
            },
            Failure::Output { .. } | Failure::FailedBefore | Failure::System { .. } => Exit::Unable,
            Failure::Assign(_) | Failure::Metadata { .. } | Failure::Source { .. } | Failure::Panicked(_) => {
                Exit::Failure
            }
        }
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

impl From<ProgramError> for ExitWith {
    fn from(error: ProgramError) -> Self {
        match error {
            ProgramError::Own(_) => ExitWith::new(Exit::Unable, error.to_string()),
            ProgramError::Runner(error) => error.into(),
        }
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

/// An ending of a subcommand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The subcommand, or [`EVERY`].
    pub command: &'static str,
    /// Its exit code.
    pub exit: Exit,
    /// When it ends like that.
    pub when: &'static str,
}

/// The command of the endings that every subcommand has.
pub const EVERY: &str = "every command";

const fn ending(command: &'static str, exit: Exit, when: &'static str) -> Ending {
    Ending { command, exit, when }
}

/// Every ending: the one source of `docs/EXIT_CODES.md` and of the help. A test carries each of them out.
pub const ENDINGS: [Ending; 62] = [
    ending(
        EVERY,
        Exit::Sound,
        "`--help` or `--version`; a reader of the output that has gone changes no code",
    ),
    ending(EVERY, Exit::Usage, "an option, a name or a value is unknown or makes no sense"),
    ending(EVERY, Exit::Unable, "a file cannot be read or written, or the machine is short of something"),
    ending(EVERY, Exit::Interrupted, "SIGINT, such as Ctrl-C; everything until then is saved"),
    ending(EVERY, Exit::Terminated, "SIGTERM; everything until then is saved"),
    ending("run", Exit::Sound, "every cell was measured, or does not support the work"),
    ending("run", Exit::Failure, "a round or a runner failed, or a record is damaged; the page was drawn"),
    ending(
        "run",
        Exit::Usage,
        "`--output` names a folder that holds a run, or `--resume` one of another machine or other versions",
    ),
    ending(
        "run",
        Exit::Undecided,
        "a channel that was named has no time in what was named, or nothing has a time",
    ),
    ending("choose", Exit::Sound, "a channel is recommended, or several that are tied"),
    ending("choose", Exit::Failure, "a channel failed, whether or not another is recommended"),
    ending(
        "choose",
        Exit::Undecided,
        "no channel supports the work, or there are too few epochs to rank them",
    ),
    ending("honesty", Exit::Sound, "every experiment met its target"),
    ending("honesty", Exit::Failure, "an experiment missed its target"),
    ending("honesty", Exit::Undecided, "the machine is too noisy, or there were too few comparisons"),
    ending("ab", Exit::Sound, "no group is slower by more than `--threshold`; equal or faster"),
    ending(
        "ab",
        Exit::Failure,
        "a group is slower by more than `--threshold`, or fails with the new version",
    ),
    ending("ab", Exit::Undecided, "a version cannot be built; or a group has too little data to compare"),
    ending("compare", Exit::Sound, "no cell is slower by more than `--threshold`; equal or faster"),
    ending("compare", Exit::Failure, "a cell is slower by more than `--threshold`, or fails in the new run"),
    ending(
        "compare",
        Exit::Usage,
        "the runs have other machines, settings or versions, or no cell in common",
    ),
    ending("compare", Exit::Undecided, "a cell has too little data to compare"),
    ending("report", Exit::Sound, "the page was drawn, and shows no failure and no damage"),
    ending("report", Exit::Failure, "the page was drawn, and shows a failure, or files are damaged"),
    ending("report", Exit::Usage, "there is nothing to report, or a source that was named is not there"),
    ending("report", Exit::Undecided, "the page was drawn, and its run is unfinished"),
    ending("round", Exit::Sound, "every round verified itself"),
    ending("round", Exit::Failure, "a round failed"),
    ending("round", Exit::Undecided, "the channel or the machine does not support the cell"),
    ending("article", Exit::Sound, "every variant was measured"),
    ending("article", Exit::Failure, "a variant failed; the document was written"),
    ending(
        "article",
        Exit::Undecided,
        "there is no Go, or the claim cannot be checked: a variant that it needs has no time",
    ),
    ending("bucket", Exit::Sound, "every service kept the limit"),
    ending("bucket", Exit::Failure, "a service granted more than the limit; the drawing was written"),
    ending("bucket", Exit::Undecided, "a channel could not serve"),
    ending("runner check", Exit::Sound, "the runner follows the protocol"),
    ending("runner check", Exit::Failure, "it does not, or does not start"),
    ending("runner serve", Exit::Sound, "its input ended, or it was asked to quit"),
    ending("verify", Exit::Sound, "nothing failed, and every method completed within its stated bounds"),
    ending("verify", Exit::Failure, "a case or a model failed; this comes before every other result"),
    ending(
        "verify",
        Exit::Undecided,
        "a verdict is cut short, ran out of time, cannot tell, or has no case; or what was named is unsupported, \
         not instrumentable or not available",
    ),
    ending("log produce", Exit::Sound, "every message is in the log and on the disk"),
    ending("log produce", Exit::Failure, "the log is damaged, or has lost messages that were committed"),
    ending(
        "log produce",
        Exit::Usage,
        "the folder holds something else or a log of other partitions, or another process writes to the log",
    ),
    ending("log show", Exit::Sound, "what was requested was shown, and none of it is damaged"),
    ending("log show", Exit::Failure, "a partition, a message or a group is damaged"),
    ending("log show", Exit::Usage, "there is no log, or it has no such partition or offset"),
    ending("consume", Exit::Sound, "it drained: all that was received is done and committed"),
    ending(
        "consume",
        Exit::Failure,
        "the grace was over before the drain was, there are more dead letters than `--dead-letter-limit`, or the log is \
         damaged",
    ),
    ending(
        "consume",
        Exit::Usage,
        "there is no such log or channel, the channel cannot carry the work, or another process has the group or an \
         output",
    ),
    ending(
        "consume",
        Exit::Interrupted,
        "a second signal, SIGINT, ended it at once; it says what is not committed",
    ),
    ending(
        "consume",
        Exit::Terminated,
        "a second signal, SIGTERM, ended it at once; it says what is not committed",
    ),
    ending("list", Exit::Sound, "always"),
    ending("chanlab-verify", Exit::Sound, "the cases were run; their outcome is in the last event"),
    ending("chanlab-verify", Exit::Usage, "its argument is no request"),
    ending("scripts/defects, scripts/mutants", Exit::Sound, "everything is as expected"),
    ending("scripts/defects, scripts/mutants", Exit::Failure, "something is otherwise than expected"),
    ending("scripts/defects, scripts/mutants", Exit::Usage, "a name is unknown"),
    ending(
        "scripts/defects, scripts/mutants",
        Exit::Undecided,
        "rows were left out, since std's source is missing",
    ),
    ending("scripts/loom, scripts/shuttle", Exit::Sound, "every model passed"),
    ending("scripts/loom, scripts/shuttle", Exit::Failure, "a model failed, or the models cannot be built"),
    ending(
        "scripts/loom, scripts/shuttle",
        Exit::Undecided,
        "no model failed, and an exploration was cut short",
    ),
];

/// The endings of a command.
pub fn endings(command: &str) -> impl Iterator<Item = &'static Ending> {
    ENDINGS.iter().filter(move |ending| ending.command == command)
}

/// The codes of all commands, for the help of the command itself.
pub fn short_help() -> String {
    let mut text = "Exit codes:".to_owned();
    for exit in Exit::ALL {
        text.push_str(&format!("\n  {:>3}  {}", exit.code(), exit.meaning()));
    }
    text + "\n\ndocs/EXIT_CODES.md has every ending of every command."
}

/// The codes of a subcommand, for its help.
pub fn help(command: &str) -> String {
    let mut text = "Exit codes:".to_owned();
    for ending in endings(command) {
        text.push_str(&format!("\n  {:>3}  {}", ending.exit.code(), ending.when.replace('`', "")));
    }
    text + "\n       chanlab --help has those of every command."
}

/// The table of a command in Markdown.
pub fn table(command: &str) -> String {
    let mut text = "| code | when |\n| --- | --- |\n".to_owned();
    for ending in endings(command) {
        text.push_str(&format!("| {} | {} |\n", ending.exit.code(), ending.when));
    }
    text
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    fn unreadable() -> io::Error {
        io::ErrorKind::PermissionDenied.into()
    }

    #[test]
    fn the_cause_of_an_error_decides_its_code() {
        let of = |error: Error| Exit::of(&error.context("where it happened"));
        assert_eq!(of(ExitWith::new(Exit::Undecided, "no time").into()), Exit::Undecided);
        assert_eq!(of(BadArguments("unknown".to_owned()).into()), Exit::Usage);
        assert_eq!(of(unreadable().into()), Exit::Unable);
        assert_eq!(of(CargoError::NotStarted(unreadable()).into()), Exit::Unable);
        assert_eq!(of(CargoError::Failed("error[E0308]".to_owned()).into()), Exit::Undecided);
        let no_run = |error| PlanError::NoRun { folder: "f".into(), error };
        assert_eq!(of(no_run(unreadable()).into()), Exit::Unable);
        assert_eq!(of(no_run(io::ErrorKind::NotFound.into()).into()), Exit::Usage);
        assert_eq!(of(PlanError::Exists { folder: "f".into() }.into()), Exit::Usage);
        let file = JournalError::File { what: "write", path: "f".into(), error: unreadable() };
        assert_eq!(of(file.into()), Exit::Unable);
        assert_eq!(of(anyhow::anyhow!("a check failed")), Exit::Failure);
        let named = Err::<(), _>(unreadable()).context(ExitWith::new(Exit::Usage, "named twice"));
        assert_eq!(Exit::of(&named.expect_err("an error")), Exit::Usage);
    }

    #[test]
    fn no_ending_is_there_twice() {
        for (index, ending) in ENDINGS.iter().enumerate() {
            let same = |other: &&Ending| (other.command, other.exit) == (ending.command, ending.exit);
            assert!(!ENDINGS[index + 1..].iter().any(|other| same(&other)), "{ending:?}");
        }
    }
}
