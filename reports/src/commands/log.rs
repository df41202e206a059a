//! `chanlab log`: fills and reads the embedded log.

mod produce;
mod show;

use anyhow::Result;
use clap::{Args, Subcommand};
use reports::exit;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Append messages to a log, which is made if it is not there
    #[command(after_help = exit::help("log produce"))]
    Produce(produce::Arguments),
    /// Print how far the partitions of a log and its groups are, or the messages of a partition
    #[command(after_help = exit::help("log show"))]
    Show(show::Arguments),
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.command {
        Command::Produce(arguments) => produce::run(arguments),
        Command::Show(arguments) => show::run(arguments),
    }
}
