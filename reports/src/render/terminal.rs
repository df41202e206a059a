//! A run in the terminal: for each of its params, the channels by their ratio to the fastest.

use super::parts::{CONTRADICTORY, NOT_PAIRED, has_failed, lack};
use super::state;
use crate::analyse::page::{Page, ParamsPage, RankSummary, WorkloadPage, cells};
use records::text;
use wording::{columns, numbers};

/// The width at which lines are cut.
const WIDTH: usize = 118;

/// The table. `~` marks a channel that is tied with the fastest, `†` a capacity other than the requested one.
pub fn table(page: &Page) -> String {
    let mut text = String::new();
    let mut mark = "";
    if let Some(run) = &page.run
        && let Some(words) = state::sentence(run.state, &run.resume)
    {
        text.push_str(&format!("UNFINISHED: this run {}.\n\n", text::line(&words)));
        mark = " (unfinished)";
    }
    let params = page.workloads.iter().flat_map(|workload| &workload.params);
    let width = columns::width(params.map(|params| &params.record.id));
    for workload in &page.workloads {
        text.push_str(&format!("{}{mark}\n", text::name(&workload.name)));
        for params in &workload.params {
            let line = format!("  {:width$}  {}", params.record.id, ranking(params));
            text.push_str(text::line(line.trim_end()).trim_end());
            text.push('\n');
        }
    }
    text.push_str("The fastest in ns/op (or its latency), the others as ratios; ~ tied with the fastest");
    if cells(&page.workloads).any(|cell| cell.effective_capacity.is_some()) {
        text.push_str("; † other capacity than requested");
    }
    text.push('\n');
    for (name, reason) in &page.not_available {
        text.push_str(&format!("Not available: {}: {}\n", text::name(name), text::line(reason)));
    }
    text.push('\n');
    text
}

fn ranking(params: &ParamsPage) -> String {
    let mut line = String::new();
    for (place, ranked) in params.ranking.iter().enumerate() {
        let cell = &params.cells[ranked.cell];
        let entry = match cell.measurement() {
            Some(measurement) if place == 0 => {
                let channel = text::name(&cell.channel);
                let alone = if ranked.ratio.is_none() { " (in no block with another)" } else { "" };
                format!("{channel} {} {}{alone}", numbers::measured(measurement.median), params.unit)
            }
            _ => {
                let tie = if ranked.tied { "~" } else { "" };
                let altered = if ranked.altered { " †" } else { "" };
                let ratio = ranked.ratio.map_or_else(|| NOT_PAIRED.to_owned(), numbers::ratio);
                format!("{tie}{} {ratio}{altered}", text::name(&cell.channel))
            }
        };
        if line.chars().count() + entry.chars().count() + 3 > WIDTH {
            line.push_str(" …");
            break;
        }
        if place > 0 {
            line.push_str("   ");
        }
        line.push_str(&entry);
    }
    for cell in params.cells.iter().filter(|cell| has_failed(cell)) {
        line.push_str(&format!("   {} {}", text::name(&cell.channel), lack(cell).unwrap_or_default()));
    }
    line
}

/// A line for each workload: `ping_pong (5)  crossfire 4, kanal 2; failed: flume 1`.
pub fn summary(page: &Page) -> Vec<String> {
    let width = columns::width(page.workloads.iter().map(|workload| &workload.name));
    page.workloads.iter().map(|workload| text::line(&summary_line(workload, width)).into_owned()).collect()
}

fn summary_line(workload: &WorkloadPage, width: usize) -> String {
    let mut summaries: Vec<_> = workload.summaries.iter().collect();
    summaries.sort_by_key(|summary| std::cmp::Reverse(summary.fastest));
    let names = |count: fn(&RankSummary) -> usize| {
        let counted = summaries.iter().filter(|summary| count(summary) > 0);
        let words: Vec<_> =
            counted.map(|summary| format!("{} {}", text::name(&summary.channel), count(summary))).collect();
        words.join(", ")
    };
    let fastest = names(|summary| summary.fastest);
    let mut text = format!(
        "{:width$} {:>4}  {}",
        workload.name,
        format!("({})", workload.params.len()),
        if fastest.is_empty() { "no time" } else { &fastest }
    );
    for (word, lacking) in [
        ("failed", names(|summary| summary.failed)),
        (CONTRADICTORY, names(|summary| summary.contradictory)),
        ("in no block with the fastest", names(|summary| summary.not_paired)),
        ("not run", names(|summary| summary.not_run)),
    ] {
        if !lacking.is_empty() {
            text.push_str(&format!("; {word}: {lacking}"));
        }
    }
    text
}
