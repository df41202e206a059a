//! Reads the lines of a file of records from its bytes: each with its number, its checksum, and its value or what is
//! wrong with it. Nothing here touches the file system, and no line takes more memory than its length allows.

use serde::de::DeserializeOwned;

use crate::checksum::{Checksum, Seal};

/// The longest line that is read, in bytes. The longest that is written is a verdict with the reports of all models,
/// some of them with a backtrace.
pub const MAX_LINE_LEN: usize = 16 << 20;

/// Which lines of a file must have a checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksums {
    /// Every line.
    Every,
    /// Every line, or none in a file of an older version: one build writes the whole file.
    AllOrNone,
    /// Every line after the first one with a checksum: builds of several ages append to the file.
    OlderFirst,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Its bytes have another checksum than the one that it names.
    #[error("the line was changed: it names the checksum {named}, and its bytes have {computed}")]
    Checksum {
        /// The checksum that it names.
        named: Checksum,
        /// The checksum of its bytes.
        computed: Checksum,
    },
    /// It has no checksum, and others have one.
    #[error("the line was added by hand: it has no checksum, as others have")]
    WithoutChecksum,
    /// It is longer than [`MAX_LINE_LEN`].
    #[error("the line has {0} bytes, and the longest that is read has {MAX_LINE_LEN}")]
    TooLong(usize),
    /// The file ends within it: the process that wrote it was killed.
    #[error("the file ends within the line")]
    Unfinished,
    /// It is no JSON, or not of its type; the reason.
    #[error("not a record ({0})")]
    Unreadable(String),
}

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line<T> {
    /// Its number in the file, from 1.
    pub number: usize,
    /// Its checksum.
    pub seal: Seal,
    /// Its value.
    pub value: Result<T, Damage>,
}

/// The lines of a file, without the blank ones.
pub fn read<T: DeserializeOwned>(bytes: &[u8], checksums: Checksums) -> impl Iterator<Item = Line<T>> {
    let mut is_demanded = match checksums {
        Checksums::Every => true,
        Checksums::AllOrNone => split(bytes).any(|(_, line)| Seal::of(line).is_present()),
        Checksums::OlderFirst => false,
    };
    split(bytes).map(move |(number, line)| {
        let seal = Seal::of(line);
        is_demanded |= checksums == Checksums::OlderFirst && seal.is_present();
        Line { number, seal, value: value(line, seal, is_demanded) }
    })
}

/// The lines with their numbers and ends, without the blank ones.
fn split(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').enumerate();
    lines.filter(|(_, line)| !line.trim_ascii().is_empty()).map(|(index, line)| (index + 1, line))
}

fn value<T: DeserializeOwned>(line: &[u8], seal: Seal, is_demanded: bool) -> Result<T, Damage> {
    if line.len() > MAX_LINE_LEN {
        return Err(Damage::TooLong(line.len()));
    }
    let is_whole = line.ends_with(b"\n");
    match seal {
        // A half line says nothing about its checksum, and neither does garbage.
        Seal::Present { named, computed, .. } if named != computed => {
            return Err(Damage::Checksum { named, computed });
        }
        Seal::Present { .. } | Seal::Absent => {}
    }
    match serde_json::from_slice(line) {
        Ok(_) if is_demanded && !seal.is_present() => Err(Damage::WithoutChecksum),
        Ok(value) => Ok(value),
        Err(_) if !is_whole => Err(Damage::Unfinished),
        Err(error) => Err(Damage::Unreadable(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::checksum::line;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Number {
        number: u32,
    }

    fn sealed(number: u32) -> Vec<u8> {
        line(&Number { number }, None).expect("an object").0
    }

    const OLD: &[u8] = b"{\"number\":0}\n";

    fn values(bytes: &[u8], checksums: Checksums) -> Vec<(usize, Result<u32, Damage>)> {
        let lines = read::<Number>(bytes, checksums);
        lines.map(|line| (line.number, line.value.map(|value| value.number))).collect()
    }

    #[test]
    fn a_changed_digit_is_a_wrong_checksum_with_the_number_of_the_line() {
        let bytes = [sealed(1), b"\n".to_vec(), sealed(2), sealed(3)].concat();
        let text = String::from_utf8(bytes).expect("text").replace("\"number\":2", "\"number\":7");
        let found = values(text.as_bytes(), Checksums::AllOrNone);
        assert_eq!((&found[0], &found[2]), (&(1, Ok(1)), &(4, Ok(3))));
        assert!(matches!(found[1], (3, Err(Damage::Checksum { .. }))), "{found:?}");
    }

    #[test]
    fn a_line_without_a_checksum_among_others_was_added() {
        let without = |checksums, bytes: &[u8]| {
            let found = values(bytes, checksums).into_iter();
            found.filter(|(_, value)| *value == Err(Damage::WithoutChecksum)).map(|(line, _)| line).collect()
        };
        let (before, behind) = ([OLD, &sealed(1)].concat(), [&sealed(1), OLD].concat());
        let none: [usize; 0] = [];
        let expected: [(_, &[u8], &[usize]); 7] = [
            (Checksums::AllOrNone, &before, &[1]),
            (Checksums::AllOrNone, &behind, &[2]),
            (Checksums::AllOrNone, OLD, &none),
            (Checksums::OlderFirst, &before, &none),
            (Checksums::OlderFirst, &behind, &[2]),
            (Checksums::Every, OLD, &[1]),
            (Checksums::Every, &before, &[1]),
        ];
        for (checksums, bytes, lines) in expected {
            let found: Vec<usize> = without(checksums, bytes);
            assert_eq!(found, lines, "{checksums:?}: {}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn damage_has_its_kind() {
        let deep = [b"{\"number\":".to_vec(), vec![b'['; 100_000], b"\n".to_vec()].concat();
        let [(_, Err(Damage::Unreadable(why)))] = &values(&deep, Checksums::AllOrNone)[..] else { panic!() };
        assert!(why.starts_with("recursion limit exceeded") || why.starts_with("invalid type"), "{why}");
        let long = vec![b' '; MAX_LINE_LEN];
        let long = [b"{\"number\":1".to_vec(), long, b"}\n".to_vec(), sealed(2)].concat();
        let found = values(&long, Checksums::OlderFirst);
        assert_eq!(found[0], (1, Err(Damage::TooLong(MAX_LINE_LEN + 13))));
        assert_eq!(found[1], (2, Ok(2)));
        let half = [&sealed(1)[..], b"{\"num"].concat();
        assert_eq!(values(&half, Checksums::Every)[1], (2, Err(Damage::Unfinished)));
    }
}
