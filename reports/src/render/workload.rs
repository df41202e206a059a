//! A workload: what it is, how its channels scale, and a ranking for each of its params.

use harness::latency::Percentiles;
use maud::{Markup, PreEscaped, html};

use super::charts;
use super::checks::verdict;
use super::colours::Colours;
use super::overview::swatch;
use crate::analyse::cells::{Cell, Outcome};
use crate::analyse::costs::Costs;
use crate::analyse::page::{ParamsPage, WorkloadPage};
use crate::analyse::ranking::Ranked;
use crate::analyse::scaling::Series;
use crate::analyse::statistics::modes::{self, Mode};
use crate::collect::criterion::Measurement;
use crate::numbers;

/// Columns of the ranking's table after the channel's name, without those of [`costs`].
const COLUMNS: usize = 5;

/// Columns of [`costs`].
const COST_COLUMNS: usize = 2;

/// The section.
pub fn section(workload: &WorkloadPage, colours: &Colours) -> Markup {
    html! {
        section.workload id=(workload.name) {
            h2 { (workload.name) }
            @match workload.info {
                Some(info) => {
                    p { (info.about) }
                    p.caveat { b { "What it does not show: " } (info.caveat) }
                    p.caveat {
                        b { "Unless named: " }
                        @for (index, param) in info.params.iter().enumerate() {
                            @if index > 0 { ", " }
                            (param.name) "=" (param.default)
                        }
                        "."
                    }
                }
                None => p.quiet { "Not known to this build." },
            }
            p.quiet {
                "Run of " (numbers::date(&workload.run.began)) ", profile " (workload.run.profile) ". "
                @if let Some(models) = &workload.models { "Models: " (verdict(models)) "." }
            }
            @if !workload.series.is_empty() {
                div.series {
                    @for series in &workload.series { (scaling(workload, series, colours)) }
                }
            }
            @for (index, params) in workload.params.iter().enumerate() {
                (ranking(workload, index, params, colours))
            }
        }
    }
}

/// The anchor of a workload's params.
pub fn params_anchor(workload: &str, index: usize) -> String {
    format!("{workload}-{index}")
}

fn scaling(workload: &WorkloadPage, series: &Series, colours: &Colours) -> Markup {
    let altered = altered_capacities(workload, series);
    let gaps = gaps(workload, series);
    html! {
        @if let Some(chart) = charts::scaling::chart(workload, series, colours) {
            figure {
                figcaption {
                    "over " (series.axis)
                    @if !series.held.is_empty() { span.quiet { ", " (series.held) } }
                }
                (PreEscaped(chart))
                @if !altered.is_empty() {
                    p.note { "Ring: " (altered.join("; ")) "." }
                }
                @if !gaps.is_empty() {
                    p.note { "No time: " (gaps.join("; ")) "." }
                }
            }
        }
    }
}

/// The capacities that are not the ones asked for, in words, along a series.
fn altered_capacities(workload: &WorkloadPage, series: &Series) -> Vec<String> {
    let mut words = Vec::new();
    for (label, params) in &series.points {
        let params = &workload.params[*params];
        for cell in params.cells.iter().filter(|cell| cell.measurement().is_some()) {
            if let Some(capacity) = &cell.effective_capacity {
                let asked = if series.over_capacity { label } else { asked_capacity(params) };
                let text = format!("{} has capacity {capacity} where {asked} was asked for", cell.channel);
                if !words.contains(&text) {
                    words.push(text);
                }
            }
        }
    }
    words
}

/// What is absent from a series, in words: each channel with the points where it has no time.
fn gaps(workload: &WorkloadPage, series: &Series) -> Vec<String> {
    let mut words = Vec::new();
    for channel in &workload.run.channels {
        for lack in ["unsupported", "failed", "damaged", "not run"] {
            let points: Vec<_> = series
                .points
                .iter()
                .filter(|(_, params)| {
                    let mut cells = workload.params[*params].cells.iter();
                    cells.any(|cell| cell.channel == *channel && cell.lack() == Some(lack))
                })
                .map(|(label, _)| label.as_str())
                .collect();
            if points.len() == series.points.len() {
                words.push(format!("{channel} {lack}"));
            } else if !points.is_empty() {
                words.push(format!("{channel} {lack} at {}", points.join(", ")));
            }
        }
    }
    words
}

fn asked_capacity(params: &ParamsPage) -> &str {
    let name = params.record.capacity.as_ref();
    name.and_then(|name| params.record.values.get(name)).map_or("another", String::as_str)
}

