//! An interval for the median of a cell's rounds that allows for the likeness of rounds of one epoch.
//!
//! It draws whole epochs, with replacement, and pools their rounds. Rounds of one process share its memory
//! layout and its scheduler's mode, so an interval that took them for independent would be much too narrow.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use super::quantiles::{middle, midpoint, quantile};

/// The number of resamples. The ends of a 95 % interval are then the 50th of 2,000 from each side, and their
/// own error is small compared with the interval.
pub(crate) const RESAMPLES: usize = 2_000;

/// The confidence interval of the median of all observations, in their unit, at a level such as 0.95.
///
/// The percentile interval of the cluster bootstrap: Davison and Hinkley, "Bootstrap Methods and their
/// Application" (1997), sections 3.8 and 5.3. Not the bias-corrected one: its acceleration comes from a
/// jackknife, which for a median is not consistent (Efron, "The Jackknife, the Bootstrap and Other Resampling
/// Plans", 1982, section 3.4).
///
/// `None` with too few clusters for the level; 95 % needs 6. The range from the smallest to the largest of n
/// independent clusters holds their median with a probability of at most 1 - 2¹⁻ⁿ, and no interval drawn from
/// them is wider. With a few clusters more than that, the interval is still somewhat too narrow: at 95 %, a
/// little more than 90 % of the intervals over 10 clusters hold the median, and 95 % of those over 30. Empty
/// clusters do not count.
///
/// The same input and `seed` give the same interval on every machine.
///
/// # Panics
///
/// When an observation is not a number, or `level` is not between 0 and 1.
pub(crate) fn median(clusters: &[Vec<f64>], level: f64, seed: u64) -> Option<[f64; 2]> {
    assert!(level > 0.0 && level < 1.0, "a level is between 0 and 1: {level}");
    let sizes: Vec<usize> = clusters.iter().map(Vec::len).filter(|size| *size > 0).collect();
    let outside_range = 0.5f64.powi(sizes.len() as i32 - 1);
    if outside_range > 1.0 - level {
        return None;
    }
    let ordered = Ordered::of(clusters);
    let mut generator = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut medians: Vec<f64> = (0..RESAMPLES).map(|_| ordered.resampled(&sizes, &mut generator)).collect();
    medians.sort_by(f64::total_cmp);
    let tail = (1.0 - level) / 2.0;
    Some([quantile(&medians, tail), quantile(&medians, 1.0 - tail)])
}

/// All observations in ascending order, each with its cluster. A cluster that is drawn several times counts
/// its observations as many times, so a resample is one walk and needs no sorting.
struct Ordered(Vec<(f64, usize)>);

impl Ordered {
    fn of(clusters: &[Vec<f64>]) -> Ordered {
        let filled = clusters.iter().filter(|cluster| !cluster.is_empty()).enumerate();
        let mut observations: Vec<(f64, usize)> =
            filled.flat_map(|(index, cluster)| cluster.iter().map(move |value| (*value, index))).collect();
        assert!(observations.iter().all(|(value, _)| !value.is_nan()), "observations are numbers");
        observations.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        Ordered(observations)
    }

