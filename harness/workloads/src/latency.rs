//! Latencies: the histogram of a round, its percentiles, and its form in the runner protocol.
//!
//! A histogram has the same size for a million messages as for ten, and recording is an addition. The width
//! of a bucket is at most 1/128 of its time (G. Tene's HdrHistogram with two significant digits), which is
//! finer than the clock's step for times below some microseconds.

use std::time::Duration;

pub use hdrhistogram::Histogram;

/// The shortest time that a histogram resolves, in nanoseconds.
const MIN_TIME_NS: u64 = 1;

/// The longest time, in nanoseconds: longer ones are recorded as this one. It exceeds a round's usual
/// deadline.
const MAX_TIME_NS: u64 = 60_000_000_000;

/// The significant decimal digits of a recorded time.
const DIGITS: u8 = 2;

/// A percentile is given if at least this many times lie beyond it. With fewer it would be an accident of the
/// round.
const MIN_TIMES_BEYOND: u64 = 10;

/// An empty histogram of times in nanoseconds, from 1 ns to 60 s.
#[expect(clippy::missing_panics_doc, reason = "the bounds are constants, and valid")]
pub fn histogram() -> Histogram<u64> {
    let mut histogram =
        Histogram::new_with_bounds(MIN_TIME_NS, MAX_TIME_NS, DIGITS).expect("the bounds are valid");
    // Writes the whole histogram once, so that no page of it is first touched while the clock runs.
    histogram.reset();
    histogram
}

/// Records a latency of `time`. Longer times than 60 s count as 60 s.
#[inline]
pub fn record(histogram: &mut Histogram<u64>, time: Duration) {
    histogram.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
}

/// Percentiles of times, in nanoseconds. A percentile with fewer than 10 times beyond it is withheld: p50
/// needs 20 times, p90 100, p99 1,000 and p99.9 10,000.
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
    /// The longest time; `None` without any times.
    pub max: Option<u64>,
}

impl Percentiles {
    /// The percentiles of a histogram, of one round or of several added up.
    pub fn from_histogram(histogram: &Histogram<u64>) -> Self {
        let at = |thousandths: u64| {
            // Exact integer arithmetic, since the number of times decides; wide, since a runner may report
            // any number.
            let beyond = u128::from(histogram.len()) * u128::from(1_000 - thousandths) / 1_000;
            (beyond >= MIN_TIMES_BEYOND.into())
                .then(|| histogram.value_at_quantile(thousandths as f64 / 1_000.0))
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

/// The histogram as pairs of a time in nanoseconds and its number of messages, rising: the form of the runner
/// protocol.
pub fn to_pairs(histogram: &Histogram<u64>) -> Vec<[u64; 2]> {
    let recorded = histogram.iter_recorded();
    recorded
        .map(|step| [histogram.median_equivalent(step.value_iterated_to()), step.count_at_value()])
        .collect()
}

/// Why pairs cannot be read as a histogram.
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
    /// The messages of all pairs together exceed 64 bits.
    #[error("latency: more messages than can be counted")]
    TooMany,
}

/// Reads pairs as [`to_pairs`] makes them. Finer pairs of another writer are rounded.
///
/// # Errors
///
/// [`InvalidLatency`] when a time is not longer than the one before it, or when the counts add up to more
/// than 64 bits hold.
pub fn from_pairs(pairs: &[[u64; 2]]) -> Result<Histogram<u64>, InvalidLatency> {
    let mut histogram = histogram();
    let mut last = None;
    for &[time, count] in pairs {
        if let Some(after) = last.replace(time).filter(|&after| after >= time) {
            return Err(InvalidLatency::NotRising { after, time });
        }
        // The histogram's own sum would saturate.
        histogram.len().checked_add(count).ok_or(InvalidLatency::TooMany)?;
        histogram.saturating_record_n(time, count);
    }
    Ok(histogram)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn recorded(times: impl IntoIterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = histogram();
        times.into_iter().for_each(|time| record(&mut histogram, Duration::from_nanos(time)));
        histogram
    }

    #[test]
    fn a_percentile_is_withheld_when_fewer_than_ten_times_lie_beyond_it() {
        let given = |count| {
            let percentiles = Percentiles::from_histogram(&recorded((1..=count).map(|time| time * 1_000)));
            let Percentiles { p50, p90, p99, p99_9, max } = percentiles;
            [p50, p90, p99, p99_9, max].map(|percentile| percentile.is_some())
        };
        assert_eq!(given(0), [false; 5]);
        assert_eq!(given(19), [false, false, false, false, true]);
        assert_eq!(given(20), [true, false, false, false, true]);
        assert_eq!(given(99), [true, false, false, false, true]);
        assert_eq!(given(100), [true, true, false, false, true]);
        assert_eq!(given(999), [true, true, false, false, true]);
        assert_eq!(given(1_000), [true, true, true, false, true]);
        assert_eq!(given(9_999), [true, true, true, false, true]);
        assert_eq!(given(10_000), [true; 5]);
    }

    #[test]
    fn percentiles_are_those_of_the_times() {
        let Percentiles { p50, p90, p99, p99_9, max } = Percentiles::from_histogram(&recorded(1..=10_000));
        for (percentile, exact) in [(p50, 5_000), (p90, 9_000), (p99, 9_900), (p99_9, 9_990), (max, 10_000)] {
            let percentile = percentile.expect("there are enough times");
            assert!((exact..=exact + exact / 128 + 1).contains(&percentile), "{percentile} for {exact}");
        }
    }

    #[test]
    fn times_beyond_the_longest_count_as_the_longest() {
        let histogram = recorded([0, MAX_TIME_NS, 100 * MAX_TIME_NS]);
        assert_eq!(histogram.len(), 3);
        assert_eq!(histogram.max(), histogram.highest_equivalent(MAX_TIME_NS));
    }

    #[test]
    fn pairs_that_do_not_rise_are_refused() {
        let error = from_pairs(&[[130, 12], [130, 1]]).expect_err("the same time twice");
        assert_eq!(error.to_string(), "latency: the times do not rise at 130 ns, 130 ns");
        assert!(from_pairs(&[[140, 988], [130, 12]]).is_err());
        assert_eq!(from_pairs(&[]).map(|histogram| histogram.len()), Ok(0));
    }

    #[test]
    fn more_messages_than_can_be_counted_are_refused() {
        assert_eq!(from_pairs(&[[500, u64::MAX]]).map(|histogram| histogram.len()), Ok(u64::MAX));
        let error = from_pairs(&[[500, u64::MAX], [600, 1]]).expect_err("one more");
        assert_eq!(error.to_string(), "latency: more messages than can be counted");
    }

    proptest! {
        #[test]
        fn pairs_parse_back_to_their_histogram(times in prop::collection::vec(0_u64..2 * MAX_TIME_NS, 0..200)) {
            let histogram = recorded(times.iter().copied());
            let pairs = to_pairs(&histogram);
            prop_assert_eq!(pairs.iter().map(|[_, count]| count).sum::<u64>(), times.len() as u64);
            prop_assert_eq!(from_pairs(&pairs), Ok(histogram));
        }

        #[test]
        fn a_pair_keeps_two_digits_of_its_time(time in 1_u64..MAX_TIME_NS) {
            let pairs = to_pairs(&recorded([time]));
            prop_assert!(pairs[0][0].abs_diff(time) <= time / 128, "{:?} for {}", pairs, time);
        }
    }
}
