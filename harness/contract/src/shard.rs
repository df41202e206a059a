//! Shards of the cases of a verification, for several machines, and the seed of each case.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One of `of` disjoint parts of the cases: every `of`-th case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// The number of the shard, from 1.
    pub index: u32,
    /// The number of shards.
    pub of: u32,
}

impl Shard {
    /// All cases.
    pub const WHOLE: Shard = Shard { index: 1, of: 1 };

    /// Whether the case is in this shard.
    pub fn has(self, case: u64) -> bool {
        case % u64::from(self.of) == u64::from(self.index - 1)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// A text that is not a shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no shard: expected I/N with I from 1 to N, as in 2/5")]
pub struct NoShard(String);

impl FromStr for Shard {
    type Err = NoShard;

    fn from_str(text: &str) -> Result<Self, NoShard> {
        let parts =
            text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((index, of)) if index >= 1 && index <= of => Ok(Shard { index, of }),
            _ => Err(NoShard(text.to_owned())),
        }
    }
}

/// The seed of a case: bits of a seed and of the case's number, mixed (`splitmix64`, S. Vigna 2015, after
/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
pub fn seed_of(seed: u64, case: u64) -> u64 {
    mixed(seed ^ case.wrapping_mul(GOLDEN))
}

/// A number that looks random and is the same for each `number`: the first output of `splitmix64` from this state.
pub fn hashed(number: u64) -> u64 {
    mixed(number.wrapping_add(GOLDEN))
}

/// 2^64 divided by the golden ratio, the step of `splitmix64`.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// How `splitmix64` mixes the bits of its state.
fn mixed(mut state: u64) -> u64 {
    state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_parses_back() {
        assert_eq!("2/5".parse(), Ok(Shard { index: 2, of: 5 }));
        assert_eq!(Shard { index: 2, of: 5 }.to_string(), "2/5");
        for wrong in ["", "2", "0/5", "6/5", "1/0", "a/b", "-1/2"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
