//! The modes of a cell's rounds. Times jump: with one scheduling of the threads a message takes 170 ns, with
//! another 2,200 ns, and a median of the two describes neither.
//!
//! The logarithms of the times are smoothed to a density, which is cut at its clearest valley. A cut needs a
//! valley at least half as deep as its lower hill is high, observations that make even ground unlikely, and a
//! minimum of rounds on each side. Each side is then cut in the same way, with a bandwidth of its own, and
//! each uncut piece is a mode. Rejected: Hartigans' dip test, which at the same error rate misses nearly
//! every second mode that has 5 % of 300 rounds and is ten times as slow, and half of those that have 15 %
//! and are twice as slow; a normal mixture, which needs two components for a skewed mode; and Silverman's
//! test of the number of modes, which is known to mistake bumps in heavy tails for modes.

use super::density::{Density, Valley};
use super::quantiles::median;

/// The evidence that a cut needs, in nats: even ground makes the observations 12 times less likely. The value
/// comes from a simulation that the tests below repeat: of samples with one mode, of any shape and number,
/// less than 2 % show two.
const EVIDENCE: f64 = 2.5;

/// The minimum number of rounds in a mode.
const MIN_ROUNDS: usize = 3;

/// The minimum share of rounds in a mode: fewer are stragglers.
const MIN_SHARE: f64 = 0.03;

/// The minimum bandwidth, in the logarithm: a hundredth of the time. Modes that differ by less than a few of
/// these merge.
const RESOLUTION: f64 = 0.01;

/// One of the modes of a cell's rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mode {
    /// Its share of all rounds, from 0 to 1.
    pub share: f64,
    /// The median of its rounds, in ns/op.
    pub centre: f64,
    /// The fastest of its rounds, in ns/op.
    pub low: f64,
    /// The slowest of its rounds, in ns/op.
    pub high: f64,
}

/// The modes of rounds, whose times are in ns/op, the fastest first. At least one, unless there are no
/// rounds; their shares sum to 1.
///
/// To find a second mode that is twice as slow and has 15 % of the rounds, each mode with a spread of 10 %,
/// 100 rounds are enough. With 60 rounds it is missed one time in seven, and with 20 only modes that are far
/// apart are found.
///
/// # Panics
///
/// When a time is not above 0 or not finite.
pub(crate) fn find(times: &[f64]) -> Vec<Mode> {
    assert!(times.iter().all(|time| *time > 0.0 && time.is_finite()), "times are above 0: {times:?}");
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let logarithms: Vec<f64> = sorted.iter().map(|time| time.ln()).collect();
    let fewest = MIN_ROUNDS.max((MIN_SHARE * times.len() as f64).ceil() as usize);
    let mut cuts = vec![0];
    cut(&logarithms, 0, fewest, &mut cuts);
    if !sorted.is_empty() {
        cuts.push(sorted.len());
    }
    cuts.windows(2)
        .map(|ends| {
            let rounds = &sorted[ends[0]..ends[1]];
            Mode {
                share: rounds.len() as f64 / sorted.len() as f64,
                centre: median(rounds),
                low: rounds[0],
                high: rounds[rounds.len() - 1],
            }
        })
        .collect()
}

