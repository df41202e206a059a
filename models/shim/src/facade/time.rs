//! `std::time`, on the model's clock (`exec/clock.rs`).

mod instant;
mod wall;

pub use std::time::Duration;

pub use self::instant::Instant;
pub use self::wall::{SystemTime, SystemTimeError};
