//! `chanlab runner`: chanlab's own runner, and the check of any other.

use std::io::{self, ErrorKind, Write};

use adapters::crossbeam::Adapter as Crossbeam;
use anyhow::Result;
use clap::{Args, Subcommand};
use contract::channel::Channel as _;
use engine::conformance::{self, CheckResult};
use records::command;
use records::plan::Launch;
use records::text;
use reports::exit::{self, Exit, ExitWith};
use wording::terminal::stdout;
use workloads::registry::Registry;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the runner protocol on the standard input and output; a run starts this for each channel
    #[command(after_help = exit::help("runner serve"))]
    Serve {
        /// Serve one channel with a planted slowdown: this many steps of work for each received message
        #[arg(long, value_name = "STEPS", hide = true)]
        slowed: Option<u64>,
    },
    /// Check that a program follows the runner protocol (harness/runner/PROTOCOL.md); it runs with your rights
    #[command(after_help = exit::help("runner check"))]
    Check {
        /// The command and its arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.command {
        Command::Serve { slowed } => {
            let registry = match slowed {
                None => adapters::registry(),
                Some(steps) => {
                    workloads::slowed::set(*steps);
                    Registry::slowed::<Crossbeam>(adapters::version(&Crossbeam::INFO))
                }
            };
            // Not for people, so not through the terminal's writer.
            let served = runner::serve(&registry, io::stdin().lock(), io::stdout().lock());
            // A parent that has gone is a request to quit.
            served.or_else(
                |error| if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(error.into()) },
            )
        }
        Command::Check { command } => {
            let mut terminal = stdout();
            let mut written = Ok(());
            let passed = conformance::check(&Launch::Command(command.clone()), &mut |check| {
                let line = match &check.result {
                    CheckResult::Passed => format!("passed       {}", check.what),
                    CheckResult::Unsupported(why) => format!("unsupported  {}: {why}", check.what),
                    CheckResult::Failed(how) => format!("FAILED       {}: {how}", check.what),
                };
                let line = text::line(&line);
                if written.is_ok() {
                    written = writeln!(terminal, "{line}");
                }
            });
            written?;
            if !passed {
                let message = format!(
                    "{} does not follow the runner protocol: see the failed checks above",
                    command::line(command)
                );
                return Err(ExitWith::new(Exit::Failure, message).into());
            }
            Ok(())
        }
    }
}
