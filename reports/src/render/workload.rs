//! The section of a workload: a description, charts of how the channels scale, and a ranking for each of its
//! params.

use maud::{Markup, PreEscaped, html};

use super::colours::Colours;
use super::parts::{CONTRADICTORY, NOT_PAIRED, has_failed, lack, params_anchor, swatch};
use super::{charts, checks, words};
use crate::analyse::cells::{CellResult, MeasuredCell, Measurement};
use crate::analyse::costs::Costs;
use crate::analyse::page::{ParamsPage, WorkloadPage};
use crate::analyse::ranking::Ranked;
use crate::analyse::scaling::Series;
use records::command;
use wording::numbers;

/// The number of columns after the channel's name.
const COLUMNS: usize = 7;

/// The section. Rankings of a run that `is_unfinished` say so.
pub(crate) fn section(workload: &WorkloadPage, is_unfinished: bool, colours: &Colours) -> Markup {
    html! {
        section.workload id=(workload.name) {
            h2 { (workload.name) }
            @match workload.info {
                Some(info) => {
                    p { (info.about) }
                    p.caveat { b { "What it does not show: " } (info.caveat) }
                    p.caveat {
                        b { "Defaults: " }
                        @for (index, param) in info.params.iter().enumerate() {
                            @if index > 0 { ", " }
                            (param.name) "=" (param.default)
                        }
                        "."
                    }
                }
                None => p.quiet { "Unknown to this build." },
            }
            @if let Some(models) = checks::workload_models(&workload.models) {
                p.quiet { "Models: " (checks::check(&models)) "." }
            }
            @if !workload.series.is_empty() {
                div.series {
                    @for series in &workload.series { (scaling(workload, series, colours)) }
                }
            }
            (timeline(workload))
            @for (index, params) in workload.params.iter().enumerate() {
                (ranking(workload, index, params, is_unfinished, colours))
            }
        }
    }
}

