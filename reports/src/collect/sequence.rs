//! Which members of a sequence that should rise do not fit: the fewest that explain it, so that one changed number is blamed
//! and not all that follow it.

/// For each number whether it fits, when the numbers should rise: by one, unless `equal`, which also lets neighbours be equal.
///
/// A number does not fit when its neighbours are in order without it and not with it, or when it is lower than the last one
/// that fits.
pub(crate) fn fitting(numbers: &[u64], equal: bool) -> Vec<bool> {
    let rises = |low: u64, high: u64| low < high || equal && low == high;
    let mut fits = Vec::with_capacity(numbers.len());
    let mut last: Option<u64> = None;
    for (place, &number) in numbers.iter().enumerate() {
        let follows = last.is_none_or(|last| rises(last, number));
        let next = numbers.get(place + 1).copied();
        // Without this number the next one would follow the last; with it, it does not.
        let is_jump =
            next.is_some_and(|next| !rises(number, next) && last.is_none_or(|last| rises(last, next)));
        let is_successor = !equal && number == last.map_or(0, |last| last.saturating_add(1));
        let fit = follows && (is_successor || !is_jump);
        if fit {
            last = Some(number);
        }
        fits.push(fit);
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn odd(numbers: &[u64], equal: bool) -> Vec<usize> {
        fitting(numbers, equal)
            .iter()
            .enumerate()
            .filter(|(_, fits)| !**fits)
            .map(|(place, _)| place)
            .collect()
    }

    #[test]
    fn one_changed_number_is_the_only_one_that_does_not_fit() {
        assert!(odd(&[0, 1, 2, 3, 4], false).is_empty());
        for changed in [0, 1, 90, u64::MAX] {
            assert_eq!(odd(&[0, 1, 2, changed, 4, 5], false), [3], "{changed}");
        }
        assert_eq!(odd(&[9, 1, 2], false), [0]);
        assert_eq!(odd(&[0, 1, 0], false), [2]);
        assert!(odd(&[3, 3, 4], true).is_empty());
        assert_eq!(odd(&[3, 3, 4], false).len(), 1);
        // Of two equal ones the one that rises by one is right.
        assert_eq!(odd(&[0, 1, 2, 2, 4], false), [3]);
        // Two that changed places, and a run that is appended to another.
        assert_eq!(odd(&[0, 2, 1, 3], false), [1]);
        assert_eq!(odd(&[0, 1, 2, 0, 1, 2, 3], false), [3, 4, 5]);
    }
}
