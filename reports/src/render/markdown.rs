//! Changes in Markdown, for a pull request: a table of the changes, with everything else folded.

use super::changes::{ChangeReport, failures, kind, p_value, ratio, remarks, summary, time};
use crate::analyse::changes::{Change, Changes};
use records::text;

/// The report. Reviewers read it in a pull request, so the changes come first and are not folded.
pub fn markdown(report: &ChangeReport<'_>) -> String {
    let changes = report.changes;
    let (changed, rest): (Vec<&Change>, Vec<&Change>) =
        changes.all.iter().partition(|change| change.kind().is_change());
    let mut text = format!("### {}\n\n{}\n", escaped(&report.title), escaped(&summary(changes)));
    if !changed.is_empty() {
        text.push_str(&format!("\n{}", table(changes, &changed)));
    }
    let failures = failures(changes);
    if !failures.is_empty() {
        text.push('\n');
    }
    for line in failures {
        text.push_str(&format!("- {}\n", escaped(&line)));
    }
    if !rest.is_empty() {
        let summary = format!("{} without a change", rest.len());
        text.push_str(&folded(&summary, &table(changes, &rest)));
    }
    let mut facts = format!("{}\n", escaped(&report.method));
    let remarks = remarks(report);
    if !remarks.is_empty() {
        facts.push('\n');
    }
    for remark in remarks {
        facts.push_str(&format!("- {}\n", escaped(&remark)));
    }
    facts.push_str("\n| | |\n| --- | --- |\n");
    for (name, value) in &report.facts {
        facts.push_str(&format!("| {} | {} |\n", escaped(name), escaped(value)));
    }
    text.push_str(&folded("Method, machine and versions", &facts));
    text
}

fn table(changes: &Changes, rows: &[&Change]) -> String {
    let mut names = vec!["ns/op".to_owned(), changes.old.clone(), changes.new.clone()];
    names.extend(changes.beside.iter().cloned());
    names.extend(["new / old", "p", ""].map(str::to_owned));
    let mut text = row(&names.iter().map(|name| escaped(name)).collect::<Vec<_>>());
    let last = names.len() - 1;
    let sides: Vec<String> = (0..=last)
        .map(|column| if column == 0 || column == last { "---" } else { "---:" }.to_owned())
        .collect();
    text.push_str(&row(&sides));
    for change in rows {
        let mut cells = vec![escaped(&change.name), time(&change.old), time(&change.new)];
        cells.extend(change.beside.iter().map(time));
        cells.extend([ratio(change), escaped(&p_value(change)), kind(change.kind()).to_owned()]);
        text.push_str(&row(&cells));
    }
    text
}

fn row(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn folded(summary: &str, content: &str) -> String {
    format!("\n<details><summary>{summary}</summary>\n\n{content}\n</details>\n")
}

/// Text from elsewhere for one line of Markdown or a cell of a table. Escapes everything that would make a column,
/// a tag, a link, a formula or emphasis; hidden characters are escapes that show, and line breaks are spaces.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text::line(&text.replace(['\n', '\r'], " ")).chars() {
        match character {
            '<' => safe.push_str("&lt;"),
            '&' => safe.push_str("&amp;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '$' => safe.extend(['\\', character]),
            _ => safe.push(character),
        }
    }
    // At its beginning, a mark would make a heading, a quotation or a list.
    match safe.trim_start().starts_with(['#', '>', '-', '+', '=']) {
        true => format!("\\{}", safe.trim_start()),
        false => safe,
    }
}
