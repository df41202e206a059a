//! Reading what runs, benchmarks and models left behind. A file that cannot be read is a [`Problem`] to be shown, seldom the
//! end: the rest is still worth reading.

pub mod criterion;
pub mod records;
pub mod runs;
pub mod sources;
pub mod verified;

use std::fmt;
use std::path::PathBuf;

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file or folder.
    pub file: PathBuf,
    /// The line in it, counted from 1, where it has lines.
    pub line: Option<usize>,
    /// What is wrong with it.
    pub what: String,
}

impl Problem {
    /// The file, and the line in it.
    pub fn place(&self) -> String {
        let file = self.file.display();
        match self.line {
            Some(line) => format!("{file}:{line}"),
            None => file.to_string(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), self.what)
    }
}
