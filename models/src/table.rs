//! The table of mutants and methods: who caught what, stored in `models/mutants.json` and drawn in `docs/mutants.md`.
//!
//! `scripts/mutants` makes it. The stored table is also what is expected of later runs: what was caught has to be caught again.

use std::fmt::Write;

use harness::mutants::{Kind, Mutant};
use serde::{Deserialize, Serialize};

/// The methods, in the order of the columns: those of the models, and those that run a channel's own code.
pub const METHODS: [&str; 6] = ["loom", "shuttle", "rounds", "conformance", "properties", "linearizability"];

/// How many of [`METHODS`] are explorers of models.
pub const EXPLORERS: usize = 2;

/// The row of the code without a mistake.
pub const UNMUTATED: &str = "none";

/// What a method made of a mutant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// It failed.
    Caught {
        /// The model or the scenario that failed, or how the process ended.
        by: String,
        /// Executions of that model, or cases, until then.
        after: u64,
        /// Seconds that the model or the method took until then.
        seconds: f64,
    },
    /// It passed.
    Passed {
        /// Models explored, or cases.
        looked_at: u64,
        /// Seconds taken.
        seconds: f64,
    },
    /// It does not run here, and says why.
    Unsupported {
        /// Why.
        reason: String,
    },
}

/// What all methods made of a mutant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its name, or [`UNMUTATED`].
    pub mutant: String,
    /// In the order of [`METHODS`].
    pub verdicts: Vec<Verdict>,
}

impl Row {
    /// The explorer and the model that caught it in the shortest time.
    pub fn fastest_model(&self) -> Option<(&'static str, &str)> {
        let caught =
            METHODS.into_iter().zip(&self.verdicts).take(EXPLORERS).filter_map(|(method, verdict)| {
                let Verdict::Caught { by, seconds, .. } = verdict else { return None };
                Some((method, by.as_str(), *seconds))
            });
        caught.min_by(|one, other| one.2.total_cmp(&other.2)).map(|(method, by, _)| (method, by))
    }
}

/// The whole table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// The bounds that it was made with, in words.
    pub bounds: String,
    /// The rows: the code without a mistake first.
    pub rows: Vec<Row>,
}

impl Table {
    /// The row of a mutant.
    pub fn row(&self, mutant: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.mutant == mutant)
    }

    /// What is wrong with the table: a mutant that nobody caught, or a method that flags sound code.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        match self.row(UNMUTATED) {
            None => faults.push("the code without a mistake was not looked at".to_owned()),
            Some(row) => {
                for (method, verdict) in METHODS.iter().zip(&row.verdicts) {
                    if let Verdict::Caught { by, .. } = verdict {
                        faults.push(format!("{method} flags the code without a mistake ({by})"));
                    }
                }
            }
        }
        for mutant in Mutant::ALL {
            let caught = self.row(mutant.name()).map_or(vec![], |row| {
                row.verdicts
                    .iter()
                    .map(|verdict| matches!(verdict, Verdict::Caught { .. }))
                    .collect::<Vec<_>>()
            });
            if !caught.contains(&true) {
                faults.push(format!("nobody caught {}", mutant.name()));
            } else if mutant.kind() == Kind::Concurrency && !caught[..EXPLORERS].contains(&true) {
                faults.push(format!("neither loom nor shuttle caught {}", mutant.name()));
            }
        }
        faults
    }

    /// Mutants that `earlier` caught with some method and this does not with the same.
    pub fn no_longer_caught(&self, earlier: &Table) -> Vec<String> {
        let mut lost = Vec::new();
        for before in &earlier.rows {
            let Some(now) = self.row(&before.mutant) else { continue };
            for (method, (then, now)) in METHODS.iter().zip(before.verdicts.iter().zip(&now.verdicts)) {
                if matches!(then, Verdict::Caught { .. }) && !matches!(now, Verdict::Caught { .. }) {
                    lost.push(format!("{} was caught by {method}, and is no longer", before.mutant));
                }
            }
        }
        lost
    }

    /// The table as a document.
    pub fn document(&self) -> String {
        let caught = |row: &Row| row.verdicts.iter().any(|verdict| matches!(verdict, Verdict::Caught { .. }));
        let mutants: Vec<&Row> = self.rows.iter().filter(|row| row.mutant != UNMUTATED).collect();
        let mut text = format!(
            "# Mutants: what catches which mistake\n\n\
             <!-- Written by scripts/mutants. Do not edit. -->\n\n\
             Each row is a mistake that is planted in the baseline or in a workload (`harness/src/mutants.rs`), each column a method of\n\
             verification. A cell says after how many schedules or cases, and how many seconds, the mistake was caught; `-` that it was\n\
             not. The first row is the code without a mistake, which nobody may flag. The schedules of loom and shuttle are those of the\n\
             model that caught it; a mistake of weak memory is out of shuttle's reach, whose atomics are sequentially consistent.\n\n\
             {}\n\n\
             **{} of {} mutants are caught.**\n\n",
            self.bounds,
            mutants.iter().filter(|row| caught(row)).count(),
            mutants.len(),
        );
        text += &format!("| mutant | place | {} |\n", METHODS.join(" | "));
        text += &format!("| --- | --- |{}\n", " --- |".repeat(METHODS.len()));
        for row in &self.rows {
            let mutant = Mutant::of_name(&row.mutant);
            let place = mutant.map_or("", |mutant| mutant.place().name());
            let cells: Vec<String> =
                row.verdicts.iter().map(|verdict| cell(verdict, mutant.is_none())).collect();
            // Writing to a string does not fail.
            let _ = writeln!(text, "| {} | {place} | {} |", row.mutant, cells.join(" | "));
        }
        text +=
            "\n## The mistakes\n\n| mutant | kind | what is wrong | caught by |\n| --- | --- | --- | --- |\n";
        for mutant in Mutant::ALL {
            let kind = match mutant.kind() {
                Kind::Concurrency => "concurrency",
                Kind::Sequential => "sequential",
            };
            let by: Vec<String> = self.row(mutant.name()).map_or(vec![], |row| {
                let named = METHODS.iter().zip(&row.verdicts).filter_map(|(method, verdict)| match verdict {
                    Verdict::Caught { by, .. } => Some(format!("{method}: `{by}`")),
                    _ => None,
                });
                named.collect()
            });
            let _ = writeln!(text, "| {} | {kind} | {} | {} |", mutant.name(), mutant.about(), by.join(", "));
        }
        text
    }
}

