//! Two ways to do the same thing, timed in turn and compared pair by pair, so that what drifts hits both alike.

use std::time::Duration;

/// What the pairs say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// Median over the pairs of: time of the first / time of the second.
    pub median: f64,
    /// A 95 % interval of that median.
    pub interval: [f64; 2],
    /// Pairs.
    pub pairs: usize,
}

/// Times `pairs` pairs; who goes first changes from pair to pair.
///
/// # Panics
///
/// When `pairs` is 0.
pub fn ratio(
    pairs: usize,
    mut first: impl FnMut() -> Duration,
    mut second: impl FnMut() -> Duration,
) -> Ratio {
    let ratios = (0..pairs)
        .map(|pair| {
            let (first, second) = if pair % 2 == 0 {
                let first = first();
                (first, second())
            } else {
                let second = second();
                (first(), second)
            };
            first.as_secs_f64() / second.as_secs_f64()
        })
        .collect();
    summary(ratios)
}

/// The median and its distribution-free interval: the order statistics at `n/2 -+ 1.96 * sqrt(n)/2`, from the normal
/// approximation of the binomial (W. J. Conover, "Practical Nonparametric Statistics", 3rd ed., 1999, section 3.2).
fn summary(mut ratios: Vec<f64>) -> Ratio {
    ratios.sort_by(f64::total_cmp);
    let count = ratios.len();
    let middle = count as f64 / 2.0;
    let half_width = 1.96 * (count as f64).sqrt() / 2.0;
    let lower = (middle - half_width).floor().max(0.0) as usize;
    let upper = ((middle + half_width).ceil() as usize).min(count - 1);
    Ratio {
        median: (ratios[(count - 1) / 2] + ratios[count / 2]) / 2.0,
        interval: [ratios[lower], ratios[upper]],
        pairs: count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_holds_the_median() {
        let found = summary((1..=100).map(f64::from).collect());
        assert_eq!(found, Ratio { median: 50.5, interval: [41.0, 61.0], pairs: 100 });
        assert_eq!(summary(vec![3.0]), Ratio { median: 3.0, interval: [3.0, 3.0], pairs: 1 });
    }

    #[test]
    fn a_planted_slowdown_is_the_ratio() {
        let slow = || Duration::from_micros(103);
        let fast = || Duration::from_micros(100);
        assert!((ratio(10, slow, fast).median - 1.03).abs() < 1e-9);
        assert!((ratio(10, fast, slow).median - 100.0 / 103.0).abs() < 1e-9);
    }
}
