//! A verification in the terminal: each failure with everything that reproduces it, and the matrix in words.

use std::path::Path;

use records::record::VerdictRecord;
use records::text;
use records::verify::Method;

use super::{finding, steps};
use crate::analyse::verification::{CellStatus, MatrixCell, VerificationMatrix, unit};
use wording::{columns, numbers};

/// The number of lines of a backtrace that are printed; the record has all of them.
const MAX_BACKTRACE_LINES: usize = 24;

/// The width at which text wraps.
const WIDTH: usize = 110;

/// The width of the label before a line of a failure.
const LABEL: usize = 12;

/// A failure in full; empty for a record that did not fail. `picture` is the path of its diagram.
pub fn failure(verified: &VerdictRecord, picture: Option<&Path>) -> String {
    let Some(finding) = finding(verified) else {
        return String::new();
    };
    let (subject, scenario) = (text::name(&verified.subject), text::line(&finding.scenario));
    let mut text = format!("FAILED  {subject} by {}: {scenario}\n", verified.method);
    let mut say = |label: &str, lines: &mut dyn Iterator<Item = &str>| {
        for (index, line) in lines.enumerate() {
            let label = if index == 0 { label } else { "" };
            text.push_str(format!("  {label:LABEL$}{}", text::line(line)).trim_end());
            text.push('\n');
        }
    };
    say("expected", &mut finding.expected.lines());
    say("happened", &mut finding.happened.lines());
    say("steps", &mut steps::text(&finding.threads).iter().map(String::as_str));
    if let Some(crash) = &verified.crash {
        say("stderr tail", &mut crash.stderr_tail.iter().map(String::as_str));
        if let Some(backtrace) = &crash.backtrace {
            say("threads", &mut backtrace.lines().take(MAX_BACKTRACE_LINES));
            if backtrace.lines().count() > MAX_BACKTRACE_LINES {
                say("", &mut ["… (the record has all)"].into_iter());
            }
        }
    }
    say("version", &mut [verified.version.as_str()].into_iter());
    if let Some(replay) = &verified.replay {
        say("again", &mut [replay.as_str()].into_iter());
    }
    if let Some(picture) = picture {
        say("picture", &mut [picture.display().to_string().as_str()].into_iter());
    }
    text
}

/// The matrix, then the bounds of each pass and the reasons for every other status. Methods without a record are left out.
pub fn matrix(verification: &VerificationMatrix) -> String {
    let known: Vec<(usize, Method)> = Method::ALL
        .into_iter()
        .enumerate()
        .filter(|(place, _)| {
            let cells = verification.rows.iter().map(|row| row.cells[*place].status);
            cells.into_iter().any(|status| !matches!(status, CellStatus::NotRun | CellStatus::NotApplicable))
        })
        .collect();
    let mut table: Vec<Vec<String>> = Vec::new();
    let head = known.iter().map(|(_, method)| method.to_string());
    table.push([String::new()].into_iter().chain(head).collect());
    for row in &verification.rows {
        let name = text::name(&row.subject);
        let name = if row.is_channel { name.into_owned() } else { format!("{name} (protocol)") };
        let cells = known.iter().map(|(place, _)| words(&row.cells[*place]));
        table.push([name].into_iter().chain(cells).collect());
    }
    let mut text = String::new();
    let widths: Vec<usize> =
        (0..=known.len()).map(|column| columns::width(table.iter().map(|row| &row[column]))).collect();
    for row in &table {
        let line: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    for (_, method) in known {
        let details = verification.details(method);
        if details.is_empty() {
            continue;
        }
        text.push_str(&format!("\n{method}, in {}s\n", unit(method)));
        for (status, detail, subjects) in details {
            let line = format!("{}: {}: {detail}", status.words(), subjects.join(", "));
            wrap(&mut text, &text::line(&line));
        }
    }
    text
}

/// A cell: its status and its number of cases.
fn words(cell: &MatrixCell) -> String {
    let mut words = cell.status.words().to_owned();
    if let Some(cases) = cell.cases {
        words.push_str(&format!(" ({})", numbers::separated(cases)));
    }
    words
}

/// Appends a line, indented and wrapped between words.
fn wrap(text: &mut String, line: &str) {
    let mut length = 0;
    for word in line.split_whitespace() {
        let size = word.chars().count();
        if length == 0 || length + 1 + size > WIDTH {
            text.push_str(if length == 0 { "  " } else { "\n    " });
            length = if length == 0 { 2 } else { 4 };
        } else {
            text.push(' ');
            length += 1;
        }
        text.push_str(word);
        length += size;
    }
    text.push('\n');
}
