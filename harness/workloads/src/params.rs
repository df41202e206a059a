//! The params of a workload: declared as data, parsed in one place, with one kind of error.

use std::fmt;

use contract::channel::Capacity;

/// The maximum number of threads of one role: enough to oversubscribe a large machine, few enough to start at
/// once.
pub const MAX_THREADS: u64 = 64;

/// The maximum number of slots of a bounded channel. Some channels allocate them all when opened.
pub const MAX_SLOTS: usize = 1 << 20;

/// The kind of value that a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number of threads, from 1 to [`MAX_THREADS`]: an axis of the page's charts.
    Threads,
    /// A capacity: an axis of the page's charts.
    Capacity,
    /// A whole number between two bounds, both included.
    Number {
        /// The smallest value.
        min: u64,
        /// The largest value.
        max: u64,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Threads => write!(f, "a number of threads from 1 to {MAX_THREADS}"),
            Kind::Capacity => {
                write!(f, "0 (rendezvous), a number of messages up to {MAX_SLOTS}, or unbounded")
            }
            Kind::Number { min, max } => write!(f, "a whole number from {min} to {max}"),
            Kind::Choice(words) => write!(f, "one of {}", words.join(", ")),
        }
    }
}

/// A parameter of a workload.
#[derive(Debug)]
pub struct ParamSpec {
    /// Its name, as in `name=value`.
    pub name: &'static str,
    /// Its meaning, with the unit.
    pub about: &'static str,
    /// The kind of value that it takes.
    pub kind: Kind,
    /// Its default value, as text.
    pub default: &'static str,
}

/// A parameter's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Value {
    Number(u64),
    Capacity(Capacity),
    Choice(&'static str),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Number(number) => write!(f, "{number}"),
            Value::Capacity(capacity) => write!(f, "{capacity}"),
            Value::Choice(word) => f.write_str(word),
        }
    }
}

impl ParamSpec {
    fn parse(&self, text: &str) -> Result<Value, ParamError> {
        let number =
            |min, max| text.parse().ok().filter(|number| (min..=max).contains(number)).map(Value::Number);
        let value = match self.kind {
            Kind::Threads => number(1, MAX_THREADS),
            Kind::Number { min, max } => number(min, max),
            Kind::Choice(words) => words.iter().find(|word| **word == text).map(|word| Value::Choice(word)),
            Kind::Capacity => match text {
                "unbounded" => Some(Value::Capacity(Capacity::Unbounded)),
                "rendezvous" => Some(Value::Capacity(Capacity::Rendezvous)),
                _ => text
                    .parse()
                    .ok()
                    .filter(|slots| *slots <= MAX_SLOTS)
                    .map(|slots| Value::Capacity(Capacity::from_slots(slots))),
            },
        };
        value.ok_or_else(|| ParamError::BadValue {
            name: self.name,
            value: text.to_owned(),
            expected: self.kind,
        })
    }
}

/// Why parameters could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// The parameter does not take this value.
    #[error("{name}={value}: expected {expected}")]
    BadValue {
        /// The parameter.
        name: &'static str,
        /// The given value.
        value: String,
        /// The kind of value that it takes.
        expected: Kind,
    },
    /// The workload has no such parameter.
    #[error("unknown parameter {name}: expected {}", known.join(", "))]
    Unknown {
        /// The given name.
        name: String,
        /// The names of all parameters.
        known: Vec<&'static str>,
    },
    /// Not of the form `name=value`.
    #[error("{0}: expected name=value")]
    NotAPair(String),
    /// The same parameter was given twice.
    #[error("{0} is given twice")]
    Twice(&'static str),
}

/// The values of all parameters of a workload.
#[derive(Clone, Debug)]
pub struct Params {
    specs: &'static [ParamSpec],
    /// A value for each spec, in the same order.
    values: Vec<Value>,
}

