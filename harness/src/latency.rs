//! How long messages took: a histogram of each round, its percentiles, and its form in the runner protocol.
//!
//! A histogram and not a list: it is as large for a million messages as for ten, and recording is an addition. Its buckets are at
//! most 1/128 of their time wide (G. Tene's HdrHistogram with two significant digits), which is finer than the
//! clock's own step for times below some microseconds.

use std::time::Duration;

pub use hdrhistogram::Histogram;

/// The least time that is told apart from others, in nanoseconds.
const LEAST: u64 = 1;

/// The most: longer times are recorded as this one, in nanoseconds. It is longer than a round's usual deadline.
const MOST: u64 = 60_000_000_000;

/// Decimal digits of a time that are kept.
const DIGITS: u8 = 2;

/// A percentile is told when at least so many times lie beyond it; of fewer it would be an accident of the round.
const BEYOND: u64 = 10;

/// An empty histogram of times in nanoseconds, from 1 ns to 60 s.
#[expect(clippy::missing_panics_doc, reason = "the bounds are constants, and valid")]
pub fn histogram() -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(LEAST, MOST, DIGITS).expect("the bounds are valid");
    // Writes all of it once, so that no page of it is touched for the first time while the clock runs.
    histogram.reset();
    histogram
}

/// Records that a message took `time`; what is beyond 60 s counts as 60 s.
#[inline]
pub fn record(histogram: &mut Histogram<u64>, time: Duration) {
    histogram.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
}

/// Percentiles of times, in nanoseconds. One beyond which fewer than 10 times lie is withheld: p50 needs 20 times, p90 100, p99 1,000
/// and p99.9 10,000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Percentiles {
    /// Half of the messages took no longer.
    pub p50: Option<u64>,
    /// 9 of 10 took no longer.
    pub p90: Option<u64>,
    /// 99 of 100 took no longer.
    pub p99: Option<u64>,
    /// 999 of 1,000 took no longer.
    pub p99_9: Option<u64>,
    /// The longest; `None` of no times.
    pub max: Option<u64>,
}

impl Percentiles {
    /// Those of a histogram of one round, or of several added up.
    pub fn from_histogram(histogram: &Histogram<u64>) -> Self {
        let at = |thousandths: u64| {
            // In whole numbers, since the number of times beyond decides; wide ones, since a runner may tell of any number of times.
            let beyond = u128::from(histogram.len()) * u128::from(1_000 - thousandths) / 1_000;
            (beyond >= BEYOND.into()).then(|| histogram.value_at_quantile(thousandths as f64 / 1_000.0))
        };
        Percentiles {
            p50: at(500),
            p90: at(900),
            p99: at(990),
            p99_9: at(999),
            max: (!histogram.is_empty()).then(|| histogram.max()),
        }
    }
}

/// Pairs of a time in nanoseconds and how many messages took it, rising: the form of the runner protocol.
pub fn to_pairs(histogram: &Histogram<u64>) -> Vec<[u64; 2]> {
    let recorded = histogram.iter_recorded();
    recorded
        .map(|step| [histogram.median_equivalent(step.value_iterated_to()), step.count_at_value()])
        .collect()
}

/// Why pairs are no histogram.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLatency {
    /// A time is not longer than the one before it.
    #[error("latency: the times do not rise at {after} ns, {time} ns")]
    NotRising {
        /// The time before.
        after: u64,
        /// The time.
        time: u64,
    },
    /// The messages of all pairs together.
    #[error("latency: more messages than can be counted")]
    TooMany,
}

