//! The wrapper of `nanorand`: a replay draws the same numbers.

#![cfg(any(loom, shuttle))]

use std::ops::Range;

use chanlab_shim::run;

/// As nanorand's: the part that channel crates use.
pub trait Rng {
    /// A number in `range`.
    fn generate_range(&mut self, range: Range<usize>) -> usize;
}

/// As nanorand's.
#[derive(Clone, Debug, Default)]
pub struct WyRand(());

impl WyRand {
    /// As nanorand's.
    pub fn new() -> Self {
        WyRand::default()
    }
}

impl Rng for WyRand {
    /// As nanorand's.
    ///
    /// # Panics
    ///
    /// When `range` is empty.
    fn generate_range(&mut self, range: Range<usize>) -> usize {
        range.start + run::draw(range.len())
    }
}
