//! `chanlab round`: runs verified rounds of one cell. Records name it as the command that runs a cell again.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use clap::value_parser;
use indicatif::{ProgressBar, ProgressStyle};
use reports::exit::{Exit, ExitWith};
use wording::numbers;
use wording::terminal::stdout;
use workloads::registry::{Cell, CellError};
use workloads::workload::Round;

use super::trace;

/// The number of rounds up to which each is printed.
const MAX_PRINTED_ROUNDS: usize = 20;

/// An unbounded channel may hold nearly all of a round's messages, and one of them may take a kilobyte.
const MAX_MESSAGES: u64 = 10_000_000;

/// The maximum deadline of a round: a day.
const MAX_SECONDS: u64 = 86_400;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The channel (chanlab list names them)
    channel: String,
    /// The workload (chanlab list names them)
    workload: String,
    /// The workload's params, separated by spaces or commas; the others keep their defaults
    #[arg(value_name = "PARAM=VALUE")]
    params: Vec<String>,
    /// Rounds to run
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = value_parser!(u64).range(1..=1_000_000))]
    rounds: u64,
    /// Messages in each round [default: the workload's]
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..=MAX_MESSAGES))]
    messages: Option<u64>,
    /// The deadline of a round [default: 30, and more for large rounds]
    #[arg(long, value_name = "SECONDS", value_parser = value_parser!(u64).range(1..=MAX_SECONDS))]
    deadline: Option<u64>,
    #[command(flatten)]
    trace: trace::Arguments,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let registry = adapters::registry();
    let params = registry.params(&arguments.workload, &arguments.params.join(","))?;
    let mut cell = registry.cell(&arguments.channel, &arguments.workload, params, arguments.messages)?;
    if let Some(seconds) = arguments.deadline {
        cell.size.deadline = Duration::from_secs(seconds);
    }

    let rounds = match rounds(&cell, arguments.rounds) {
        Ok(rounds) => rounds,
        Err((_, error)) if !error.error.is_failure() => {
            let mut terminal = stdout();
            writeln!(terminal, "{cell}")?;
            writeln!(terminal, "{}", error.error)?;
            return Err(ExitWith::new(Exit::Undecided, "no round was run: the cell is not supported").into());
        }
        Err((number, error)) => {
            let message = format!("{error} (round {number} of {})", arguments.rounds);
            return Err(ExitWith::new(Exit::Failure, message).into());
        }
    };
    print(&cell, &rounds)?;
    match &arguments.trace.file {
        Some(file) => trace_one(&cell, file, arguments.trace.limit as usize),
        None => Ok(()),
    }
}

/// Runs one more round, and writes its timeline.
fn trace_one(cell: &Cell, file: &Path, limit: usize) -> Result<()> {
    let (round, timeline) = match timeline::record(cell, limit)? {
        Ok(recorded) => recorded,
        Err(error) => {
            return Err(ExitWith::new(Exit::Failure, format!("{error} (the traced round)")).into());
        }
    };
    trace::write(&timeline, &cell.to_string(), file)?;
    let mut terminal = stdout();
    write!(terminal, "the traced round: {} ns/op", numbers::measured(round.ns_per_op()))?;
    writeln!(terminal, "{}", trace::cost(cell.channel.name))?;
    Ok(())
}

/// Runs rounds until one fails, and returns that failure with its number.
fn rounds(cell: &Cell, count: u64) -> Result<Vec<Round>, (u64, CellError)> {
    // Hidden where the standard error is no terminal.
    let bar = ProgressBar::new(count).with_style(
        ProgressStyle::with_template("{bar:30} {pos} of {len} rounds, {eta} left")
            .expect("the template is valid"),
    );
    let mut rounds = Vec::new();
    for number in 1..=count {
        match cell.round() {
            Ok(round) => rounds.push(round),
            Err(error) => {
                bar.finish_and_clear();
                return Err((number, error));
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(rounds)
}

fn print(cell: &Cell, rounds: &[Round]) -> io::Result<()> {
    let mut terminal = stdout();
    writeln!(terminal, "{cell}")?;
    if let (Some(effective), Some(asked)) = (cell.changed_capacity(), cell.params.capacity()) {
        writeln!(terminal, "effective capacity: {effective}, asked for: {asked}")?;
    }
    writeln!(
        terminal,
        "{} of {}, all verified",
        numbers::count(rounds.len() as u64, "round"),
        sizes(rounds.iter().map(|round| round.messages))
    )?;
    if rounds.len() <= MAX_PRINTED_ROUNDS {
        for (index, round) in rounds.iter().enumerate() {
            let time = numbers::measured(round.ns_per_op());
            writeln!(terminal, "round {:>2}  {time:>9} ns/op", index + 1)?;
        }
    }
    if rounds.len() > 1 {
        let [least, median, most] =
            spread(rounds.iter().map(Round::ns_per_op).collect()).map(numbers::measured);
        writeln!(terminal, "ns/op: least {least}, median {median}, most {most}")?;
    }
    for (index, figure) in rounds[0].figures.iter().enumerate() {
        let values = rounds.iter().filter_map(|round| Some(round.figures.get(index)?.value));
        let [least, median, most] = spread(values.collect()).map(numbers::figure);
        if rounds.len() > 1 {
            writeln!(terminal, "{}: least {least}, median {median}, most {most}", figure.name)?;
        } else {
            writeln!(terminal, "{}: {median}", figure.name)?;
        }
    }
    Ok(())
}

/// The number of messages of each round: a pool that quits early delivers another number each time.
fn sizes(messages: impl Iterator<Item = u64> + Clone) -> String {
    let (least, most) = (messages.clone().min().unwrap_or(0), messages.max().unwrap_or(0));
    if least == most {
        numbers::count(most, "message")
    } else {
        format!("{} to {}", numbers::separated(least), numbers::count(most, "message"))
    }
}

/// The minimum, the median and the maximum of at least one number.
fn spread(mut numbers: Vec<f64>) -> [f64; 3] {
    numbers.sort_by(f64::total_cmp);
    let last = numbers.len() - 1;
    let median = (numbers[last / 2] + numbers[numbers.len() / 2]) / 2.0;
    [numbers[0], median, numbers[last]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sizes_of_different_rounds_are_a_range() {
        assert_eq!(sizes([2_000, 2_000].into_iter()), "2,000 messages");
        assert_eq!(sizes([5_123, 5_120, 5_184].into_iter()), "5,120 to 5,184 messages");
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(spread(vec![3.0, 1.0, 2.0]), [1.0, 2.0, 3.0]);
        assert_eq!(spread(vec![4.0, 1.0, 2.0, 3.0]), [1.0, 2.5, 4.0]);
        assert_eq!(spread(vec![7.0]), [7.0, 7.0, 7.0]);
    }
}
