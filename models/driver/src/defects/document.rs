//! The results in words: `docs/defects.md`.

use std::fmt::Write;

use records::model_report::TimedWaits;
use records::verify::Method;
use wording::{models as words, numbers};

use super::explore::{LOOM_BUDGET, SEED};
use super::judge::{ExpectedExploration, Version};
use super::results::{Failure, Found, Results, RowOutcome, RowResult, Speed};
use super::selection::is_newest;

/// The document, below the project's folder.
pub const DOCUMENT: &str = "docs/defects.md";

/// An exploration of a newest version may be slower than the baseline's by this factor.
const MAX_SLOWDOWN: f64 = 3.0;

/// The time in seconds that a newest version may take, building included.
const MAX_SECONDS: f64 = 300.0;

/// The document. `rows` are all rows, of which some may have no result yet.
pub fn document(rows: &[ExpectedExploration], results: &Results) -> String {
    let of = |part: fn(&ExpectedExploration) -> bool| -> Vec<(&ExpectedExploration, Option<&RowResult>)> {
        rows.iter().filter(|row| part(row)).map(|row| (row, results.of(row))).collect()
    };
    let newest = of(is_newest);
    let known = of(|row| matches!(row.version, Version::Published(_)));
    let planted = of(|row| matches!(row.version, Version::Patched(_)));
    let deviating = results.rows.iter().filter(|result| !result.deviations.is_empty()).count();
    let mut text = format!(
        "# Defects: published crates under loom and shuttle\n\n\
         <!-- Written by scripts/defects. Do not edit. -->\n\n\
         Each row explores the models of `models/tests` over the published source of a crate, which `models/instrument`\n\
         changes so that the explorer controls its threads, atomics, locks and time. What a row has to find is data in\n\
         `models/defects`; a row that finds anything else, or less, is a deviation.\n\n\
         - **shuttle** runs 10,000 schedules of each model, half of them random and half PCT schedules, from the seed {SEED}.\n  \
         Its atomics are sequentially consistent, so it cannot find a mistake in memory orderings.\n\
         - **loom** finds those. It explores every schedule of few preemptions, then of more, until the budget of {} s\n  \
         is spent, building included.\n\n\
         The rows were explored{} on an arbitrary machine:\n\
         compare their times only roughly. `scripts/defects NAME` explores the rows of one name again.\n\n\
         **{} of {} rows have a result; {}.**\n",
        LOOM_BUDGET.as_secs(),
        dates(results),
        rows.iter().filter(|row| results.of(row).is_some()).count(),
        rows.len(),
        match deviating {
            0 => "all of them are as expected".to_owned(),
            some => format!("{} from what is expected", numbers::count(some as u64, "deviation")),
        },
    );
    if deviating > 0 {
        text += "\n## Deviations\n\n";
        for result in &results.rows {
            for deviation in &result.deviations {
                // Writing to a string does not fail.
                let _ = writeln!(text, "- `{}` by {}: {}", result.name, result.method, escaped(deviation));
            }
        }
    }
    text += "\n## The newest versions\n\nAll models. [findings.md](findings.md) explains what is wrong with the crates.\n\n";
    table(&mut text, &newest);
    speeds(&mut text, &newest);
    failures(&mut text, &newest, true);
    extents(&mut text, &newest);
    text += "\n## Known defects of old versions\n\nThe version with the defect, and, where there is one, the version that fixed it.\n\n";
    table(&mut text, &known);
    failures(&mut text, &known, true);
    text += "\n## Planted defects\n\n\
             Patches of a copy of the newest version (`models/defects/planted`). One model explores each, and without the patch\n\
             the same model passes.\n\n";
    table(&mut text, &planted);
    failures(&mut text, &planted, false);
    text
}

/// When the rows were explored, as a part of a sentence.
fn dates(results: &Results) -> String {
    let dates = || results.rows.iter().map(|result| result.at.as_str());
    match (dates().min(), dates().max()) {
        (Some(first), Some(last)) if first != last => {
            format!(" from {} to {}", numbers::date(first), numbers::date(last))
        }
        (Some(only), _) => format!(" on {}", numbers::date(only)),
        _ => String::new(),
    }
}

