//! Compares channels on the same work: paired by block, compared by epoch, adjusted for the number of pairs.
//!
//! The unit is the epoch, in which each entry has one process: rounds of the same process share its memory
//! layout and are not independent. An epoch contributes the median of its blocks' log ratios. The estimate
//! over the epochs is that of Hodges and Lehmann, with the interval and the signed-rank test of
//! `signed_rank`; the p-values of all pairs of a group are adjusted by Holm.

use std::collections::BTreeMap;

use super::costs::median;
use super::statistics::{holm, signed_rank};
use engine::journal::Times;

/// The level of every interval of a ratio.
pub const LEVEL: f64 = 0.99;

/// The maximum adjusted p-value of a difference. It is also the share of groups with a false alarm when all
/// channels are equal.
pub const ALPHA: f64 = 0.01;

/// The minimum number of epochs with which any of this many comparisons can find a difference: the smallest
/// p-value of `n` epochs is 2^(1-n), and Holm's adjustment multiplies the smallest one by the number of
/// comparisons.
pub fn min_epochs(comparisons: usize) -> u32 {
    1 + (comparisons.max(1) as f64 / ALPHA).log2().ceil() as u32
}

/// Two entries of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// The first entry.
    pub one: usize,
    /// The second entry.
    pub other: usize,
    /// Epochs that both have.
    pub epochs: usize,
    /// The time of the first divided by that of the second.
    pub ratio: f64,
    /// The interval of the ratio at [`LEVEL`], not adjusted; `None` when the epochs are too few to bound it.
    pub interval: Option<[f64; 2]>,
    /// The adjusted p-value of "they are equal".
    pub p_value: f64,
}

impl Pair {
    /// Whether the test finds a difference.
    pub fn differs(&self) -> bool {
        self.p_value <= ALPHA
    }

    /// The same pair with the sides swapped.
    fn turned(&self) -> Pair {
        Pair {
            one: self.other,
            other: self.one,
            ratio: 1.0 / self.ratio,
            interval: self.interval.map(|[low, high]| [1.0 / high, 1.0 / low]),
            ..self.clone()
        }
    }

    /// Half the width of the interval, as a share of the ratio; infinite when there is none.
    pub fn half_width(&self) -> f64 {
        self.interval.map_or(f64::INFINITY, |[low, high]| (high / low).ln() / 2.0)
    }
}

/// The pairs of a group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pairs {
    /// Each two entries once.
    pairs: Vec<Pair>,
    /// The place of each pair among them, by its two entries in either order.
    places: BTreeMap<[usize; 2], usize>,
    /// The entries, the fastest first.
    pub order: Vec<usize>,
}

impl Pairs {
    /// Compares every two of `entries`.
    pub fn of(entries: &[(usize, &Times)]) -> Self {
        let mut pairs = Vec::new();
        for (index, (one, times)) in entries.iter().enumerate() {
            for (other, other_times) in &entries[index + 1..] {
                let ratios = log_ratios(times, other_times);
                if !ratios.is_empty() {
                    let comparison = signed_rank::compare(&ratios, LEVEL);
                    pairs.push(Pair {
                        one: *one,
                        other: *other,
                        epochs: comparison.units,
                        ratio: comparison.estimate.exp(),
                        interval: comparison.interval.map(|interval| interval.map(f64::exp)),
                        p_value: comparison.p_value,
                    });
                }
            }
        }
        let adjusted = holm::adjust(&pairs.iter().map(|pair| pair.p_value).collect::<Vec<_>>());
        for (pair, p_value) in pairs.iter_mut().zip(adjusted) {
            pair.p_value = p_value;
        }
        let places = pairs
            .iter()
            .enumerate()
            .flat_map(|(place, pair)| [([pair.one, pair.other], place), ([pair.other, pair.one], place)]);
        let (places, order) = (places.collect(), entries.iter().map(|(entry, _)| *entry).collect());
        let mut pairs = Pairs { pairs, places, order };
        pairs.order = pairs.ordered(entries);
        pairs
    }

