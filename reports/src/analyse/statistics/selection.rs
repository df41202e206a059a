//! The k-th smallest of all sums of two samples without the sums themselves: 30,000 epochs have 450 million pairs.
//!
//! A number is found by halving the range of all floating-point numbers, of which there are 2^64, so that at most 64
//! steps count the pairs that are not above it. Counting is one walk over both sorted samples. The result is exactly
//! the one that sorting all pairs gives.

/// All pairs of two samples, each with the number that `of` makes of it.
pub(super) struct Pairs<'a, F> {
    /// The first sample, ascending.
    pub(super) one: &'a [f64],
    /// The second sample, ascending.
    pub(super) other: &'a [f64],
    /// Rises, or stays, with both of its arguments.
    pub(super) of: F,
    /// Whether both samples are the same, so that two places make one pair, and a place one with itself.
    pub(super) is_one_sample: bool,
}

impl<F: Fn(f64, f64) -> f64> Pairs<'_, F> {
    /// The number of pairs.
    pub(super) fn len(&self) -> usize {
        match self.is_one_sample {
            true => self.one.len() * (self.one.len() + 1) / 2,
            false => self.one.len() * self.other.len(),
        }
    }

    /// The number of pairs that are at most `limit`.
    fn at_most(&self, limit: f64) -> usize {
        // As the first rises, fewer of the second fit.
        let (mut count, mut fitting) = (0, self.other.len());
        for (place, one) in self.one.iter().enumerate() {
            while fitting > 0 && (self.of)(*one, self.other[fitting - 1]) > limit {
                fitting -= 1;
            }
            count += if self.is_one_sample { fitting.saturating_sub(place) } else { fitting };
        }
        count
    }

    /// The number at `place`, from 0, of all pairs in ascending order.
    pub(super) fn at(&self, place: usize) -> f64 {
        let (mut low, mut high) = (ordinal(f64::NEG_INFINITY), ordinal(f64::INFINITY));
        while low < high {
            let middle = low + (high - low) / 2;
            match self.at_most(number(middle)) > place {
                true => high = middle,
                false => low = middle + 1,
            }
        }
        // Of the two zeros the positive one, whichever was found.
        number(low) + 0.0
    }

    /// The median of all pairs.
    pub(super) fn median(&self) -> f64 {
        let [lower, upper] = super::quantiles::middle(self.len());
        super::quantiles::midpoint(self.at(lower), self.at(upper))
    }
}

/// The first of the numbers below `end` for which `holds` is false, or `end`. It holds for all before that one and for none
/// after it.
pub(super) fn first_beyond(end: usize, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, end);
    while low < high {
        let middle = low + (high - low) / 2;
        match holds(middle) {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    low
}

/// The place of a number among all, which rises with it.
fn ordinal(number: f64) -> u64 {
    let bits = number.to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

/// The number at a place.
fn number(ordinal: u64) -> f64 {
    f64::from_bits(if ordinal >> 63 == 1 { ordinal & !(1 << 63) } else { !ordinal })
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::quantiles::midpoint;
    use super::super::reference::sorted;
    use super::*;

    proptest! {
        #[test]
        fn each_place_is_that_of_the_sorted_pairs(
            one in sorted(vec(prop_oneof![-3..3_i32, -1000..1000_i32].prop_map(f64::from), 1..12)),
            other in sorted(vec(-1e3..1e3, 1..12)),
        ) {
            let mut differences: Vec<f64> =
                one.iter().flat_map(|one| other.iter().map(move |other| one + other)).collect();
            let mut averages: Vec<f64> = (0..one.len())
                .flat_map(|first| (first..one.len()).map(move |second| (first, second)))
                .map(|(first, second)| midpoint(one[first], one[second]))
                .collect();
            differences.sort_by(f64::total_cmp);
            averages.sort_by(f64::total_cmp);
            let pairs = Pairs { one: &one, other: &other, of: |one, other| one + other, is_one_sample: false };
            prop_assert_eq!(pairs.len(), differences.len());
            for (place, expected) in differences.into_iter().enumerate() {
                prop_assert_eq!(pairs.at(place), expected);
            }
            let pairs = Pairs { one: &one, other: &one, of: midpoint, is_one_sample: true };
            prop_assert_eq!(pairs.len(), averages.len());
            for (place, expected) in averages.into_iter().enumerate() {
                prop_assert_eq!(pairs.at(place), expected);
            }
        }
    }

    #[test]
    fn many_units_take_no_more_time_than_their_number_allows() {
        let sample: Vec<f64> = (0..30_000).map(f64::from).collect();
        let began = std::time::Instant::now();
        let pairs = Pairs { one: &sample, other: &sample, of: midpoint, is_one_sample: true };
        assert_eq!(pairs.median(), 14_999.5);
        assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
    }
}
