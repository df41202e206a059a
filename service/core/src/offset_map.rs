//! The offset map: which offsets beyond a commit's position are done, as text for the commit's metadata.
//!
//! A commit says that everything below its position is done. With messages processed out of order more than that is
//! done, and a restart from the position alone would repeat it. The map carries that knowledge; the idea is that of
//! Confluent's Parallel Consumer ("Encoding offsets" in its README).
//!
//! The text is base64 of a byte that names the encoding and of that encoding's bytes; the encoder tries both and takes
//! the shorter one. An empty map is the empty text. Offsets are relative to the position, which itself is not done.
//!
//! | first byte | the other bytes |
//! | --- | --- |
//! | 1 | bit `i` of the bytes, the lowest bit of a byte first, is the offset `position + 1 + i`: 1 when it is done |
//! | 2 | pairs of numbers in LEB128: how many offsets are not done, then how many are done; each at least 1 |

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The longest text, in bytes: the default limit of a Kafka broker for a commit's metadata
/// (`offset.metadata.max.bytes`).
pub const MAX_TEXT: usize = 4_096;

/// The longest encoding, in bytes: base64 makes four characters of three bytes.
pub(crate) const MAX_BYTES: usize = MAX_TEXT / 4 * 3;

/// No new work starts while the encoding is longer than this, in bytes: 75 % of the longest.
pub(crate) const PRESSURE_BYTES: usize = MAX_BYTES / 4 * 3;

const BITSET: u8 = 1;
const RUN_LENGTH: u8 = 2;

/// The bytes by which a run-length encoding grows at most when one more offset within [`WINDOW`] is done: it splits a
/// run, and each of the two numbers takes at most three bytes.
///
/// [`WINDOW`]: crate::tracker::WINDOW
pub(crate) const GROWTH: usize = 6;

/// Offsets that are done beyond a position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OffsetMap {
    /// Relative to the position: rising, not empty, neither touching each other nor 0.
    runs: Vec<Range<u64>>,
}

/// Why a text is no offset map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// Longer than [`MAX_TEXT`].
    #[error("the offset map has {0} bytes: at most {MAX_TEXT} are expected")]
    TooLong(usize),
    /// Not base64.
    #[error("the offset map is not base64")]
    NotBase64,
    /// The first byte names no known encoding: another version or another program wrote it.
    #[error("the offset map has the unknown encoding {0}: expected {BITSET} or {RUN_LENGTH}")]
    UnknownEncoding(u8),
    /// Damaged within.
    #[error("the offset map is damaged")]
    Damaged,
}

impl OffsetMap {
    /// The map of these runs of done offsets, relative to the position.
    ///
    /// # Errors
    ///
    /// [`MapError::Damaged`] when they do not rise, touch each other, or hold 0.
    pub fn from_runs(runs: Vec<Range<u64>>) -> Result<Self, MapError> {
        let mut end = 0;
        for run in &runs {
            if run.start <= end || run.end <= run.start {
                return Err(MapError::Damaged);
            }
            end = run.end;
        }
        Ok(OffsetMap { runs })
    }

    /// As [`OffsetMap::from_runs`], for runs that are known to be right.
    pub(crate) fn of(runs: Vec<Range<u64>>) -> Self {
        OffsetMap { runs }
    }

    /// The runs of done offsets, relative to the position.
    pub fn runs(&self) -> &[Range<u64>] {
        &self.runs
    }

    /// Whether nothing beyond the position is done.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The offsets from the position to the last one that is done.
    pub fn span(&self) -> u64 {
        self.runs.last().map_or(0, |run| run.end)
    }

