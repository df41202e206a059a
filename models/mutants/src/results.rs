//! The results: which method caught which mutant, stored in `models/mutants/results.json` and shown in
//! `docs/mutants.md`.
//!
//! Later runs are compared with the stored results: a method that caught a mutant has to catch it again.

use std::fmt::Write;

use records::verify::Method;
use serde::{Deserialize, Serialize};

use crate::table::{Mutant, MutantKind};

/// The methods, in the order of the columns.
pub(crate) const METHODS: [Method; 6] = [
    Method::Loom,
    Method::Shuttle,
    Method::Rounds,
    Method::Conformance,
    Method::Properties,
    Method::Linearizability,
];

/// The methods that explore models.
pub(crate) const EXPLORERS: [Method; 2] = [Method::Loom, Method::Shuttle];

/// The name of the row of the original code.
pub(crate) const ORIGINAL: &str = "none";

/// The bounds of every run, for the document.
const BOUNDS: &str = "Bounds: loom explores all schedules of at most 2 preemptions (every schedule of a small model), shuttle\n\
     2,000 random and PCT schedules (depth 3) of each model, and the other methods run cases for 2 seconds.\n\
     `scripts/mutants` measured the times on an arbitrary machine: compare them only within the table.";

/// The result of a method on a mutant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub(crate) enum Detection {
    /// The method failed, as it should.
    Caught {
        /// The model or the scenario that failed, or how the process ended.
        by: String,
        /// The executions of that model, or the cases, up to the failure.
        after: u64,
        /// The time that the model or the method took, in seconds.
        seconds: f64,
    },
    /// The method passed.
    Passed {
        /// The number of models or cases.
        tried: u64,
        /// The time taken, in seconds.
        seconds: f64,
    },
    /// The method does not apply.
    Unsupported { reason: String },
}

impl Detection {
    pub(crate) fn is_caught(&self) -> bool {
        matches!(self, Detection::Caught { .. })
    }

    /// What this and another one that was made after it say together.
    pub(crate) fn and(self, other: Detection) -> Detection {
        match (self, other) {
            (Detection::Passed { tried, seconds }, Detection::Passed { tried: more, seconds: longer }) => {
                Detection::Passed { tried: tried + more, seconds: seconds + longer }
            }
            (Detection::Passed { .. }, other) => other,
            (found, _) => found,
        }
    }
}

/// The results of all methods on a mutant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MutantResult {
    /// The mutant's name, or [`ORIGINAL`].
    pub(crate) mutant: String,
    /// In the order of [`METHODS`].
    pub(crate) detections: Vec<Detection>,
}

impl MutantResult {
    /// The methods that caught the mutant, each with the model or the scenario.
    fn caught(&self) -> impl Iterator<Item = (Method, &str)> {
        METHODS.into_iter().zip(&self.detections).filter_map(|(method, detection)| match detection {
            Detection::Caught { by, .. } => Some((method, by.as_str())),
            _ => None,
        })
    }

    /// The model or the scenario by which a method caught the mutant.
    pub(crate) fn caught_by(&self, method: Method) -> Option<&str> {
        self.caught().find_map(|(by_method, by)| (by_method == method).then_some(by))
    }

    /// The explorers that caught the mutant, each with its model.
    pub(crate) fn models(&self) -> impl Iterator<Item = (Method, &str)> {
        self.caught().filter(|(method, _)| EXPLORERS.contains(method))
    }
}

/// All results.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Results {
    /// The original code first.
    pub(crate) rows: Vec<MutantResult>,
}

impl Results {
    /// The row of a mutant.
    pub(crate) fn row(&self, mutant: &str) -> Option<&MutantResult> {
        self.rows.iter().find(|row| row.mutant == mutant)
    }

    /// The errors in the results: each mutant that no method caught, and each method that flags the original
    /// code.
    pub(crate) fn faults(&self, mutants: &[Mutant]) -> Vec<String> {
        let mut faults = Vec::new();
        match self.row(ORIGINAL) {
            None => faults.push("no result of the original code".to_owned()),
            Some(row) => faults
                .extend(row.caught().map(|(method, by)| format!("{method} flags the original code ({by})"))),
        }
        for Mutant { name, kind, .. } in mutants {
            let row = self.row(name);
            if row.is_none_or(|row| row.caught().next().is_none()) {
                faults.push(format!("no method caught mutant {name}"));
            } else if *kind == MutantKind::Concurrency && row.is_none_or(|row| row.models().next().is_none())
            {
                faults.push(format!("neither loom nor shuttle caught mutant {name}"));
            }
        }
        faults
    }

    /// The mutants that a method caught in `earlier` and not in these results.
    pub(crate) fn no_longer_caught(&self, earlier: &Results) -> Vec<String> {
        let mut lost = Vec::new();
        for before in &earlier.rows {
            let Some(now) = self.row(&before.mutant) else { continue };
            for (method, (then, now)) in METHODS.iter().zip(before.detections.iter().zip(&now.detections)) {
                if then.is_caught() && !now.is_caught() {
                    lost.push(format!("{method} no longer catches mutant {}", before.mutant));
                }
            }
        }
        lost
    }

