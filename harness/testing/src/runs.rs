//! Recorded runs, and runners that are shell scripts.

use records::checksum::{Checksum, line};
use serde::Serialize;

/// A function of bash: `takes NANOSECONDS` returns when that time has passed, so that a round of a script takes as
/// long as it claims.
pub const TAKES: &str = r#"takes() {
    local until=$((${EPOCHREALTIME//[.,]/} + $1 / 1000 + 1))
    while ((${EPOCHREALTIME//[.,]/} < until)); do :; done
}"#;

/// The lines of a run whose plan has the checksum `plan`: each is sealed, and linked to the one before it.
///
/// # Panics
///
/// When a value is no object with members.
pub fn sealed(plan: Checksum, values: impl IntoIterator<Item = impl Serialize>) -> Vec<u8> {
    let (mut bytes, mut after) = (Vec::new(), plan);
    for value in values {
        let (sealed, checksum) = line(&value, Some(after)).expect("an object");
        bytes.extend(sealed);
        after = checksum;
    }
    bytes
}
