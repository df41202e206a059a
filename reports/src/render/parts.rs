//! Small pieces that several sections share.

use maud::{Markup, html};

use super::colours::Colours;
use crate::analyse::cells::{CellResult, MeasuredCell};

/// The spot of a channel's colour.
pub(crate) fn swatch(channel: &str, colours: &Colours) -> Markup {
    html! { i.swatch style={ "background:" (colours.css(channel)) } {} }
}

/// The anchor of a workload's params.
pub(crate) fn params_anchor(workload: &str, index: usize) -> String {
    format!("{workload}-{index}")
}

/// A name with possible line breaks between its components.
pub(crate) fn breakable(name: &str) -> Markup {
    html! {
        @for part in name.split_inclusive([',', '_']) { (part) wbr; }
    }
}

/// What stands in the place of a number that contradictory records would give.
pub(crate) const CONTRADICTORY: &str = "contradictory records";

/// What stands in the place of a ratio to a channel that was never beside it.
pub(crate) const NOT_PAIRED: &str = "in no block with it";

/// Why a cell has no time, in a word; `None` when it has one.
pub(crate) fn lack(cell: &MeasuredCell) -> Option<&'static str> {
    match cell.result {
        CellResult::Measured(_) => None,
        CellResult::Unsupported(_) => Some("unsupported"),
        CellResult::Failed(_) => Some("failed"),
        CellResult::Contradictory => Some(CONTRADICTORY),
        CellResult::NotRun => Some("not run"),
    }
}

/// Whether a round of a cell failed, or its records contradict themselves.
pub(crate) fn has_failed(cell: &MeasuredCell) -> bool {
    matches!(cell.result, CellResult::Failed(_) | CellResult::Contradictory)
}
