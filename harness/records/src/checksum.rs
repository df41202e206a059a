//! The checksum of a recorded line: a changed digit of a time would otherwise be another time.
//!
//! A line ends in the member `crc32`, over all bytes before it. A line of a run also names the checksum of the line
//! before it in `after`, and the first one that of the plan, so that a line which is lost, moved or written twice
//! shows too. Both members have a fixed width and are read from the bytes, before anything is parsed.

use std::fmt;

use serde::{Serialize, ser};

use crate::text;

/// What stands between the content of a line and the digits of its checksum.
const CRC32: &[u8] = b",\"crc32\":\"";

/// What stands between the content of a line and the digits of the checksum before it.
const AFTER: &[u8] = b",\"after\":\"";

/// The end of the member.
const QUOTE: &[u8] = b"\"";

/// The digits of a checksum.
const DIGITS: usize = 8;

/// A CRC-32 (ISO-HDLC, that of zip and PNG). Written as 8 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Checksum(u32);

impl Checksum {
    /// The checksum of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Checksum(crc32fast::hash(bytes))
    }

    /// Reads 8 lower-case hexadecimal digits: each checksum has one form only.
    fn from_digits(digits: &[u8]) -> Option<Self> {
        let is_digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
        let text = std::str::from_utf8(digits).ok().filter(|_| digits.iter().all(is_digit))?;
        u32::from_str_radix(text, 16).ok().map(Checksum)
    }
}

impl From<crc32fast::Hasher> for Checksum {
    /// The checksum of all bytes that were fed to it.
    fn from(hasher: crc32fast::Hasher) -> Self {
        Checksum(hasher.finalize())
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// The checksum of a plan, from the bytes of its file: the first line of the run names it.
pub fn plan_checksum(plan: &[u8]) -> Checksum {
    Checksum::of(plan)
}

/// The line of `value` with its checksum and its end, and the checksum. `after` is that of the line before it, where
/// the lines of the file are linked.
///
/// # Errors
///
/// When `value` has no JSON form, or one that is no object with members.
pub fn line(value: &impl Serialize, after: Option<Checksum>) -> serde_json::Result<(Vec<u8>, Checksum)> {
    let mut bytes = text::json(value)?;
    if !bytes.ends_with(b"}") || bytes == b"{}" {
        return Err(ser::Error::custom("a record is an object with members"));
    }
    bytes.pop();
    if let Some(after) = after {
        append(&mut bytes, AFTER, after);
    }
    Ok(seal(bytes))
}

/// The bytes of a line, without its last brace, made whole with their checksum.
fn seal(mut bytes: Vec<u8>) -> (Vec<u8>, Checksum) {
    let checksum = Checksum::of(&bytes);
    append(&mut bytes, CRC32, checksum);
    bytes.extend_from_slice(b"}\n");
    (bytes, checksum)
}

fn append(bytes: &mut Vec<u8>, name: &[u8], checksum: Checksum) {
    bytes.extend_from_slice(name);
    bytes.extend_from_slice(checksum.to_string().as_bytes());
    bytes.extend_from_slice(QUOTE);
}

/// What the bytes of a line say about their checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    /// It has none: an older version wrote it, or a person.
    Absent,
    /// It has one.
    Present {
        /// The checksum that it names.
        named: Checksum,
        /// The checksum of its bytes.
        computed: Checksum,
        /// The checksum of the line before it, where it names one.
        after: Option<Checksum>,
    },
}

impl Seal {
    /// Reads the seal of a line. White space at the end of the line is none of it.
    pub fn of(line: &[u8]) -> Self {
        let line = line.trim_ascii_end();
        let Some((content, named)) = line.strip_suffix(b"}").and_then(|line| member(line, CRC32)) else {
            return Seal::Absent;
        };
        let after = member(content, AFTER).map(|(_, after)| after);
        Seal::Present { named, computed: Checksum::of(content), after }
    }

    /// Whether there is a checksum.
    pub fn is_present(self) -> bool {
        matches!(self, Seal::Present { .. })
    }
}

/// The bytes before the member of this name at the end of `bytes`, and its checksum.
fn member<'a>(bytes: &'a [u8], name: &[u8]) -> Option<(&'a [u8], Checksum)> {
    let (rest, digits) = bytes.strip_suffix(QUOTE)?.split_last_chunk::<DIGITS>()?;
    Some((rest.strip_suffix(name)?, Checksum::from_digits(digits)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_checksum_is_that_of_zip() {
        assert_eq!(Checksum::of(b"123456789").to_string(), "cbf43926");
    }

    #[test]
    fn a_line_ends_in_its_checksum() {
        let (bytes, checksum) = line(&json!({"a": 1}), None).expect("an object");
        assert_eq!(checksum, Checksum::of(b"{\"a\":1"));
        assert_eq!(
            String::from_utf8(bytes).expect("text"),
            format!("{{\"a\":1,\"crc32\":\"{checksum}\"}}\n")
        );
        line(&json!({}), None).expect_err("no members");
        line(&json!([1]), None).expect_err("no object");
    }

    #[test]
    fn a_line_without_a_checksum_has_none() {
        for text in ["", "{}", "{\"a\":1}", "\"}", ",\"crc32\":\"0000000G\"}", "{\"crc32\":\"00000000\"}"] {
            assert_eq!(Seal::of(text.as_bytes()), Seal::Absent, "{text}");
        }
        // One form only: a changed letter case is a changed line.
        assert_eq!(Seal::of(b"{\"a\":1,\"crc32\":\"ABCDEF00\"}"), Seal::Absent);
    }

    proptest! {
        #[test]
        fn a_sealed_line_is_right_and_stays_json(text in ".{0,20}", number: u64, after in any::<Option<u32>>()) {
            let value = json!({"text": text, "number": number});
            let after = after.map(Checksum);
            let (bytes, checksum) = line(&value, after).expect("an object");
            let found = Seal::of(&bytes);
            prop_assert_eq!(found, Seal::Present { named: checksum, computed: checksum, after });
            let read: Value = serde_json::from_slice(&bytes).expect("JSON");
            prop_assert_eq!(&read["text"], &value["text"]);
        }

        /// CRC-32 finds every single change of one byte, wherever it is in the line.
        #[test]
        fn no_changed_byte_of_a_sealed_line_stays_unseen(number: u64, place: prop::sample::Index, byte: u8) {
            let (bytes, checksum) = line(&json!({"number": number}), None).expect("an object");
            let mut changed = bytes.clone();
            let place = place.index(bytes.len() - 1);
            prop_assume!(changed[place] != byte && !byte.is_ascii_whitespace());
            changed[place] = byte;
            let right = Seal::Present { named: checksum, computed: checksum, after: None };
            prop_assert_ne!(Seal::of(&changed), right);
            if let Seal::Present { named, computed, .. } = Seal::of(&changed) {
                prop_assert_ne!(named, computed);
            }
        }
    }
}
