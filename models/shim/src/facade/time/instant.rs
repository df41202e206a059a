//! `std::time::Instant`: a poll of the clock is a step, and an instant in the future is a moment.

use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::Duration;

use crate::exec::{clock, deadline_polls, explorer};

/// As std's, on the model's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// As std's. Other threads may run before it, so that the moment that is waited for may come.
    pub fn now() -> Self {
        explorer::poll_clock();
        let now = clock::now();
        deadline_polls::polled(now);
        Instant(now)
    }

    /// As std's.
    pub fn elapsed(&self) -> Duration {
        Instant::now().duration_since(*self)
    }

    /// As std's.
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// As std's.
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// As std's.
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        self.0.checked_sub(earlier.0)
    }

    /// As std's. The sum, if in the future, is a moment from now on.
    pub fn checked_add(&self, time: Duration) -> Option<Instant> {
        let at = self.0.checked_add(time)?;
        clock::moment(at, None);
        deadline_polls::deadline_set(at);
        Some(Instant(at))
    }

    /// As std's.
    pub fn checked_sub(&self, time: Duration) -> Option<Instant> {
        self.0.checked_sub(time).map(Instant)
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, time: Duration) -> Instant {
        self.checked_add(time).expect("overflow when adding duration to instant")
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, time: Duration) {
        *self = *self + time;
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;

    fn sub(self, time: Duration) -> Instant {
        self.checked_sub(time).expect("overflow when subtracting duration from instant")
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, time: Duration) {
        *self = *self - time;
    }
}

impl Sub<Instant> for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }
}
