//! The paired comparison of two channels: how much slower one is than the other, and whether chance can
//! explain it.
//!
//! It uses Wilcoxon's signed-rank statistic: times jump between modes and a mean follows the jumps, while a
//! test of the signs alone needs many epochs. The test assumes independent units and, for its p-value, only
//! symmetry: with equal channels, a log ratio is as likely as its negative. Measuring both in the same blocks
//! provides that.
//!
//! Everything up to 60 epochs is exact, so no small p-value there rests on an approximation.

use super::quantiles::midpoint;
use super::selection::{Pairs, first_beyond};

/// The maximum number of ranks for which the statistic's distribution is enumerated. Beyond it, the normal
/// approximation changes a probability by at most 0.0015.
const EXACT_UP_TO: usize = 60;

/// The comparison of two channels by paired measurements.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SignedRankTest {
    /// The number of independent units, which are epochs.
    pub units: usize,
    /// Hodges and Lehmann's estimate of the middle, in the unit of the sample: the median of the means of all
    /// pairs.
    pub estimate: f64,
    /// Its confidence interval; `None` when the units are too few to bound it at the requested level.
    pub interval: Option<[f64; 2]>,
    /// The probability of a difference at least as clear, in either direction, if the channels were equal.
    pub p_value: f64,
    /// The smallest p-value that this number of units can give, when all are on one side: 0.0625 for 5 units.
    pub least_p_value: f64,
}

/// Compares two channels by one number per epoch, such as the log of their ratio; 0 means equal.
///
/// `level` is the interval's confidence, such as 0.95.
///
/// - Estimate and interval: Hodges and Lehmann, "Estimates of location based on rank tests", Annals of
///   Mathematical Statistics 34 (1963); the interval is between Walsh averages, as in Hollander, Wolfe and
///   Chicken, "Nonparametric Statistical Methods", 3rd edition (2014), section 3.3. It holds the level or
///   more, ties included.
/// - p-value: Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1 (1945), two-sided.
///   Equal sizes share the mean of their ranks. Zeros take ranks and then drop out, after Pratt, "Remarks on
///   zeros and ties in the Wilcoxon signed rank procedures", JASA 54 (1959): dropping them earlier would let
///   units without a difference make the others clearer. The distribution is that of all sign patterns of the
///   observed ranks, so the p-value is exact with ties too and never below the smallest one. SciPy's
///   `wilcoxon` with `zero_method="pratt"` agrees: `method="exact"` without ties and zeros,
///   `PermutationMethod` with them, and, for more than 60 units that are not 0, `method="approx",
///   correction=True`.
///
/// Without ties and zeros, 0 is outside the interval exactly when the p-value is at most 1 - `level`.
///
/// # Panics
///
/// When the sample is empty or contains a number that is not finite, or when `level` is not between 0 and 1.
pub(crate) fn compare(sample: &[f64], level: f64) -> SignedRankTest {
    assert!(!sample.is_empty(), "nothing to compare");
    assert!(sample.iter().all(|unit| unit.is_finite()), "what is compared is finite: {sample:?}");
    assert!(level > 0.0 && level < 1.0, "a level is between 0 and 1: {level}");

    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    // The means of all pairs of units, including each unit with itself: Walsh averages.
    let averages = Pairs { one: &sorted, other: &sorted, of: midpoint, is_one_sample: true };
    let signed = doubled_ranks(sample);
    let ranks: Vec<usize> = signed.iter().map(|(_, rank)| *rank).collect();
    let total: usize = ranks.iter().sum();
    let positive: usize = signed.iter().filter(|(positive, _)| *positive).map(|(_, rank)| rank).sum();
    let null = Null::of(&ranks);
    SignedRankTest {
        units: sample.len(),
        estimate: averages.median(),
        interval: interval(&averages, sample.len(), level),
        p_value: null.two_sided(positive.min(total - positive)),
        least_p_value: null.two_sided(0),
    }
}

