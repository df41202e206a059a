//! The checks behind the times: the self-checks of rounds, the models, and the cost of the harness.

use maud::{Markup, html};
use records::model_report::{ModelReport, ModelVerdict};
use records::record::Overhead;
use wording::models as words;

use super::colours::Colours;
use super::parts::swatch;
use crate::analyse::checks::BASELINE;
use crate::analyse::page::{ExplorerResult, ModelSource, ModelsCheck, Page, RoundsCheck};
use wording::numbers;

/// The scripts that run the models of the baseline.
const MODELS_SCRIPTS: &str = "scripts/loom, scripts/shuttle";

/// The result of a check in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CheckLine {
    /// Its kind.
    pub kind: CheckKind,
    /// The words.
    pub words: String,
}

/// The kind of a check's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CheckKind {
    /// It ran on the channel's own code and found nothing.
    Passed,
    /// It found a violation.
    Failed,
    /// It says nothing about the channel's own code.
    Silent,
}

/// The self-checks of a channel's rounds.
pub(crate) fn rounds(check: &RoundsCheck) -> CheckLine {
    let verified = format!("{} verified", numbers::count(check.verified, "round"));
    match (check.verified, check.failed.len()) {
        (0, 0) => CheckLine { kind: CheckKind::Silent, words: "not run".to_owned() },
        (_, 0) => CheckLine { kind: CheckKind::Passed, words: format!("{verified}, none failed") },
        (_, cells) => {
            let failed: Vec<String> =
                check.failed.iter().map(|(workload, params)| format!("{workload} with {params}")).collect();
            let cells = numbers::count(cells as u64, "cell");
            let words = format!("failed in {cells}: {}; {verified} in the other cells", failed.join(", "));
            CheckLine { kind: CheckKind::Failed, words }
        }
    }
}

/// The models of a channel's own code.
pub(crate) fn channel_models(channel: &str, check: &ModelsCheck) -> CheckLine {
    let words = match check {
        ModelsCheck::Explored(results) => return explored(results),
        ModelsCheck::NotRun(ModelSource::Scripts) => format!("not run ({MODELS_SCRIPTS})"),
        ModelsCheck::NotRun(ModelSource::Instrumentation) => {
            format!("not run (chanlab verify --method shuttle --channel {channel} explores its source)")
        }
        ModelsCheck::NotRun(ModelSource::Unknown) => "not run: unknown to this build".to_owned(),
    };
    CheckLine { kind: CheckKind::Silent, words }
}

/// The models of a workload's protocol; `None` when no model explores it. They run over the baseline and say
/// nothing about other channels, so a pass does not count for the cells of the page.
pub(crate) fn workload_models(results: &[ExplorerResult]) -> Option<CheckLine> {
    let line = (!results.is_empty()).then(|| explored(results))?;
    Some(CheckLine {
        kind: match line.kind {
            CheckKind::Failed => CheckKind::Failed,
            CheckKind::Passed | CheckKind::Silent => CheckKind::Silent,
        },
        words: format!("protocol only, over {BASELINE}: {}", line.words),
    })
}

/// The models of each explorer.
fn explored(results: &[ExplorerResult]) -> CheckLine {
    let words: Vec<String> =
        results.iter().map(|result| format!("{}: {}", result.explorer, explorer(result))).collect();
    let kind = if results.iter().any(|result| !result.failed.is_empty()) {
        CheckKind::Failed
    } else if results.iter().all(|result| result.cut.is_empty()) {
        CheckKind::Passed
    } else {
        // An exploration that was cut short has not passed.
        CheckKind::Silent
    };
    CheckLine { kind, words: words.join("; ") }
}

fn explorer(result: &ExplorerResult) -> String {
    let count = numbers::count(result.models as u64, "model");
    for (names, what) in [(&result.failed, "failed"), (&result.cut, "cut short")] {
        if !names.is_empty() {
            return format!("{} of {count} {what}: {}", names.len(), names.join(", "));
        }
    }
    let bounds = match &result.bounds[..] {
        [only] => only,
        _ => "with different bounds, see the table of models",
    };
    format!("{count} passed{}: {bounds}", exhausted(result.exhausted, result.models))
}

/// How many of `models` were explored in every schedule that exists, as a part of a sentence; empty when none
/// was.
pub(crate) fn exhausted(exhausted: usize, models: usize) -> String {
    let which = match exhausted {
        0 => return String::new(),
        1 if models == 1 => String::new(),
        all if all == models => "all of them ".to_owned(),
        some => format!("{} of them ", numbers::separated(some as u64)),
    };
    format!(", {which}exhausted (every schedule)")
}

/// A result in words. Only a check that ran on the channel's own code and passed gets a tick.
pub(crate) fn check(line: &CheckLine) -> Markup {
    html! {
        @match line.kind {
            CheckKind::Passed => span.good { "✓ " (line.words) },
            CheckKind::Failed => span.bad { "✗ " (line.words) },
            CheckKind::Silent => span.quiet { (line.words) },
        }
    }
}

