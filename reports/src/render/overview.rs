//! The overview: the rank of each channel on each workload, then its ratio to the fastest for each of the
//! params.

use maud::{Markup, html};

use super::colours::Colours;
use super::parts::{CONTRADICTORY, NOT_PAIRED, breakable, has_failed, lack, params_anchor, swatch};
use crate::analyse::cells::MeasuredCell;
use crate::analyse::page::{Page, ParamsPage, RankSummary, WorkloadPage};
use crate::analyse::ranking::Ranked;
use wording::numbers;

/// The shades of the table of ratios, each with the largest ratio it covers.
const SHADES: [(f64, &str); 5] =
    [(1.25, "s1"), (2.0, "s2"), (4.0, "s3"), (10.0, "s4"), (f64::INFINITY, "s5")];

/// The section.
pub(crate) fn section(page: &Page, colours: &Colours) -> Markup {
    html! {
        section #overview {
            h2 { "Overview" @if page.is_unfinished() { " " span.unfinished { "of an unfinished run" } } }
            p {
                "For each workload: in how many of its params a channel is the " b { "fastest or tied with the fastest" }
                ", and the range of its ratios to the fastest. Channels are tied when a paired test over the epochs, adjusted for the "
                "number of pairs, finds no difference."
            }
            div.scroll { (summaries(page, colours)) }
            @if !page.not_run.is_empty() {
                p.quiet {
                    "Not run: "
                    @for (index, info) in page.not_run.iter().enumerate() {
                        @if index > 0 { ", " }
                        (info.name)
                    }
                    " (" code { "chanlab run" } ")."
                }
            }
            @for (name, reason) in &page.not_available { p.quiet { "Not available: " (name) ": " (reason) "." } }
            h3 { "Ratio to the fastest, for each of the params" }
            p { "Each row names the capacity and every parameter that is not at its default." }
            p.legend {
                span.shade.tied { "1.04×" } " fastest or tied with the fastest"
                @for (index, (most, shade)) in SHADES.iter().enumerate() {
                    span.shade.(shade) {
                        @if most.is_finite() { "up to " (most) "×" }
                        @else { "over " (SHADES[index - 1].0) "×" }
                    }
                }
                @if has_altered(page) { " † other capacity than requested, so not ranked" }
            }
            div.scroll { (ratios(page, colours)) }
        }
    }
}

fn has_altered(page: &Page) -> bool {
    page.workloads.iter().flat_map(|workload| &workload.summaries).any(|summary| summary.altered > 0)
}

fn channel_heads(page: &Page, colours: &Colours) -> Markup {
    html! {
        @for channel in &page.channels {
            th scope="col" { (swatch(&channel.name, colours)) (channel.name) }
        }
    }
}

fn summaries(page: &Page, colours: &Colours) -> Markup {
    html! {
        table.matrix {
            thead {
                tr {
                    th scope="col" { "workload" }
                    th.number scope="col" { "params" }
                    (channel_heads(page, colours))
                }
            }
            tbody {
                @for workload in &page.workloads {
                    @let most = workload.summaries.iter().map(|summary| summary.fastest).max().unwrap_or(0);
                    tr {
                        th scope="row" { a href={ "#" (workload.name) } { (breakable(&workload.name)) } }
                        td.number { (workload.params.len()) }
                        @for channel in &page.channels {
                            @match workload.summaries.iter().find(|summary| summary.channel == channel.name) {
                                Some(summary) => (summary_cell(summary, most)),
                                None => td.lacking { "not run" },
                            }
                        }
                    }
                }
            }
        }
    }
}

fn summary_cell(summary: &RankSummary, most: usize) -> Markup {
    let best = most > 0 && summary.fastest == most;
    html! {
        td.standing.best[best] {
            @if let Some(ratios) = summary.ratios {
                b { (summary.fastest) } span.quiet { " of " (summary.measured) }
                span.range { (numbers::ratios(ratios)) }
            }
            @for (count, word, bad) in [
                (summary.failed, "failed", true),
                (summary.contradictory, CONTRADICTORY, true),
                (summary.not_paired, "in no block with the fastest", false),
                (summary.altered, "at other capacities", false),
                (summary.unsupported, "unsupported", false),
                (summary.not_run, "not run", false),
            ] {
                @if count > 0 {
                    span.aside.bad[bad] { (count) " " (word) }
                }
            }
        }
    }
}

/// The table of ratios, linked to the rankings.
fn ratios(page: &Page, colours: &Colours) -> Markup {
    html! {
        table.matrix.ratios {
            thead {
                tr {
                    th scope="col" { "workload, params" }
                    th.number scope="col" { "fastest" }
                    (channel_heads(page, colours))
                }
            }
            @for workload in &page.workloads {
                tbody {
                    tr.group { th colspan=(page.channels.len() + 2) scope="rowgroup" { (workload.name) } }
                    @for (index, params) in workload.params.iter().enumerate() {
                        (ratio_row(page, workload, index, params))
                    }
                }
            }
        }
    }
}

fn ratio_row(page: &Page, workload: &WorkloadPage, index: usize, params: &ParamsPage) -> Markup {
    let compared = params.ranking.first().filter(|ranked| ranked.ratio.is_some());
    let fastest = compared.and_then(|ranked| params.cells[ranked.cell].measurement());
    html! {
        tr {
            th scope="row" {
                a href={ "#" (params_anchor(&workload.name, index)) } { (breakable(&params.record.id)) }
            }
            td.number {
                @if let Some(fastest) = fastest { (numbers::measured(fastest.median)) " " span.quiet { (params.unit) } }
            }
            @for channel in &page.channels {
                @match params.cells.iter().position(|cell| cell.channel == channel.name) {
                    Some(cell) => {
                        (ratio_cell(&params.cells[cell], params.ranking.iter().find(|ranked| ranked.cell == cell)))
                    },
                    None => td.lacking { "not run" },
                }
            }
        }
    }
}

fn ratio_cell(cell: &MeasuredCell, ranked: Option<&Ranked>) -> Markup {
    html! {
        @match ranked {
            Some(Ranked { ratio: None, .. }) => td.lacking { (NOT_PAIRED) },
            Some(Ranked { ratio: Some(ratio), altered: true, .. }) => td.number.quiet { (numbers::ratio(*ratio)) " †" },
            Some(Ranked { ratio: Some(ratio), tied, .. }) => {
                td.number.shade.(shade(*ratio, *tied)) { (numbers::ratio(*ratio)) }
            },
            None => td.lacking.bad[has_failed(cell)] { (lack(cell).unwrap_or_default()) },
        }
    }
}

fn shade(ratio: f64, tied: bool) -> &'static str {
    if tied {
        return "tied";
    }
    let found = SHADES.iter().find(|(most, _)| ratio <= *most);
    found.map_or("s5", |(_, shade)| shade)
}
