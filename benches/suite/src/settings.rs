//! Criterion's settings for each profile.

use std::time::Duration;

use criterion::{Criterion, PlottingBackend};
use workloads::profile::{Profile, UnknownProfile};

/// The settings of a profile.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The profile.
    pub profile: Profile,
    samples: usize,
    warm_up: Duration,
    measurement: Duration,
    resamples: usize,
}

/// The time of a benchmark in addition to warm-up and measurement: the self-check, criterion's analysis and
/// its plots.
const ANALYSIS: Duration = Duration::from_millis(450);

impl Settings {
    /// The settings of `profile`.
    pub fn for_profile(profile: Profile) -> Self {
        let (samples, warm_up, measurement, resamples) = match profile {
            Profile::Quick => (10, 100, 500, 10_000),
            Profile::Standard => (20, 200, 1_500, 20_000),
            Profile::Full => (50, 500, 5_000, 100_000),
        };
        Settings {
            profile,
            samples,
            warm_up: Duration::from_millis(warm_up),
            measurement: Duration::from_millis(measurement),
            resamples,
        }
    }

    /// The settings of the profile in the environment.
    ///
    /// # Errors
    ///
    /// When the profile does not exist.
    pub fn from_env() -> Result<Self, UnknownProfile> {
        Profile::from_env().map(Settings::for_profile)
    }

    /// Criterion with these settings, which the command line can override.
    pub fn criterion(&self) -> Criterion {
        Criterion::default()
            // Plots that do not depend on an installed gnuplot.
            .plotting_backend(PlottingBackend::Plotters)
            .sample_size(self.samples)
            .warm_up_time(self.warm_up)
            .measurement_time(self.measurement)
            .nresamples(self.resamples)
    }

    /// The approximate time of this many benchmarks.
    pub fn estimate(&self, benchmarks: usize) -> Duration {
        (self.warm_up + self.measurement + ANALYSIS) * benchmarks as u32
    }
}
