//! Waiting for a moment: what paces a ticker and an open loop's producers.

use std::thread;
use std::time::{Duration, Instant};

/// A time shorter than this is waited for by yielding: a sleep is longer.
const SHORTEST_SLEEP: Duration = Duration::from_micros(200);

/// Waits until `moment`, and returns the moment that the clock showed then, at it or after it.
///
/// It sleeps as long as a sleep is short enough, and yields for the rest: it shares its processor with the threads that it is waited
/// for, and nothing that spins without a yield would let them run.
pub(crate) fn wait_until(moment: Instant) -> Instant {
    loop {
        let now = Instant::now();
        let left = moment.saturating_duration_since(now);
        if left.is_zero() {
            return now;
        }
        if left > SHORTEST_SLEEP {
            thread::sleep(left - SHORTEST_SLEEP);
        } else {
            thread::yield_now();
        }
    }
}

/// Waits a period from now.
pub(crate) fn pause(period: Duration) {
    wait_until(Instant::now() + period);
    // In a build that explores, other threads run meanwhile: a thread that paces itself would else never let them.
    #[cfg(any(loom, shuttle))]
    crate::sync::thread::yield_now();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_moment_is_waited_for_too_short() {
        for wait in [Duration::ZERO, Duration::from_micros(20), SHORTEST_SLEEP * 3] {
            let moment = Instant::now() + wait;
            assert!(wait_until(moment) >= moment);
        }
    }
}
