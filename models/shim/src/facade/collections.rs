//! `std::collections`, whose hash maps and sets have the same order in every execution.
//!
//! They are std's around the keys of [`crate::hash::RandomState`]. Types of their own are needed, since std has
//! `HashMap::new` for its own random keys alone.

mod map;
mod set;

pub use std::collections::*;

pub use self::map::HashMap;
pub use self::set::HashSet;

/// `std::collections::hash_map`.
pub mod hash_map {
    pub use std::collections::hash_map::*;

    pub use super::HashMap;
    pub use crate::facade::hash::RandomState;
}

/// `std::collections::hash_set`.
pub mod hash_set {
    pub use std::collections::hash_set::*;

    pub use super::HashSet;
}
