//! chanlab's own runner: it serves the runner protocol (`PROTOCOL.md`) over this build's channels.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, Write};
use std::time::Duration;
use std::{env, mem};

use crate::meters::counters::{Counters, CountersUnavailable, EventCounts};
use contract::channel::Unsupported;
use workloads::latency;
use workloads::meters::allocations;

use crate::meters::{memory, noise};
use records::protocol::{
    self, ChannelHello, FailureCause, Hello, Measured, NamedFigure, Reply, Request, RoundSpec, VERSION,
};
use workloads::placement::UnknownPlacement;
use workloads::registry::{Cell, CellError, Registry, UsageError};
use workloads::thread_group::ThreadGroupError;
use workloads::workload::{Round, RoundError};

/// The environment variable that names a file to which the runner appends the number of each round that it
/// has run, so that a test can compare a run's records with it.
pub const LOG_VARIABLE: &str = "CHANLAB_RUNNER_LOG";

/// Serves requests until `quit` or the end of the input.
///
/// # Errors
///
/// When the input or the output is gone, or the log cannot be written.
pub fn serve(registry: &Registry, input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    let counters = Counters::open();
    reply(&mut output, &Reply::Hello(hello(registry, counters.as_ref().err())))?;
    let mut runner = Runner { registry, cells: HashMap::new(), counters: counters.ok(), log: open_log()? };
    for line in input.lines() {
        match serde_json::from_str(&line?) {
            Ok(Request::Plan(plan)) => reply(&mut output, &runner.plan(&plan))?,
            Ok(Request::Round { cell, round }) => reply(&mut output, &runner.round(cell, round)?)?,
            Ok(Request::Quit) => break,
            Err(error) => reply(&mut output, &Reply::Error { message: format!("not a request: {error}") })?,
        }
    }
    Ok(())
}

fn reply(output: &mut impl Write, reply: &Reply) -> io::Result<()> {
    output.write_all(&protocol::line(reply))?;
    output.flush()
}

fn open_log() -> io::Result<Option<File>> {
    let path = env::var_os(LOG_VARIABLE);
    path.map(|path| OpenOptions::new().create(true).append(true).open(path)).transpose()
}

fn hello(registry: &Registry, no_counters: Option<&CountersUnavailable>) -> Hello {
    let machine = crate::machine::current(registry);
    let version = |name: &str| machine.channels.get(name).map_or("unknown", String::as_str);
    Hello {
        protocol: VERSION,
        runner: format!("chanlab {}", env!("CARGO_PKG_VERSION")),
        channels: registry.channels().map(|info| ChannelHello::from_info(info, version(info.name))).collect(),
        workloads: registry.workloads().map(|info| info.name.to_owned()).collect(),
        meters: ["processor time", "context switches", "allocations", "peak memory", "machine noise"]
            .into_iter()
            .chain(no_counters.is_none().then_some(HARDWARE_COUNTERS))
            .map(str::to_owned)
            .collect(),
        without: no_counters.map(|why| (HARDWARE_COUNTERS.to_owned(), why.to_string())).into_iter().collect(),
        language: machine.rustc,
    }
}

const HARDWARE_COUNTERS: &str = "hardware counters";

/// A planned cell, and whether its rounds count allocations.
struct Planned {
    cell: Cell,
    allocations: bool,
}

/// The reason why a cell cannot be prepared.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
enum PlanError {
    Usage(#[from] UsageError),
    Placement(#[from] UnknownPlacement),
}

struct Runner<'a> {
    registry: &'a Registry,
    cells: HashMap<u64, Planned>,
    counters: Option<Counters>,
    log: Option<File>,
}

impl Runner<'_> {
    fn plan(&mut self, plan: &RoundSpec) -> Reply {
        match self.prepared(plan) {
            Ok(cell) => {
                let planned = Reply::Planned {
                    cell: plan.cell,
                    messages: cell.size.messages,
                    effective_capacity: cell.effective_capacity.map(|capacity| capacity.to_string()),
                };
                self.cells.insert(plan.cell, Planned { cell, allocations: plan.allocations });
                planned
            }
            Err(error) => {
                // The number names no cell now: a round of the earlier one was not asked for.
                self.cells.remove(&plan.cell);
                Reply::Error { message: error.to_string() }
            }
        }
    }

