//! The command `chanlab`.

// What people read goes through `wording::terminal`.
#![cfg_attr(not(test), warn(clippy::print_stdout, clippy::print_stderr))]

mod commands;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use records::text;
use reports::exit::{self, Exit};
use wording::say;
use workloads::meters::allocations::CountingAllocator;

use crate::commands::{
    Command, ab, article, bucket, choose, compare, consume, honesty, list, log, report, round, run, runner,
    sandbox, verify,
};

/// Counts allocations for our own runner. Unless that is requested, it costs the check of a flag.
#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Which channel should carry my work, and can I trust it? Compares channel crates for Rust.
///
/// Without a command, chanlab measures everything for a few minutes (chanlab run --profile quick) and draws
/// the page.
#[derive(Parser)]
#[command(name = "chanlab", version, after_help = exit::short_help())]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// The command line when there are no arguments.
const DEFAULT_COMMAND: [&str; 4] = ["chanlab", "run", "--profile", "quick"];

fn main() -> ExitCode {
    // A runner serves and starts nothing; everything else starts its processes by the supervisor alone.
    if let Err(error) = engine::supervisor::adopt_strays() {
        say!("warning: what children leave behind may not be found: {error}");
    }
    let given: Vec<OsString> = env::args_os().collect();
    let parsed = match given.len() {
        0 | 1 => Arguments::try_parse_from(DEFAULT_COMMAND),
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
        Command::Bucket(arguments) => bucket::run(&arguments),
        Command::Runner(arguments) => runner::run(&arguments),
        Command::Choose(arguments) => choose::run(&arguments),
        Command::Honesty(arguments) => honesty::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Sandbox(arguments) => sandbox::run(&arguments),
        Command::Log(arguments) => log::run(&arguments),
        Command::Consume(arguments) => consume::run(&arguments),
        Command::List => list::run(),
    };
    match result {
        Ok(()) => ExitCode::from(Exit::Sound.code()),
        Err(error) => {
            print_error(&format!("{error:#}"));
            ExitCode::from(Exit::of(&error).code())
        }
    }
}

/// Prints help and version as clap does. Of clap's errors it keeps the first paragraph, so that every error
/// is one line.
fn not_parsed(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
    if matches!(error.kind(), DisplayHelp | DisplayVersion | DisplayHelpOnMissingArgumentOrSubcommand) {
        // A closed terminal is no reason to fail.
        let _ = error.print();
    } else {
        let text = error.to_string();
        let paragraph = text.split("\n\n").next().unwrap_or_default();
        let message = paragraph.strip_prefix("error: ").unwrap_or(paragraph);
        print_error(&format!("{message} (see chanlab --help)"));
    }
    ExitCode::from(if error.use_stderr() { Exit::Usage.code() } else { Exit::Sound.code() })
}

fn print_error(message: &str) {
    say!("error: {}", one_line(message));
}

/// A message with its line breaks, which may come from user input, as spaces.
fn one_line(message: &str) -> String {
    text::line(&message.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    #[test]
    fn no_arguments_mean_a_quick_run() {
        let arguments = Arguments::try_parse_from(DEFAULT_COMMAND).expect("a command line");
        assert!(matches!(arguments.command, Command::Run(_)));
    }

    proptest! {
        /// Command lines of known words and arbitrary ones.
        #[test]
        fn any_command_line_is_parsed_or_refused_in_one_line(
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
                prop_assert!(!line.is_empty() && !line.contains(text::is_hidden), "{:?}", line);
            }
        }
    }
}
