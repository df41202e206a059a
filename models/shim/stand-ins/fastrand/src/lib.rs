//! Stands in for `fastrand` under an instrumented channel crate: numbers that are the same in every replay.

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
    /// When there is none.
    pub fn usize(&mut self, range: Range<usize>) -> usize {
        range.start + run::draw(range.len())
    }
}
