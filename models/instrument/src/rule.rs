//! The rules by which a crate is instrumented. The crate's documentation has an example of each.

use std::fmt;
use std::path::PathBuf;

/// A rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Paths that begin with `std`, `core` or `alloc` lead to the shim.
    Std,
    /// A dependency with primitives of its own is replaced by its wrapper.
    Wrapper,
    /// A dependency on the primitives of `std` and `core` is instrumented too.
    Dependency,
    /// Conditions on `loom`, `shuttle` and `miri` are decided.
    Cfg,
    /// A loop that spins a fixed number of times spins twice.
    Spin,
    /// Code that only the standard library may contain is removed.
    Library,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rule::Std => "std",
            Rule::Wrapper => "wrapper",
            Rule::Dependency => "dependency",
            Rule::Cfg => "cfg",
            Rule::Spin => "spin",
            Rule::Library => "library",
        })
    }
}

/// An application of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The rule.
    pub rule: Rule,
    /// The file, relative to the crate.
    pub file: PathBuf,
    /// The line, from 1; 0 for the end of the file or the file as a whole.
    pub line: usize,
    /// The change, in words.
    pub what: String,
}

impl fmt::Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}:{}: {}", self.rule, self.file.display(), self.line, self.what)
    }
}