impl Params {
    /// Parses `name=value` pairs separated by commas. A parameter that is not named keeps its default.
    ///
    /// # Errors
    ///
    /// [`ParamError`], naming the pair.
    pub fn parse(specs: &'static [ParamSpec], text: &str) -> Result<Self, ParamError> {
        let mut given: Vec<Option<Value>> = vec![None; specs.len()];
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(|| ParamError::NotAPair(pair.to_owned()))?;
            let index =
                specs.iter().position(|spec| spec.name == name).ok_or_else(|| ParamError::Unknown {
                    name: name.to_owned(),
                    known: specs.iter().map(|spec| spec.name).collect(),
                })?;
            if given[index].replace(specs[index].parse(value)?).is_some() {
                return Err(ParamError::Twice(specs[index].name));
            }
        }
        let values = given
            .into_iter()
            .zip(specs)
            .map(|(value, spec)| value.map_or_else(|| spec.parse(spec.default), Ok))
            .collect::<Result<_, _>>()?;
        Ok(Params { specs, values })
    }

    fn value(&self, name: &str) -> Value {
        let index = self.specs.iter().position(|spec| spec.name == name);
        self.values[index.unwrap_or_else(|| panic!("the workload declares no parameter {name}"))]
    }

    /// A number, or a number of threads.
    ///
    /// # Panics
    ///
    /// When the workload declares no such parameter of that kind, which is a mistake in the workload's file.
    pub fn number(&self, name: &str) -> u64 {
        match self.value(name) {
            Value::Number(number) => number,
            other => panic!("{name}={other} is not a number"),
        }
    }

    /// A number of threads, as an index.
    ///
    /// # Panics
    ///
    /// As [`Params::number`].
    pub fn threads(&self, name: &str) -> usize {
        self.number(name) as usize
    }

    /// The capacity, if the workload has this parameter, which is always called `capacity`.
    pub fn capacity(&self) -> Option<Capacity> {
        self.values.iter().find_map(|value| match value {
            Value::Capacity(capacity) => Some(*capacity),
            _ => None,
        })
    }

    /// A word.
    ///
    /// # Panics
    ///
    /// As [`Params::number`].
    pub fn choice(&self, name: &str) -> &'static str {
        match self.value(name) {
            Value::Choice(word) => word,
            other => panic!("{name}={other} is not a word"),
        }
    }

    /// The short form, for benchmark names: the capacity, and every value that is not the default.
    pub fn id(&self) -> String {
        let shown: Vec<String> = self
            .specs
            .iter()
            .zip(&self.values)
            .filter(|(spec, value)| spec.kind == Kind::Capacity || value.to_string() != spec.default)
            .map(|(spec, value)| format!("{}={value}", spec.name))
            .collect();
        if shown.is_empty() { "default".to_owned() } else { shown.join(",") }
    }
}

/// The full form: every parameter, in the order of declaration. [`Params::parse`] accepts it.
impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (spec, value)) in self.specs.iter().zip(&self.values).enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{}={value}", spec.name)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECS: &[ParamSpec] = &[
        ParamSpec { name: "producers", about: "", kind: Kind::Threads, default: "1" },
        ParamSpec { name: "capacity", about: "", kind: Kind::Capacity, default: "64" },
        ParamSpec { name: "work", about: "", kind: Kind::Number { min: 0, max: 100 }, default: "0" },
        ParamSpec {
            name: "variant",
            about: "",
            kind: Kind::Choice(&["select", "shared"]),
            default: "select",
        },
    ];

    #[test]
    fn both_printed_forms_parse_back() {
        for text in ["", "capacity=0", "capacity=unbounded,work=7", "variant=shared,producers=64"] {
            let params = Params::parse(SPECS, text).expect(text);
            let again = Params::parse(SPECS, &params.to_string()).expect("the full form");
            assert_eq!(params.to_string(), again.to_string());
            assert_eq!(
                Params::parse(SPECS, &params.id()).expect("the short form").to_string(),
                params.to_string()
            );
        }
    }

    #[test]
    fn the_short_form_omits_defaults() {
        let id = |text| Params::parse(SPECS, text).expect(text).id();
        assert_eq!(id(""), "capacity=64");
        assert_eq!(id("producers=2,capacity=rendezvous"), "producers=2,capacity=0");
    }

    #[test]
    fn errors_name_the_pair_and_the_expected_kind() {
        let error = |text| Params::parse(SPECS, text).expect_err(text).to_string();
        assert_eq!(
            error("capacity=-1"),
            "capacity=-1: expected 0 (rendezvous), a number of messages up to 1048576, or unbounded"
        );
        assert_eq!(error("producers=0"), "producers=0: expected a number of threads from 1 to 64");
        assert_eq!(error("work=101"), "work=101: expected a whole number from 0 to 100");
        assert_eq!(error("variant=bias"), "variant=bias: expected one of select, shared");
        assert_eq!(
            error("threads=2"),
            "unknown parameter threads: expected producers, capacity, work, variant"
        );
        assert_eq!(error("producers"), "producers: expected name=value");
        assert_eq!(error("work=1,work=2"), "work is given twice");
    }
}
