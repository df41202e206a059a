//! Fairness: Jain's index of how evenly something was shared.

/// Jain's fairness index of `shares`, `(sum x)^2 / (n * sum x^2)`: from 1/n, if one has everything, to 1, if
/// all have the same. `None` if all shares are zero, since nothing was shared.
///
/// Source: R. Jain, D. Chiu, W. Hawe, "A Quantitative Measure of Fairness and Discrimination for Resource
/// Allocation in Shared Computer Systems", DEC Research Report TR-301, 1984.
pub fn jain(shares: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for share in shares {
        count += 1.0;
        sum += share;
        squares += share * share;
    }
    (squares > 0.0).then(|| sum * sum / (count * squares))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_index_of_known_shares() {
        assert_eq!(jain([3.0, 3.0, 3.0]), Some(1.0));
        assert_eq!(jain([7.0, 0.0, 0.0, 0.0]), Some(0.25));
        // 3^2 / (2 * (1 + 4)).
        assert_eq!(jain([1.0, 2.0]), Some(0.9));
        assert_eq!(jain([0.0, 0.0]), None);
        assert_eq!(jain([]), None);
    }

    proptest! {
        #[test]
        fn the_index_lies_between_one_of_n_and_one(shares in prop::collection::vec(0_u32..1_000_000, 1..64)) {
            prop_assume!(shares.iter().any(|&share| share > 0));
            let index = jain(shares.iter().copied().map(f64::from)).expect("a share is not zero");
            let rounding = 1e-12;
            prop_assert!(index >= 1.0 / shares.len() as f64 - rounding, "{index}");
            prop_assert!(index <= 1.0 + rounding, "{index}");
        }

        #[test]
        fn the_index_has_no_unit(
            shares in prop::collection::vec(1_u32..1_000_000, 1..64),
            scale in 1e-6_f64..1e6,
        ) {
            let scaled = |scale: f64| jain(shares.iter().map(|&share| f64::from(share) * scale)).expect("shares");
            prop_assert!((scaled(scale) - scaled(1.0)).abs() < 1e-9);
        }

        /// Adding as many zero shares halves the index.
        #[test]
        fn zero_shares_count(shares in prop::collection::vec(1_u32..1_000_000, 1..32)) {
            let shares: Vec<f64> = shares.into_iter().map(f64::from).collect();
            let all = jain(shares.iter().copied()).expect("shares");
            let half = jain(shares.iter().copied().chain(shares.iter().map(|_| 0.0))).expect("shares");
            prop_assert!((half - all / 2.0).abs() < 1e-9);
        }
    }
}
