//! Problems: what is damaged or contradicts itself in the files that a page is made of.

use std::mem::{Discriminant, discriminant};
use std::path::{Path, PathBuf};

use records::lines::Damage;
use records::rounds::Stray;

use super::contradiction::Contradiction;
use super::criterion::BadEstimate;
use super::verdicts::BadRecord;

/// The problems of one kind in one file that are kept; the others are counted, so that a file of nothing but damage takes
/// no more room than a page has.
const KEPT: usize = 5;

/// A problem in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// The file or folder.
    pub file: PathBuf,
    /// The line, counted from 1, in a file of lines.
    pub line: Option<usize>,
    /// The cell, benchmark, verdict or model that it is about, where it is about one.
    pub subject: Option<String>,
    /// What is wrong.
    pub what: Trouble,
    /// The number of further problems of this kind in the file.
    pub others: u64,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    /// A file or folder cannot be read; the reason.
    File(String),
    /// A line is damaged.
    Line(Damage),
    /// A line is a record of another kind than its file has.
    OtherKind,
    /// A run contradicts its plan or itself.
    Run(Contradiction),
    /// Processes left the group of a runner and outlived it, in this epoch.
    Strays {
        /// The epoch.
        epoch: u32,
        /// The processes.
        processes: Vec<Stray>,
    },
    /// Criterion's files of a benchmark make no sense.
    Benchmark(BadEstimate),
    /// A record of a verdict, a model, a benchmark or the overhead contradicts itself.
    Record(BadRecord),
}

/// Problems of the same kind are counted together.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Kind(
    Discriminant<Trouble>,
    Option<Discriminant<Damage>>,
    Option<Discriminant<Contradiction>>,
    Option<Discriminant<BadRecord>>,
);

impl Trouble {
    fn kind(&self) -> Kind {
        let outer = discriminant(self);
        match self {
            Trouble::File(_) | Trouble::OtherKind | Trouble::Strays { .. } | Trouble::Benchmark(_) => {
                Kind(outer, None, None, None)
            }
            Trouble::Line(damage) => Kind(outer, Some(discriminant(damage)), None, None),
            Trouble::Run(contradiction) => Kind(outer, None, Some(discriminant(contradiction)), None),
            Trouble::Record(bad) => Kind(outer, None, None, Some(discriminant(bad))),
        }
    }
}

impl Problem {
    /// A problem of a file as a whole.
    pub fn of_file(file: impl Into<PathBuf>, what: Trouble) -> Self {
        Problem { file: file.into(), line: None, subject: None, what, others: 0 }
    }

    /// The file and the line.
    pub fn place(&self) -> String {
        let file = self.file.display();
        match self.line {
            Some(line) => format!("{file}:{line}"),
            None => file.to_string(),
        }
    }
}

/// The problems of one file.
#[derive(Clone, Debug)]
pub(crate) struct Problems {
    file: PathBuf,
    all: Vec<Problem>,
    /// For each kind the number kept, and the place of the last of them.
    kinds: Vec<(Kind, usize, usize)>,
}

impl Problems {
    pub(crate) fn new(file: &Path) -> Self {
        Problems { file: file.to_owned(), all: Vec::new(), kinds: Vec::new() }
    }

    /// Adds a problem. `subject` is asked for only if the problem is kept.
    pub(crate) fn add(
        &mut self,
        line: Option<usize>,
        what: impl Into<Trouble>,
        subject: impl FnOnce() -> Option<String>,
    ) {
        let what = what.into();
        let kind = what.kind();
        let place = match self.kinds.iter().position(|(known, ..)| *known == kind) {
            Some(place) => place,
            None => {
                self.kinds.push((kind, 0, 0));
                self.kinds.len() - 1
            }
        };
        let (_, kept, last) = &mut self.kinds[place];
        if *kept == KEPT {
            self.all[*last].others += 1;
            return;
        }
        (*kept, *last) = (*kept + 1, self.all.len());
        self.all.push(Problem { file: self.file.clone(), line, subject: subject(), what, others: 0 });
    }

    pub(crate) fn into_vec(self) -> Vec<Problem> {
        self.all
    }
}

impl From<Damage> for Trouble {
    fn from(damage: Damage) -> Self {
        Trouble::Line(damage)
    }
}

impl From<Contradiction> for Trouble {
    fn from(contradiction: Contradiction) -> Self {
        Trouble::Run(contradiction)
    }
}

impl From<BadRecord> for Trouble {
    fn from(bad: BadRecord) -> Self {
        Trouble::Record(bad)
    }
}

impl From<BadEstimate> for Trouble {
    fn from(bad: BadEstimate) -> Self {
        Trouble::Benchmark(bad)
    }
}
