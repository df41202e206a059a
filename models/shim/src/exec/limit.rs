//! Limits of the shim: a model that reaches one is cut, and has not failed.

use std::fmt;

/// A limit of the shim. An execution that reaches one panics with this as its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// One execution used more primitives than the shim has loom atomics for.
    Primitives {
        /// The number of primitives that one execution may use.
        max: usize,
    },
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::Primitives { max } => write!(f, "more than {max} primitives"),
        }
    }
}
