//! How long criterion measures in each profile.

use std::time::Duration;

use criterion::{Criterion, PlottingBackend};
use harness::profile::{Profile, UnknownProfile};

/// What a profile asks of criterion.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The profile.
    pub profile: Profile,
    samples: usize,
    warm_up: Duration,
    measurement: Duration,
    resamples: usize,
}

/// What one benchmark takes beside its warm-up and measurement: the self-check, criterion's analysis and its plots.
const ANALYSIS: Duration = Duration::from_millis(450);

impl Settings {
    /// The settings of `profile`.
    pub fn of(profile: Profile) -> Self {
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

    /// The settings of the profile that the environment asks for.
    ///
    /// # Errors
    ///
    /// When it asks for a profile that does not exist.
    pub fn from_env() -> Result<Self, UnknownProfile> {
        Profile::from_env().map(Settings::of)
    }

    /// A criterion with these settings. The command line may still change them.
    pub fn criterion(&self) -> Criterion {
        Criterion::default()
            // Whether or not gnuplot is installed: the same plots everywhere.
            .plotting_backend(PlottingBackend::Plotters)
            .sample_size(self.samples)
            .warm_up_time(self.warm_up)
            .measurement_time(self.measurement)
            .nresamples(self.resamples)
    }

    /// About how long `benchmarks` benchmarks take.
    pub fn estimate(&self, benchmarks: usize) -> Duration {
        (self.warm_up + self.measurement + ANALYSIS) * benchmarks as u32
    }
}
