//! Which channel to take for one cell, by what counts, and why: in words.

use std::fmt;

use harness::workload::RankedBy;

use super::cells::{Cell, Outcome};
use super::costs::{Costs, median};
use super::paired_test::Pair;
use super::runs::{cell, of_entries, pairs, times};
use crate::collect::runs::RunData;
use crate::numbers;
use crate::run::journal::Metric;

/// What counts, in words, with its unit.
fn words(by: Metric) -> &'static str {
    match by {
        Metric::Latency => "ns latency at the 99th percentile of a round",
        Metric::Throughput => "ns/op",
        Metric::Cpu => "cpu-ns/op",
    }
}

/// The ranking of one cell's channels, and the reason for the first.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The cell.
    name: String,
    by: Metric,
    /// Those with a time, the best first.
    ranked: Vec<Ranked>,
    /// Those without a time.
    others: Vec<Unranked>,
}

#[derive(Clone, Debug)]
struct Unranked {
    name: String,
    why: String,
    has_failed: bool,
}

#[derive(Clone, Debug)]
struct Ranked {
    name: String,
    version: String,
    /// The median of what counts.
    value: f64,
    /// Beside the best; `None` for the best itself.
    pair: Option<Pair>,
    tied: bool,
    cell: Cell,
}

/// Ranks the channels of a run's only group; `None` when none has a time.
pub fn choose(run: &RunData, by: Metric) -> Option<Choice> {
    let group = 0;
    let counted = of_entries(run, group, by);
    let pairs = pairs(run, group, &counted);
    let best = *pairs.order.first()?;
    let tied = pairs.tied();
    let cell = |entry: usize| cell(run, (group, entry), &times(run, (group, entry), Metric::Throughput));
    let ranked = pairs.order.iter().map(|&entry| {
        let values = counted[entry].values().flat_map(|blocks| blocks.values().copied()).collect();
        Ranked {
            name: run.plan.entries[entry].name.clone(),
            version: run.plan.entries[entry].version.clone(),
            value: median(values).unwrap_or(f64::NAN),
            pair: pairs.between(entry, best).filter(|_| entry != best),
            tied: tied.contains(&entry),
            cell: cell(entry),
        }
    });
    let ranked: Vec<Ranked> = ranked.collect();
    let others = (0..run.plan.entries.len()).filter(|entry| !pairs.order.contains(entry)).map(|entry| {
        let cell = cell(entry);
        Unranked {
            name: run.plan.entries[entry].name.clone(),
            why: why_not(&cell),
            has_failed: matches!(cell.outcome, Outcome::Failed(_)),
        }
    });
    Some(Choice { name: run.plan.groups[group].name(), by, others: others.collect(), ranked })
}

/// Why a channel is not ranked.
fn why_not(cell: &Cell) -> String {
    match &cell.outcome {
        Outcome::Unsupported(reason) => format!("unsupported: {reason}"),
        Outcome::Failed(reason) => format!("FAILED: {reason}"),
        Outcome::Damaged(problem) => format!("damaged: {problem}"),
        Outcome::NotRun => "not run".to_owned(),
        Outcome::Measured(_) => match &cell.effective_capacity {
            Some(capacity) => format!("has capacity {capacity}, which is not what was asked for"),
            None => "does not tell what counts here".to_owned(),
        },
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.name)?;
        let width = self.ranked.iter().map(|ranked| ranked.name.len()).max().unwrap_or(0);
        for ranked in &self.ranked {
            let beside = match &ranked.pair {
                None => "best".to_owned(),
                Some(pair) => {
                    let interval = pair.interval.map_or("not bounded".to_owned(), numbers::ratios);
                    let tie = if ranked.tied { ", not told apart" } else { "" };
                    format!("{} [{interval}]{tie}", numbers::ratio(pair.ratio))
                }
            };
            let rounds = numbers::count(ranked.cell.rounds, "verified round");
            writeln!(
                f,
                "  {:width$}  {:>9} {}  {beside}; {}; {rounds}",
                ranked.name,
                numbers::measured(ranked.value),
                words(self.by),
                costs_in_words(self.by, &ranked.cell),
            )?;
        }
        for Unranked { name, why, .. } in &self.others {
            writeln!(f, "  {name:width$}  {why}")?;
        }
        write!(f, "\n{}", self.reason())
    }
}