    /// The median of as many clusters as there are, drawn with replacement.
    fn resampled(&self, sizes: &[usize], generator: &mut Xoshiro256PlusPlus) -> f64 {
        let mut times = vec![0; sizes.len()];
        let mut count = 0;
        for _ in sizes {
            let drawn = generator.random_range(0..sizes.len());
            times[drawn] += 1;
            count += sizes[drawn];
        }
        let [lower, upper] = middle(count);
        let mut passed = 0;
        let mut below = None;
        for (value, cluster) in &self.0 {
            passed += times[*cluster];
            if passed > lower && below.is_none() {
                below = Some(*value);
            }
            if passed > upper {
                return midpoint(below.unwrap_or(*value), *value);
            }
        }
        unreachable!("both places are within the {count} observations drawn")
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::analyse::statistics::reference::{Draws, EXACT, close, reference, rising_levels};

    const SEED: u64 = 20_241_124;

    #[test]
    fn the_reference_agrees_within_chance() {
        for case in &reference().bootstrap {
            let [low, high] = median(&case.clusters, case.level, SEED).expect("enough clusters");
            // The two use different random generators, so their ends differ by a few standard errors.
            let allowed = case.tolerance;
            assert!((low - case.interval[0]).abs() <= allowed, "{low}, not {}", case.interval[0]);
            assert!((high - case.interval[1]).abs() <= allowed, "{high}, not {}", case.interval[1]);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_interval_on_every_machine() {
        let clusters: Vec<Vec<f64>> =
            (0..8).map(|epoch| (0..5).map(|round| f64::from(epoch * epoch + round)).collect()).collect();
        assert_eq!(median(&clusters, 0.95, SEED), median(&clusters, 0.95, SEED));
        assert_eq!(median(&clusters, 0.95, SEED), Some([4.0, 37.0]));
    }

    #[test]
    fn too_few_clusters_give_no_interval_however_many_rounds_they_hold() {
        let epoch: Vec<f64> = (0..1_000).map(f64::from).collect();
        let mut clusters = vec![epoch; 5];
        clusters.push(Vec::new());
        assert_eq!(median(&clusters, 0.95, SEED), None);
        clusters.push(vec![7.0]);
        assert!(median(&clusters, 0.95, SEED).is_some());
        assert_eq!(median(&[], 0.95, SEED), None);
    }

    /// Epochs that are shifted by as much as their rounds differ among themselves.
    fn epochs(count: usize, rounds: usize, draws: &mut Draws) -> Vec<Vec<f64>> {
        (0..count)
            .map(|_| {
                let luck = draws.normal();
                (0..rounds).map(|_| luck + draws.normal()).collect()
            })
            .collect()
    }

    /// The share of intervals that hold the true median, 0, at a level of 0.95.
    fn coverage(count: usize, seed: u64) -> f64 {
        const TRIALS: usize = 400;
        let mut draws = Draws::new(seed);
        let held = (0..TRIALS)
            .filter(|trial| {
                let clusters = epochs(count, 10, &mut draws);
                let [low, high] = median(&clusters, 0.95, *trial as u64).expect("enough clusters");
                low <= 0.0 && 0.0 <= high
            })
            .count();
        held as f64 / TRIALS as f64
    }

    #[test]
    fn intervals_hold_the_median_about_as_often_as_they_say() {
        let [ten, thirty] = [coverage(10, 1), coverage(30, 2)];
        println!("coverage at 0.95: {ten} over 10 clusters, {thirty} over 30");
        assert!((0.88..=0.97).contains(&ten), "{ten}");
        assert!((0.91..=0.98).contains(&thirty), "{thirty}");
    }

    proptest! {
        #[test]
        fn the_interval_is_within_the_observations(clusters in vec(vec(-1e3..1e3, 1..6), 6..12), seed: u64) {
            let [low, high] = median(&clusters, 0.95, seed).expect("enough clusters");
            let observations = || clusters.iter().flatten().copied();
            let least = observations().fold(f64::INFINITY, f64::min);
            let largest = observations().fold(f64::NEG_INFINITY, f64::max);
            prop_assert!(least <= low && low <= high && high <= largest);
        }

        #[test]
        fn a_resample_of_each_cluster_once_is_the_sample(rounds in vec(-1e3..1e3, 1..40)) {
            // Every resample is the cluster itself, so the walk must find the plain median.
            let mut sorted = rounds.clone();
            sorted.sort_by(f64::total_cmp);
            let mut generator = Xoshiro256PlusPlus::seed_from_u64(SEED);
            let resampled = Ordered::of(std::slice::from_ref(&rounds)).resampled(&[rounds.len()], &mut generator);
            prop_assert_eq!(resampled, crate::analyse::statistics::quantiles::median(&sorted));
        }

        #[test]
        fn a_higher_level_gives_a_wider_interval(
            clusters in vec(vec(-1e3..1e3, 1..6), 12),
            levels in rising_levels(),
            seed: u64,
        ) {
            let [inner, outer] = levels.map(|level| median(&clusters, level, seed).expect("enough clusters"));
            prop_assert!(outer[0] <= inner[0] && inner[1] <= outer[1], "{inner:?} and {outer:?}");
        }

        #[test]
        fn the_interval_goes_with_the_observations_in_whatever_order(
            clusters in vec(vec(-1e3..1e3, 1..6), 6..12),
            shift in -1e3..1e3,
            seed: u64,
        ) {
            let [low, high] = median(&clusters, 0.95, seed).expect("enough clusters");
            // A factor of two and a shift that may lose the last bits; and each epoch's rounds the other way
            // round.
            let moved: Vec<Vec<f64>> = clusters
                .iter()
                .map(|rounds| rounds.iter().rev().map(|value| 2.0 * value + shift).collect())
                .collect();
            let [moved_low, moved_high] = median(&moved, 0.95, seed).expect("as many");
            prop_assert!(close(moved_low, 2.0 * low + shift, EXACT) && close(moved_high, 2.0 * high + shift, EXACT));
        }
    }
}
