//! Waiting with a deadline.

use std::time::{Duration, Instant};

/// What any wait may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Waits until `is_so`, which itself waits a little.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not within {DEADLINE:?}: {what}");
    }
}
