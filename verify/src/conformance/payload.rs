//! Checks of the messages that arrived.

use super::scene::Checked;
use crate::violation::Violation;

/// Checks that each expected number arrived once; names the missing and the doubled ones.
pub(super) fn each_once(mut arrived: Vec<u64>, expected: impl Iterator<Item = u64>) -> Checked {
    arrived.sort_unstable();
    let mut expected: Vec<u64> = expected.collect();
    expected.sort_unstable();
    if arrived == expected {
        return Ok(());
    }
    let doubled: Vec<u64> =
        arrived.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    let missing: Vec<u64> =
        expected.iter().copied().filter(|number| arrived.binary_search(number).is_err()).collect();
    let some = |numbers: &[u64]| numbers.iter().take(8).map(u64::to_string).collect::<Vec<_>>().join(", ");
    Err(Violation::new(
        format!("each of {} messages arrives exactly once", expected.len()),
        format!(
            "{} arrived; {} missing ({}), {} twice ({})",
            arrived.len(),
            missing.len(),
            some(&missing),
            doubled.len(),
            some(&doubled)
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_and_doubled_messages_are_named() {
        assert_eq!(each_once(vec![2, 0, 1], 0..3), Ok(()));
        let violation = each_once(vec![2, 0, 2], 0..3).expect_err("1 is missing");
        assert_eq!(violation.happened, "3 arrived; 1 missing (1), 1 twice (2)");
    }
}
