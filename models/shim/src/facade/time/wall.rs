//! `std::time::SystemTime`, by which some crates time their waits: the model's clock, as [`Instant`] reads
//! it.

use std::ops::Add;
use std::time::Duration;

use super::instant::Instant;

/// As std's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SystemTime(Instant);

/// As std's: the other time is later.
#[derive(Clone, Debug)]
pub struct SystemTimeError(Duration);

impl SystemTimeError {
    /// As std's: by how much it is later.
    pub fn duration(&self) -> Duration {
        self.0
    }
}

impl SystemTime {
    /// As std's, and as [`Instant::now`].
    pub fn now() -> Self {
        SystemTime(Instant::now())
    }

    /// As std's.
    ///
    /// # Errors
    ///
    /// When `earlier` is later.
    pub fn duration_since(&self, earlier: SystemTime) -> Result<Duration, SystemTimeError> {
        let SystemTime(earlier) = earlier;
        self.0.checked_duration_since(earlier).ok_or_else(|| SystemTimeError(earlier.duration_since(self.0)))
    }

    /// As std's.
    ///
    /// # Errors
    ///
    /// When `self` lies in the future.
    pub fn elapsed(&self) -> Result<Duration, SystemTimeError> {
        SystemTime::now().duration_since(*self)
    }

    /// As std's, and as [`Instant::checked_add`].
    pub fn checked_add(&self, time: Duration) -> Option<SystemTime> {
        self.0.checked_add(time).map(SystemTime)
    }
}

impl Add<Duration> for SystemTime {
    type Output = SystemTime;

    fn add(self, time: Duration) -> SystemTime {
        SystemTime(self.0 + time)
    }
}