fn table(text: &mut String, rows: &[(&ExpectedExploration, Option<&RowResult>)]) {
    *text +=
        "| row | version | method | result | models that passed | executions | built in | explored in |\n";
    *text += "| --- | --- | --- | --- | --- | --- | --- | --- |\n";
    for (row, result) in rows {
        let name = row.name();
        let line = match result {
            None => format!("| `{name}` | | {} | not explored yet | | | | |", row.method),
            Some(result) => {
                let (outcome, passed, executions) = match &result.outcome {
                    RowOutcome::NotExplored { reason } => {
                        (format!("not explored: {}", escaped(reason)), String::new(), String::new())
                    }
                    RowOutcome::Explored(found) => {
                        (outcome(found), passed(found), numbers::separated(found.executions))
                    }
                };
                let whole = result.build_seconds + result.explore_seconds;
                let over = match is_newest(row) && whole > MAX_SECONDS {
                    true => format!(" (**over {} in all**)", time(MAX_SECONDS)),
                    false => String::new(),
                };
                format!(
                    "| `{name}` | {} | {} | {outcome} | {passed} | {executions} | {} | {}{over} |",
                    result.version,
                    result.method,
                    time(result.build_seconds),
                    time(result.explore_seconds),
                )
            }
        };
        *text += &line;
        text.push('\n');
    }
}

/// The result in a few words.
pub fn outcome(found: &Found) -> String {
    let failed: u64 = found.failed.iter().map(|failed| failed.models).sum();
    match failed {
        0 if found.passed + found.cut.values().sum::<u64>() == 0 => "nothing could be explored".to_owned(),
        0 => "nothing found".to_owned(),
        some => format!("**{} failed**", numbers::count(some, "model")),
    }
}

/// The models that passed, and those that neither passed nor failed.
fn passed(found: &Found) -> String {
    let mut words = vec![numbers::separated(found.passed)];
    let cut: u64 = found.cut.values().sum();
    if cut > 0 {
        let by: Vec<&str> = found.cut.keys().map(|limit| words::limit_name(*limit)).collect();
        words.push(format!("{} cut by {}", numbers::separated(cut), by.join(" or ")));
    }
    if found.unsupported > 0 {
        words.push(format!("{} unsupported", numbers::separated(found.unsupported)));
    }
    words.join("; ")
}

fn found<'a>(
    rows: &[(&'a ExpectedExploration, Option<&'a RowResult>)],
) -> Vec<(&'a ExpectedExploration, &'a Found)> {
    let explored = rows.iter().filter_map(|(row, result)| match &result.as_ref()?.outcome {
        RowOutcome::Explored(found) => Some((*row, &**found)),
        RowOutcome::NotExplored { .. } => None,
    });
    explored.collect()
}

fn speeds(text: &mut String, rows: &[(&ExpectedExploration, Option<&RowResult>)]) {
    *text += &format!(
        "\n### Speed, and waits with a deadline\n\n\
         Executions a second over the models that both the crate and the baseline pass. The baseline is written for the\n\
         explorers by hand, and instrumentation should cost no more than a factor of {MAX_SLOWDOWN}. The last two columns\n\
         count how waits with a deadline ended: a channel with timeouts has to show both endings.\n\n\
         | row | method | executions a second | baseline | ratio | woken | expired |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n"
    );
    for (row, found) in found(rows) {
        let TimedWaits { woken, expired } = found.timed_waits;
        let (own, baseline, ratio) = match found.speed {
            None => Default::default(),
            Some(Speed { own, baseline: None, .. }) => (numbers::measured(own), String::new(), String::new()),
            Some(Speed { own, baseline: Some(baseline), models }) => {
                let over = if is_within(own, baseline) { "" } else { " (**slower than allowed**)" };
                let of = numbers::count(models, "model");
                (
                    numbers::measured(own),
                    format!("{} ({of})", numbers::measured(baseline)),
                    format!("{}{over}", numbers::ratio(own / baseline)),
                )
            }
        };
        let [woken, expired] = [woken, expired].map(numbers::separated);
        let _ = writeln!(
            text,
            "| `{}` | {} | {own} | {baseline} | {ratio} | {woken} | {expired} |",
            row.name(),
            row.method
        );
    }
}

fn is_within(own: f64, baseline: f64) -> bool {
    own * MAX_SLOWDOWN >= baseline
}

/// What is wrong with each version, the models that found it, and the first failure.
fn failures(text: &mut String, rows: &[(&ExpectedExploration, Option<&RowResult>)], with_models: bool) {
    let failed: Vec<_> = found(rows).into_iter().filter(|(_, found)| !found.failed.is_empty()).collect();
    if failed.is_empty() {
        return;
    }
    *text += "\n### What failed\n\n";
    for (row, found) in failed {
        let _ = writeln!(text, "- **`{}` by {}.** {}", row.name(), row.method, row.what);
        let mut models: Vec<String> = found
            .failed
            .iter()
            .map(|failed| match failed.models {
                1 => format!("`{}`", failed.name),
                models => format!("`{}…` ({models})", failed.name),
            })
            .collect();
        if with_models || models.len() > 1 {
            models.sort_unstable();
        }
        let _ = writeln!(text, "  Found by {}.", models.join(", "));
        if let Some(first) = &found.first {
            let _ = writeln!(text, "  First failure: {}", failure(first));
        }
    }
}