fn cell(verdict: &Verdict, sound: bool) -> String {
    match verdict {
        Verdict::Caught { by, .. } if sound => format!("**FLAGGED** by `{by}`"),
        Verdict::Caught { after, seconds, .. } => format!("{after} ({seconds:.2} s)"),
        Verdict::Passed { looked_at, seconds } if sound => format!("clean: {looked_at} ({seconds:.0} s)"),
        Verdict::Passed { .. } => "-".to_owned(),
        Verdict::Unsupported { reason } => format!("unsupported: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caught(by: &str, seconds: f64) -> Verdict {
        Verdict::Caught { by: by.to_owned(), after: 1, seconds }
    }

    fn passed() -> Verdict {
        Verdict::Passed { looked_at: 1, seconds: 1.0 }
    }

    fn row(mutant: &str, loom: Verdict, properties: Verdict) -> Row {
        let verdicts = vec![loom, passed(), passed(), passed(), properties, passed()];
        Row { mutant: mutant.to_owned(), verdicts }
    }

    fn all_caught() -> Table {
        let mut rows = vec![row(UNMUTATED, passed(), passed())];
        rows.extend(Mutant::ALL.map(|mutant| row(mutant.name(), caught("a_model", 1.0), passed())));
        Table { bounds: String::new(), rows }
    }

    fn stored() -> Table {
        serde_json::from_str(include_str!("../mutants.json")).expect("scripts/mutants wrote it")
    }

    #[test]
    fn what_nobody_caught_is_a_fault() {
        assert_eq!(all_caught().faults(), Vec::<String>::new());
        let mut table = all_caught();
        table.rows[1].verdicts[0] = passed();
        let name = Mutant::ALL[0].name();
        assert_eq!(table.faults(), [format!("nobody caught {name}")]);
        // One that shows only when threads meet is not caught by a method with one thread.
        assert_eq!(Mutant::ALL[0].kind(), Kind::Concurrency);
        table.rows[1].verdicts[4] = caught("a case", 1.0);
        assert_eq!(table.faults(), [format!("neither loom nor shuttle caught {name}")]);
    }

    #[test]
    fn a_flag_on_sound_code_is_a_fault() {
        let mut table = all_caught();
        table.rows[0].verdicts[4] = caught("a case", 1.0);
        assert_eq!(table.faults(), ["properties flags the code without a mistake (a case)"]);
    }

    #[test]
    fn what_is_no_longer_caught_is_named() {
        let (earlier, mut later) = (all_caught(), all_caught());
        assert_eq!(later.no_longer_caught(&earlier), Vec::<String>::new());
        later.rows[2].verdicts[0] = passed();
        let lost = format!("{} was caught by loom, and is no longer", Mutant::ALL[1].name());
        assert_eq!(later.no_longer_caught(&earlier), [lost]);
    }

    #[test]
    fn the_fastest_model_is_the_one_that_is_run_again() {
        let mut row = row("m", caught("slow", 2.0), caught("a case", 0.1));
        assert_eq!(row.fastest_model(), Some(("loom", "slow")));
        row.verdicts[1] = caught("quick", 1.0);
        assert_eq!(row.fastest_model(), Some(("shuttle", "quick")));
    }

    /// The promise of the stored table: every mutant is caught, and sound code is not flagged.
    #[test]
    fn the_stored_table_has_no_fault() {
        assert_eq!(stored().faults(), Vec::<String>::new());
        assert_eq!(stored().rows.len(), 1 + Mutant::ALL.len());
    }

    #[test]
    fn the_document_is_the_stored_table() {
        assert!(
            stored().document() == include_str!("../../docs/mutants.md"),
            "docs/mutants.md: run scripts/mutants"
        );
    }
}
