//! The wrapper of `fastrand`: a replay draws the same numbers.

#![cfg(any(loom, shuttle))]

use std::ops::Range;

use chanlab_shim::run;

/// As fastrand's.
#[derive(Clone, Debug, Default)]
pub struct Rng(());

impl Rng {
    /// As fastrand's.
    pub fn new() -> Self {
        Rng::default()
    }

    /// As fastrand's.
    ///
    /// # Panics
    ///
    /// When `range` is empty.
    pub fn usize(&mut self, range: Range<usize>) -> usize {
        range.start + run::draw(range.len())
    }
}
