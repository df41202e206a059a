//! Mutations of inputs, decided by a seed: of bytes, of what stands between quotes, of numbers, and of the members of JSON.
//! The fuzzer mixes them with its own, which know nothing of structure.

use std::ops::Range;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

/// Numbers at the edges of what they stand for.
const NUMBERS: [&str; 14] = [
    "0",
    "1",
    "2",
    "-1",
    "1.5",
    "255",
    "65536",
    "4294967295",
    "9007199254740993",
    "18446744073709551615",
    "18446744073709551616",
    "1e308",
    "5e-324",
    "1e999",
];

/// Texts that mean something elsewhere.
const TEXTS: [&str; 9] = [
    "",
    "\\u202e\\u001b[2K",
    "<script>alert(1)</script>",
    "\\\" onload=\\\"x",
    "a\\nb",
    "|`*[a](b)",
    "../..",
    "=",
    "\\ud800",
];

/// Pieces of JSON, Rust and TOML.
const PIECES: [&str; 14] = [
    "null",
    "{}",
    "[]",
    "\"",
    "}",
    "]",
    ",",
    "\n",
    "\n----\n",
    "#[cfg(loom)]",
    "impl",
    "(",
    "<",
    "\"workspace\":true",
];

/// The length of a text that no record has, but may have.
const LONG: usize = 70_000;

/// One series of mutations.
pub(crate) struct Mutations(Xoshiro256PlusPlus);

impl Mutations {
    pub(crate) fn new(seed: u64, case: u64) -> Self {
        Mutations(Xoshiro256PlusPlus::seed_from_u64(seed ^ case.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }

    fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end.max(1))
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    /// One of the inputs, with some mutations.
    pub(crate) fn of(mut self, inputs: &[Vec<u8>]) -> Vec<u8> {
        let mut input = inputs[self.below(inputs.len())].clone();
        for _ in 0..=self.below(3) {
            let other = &inputs[self.below(inputs.len())];
            self.mutate(&mut input, other);
        }
        input
    }

    /// Changes `input` once. It may take a piece of `other`.
    pub(crate) fn mutate(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        match self.below(9) {
            0 | 1 => self.member(input),
            2 => {
                let (part, text) = (self.part(input, |byte| *byte != b'"'), self.text());
                input.splice(part, text.bytes());
            }
            3 | 4 => {
                let part = self.part(input, u8::is_ascii_digit);
                let old = str::from_utf8(&input[part.clone()]).ok().and_then(|text| text.parse().ok());
                let number = self.number(old.unwrap_or(0));
                input.splice(part, number.bytes());
            }
            5 => {
                let (place, piece) = (self.below(input.len()), self.one(&PIECES).as_bytes());
                let times = if self.below(8) == 0 { 2_000 } else { 1 };
                input.splice(place..place, piece.repeat(times));
            }
            6 => {
                let [start, end] = self.range(input.len());
                let copy = input[start..end].to_vec();
                let at = self.below(input.len());
                match self.below(2) {
                    0 => drop(input.drain(start..end)),
                    _ => drop(input.splice(at..at, copy)),
                }
            }
            7 => {
                let [start, end] = self.range(other.len());
                let at = self.below(input.len());
                input.splice(at..at, other[start..end].iter().copied());
            }
            _ => {
                let (place, byte) = (self.below(input.len()), self.below(256) as u8);
                if let Some(old) = input.get_mut(place) {
                    *old = byte;
                }
            }
        }
    }

    fn range(&mut self, length: usize) -> [usize; 2] {
        let start = self.below(length);
        [start, (start + self.below(100)).min(length)]
    }

    fn text(&mut self) -> String {
        match self.below(12) {
            0 => "x".repeat(LONG),
            _ => self.one(&TEXTS).to_owned(),
        }
    }

    /// Another number: an edge, or one that is near `old`, which finds bounds.
    fn number(&mut self, old: u64) -> String {
        match self.below(8) {
            0 => old.wrapping_add(1).to_string(),
            1 => old.saturating_sub(1).to_string(),
            2 => old.saturating_mul(2).to_string(),
            3 => old.saturating_mul(10).to_string(),
            4 => (old / 2).to_string(),
            _ => self.one(&NUMBERS).to_owned(),
        }
    }

    /// The bytes at or after a random place for which `is_part` holds, with those around them.
    fn part(&mut self, input: &[u8], is_part: impl Fn(&u8) -> bool) -> Range<usize> {
        let from = self.below(input.len());
        let first = input.iter().skip(from).position(&is_part).map_or(input.len(), |place| from + place);
        let start = input[..first].iter().rposition(|byte| !is_part(byte)).map_or(0, |before| before + 1);
        let end = input[first..].iter().position(|byte| !is_part(byte));
        start..end.map_or(input.len(), |length| first + length)
    }

    /// Changes a member of the JSON on one line, which stays JSON and keeps neither checksum nor order.
    fn member(&mut self, input: &mut Vec<u8>) {
        let mut lines: Vec<Vec<u8>> = input.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let place = self.below(lines.len());
        let Ok(mut value) = serde_json::from_slice::<Value>(&lines[place]) else { return };
        self.value(&mut value);
        if let Value::Object(members) = &mut value {
            members.remove("crc32");
        }
        lines[place] = value.to_string().into_bytes();
        *input = lines.join(&b'\n');
    }

    /// Changes a value, or one within it.
    fn value(&mut self, value: &mut Value) {
        let is_here = self.below(3) == 0;
        match value {
            Value::Object(members) if !is_here && !members.is_empty() => {
                let index = self.below(members.len());
                let name = members.keys().nth(index).cloned().unwrap_or_default();
                match self.below(6) {
                    0 => drop(members.remove(&name)),
                    _ => members.get_mut(&name).into_iter().for_each(|member| self.value(member)),
                }
            }
            Value::Array(items) if !is_here && !items.is_empty() => {
                let index = self.below(items.len());
                match self.below(4) {
                    0 => drop(items.remove(index)),
                    1 => items.push(items[index].clone()),
                    _ => self.value(&mut items[index]),
                }
            }
            _ => {
                let number = self.number(value.as_u64().unwrap_or(0));
                *value = match self.below(4) {
                    0 => Value::Null,
                    1 => self.text().into(),
                    2 => serde_json::from_str(&number).unwrap_or(Value::Null),
                    _ => Value::Bool(true),
                }
            }
        }
    }
}
