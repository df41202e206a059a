//! The page as a whole: the head, the links, and the sections in order.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::colours::Colours;
use super::{
    channels, checks, criterion, machine, method, overview, problems, state, verification, warnings, workload,
};
use crate::analyse::page::Page;
use records::text;
use wording::numbers;

const STYLE: &str = include_str!("style.css");

/// Draws the page. `generated` is the current time (RFC 3339, UTC).
///
/// Every text that came from elsewhere is in it: the template escapes what HTML would read, and the whole page
/// shows hidden characters as escapes.
pub fn page(page: &Page, generated: &str) -> String {
    let colours = Colours::new(page.channels.iter().map(|channel| channel.name.as_str()));
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { @if page.is_unfinished() { "unfinished: " } "chanlab: channels compared" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    p.brand { "chanlab" }
                    h1 { "Which channel should carry my work, and can I trust it?" }
                    (lead(page, generated))
                }
                (links(page))
                main {
                    (problem_list(page))
                    (warning_list(page))
                    @if page.run.is_some() { (overview::section(page, &colours)) }
                    (channels::section(page, &colours))
                    (verification::section::section(page, &colours))
                    @for workload in &page.workloads {
                        (workload::section(workload, page.is_unfinished(), &colours))
                    }
                    @if let Some(benchmarks) = &page.criterion { (criterion::section(benchmarks, &colours)) }
                    @if has_overheads(page) { (checks::overhead(page, &colours)) }
                    (checks::models(page))
                    @if let Some(run) = &page.run {
                        (machine::section(run))
                        (method::section())
                    }
                }
            }
        }
    };
    text::visible(&markup.into_string()).into_owned()
}

/// The cost of the harness matters wherever times are shown, and its absence is stated there.
fn has_overheads(page: &Page) -> bool {
    page.run.is_some() || page.criterion.is_some() || !page.overheads.is_empty()
}

fn lead(page: &Page, generated: &str) -> Markup {
    let totals = &page.totals;
    html! {
        @match &page.run {
            None => p.lead {
                "There is no run to compare channels with (" code { "chanlab run" } "). This page shows "
                @if page.criterion.is_some() { "criterion benchmarks and " } "the results of verification."
            },
            Some(run) => p.lead {
                "Every channel did the same work, and every round checked itself: each message arrived exactly once and in order, and "
                "nothing leaked. " b { (numbers::count(totals.rounds, "round")) " verified" } " in "
                (numbers::count(totals.measured, "measured cell")) "; "
                (numbers::separated(totals.unsupported)) " unsupported, "
                span.bad[totals.failed > 0] { (numbers::separated(totals.failed)) " failed" } ", "
                @if totals.contradictory > 0 {
                    span.bad { (numbers::separated(totals.contradictory)) " with contradictory records" } ", "
                }
                (numbers::separated(totals.not_run)) " not run. A cell is one channel on one workload with its params. Run of "
                (numbers::date(&run.began)) ", " @match run.profile.as_str() { "selected" => "selected cells", profile => { "profile " (profile) } } "."
            },
        }
        @if let Some(run) = &page.run {
            @if let Some(words) = state::sentence(run.state, &run.resume) {
                p.unfinished role="alert" { b { "Unfinished. " } "This run " (words) "." }
            }
        }
        p.quiet { "Drawn on " (numbers::date(generated)) "." }
    }
}

fn links(page: &Page) -> Markup {
    html! {
        nav aria-label="Sections" {
            @if !page.problems.is_empty() { a href="#problems" { "Problems" } }
            @if page.run.is_some() { a href="#overview" { "Overview" } }
            a href="#channels" { "Channels" }
            a href="#verification" { "Verification" }
            @for workload in &page.workloads {
                a.workload href={ "#" (workload.name) } { (workload.name) }
            }
            @if page.criterion.is_some() { a href="#criterion" { "Criterion benchmarks" } }
            @if has_overheads(page) { a href="#overhead" { "Overhead" } }
            a href="#models" { "Models" }
            @if page.run.is_some() {
                a href="#machine" { "Machine" }
                a href="#method" { "Method" }
            }
        }
    }
}

fn warning_list(page: &Page) -> Markup {
    html! {
        @if !page.warnings.is_empty() {
            section.warnings aria-label="Warnings" {
                ul {
                    @for warning in &page.warnings {
                        li { (warnings::words(warning)) }
                    }
                }
            }
        }
    }
}

/// The problems come first: without them a reader would take what is left for the whole.
fn problem_list(page: &Page) -> Markup {
    html! {
        @if !page.problems.is_empty() {
            section.warnings #problems {
                h2 { "Problems in the records" }
                p { "What is damaged or contradicts itself has no number on this page; everything else is shown." }
                ul {
                    @for problem in &page.problems {
                        li { code { (problem.place()) } ": " (problems::words(problem)) }
                    }
                }
            }
        }
    }
}
