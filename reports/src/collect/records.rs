//! The records of benchmarks and models: JSON Lines, as [`harness::record`] documents them.

use std::io;
use std::path::Path;

use harness::record::{CellRecord, Model, Overhead, Record, Run};

use super::Problem;

/// The records of one file, each kind in the order of the file: the last one on a subject is the valid one.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// The runs that began.
    pub runs: Vec<Run>,
    /// What became of cells.
    pub cells: Vec<CellRecord>,
    /// The harness beside hand-written loops.
    pub overheads: Vec<Overhead>,
    /// What became of models.
    pub models: Vec<Model>,
    /// Lines that could not be read.
    pub problems: Vec<Problem>,
}

impl Records {
    /// Adds those of another file.
    pub fn add(&mut self, other: Records) {
        let Records { runs, cells, overheads, models, problems } = other;
        self.runs.extend(runs);
        self.cells.extend(cells);
        self.overheads.extend(overheads);
        self.models.extend(models);
        self.problems.extend(problems);
    }

    /// Reads a file of records. Lines that cannot be read are one [`Problem`], whose line is the first of them: another
    /// version's records may be many.
    ///
    /// # Errors
    ///
    /// When the file as a whole cannot be read.
    pub fn read(path: &Path) -> io::Result<Self> {
        let bytes = std::fs::read(path)?;
        let mut records = Records::default();
        let mut unread = 0;
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match serde_json::from_slice(line) {
                Ok(Record::Run(run)) => records.runs.push(run),
                Ok(Record::Cell(cell)) => records.cells.push(cell),
                Ok(Record::Overhead(overhead)) => records.overheads.push(overhead),
                Ok(Record::Model(model)) => records.models.push(model),
                // Those have files of their own.
                Ok(Record::Verified(_)) => {}
                Err(error) => {
                    unread += 1;
                    if unread == 1 {
                        records.problems.push(Problem {
                            file: path.to_owned(),
                            line: Some(index + 1),
                            what: format!("not a record, so it was left out ({error})"),
                        });
                    }
                }
            }
        }
        if unread > 1 {
            records.problems[0].what += &format!("; later lines left out: {}", unread - 1);
        }
        Ok(records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_line_is_named_and_the_others_are_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("records.jsonl");
        let model = r#"{"kind":"model","at":"2026-01-02T03:04:05Z","model":"m","subject":"s","method":"loom","passed":true,"executions":1,"bounds":"b","seconds":0.5,"machine":{"cpu":"c","cores":1,"kernel":"k","system":"s","rustc":"r","channels":{}}}"#;
        std::fs::write(&path, format!("{model}\n\n{{\"kind\":\"mod\n\u{fffd}\n{model}")).expect("written");
        let records = Records::read(&path).expect("readable");
        assert_eq!(records.models.len(), 2);
        let lines: Vec<_> = records.problems.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [Some(3)]);
        assert!(records.problems[0].to_string().contains("records.jsonl:3: not a record"));
        assert!(records.problems[0].to_string().ends_with("; later lines left out: 1"));
    }
}
