//! Many comparisons at once: p-values adjusted so that all of them together keep one error rate.

/// Adjusted p-values by Holm's step-down method, in the order given.
///
/// Calling different all those whose adjusted p-value is at most `a` calls any equal pair different with a
/// probability of at most `a`, however the comparisons depend on each other. The i-th smallest of m is
/// multiplied by m - i + 1, raised to the ones before it, and capped at 1. (Holm, "A simple sequentially
/// rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979.)
///
/// # Panics
///
/// When a p-value is not between 0 and 1.
pub(crate) fn adjust(p_values: &[f64]) -> Vec<f64> {
    assert!(p_values.iter().all(|p| (0.0..=1.0).contains(p)), "p-values are between 0 and 1: {p_values:?}");
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|one, other| p_values[*one].total_cmp(&p_values[*other]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest: f64 = 0.0;
    for (place, index) in order.into_iter().enumerate() {
        let remaining = p_values.len() - place;
        largest = largest.max(p_values[index] * remaining as f64).min(1.0);
        adjusted[index] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::analyse::statistics::reference::{EXACT, close, reference};

    #[test]
    fn the_reference_agrees() {
        for case in &reference().holm {
            let adjusted = adjust(&case.p_values);
            assert_eq!(adjusted.len(), case.adjusted.len());
            for (adjusted, expected) in adjusted.into_iter().zip(&case.adjusted) {
                assert!(close(adjusted, *expected, EXACT), "{adjusted} is not {expected}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "between 0 and 1")]
    fn what_is_no_probability_is_refused() {
        adjust(&[0.5, f64::NAN]);
    }

    proptest! {
        #[test]
        fn adjusting_keeps_the_order_and_lowers_nothing(p_values in vec(0.0..=1.0, 0..40)) {
            let adjusted = adjust(&p_values);
            for (p, its) in p_values.iter().zip(&adjusted) {
                prop_assert!(p <= its && *its <= 1.0);
                prop_assert!(*its <= p * p_values.len() as f64 + f64::EPSILON, "worse than Bonferroni's");
                for (other, others) in p_values.iter().zip(&adjusted) {
                    prop_assert!(p > other || its <= others);
                }
            }
        }

        #[test]
        fn one_more_comparison_only_raises(p_values in vec(0.0..=1.0, 1..40)) {
            let fewer = adjust(&p_values[1..]);
            for (all, fewer) in adjust(&p_values)[1..].iter().zip(fewer) {
                prop_assert!(*all >= fewer);
            }
        }

        #[test]
        fn each_p_value_is_adjusted_alike_wherever_it_stands(
            (p_values, order) in vec(0.0..=1.0, 0..40)
                .prop_flat_map(|p_values| (Just(p_values.clone()), Just((0..p_values.len()).collect::<Vec<_>>()).prop_shuffle())),
        ) {
            let adjusted = adjust(&p_values);
            let shuffled: Vec<f64> = order.iter().map(|place| p_values[*place]).collect();
            let expected: Vec<f64> = order.iter().map(|place| adjusted[*place]).collect();
            prop_assert_eq!(adjust(&shuffled), expected);
        }
    }
}
