//! `std::hint`, whose spin hint lets other threads run.

pub use std::hint::{assert_unchecked, black_box, unreachable_unchecked};

use crate::exec::explorer;

/// As std's: other threads run. A second hint without a step in between does nothing.
pub fn spin_loop() {
    explorer::spin_hint();
}
