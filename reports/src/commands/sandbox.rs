//! `chanlab sandbox`: executes a command in a sandbox. Hidden; `verify --sandbox` and `ab --sandbox` start it.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use clap::Args;
use engine::sandbox::enter;
use reports::exit::{Exit, ExitWith};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The folders into which the command can write
    #[arg(value_name = "FOLDER", required = true)]
    writable: Vec<PathBuf>,
    /// The command and its arguments
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let unable = |error: std::io::Error| ExitWith::new(Exit::Unable, error.to_string());
    enter(&arguments.writable).map_err(unable)?;
    let mut command = Command::new(&arguments.command[0]);
    Err(unable(command.args(&arguments.command[1..]).exec()).into())
}
