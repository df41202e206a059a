//! The records of verifications: one file for each `chanlab verify`, from this machine or from others.

use std::path::{Path, PathBuf};

use anyhow::Result;
use records::files::{MAX_FILE_LEN, read_at_most};
use records::lines::Checksums;
use records::record::{Record, VERIFIED_FILE, VerdictRecord};
use walkdir::WalkDir;

use super::problem::{Problem, Trouble};
use super::records::sound;
use crate::exit::{Exit, ExitWith};

/// The records of verifications.
#[derive(Clone, Debug, Default)]
pub struct VerifiedRecords {
    /// The records, in the order of the files.
    pub records: Vec<VerdictRecord>,
    /// What is damaged or contradicts itself.
    pub problems: Vec<Problem>,
}

impl VerifiedRecords {
    /// Reads files, and searches folders for files whose name ends with [`VERIFIED_FILE`]. A prefix keeps the
    /// files of several machines apart.
    ///
    /// # Errors
    ///
    /// When a path does not exist, or a folder holds no verification.
    pub fn read(paths: &[PathBuf]) -> Result<Self> {
        let mut all = VerifiedRecords::default();
        for path in paths {
            let files = if path.is_dir() { files(path) } else { vec![path.clone()] };
            if files.is_empty() {
                let message = format!("no verification (…{VERIFIED_FILE}) in {}", path.display());
                return Err(ExitWith::new(Exit::Usage, message).into());
            }
            for file in files {
                all.add(&file).map_err(|error| ExitWith::unread("the verification", &file, &error))?;
            }
        }
        Ok(all)
    }

    /// Reads all files in a folder, which need not exist.
    pub fn in_folder(folder: &Path) -> Self {
        let mut all = VerifiedRecords::default();
        for file in files(folder) {
            if let Err(error) = all.add(&file) {
                all.problems.push(Problem::of_file(file, Trouble::File(error.to_string())));
            }
        }
        all
    }

    fn add(&mut self, file: &Path) -> std::io::Result<()> {
        self.add_bytes(file, &read_at_most(file, MAX_FILE_LEN)?);
        Ok(())
    }

    /// Adds the records in the bytes of a file. One build writes the whole file.
    pub fn add_bytes(&mut self, file: &Path, bytes: &[u8]) {
        let problems = sound(file, bytes, Checksums::AllOrNone, &mut |record| match record {
            Record::Verified(verified) => {
                self.records.push(*verified);
                true
            }
            _ => false,
        });
        self.problems.extend(problems);
    }
}

/// The files of verifications in a folder, sorted by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = WalkDir::new(folder).sort_by_file_name().into_iter().flatten();
    entries
        .filter(|entry| entry.file_type().is_file())
        .filter(|entry| entry.file_name().to_string_lossy().ends_with(VERIFIED_FILE))
        .map(walkdir::DirEntry::into_path)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use records::files::Recorder;
    use records::format::Format;
    use records::record::Verdict;
    use records::verify::{Method, MethodOutcome, Shard};

    use super::*;
    use crate::render::problems::line;

    fn record(subject: &str) -> Record {
        Record::Verified(Box::new(VerdictRecord {
            format: Format,
            at: "2026-01-02T03:04:05Z".to_owned(),
            command: "chanlab verify".to_owned(),
            subject: subject.to_owned(),
            version: "1".to_owned(),
            method: Method::Rounds,
            seed: u64::MAX,
            shard: Shard { index: 1, of: 2 },
            only: None,
            budget_seconds: 1.0,
            seconds: 1.0,
            verdict: Verdict::Ran(MethodOutcome::Passed { cases: u64::MAX, bounds: "b".to_owned() }),
            crash: None,
            replay: None,
            models: None,
            machine: runner::machine::current(&adapters::registry()),
        }))
    }

    #[test]
    fn a_folder_is_searched_and_damage_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let one = folder.path().join("run").join(VERIFIED_FILE);
        Recorder::new(&one).append(&record("flume")).expect("written");
        let other = folder.path().join("shard-2-verified.jsonl");
        Recorder::new(&other).append(&record("kanal")).expect("written");
        let text = fs::read_to_string(&other).expect("there");
        fs::write(&other, format!("{{\"kind\":\"verified\",\n\n{text}half a li")).expect("written");
        fs::write(folder.path().join("other.jsonl"), "no matter").expect("written");

        let read = VerifiedRecords::read(&[folder.path().to_owned()]).expect("readable");
        let subjects: Vec<_> = read.records.iter().map(|record| record.subject.as_str()).collect();
        assert_eq!(subjects, ["flume", "kanal"]);
        assert_eq!((read.records[0].seed, read.problems.len()), (u64::MAX, 2));
        let said: Vec<String> = read.problems.iter().map(line).collect();
        assert!(said[0].contains("shard-2-verified.jsonl:1: not a record ("), "{said:#?}");
        assert!(
            said[1].ends_with("shard-2-verified.jsonl:4: the file ends within the line; left out"),
            "{said:#?}"
        );
    }

    #[test]
    fn a_named_path_must_hold_a_verification() {
        let folder = tempfile::tempdir().expect("a folder");
        VerifiedRecords::read(&[folder.path().to_owned()]).expect_err("it is empty");
        VerifiedRecords::read(&[folder.path().join("none")]).expect_err("it is not there");
        let none = VerifiedRecords::in_folder(&folder.path().join("none"));
        assert!(none.records.is_empty() && none.problems.is_empty());
    }
}
