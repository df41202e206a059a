//! `chanlab choose` in the terminal: a ranking, and a paragraph that recommends a channel.

use super::words;
use crate::analyse::cells::MeasuredCell;
use crate::analyse::choice::{Choice, RankedChannel, Unranked};
use records::text;
use wording::{columns, numbers};
use workloads::workload::Metric;

/// How many times as much processor time the best must take before the text warns of it.
const WASTEFUL: f64 = 1.5;

/// The metric in words, with its unit.
fn metric(by: Metric) -> &'static str {
    match by {
        Metric::Latency => "ns latency at the 99th percentile of a round",
        Metric::Throughput => "ns/op",
        Metric::Cpu => "cpu-ns/op",
    }
}

/// The ranking and the recommendation.
pub fn text(choice: &Choice) -> String {
    let mut text = format!("{}\n\n", text::line(&choice.name));
    let width = columns::width(choice.ranked.iter().map(|ranked| text::name(&ranked.name)));
    for ranked in &choice.ranked {
        let ratio = match &ranked.pair {
            None => "best".to_owned(),
            Some(pair) => {
                let interval = pair.interval.map_or("not bounded".to_owned(), numbers::ratios);
                let tie = if ranked.tied { ", tied" } else { "" };
                format!("{} [{interval}]{tie}", numbers::ratio(pair.ratio))
            }
        };
        text.push_str(&format!(
            "  {:width$}  {:>9} {}  {ratio}; {}; {}\n",
            text::name(&ranked.name),
            numbers::measured(ranked.value),
            metric(choice.by),
            other_costs(choice.by, &ranked.cell),
            numbers::count(ranked.cell.rounds, "verified round")
        ));
    }
    for (name, reason) in &choice.unranked {
        text.push_str(&format!("  {:width$}  {}\n", text::name(name), text::line(&unranked(reason))));
    }
    text.push_str(&format!("\n{}", text::line(&recommendation(choice))));
    text
}

fn unranked(reason: &Unranked) -> String {
    match reason {
        Unranked::Unsupported(reason) => format!("unsupported: {reason}"),
        Unranked::Failed(reason) => format!("FAILED: {reason}"),
        Unranked::Contradictory => "contradictory records".to_owned(),
        Unranked::NotPaired => "not ranked: it was in no block with the best".to_owned(),
        Unranked::NotRun => "not run".to_owned(),
        Unranked::OtherCapacity(capacity) => format!("not ranked: its capacity is {capacity}"),
        Unranked::WithoutMetric => "not ranked: its runner does not report this metric".to_owned(),
    }
}

/// The costs other than the metric.
fn other_costs(by: Metric, cell: &MeasuredCell) -> String {
    let costs = cell.costs.clone().unwrap_or_default();
    let wall =
        cell.measurement().map(|measurement| format!("{} ns/op", numbers::measured(measurement.median)));
    let cpu = costs.cpu_ns.map(|cpu| format!("{} cpu-ns/op", numbers::measured(cpu)));
    let switches = match (costs.voluntary, costs.involuntary) {
        (Some(voluntary), Some(involuntary)) => {
            Some(format!("{} switches/op", numbers::measured(voluntary + involuntary)))
        }
        _ => None,
    };
    let all = [wall.filter(|_| by != Metric::Throughput), cpu.filter(|_| by != Metric::Cpu), switches];
    all.into_iter().flatten().collect::<Vec<String>>().join(", ")
}

/// One paragraph: which channel, how certain, and at what price.
fn recommendation(choice: &Choice) -> String {
    let best = &choice.ranked[0];
    let mut text = format!("Take {} ({}): ", best.name, best.version);
    text.push_str(&lead(choice));
    text.push_str(&price(choice));
    if best.cell.modes.len() > 1 {
        text.push_str(&format!(
            " Its rounds have {}.",
            words::modes(&best.cell.modes, Metric::Throughput.unit())
        ));
    }
    let failed: Vec<&str> = choice
        .unranked
        .iter()
        .filter(|(_, reason)| matches!(reason, Unranked::Failed(_)))
        .map(|(name, _)| name.as_str())
        .collect();
    if !failed.is_empty() {
        text.push_str(&format!(" {} failed a check: see above.", failed.join(", ")));
    }
    text.push_str(" Every round in these numbers delivered each message once and in order. The numbers hold for this machine.");
    text
}

/// How far the best channel leads.
fn lead(choice: &Choice) -> String {
    let tied: Vec<&str> =
        choice.ranked[1..].iter().filter(|ranked| ranked.tied).map(|ranked| ranked.name.as_str()).collect();
    if tied.is_empty() {
        return match choice.ranked.get(1).and_then(|next| Some((next, next.pair.as_ref()?))) {
            Some((next, pair)) => format!(
                "it leads every other channel. The next one, {}, takes {} of its {}.",
                next.name,
                numbers::ratio(pair.ratio),
                metric(choice.by)
            ),
            None => "no other channel has a time here.".to_owned(),
        };
    }
    let tied = tied.join(", ");
    match cheapest(choice.ranked.iter().filter(|ranked| ranked.tied)) {
        Some((cheapest, nanos)) => format!(
            "it is tied with {tied}, so let their other costs decide; {cheapest} takes the least processor time of them, {} cpu-ns/op.",
            numbers::measured(nanos)
        ),
        None => format!("it is tied with {tied}, so let their other costs decide."),
    }
}

/// The processor time that the best channel pays for its lead, as a sentence; empty when it pays little.
fn price(choice: &Choice) -> String {
    let (best, others) = (&choice.ranked[0], &choice.ranked[1..]);
    let (Some(own), Metric::Throughput) = (best.cpu_ns(), choice.by) else {
        return String::new();
    };
    let thrifty = others.iter().filter(|ranked| ranked.cpu_ns().is_some_and(|nanos| nanos * WASTEFUL < own));
    cheapest(thrifty).map_or(String::new(), |(name, nanos)| {
        format!(
            " It pays for its speed with processor time: {} cpu-ns/op, where {name} takes {}.",
            numbers::measured(own),
            numbers::measured(nanos)
        )
    })
}

/// The channel with the least processor time, in ns for each message.
fn cheapest<'a>(channels: impl Iterator<Item = &'a RankedChannel>) -> Option<(&'a str, f64)> {
    let measured = channels.filter_map(|ranked| Some((ranked.name.as_str(), ranked.cpu_ns()?)));
    measured.min_by(|(_, one), (_, other)| one.total_cmp(other))
}
