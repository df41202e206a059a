//! Waiting for a moment: the pace of a ticker and of an open loop's producers.

use std::thread;
use std::time::{Duration, Instant};

/// A wait shorter than this yields, because the shortest sleep takes longer.
const MIN_SLEEP: Duration = Duration::from_micros(200);

/// Waits until `moment`, and returns the clock's reading at the end of the wait, which is not before
/// `moment`.
///
/// It sleeps while enough time is left and yields for the rest. It may share its processor with the threads
/// that it waits for, which a spin without a yield would keep from running.
pub(crate) fn wait_until(moment: Instant) -> Instant {
    loop {
        let now = Instant::now();
        let left = moment.saturating_duration_since(now);
        if left.is_zero() {
            return now;
        }
        if left > MIN_SLEEP {
            thread::sleep(left - MIN_SLEEP);
        } else {
            thread::yield_now();
        }
    }
}

/// Waits for `period` from now.
pub(crate) fn pause(period: Duration) {
    wait_until(Instant::now() + period);
    // A modelled thread that only reads the clock would never let the others run.
    #[cfg(any(loom, shuttle))]
    contract::sync::thread::yield_now();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_never_ends_before_its_moment() {
        for wait in [Duration::ZERO, Duration::from_micros(20), MIN_SLEEP * 3] {
            let moment = Instant::now() + wait;
            assert!(wait_until(moment) >= moment);
        }
    }
}
