//! The command `chanlab`.

mod commands;

use std::env;
use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::Parser;
use harness::meters::allocations::CountingAllocator;
use harness::registry::UsageError;
use reports::BadArguments;
use reports::versions::source::SourceError;

use crate::commands::{
    Command, ab, article, choose, compare, honesty, list, report, round, run, runner, verify,
};

/// What its own runner counts allocations with, where that is asked for; else it costs a look at a flag.
#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// The exit code of anything that failed.
const FAILED: u8 = 1;

/// The exit code of a command line that asks for what does not exist; clap's own.
const USAGE: u8 = 2;

/// Which channel should carry my work, and can I trust it? Compares channel crates for Rust.
///
/// Without a command it measures everything for some minutes, as `chanlab run --profile quick` does, and draws the page.
#[derive(Parser)]
#[command(name = "chanlab", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// The command line that stands for none.
const FIRST_LOOK: [&str; 4] = ["chanlab", "run", "--profile", "quick"];

fn main() -> ExitCode {
    let given: Vec<OsString> = env::args_os().collect();
    let parsed = match given.len() {
        0 | 1 => Arguments::try_parse_from(FIRST_LOOK),
        _ => Arguments::try_parse_from(given),
    };
    let arguments = match parsed {
        Ok(arguments) => arguments,
        Err(error) => return not_parsed(&error),
    };
    let result = match arguments.command {
        Command::Ab(arguments) => ab::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Report(arguments) => report::run(arguments),
        Command::Round(arguments) => round::run(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Article(arguments) => article::run(&arguments),
        Command::Runner(arguments) => runner::run(&arguments),
        Command::Choose(arguments) => choose::run(&arguments),
        Command::Honesty(arguments) => honesty::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::List => list::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(&format!("{error:#}"));
            let usage =
                error.is::<UsageError>() || error.is::<BadArguments>() || error.is::<SourceError>();
            ExitCode::from(if usage { USAGE } else { FAILED })
        }
    }
}

/// Help and the version are clap's to print; of its errors the first paragraph is kept, so that every error is one line.
fn not_parsed(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
    if matches!(error.kind(), DisplayHelp | DisplayVersion | DisplayHelpOnMissingArgumentOrSubcommand) {
        // Nothing is left to be done when the terminal is gone.
        let _ = error.print();
    } else {
        let text = error.to_string();
        let paragraph = text.split("\n\n").next().unwrap_or_default();
        let message = paragraph.strip_prefix("error: ").unwrap_or(paragraph);
        print_error(&format!("{message} (chanlab --help tells more)"));
    }
    ExitCode::from(if error.use_stderr() { USAGE } else { 0 })
}

fn print_error(message: &str) {
    let _ = writeln!(std::io::stderr(), "error: {}", one_line(message));
}

/// A message without the ends of lines that somebody's input brought into it.
fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whoever read the output (`chanlab list | head`) had enough of it: no failure.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    #[test]
    fn without_arguments_everything_is_measured_for_some_minutes() {
        let arguments = Arguments::try_parse_from(FIRST_LOOK).expect("a command line");
        assert!(matches!(arguments.command, Command::Run(_)));
    }

    proptest! {
        /// Words that commands know, and any others.
        #[test]
        fn any_command_line_is_read_or_refused(
            words in vec(
                prop_oneof![
                    vec(any::<char>(), 0..8).prop_map(String::from_iter),
                    select(vec!["run", "verify", "choose", "ab", "report", "round", "runner", "check", "list", "honesty"])
                        .prop_map(str::to_owned),
                    select(vec!["--seed", "--shard", "--case", "--budget", "--epochs", "--precision", "--threshold", "--method"])
                        .prop_map(str::to_owned),
                    "[0-9/.+-]{1,9}",
                ],
                0..6,
            ),
        ) {
            let line = ["chanlab".to_owned()].into_iter().chain(words);
            if let Err(error) = Arguments::try_parse_from(line) {
                let line = one_line(&error.to_string());
                prop_assert!(!line.is_empty() && line.lines().count() == 1, "{:?}", line);
            }
        }
    }
}