/// A part of the timeline of a round; without one, how to record it.
fn timeline(workload: &WorkloadPage) -> Markup {
    let Some(file) = &workload.timeline_file else { return html! {} };
    let file = file.display().to_string();
    let chart = workload.timeline.as_ref().and_then(|part| Some((part, charts::timeline::chart(part)?)));
    html! {
        @match chart {
            Some((part, chart)) => figure.timeline {
                figcaption {
                    "a timeline" span.quiet { " of a round that was traced and is not among the measured ones: " (part.title) }
                }
                (PreEscaped(chart))
                p.note {
                    @if part.others > 0 { "Without " (numbers::count(part.others as u64, "further thread")) ". " }
                    "A few moments of it. All of it, with arrows that follow the messages, is in "
                    code { (file) } ": open it at ui.perfetto.dev."
                }
            },
            None => @if let Some(channel) = workload.channels.first() {
                p.quiet {
                    "For a timeline of a round here: "
                    code { (command::line(["chanlab", "round", channel, &workload.name, "--trace", &file])) }
                    ", and then draw the page again."
                }
            },
        }
    }
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

/// Capacities other than the requested ones along a series, in words.
fn altered_capacities(workload: &WorkloadPage, series: &Series) -> Vec<String> {
    let mut words = Vec::new();
    for (label, params) in &series.points {
        let params = &workload.params[*params];
        for cell in params.cells.iter().filter(|cell| cell.measurement().is_some()) {
            if let Some(capacity) = &cell.effective_capacity {
                let requested = if series.over_capacity { label } else { requested_capacity(params) };
                let text = format!("{} has capacity {capacity} instead of {requested}", cell.channel);
                if !words.contains(&text) {
                    words.push(text);
                }
            }
        }
    }
    words
}

/// The gaps of a series, in words: each channel with the points where it has no time.
fn gaps(workload: &WorkloadPage, series: &Series) -> Vec<String> {
    let mut words = Vec::new();
    for channel in &workload.channels {
        for word in ["unsupported", "failed", CONTRADICTORY, "not run"] {
            let points: Vec<_> = series
                .points
                .iter()
                .filter(|(_, params)| {
                    let mut cells = workload.params[*params].cells.iter();
                    cells.any(|cell| cell.channel == *channel && lack(cell) == Some(word))
                })
                .map(|(label, _)| label.as_str())
                .collect();
            if points.len() == series.points.len() {
                words.push(format!("{channel} {word}"));
            } else if !points.is_empty() {
                words.push(format!("{channel} {word} at {}", points.join(", ")));
            }
        }
    }
    words
}

fn requested_capacity(params: &ParamsPage) -> &str {
    let name = params.record.capacity.as_ref();
    name.and_then(|name| params.record.values.get(name)).map_or("another", String::as_str)
}

fn ranking(
    workload: &WorkloadPage,
    index: usize,
    params: &ParamsPage,
    is_unfinished: bool,
    colours: &Colours,
) -> Markup {
    let values: Vec<_> = params.record.values.iter().map(|(name, value)| format!("{name}={value}")).collect();
    html! {
        details id=(params_anchor(&workload.name, index)) open[params.prominent] {
            summary {
                span.params { (params.record.id) }
                @if is_unfinished { span.unfinished { "unfinished" } }
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
    format!(
        "{} in {}, about {} each.",
        numbers::count(measurement.samples.len() as u64, "round"),
        numbers::count(measurement.epochs as u64, "epoch"),
        numbers::count(measurement.messages, "message")
    )
}

/// The ranking in one line, for a ranking that is folded.
fn digest(params: &ParamsPage, colours: &Colours) -> Markup {
    html! {
        @for (place, ranked) in params.ranking.iter().enumerate() {
            @let cell = &params.cells[ranked.cell];
            span.entry.tied[ranked.tied] {
                (swatch(&cell.channel, colours)) (cell.channel) " "
                @match cell.measurement() {
                    Some(measurement) if place == 0 => { (numbers::measured(measurement.median)) " " (params.unit) },
                    Some(_) => (ranked.ratio.map_or_else(|| NOT_PAIRED.to_owned(), numbers::ratio)),
                    None => {},
                }
            }
        }
        @for cell in params.cells.iter().filter(|cell| has_failed(cell)) {
            span.entry.bad { (cell.channel) " " (lack(cell).unwrap_or_default()) }
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
                    th.number scope="col" { "cpu-ns/op" }
                    th.number scope="col" { "switches/op" }
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
                    (lacking_row(cell, colours))
                }
            }
        }
    }
}

fn measured_row(
    params: &ParamsPage,
    place: usize,
    ranked: &Ranked,
    cell: &MeasuredCell,
    measurement: &Measurement,
    colours: &Colours,
) -> Markup {
    let [low, high] = measurement.interval.map(numbers::measured);
    html! {
        tr {
            th scope="row" { (swatch(&cell.channel, colours)) (cell.channel) }
            td.number { b { (numbers::measured(measurement.median)) } }
            td.number.quiet { (low) "–" (high) }
            @if let (None, false) = (ranked.ratio, ranked.altered) {
                td.number.quiet colspan="2" { @if place == 0 { "in no block with another" } @else { (NOT_PAIRED) } }
            } @else if place == 0 {
                td.number colspan="2" { "fastest" }
            } @else if let Some(ratio) = ranked.ratio {
                td.number { (numbers::ratio(ratio)) }
                td.number.quiet {
                    @if ranked.ratio_interval[1].is_finite() { (numbers::ratios(ranked.ratio_interval)) }
                    @else { "too few epochs" }
                }
            } @else {
                td.number.quiet colspan="2" { (NOT_PAIRED) }
            }
            (costs(cell.costs.as_ref()))
            td.number { (numbers::separated(cell.rounds)) }
        }
        tr.remarks {
            td {}
            td colspan=(COLUMNS) {
                @if cell.modes.len() > 1 { div { (words::modes(&cell.modes, params.unit)) } }
                @if let Some(costs) = &cell.costs { (other_costs(costs)) }
                @if ranked.tied && place > 0 { div { "tied with the fastest" } }
                @if let Some(capacity) = &cell.effective_capacity {
                    div {
                        "effective capacity " b { (capacity) } ", requested: " (requested_capacity(params))
                        @if place > 0 { "; not ranked" }
                    }
                }
            }
        }
    }
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

/// The other costs of a cell and the figures of its workload, one in each line.
fn other_costs(costs: &Costs) -> Markup {
    let memory = |bytes: u64| format!("{:.1} MiB", bytes as f64 / (1 << 20) as f64);
    html! {
        @if let Some(latency) = &costs.latency { div { "latency: " (words::latency(latency)) } }
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
                " per op"
            }
        }
        @if let Some(peak) = costs.peak_bytes { div.quiet { "peak memory " (memory(peak)) } }
    }
}

fn lacking_row(cell: &MeasuredCell, colours: &Colours) -> Markup {
    html! {
        tr.lacking {
            th scope="row" { (swatch(&cell.channel, colours)) (cell.channel) }
            td colspan=(COLUMNS) {
                @match &cell.result {
                    CellResult::Measured(_) => {},
                    CellResult::Unsupported(reason) => { "unsupported: " (reason) },
                    CellResult::Failed(reason) => {
                        span.bad { "failed: " (reason) }
                        div { "again: " code { (cell.replay) } }
                    },
                    CellResult::Contradictory => span.bad { (CONTRADICTORY) ": no number of it counts (see the problems above)" },
                    CellResult::NotRun => "not run",
                }
            }
        }
    }
}
