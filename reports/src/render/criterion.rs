//! The section on criterion's benchmarks: one plain table, apart from the rankings.

use maud::{Markup, html};

use super::colours::Colours;
use super::parts::{breakable, swatch};
use super::problems;
use crate::analyse::page::{BenchmarkResult, Criterion, CriterionBenchmark, CriterionMachine};
use wording::numbers;

/// The section.
pub(crate) fn section(criterion: &Criterion, colours: &Colours) -> Markup {
    let report = criterion.folder.join("report").join("index.html");
    html! {
        section #criterion {
            h2 { "Criterion benchmarks" }
            p {
                "These are the results of " code { "cargo bench" } ". Criterion measures one channel after the other, in one process, and "
                "takes wall time only, so a machine that drifts meanwhile favours some channels over others. When every channel "
                "was compared with itself (" code { "docs/honesty.md" } "), criterion reported a difference in more than a third of the "
                "benchmarks, and " code { "chanlab run" } " in about 1 of 100. Use these times to follow one channel while you work on it. "
                "To compare channels, use the rankings of a run."
            }
            @for machine in &criterion.machines { (table(machine, colours)) }
            p.quiet {
                "Criterion's report shows the distribution of every benchmark: " code { (report.display()) } ". The results of the "
                "self-checks are in " code { (criterion.folder.join(records::record::BENCH_FILE).display()) } "."
            }
        }
    }
}

fn table(machine: &CriterionMachine, colours: &Colours) -> Markup {
    let level = machine.benchmarks.iter().find_map(|benchmark| match benchmark.result {
        BenchmarkResult::Measured { level, .. } => Some(level),
        _ => None,
    });
    let about = &machine.machine;
    html! {
        p.quiet {
            (about.cpu) ", " (numbers::count(about.cores as u64, "logical processor")) ", " (about.system) ", kernel " (about.kernel)
            ", " (about.rustc) "."
        }
        div.scroll {
            table.benchmarks {
                thead {
                    tr {
                        th scope="col" { "benchmark" }
                        th scope="col" { "channel" }
                        th.number scope="col" { "median ns/op" }
                        th.number scope="col" { (format!("{:.0} %", level.unwrap_or(0.95) * 100.0)) " interval" }
                        th.number scope="col" { "messages/s" }
                        th scope="col" { "measured" }
                    }
                }
                tbody {
                    @for benchmark in &machine.benchmarks { (row(benchmark, colours)) }
                }
            }
        }
    }
}

fn row(benchmark: &CriterionBenchmark, colours: &Colours) -> Markup {
    html! {
        tr {
            th scope="row" { (breakable(&benchmark.group)) }
            td { (swatch(&benchmark.channel, colours)) (benchmark.channel) (notes(benchmark)) }
            @match &benchmark.result {
                BenchmarkResult::Measured { median, interval: [low, high], .. } => {
                    td.number { (numbers::measured(*median)) }
                    td.number.quiet { (numbers::measured(*low)) "–" (numbers::measured(*high)) }
                    td.number { (numbers::measured(1e9 / median)) }
                }
                BenchmarkResult::Unsupported(reason) => td.quiet colspan="3" { "unsupported: " (reason) },
                BenchmarkResult::Failed(reason) => td colspan="3" {
                    span.bad { "failed: " (reason) }
                    div { "again: " code { (benchmark.replay) } }
                },
                BenchmarkResult::Damaged(problem) => td colspan="3" {
                    span.bad { "damaged: " code { (problem.place()) } " " (problems::words(problem)) }
                    div { "Measure it again." }
                },
            }
            td { (numbers::date(&benchmark.at)) ", " (benchmark.profile) }
        }
    }
}

fn notes(benchmark: &CriterionBenchmark) -> Markup {
    html! {
        @if let Some(capacity) = &benchmark.effective_capacity { div.quiet { "capacity is " (capacity) } }
        @if benchmark.beside_abandoned_threads { div.bad { "slowed by threads of a hung round" } }
    }
}
