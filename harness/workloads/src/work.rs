//! Integer work of a known length, to put between channel operations.

use std::time::Duration;

/// An upper bound on the time of one step of [`work`], in an optimised build or not.
const MAX_STEP_TIME: Duration = Duration::from_nanos(10);

/// An upper bound on the time that one processor needs for `messages` messages with `steps` steps of [`work`]
/// each.
pub(crate) fn work_time(steps: u64, messages: u64) -> Duration {
    MAX_STEP_TIME.saturating_mul(u32::try_from(steps.saturating_mul(messages)).unwrap_or(u32::MAX))
}

/// Does `steps` steps of integer work, about a nanosecond each, which the compiler cannot remove.
#[inline]
pub fn work(steps: u64) {
    let mut state = steps;
    for _ in 0..steps {
        // A step of xorshift64 (G. Marsaglia, "Xorshift RNGs", 2003); each depends on the one before.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state = std::hint::black_box(state);
    }
}
