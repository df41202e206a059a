//! Mutations of inputs, decided by a seed: of bytes, of what stands between quotes, of numbers, and of the members of JSON.

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

    fn mutate(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        match self.below(9) {
            0 | 1 => self.member(input),
            2 => {
                let text = self.text();
                self.replace(input, |byte| *byte != b'"', text.as_bytes());
            }
            3 | 4 => {
                let number = self.one(&NUMBERS);
                self.replace(input, u8::is_ascii_digit, number.as_bytes());
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
                if self.below(2) == 0 {
                    drop(input.drain(start..end))
                } else {
                    drop(input.splice(at..at, copy))
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

    /// Replaces the bytes around a random place for which `is_part` holds.
    fn replace(&mut self, input: &mut Vec<u8>, is_part: impl Fn(&u8) -> bool, with: &[u8]) {
        let from = self.below(input.len());
        let Some(first) = input.iter().skip(from).position(&is_part).map(|place| from + place) else {
            return;
        };
        let start = input[..first].iter().rposition(|byte| !is_part(byte)).map_or(0, |before| before + 1);
        let end = input[first..]
            .iter()
            .position(|byte| !is_part(byte))
            .map_or(input.len(), |length| first + length);
        input.splice(start..end, with.iter().copied());
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
                let number = self.one(&NUMBERS);
                *value = match self.below(4) {
                    0 => Value::Null,
                    1 => self.text().into(),
                    2 => serde_json::from_str(number).unwrap_or(Value::Null),
                    _ => Value::Bool(true),
                }
            }
        }
    }
}
