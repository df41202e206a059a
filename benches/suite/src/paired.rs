//! Times two implementations in turn and compares them pair by pair, so that drift affects both alike.

use std::time::Duration;

/// A summary of several ratios.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// Their median.
    pub median: f64,
    /// A 95 % interval of that median.
    pub interval: [f64; 2],
}

/// Times `pairs` pairs in alternating order. Returns for each pair the time of the first divided by that of
/// the second.
pub fn ratios(
    pairs: usize,
    mut first: impl FnMut() -> Duration,
    mut second: impl FnMut() -> Duration,
) -> Vec<f64> {
    let pair = |pair| {
        let (first, second) = if pair % 2 == 0 {
            let first = first();
            (first, second())
        } else {
            let second = second();
            (first(), second)
        };
        first.as_secs_f64() / second.as_secs_f64()
    };
    (0..pairs).map(pair).collect()
}

/// The median and its distribution-free interval: the order statistics at `n/2 -+ 1.96 * sqrt(n)/2`, from the
/// normal approximation of the binomial (W. J. Conover, "Practical Nonparametric Statistics", 3rd ed., 1999,
/// section 3.2).
///
/// # Panics
///
/// When `ratios` is empty.
pub fn summary(mut ratios: Vec<f64>) -> Ratio {
    ratios.sort_by(f64::total_cmp);
    let count = ratios.len();
    let middle = count as f64 / 2.0;
    let half_width = 1.96 * (count as f64).sqrt() / 2.0;
    let lower = (middle - half_width).floor().max(0.0) as usize;
    let upper = ((middle + half_width).ceil() as usize).min(count - 1);
    Ratio {
        median: (ratios[(count - 1) / 2] + ratios[count / 2]) / 2.0,
        interval: [ratios[lower], ratios[upper]],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_contains_the_median() {
        let found = summary((1..=100).map(f64::from).collect());
        assert_eq!(found, Ratio { median: 50.5, interval: [41.0, 61.0] });
        assert_eq!(summary(vec![3.0]), Ratio { median: 3.0, interval: [3.0, 3.0] });
    }

    #[test]
    fn a_planted_slowdown_is_the_ratio() {
        let slow = || Duration::from_micros(103);
        let fast = || Duration::from_micros(100);
        assert!((summary(ratios(10, slow, fast)).median - 1.03).abs() < 1e-9);
        assert!((summary(ratios(10, fast, slow)).median - 100.0 / 103.0).abs() < 1e-9);
    }
}