/// The section on the cost of the harness.
pub(crate) fn overhead(page: &Page, colours: &Colours) -> Markup {
    html! {
        section #overhead {
            h2 { "Harness overhead" }
            p {
                "The harness is compared with a hand-written loop over the same channel, in interleaved pairs of rounds and in several "
                "processes. On " b { "one thread" } ", which fills the channel and then empties it, the ratio is the cost of the contract alone. "
                "With " b { "same checks, work" } " it is that cost under a producer and a consumer that work on each message. With "
                b { "same checks" } " and no work, two threads only contend, and a nanosecond on either side moves the ratio by a tenth. "
                "Against " b { "plain numbers" } " the ratio contains everything the harness does. The target is at most "
                (numbers::ratio(Overhead::TARGET)) "."
            }
            @if page.overheads.is_empty() {
                p.quiet { "Not run (" code { "cargo bench --bench overhead" } ")." }
            } @else {
                div.scroll {
                    table {
                        thead {
                            tr {
                                th scope="col" { "channel" }
                                th scope="col" { "compared with" }
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
                    None => span.quiet { "undecided: the interval contains the target" },
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
pub(crate) fn models(page: &Page) -> Markup {
    html! {
        section #models {
            h2 { "Models" }
            p {
                "Loom runs a small program in every schedule within its bounds, weak memory included. A model is exhausted when these are all "
                "the schedules there are. Shuttle runs a larger program in random and PCT schedules, without weak memory. Both need code "
                "that uses their own types: here the baseline, and the protocols of the workloads over the baseline. They say nothing about "
                "the other channels."
            }
            @if page.models.is_empty() {
                p.quiet { "Not run (" code { "scripts/loom" } ", " code { "scripts/shuttle" } ")." }
            } @else {
                div.scroll {
                    table {
                        thead {
                            tr {
                                th scope="col" { "model" }
                                th scope="col" { "of" }
                                th scope="col" { "explorer" }
                                th scope="col" { "result" }
                                th.number scope="col" { "executions" }
                                th scope="col" { "bounds" }
                                th.number scope="col" { "seconds" }
                                th scope="col" { "ended" }
                            }
                        }
                        tbody {
                            @for model in &page.models { (model_row(model)) }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn result(explorer: &str, models: usize, failed: &[&str]) -> ExplorerResult {
        ExplorerResult {
            explorer: explorer.to_owned(),
            models,
            exhausted: 0,
            failed: failed.iter().map(|&name| name.to_owned()).collect(),
            cut: Vec::new(),
            bounds: vec!["all schedules of at most 2 preemptions".to_owned()],
        }
    }

    #[test]
    fn only_models_of_the_channels_own_code_are_a_pass() {
        let one = || vec![result("loom", 1, &[])];
        let passed = "loom: 1 model passed: all schedules of at most 2 preemptions";
        let line = channel_models(BASELINE, &ModelsCheck::Explored(one()));
        assert_eq!((line.kind, line.words.as_str()), (CheckKind::Passed, passed));
        let line = workload_models(&one()).expect("it has a model");
        assert_eq!(
            (line.kind, line.words),
            (CheckKind::Silent, format!("protocol only, over mutex-deque: {passed}"))
        );
        assert_eq!(workload_models(&[]), None);
        let failed = workload_models(&[result("loom", 1, &["shutdown"])]).expect("it has a model");
        assert_eq!(failed.kind, CheckKind::Failed);
        for source in [ModelSource::Scripts, ModelSource::Instrumentation, ModelSource::Unknown] {
            assert_eq!(channel_models("flume", &ModelsCheck::NotRun(source)).kind, CheckKind::Silent);
        }
    }

    #[test]
    fn a_cut_exploration_is_no_pass() {
        let cut = ExplorerResult { cut: vec!["spins".to_owned()], ..result("loom", 2, &[]) };
        let line = channel_models(BASELINE, &ModelsCheck::Explored(vec![cut]));
        assert_eq!(line.words, "loom: 1 of 2 models cut short: spins");
        assert_eq!(line.kind, CheckKind::Silent);
    }

    #[test]
    fn each_explorer_is_named() {
        let both = ModelsCheck::Explored(vec![result("loom", 1, &[]), result("shuttle", 1, &["queue"])]);
        let line = channel_models(BASELINE, &both);
        assert_eq!(
            line.words,
            "loom: 1 model passed: all schedules of at most 2 preemptions; shuttle: 1 of 1 model failed: queue"
        );
        assert_eq!(line.kind, CheckKind::Failed);
        let line = channel_models(BASELINE, &ModelsCheck::Explored(vec![result("loom", 2, &["queue"])]));
        assert_eq!(line.words, "loom: 1 of 2 models failed: queue");
        assert_eq!(line.kind, CheckKind::Failed);
    }

    #[test]
    fn only_exhausted_models_are_called_exhausted() {
        assert_eq!(exhausted(0, 2), "");
        assert_eq!(exhausted(2, 3), ", 2 of them exhausted (every schedule)");
        assert_eq!(exhausted(2, 2), ", all of them exhausted (every schedule)");
        assert_eq!(exhausted(1, 1), ", exhausted (every schedule)");
    }
}
