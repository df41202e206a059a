//! The results of verification on the page ([`section`]) and in the terminal ([`terminal`]). Both show the
//! [`steps`] of a failure.

pub(crate) mod section;
pub(crate) mod steps;
pub mod terminal;

use records::record::{Answer, Verified};
use records::verify::{Finding, MethodOutcome};

/// The finding of a record that failed.
pub fn finding(verified: &Verified) -> Option<&Finding> {
    match &verified.answer {
        Answer::Ran(MethodOutcome::Failed(finding)) => Some(finding),
        _ => None,
    }
}