    /// The offsets that are done, relative to the position.
    pub fn offsets(&self) -> impl Iterator<Item = u64> + '_ {
        self.runs.iter().flat_map(Range::clone)
    }

    /// The length of the shorter encoding, in bytes.
    pub(crate) fn encoded_len(&self) -> usize {
        match self.is_empty() {
            true => 0,
            false => bitset_len(self.span()).min(1 + self.run_length_len()),
        }
    }

    fn run_length_len(&self) -> usize {
        self.pairs().map(|(pending, done)| number_len(pending) + number_len(done)).sum()
    }

    /// For each run, how many offsets before it are not done, and how many are done.
    fn pairs(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let mut end = 0;
        self.runs.iter().map(move |run| {
            let pending = run.start - end;
            end = run.end;
            (pending, run.end - run.start)
        })
    }

    /// The map as text.
    ///
    /// # Errors
    ///
    /// [`MapError::TooLong`] when neither encoding fits into [`MAX_TEXT`].
    pub fn encode(&self) -> Result<String, MapError> {
        let len = self.encoded_len();
        if len > MAX_BYTES {
            return Err(MapError::TooLong(len.div_ceil(3) * 4));
        }
        let mut bytes = Vec::with_capacity(len);
        if self.is_empty() {
            return Ok(String::new());
        }
        if 1 + self.run_length_len() < bitset_len(self.span()) {
            bytes.push(RUN_LENGTH);
            for (pending, done) in self.pairs() {
                push_number(&mut bytes, pending);
                push_number(&mut bytes, done);
            }
        } else {
            bytes.resize(bitset_len(self.span()), 0);
            for offset in self.offsets() {
                let bit = offset - 1;
                // In range: the last offset decided the length.
                if let Some(byte) = bytes.get_mut(1 + (bit / 8) as usize) {
                    *byte |= 1 << (bit % 8);
                }
            }
            if let Some(first) = bytes.first_mut() {
                *first = BITSET;
            }
        }
        Ok(STANDARD.encode(bytes))
    }

    /// Reads a map that [`OffsetMap::encode`] wrote.
    ///
    /// # Errors
    ///
    /// [`MapError`] for every other text.
    pub fn decode(text: &str) -> Result<Self, MapError> {
        if text.len() > MAX_TEXT {
            return Err(MapError::TooLong(text.len()));
        }
        if text.is_empty() {
            return Ok(OffsetMap::default());
        }
        let bytes = STANDARD.decode(text).map_err(|_| MapError::NotBase64)?;
        let map = match bytes.split_first() {
            Some((&BITSET, bits)) => OffsetMap { runs: runs_of_bits(bits) },
            Some((&RUN_LENGTH, numbers)) => OffsetMap { runs: runs_of_numbers(numbers)? },
            Some((&other, _)) => return Err(MapError::UnknownEncoding(other)),
            None => return Err(MapError::Damaged),
        };
        // An encoder writes no empty map, and no zeros at its end.
        if map.is_empty() { Err(MapError::Damaged) } else { Ok(map) }
    }
}

/// The length of a bitset up to `span`, which is not 0, in bytes.
pub(crate) fn bitset_len(span: u64) -> usize {
    1 + usize::try_from(span.saturating_sub(1).div_ceil(8)).unwrap_or(usize::MAX - 1)
}

/// The bytes of a number in LEB128: seven bits each.
fn number_len(number: u64) -> usize {
    (u64::BITS - number.leading_zeros()).div_ceil(7).max(1) as usize
}

fn push_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// The number at the front of `bytes`, which then begin after it; `None` when there is none of 64 bits.
fn pop_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..u64::BITS).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(byte & 0x7F);
        if (part << shift) >> shift != part {
            return None;
        }
        number |= part << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn runs_of_bits(bytes: &[u8]) -> Vec<Range<u64>> {
    let mut runs: Vec<Range<u64>> = Vec::new();
    for (index, byte) in (0_u64..).zip(bytes) {
        for bit in (0..8).filter(|bit| byte >> bit & 1 == 1) {
            let offset = 1 + index * 8 + bit;
            match runs.last_mut() {
                Some(run) if run.end == offset => run.end += 1,
                _ => runs.push(offset..offset + 1),
            }
        }
    }
    runs
}

