//! A run in the terminal: for each of its params the channels by their ratio to the fastest.

use crate::analyse::page::{Page, ParamsPage};
use crate::numbers;

/// Lines are cut after so many characters.
const WIDTH: usize = 118;

/// The table. `~` stands before who is not told apart from the fastest; `†` behind who has another capacity than asked for.
pub fn table(page: &Page) -> String {
    let mut text = String::new();
    let ids =
        page.workloads.iter().flat_map(|workload| &workload.params).map(|params| params.record.id.len());
    let width = ids.max().unwrap_or(0);
    for workload in &page.workloads {
        text.push_str(&format!("{}\n", workload.name));
        for params in &workload.params {
            let line = format!("  {:width$}  {}", params.record.id, ranking(params));
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    text.push_str(
        "ns/op (or the latency) of the fastest, ratios of the others; ~ not told apart from the fastest",
    );
    if page.cells().any(|cell| cell.effective_capacity.is_some()) {
        text.push_str("; † another capacity than asked for");
    }
    text.push('\n');
    for (name, why) in &page.not_available {
        text.push_str(&format!("Not available: {name}: {why}\n"));
    }
    text.push('\n');
    text
}

fn ranking(params: &ParamsPage) -> String {
    let mut line = String::new();
    for (place, ranked) in params.ranking.iter().enumerate() {
        let cell = &params.cells[ranked.cell];
        let entry = match cell.measurement() {
            Some(measurement) if place == 0 => {
                format!("{} {} {}", cell.channel, numbers::measured(measurement.median), params.unit)
            }
            _ => {
                let tie = if ranked.tied { "~" } else { "" };
                let altered = if ranked.altered { " †" } else { "" };
                format!("{tie}{} {}{altered}", cell.channel, numbers::ratio(ranked.ratio))
            }
        };
        if line.chars().count() + entry.chars().count() + 3 > WIDTH {
            line.push_str(" …");
            break;
        }
        if place > 0 {
            line.push_str("   ");
        }
        line.push_str(&entry);
    }
    for cell in params.cells.iter().filter(|cell| matches!(cell.lack(), Some("failed" | "damaged"))) {
        line.push_str(&format!("   {} {}", cell.channel, cell.lack().unwrap_or_default()));
    }
    line
}