/// A failure in words.
pub fn failure(failure: &Failure) -> String {
    let what = escaped(&failure.what);
    match failure.execution {
        Some(execution) => format!("execution {}: {what}", numbers::separated(execution)),
        None => what,
    }
}

fn extents(text: &mut String, rows: &[(&ExpectedExploration, Option<&RowResult>)]) {
    let explored: Vec<_> = found(rows)
        .into_iter()
        .filter(|(row, found)| row.method == Method::Loom && !found.extents.is_empty())
        .collect();
    if explored.is_empty() {
        return;
    }
    *text += "\n### How far loom went\n\nThe number of models that were explored so far, of those that did not fail.\n";
    for (row, found) in explored {
        let _ = writeln!(text, "\n| `{}` | models |\n| --- | --- |", row.name());
        for (extent, models) in &found.extents {
            let _ = writeln!(text, "| {extent} | {models} |");
        }
    }
}

/// A time in seconds, in words.
pub fn time(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds / 60 {
        0 => format!("{seconds} s"),
        minutes => format!("{minutes} min {:02} s", seconds % 60),
    }
}

/// A text without the characters that end the cell of a table or begin an HTML tag.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::super::data::Expectations;
    use super::super::judge::Expected;
    use super::super::results::FailedModels;
    use super::super::selection;
    use super::*;
    use crate::versions::workspace::project;

    fn row(version: Version, method: Method) -> ExpectedExploration {
        ExpectedExploration {
            channel: "flume".to_owned(),
            version,
            method,
            model: None,
            what: "It loses a message.".to_owned(),
            adapter: None,
            expected: Expected::Exactly(Vec::new()),
        }
    }

    fn result(method: Method, found: Found, deviations: &[&str]) -> RowResult {
        RowResult {
            name: "flume".to_owned(),
            method,
            version: "0.12.0".to_owned(),
            at: "2026-01-02T03:04:05Z".to_owned(),
            build_seconds: 70.0,
            explore_seconds: 231.0,
            outcome: RowOutcome::Explored(Box::new(found)),
            deviations: deviations.iter().map(|&deviation| deviation.to_owned()).collect(),
        }
    }

    #[test]
    fn a_failure_is_shown_with_its_models_and_its_limits() {
        let found = Found {
            failed: vec![FailedModels { name: "select::two".to_owned(), models: 3 }],
            first: Some(Failure { execution: Some(1_164), what: "a | b".to_owned() }),
            passed: 91,
            executions: 910_000,
            speed: Some(Speed { own: 10.0, baseline: Some(31.0), models: 80 }),
            ..Found::default()
        };
        let rows = [row(Version::Newest, Method::Shuttle), row(Version::Newest, Method::Loom)];
        let results =
            Results { rows: vec![result(Method::Shuttle, found, &["m fails"])], ..Results::default() };
        let text = document(&rows, &results);
        for line in [
            "**1 of 2 rows have a result; 1 deviation from what is expected.**",
            "- `flume` by shuttle: m fails",
            "| `flume` | 0.12.0 | shuttle | **3 models failed** | 91 | 910,000 | 1 min 10 s | 3 min 51 s (**over 5 min 00 s in all**) |",
            "| `flume` | | loom | not explored yet | | | | |",
            "| `flume` | shuttle | 10.0 | 31.0 (80 models) | 0.32× (**slower than allowed**) | 0 | 0 |",
            "- **`flume` by shuttle.** It loses a message.",
            "  Found by `select::two…` (3).",
            "  First failure: execution 1,164: a \\| b",
        ] {
            assert!(text.lines().any(|own| own == line), "{line}\n{text}");
        }
    }

    #[test]
    fn the_document_shows_the_stored_results() {
        let project = project().expect("a checkout");
        let rows = selection::all(&Expectations::read(&project).expect("they are well-formed"));
        let results = Results::read(&project).expect("they are well-formed");
        let written = std::fs::read_to_string(project.join(DOCUMENT)).expect("there");
        assert!(
            written == document(&rows, &results),
            "{DOCUMENT} is not that of the results: run scripts/defects"
        );
        let kept: Vec<_> = rows.iter().filter_map(|row| results.of(row)).collect();
        assert_eq!(kept, results.rows.iter().collect::<Vec<_>>(), "each result has its row, in order");
    }

    #[test]
    fn the_extents_of_loom_have_a_table() {
        let extents = vec![("every schedule".to_owned(), 8)];
        let found = Found { passed: 8, extents, ..Found::default() };
        let results = Results { rows: vec![result(Method::Loom, found, &[])], ..Results::default() };
        let text = document(&[row(Version::Newest, Method::Loom)], &results);
        assert!(text.contains("all of them are as expected"), "{text}");
        assert!(text.contains("\n| `flume` | models |\n| --- | --- |\n| every schedule | 8 |\n"), "{text}");
    }
}
