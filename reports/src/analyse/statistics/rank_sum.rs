//! The comparison of two samples that were not measured side by side: how far one lies above the other, and
//! whether chance can explain it.
//!
//! It is Wilcoxon's rank sum test, the same as Mann and Whitney's U, for the reasons given in
//! [`signed_rank`](super::signed_rank). It assumes independent units, and its p-value assumes that with equal
//! channels any unit could have come from either sample. So a drift between the two samples counts as a
//! difference like any other.

use super::selection::{Pairs, first_beyond};

/// The maximum number of units, of both samples together, for which the statistic's distribution is
/// enumerated. Beyond it, the normal approximation changes a p-value by at most 0.003 for samples of similar
/// sizes, and by 0.005 when one sample is a quarter of the other.
const EXACT_UP_TO: usize = 60;

/// The comparison of two independent samples.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RankSumTest {
    /// The number of units, which are epochs, in each sample.
    pub units: [usize; 2],
    /// Hodges and Lehmann's estimate of the shift between the samples: the median of all differences between
    /// their units.
    pub estimate: f64,
    /// Its confidence interval; `None` when the units are too few to bound it at the requested level.
    pub interval: Option<[f64; 2]>,
    /// The probability of a difference at least as clear, in either direction, if both samples had the same
    /// distribution.
    pub p_value: f64,
    /// The smallest p-value that this number of units can give, without ties.
    pub least_p_value: f64,
}

/// Compares `one` with `other`, of independent units such as the logs of times; an estimate above 0 says that
/// `one` is larger.
///
/// `level` is the interval's confidence, such as 0.95.
///
/// - Estimate and interval: Hodges and Lehmann, "Estimates of location based on rank tests", Annals of
///   Mathematical Statistics 34 (1963); the interval is between differences, as in Hollander, Wolfe and
///   Chicken, "Nonparametric Statistical Methods", 3rd edition (2014), section 4.3. It holds the level or
///   more, for samples that differ by a shift.
/// - p-value: Mann and Whitney, "On a test of whether one of two random variables is stochastically larger
///   than the other", Annals of Mathematical Statistics 18 (1947); twice the smaller tail. Equal units share
///   the mean of their ranks. With up to 60 units in all, the distribution is that of all ways to assign the
///   observed ranks to the samples, so it is exact with ties too. Beyond that it is normal, corrected for
///   ties and continuity. SciPy's `mannwhitneyu` agrees: `method="exact"` without ties, `PermutationMethod`
///   with them, and `method="asymptotic"` beyond 60.
///
/// # Panics
///
/// When a sample is empty or contains a number that is not finite, or when `level` is not between 0 and 1.
pub(crate) fn compare(one: &[f64], other: &[f64], level: f64) -> RankSumTest {
    assert!(!one.is_empty() && !other.is_empty(), "nothing to compare");
    assert!(one.iter().chain(other).all(|unit| unit.is_finite()), "what is compared is finite");
    assert!(level > 0.0 && level < 1.0, "a level is between 0 and 1: {level}");

    // All differences are sums with the negative of the other, which ascend with both.
    let mut ascending = one.to_vec();
    ascending.sort_by(f64::total_cmp);
    let mut negative: Vec<f64> = other.iter().map(|other| -other).collect();
    negative.sort_by(f64::total_cmp);
    let differences =
        Pairs { one: &ascending, other: &negative, of: |one, other| one + other, is_one_sample: false };
    let (ranks, sum) = doubled_ranks(one, other);
    let untied = Null::of(&(1..=ranks.len()).map(|rank| 2 * rank).collect::<Vec<_>>(), one.len());
    let least = one.len() * (one.len() + 1);
    RankSumTest {
        units: [one.len(), other.len()],
        estimate: differences.median(),
        interval: interval(&differences, &untied, least, level),
        p_value: Null::of(&ranks, one.len()).two_sided(sum),
        least_p_value: untied.two_sided(least),
    }
}

