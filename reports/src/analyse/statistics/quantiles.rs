//! Quantiles of a sorted sample, with one definition for all statistics.

/// The quantile at `share` (0 to 1) of a sample in ascending order, interpolated between its neighbours.
///
/// Hyndman and Fan, "Sample quantiles in statistical packages", The American Statistician 50 (1996),
/// definition 7, which is the default of NumPy and R.
///
/// # Panics
///
/// When the sample is empty.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = place.ceil() as usize;
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

/// The median of a sample in ascending order: the mean of the two in the middle when their number is even.
///
/// # Panics
///
/// When the sample is empty.
pub(super) fn median(sorted: &[f64]) -> f64 {
    let [lower, upper] = middle(sorted.len());
    midpoint(sorted[lower], sorted[upper])
}

/// The places of the one or two observations in the middle of `count` in order; they are equal when it is
/// odd.
pub(super) fn middle(count: usize) -> [usize; 2] {
    [(count - 1) / 2, count / 2]
}

/// The mean of two numbers: exactly the number when both are equal, and exactly the negative mean for `-one`
/// and `-other`.
pub(super) fn midpoint(one: f64, other: f64) -> f64 {
    0.5 * one + 0.5 * other
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::analyse::statistics::reference::{EXACT, close, sorted};

    #[test]
    fn quantiles_interpolate_and_end_at_the_ends() {
        let sorted = [1.0, 2.0, 4.0, 8.0];
        assert_eq!([0.0, 0.25, 0.5, 1.0].map(|share| quantile(&sorted, share)), [1.0, 1.75, 3.0, 8.0]);
        assert_eq!([median(&sorted), median(&sorted[1..]), median(&sorted[..1])], [3.0, 4.0, 1.0]);
    }

    proptest! {
        #[test]
        fn a_quantile_rises_with_its_share_from_the_least_to_the_largest(
            sorted in sorted(vec(-1e6..1e6, 1..40)),
            shares in [0.0..=1.0, 0.0..=1.0],
        ) {
            let [one, other] = shares.map(|share| quantile(&sorted, share));
            prop_assert!(sorted[0] <= one && one <= sorted[sorted.len() - 1]);
            prop_assert!(shares[0] > shares[1] || one <= other, "{one} and {other}");
            prop_assert!(close(quantile(&sorted, 0.5), median(&sorted), EXACT));
        }

        #[test]
        fn a_quantile_goes_with_its_sample(sorted in sorted(vec(-1e6..1e6, 1..40)), share in 0.0..=1.0, shift in -1e6..1e6) {
            let moved: Vec<f64> = sorted.iter().map(|value| 2.0 * value + shift).collect();
            prop_assert!(close(quantile(&moved, share), 2.0 * quantile(&sorted, share) + shift, EXACT));
            let mirrored: Vec<f64> = sorted.iter().rev().map(|value| -value).collect();
            prop_assert!(close(quantile(&mirrored, 1.0 - share), -quantile(&sorted, share), EXACT));
        }
    }
}