/// The histogram of pairs as [`to_pairs`] makes them. Pairs of another writer may be finer: they are rounded.
///
/// # Errors
///
/// [`InvalidLatency`] when a time is not longer than the one before it, or when the counts add up to more than 64 bits hold.
pub fn from_pairs(pairs: &[[u64; 2]]) -> Result<Histogram<u64>, InvalidLatency> {
    let mut histogram = histogram();
    let mut last = None;
    for &[time, count] in pairs {
        if let Some(after) = last.replace(time).filter(|&after| after >= time) {
            return Err(InvalidLatency::NotRising { after, time });
        }
        // A histogram's own sum would stay at the largest number.
        histogram.len().checked_add(count).ok_or(InvalidLatency::TooMany)?;
        histogram.saturating_record_n(time, count);
    }
    Ok(histogram)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(times: impl IntoIterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = histogram();
        times.into_iter().for_each(|time| record(&mut histogram, Duration::from_nanos(time)));
        histogram
    }

    #[test]
    fn a_percentile_is_withheld_when_fewer_than_ten_times_lie_beyond_it() {
        let told = |count| {
            let percentiles = Percentiles::from_histogram(&of((1..=count).map(|time| time * 1_000)));
            let Percentiles { p50, p90, p99, p99_9, max } = percentiles;
            [p50, p90, p99, p99_9, max].map(|percentile| percentile.is_some())
        };
        assert_eq!(told(0), [false; 5]);
        assert_eq!(told(19), [false, false, false, false, true]);
        assert_eq!(told(20), [true, false, false, false, true]);
        assert_eq!(told(99), [true, false, false, false, true]);
        assert_eq!(told(100), [true, true, false, false, true]);
        assert_eq!(told(999), [true, true, false, false, true]);
        assert_eq!(told(1_000), [true, true, true, false, true]);
        assert_eq!(told(9_999), [true, true, true, false, true]);
        assert_eq!(told(10_000), [true; 5]);
    }

    #[test]
    fn percentiles_are_those_of_the_times() {
        let Percentiles { p50, p90, p99, p99_9, max } = Percentiles::from_histogram(&of(1..=10_000));
        for (percentile, exact) in [(p50, 5_000), (p90, 9_000), (p99, 9_900), (p99_9, 9_990), (max, 10_000)] {
            let percentile = percentile.expect("there are enough");
            assert!((exact..=exact + exact / 128 + 1).contains(&percentile), "{percentile} for {exact}");
        }
    }

    #[test]
    fn the_longest_times_are_counted_and_none_is_refused() {
        let histogram = of([0, MOST, 100 * MOST]);
        assert_eq!(histogram.len(), 3);
        assert_eq!(histogram.max(), histogram.highest_equivalent(MOST));
    }

    #[test]
    fn pairs_that_do_not_rise_are_refused() {
        let error = from_pairs(&[[130, 12], [130, 1]]).expect_err("twice the same");
        assert_eq!(error.to_string(), "latency: the times do not rise at 130 ns, 130 ns");
        assert!(from_pairs(&[[140, 988], [130, 12]]).is_err());
        assert_eq!(from_pairs(&[]).map(|histogram| histogram.len()), Ok(0));
    }

    #[test]
    fn more_than_can_be_counted_is_refused() {
        assert_eq!(from_pairs(&[[500, u64::MAX]]).map(|histogram| histogram.len()), Ok(u64::MAX));
        let error = from_pairs(&[[500, u64::MAX], [600, 1]]).expect_err("one more");
        assert_eq!(error.to_string(), "latency: more messages than can be counted");
    }

    proptest! {
        #[test]
        fn pairs_are_read_back(times in prop::collection::vec(0_u64..2 * MOST, 0..200)) {
            let histogram = of(times.iter().copied());
            let pairs = to_pairs(&histogram);
            prop_assert_eq!(pairs.iter().map(|[_, count]| count).sum::<u64>(), times.len() as u64);
            prop_assert_eq!(from_pairs(&pairs), Ok(histogram));
        }

        #[test]
        fn a_pair_is_no_further_from_its_time_than_two_digits(time in 1_u64..MOST) {
            let pairs = to_pairs(&of([time]));
            prop_assert!(pairs[0][0].abs_diff(time) <= time / 128, "{:?} for {}", pairs, time);
        }
    }
}
