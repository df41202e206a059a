//! `std::hash`, whose [`RandomState`] has no random keys: a replay meets the same order of a hash map.

pub use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash, Hasher};

/// As std's, but all have the same keys.
#[derive(Clone, Debug, Default)]
pub struct RandomState(());

impl RandomState {
    /// As std's.
    pub fn new() -> Self {
        RandomState(())
    }
}

impl BuildHasher for RandomState {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        DefaultHasher::new()
    }
}
