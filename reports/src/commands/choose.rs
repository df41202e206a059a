//! `chanlab choose`: measures one cell and recommends a channel for it.

use std::io::Write;

use anyhow::Result;
use clap::{Args, ValueEnum, value_parser};
use records::rounds::EndReason;
use records::text;
use reports::BadArguments;
use reports::analyse::choice::choose;
use reports::analyse::runs::{resume as resume_command, settled_by};
use reports::collect::runs::RunData;
use reports::exit::stopped;
use reports::gate;
use reports::render::{self, state};
use wording::say;
use wording::terminal::stdout;
use workloads::profile::Profile;
use workloads::workload::Metric;

use super::begin::begin;
use super::measure::{Measuring, carry_out};

/// The maximum number of epochs; a single cell has time for many.
const MAX_EPOCHS: u32 = 120;

/// The half width of a ratio's interval that suffices for a choice, in per cent.
const PRECISION: f64 = 2.0;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Sending threads
    #[arg(long, value_name = "N", default_value = "1")]
    producers: String,
    /// Receiving threads
    #[arg(long, value_name = "N", default_value = "1")]
    consumers: String,
    /// Capacity of the channel in messages, or unbounded; 0 is a rendezvous
    #[arg(long, value_name = "N", default_value = "64")]
    capacity: String,
    /// Size of a message in bytes: 8, 64, 256, 1024, or box256 for a pointer to 256 bytes [default: 8]
    #[arg(long, value_name = "BYTES", conflicts_with = "rate")]
    payload: Option<String>,
    /// Send messages of 8 bytes at this rate per second, whether or not the channel keeps up [default: as
    /// fast as it accepts them]
    #[arg(long, value_name = "PER SECOND")]
    rate: Option<String>,
    /// The metric to rank by [default: latency with --rate, otherwise throughput]
    #[arg(long, value_name = "COST")]
    by: Option<ByArgument>,
    /// The maximum measuring time in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = value_parser!(u64).range(1..=86_400))]
    budget: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum ByArgument {
    /// The 99th percentile of the time from intended send to receive; needs --rate
    Latency,
    /// Wall time per message
    Throughput,
    /// Processor time per message
    Cpu,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let by = match (arguments.by, &arguments.rate) {
        (Some(ByArgument::Latency), None) => {
            return Err(BadArguments(
                "--by latency needs a rate: give the --rate at which messages are sent".to_owned(),
            )
            .into());
        }
        (Some(ByArgument::Latency) | None, Some(_)) => Metric::Latency,
        (Some(ByArgument::Throughput), _) | (None, None) => Metric::Throughput,
        (Some(ByArgument::Cpu), _) => Metric::Cpu,
    };
    let registry = adapters::registry();
    let machine = runner::machine::current(&registry);
    let measuring = Measuring::of_cells(vec![cell(arguments)], arguments.budget, MAX_EPOCHS, PRECISION);
    let entries = measuring.entries(&registry, &machine)?;
    let plan = measuring.plan(&registry, machine, entries, Profile::Quick)?;
    let folder = measuring.folder(&plan, "choices");
    let (plan, folder) = begin(plan, &folder)?;
    let settled = |plan: &_, recorded: &_, group| settled_by(plan, recorded, group, by);
    let why = carry_out(&plan, &folder, &settled)?;
    let run = RunData::read(folder.path())?;
    for problem in &run.problems {
        say!("warning: {}", render::problems::line(problem));
    }
    let choice = choose(&run, by);
    if let Some(choice) = &choice {
        let mut terminal = stdout();
        if let Some(words) = state::unfinished(&run) {
            writeln!(terminal, "UNFINISHED: this run {words}.\n")?;
        }
        let path = text::path(folder.path());
        writeln!(terminal, "{}\n\nevery round is in {path}", render::choice::text(choice))?;
    }
    if why == EndReason::Interrupted {
        let resume = resume_command(&plan, folder.path());
        return Err(stopped(format!("the run is unfinished; resume with {resume}")).into());
    }
    Ok(gate::choice(choice.as_ref(), &run)?)
}

/// The cell that the arguments describe.
fn cell(arguments: &Arguments) -> String {
    let Arguments { producers, consumers, capacity, .. } = arguments;
    let threads = format!("producers={producers},consumers={consumers},capacity={capacity}");
    match (&arguments.rate, &arguments.payload) {
        (Some(rate), _) => format!("open_loop/rate={rate},{threads}"),
        (None, Some(payload)) => format!("producer_consumer/payload={payload},{threads}"),
        (None, None) => format!("producer_consumer/{threads}"),
    }
}