    /// The fastest is the entry that beats most others, pair by pair; the rest follow by their ratio to it.
    fn ordered(&self, entries: &[(usize, &Times)]) -> Vec<usize> {
        let median = |times: &Times| {
            let mut all: Vec<f64> = times.values().flat_map(|blocks| blocks.values().copied()).collect();
            all.sort_by(f64::total_cmp);
            all.get(all.len() / 2).copied().unwrap_or(f64::INFINITY)
        };
        let beaten = |entry: usize| {
            let others = entries.iter().filter_map(|(other, _)| self.between(entry, *other));
            others.filter(|pair| pair.ratio < 1.0).count()
        };
        let fastest = entries.iter().max_by(|(one, times), (other, other_times)| {
            beaten(*one).cmp(&beaten(*other)).then(median(other_times).total_cmp(&median(times)))
        });
        let Some(&(fastest, _)) = fastest else {
            return Vec::new();
        };
        let ratio = |entry: usize| self.between(entry, fastest).map_or(f64::INFINITY, |pair| pair.ratio);
        let mut others: Vec<usize> =
            entries.iter().map(|(entry, _)| *entry).filter(|entry| *entry != fastest).collect();
        others.sort_by(|one, other| ratio(*one).total_cmp(&ratio(*other)));
        others.insert(0, fastest);
        others
    }

    /// The pair of two entries, the time of `one` over the time of `other`.
    pub fn between(&self, one: usize, other: usize) -> Option<Pair> {
        let pair = &self.pairs[*self.places.get(&[one, other])?];
        Some(if pair.one == one { pair.clone() } else { pair.turned() })
    }

    /// Whether an entry was in one block with another, or is the only one: what was beside nothing is not compared.
    pub fn is_compared(&self, entry: usize) -> bool {
        let beside = self.order.iter().any(|other| self.places.contains_key(&[entry, *other]));
        beside || self.order == [entry]
    }

    /// Every pair, each once.
    pub fn all(&self) -> &[Pair] {
        &self.pairs
    }

    /// The fastest, if any other was beside it, and those that are tied with it.
    pub fn tied(&self) -> Vec<usize> {
        let Some(&fastest) = self.order.first() else {
            return Vec::new();
        };
        let is_tied = |entry: &usize| match *entry == fastest {
            true => self.is_compared(fastest),
            false => self.between(*entry, fastest).is_some_and(|pair| !pair.differs()),
        };
        self.order.iter().copied().filter(is_tied).collect()
    }

    /// Whether every ratio to the fastest is known to a half width of `precision`, as a share.
    pub fn settled(&self, precision: f64) -> bool {
        let Some((&fastest, others)) = self.order.split_first() else {
            return true;
        };
        others
            .iter()
            .all(|entry| self.between(*entry, fastest).is_some_and(|pair| pair.half_width() <= precision))
    }
}

/// Whether two entries have a block in common.
pub(crate) fn share_blocks(one: &Times, other: &Times) -> bool {
    one.iter().any(|(epoch, blocks)| {
        other.get(epoch).is_some_and(|others| blocks.keys().any(|block| others.contains_key(block)))
    })
}