/// The interval between the k-th Walsh averages from both ends, where k is the number of the statistic's
/// values, from 0 on, whose tail is at most half of 1 - level.
fn interval(averages: &Pairs<'_, impl Fn(f64, f64) -> f64>, units: usize, level: f64) -> Option<[f64; 2]> {
    let ranks: Vec<usize> = (1..=units).map(|rank| 2 * rank).collect();
    let null = Null::of(&ranks);
    let tail = (1.0 - level) / 2.0;
    let outside = first_beyond(averages.len(), |sum| null.at_most(2 * sum) <= tail);
    // The lower end is the average at `outside`, counted from 1.
    let low = outside.checked_sub(1)?;
    Some([averages.at(low), averages.at(averages.len() - outside)])
}

/// For each unit that is not 0, whether it is positive, and twice the rank of its size: whole even where ties
/// share a rank.
fn doubled_ranks(sample: &[f64]) -> Vec<(bool, usize)> {
    let mut order = sample.to_vec();
    order.sort_by(|one, other| one.abs().total_cmp(&other.abs()));
    let mut ranks = Vec::with_capacity(order.len());
    let mut before = 0;
    for tied in order.chunk_by(|one, other| one.abs() == other.abs()) {
        let after = before + tied.len();
        // The mean of the ranks from `before` + 1 to `after`, doubled.
        let rank = before + 1 + after;
        ranks.extend(tied.iter().filter(|unit| **unit != 0.0).map(|unit| (*unit > 0.0, rank)));
        before = after;
    }
    ranks
}

/// The distribution of the sum of the ranks on one side, when each rank is on either side with probability
/// one half. All sums are doubled, as the ranks are.
enum Null {
    /// For each sum, the probability of at most it.
    Exact(Vec<f64>),
    /// Too many ranks to enumerate.
    Normal { mean: f64, deviation: f64 },
}

impl Null {
    fn of(ranks: &[usize]) -> Null {
        if ranks.len() > EXACT_UP_TO {
            let mean = ranks.iter().sum::<usize>() as f64 / 2.0;
            // Each rank r is 0 or r: a variance of r²/4. With ties and zeros this is the corrected variance
            // of the textbooks.
            let variance = ranks.iter().map(|rank| (*rank as f64).powi(2) / 4.0).sum::<f64>();
            return Null::Normal { mean, deviation: variance.sqrt() };
        }
        let total: usize = ranks.iter().sum();
        let mut probabilities = vec![0.0; total + 1];
        probabilities[0] = 1.0;
        let mut largest = 0;
        for rank in ranks {
            largest += rank;
            // Downwards, so that every value that is read is still that of the preceding ranks.
            for sum in (0..=largest).rev() {
                let with = if sum >= *rank { probabilities[sum - rank] } else { 0.0 };
                probabilities[sum] = (probabilities[sum] + with) / 2.0;
            }
        }
        let mut sum = 0.0;
        for probability in &mut probabilities {
            sum += *probability;
            *probability = sum;
        }
        Null::Exact(probabilities)
    }

    /// The probability of a doubled sum of at most `sum`.
    fn at_most(&self, sum: usize) -> f64 {
        /// The continuity correction: half the distance of two neighbouring sums, doubled like the sums.
        const CONTINUITY: f64 = 1.0;
        match self {
            Null::Exact(cumulative) => cumulative[sum.min(cumulative.len() - 1)],
            Null::Normal { mean, deviation } => {
                let standard = (sum as f64 + CONTINUITY - mean) / deviation;
                libm::erfc(-standard / std::f64::consts::SQRT_2) / 2.0
            }
        }
    }

