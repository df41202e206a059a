//! The verdicts of a verification that leave something undecided that was requested.

use records::record::{Verdict, VerdictRecord};
use records::verify::{MethodOutcome, Shard};
use verify_driver::engine::ON_REQUEST;

/// The verdicts that decide nothing, of a verification whose command line named its channels and methods
/// (`by_name`) or not.
///
/// A pass within the stated bounds decides, and so does a failure. What ended before its bounds, or examined no
/// case, never does. A method that does not apply to a channel leaves nothing undecided unless it was requested
/// for that channel by name, or nothing else passed.
pub fn undecided(verified: &[VerdictRecord], by_name: bool) -> Vec<&VerdictRecord> {
    let was_requested = by_name || !verified.iter().any(has_passed);
    let is_undecided = |record: &&VerdictRecord| match &record.verdict {
        Verdict::Ran(MethodOutcome::Passed { cases: 0, .. } | MethodOutcome::Unknown { cases: 0, .. }) => {
            !is_elsewhere_in_shard(record, verified)
        }
        Verdict::Ran(MethodOutcome::Passed { .. } | MethodOutcome::Failed(_)) => false,
        Verdict::Ran(
            MethodOutcome::Unknown { .. }
            | MethodOutcome::OutOfTime { .. }
            | MethodOutcome::Cut { .. }
            | MethodOutcome::Shortage { .. },
        ) => true,
        Verdict::Ran(MethodOutcome::Unsupported { .. }) | Verdict::NotInstrumentable { .. } => was_requested,
        Verdict::NotAvailable { reason } => was_requested || reason != ON_REQUEST,
    };
    verified.iter().filter(is_undecided).collect()
}

/// Whether a verdict passed with at least one case.
fn has_passed(record: &VerdictRecord) -> bool {
    matches!(record.verdict, Verdict::Ran(MethodOutcome::Passed { cases, .. }) if cases > 0)
}

/// Whether this shard has no model of a subject, but models of others by the same method.
fn is_elsewhere_in_shard(record: &VerdictRecord, verified: &[VerdictRecord]) -> bool {
    let is_other = |other: &VerdictRecord| other.method == record.method && other.subject != record.subject;
    record.shard != Shard::WHOLE
        && record.models.is_some()
        && verified.iter().any(|other| is_other(other) && has_passed(other))
}