/// For each epoch that both have: the median over its common blocks of log(time of the one / time of the
/// other).
pub(super) fn log_ratios(one: &Times, other: &Times) -> Vec<f64> {
    let of_epoch = |(epoch, blocks): (&u32, &BTreeMap<u32, f64>)| {
        let others = other.get(epoch)?;
        median(blocks.iter().filter_map(|(block, time)| Some((time / others.get(block)?).ln())).collect())
    };
    one.iter().filter_map(of_epoch).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use testing::strategies;

    /// Times that drift from epoch to epoch by far more than the channels differ.
    fn times(factor: f64, epochs: u32) -> Times {
        (0..epochs)
            .map(|epoch| {
                let drift = 100.0 * (1.0 + f64::from(epoch % 7));
                let blocks = (0..3).map(|block| {
                    let noise = 1.0 + 0.001 * f64::from((epoch * 31 + block * 17) % 10) * factor.fract();
                    (block, drift * factor * noise)
                });
                (epoch, blocks.collect())
            })
            .collect()
    }

    #[test]
    fn a_drift_that_hits_all_alike_hides_no_difference() {
        let (slow, fast) = (times(1.05, 16), times(1.0, 16));
        let pairs = Pairs::of(&[(0, &slow), (1, &fast)]);
        assert_eq!(pairs.order, [1, 0]);
        let pair = pairs.between(0, 1).expect("a pair");
        assert!(pair.differs(), "{pair:?}");
        assert!((pair.ratio - 1.05).abs() < 0.001, "{pair:?}");
        assert_eq!(pairs.tied(), [1]);
        let [low, high] = pair.interval.expect("16 epochs bound it");
        let turned = pairs.between(1, 0).expect("the same pair");
        assert_eq!(turned.interval, Some([1.0 / high, 1.0 / low]));
        assert!(pairs.settled(0.01) && !pairs.settled(1e-9));
    }

    #[test]
    fn equal_channels_are_tied() {
        let (one, other) = (times(1.0, 16), times(1.0, 16));
        let pairs = Pairs::of(&[(4, &one), (2, &other)]);
        assert_eq!(pairs.tied().len(), 2);
        assert!(!pairs.all()[0].differs());
    }

    #[test]
    fn few_epochs_are_no_verdict() {
        let (slow, fast) = (times(3.0, 5), times(1.0, 5));
        let pairs = Pairs::of(&[(0, &slow), (1, &fast)]);
        let pair = pairs.between(0, 1).expect("a pair");
        assert_eq!((pair.epochs, pair.interval), (5, None));
        assert!(!pair.differs());
        assert!(!pairs.settled(1.0));
        assert_eq!(pairs.tied(), [1, 0]);
    }

    #[test]
    fn the_minimum_of_epochs_can_show_a_difference_and_one_less_cannot() {
        for entries in [2, 3, 6, 8, 12] {
            let epochs = min_epochs(entries * (entries - 1) / 2);
            let times: Vec<Times> =
                (0..entries).map(|entry| times(f64::from(2 + entry as u32), epochs)).collect();
            let differing = |epochs: u32| {
                let times: Vec<Times> = times
                    .iter()
                    .map(|times| {
                        times.range(..epochs).map(|(epoch, blocks)| (*epoch, blocks.clone())).collect()
                    })
                    .collect();
                let entries: Vec<(usize, &Times)> = times.iter().enumerate().collect();
                Pairs::of(&entries).all().iter().filter(|pair| pair.differs()).count()
            };
            assert_eq!(differing(epochs), entries * (entries - 1) / 2, "{entries} entries, {epochs} epochs");
            assert_eq!(differing(epochs - 1), 0, "{entries} entries, {} epochs", epochs - 1);
        }
    }

    #[test]
    fn only_common_blocks_are_compared() {
        let mut one = times(2.0, 12);
        let other = times(1.0, 12);
        // A run that was killed in the middle of an epoch.
        one.get_mut(&11).expect("epoch 11").remove(&0);
        one.remove(&3);
        let pairs = Pairs::of(&[(0, &one), (1, &other)]);
        assert_eq!(pairs.all()[0].epochs, 11);
        assert!((pairs.all()[0].ratio - 2.0).abs() < 0.01);
        assert_eq!(Pairs::of(&[]).order, Vec::<usize>::new());
    }

    proptest! {
        #[test]
        fn a_pair_is_one_from_either_side_and_the_first_is_among_the_tied(times in strategies::times()) {
            let entries: Vec<(usize, &Times)> = times.iter().enumerate().collect();
            let pairs = Pairs::of(&entries);
            let mut order = pairs.order.clone();
            order.sort_unstable();
            prop_assert_eq!(order, (0..times.len()).collect::<Vec<_>>());
            prop_assert_eq!(pairs.tied().contains(&pairs.order[0]), pairs.is_compared(pairs.order[0]));
            for pair in pairs.all() {
                let turned = pairs.between(pair.other, pair.one).expect("the same pair");
                prop_assert!((turned.ratio * pair.ratio - 1.0).abs() < 1e-9);
                prop_assert_eq!(turned.differs(), pair.differs());
                for pair in [pair, &turned] {
                    prop_assert!(pair.ratio > 0.0 && (0.0..=1.0).contains(&pair.p_value), "{pair:?}");
                    if let Some([low, high]) = pair.interval {
                        prop_assert!(low <= pair.ratio * (1.0 + 1e-9) && pair.ratio <= high * (1.0 + 1e-9), "{pair:?}");
                    }
                }
            }
        }

        /// A disturbance of a whole block affects all entries alike, so no ratio moves.
        #[test]
        fn a_drift_of_whole_blocks_moves_no_ratio(times in strategies::times(), precision in 0.01..1.0) {
            let pairs = |times: &[Times]| Pairs::of(&times.iter().enumerate().collect::<Vec<_>>());
            let mut drifted = times.clone();
            for (epoch, blocks) in drifted.iter_mut().flatten() {
                for (block, time) in blocks {
                    *time *= f64::from(1 << ((epoch * 3 + *block) % 5));
                }
            }
            let [before, after] = [pairs(&times), pairs(&drifted)];
            prop_assert_eq!(before.all(), after.all());
            prop_assert!(before.settled(2.0 * precision) || !before.settled(precision));
        }
    }
}
