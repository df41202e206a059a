//! The page as a whole: its head, the links at its top, the sections in their order.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::colours::Colours;
use super::{channels, checks, machine, method, overview, verification, workload};
use crate::analyse::page::{Page, Source};
use crate::numbers;

const STYLE: &str = include_str!("style.css");

/// Draws the page. `generated` is the moment of drawing (RFC 3339, UTC).
pub fn page(page: &Page, generated: &str) -> String {
    let colours = Colours::new(page.channels.iter().map(|channel| channel.name.as_str()));
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "chanlab: channels compared" }
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
                    (warnings(page))
                    @if has_times(page) { (overview::section(page, &colours)) }
                    (channels::section(page, &colours))
                    (verification::section::section(page, &colours))
                    @for workload in &page.workloads {
                        (workload::section(workload, &colours))
                    }
                    (overview::criterion(page, &colours))
                    @if has_times(page) { (checks::overhead(page, &colours)) }
                    (checks::models(page))
                    @if has_times(page) {
                        (machine::section(page))
                        (method::section(&page.source))
                    }
                    (unreadable(page))
                }
            }
        }
    };
    markup.into_string()
}

fn has_times(page: &Page) -> bool {
    page.source != Source::Nowhere
}

fn lead(page: &Page, generated: &str) -> Markup {
    let totals = page.totals();
    html! {
        @if !has_times(page) { p.lead { "Nothing was measured: this page is of what was verified." } }
        @else { p.lead {
            "The same work over each channel. Every round verified itself: each message delivered exactly once and in order, "
            "nothing leaked. " b { (numbers::count(totals.rounds, "round")) " verified" } " in "
            (numbers::count(totals.measured, "measured cell")) "; "
            (numbers::separated(totals.unsupported)) " unsupported, "
            span.bad[totals.failed > 0] { (numbers::separated(totals.failed)) " failed" } ", "
            @if totals.damaged > 0 { span.bad { (numbers::separated(totals.damaged)) " damaged" } ", " }
            (numbers::separated(totals.not_run)) " not run. A cell is a channel on one workload with certain params."
        } }
        p.quiet { "Drawn on " (numbers::date(generated)) "." }
    }
}

fn links(page: &Page) -> Markup {
    html! {
        nav aria-label="Sections" {
            @if has_times(page) { a href="#overview" { "Overview" } }
            a href="#channels" { "Channels" }
            a href="#verification" { "Verification" }
            @for workload in &page.workloads {
                a.workload href={ "#" (workload.name) } { (workload.name) }
            }
            @if page.criterion.is_some() { a href="#criterion" { "cargo bench" } }
            @if has_times(page) { a href="#overhead" { "Overhead" } }
            a href="#models" { "Models" }
            @if has_times(page) {
                a href="#machine" { "Machine" }
                a href="#method" { "Method" }
            }
            @if !page.problems.is_empty() {
                a href="#unreadable" { "What could not be read" }
            }
        }
    }
}

fn warnings(page: &Page) -> Markup {
    html! {
        @if !page.warnings.is_empty() || !page.problems.is_empty() {
            section.warnings aria-label="Warnings" {
                ul {
                    @for warning in &page.warnings {
                        li { (warning) }
                    }
                    @if !page.problems.is_empty() {
                        li {
                            a href="#unreadable" { "What could not be read" } ": "
                            (numbers::count(page.problems.len() as u64, "place")) ". The rest is shown."
                        }
                    }
                }
            }
        }
    }
}

fn unreadable(page: &Page) -> Markup {
    html! {
        @if !page.problems.is_empty() {
            section #unreadable {
                h2 { "What could not be read" }
                ul {
                    @for problem in &page.problems {
                        li { code { (problem.place()) } ": " (problem.what) }
                    }
                }
            }
        }
    }
}
