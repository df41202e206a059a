//! Stands in for `nanorand` under an instrumented channel crate: numbers that are the same in every replay.

#![cfg(any(loom, shuttle))]

use std::ops::Range;

use chanlab_shim::run;

/// As nanorand's, of what a channel crate draws.
pub trait Rng {
    /// A number of `range`.
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
    /// When there is none.
    fn generate_range(&mut self, range: Range<usize>) -> usize {
        range.start + run::draw(range.len())
    }
}
