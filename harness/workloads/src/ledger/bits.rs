//! The set of a producer's messages that have arrived: one bit per message, so that a round of millions fits
//! in a cache.

use std::ops::Range;

/// A set of sequence numbers below a fixed bound.
#[derive(Clone, Debug)]
pub(super) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    pub(super) fn new(bound: u64) -> Self {
        Bits { words: vec![0; bound.div_ceil(64) as usize] }
    }

    /// Adds `numbers`. Returns a number that was in the set before.
    pub(super) fn insert(&mut self, numbers: Range<u64>) -> Option<u64> {
        let mut present = None;
        let mut number = numbers.start;
        while number < numbers.end {
            let (index, shift) = (number / 64, number % 64);
            let count = (numbers.end - number).min(64 - shift);
            let mask = (u64::MAX >> (64 - count)) << shift;
            let word = &mut self.words[index as usize];
            if *word & mask != 0 {
                present.get_or_insert(index * 64 + u64::from((*word & mask).trailing_zeros()));
            }
            *word |= mask;
            number += count;
        }
        present
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        self.words.get((number / 64) as usize).is_some_and(|word| word & 1 << (number % 64) != 0)
    }

    /// The numbers below `bound` that are not in the set.
    pub(super) fn missing(&self, bound: u64) -> impl Iterator<Item = u64> {
        (0..bound.div_ceil(64)).flat_map(move |index| {
            let mut absent = !self.words.get(index as usize).copied().unwrap_or(0);
            let first = index * 64;
            if bound - first < 64 {
                absent &= (1 << (bound - first)) - 1;
            }
            std::iter::from_fn(move || {
                let bit = absent.trailing_zeros();
                (absent != 0).then(|| {
                    absent &= absent - 1;
                    first + u64::from(bit)
                })
            })
        })
    }

    pub(super) fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Adds the numbers of `other`. Returns the first that was in the set before.
    pub(super) fn merge(&mut self, other: &Bits) -> Option<u64> {
        let mut present = None;
        for (index, (our, their)) in self.words.iter_mut().zip(&other.words).enumerate() {
            let both = *our & *their;
            if both != 0 {
                present.get_or_insert(index as u64 * 64 + u64::from(both.trailing_zeros()));
            }
            *our |= *their;
        }
        present
    }
}
