//! `chanlab run`: measures in interleaved blocks, and keeps every round.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use engine::go;
use records::plan::Plan;
use records::rounds::EndReason;
use reports::analyse::runs::{resume as resume_command, settled};
use reports::collect::sources::{RUNS, Sources};
use reports::exit::stopped;
use reports::gate;
use workloads::profile::Profile;

use super::begin::{begin, resume};
use super::measure::{Measuring, add_go, carry_out, chosen};
use super::report;

/// The page in the folder of a run.
const PAGE: &str = "report.html";

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    measuring: Measuring,
    /// Only these channels
    #[arg(long = "channel", value_name = "CHANNEL")]
    channels: Vec<String>,
    /// Leave out Go's channels, which are measured when Go is installed
    #[arg(long)]
    no_go: bool,
    /// Resume a run that was stopped or killed. It starts the programs that the folder's plan.json names, with
    /// your rights
    #[arg(long, value_name = "DIR", exclusive = true)]
    resume: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (plan, folder) = match &arguments.resume {
        Some(folder) => resume(folder)?,
        None => {
            let plan = planned(arguments)?;
            let folder = arguments.measuring.folder(&plan, RUNS);
            begin(plan, &folder)?
        }
    };
    let why = carry_out(&plan, &folder, &settled)?;
    let path = folder.path();
    let page = report::draw(&Sources { run: Some(path.to_owned()), ..Sources::default() }, &path.join(PAGE))?;
    if why == EndReason::Interrupted {
        let resume = resume_command(&plan, path);
        return Err(stopped(format!("the run is unfinished; resume with {resume}")).into());
    }
    Ok(gate::run(&page, path, &arguments.channels, &arguments.measuring.cells()?)?)
}

fn planned(arguments: &Arguments) -> Result<Plan> {
    let registry = adapters::registry();
    let machine = runner::machine::current(&registry);
    let mut entries = arguments.measuring.entries(&registry, &machine)?;
    let mut not_available = Vec::new();
    // Go is not needed when only other channels are named.
    let there = |name: &String| entries.iter().any(|entry| entry.name == *name);
    let wants_others = arguments.channels.is_empty() || !arguments.channels.iter().all(there);
    if wants_others && !arguments.no_go {
        not_available.extend(add_go(&mut entries).err().map(|why| (go::NAME.to_owned(), why.to_string())));
    }
    if !arguments.channels.is_empty() {
        entries = chosen(entries, &arguments.channels, &not_available)?;
    }
    let plan = arguments.measuring.plan(&registry, machine, entries, Profile::Standard)?;
    Ok(Plan { not_available, ..plan })
}