    /// The results as a document.
    pub(crate) fn document(&self, mutants: &[Mutant]) -> String {
        let caught = |mutant: &&Mutant| {
            self.row(&mutant.name).is_some_and(|row| row.detections.iter().any(Detection::is_caught))
        };
        let mut text = format!(
            "# Mutants: which method catches which mistake\n\n\
             <!-- Written by scripts/mutants. Do not edit. -->\n\n\
             Each row is a mutant: a mistake planted in a copy of the baseline, of a workload or of `service/core`\n\
             (`models/mutants/table`). Each column is a method of verification. A cell gives the number of executions or\n\
             cases, and the seconds, until the method caught the mutant; `-` means that it did not. The first row is the\n\
             original code, which no method may flag. For loom and shuttle, a cell counts the executions of the model that\n\
             caught the mutant. Shuttle cannot catch a mistake of weak memory, because its atomics are sequentially\n\
             consistent. The properties of a mutant in `service/core` are those of that crate (`tests/simulation`), which is\n\
             under no channel.\n\n\
             {BOUNDS}\n\n\
             **{} of {} mutants are caught.**\n\n",
            mutants.iter().filter(caught).count(),
            mutants.len(),
        );
        text += &format!("| mutant | file | {} |\n", METHODS.map(Method::name).join(" | "));
        text += &format!("| --- | --- |{}\n", " --- |".repeat(METHODS.len()));
        for row in &self.rows {
            let mutant = mutants.iter().find(|mutant| mutant.name == row.mutant);
            let place = mutant.map_or("", |mutant| mutant.place);
            let cells: Vec<String> =
                row.detections.iter().map(|detection| cell(detection, mutant.is_none())).collect();
            // Writing to a string does not fail.
            let _ = writeln!(text, "| {} | {place} | {} |", row.mutant, cells.join(" | "));
        }
        text += "\n## The mistakes\n\n| mutant | kind | mistake | caught by |\n| --- | --- | --- | --- |\n";
        for Mutant { name, kind, about, .. } in mutants {
            let by: Vec<String> = self
                .row(name)
                .map_or(vec![], |row| row.caught().map(|(method, by)| format!("{method}: `{by}`")).collect());
            let _ = writeln!(text, "| {name} | {} | {about} | {} |", kind.name(), by.join(", "));
        }
        text
    }
}

fn cell(detection: &Detection, original: bool) -> String {
    match detection {
        Detection::Caught { by, .. } if original => format!("**FLAGGED** by `{by}`"),
        Detection::Caught { after, seconds, .. } => format!("{after} ({seconds:.2} s)"),
        Detection::Passed { tried, seconds } if original => format!("clean: {tried} ({seconds:.0} s)"),
        Detection::Passed { .. } => "-".to_owned(),
        Detection::Unsupported { reason } => format!("unsupported: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::mutants;

    fn caught(by: &str) -> Detection {
        Detection::Caught { by: by.to_owned(), after: 1, seconds: 1.0 }
    }

    fn passed() -> Detection {
        Detection::Passed { tried: 1, seconds: 1.0 }
    }

    fn row(mutant: &str, loom: Detection) -> MutantResult {
        let mut detections = vec![passed(); METHODS.len()];
        detections[0] = loom;
        MutantResult { mutant: mutant.to_owned(), detections }
    }

    fn table() -> Vec<Mutant> {
        mutants().expect("the table")
    }

    fn all_caught() -> Results {
        let mut rows = vec![row(ORIGINAL, passed())];
        rows.extend(table().iter().map(|mutant| row(&mutant.name, caught("a_model"))));
        Results { rows }
    }

    fn stored() -> Results {
        serde_json::from_str(include_str!("../results.json")).expect("scripts/mutants wrote it")
    }

    #[test]
    fn a_mutant_that_no_method_caught_is_a_fault() {
        let table = table();
        assert_eq!(all_caught().faults(&table), Vec::<String>::new());
        let mut results = all_caught();
        results.rows[1].detections[0] = passed();
        let name = &table[0].name;
        assert_eq!(results.faults(&table), [format!("no method caught mutant {name}")]);
        assert_eq!(table[0].kind, MutantKind::Concurrency);
        results.rows[1].detections[4] = caught("a case");
        assert_eq!(results.faults(&table), [format!("neither loom nor shuttle caught mutant {name}")]);
    }

    #[test]
    fn a_flag_on_the_original_code_is_a_fault() {
        let mut results = all_caught();
        results.rows[0].detections[4] = caught("a case");
        assert_eq!(results.faults(&table()), ["properties flags the original code (a case)"]);
    }

    #[test]
    fn a_mutant_that_a_method_no_longer_catches_is_named() {
        let (earlier, mut later) = (all_caught(), all_caught());
        assert_eq!(later.no_longer_caught(&earlier), Vec::<String>::new());
        later.rows[2].detections[0] = passed();
        let lost = format!("loom no longer catches mutant {}", table()[1].name);
        assert_eq!(later.no_longer_caught(&earlier), [lost]);
    }

    #[test]
    fn a_check_explores_the_models_of_both_explorers() {
        let mut row = row("m", caught("one"));
        row.detections[1] = caught("two");
        row.detections[4] = caught("a case");
        assert_eq!(row.models().collect::<Vec<_>>(), [(Method::Loom, "one"), (Method::Shuttle, "two")]);
    }

    #[test]
    fn every_mutant_is_caught_and_the_original_code_is_not_flagged() {
        assert_eq!(stored().faults(&table()), Vec::<String>::new());
        assert_eq!(stored().rows.len(), 1 + table().len());
    }

    #[test]
    fn the_document_shows_the_stored_results() {
        assert!(
            stored().document(&table()) == include_str!("../../../docs/mutants.md"),
            "docs/mutants.md is stale: run scripts/mutants"
        );
    }
}