/// The interval between the k-th differences from both ends, where k is the number of the statistic's values,
/// from `least` on, whose tail is at most half of 1 - level. Without ties, sums go up in steps of 1, doubled.
fn interval(
    differences: &Pairs<'_, impl Fn(f64, f64) -> f64>,
    null: &Null,
    least: usize,
    level: f64,
) -> Option<[f64; 2]> {
    let tail = (1.0 - level) / 2.0;
    let outside = first_beyond(differences.len(), |beyond| null.at_most(least + 2 * beyond) <= tail);
    let low = outside.checked_sub(1)?;
    Some([differences.at(low), differences.at(differences.len() - outside)])
}

/// Twice the rank of each unit among both samples, whole even where ties share a rank; and the sum of those
/// of `one`.
fn doubled_ranks(one: &[f64], other: &[f64]) -> (Vec<usize>, usize) {
    let mut units: Vec<(f64, bool)> =
        one.iter().map(|unit| (*unit, true)).chain(other.iter().map(|unit| (*unit, false))).collect();
    units.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let (mut ranks, mut sum, mut before) = (Vec::with_capacity(units.len()), 0, 0);
    for tied in units.chunk_by(|(one, _), (other, _)| one == other) {
        let after = before + tied.len();
        // The mean of the ranks from `before` + 1 to `after`, doubled.
        let rank = before + 1 + after;
        ranks.extend(tied.iter().map(|_| rank));
        sum += rank * tied.iter().filter(|(_, of_one)| *of_one).count();
        before = after;
    }
    (ranks, sum)
}

/// The distribution of the sum of `size` ranks that are drawn from all. All sums are doubled, as the ranks
/// are.
enum Null {
    /// For each sum, the probabilities of at most it and of at least it. Both are stored, because 1 minus the
    /// one loses a tiny value of the other.
    Exact { at_most: Vec<f64>, at_least: Vec<f64> },
    /// Too many ranks to enumerate.
    Normal { mean: f64, deviation: f64 },
}

impl Null {
    fn of(ranks: &[usize], size: usize) -> Null {
        let count = ranks.len() as f64;
        let mean_rank = ranks.iter().sum::<usize>() as f64 / count;
        if ranks.len() > EXACT_UP_TO {
            // The variance of a sum drawn without replacement. With the observed ranks it includes the
            // correction for ties.
            let squares: f64 = ranks.iter().map(|rank| (*rank as f64 - mean_rank).powi(2)).sum();
            let drawn = size as f64;
            let variance = drawn * (count - drawn) / (count * (count - 1.0)) * squares;
            return Null::Normal { mean: drawn * mean_rank, deviation: variance.sqrt() };
        }
        let total: usize = ranks.iter().sum();
        // ways[drawn][sum]: whole numbers up to 60 choose 30, which is above 2^53; a relative error of 1e-16
        // for each addition.
        let mut ways = vec![vec![0.0; total + 1]; size + 1];
        ways[0][0] = 1.0;
        let mut largest = 0;
        for rank in ranks {
            largest += rank;
            // Downwards, so that every value that is read is still that of the preceding ranks.
            for drawn in (1..=size).rev() {
                let (fewer, these) = ways.split_at_mut(drawn);
                for sum in *rank..=largest {
                    these[0][sum] += fewer[drawn - 1][sum - rank];
                }
            }
        }
        let ways = ways.swap_remove(size);
        let all: f64 = ways.iter().sum();
        let summed = |sum: &mut f64, way: &f64| {
            *sum += way / all;
            Some(*sum)
        };
        let at_most = ways.iter().scan(0.0, summed).collect();
        let mut at_least: Vec<f64> = ways.iter().rev().scan(0.0, summed).collect();
        at_least.reverse();
        Null::Exact { at_most, at_least }
    }