/// Cuts at the clearest valley and continues with both sides. Adds the positions of the cuts in ascending
/// order, counted from `first`.
fn cut(sorted: &[f64], first: usize, fewest: usize, cuts: &mut Vec<usize>) {
    if sorted.len() < 2 * fewest {
        return;
    }
    let left = |valley: &Valley| sorted.partition_point(|value| *value < valley.place);
    let clearest = Density::of(sorted, RESOLUTION)
        .valleys()
        .filter(|valley| valley.evidence >= EVIDENCE)
        .filter(|valley| (fewest..=sorted.len() - fewest).contains(&left(valley)))
        .max_by(|one, other| one.evidence.total_cmp(&other.evidence));
    if let Some(valley) = clearest {
        let (low, high) = sorted.split_at(left(&valley));
        cut(low, first, fewest, cuts);
        cuts.push(first + low.len());
        cut(high, first + low.len(), fewest, cuts);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::analyse::statistics::reference::{Draws, shuffled};

    /// Random samples for each shape and number of rounds.
    const TRIALS: usize = 1_000;

    type Shape = (&'static str, fn(&mut Draws) -> f64);

    /// Times with one mode.
    const ONE_MODE: [Shape; 9] = [
        ("normal, 10 %", |draws| (100.0 + 10.0 * draws.normal()).max(1.0)),
        ("normal, 25 %", |draws| (100.0 + 25.0 * draws.normal()).max(1.0)),
        ("log-normal", |draws| 100.0 * (0.3 * draws.normal()).exp()),
        ("exponential tail of 10 %", |draws| 100.0 + 10.0 * draws.exponential()),
        ("exponential tail of 100 %", |draws| 100.0 + 100.0 * draws.exponential()),
        ("exponential tail in the logarithm", |draws| 100.0 * (0.3 * draws.exponential()).exp()),
        ("Student's t, 5 %", |draws| (100.0 + 5.0 * draws.student_3()).max(1.0)),
        ("Student's t in the logarithm", |draws| 100.0 * (0.1 * draws.student_3()).exp()),
        ("uniform", |draws| 100.0 * (1.0 + draws.uniform())),
    ];

    /// The share of random samples of `rounds` times in which this number of modes is found.
    fn rate((name, shape): Shape, rounds: usize, modes: usize) -> f64 {
        let mut draws = Draws::new(rounds as u64);
        let found = (0..TRIALS)
            .filter(|_| {
                let times: Vec<f64> = (0..rounds).map(|_| shape(&mut draws)).collect();
                find(&times).len() == modes
            })
            .count();
        let rate = found as f64 / TRIALS as f64;
        println!("{name}, {rounds} rounds: {modes} found in {:.1} %", rate * 100.0);
        rate
    }

    #[test]
    fn one_mode_is_one_mode() {
        for shape in ONE_MODE {
            for rounds in [20, 40, 100, 300, 1_000] {
                let rate = rate(shape, rounds, 1);
                assert!(rate >= 0.97, "{}, {rounds} rounds: {rate}", shape.0);
            }
        }
    }

    /// Times with a second mode that is `factor` times as slow and has a share of the rounds.
    fn mixed(draws: &mut Draws, share: f64, factor: f64, spread: f64) -> f64 {
        let centre = if draws.uniform() < share { 100.0 * factor } else { 100.0 };
        centre * (spread * draws.normal()).exp()
    }

    #[test]
    fn two_modes_are_two() {
        let shapes: [Shape; 5] = [
            ("15 %, twice as slow", |draws| mixed(draws, 0.15, 2.0, 0.1)),
            ("85 %, twice as slow", |draws| mixed(draws, 0.85, 2.0, 0.1)),
            ("50 %, twice as slow", |draws| mixed(draws, 0.5, 2.0, 0.1)),
            ("18 %, 13 times as slow", |draws| mixed(draws, 0.18, 13.0, 0.2)),
            ("30 %, half as slow again", |draws| mixed(draws, 0.3, 1.5, 0.06)),
        ];
        for shape in shapes {
            for rounds in [100, 300, 1_000] {
                let rate = rate(shape, rounds, 2);
                assert!(rate >= 0.95, "{}, {rounds} rounds: {rate}", shape.0);
            }
        }
    }

    #[test]
    fn three_modes_are_three_though_two_are_near_to_each_other() {
        let shape: Shape = ("three modes", |draws| match draws.uniform() {
            lot if lot < 0.4 => 170.0 * (0.03 * draws.normal()).exp(),
            lot if lot < 0.7 => 220.0 * (0.03 * draws.normal()).exp(),
            _ => 2_300.0 * (0.1 * draws.normal()).exp(),
        });
        assert!(rate(shape, 300, 3) >= 0.95);
    }

    #[test]
    fn a_mode_has_the_share_the_centre_and_the_ends_of_its_rounds() {
        let mut times = vec![2_200.0, 2_100.0, 2_400.0, 2_300.0];
        times.extend((0..16).map(|step| 170.0 + f64::from(step)));
        let modes = find(&times);
        let expected = [
            Mode { share: 0.8, centre: 177.5, low: 170.0, high: 185.0 },
            Mode { share: 0.2, centre: 2_250.0, low: 2_100.0, high: 2_400.0 },
        ];
        assert_eq!(modes, expected);
    }

    #[test]
    fn stragglers_and_equal_times_are_no_modes() {
        let mode = |time| Mode { share: 1.0, centre: time, low: time, high: time };
        assert_eq!(find(&[170.0; 50]), [mode(170.0)]);
        // Half a per cent apart, as from a coarse clock.
        assert_eq!(find(&[[200.0; 50], [201.0; 50]].concat()).len(), 1);
        assert_eq!(find(&[[200.0; 50], [210.0; 50]].concat()).len(), 2);
        let straggler = [vec![170.0; 50], vec![9_000.0, 9_100.0]].concat();
        assert_eq!(find(&straggler).len(), 1);
        // Three of 52 are no longer stragglers, but a mode.
        assert_eq!(find(&[straggler, vec![9_200.0]].concat()).len(), 2);
        assert_eq!(find(&[]), []);
        assert_eq!(find(&[42.0]), [mode(42.0)]);
    }

    #[test]
    #[should_panic(expected = "above 0")]
    fn a_time_of_nothing_is_refused() {
        find(&[0.0]);
    }

    proptest! {
        #[test]
        fn modes_share_out_all_rounds_in_their_order(times in vec(1e-2..1e6, 1..80)) {
            let modes = find(&times);
            prop_assert!((modes.iter().map(|mode| mode.share).sum::<f64>() - 1.0).abs() < 1e-12);
            for mode in &modes {
                prop_assert!(mode.low <= mode.centre && mode.centre <= mode.high);
            }
            for pair in modes.windows(2) {
                prop_assert!(pair[0].high < pair[1].low);
            }
        }

        #[test]
        fn another_unit_changes_no_share(times in vec(1.0..1e4, 1..80)) {
            // A factor of two moves every logarithm by the same, but for its last bit.
            let doubled: Vec<f64> = times.iter().map(|time| time * 2.0).collect();
            let shares = |times: &[f64]| find(times).iter().map(|mode| mode.share).collect::<Vec<_>>();
            prop_assert_eq!(shares(&times), shares(&doubled));
        }

        #[test]
        fn the_order_of_measurement_is_no_matter(
            (times, shuffled) in shuffled(vec(1e-2..1e6, 1..80)),
        ) {
            prop_assert_eq!(find(&times), find(&shuffled));
        }

        #[test]
        fn a_mode_has_its_least_share(near in vec(100.0..110.0, 1..300), far in vec(1_000.0..1_100.0, 1..12)) {
            let modes = find(&[near, far].concat());
            for mode in &modes {
                prop_assert!(modes.len() == 1 || mode.share >= MIN_SHARE, "{modes:?}");
            }
        }
    }
}
