//! `chanlab runner`: chanlab's own runner, and the check of anybody's.

use std::io;

use anyhow::Result;
use clap::{Args, Subcommand};
use harness::registry::Registry;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the runner protocol on the standard input and output: what a run starts for each channel
    Serve,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match arguments.command {
        Command::Serve => {
            harness::runner::serve(&Registry::new(), io::stdin().lock(), io::stdout().lock())?;
            Ok(())
        }
    }
}
