//! What stands behind the times: the cost of the harness, and the models.

use harness::model_report::{ModelReport, ModelVerdict, words};
use harness::record::Overhead;
use maud::{Markup, html};

use super::colours::Colours;
use super::overview::swatch;
use crate::analyse::checks::{Verdict, VerdictKind};
use crate::analyse::page::Page;
use crate::numbers;

/// A verdict in words; a tick only for a check that ran on the channel's own code and passed.
pub fn verdict(verdict: &Verdict) -> Markup {
    html! {
        @match verdict.kind {
            VerdictKind::Passed => span.good { "✓ " (verdict.words) },
            VerdictKind::Failed => span.bad { "✗ " (verdict.words) },
            VerdictKind::Silent => span.quiet { (verdict.words) },
        }
    }
}

/// The section on the cost of the harness.
pub fn overhead(page: &Page, colours: &Colours) -> Markup {
    html! {
        section #overhead {
            h2 { "Harness overhead" }
            p {
                "The harness beside a loop written by hand on the channel's own calls, in interleaved pairs of rounds, in "
                "several processes. On " b { "one thread" } ", which fills the channel and empties it in turns, the ratio is "
                "the contract's cost alone. Beside a producer and a consumer with the " b { "same checks, work" } " for each message "
                "it is that under two threads; without any work (" b { "same checks" } ") it is mostly how the two threads happen to "
                "get along, which a nanosecond more or less on either side moves by a tenth. Beside " b { "plain numbers" } " it is "
                "all that the harness does. Target: at most " (numbers::ratio(Overhead::TARGET)) "."
            }
            @if page.overheads.is_empty() {
                p.quiet { "Not run." }
            } @else {
                div.scroll {
                    table {
                        thead {
                            tr {
                                th scope="col" { "channel" }
                                th scope="col" { "beside" }
                                th.number scope="col" { "processes" }
                                th.number scope="col" { "pairs in each" }
                                th.number scope="col" { "median ratio" }
                                th.number scope="col" { "95 % interval" }
                                th scope="col" { "target" }
                                th scope="col" { "measured" }
                            }
                        }
                        tbody {
                            @for overhead in &page.overheads { (overhead_row(overhead, colours)) }
                        }
                    }
                }
            }
        }
    }
}

fn overhead_row(overhead: &Overhead, colours: &Colours) -> Markup {
    let [low, high] = overhead.interval;
    html! {
        tr {
            th scope="row" { (swatch(&overhead.channel, colours)) (overhead.channel) }
            td { (overhead.against) }
            td.number { (overhead.processes) }
            td.number { (overhead.pairs) }
            td.number { (precise(overhead.ratio)) }
            td.number { (precise(low).trim_end_matches('×')) "–" (precise(high)) }
            td {
                @match overhead.meets_target() {
                    Some(true) => span.good { "met" },
                    Some(false) => span.bad { "missed" },
                    None => span.quiet { "not decided: the interval holds the target" },
                }
            }
            td { (numbers::date(&overhead.at)) }
        }
    }
}

/// A ratio near 1, where the third decimal counts.
fn precise(ratio: f64) -> String {
    format!("{ratio:.3}×")
}

/// The section on the models.
pub fn models(page: &Page) -> Markup {
    html! {
        section #models {
            h2 { "Models" }
            p {
                "Loom runs a small program in every schedule within its bounds, weak memory included; it has exhausted a model where "
                "these were all schedules that there are. Shuttle runs a larger one in a number of random and PCT schedules, without "
                "weak memory. Both need code that is written on their types: the baseline, and the workloads' protocols over the "
                "baseline. Of the other channels they say nothing."
            }
            @if page.models.is_empty() {
                p.quiet { "Not run (" code { "scripts/loom" } ", " code { "scripts/shuttle" } ")." }
            } @else {
                div.scroll {
                    table {
                        thead {
                            tr {
                                th scope="col" { "model" }
                                th scope="col" { "explores" }
                                th scope="col" { "by" }
                                th scope="col" { "result" }
                                th.number scope="col" { "executions" }
                                th scope="col" { "bounds" }
                                th.number scope="col" { "seconds" }
                                th scope="col" { "ended" }
                            }
                        }
                        tbody {
                            @for model in &page.models { (model_row(&model.report)) }
                        }
                    }
                }
            }
        }
    }
}

fn model_row(model: &ModelReport) -> Markup {
    html! {
        tr {
            th scope="row" { (model.model) }
            td { (model.subject_name()) }
            td { (model.explorer()) }
            td {
                @match model.verdict {
                    ModelVerdict::Passed { .. } => span.good { (words::verdict(&model.verdict)) },
                    ModelVerdict::Failed(_) => span.bad { (words::verdict(&model.verdict)) },
                    _ => span.quiet { (words::verdict(&model.verdict)) },
                }
            }
            td.number { (numbers::separated(model.executions)) }
            td { (words::detail(model)) }
            td.number { (numbers::measured(model.seconds)) }
            td { (numbers::date(&model.at)) }
        }
    }
}
