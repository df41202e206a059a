//! Reads runs, criterion's files, and the records of models and verifications. An unreadable line or file is
//! a [`Problem`] that the page shows; the rest is still read.

pub(crate) mod criterion;
pub mod records;
pub mod runs;
pub mod sources;
pub(crate) mod verified;

use std::fmt;
use std::path::PathBuf;

/// A file or a line that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file or folder.
    pub file: PathBuf,
    /// The line, counted from 1, in a file of lines.
    pub line: Option<usize>,
    /// The reason.
    pub what: String,
}

impl Problem {
    /// The file and the line.
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
