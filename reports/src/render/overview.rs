//! The overview: how each channel stands on each workload, then its ratio to the fastest on each of the params.

use maud::{Markup, html};

use super::colours::Colours;
use super::workload::params_anchor;
use crate::analyse::cells::Cell;
use crate::analyse::page::{Page, ParamsPage, Source, WorkloadPage};
use crate::analyse::rank_summary::Standing;
use crate::analyse::ranking::Ranked;
use crate::numbers;

/// The shades of the table of ratios: up to which ratio each goes.
const SHADES: [(f64, &str); 5] =
    [(1.25, "s1"), (2.0, "s2"), (4.0, "s3"), (10.0, "s4"), (f64::INFINITY, "s5")];

/// The section.
pub fn section(page: &Page, colours: &Colours) -> Markup {
    html! {
        section #overview {
            h2 { "Overview" }
            p {
                "In how many of a workload's params a channel is the " b { "fastest, or not told apart from it" }
                (told_apart(&page.source)) ", and between which ratios to the fastest it lies."
            }
            div.scroll { (standings(page, colours)) }
            @if !page.not_run.is_empty() {
                p.quiet {
                    "Not run: "
                    @for (index, info) in page.not_run.iter().enumerate() {
                        @if index > 0 { ", " }
                        (info.name)
                    }
                    " (" code { (command(&page.source)) } ")."
                }
            }
            @for (name, why) in &page.not_available { p.quiet { "Not available: " (name) ": " (why) "." } }
            h3 { "Ratio to the fastest, for each of the params" }
            p { "Params name the capacity, and whatever is not at the workload's default." }
            p.legend {
                span.shade.tied { "1.04×" } " fastest, or not told apart from it"
                @for (index, (most, shade)) in SHADES.iter().enumerate() {
                    span.shade.(shade) {
                        @if most.is_finite() { "up to " (most) "×" }
                        @else { "over " (SHADES[index - 1].0) "×" }
                    }
                }
                @if has_altered(page) { " † another capacity than asked for, so not ranked" }
            }
            div.scroll { (ratios(page, colours, true)) }
        }
    }
}

/// The command that measures what was not run.
fn command(source: &Source) -> &'static str {
    match source {
        Source::Run(_) | Source::Nowhere => "chanlab run",
        Source::Criterion(_) => "cargo bench",
    }
}

/// What "not told apart" means, by how the times were measured.
fn told_apart(source: &Source) -> &'static str {
    match source {
        Source::Run(_) => " (paired in blocks, compared by epoch, adjusted for the number of pairs)",
        Source::Criterion(_) => " (the confidence intervals of the medians overlap)",
        Source::Nowhere => "",
    }
}

/// What `cargo bench` measured, beside a run: one channel after the other, so a second opinion of lesser weight.
pub fn criterion(page: &Page, colours: &Colours) -> Markup {
    html! {
        @if let Some(criterion) = &page.criterion {
            section #criterion {
                h2 { "cargo bench" }
                p {
                    "The same, as criterion measures it: one channel after the other, in one process. The ratios of the medians, and "
                    "overlapping intervals as not told apart."
                }
                div.scroll { (ratios(criterion, colours, false)) }
                @if let Source::Criterion(input) = &criterion.source { (super::machine::criterion(input)) }
            }
        }
    }
}

fn has_altered(page: &Page) -> bool {
    page.workloads.iter().flat_map(|workload| &workload.standings).any(|standing| standing.altered > 0)
}

fn channel_heads(page: &Page, colours: &Colours) -> Markup {
    html! {
        @for channel in &page.channels {
            th scope="col" { (swatch(&channel.name, colours)) (channel.name) }
        }
    }
}

/// The spot of a channel's colour.
pub fn swatch(channel: &str, colours: &Colours) -> Markup {
    html! { i.swatch style={ "background:" (colours.css(channel)) } {} }
}

/// A name that may go on in the next line after each of its parts.
fn breakable(name: &str) -> Markup {
    html! {
        @for part in name.split_inclusive([',', '_']) { (part) wbr; }
    }
}

fn standings(page: &Page, colours: &Colours) -> Markup {
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
                    @let most = workload.standings.iter().map(|standing| standing.fastest).max().unwrap_or(0);
                    tr {
                        th scope="row" { a href={ "#" (workload.name) } { (breakable(&workload.name)) } }
                        td.number { (workload.params.len()) }
                        @for channel in &page.channels {
                            @match workload.standings.iter().find(|standing| standing.channel == channel.name) {
                                Some(standing) => (standing_cell(standing, most)),
                                None => td.lacking { "not run" },
                            }
                        }
                    }
                }
            }
        }
    }
}

fn standing_cell(standing: &Standing, most: usize) -> Markup {
    let best = most > 0 && standing.fastest == most;
    html! {
        td.standing.best[best] {
            @if let Some(ratios) = standing.ratios {
                b { (standing.fastest) } span.quiet { " of " (standing.measured) }
                span.range { (numbers::ratios(ratios)) }
            }
            @for (count, word, bad) in [
                (standing.failed, "failed", true),
                (standing.damaged, "damaged", true),
                (standing.altered, "at another capacity", false),
                (standing.unsupported, "unsupported", false),
                (standing.not_run, "not run", false),
            ] {
                @if count > 0 {
                    span.aside.bad[bad] { (count) " " (word) }
                }
            }
        }
    }
}

/// The table of ratios; `linked` to the rankings, where the page has them.
fn ratios(page: &Page, colours: &Colours, linked: bool) -> Markup {
    html! {
        table.matrix.ratios {
            thead {
                tr {
                    th scope="col" { "workload, params" }
                    th.number scope="col" { "the fastest" }
                    (channel_heads(page, colours))
                }
            }
            @for workload in &page.workloads {
                tbody {
                    tr.group { th colspan=(page.channels.len() + 2) scope="rowgroup" { (workload.name) } }
                    @for (index, params) in workload.params.iter().enumerate() {
                        (ratio_row(page, workload, index, params, linked))
                    }
                }
            }
        }
    }
}

fn ratio_row(
    page: &Page,
    workload: &WorkloadPage,
    index: usize,
    params: &ParamsPage,
    linked: bool,
) -> Markup {
    let fastest = params.ranking.first().and_then(|ranked| params.cells[ranked.cell].measurement());
    html! {
        tr {
            th scope="row" {
                @if linked {
                    a href={ "#" (params_anchor(&workload.name, index)) } { (breakable(&params.record.id)) }
                } @else {
                    (breakable(&params.record.id))
                }
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

fn ratio_cell(cell: &Cell, ranked: Option<&Ranked>) -> Markup {
    html! {
        @match (ranked, cell.lack()) {
            (Some(ranked), _) if ranked.altered => td.number.quiet { (numbers::ratio(ranked.ratio)) " †" },
            (Some(ranked), _) => td.number.shade.(shade(ranked)) { (numbers::ratio(ranked.ratio)) },
            (None, Some(lack @ ("failed" | "damaged"))) => td.lacking.bad { (lack) },
            (None, lack) => td.lacking { (lack.unwrap_or_default()) },
        }
    }
}

fn shade(ranked: &Ranked) -> &'static str {
    if ranked.tied {
        return "tied";
    }
    let found = SHADES.iter().find(|(most, _)| ranked.ratio <= *most);
    found.map_or("s5", |(_, shade)| shade)
}