/// What a channel costs beside what counts.
fn costs_in_words(by: Metric, cell: &Cell) -> String {
    let none = Costs::default();
    let costs = cell.costs.as_ref().unwrap_or(&none);
    let wall =
        cell.measurement().map(|measurement| format!("{} ns/op", numbers::measured(measurement.median)));
    let cpu = costs.cpu_ns.map(|cpu| format!("{} cpu-ns/op", numbers::measured(cpu)));
    let switches = match (costs.voluntary, costs.involuntary) {
        (Some(voluntary), Some(involuntary)) => {
            Some(format!("{} switches/op", numbers::measured(voluntary + involuntary)))
        }
        _ => None,
    };
    let told = [wall.filter(|_| by != Metric::Throughput), cpu.filter(|_| by != Metric::Cpu), switches];
    let told: Vec<String> = told.into_iter().flatten().collect();
    told.join(", ")
}

impl Choice {
    /// One paragraph: which, how sure, and at what price.
    fn reason(&self) -> String {
        let best = &self.ranked[0];
        let tied: Vec<&Ranked> = self.ranked[1..].iter().filter(|ranked| ranked.tied).collect();
        let cpu = |ranked: &Ranked| ranked.cell.costs.as_ref().and_then(|costs| costs.cpu_ns);
        let mut text = format!("Take {} ({}): ", best.name, best.version);
        if tied.is_empty() {
            match self.ranked.get(1).and_then(|next| Some((next, next.pair.as_ref()?))) {
                Some((next, pair)) => text.push_str(&format!(
                    "it is ahead of every other, the next of which, {}, takes {} of its {}.",
                    next.name,
                    numbers::ratio(pair.ratio),
                    words(self.by)
                )),
                None => text.push_str("no other has a time here."),
            }
        } else {
            let names: Vec<&str> = tied.iter().map(|ranked| ranked.name.as_str()).collect();
            text.push_str(&format!(
                "it is not told apart from {}, so choose among them by what else they cost",
                names.join(", ")
            ));
            let cheapest = self.ranked.iter().filter(|ranked| ranked.tied).min_by(|one, other| {
                cpu(one).unwrap_or(f64::INFINITY).total_cmp(&cpu(other).unwrap_or(f64::INFINITY))
            });
            match cheapest.and_then(|cheapest| Some((cheapest, cpu(cheapest)?))) {
                Some((cheapest, nanos)) => text.push_str(&format!(
                    "; {} takes the least processor time of them, {} cpu-ns/op.",
                    cheapest.name,
                    numbers::measured(nanos)
                )),
                None => text.push('.'),
            }
        }
        if let (Some(own), Metric::Throughput) = (cpu(best), self.by)
            && let Some(thrifty) = self.ranked[1..]
                .iter()
                .filter(|ranked| cpu(ranked).is_some_and(|nanos| nanos * 1.5 < own))
                .min_by(|one, other| {
                    cpu(one).unwrap_or(f64::INFINITY).total_cmp(&cpu(other).unwrap_or(f64::INFINITY))
                })
        {
            text.push_str(&format!(
                " It buys that with processor time: {} takes {} cpu-ns/op where it takes {}.",
                thrifty.name,
                numbers::measured(cpu(thrifty).unwrap_or_default()),
                numbers::measured(own)
            ));
        }
        if best.cell.modes.len() > 1 {
            text.push_str(&format!(
                " Its rounds have {}.",
                super::statistics::modes::words(&best.cell.modes, RankedBy::Time.unit())
            ));
        }
        let failed: Vec<&str> = self
            .others
            .iter()
            .filter(|unranked| unranked.has_failed)
            .map(|unranked| unranked.name.as_str())
            .collect();
        if !failed.is_empty() {
            text.push_str(&format!(" {} failed a check: see above.", failed.join(", ")));
        }
        text.push_str(" Every round that counts delivered each message once and in order. The figures are of this machine.");
        text
    }
}
