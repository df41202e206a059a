//! chanlab's own runner: serves the runner protocol over this build's channels. `PROTOCOL.md` is the document.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, Write};
use std::time::Duration;
use std::{env, mem};

use crate::crew::CrewError;
use crate::latency;
use crate::machine::Machine;
use crate::meters::counters::{Counters, Counts, NoCounters};
use crate::meters::{allocations, memory, noise};
use crate::placement::UnknownPlacement;
use crate::protocol::{self, ChannelHello, Hello, Measured, NamedFigure, Plan, Reply, Request, VERSION};
use crate::registry::{Cell, CellError, Registry};
use crate::workload::{Round, RoundError};

/// The environment variable that names a file to which the runner appends a line for each round that it has run: its own
/// account, to hold a record against.
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
            Err(error) => reply(&mut output, &Reply::Error { message: format!("no request: {error}") })?,
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

fn hello(registry: &Registry, no_counters: Option<&NoCounters>) -> Hello {
    let machine = Machine::current(registry);
    let version = |name: &str| machine.channels.get(name).map_or("unknown", String::as_str);
    Hello {
        protocol: VERSION,
        runner: format!("chanlab {}", env!("CARGO_PKG_VERSION")),
        channels: registry.channels().map(|info| ChannelHello::of(info, version(info.name))).collect(),
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

struct Runner<'a> {
    registry: &'a Registry,
    cells: HashMap<u64, Planned>,
    counters: Option<Counters>,
    log: Option<File>,
}

impl Runner<'_> {
    fn plan(&mut self, plan: &Plan) -> Reply {
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
            Err(message) => {
                // Its number means nothing now, and rounds of an earlier cell are not what is asked for.
                self.cells.remove(&plan.cell);
                Reply::Error { message }
            }
        }
    }

    fn prepared(&self, plan: &Plan) -> Result<Cell, String> {
        let pairs: Vec<String> = plan.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let params =
            self.registry.params(&plan.workload, &pairs.join(",")).map_err(|error| error.to_string())?;
        let mut cell = self
            .registry
            .cell(&plan.channel, &plan.workload, params, plan.messages)
            .map_err(|error| error.to_string())?;
        if let Some(nanos) = plan.deadline_ns {
            cell.size.deadline = Duration::from_nanos(nanos);
        }
        cell.size.placement = plan.placement.parse().map_err(|error: UnknownPlacement| error.to_string())?;
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
            None => (planned.cell.round(), Counts::new()),
        };
        allocations::count(false);
        let peak_bytes = memory::peak();
        let steal_ns = steal.and_then(|before| Some(nanos(noise::steal()?.saturating_sub(before))));
        let frequency_hz = noise::frequency().map(|frequency| frequency as u64);
        if let Some(log) = &mut self.log {
            // One write: runners that outlive a killed parent append to the same file, and a line is whole or not there.
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
            Err(CellError { error, .. }) if !error.is_failure() => {
                Reply::Unsupported { cell, reason: error.to_string() }
            }
            Err(CellError { error, .. }) => Reply::Failed {
                cell,
                round,
                reason: error.to_string(),
                abandoned: matches!(
                    error,
                    RoundError::Crew(CrewError::Hung { .. } | CrewError::Panicked { .. })
                ),
            },
        })
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// What the round itself tells.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profile;

    fn replies(requests: &str) -> Vec<Reply> {
        let mut output = Vec::new();
        serve(&Registry::new(), requests.as_bytes(), &mut output).expect("memory does not fail");
        let text = String::from_utf8(output).expect("JSON is UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect("a reply")).collect()
    }

    fn plan(cell: u64, channel: &str, workload: &str, params: &str) -> String {
        format!(
            r#"{{"kind":"plan","cell":{cell},"channel":"{channel}","workload":"{workload}","params":{params},"messages":500,"deadline_ns":null,"placement":"any","allocations":false}}"#
        )
    }

    #[test]
    fn it_plans_and_runs_and_ends() {
        let requests = [
            plan(7, "mutex-deque", "producer_consumer", r#"{"capacity":"16"}"#),
            r#"{"kind":"round","cell":7,"round":1}"#.to_owned(),
            r#"{"kind":"quit"}"#.to_owned(),
            r#"{"kind":"round","cell":7,"round":2}"#.to_owned(),
        ];
        let replies = replies(&requests.join("\n"));
        let [Reply::Hello(hello), planned, Reply::Round(measured)] = &replies[..] else {
            panic!("{replies:#?}")
        };
        assert_eq!((hello.protocol, hello.workloads.len()), (VERSION, Registry::new().workloads().count()));
        let effective_capacity = Some("16".to_owned());
        assert_eq!(*planned, Reply::Planned { cell: 7, messages: 500, effective_capacity });
        assert_eq!((measured.cell, measured.round, measured.messages), (7, 1, 500));
        assert!(measured.wall_ns > 0);
    }

    #[test]
    fn what_makes_no_sense_is_said_and_the_runner_goes_on() {
        let requests = [
            "not a request".to_owned(),
            plan(1, "flum", "producer_consumer", "{}"),
            plan(1, "flume", "producer_consumer", "{}"),
            plan(1, "flume", "producer_consumer", r#"{"colour":"red"}"#),
            r#"{"kind":"round","cell":1,"round":1}"#.to_owned(),
            plan(2, "std", "producer_consumer", r#"{"consumers":"2"}"#),
            r#"{"kind":"round","cell":2,"round":1}"#.to_owned(),
        ];
        let replies = replies(&requests.join("\n"));
        let said: Vec<String> = replies[1..]
            .iter()
            .map(|reply| match reply {
                Reply::Error { message } => message.clone(),
                Reply::Unsupported { cell, reason } => format!("{cell}: {reason}"),
                Reply::Planned { cell, .. } => format!("{cell} is planned"),
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(said[0].starts_with("no request: "), "{said:?}");
        assert!(said[1].starts_with("unknown channel flum: expected one of "), "{said:?}");
        assert_eq!(said[2], "1 is planned");
        assert!(said[3].contains("unknown parameter colour"), "{said:?}");
        assert_eq!(said[4], "cell 1 was not planned");
        assert_eq!(said[5], "2 is planned");
        assert_eq!(said[6], "2: unsupported: several consumers (std::sync::mpsc has one consumer)");
    }

    /// What a run asks for, for every cell of the quick grid.
    #[test]
    fn every_cell_can_be_planned() {
        let registry = Registry::new();
        for workload in registry.workloads() {
            for params in workload.grid(Profile::Quick) {
                let values = crate::record::ParamsRecord::new(workload, &params).values;
                let text = serde_json::to_string(&values).expect("JSON");
                let request = plan(0, "kanal", workload.name, &text).replace(":500,", ":null,");
                assert!(matches!(replies(&request)[1], Reply::Planned { .. }), "{request}");
            }
        }
    }
}
