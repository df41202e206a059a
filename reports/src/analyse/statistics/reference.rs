//! Support for the tests: results of SciPy and others for the same inputs, random draws of known shapes, and
//! strategies.

use proptest::prelude::*;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde::Deserialize;

/// The relative tolerance of exact quantities: both sides round differently.
pub(super) const EXACT: f64 = 1e-9;

/// Whether two numbers are equal within `tolerance`, relative to the larger of them and 1.
pub(super) fn close(one: f64, other: f64, tolerance: f64) -> bool {
    (one - other).abs() <= tolerance * one.abs().max(other.abs()).max(1.0)
}

/// Asserts that two intervals agree: both are absent, or their ends are [`close`].
#[track_caller]
pub(super) fn assert_same_interval(name: &str, found: Option<[f64; 2]>, expected: Option<[f64; 2]>) {
    match (found, expected) {
        (None, None) => {}
        (Some(found), Some(expected)) => {
            for (end, expected) in found.into_iter().zip(expected) {
                assert!(close(end, expected, EXACT), "{name}: {found:?}, not {expected}");
            }
        }
        (found, expected) => panic!("{name}: {found:?}, not {expected:?}"),
    }
}

/// The file that `tests/data/reference-statistics.py` writes.
#[derive(Deserialize)]
pub(super) struct Reference {
    pub(super) signed_rank: Vec<SignedRank>,
    pub(super) rank_sum: Vec<RankSum>,
    pub(super) holm: Vec<Holm>,
    pub(super) bootstrap: Vec<Bootstrap>,
}

#[derive(Deserialize)]
pub(super) struct SignedRank {
    pub(super) name: String,
    pub(super) sample: Vec<f64>,
    pub(super) level: f64,
    pub(super) estimate: f64,
    pub(super) interval: Option<[f64; 2]>,
    pub(super) p_value: f64,
}

#[derive(Deserialize)]
pub(super) struct RankSum {
    pub(super) name: String,
    pub(super) one: Vec<f64>,
    pub(super) other: Vec<f64>,
    pub(super) level: f64,
    pub(super) estimate: f64,
    pub(super) interval: Option<[f64; 2]>,
    pub(super) p_value: f64,
}

#[derive(Deserialize)]
pub(super) struct Holm {
    pub(super) p_values: Vec<f64>,
    pub(super) adjusted: Vec<f64>,
}

#[derive(Deserialize)]
pub(super) struct Bootstrap {
    pub(super) clusters: Vec<Vec<f64>>,
    pub(super) level: f64,
    pub(super) interval: [f64; 2],
    /// The maximum difference of the ends: the sampling error of two bootstraps.
    pub(super) tolerance: f64,
}

pub(super) fn reference() -> Reference {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/statistics.json"));
    serde_json::from_str(text).expect("tests/data/reference-statistics.py writes this form")
}

/// Random numbers of known shapes, the same in every run.
pub(super) struct Draws(Xoshiro256PlusPlus);

impl Draws {
    pub(super) fn new(seed: u64) -> Draws {
        Draws(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// From 0 to 1, without 0.
    pub(super) fn uniform(&mut self) -> f64 {
        1.0 - self.0.random::<f64>()
    }

    /// Mean 0, standard deviation 1 (Box and Muller, 1958).
    pub(super) fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// An exponential draw with mean 1.
    pub(super) fn exponential(&mut self) -> f64 {
        -self.uniform().ln()
    }

    /// Student's t with three degrees of freedom: tails so heavy that its fourth moment is infinite.
    pub(super) fn student_3(&mut self) -> f64 {
        let squares: f64 = (0..3).map(|_| self.normal().powi(2)).sum();
        self.normal() / (squares / 3.0).sqrt()
    }
}

/// Two levels of an interval, the lower one first.
pub(super) fn rising_levels() -> impl Strategy<Value = [f64; 2]> {
    [0.01..0.99, 0.01..0.99].prop_map(|[one, other]: [f64; 2]| [one.min(other), one.max(other)])
}

/// A sample, and the same in another order.
pub(super) fn shuffled(
    sample: impl Strategy<Value = Vec<f64>>,
) -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    sample.prop_flat_map(|sample| (Just(sample.clone()), Just(sample).prop_shuffle()))
}

/// A sample in ascending order.
pub(super) fn sorted(sample: impl Strategy<Value = Vec<f64>>) -> impl Strategy<Value = Vec<f64>> {
    sample.prop_map(|mut sample| {
        sample.sort_by(f64::total_cmp);
        sample
    })
}