    fn prepared(&self, plan: &RoundSpec) -> Result<Cell, PlanError> {
        let pairs: Vec<String> = plan.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let params = self.registry.params(&plan.workload, &pairs.join(","))?;
        let mut cell = self.registry.cell(&plan.channel, &plan.workload, params, plan.messages)?;
        if let Some(nanos) = plan.deadline_ns {
            cell.size.deadline = Duration::from_nanos(nanos);
        }
        cell.size.placement = plan.placement.parse()?;
        Ok(cell)
    }

    fn round(&mut self, cell: u64, round: u64) -> io::Result<Reply> {
        let Some(planned) = self.cells.get(&cell) else {
            return Ok(Reply::Error { message: format!("cell {cell} was not planned") });
        };
        allocations::count(planned.allocations);
        memory::reset_peak();
        let (spin, steal) = (noise::spin(), noise::steal());
        let (result, counts) = match &mut self.counters {
            Some(counters) => counters.around(|| planned.cell.round()),
            None => (planned.cell.round(), EventCounts::new()),
        };
        allocations::count(false);
        let peak_bytes = memory::peak();
        let steal_ns = steal.and_then(|before| Some(nanos(noise::steal()?.saturating_sub(before))));
        let frequency_hz = noise::frequency().map(|frequency| frequency as u64);
        if let Some(log) = &mut self.log {
            // One write: several runners append to the same file, and their lines must not mix.
            log.write_all(format!("{round}\n").as_bytes())?;
        }
        Ok(match result {
            Ok(measured) => Reply::Round(Measured {
                peak_bytes,
                spin_ns: Some(nanos(spin)),
                steal_ns,
                frequency_hz,
                counters: counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect(),
                ..reported(cell, round, measured)
            }),
            Err(CellError { error, .. }) => failed(cell, round, &error),
        })
    }
}

/// The reply for a round that was not measured.
fn failed(cell: u64, round: u64, error: &RoundError) -> Reply {
    let (cause, abandoned) = match error {
        // The reply's kind has the word "unsupported" already.
        RoundError::Unsupported(Unsupported { capability, reason }) => {
            return Reply::Unsupported { cell, reason: format!("{capability} ({reason})") };
        }
        error if error.is_shortage() => (FailureCause::Shortage, false),
        error if !error.is_failure() => return Reply::Unsupported { cell, reason: error.to_string() },
        RoundError::ThreadGroup(ThreadGroupError::Hung { .. }) => (FailureCause::Hang, true),
        RoundError::ThreadGroup(ThreadGroupError::Panicked { .. }) => (FailureCause::Panic, true),
        _ => (FailureCause::Violation, false),
    };
    Reply::Failed { cell, round, cause, reason: error.to_string(), abandoned }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The round's own part of the reply.
fn reported(cell: u64, round: u64, mut measured: Round) -> Measured {
    let figures = mem::take(&mut measured.figures).into_iter();
    Measured {
        cell,
        round,
        messages: measured.messages,
        wall_ns: nanos(measured.elapsed),
        user_ns: measured.usage.map(|usage| usage.user_ns),
        system_ns: measured.usage.map(|usage| usage.system_ns),
        voluntary: measured.usage.map(|usage| usage.voluntary),
        involuntary: measured.usage.map(|usage| usage.involuntary),
        allocations: measured.allocations.map(|allocations| allocations.count),
        allocated_bytes: measured.allocations.map(|allocations| allocations.bytes),
        latency: measured.latency.as_ref().map(latency::to_pairs),
        figures: figures
            .map(|figure| NamedFigure { name: figure.name.to_owned(), value: figure.value })
            .collect(),
        ..Measured::default()
    }
}
