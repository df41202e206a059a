//! What verifications found out: on the page ([`section`]), and in the terminal ([`terminal`]). [`steps`] is what both show of a failure.

pub mod section;
pub mod steps;
pub mod terminal;

use harness::record::{Answer, Verified};
use harness::verify::{Finding, MethodOutcome};

/// What a record found wrong.
pub fn finding(verified: &Verified) -> Option<&Finding> {
    match &verified.answer {
        Answer::Ran(MethodOutcome::Failed(finding)) => Some(finding),
        _ => None,
    }
}
