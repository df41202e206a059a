//! The table of mutants: one TOML file per mutated source file, in `models/mutants/table`.

use anyhow::{Context, Result};
use serde::Deserialize;

/// The files of the table, in the order of the results.
const FILES: [(&str, &str); 9] = [
    ("queue", include_str!("../table/queue.toml")),
    ("hand_off", include_str!("../table/hand_off.toml")),
    ("worker_pool", include_str!("../table/worker_pool.toml")),
    ("token_bucket", include_str!("../table/token_bucket.toml")),
    ("fan_in", include_str!("../table/fan_in.toml")),
    ("tracker", include_str!("../table/tracker.toml")),
    ("scheduler", include_str!("../table/scheduler.toml")),
    ("coordinator", include_str!("../table/coordinator.toml")),
    ("shared", include_str!("../table/shared.toml")),
];

/// How a mutant shows, which decides which methods have to catch it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MutantKind {
    /// Only in certain interleavings of threads: loom or shuttle must catch it.
    Concurrency,
    /// In a single thread already: any method may catch it.
    Sequential,
}

impl MutantKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            MutantKind::Concurrency => "concurrency",
            MutantKind::Sequential => "sequential",
        }
    }
}

/// A mistake planted in chanlab's own code.
#[derive(Clone, Debug)]
pub(crate) struct Mutant {
    /// Its name on the command line, in the environment and in the results.
    pub(crate) name: String,
    /// The table file that lists it, named after the mutated source file.
    pub(crate) place: &'static str,
    pub(crate) kind: MutantKind,
    /// The mistake, in one sentence.
    pub(crate) about: String,
    /// The test targets whose models are explored first.
    pub(crate) tests: Vec<String>,
    /// How the names begin of the models that are explored; empty when all are.
    pub(crate) models: Vec<String>,
    pub(crate) edits: Vec<Edit>,
}

impl Mutant {
    /// Whether one of its edits is in this file.
    pub(crate) fn changes(&self, file: &str) -> bool {
        self.edits.iter().any(|edit| edit.file == file)
    }

    /// Whether the model of this name is explored.
    pub(crate) fn is_for(&self, model: &str) -> bool {
        self.models.is_empty() || self.models.iter().any(|begin| model.starts_with(begin))
    }

    /// Whether it is in `service/core`, which no channel uses.
    pub(crate) fn is_of_core(&self) -> bool {
        self.edits.iter().any(|edit| edit.file.starts_with("service/core/"))
    }
}

/// A replacement of text in one source file.
#[derive(Clone, Debug)]
pub(crate) struct Edit {
    /// The file, relative to the project.
    pub(crate) file: String,
    /// Text that occurs exactly once in the file; see [`crate::rewrite`].
    pub(crate) find: String,
    /// The mutated code: statements, or an expression.
    pub(crate) with: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableFile {
    file: String,
    tests: Vec<String>,
    #[serde(default)]
    models: Vec<String>,
    mutant: Vec<MutantEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MutantEntry {
    name: String,
    kind: MutantKind,
    about: String,
    edits: Vec<EditEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EditEntry {
    /// Defaults to the file of the table.
    file: Option<String>,
    find: String,
    with: String,
}

/// Every mutant, in the order of the results.
///
/// # Errors
///
/// When a file of the table is malformed.
pub(crate) fn mutants() -> Result<Vec<Mutant>> {
    let mut mutants = Vec::new();
    for (place, text) in FILES {
        let table: TableFile =
            toml::from_str(text).with_context(|| format!("malformed models/mutants/table/{place}.toml"))?;
        mutants.extend(table.mutant.into_iter().map(|entry| {
            Mutant {
                name: entry.name,
                place,
                kind: entry.kind,
                about: entry.about,
                tests: table.tests.clone(),
                models: table.models.clone(),
                edits: entry
                    .edits
                    .into_iter()
                    .map(|EditEntry { file, find, with }| Edit {
                        file: file.unwrap_or_else(|| table.file.clone()),
                        find,
                        with,
                    })
                    .collect(),
            }
        }));
    }
    Ok(mutants)
}

/// The test targets that hold the models of the mutated code.
pub(crate) fn tests(mutants: &[Mutant]) -> Vec<&str> {
    let mut tests: Vec<&str> = mutants.iter().flat_map(|mutant| &mutant.tests).map(String::as_str).collect();
    tests.sort_unstable();
    tests.dedup();
    tests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let mutants = mutants().expect("the table");
        let mut names: Vec<_> = mutants.iter().map(|mutant| &mutant.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), mutants.len());
    }
}
