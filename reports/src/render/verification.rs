//! The results of verification on the page (`section`) and in the terminal ([`terminal`]). Both show the
//! `steps` of a failure.

pub(crate) mod section;
pub(crate) mod steps;
pub mod terminal;

use records::record::{Verdict, VerdictRecord};
use records::verify::{Finding, MethodOutcome};

/// The finding of a record that failed.
pub fn finding(verified: &VerdictRecord) -> Option<&Finding> {
    match &verified.verdict {
        Verdict::Ran(MethodOutcome::Failed(finding)) => Some(finding),
        _ => None,
    }
}