fn runs_of_numbers(mut bytes: &[u8]) -> Result<Vec<Range<u64>>, MapError> {
    let mut runs = Vec::new();
    let mut end = 0_u64;
    while !bytes.is_empty() {
        let numbers = pop_number(&mut bytes).zip(pop_number(&mut bytes));
        let (pending, done) =
            numbers.filter(|&(pending, done)| pending > 0 && done > 0).ok_or(MapError::Damaged)?;
        let start = end.checked_add(pending).ok_or(MapError::Damaged)?;
        end = start.checked_add(done).ok_or(MapError::Damaged)?;
        runs.push(start..end);
    }
    Ok(runs)
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "a run of offsets is a range")]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn map(runs: &[Range<u64>]) -> OffsetMap {
        OffsetMap::from_runs(runs.to_vec()).expect("runs that rise")
    }

    /// Runs from alternating lengths.
    fn of_lengths(lengths: &[(u64, u64)]) -> OffsetMap {
        let mut end = 0;
        let runs = lengths.iter().map(|(pending, done)| {
            let start = end + pending;
            end = start + done;
            start..end
        });
        map(&runs.collect::<Vec<_>>())
    }

    #[test]
    fn the_shorter_encoding_is_taken() {
        let first = |map: &OffsetMap| {
            let text = map.encode().expect("it fits");
            STANDARD.decode(text).expect("base64")[0]
        };
        let every_other: Vec<_> = (1..100).map(|index| 2 * index..2 * index + 1).collect();
        assert_eq!(first(&map(&every_other)), BITSET);
        assert_eq!(first(&map(&[1..10_001])), RUN_LENGTH);
        // One stuck message and a long run take a few bytes.
        assert_eq!(map(&[1..10_001]).encode().expect("it fits").len(), 8);
    }

    #[test]
    fn the_text_is_as_documented() {
        let bytes = |map: &OffsetMap| STANDARD.decode(map.encode().expect("it fits")).expect("base64");
        assert_eq!(bytes(&map(&[1..2, 3..4])), [BITSET, 0b101]);
        assert_eq!(bytes(&map(&[300..1_000])), [RUN_LENGTH, 0xAC, 0x02, 0xBC, 0x05]);
        assert_eq!(OffsetMap::default().encode(), Ok(String::new()));
    }

    #[test]
    fn a_map_that_does_not_fit_is_refused_and_the_largest_that_fits_is_not() {
        let every_other =
            |count: u64| map(&(1..=count).map(|index| 2 * index..2 * index + 1).collect::<Vec<_>>());
        let largest = (MAX_BYTES as u64 - 1) * 4;
        let text = every_other(largest).encode().expect("it fits");
        assert_eq!(text.len(), MAX_TEXT);
        assert_eq!(OffsetMap::decode(&text), Ok(every_other(largest)));
        assert_eq!(every_other(largest + 1).encode(), Err(MapError::TooLong(MAX_TEXT + 4)));
    }

    #[test]
    fn foreign_and_damaged_texts_are_refused() {
        let decode = |bytes: &[u8]| OffsetMap::decode(&STANDARD.encode(bytes));
        assert_eq!(OffsetMap::decode("{\"consumer\":1}"), Err(MapError::NotBase64));
        assert_eq!(OffsetMap::decode(&"A".repeat(MAX_TEXT + 4)), Err(MapError::TooLong(MAX_TEXT + 4)));
        assert_eq!(decode(&[9, 1]), Err(MapError::UnknownEncoding(9)));
        for damaged in [&[BITSET][..], &[BITSET, 0], &[RUN_LENGTH], &[RUN_LENGTH, 1], &[RUN_LENGTH, 0, 1]] {
            assert_eq!(decode(damaged), Err(MapError::Damaged), "{damaged:?}");
        }
        // Numbers of more than 64 bits, and offsets beyond them.
        assert_eq!(decode(&[[RUN_LENGTH].as_slice(), &[0xFF; 10]].concat()), Err(MapError::Damaged));
        let largest = [[0xFF; 9].as_slice(), &[1]].concat();
        assert_eq!(decode(&[[RUN_LENGTH].as_slice(), &largest, &[1]].concat()), Err(MapError::Damaged));
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read_back(
            lengths in prop_oneof![
                vec((1..4_u64, 1..4_u64), 0..600),
                vec((1..3_000_u64, 1..3_000_u64), 0..300),
                vec((1..u64::MAX >> 8, 1..u64::MAX >> 8), 0..8),
            ],
        ) {
            let map = of_lengths(&lengths);
            let text = map.encode().expect("it fits");
            prop_assert!(text.len() <= MAX_TEXT);
            prop_assert_eq!(text.len(), map.encoded_len().div_ceil(3) * 4);
            prop_assert_eq!(OffsetMap::decode(&text), Ok(map));
        }

        #[test]
        fn any_bytes_are_read_or_refused(encoding in 0..4_u8, bytes in vec(any::<u8>(), 0..64)) {
            let text = STANDARD.encode([&[encoding], bytes.as_slice()].concat());
            if let Ok(map) = OffsetMap::decode(&text) {
                prop_assert_eq!(OffsetMap::from_runs(map.runs().to_vec()), Ok(map));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            drop(OffsetMap::decode(&text));
        }
    }
}