    /// The probability of a doubled sum of at most `sum`.
    fn at_most(&self, sum: usize) -> f64 {
        match self {
            Null::Exact { at_most, .. } => at_most[sum.min(at_most.len() - 1)],
            Null::Normal { mean, deviation } => tail(sum as f64 - mean, *deviation),
        }
    }

    /// The probability of a doubled sum of at least `sum`.
    fn at_least(&self, sum: usize) -> f64 {
        match self {
            Null::Exact { at_least, .. } => at_least.get(sum).copied().unwrap_or(0.0),
            Null::Normal { mean, deviation } => tail(mean - sum as f64, *deviation),
        }
    }

    /// Twice the smaller tail.
    fn two_sided(&self, sum: usize) -> f64 {
        (2.0 * self.at_most(sum).min(self.at_least(sum))).min(1.0)
    }
}

/// The normal distribution's probability of at most `beyond` above its mean. Sums go in steps of 2, so the
/// continuity correction is 1.
fn tail(beyond: f64, deviation: f64) -> f64 {
    const CONTINUITY: f64 = 1.0;
    // All units are equal, so there is only one sum.
    if deviation == 0.0 {
        return 1.0;
    }
    libm::erfc(-(beyond + CONTINUITY) / deviation / std::f64::consts::SQRT_2) / 2.0
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
        for case in &reference().rank_sum {
            let found = compare(&case.one, &case.other, case.level);
            let name = &case.name;
            assert!(close(found.estimate, case.estimate, EXACT), "{name}: {found:?}, not {}", case.estimate);
            assert!(close(found.p_value, case.p_value, EXACT), "{name}: {found:?}, not {}", case.p_value);
            assert_same_interval(name, found.interval, case.interval);
        }
    }

    /// The largest U that is significant at 0.05, two-sided, for two samples of the same size from 3 to 10;
    /// `None` when none is. Mann and Whitney's tables, extended by Auble, "Extended tables for the
    /// Mann-Whitney statistic", Indiana University (1953).
    #[test]
    fn published_critical_values_are_met() {
        let critical = [None, Some(0), Some(2), Some(5), Some(8), Some(13), Some(17), Some(23)];
        for (size, expected) in (3..=10).zip(critical) {
            let ranks: Vec<usize> = (1..=2 * size).map(|rank| 2 * rank).collect();
            let null = Null::of(&ranks, size);
            let least = size * (size + 1);
            let found = (0..size * size / 2).rfind(|u| null.two_sided(least + 2 * u) <= 0.05);
            assert_eq!(found, expected, "{size} and {size}");
        }
    }

    #[test]
    fn few_units_bound_nothing_and_say_so() {
        let few = compare(&[3.0, 4.0, 5.0], &[0.0, 1.0, 2.0], 0.95);
        assert_eq!((few.units, few.estimate, few.interval), ([3, 3], 3.0, None));
        assert!(close(few.p_value, 0.1, EXACT) && close(few.least_p_value, 0.1, EXACT), "{few:?}");
        assert_eq!(compare(&[1.0; 5], &[1.0; 5], 0.95).p_value, 1.0);
        assert_eq!(compare(&[1.0; 50], &[1.0; 50], 0.95).p_value, 1.0);
    }

    #[test]
    fn exact_and_normal_meet_where_they_change_over() {
        let ranks: Vec<usize> = (1..=EXACT_UP_TO).map(|rank| 2 * rank).collect();
        for size in [12, EXACT_UP_TO / 2] {
            let exact = Null::of(&ranks, size);
            let [count, drawn] = [EXACT_UP_TO, size].map(|number| number as f64);
            // The mean and the variance of the textbooks, doubled like the sums.
            let mean = drawn * (count + 1.0);
            let deviation = 2.0 * (drawn * (count - drawn) * (count + 1.0) / 12.0).sqrt();
            let normal = Null::Normal { mean, deviation };
            let least = size * (size + 1);
            for sum in (least..=2 * mean as usize - least).step_by(2) {
                let [exact, normal] = [&exact, &normal].map(|null| null.two_sided(sum));
                assert!((exact - normal).abs() < 0.005, "{size}, {sum}: {exact} and {normal}");
            }
        }
    }

    /// Units with ties: multiples of a sixteenth.
    fn units() -> impl Strategy<Value = Vec<f64>> {
        vec((-40..40i32).prop_map(|unit| f64::from(unit) / 16.0), 1..40)
    }

    proptest! {
        #[test]
        fn the_other_way_round_everything_mirrors(
            one in units(),
            other in vec(-3.0..3.0, 1..40),
            level in 0.5..0.999,
        ) {
            let (found, mirrored) = (compare(&one, &other, level), compare(&other, &one, level));
            prop_assert!(close(mirrored.estimate, -found.estimate, EXACT));
            prop_assert!(close(mirrored.p_value, found.p_value, EXACT));
            let turned = found.interval.map(|[low, high]| [-high, -low]);
            prop_assert_eq!(mirrored.interval, turned);
        }

        #[test]
        fn the_interval_holds_the_estimate(one in vec(-1.0..1.5, 1..50), other in vec(-1.0..1.0, 1..50)) {
            let found = compare(&one, &other, 0.95);
            if let Some([low, high]) = found.interval {
                prop_assert!(low <= found.estimate && found.estimate <= high, "{:?}", found);
                // Without ties, the interval and the test agree.
                prop_assert_eq!(low > 0.0 || high < 0.0, found.p_value <= 0.05, "{:?}", found);
            }
            prop_assert!(found.p_value <= 1.0 && found.p_value >= found.least_p_value * (1.0 - EXACT));
        }

        #[test]
        fn a_shift_of_one_sample_is_found_and_one_of_both_is_nothing(
            one in units(),
            other in units(),
            shift in -20..20i32,
            level in 0.5..0.999,
        ) {
            let found = compare(&one, &other, level);
            // Multiples of a sixteenth: no bit is lost, and ties stay ties.
            let moved = |sample: &[f64]| sample.iter().map(|unit| 2.0 * (unit + f64::from(shift))).collect::<Vec<_>>();
            let both = compare(&moved(&one), &moved(&other), level);
            prop_assert_eq!(both.estimate, 2.0 * found.estimate);
            prop_assert_eq!(both.interval, found.interval.map(|interval| interval.map(|end| 2.0 * end)));
            prop_assert_eq!(both.p_value, found.p_value);
            let alone: Vec<f64> = one.iter().map(|unit| unit + f64::from(shift)).collect();
            let alone = compare(&alone, &other, level);
            prop_assert_eq!(alone.estimate, found.estimate + f64::from(shift));
            prop_assert_eq!(alone.interval, found.interval.map(|interval| interval.map(|end| end + f64::from(shift))));
        }

        #[test]
        fn a_higher_level_gives_a_wider_interval_in_whatever_order_the_units_are(
            (one, shuffled) in shuffled(units()),
            other in units(),
            levels in rising_levels(),
        ) {
            let [inner, outer] = levels.map(|level| compare(&one, &other, level));
            prop_assert_eq!(&compare(&shuffled, &other, levels[1]), &outer);
            prop_assert!((0.0..=1.0).contains(&outer.p_value));
            let end = |sample: &[f64], better: fn(f64, f64) -> f64| sample.iter().copied().reduce(better).expect("units");
            let least = end(&one, f64::min) - end(&other, f64::max);
            let largest = end(&one, f64::max) - end(&other, f64::min);
            prop_assert!(least <= outer.estimate && outer.estimate <= largest);
            if let Some([low, high]) = outer.interval {
                let [inner_low, inner_high] = inner.interval.expect("a lower level needs no more units");
                prop_assert!(least <= low && low <= inner_low && inner_high <= high && high <= largest);
            }
        }
    }
}