    /// The two-sided p-value of the smaller of both sides' sums.
    fn two_sided(&self, smaller: usize) -> f64 {
        (2.0 * self.at_most(smaller)).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::analyse::statistics::reference::{
        EXACT, assert_same_interval, close, reference, rising_levels, shuffled,
    };

    #[test]
    fn the_reference_agrees() {
        for case in &reference().signed_rank {
            let found = compare(&case.sample, case.level);
            let name = &case.name;
            assert!(close(found.estimate, case.estimate, EXACT), "{name}: {found:?}, not {}", case.estimate);
            assert!(close(found.p_value, case.p_value, EXACT), "{name}: {found:?}, not {}", case.p_value);
            assert_same_interval(name, found.interval, case.interval);
        }
    }

    /// Critical values: the largest smaller sum that is significant, two-sided, for 5 to 20 units, at 0.05
    /// and at 0.01; `None` when none is. McCornack, "Extended tables of the Wilcoxon matched pair signed rank
    /// statistic", JASA 60 (1965); those at 0.05 also at
    /// <https://www.york.ac.uk/depts/maths/tables/wilcoxon.htm>.
    const CRITICAL: [(usize, Option<usize>, Option<usize>); 16] = [
        (5, None, None),
        (6, Some(0), None),
        (7, Some(2), None),
        (8, Some(3), Some(0)),
        (9, Some(5), Some(1)),
        (10, Some(8), Some(3)),
        (11, Some(10), Some(5)),
        (12, Some(13), Some(7)),
        (13, Some(17), Some(9)),
        (14, Some(21), Some(12)),
        (15, Some(25), Some(15)),
        (16, Some(29), Some(19)),
        (17, Some(34), Some(23)),
        (18, Some(40), Some(27)),
        (19, Some(46), Some(32)),
        (20, Some(52), Some(37)),
    ];

    #[test]
    fn published_critical_values_are_met() {
        for (units, five, one) in CRITICAL {
            let ranks: Vec<usize> = (1..=units).map(|rank| 2 * rank).collect();
            let null = Null::of(&ranks);
            let critical = |p: f64| (0..ranks.len() * ranks.len()).rfind(|sum| null.two_sided(2 * sum) <= p);
            assert_eq!((critical(0.05), critical(0.01)), (five, one), "{units} units");
        }
    }

    #[test]
    fn few_units_bound_nothing_and_say_so() {
        let five = compare(&[0.1, 0.2, 0.3, 0.4, 0.5], 0.95);
        assert_eq!((five.interval, five.p_value, five.least_p_value), (None, 0.0625, 0.0625));
        // Six can: the interval then spans the smallest to the largest.
        let six = compare(&[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 0.95);
        assert_eq!((six.interval, six.p_value), (Some([0.1, 0.6]), 0.03125));
        // Five can at exactly 0.9375, the highest level that they allow.
        assert_eq!(compare(&[0.1, 0.2, 0.3, 0.4, 0.5], 0.9375).interval, Some([0.1, 0.5]));
        assert_eq!(compare(&[0.1, 0.2, 0.3, 0.4, 0.5], 0.938).interval, None);
        let one = compare(&[2.0], 0.95);
        assert_eq!((one.estimate, one.interval, one.p_value), (2.0, None, 1.0));
        // Ties do not lower the smallest p-value; the normal approximation would give 0.025 here.
        assert_eq!(compare(&[0.1; 5], 0.95).p_value, 0.0625);
        assert_eq!(compare(&[0.0; 9], 0.95).p_value, 1.0);
    }

    #[test]
    fn exact_and_normal_meet_where_they_change_over() {
        let ranks: Vec<usize> = (1..=EXACT_UP_TO).map(|rank| 2 * rank).collect();
        let exact = Null::of(&ranks);
        let mean = ranks.iter().sum::<usize>() as f64 / 2.0;
        let deviation = ranks.iter().map(|rank| (*rank as f64).powi(2) / 4.0).sum::<f64>().sqrt();
        let normal = Null::Normal { mean, deviation };
        for sum in 0..=ranks.iter().sum() {
            let [exact, normal] = [&exact, &normal].map(|null| null.at_most(sum - sum % 2));
            assert!((exact - normal).abs() < 0.0015, "{sum}: {exact} and {normal}");
        }
    }

    #[test]
    #[should_panic(expected = "is finite")]
    fn a_ratio_to_nothing_is_refused() {
        compare(&[0.1, f64::INFINITY], 0.95);
    }

    /// Samples with ties and zeros: multiples of a small unit.
    fn samples() -> impl Strategy<Value = Vec<f64>> {
        let units = (-40..40i32).prop_map(|unit| f64::from(unit) / 16.0);
        prop_oneof![vec(-3.0..3.0, 1..90), vec(units, 1..90)]
    }

    proptest! {
        #[test]
        fn the_other_way_round_everything_mirrors(sample in samples(), level in 0.5..0.999) {
            let found = compare(&sample, level);
            let negated: Vec<f64> = sample.iter().map(|unit| -unit).collect();
            let mirrored = compare(&negated, level);
            prop_assert_eq!(mirrored.estimate, -found.estimate);
            prop_assert_eq!(mirrored.interval, found.interval.map(|[low, high]| [-high, -low]));
            prop_assert_eq!(mirrored.p_value, found.p_value);
        }

        #[test]
        fn a_shift_shifts_estimate_and_interval(sample in samples(), shift in -5.0..5.0, level in 0.5..0.999) {
            let found = compare(&sample, level);
            let shifted: Vec<f64> = sample.iter().map(|unit| unit + shift).collect();
            let moved = compare(&shifted, level);
            prop_assert!(close(moved.estimate, found.estimate + shift, EXACT));
            prop_assert_eq!(moved.interval.is_some(), found.interval.is_some());
            for (moved, found) in moved.interval.iter().flatten().zip(found.interval.iter().flatten()) {
                prop_assert!(close(*moved, found + shift, EXACT));
            }
        }

        #[test]
        fn the_interval_holds_the_estimate(sample in samples(), level in 0.01..0.999) {
            let found = compare(&sample, level);
            if let Some([low, high]) = found.interval {
                prop_assert!(low <= found.estimate && found.estimate <= high, "{:?}", found);
            }
            prop_assert!(found.least_p_value <= found.p_value && found.p_value <= 1.0);
        }

        #[test]
        fn zero_is_outside_when_the_p_value_is_low(sample in vec(-1.0..1.5, 1..90), level in 0.5..0.999) {
            let found = compare(&sample, level);
            let outside = found.interval.is_some_and(|[low, high]| low > 0.0 || high < 0.0);
            prop_assert_eq!(outside, found.p_value <= 1.0 - level, "{:?}", found);
        }

        #[test]
        fn another_unit_and_another_order_change_nothing_else(
            (sample, shuffled) in shuffled(samples()),
            level in 0.5..0.999,
        ) {
            let found = compare(&sample, level);
            // A factor of two keeps every bit.
            let doubled: Vec<f64> = shuffled.iter().map(|unit| 2.0 * unit).collect();
            let expected = SignedRankTest {
                estimate: 2.0 * found.estimate,
                interval: found.interval.map(|interval| interval.map(|end| 2.0 * end)),
                ..found
            };
            prop_assert_eq!(compare(&doubled, level), expected);
        }

        #[test]
        fn a_higher_level_gives_a_wider_interval_within_the_sample(
            sample in samples(),
            levels in rising_levels(),
        ) {
            let [inner, outer] = levels.map(|level| compare(&sample, level));
            let least = sample.iter().copied().fold(f64::INFINITY, f64::min);
            let largest = sample.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            prop_assert!(least <= inner.estimate && inner.estimate <= largest);
            if let Some([low, high]) = outer.interval {
                let [inner_low, inner_high] = inner.interval.expect("a lower level needs no more units");
                prop_assert!(low <= inner_low && inner_high <= high, "{:?} and {:?}", inner, outer);
                prop_assert!(least <= low && high <= largest);
            }
        }
    }
}
