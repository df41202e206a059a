//! Changes in the terminal: a table, the failures, and a summary.

use crate::analyse::changes::{Change, ChangeKind, Changes, Side};
use crate::analyse::paired_test::{ALPHA, LEVEL};
use records::text;
use wording::{columns, numbers};

/// Changes, with everything a reader needs to interpret them.
#[derive(Clone, Debug)]
pub struct ChangeReport<'a> {
    /// The two sides.
    pub title: String,
    /// The changes.
    pub changes: &'a Changes,
    /// The method, in a sentence.
    pub method: String,
    /// Facts that limit the comparison.
    pub remarks: Vec<String>,
    /// The machine, the versions and the settings: name and value.
    pub facts: Vec<(String, String)>,
}

/// The table and the text below it.
pub fn terminal(report: &ChangeReport<'_>) -> String {
    let changes = report.changes;
    let mut rows = vec![header(changes)];
    rows.extend(changes.all.iter().map(|change| {
        let mut row = vec![text::line(&change.name).into_owned(), time(&change.old), time(&change.new)];
        row.extend(change.beside.iter().map(time));
        row.extend([ratio(change), p_value(change), kind(change.kind()).to_owned()]);
        row
    }));
    let mut text = format!("{}\n\n{}\n", text::line(&report.title), aligned(&rows));
    for line in failures(changes) {
        text.push_str(&format!("{}\n", text::line(&line)));
    }
    text.push_str(&format!("{}\n{}\n", text::line(&summary(changes)), report.method));
    for remark in remarks(report) {
        text.push_str(&format!("note: {}\n", text::line(&remark)));
    }
    text
}

fn header(changes: &Changes) -> Vec<String> {
    let mut header: Vec<String> = ["ns/op", "old", "new"].map(str::to_owned).into();
    header.extend(changes.beside.iter().map(|name| text::name(name).into_owned()));
    header.extend(["new / old", "p", ""].map(str::to_owned));
    header
}

/// Aligned columns: the first and the last to the left, numbers to the right.
fn aligned(rows: &[Vec<String>]) -> String {
    let last = rows[0].len() - 1;
    let widths: Vec<usize> =
        (0..=last).map(|column| columns::width(rows.iter().map(|row| &row[column]))).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            match column {
                0 => line.push_str(&format!("{cell:width$}")),
                _ if column == last => line.push_str(&format!("  {cell}")),
                _ => line.push_str(&format!("  {cell:>width$}")),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A kind of change in words.
pub(super) fn kind(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Slower => "slower",
        ChangeKind::Faster => "faster",
        ChangeKind::NoDifference => "no difference detected",
        ChangeKind::FailedInNew => "failed in the new one",
        ChangeKind::FailedInOld => "failed in the old one",
        ChangeKind::FailedInBoth => "failed in both",
        ChangeKind::Unsupported => "unsupported",
        ChangeKind::NotRun => "not run",
        ChangeKind::OtherWork => "not compared: other capacities",
        ChangeKind::Contradictory => "not compared: contradictory records",
        ChangeKind::NotPaired => "not compared: never in one block",
    }
}

/// The time of a side in ns/op, or in a word why there is none.
pub(super) fn time(side: &Side) -> String {
    match side {
        Side::Measured(ns_per_op) => numbers::measured(*ns_per_op),
        Side::Failed(_) => "failed".to_owned(),
        Side::Unsupported(_) => "unsupported".to_owned(),
        Side::Contradictory => "contradictory records".to_owned(),
        Side::NotRun => "not run".to_owned(),
    }
}

/// The ratio with its interval: `1.04× (1.01–1.07×)`.
pub fn ratio(change: &Change) -> String {
    let Some(shift) = &change.shift else {
        return String::new();
    };
    match shift.interval {
        Some(interval) => format!("{} ({})", numbers::ratio(shift.ratio), numbers::ratios(interval)),
        None => format!("{} (unbounded)", numbers::ratio(shift.ratio)),
    }
}

/// The adjusted p-value: `0.004`, `<0.001`, `1`.
pub(super) fn p_value(change: &Change) -> String {
    match &change.shift {
        None => String::new(),
        Some(shift) if shift.p_value < 0.001 => "<0.001".to_owned(),
        Some(shift) if shift.p_value >= 0.9995 => "1".to_owned(),
        Some(shift) => format!("{:.3}", shift.p_value),
    }
}

/// A line for each failure of either side.
pub(super) fn failures(changes: &Changes) -> Vec<String> {
    let mut lines = Vec::new();
    for change in &changes.all {
        for (side, of) in [(&change.old, &changes.old), (&change.new, &changes.new)] {
            if let Side::Failed(how) = side {
                lines.push(format!("{} failed over {of}: {how}", change.name));
            }
        }
    }
    lines
}

/// The number of changes of each kind, in a sentence.
pub(super) fn summary(changes: &Changes) -> String {
    let counts = [
        (ChangeKind::Slower, "slower"),
        (ChangeKind::Faster, "faster"),
        (ChangeKind::NoDifference, "with no difference detected"),
        (ChangeKind::FailedInNew, "failed only in the new one"),
        (ChangeKind::FailedInOld, "failed only in the old one"),
        (ChangeKind::FailedInBoth, "failed in both"),
        (ChangeKind::OtherWork, "with other capacities"),
        (ChangeKind::Contradictory, "with contradictory records"),
        (ChangeKind::NotPaired, "never in one block"),
        (ChangeKind::Unsupported, "unsupported"),
        (ChangeKind::NotRun, "not run"),
    ];
    let report: Vec<String> = counts
        .into_iter()
        .map(|(kind, words)| (changes.of(kind).count(), words))
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    let all = numbers::count(changes.all.len() as u64, "comparison");
    if report.is_empty() {
        return "Nothing was compared.".to_owned();
    }
    format!("{all} of {} with {}: {}.", changes.new, changes.old, report.join(", "))
}

/// The meaning of the numbers, in a sentence; `how` says how they were measured.
fn method(changes: &Changes, how: &str, each: &str) -> String {
    let epochs = match changes.epochs() {
        [least, most] if least > most => return how.to_owned(),
        [least, most] if least == most => numbers::count(most as u64, "epoch"),
        [least, most] => format!("{least} to {}", numbers::count(most as u64, "epoch")),
    };
    let adjusted = match changes.compared() {
        1 => String::new(),
        compared => format!(", adjusted for all {compared} (Holm)"),
    };
    format!(
        "{how} Ratios are new time / old time over {epochs}, each with a {} % interval for its {each} alone. \
         p-values test \"they are equal\"{adjusted}; {ALPHA} or less is a difference.",
        LEVEL * 100.0
    )
}

/// The method of a comparison of two versions in one run.
pub fn side_by_side(changes: &Changes) -> String {
    method(changes, "Measured side by side in one run.", "group")
}

/// The method of a comparison of two runs.
pub fn apart(changes: &Changes) -> String {
    method(
        changes,
        "The two runs were made at different times, so the machine may have drifted between them: \
         measure side by side (chanlab ab, chanlab run) before you trust a difference.",
        "cell",
    )
}

/// The remarks, and a note on comparisons with too few epochs.
pub(super) fn remarks(report: &ChangeReport<'_>) -> Vec<String> {
    let mut remarks = report.remarks.clone();
    let blind = report.changes.blind();
    if blind > 0 {
        remarks.push(format!(
            "in {blind} of {} comparisons there are too few epochs to detect any difference: measure longer",
            report.changes.compared()
        ));
    }
    remarks
}