fn ranking(workload: &WorkloadPage, index: usize, params: &ParamsPage, colours: &Colours) -> Markup {
    let values: Vec<_> = params.record.values.iter().map(|(name, value)| format!("{name}={value}")).collect();
    html! {
        details id=(params_anchor(&workload.name, index)) open[params.prominent] {
            summary {
                span.params { (params.record.id) }
                span.digest { (digest(params, colours)) }
            }
            div.ranking {
                @if let Some(chart) = charts::ranking::chart(&workload.name, params, colours) {
                    div.picture { (PreEscaped(chart)) }
                }
                div.figures {
                    div.scroll { (table(params, colours)) }
                    p.quiet {
                        (values.join(", ")) ". "
                        @if let Some(first) = first_measurement(params) { (sampling(first)) }
                    }
                }
            }
        }
    }
}

fn first_measurement(params: &ParamsPage) -> Option<&Measurement> {
    params.cells[params.ranking.first()?.cell].measurement()
}

fn sampling(measurement: &Measurement) -> String {
    if let Some(epochs) = measurement.epochs {
        return format!(
            "{} in {}, about {} each.",
            numbers::count(measurement.samples.len() as u64, "round"),
            numbers::count(epochs as u64, "epoch"),
            numbers::count(measurement.messages, "message")
        );
    }
    let rounds = match measurement.rounds_per_sample {
        1 => "a round".to_owned(),
        rounds => format!("up to {}", numbers::count(rounds, "round")),
    };
    format!(
        "{} of {rounds}, {} each.",
        numbers::count(measurement.samples.len() as u64, "sample"),
        numbers::count(measurement.messages, "message")
    )
}

/// The order of the channels in one line, for a ranking that is folded.
fn digest(params: &ParamsPage, colours: &Colours) -> Markup {
    html! {
        @for (place, ranked) in params.ranking.iter().enumerate() {
            @let cell = &params.cells[ranked.cell];
            span.entry.tied[ranked.tied] {
                (swatch(&cell.channel, colours)) (cell.channel) " "
                @match cell.measurement() {
                    Some(measurement) if place == 0 => { (numbers::measured(measurement.median)) " " (params.unit) },
                    _ => (numbers::ratio(ranked.ratio)),
                }
            }
        }
        @for cell in params.cells.iter().filter(|cell| matches!(cell.outcome, Outcome::Failed(_) | Outcome::Damaged(_))) {
            span.entry.bad { (cell.channel) " " (cell.lack().unwrap_or_default()) }
        }
    }
}

fn table(params: &ParamsPage, colours: &Colours) -> Markup {
    let level = first_measurement(params).map_or(0.95, |measurement| measurement.level);
    html! {
        table.rank {
            thead {
                tr {
                    th scope="col" { "channel" }
                    th.number scope="col" { (params.unit) }
                    th.number scope="col" { (format!("{:.0} %", level * 100.0)) " interval" }
                    th.number colspan="2" scope="col" { "ratio to the fastest" }
                    @if has_costs(params) {
                        th.number scope="col" { "cpu-ns/op" }
                        th.number scope="col" { "switches/op" }
                    }
                    th.number scope="col" { "rounds verified" }
                }
            }
            tbody {
                @for (place, ranked) in params.ranking.iter().enumerate() {
                    @let cell = &params.cells[ranked.cell];
                    @if let Some(measurement) = cell.measurement() {
                        (measured_row(params, place, ranked, cell, measurement, colours))
                    }
                }
                @for cell in params.cells.iter().filter(|cell| cell.measurement().is_none()) {
                    (lacking_row(params, cell, colours))
                }
            }
        }
    }
}

fn measured_row(
    params: &ParamsPage,
    place: usize,
    ranked: &Ranked,
    cell: &Cell,
    measurement: &Measurement,
    colours: &Colours,
) -> Markup {
    let [low, high] = measurement.interval.map(numbers::measured);
    html! {
        tr {
            th scope="row" { (swatch(&cell.channel, colours)) (cell.channel) }
            td.number { b { (numbers::measured(measurement.median)) } }
            td.number.quiet { (low) "–" (high) }
            @if place == 0 {
                td.number colspan="2" { "fastest" }
            } @else {
                td.number { (numbers::ratio(ranked.ratio)) }
                td.number.quiet {
                    @if ranked.ratio_interval[1].is_finite() { (numbers::ratios(ranked.ratio_interval)) }
                    @else { "too few epochs" }
                }
            }
            @if has_costs(params) { (costs(cell.costs.as_ref())) }
            td.number { (numbers::separated(cell.rounds)) }
        }
        @if has_remarks(ranked, place, cell) {
            tr.remarks {
                td {}
                td colspan=(columns(params)) {
                @if let Some(words) = modes_in_words(&cell.modes, params.unit) { div { (words) } }
                @if let Some(costs) = &cell.costs { (other_costs(costs)) }
                @if ranked.tied && place > 0 { div { "not told apart from the fastest" } }
                @if let Some(capacity) = &cell.effective_capacity {
                    div { "effective capacity " b { (capacity) } ", asked for: " (asked_capacity(params)) }
                    @if place > 0 { div { "so not ranked" } }
                }
                @for remark in &cell.remarks { div { (remark) } }
            }
            }
        }
    }
}

