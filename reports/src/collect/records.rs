//! The records of criterion benchmarks and models: JSON Lines, documented in [`records::record`].

use std::io;
use std::path::Path;

use records::files::{MAX_FILE_LEN, read_at_most};
use records::lines::{self, Checksums};
use records::model_report::ModelReport;
use records::record::{BenchmarkRecord, Overhead, Record};

use super::problem::{Problem, Problems, Trouble};
use super::verdicts::{self, Earlier, subject};

/// The records of one file, each kind in the order of the file. The last record on a subject is the valid
/// one.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// Criterion benchmarks.
    pub benchmarks: Vec<BenchmarkRecord>,
    /// The cost of the harness.
    pub overheads: Vec<Overhead>,
    /// Models.
    pub models: Vec<ModelReport>,
    /// What is damaged or contradicts itself.
    pub problems: Vec<Problem>,
}

impl Records {
    /// Adds the records of another file.
    pub fn add(&mut self, other: Records) {
        let Records { benchmarks, overheads, models, problems } = other;
        self.benchmarks.extend(benchmarks);
        self.overheads.extend(overheads);
        self.models.extend(models);
        self.problems.extend(problems);
    }

    /// Reads a file of records.
    ///
    /// # Errors
    ///
    /// When the file cannot be read at all.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(Self::from_bytes(path, &read_at_most(path, MAX_FILE_LEN)?))
    }

    /// Reads records from the bytes of the file `path`. Builds of several ages append to such a file.
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Self {
        let mut records = Records::default();
        records.problems = sound(path, bytes, Checksums::OlderFirst, &mut |record| {
            match record {
                Record::Benchmark(benchmark) => records.benchmarks.push(benchmark),
                Record::Overhead(overhead) => records.overheads.push(overhead),
                Record::Model(model) => records.models.push(*model),
                // Verifications have their own files.
                Record::Verified(_) => return false,
            }
            true
        });
        records
    }
}

/// Passes the records that are sound and not repeated on to `take`, which says whether they are of a kind that the file
/// has, and returns the problems of the others.
pub(super) fn sound(
    path: &Path,
    bytes: &[u8],
    checksums: Checksums,
    take: &mut dyn FnMut(Record) -> bool,
) -> Vec<Problem> {
    let mut problems = Problems::new(path);
    let mut earlier = Earlier::default();
    for line in lines::read::<Record>(bytes, checksums) {
        let number = Some(line.number);
        match line.value {
            Err(damage) => problems.add(number, damage, || None),
            Ok(record) => {
                match verdicts::contradiction(&record).or_else(|| earlier.against(line.number, &record)) {
                    Some(bad) => problems.add(number, bad, || Some(subject(&record))),
                    None => {
                        if !take(record) {
                            problems.add(number, Trouble::OtherKind, || None);
                        }
                    }
                }
            }
        }
    }
    problems.into_vec()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use records::files::Recorder;

    use super::*;
    use crate::collect::verified::VerifiedRecords;
    use crate::render::problems::line;
    use testing::strategies;

    #[test]
    fn a_broken_line_is_named_and_the_others_are_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("records.jsonl");
        let model = r#"{"kind":"model","format":1,"at":"2026-01-02T03:04:05Z","model":"m","subject":{"kind":"channel"},"sut":"s","has_timeouts":false,"bounds":{"explorer":"loom","preemptions":2,"branches":9,"seconds":null,"shard":{"index":1,"of":1}},"executions":1,"seconds":0.5,"verdict":{"kind":"passed","coverage":"bounds"}}"#;
        std::fs::write(&path, format!("{model}\n\n{{\"kind\":\"mod\n\u{fffd}\n{model}")).expect("written");
        let records = Records::read(&path).expect("readable");
        assert_eq!(records.models.len(), 1);
        let said: Vec<String> = records.problems.iter().map(line).collect();
        assert!(said[0].contains("records.jsonl:3: not a record ("), "{said:#?}");
        assert!(said[1].contains("records.jsonl:4: not a record ("), "{said:#?}");
        assert!(
            said[2]
                .ends_with("records.jsonl:5: the model m of s: the same record as in line 1, counted once"),
            "{said:#?}"
        );
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(written in vec(strategies::record(), 0..6)) {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("records.jsonl");
            std::fs::write(&path, "").expect("written");
            for record in &written {
                Recorder::new(&path).append(record).expect("written");
            }
            let read = Records::read(&path).expect("readable");
            let is_sound: Vec<bool> = {
                let mut earlier = Earlier::default();
                let sound = |(line, record)| verdicts::contradiction(record).is_none() && earlier.against(line, record).is_none();
                written.iter().enumerate().map(sound).collect()
            };
            let sound = || written.iter().zip(&is_sound).filter(|(_, is_sound)| **is_sound).map(|(record, _)| record);
            let of = |wanted: fn(&Record) -> bool| sound().filter(move |record| wanted(record)).cloned();
            let benchmarks = of(|record| matches!(record, Record::Benchmark(_)));
            prop_assert!(read.benchmarks.into_iter().map(Record::Benchmark).eq(benchmarks));
            prop_assert!(read.models.into_iter().map(|model| Record::Model(Box::new(model))).eq(of(|record| matches!(record, Record::Model(_)))));
            let overheads = of(|record| matches!(record, Record::Overhead(_)));
            prop_assert!(read.overheads.into_iter().map(Record::Overhead).eq(overheads));
            let problems: u64 = read.problems.iter().map(|problem| 1 + problem.others).sum();
            let verified = of(|record| matches!(record, Record::Verified(_))).count();
            let unsound = is_sound.iter().filter(|is_sound| !**is_sound).count();
            prop_assert_eq!(problems as usize, unsound + verified);
            let verified = VerifiedRecords::read(&[path]).expect("readable").records.into_iter();
            let verified = verified.map(|verified| Record::Verified(Box::new(verified)));
            prop_assert!(verified.eq(of(|record| matches!(record, Record::Verified(_)))));
        }

        #[test]
        fn damage_of_any_kind_is_one_problem_and_hides_no_other_line(
            record in strategies::record(),
            damage in vec(any::<u8>().prop_filter("it ends the line", |byte| *byte != b'\n'), 1..40),
        ) {
            prop_assume!(!damage.iter().all(u8::is_ascii_whitespace));
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("records.jsonl");
            let line = serde_json::to_vec(&record).expect("plain data");
            std::fs::write(&path, [&damage[..], b"\n", &line, b"\n"].concat()).expect("written");
            let read = Records::read(&path).expect("readable");
            let kept = read.benchmarks.len() + read.overheads.len() + read.models.len();
            let is_sound = verdicts::contradiction(&record).is_none() && !matches!(record, Record::Verified(_));
            prop_assert_eq!(kept, usize::from(is_sound));
            let lines: Vec<_> = read.problems.iter().map(|problem| problem.line).collect();
            prop_assert_eq!(lines, if is_sound { vec![Some(1)] } else { vec![Some(1), Some(2)] });
        }
    }
}
