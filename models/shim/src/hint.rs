//! `std::hint`, where a spin lets others run.

pub use std::hint::{assert_unchecked, black_box, unreachable_unchecked};

use crate::explorer;

/// As std's: other threads run. Spinning on without looking at anything meanwhile does no more.
pub fn spin_loop() {
    explorer::spin_hint();
}