fn has_remarks(ranked: &Ranked, place: usize, cell: &Cell) -> bool {
    ranked.tied && place > 0
        || cell.effective_capacity.is_some()
        || !cell.remarks.is_empty()
        || cell.modes.len() > 1
        || cell.costs.is_some()
}

/// Criterion tells no costs.
fn has_costs(params: &ParamsPage) -> bool {
    params.cells.iter().any(|cell| cell.costs.is_some())
}

/// Columns after the channel's name.
fn columns(params: &ParamsPage) -> usize {
    COLUMNS + if has_costs(params) { COST_COLUMNS } else { 0 }
}

/// Processor time and context switches.
fn costs(costs: Option<&Costs>) -> Markup {
    let switches = |costs: &Costs| Some(costs.voluntary? + costs.involuntary?);
    html! {
        td.number { @if let Some(cpu) = costs.and_then(|costs| costs.cpu_ns) { (numbers::measured(cpu)) } @else { "–" } }
        td.number {
            @if let Some(switches) = costs.and_then(switches) { (numbers::measured(switches)) } @else { "–" }
        }
    }
}

/// One mode is no news.
fn modes_in_words(modes: &[Mode], unit: &str) -> Option<String> {
    (modes.len() > 1).then(|| modes::words(modes, unit))
}

/// What else a cell costs, and what its workload tells: each in a line.
fn other_costs(costs: &Costs) -> Markup {
    let memory = |bytes: u64| format!("{:.1} MiB", bytes as f64 / (1 << 20) as f64);
    html! {
        @if let Some(latency) = &costs.latency { div { "latency: " (latency_in_words(latency)) } }
        @if let (Some(count), Some(bytes)) = (costs.allocations, costs.allocated_bytes) {
            div { (numbers::figure(count)) " allocations/op, " (numbers::figure(bytes)) " bytes/op" }
        }
        @for (name, value) in &costs.figures { div.quiet { (name) ": " (numbers::figure(*value)) } }
        @if !costs.counters.is_empty() {
            div.quiet {
                @for (index, (name, count)) in costs.counters.iter().enumerate() {
                    @if index > 0 { ", " }
                    (numbers::measured(*count)) " " (name)
                }
                " for each op"
            }
        }
        @if let Some(peak) = costs.peak_bytes { div.quiet { "peak memory " (memory(peak)) } }
    }
}

/// Percentiles in microseconds. One with too few messages beyond it is withheld.
pub fn latency_in_words(latency: &Percentiles) -> String {
    let named = [
        ("p50", latency.p50),
        ("p90", latency.p90),
        ("p99", latency.p99),
        ("p99.9", latency.p99_9),
        ("max", latency.max),
    ];
    let words = named.map(|(name, time)| match time {
        Some(nanos) => format!("{name} {} µs", numbers::measured(nanos as f64 / 1_000.0)),
        None => format!("{name} withheld"),
    });
    words.join(", ")
}

fn lacking_row(params: &ParamsPage, cell: &Cell, colours: &Colours) -> Markup {
    html! {
        tr.lacking {
            th scope="row" { (swatch(&cell.channel, colours)) (cell.channel) }
            td colspan=(columns(params)) {
                @match &cell.outcome {
                    Outcome::Measured(_) => {},
                    Outcome::Unsupported(reason) => { "unsupported: " (reason) },
                    Outcome::Failed(reason) => {
                        span.bad { "failed: " (reason) }
                        @if let Some(replay) = &cell.replay { div { "again: " code { (replay) } } }
                    },
                    Outcome::Damaged(problem) => {
                        span.bad { "damaged: " code { (problem.place()) } " " (problem.what) }
                        div { "Measure it again." }
                    },
                    Outcome::NotRun => "not run",
                }
                @for remark in &cell.remarks { div.quiet { (remark) } }
            }
        }
    }
}
