//! The records of benchmarks, models and verifications, and the files of criterion.

use std::fs;
use std::path::Path;

use records::checksum::{Checksum, Seal, line};
use records::lines::{self, Checksums, Damage, Line};
use records::record::{BenchmarkRecord, BenchmarkStatus, Record, Verdict};
use records::verify::MethodOutcome;
use reports::analyse::build;
use reports::collect::criterion::{self, CriterionData, Estimates, PLAUSIBLE_NS};
use reports::collect::problem::Problem;
use reports::collect::records::Records;
use reports::collect::sources::Collected;
use reports::collect::verified::VerifiedRecords;
use reports::gate;
use reports::render::verification::terminal::failure;
use serde_json::Value;

use super::{inert, machine, parts, registry};

/// The messages of a round of the benchmark whose files criterion has left.
const MESSAGES: u64 = 100;

/// Lines with checksums, whatever they hold.
pub(super) fn lines(input: &[u8]) {
    let is_blank = |line: &[u8]| line.trim_ascii().is_empty();
    let count = input.split(|byte| *byte == b'\n').filter(|line| !is_blank(line)).count();
    let read = |bytes: &[u8], checksums| lines::read::<Value>(bytes, checksums).collect::<Vec<Line<Value>>>();
    for checksums in [Checksums::Every, Checksums::AllOrNone, Checksums::OlderFirst] {
        let found = read(input, checksums);
        assert_eq!(found.len(), count, "a line was lost");
        assert!(found.is_sorted_by(|one, other| one.number < other.number), "lines out of order");
        for line in &found {
            match (line.seal, &line.value) {
                (Seal::Present { named, computed, .. }, Ok(_)) => {
                    assert_eq!(named, computed, "an altered line is read")
                }
                (Seal::Absent, Ok(_)) => {
                    assert!(checksums != Checksums::Every, "a line without a checksum is read")
                }
                (_, Err(_)) => {}
            }
        }
    }
    // Every change of one byte of a sealed line is named, and no other line changes.
    let every = read(input, Checksums::Every);
    let Some(line) = every.iter().find(|line| line.value.is_ok()) else { return };
    let start: usize =
        input.split_inclusive(|byte| *byte == b'\n').take(line.number - 1).map(<[u8]>::len).sum();
    let text = input[start..].split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
    for place in [0, text.len() / 2, text.len() - 2, Checksum::of(input).to_string().len() % text.len()] {
        let mut changed = input.to_vec();
        changed[start + place] ^= 1;
        let after = read(&changed, Checksums::Every);
        if changed[start + place] == b'\n' || after.len() != every.len() {
            continue;
        }
        for (before, after) in every.iter().zip(&after) {
            if before.number == line.number {
                assert!(after.value.is_err(), "byte {place} of line {} was changed unseen", line.number);
            } else {
                assert_eq!(before, after, "another line changed");
            }
        }
    }
}

/// The number of lines that problems are about.
fn damaged(problems: &[Problem]) -> u64 {
    problems.iter().map(|problem| 1 + problem.others).sum()
}

/// Asserts that each record is the same when it is written again, and returns the number of lines.
fn written_again(input: &[u8]) -> u64 {
    let mut count = 0;
    for read in lines::read::<Record>(input, Checksums::OlderFirst) {
        count += 1;
        if let Ok(record) = read.value {
            let (text, _) = line(&record, None).expect("a record is an object");
            let again = lines::read::<Record>(&text, Checksums::Every).next().map(|line| line.value);
            let is_same = matches!(&again, Some(Ok(again)) if *again == record);
            let is_longer = matches!(&again, Some(Err(Damage::TooLong(_))));
            assert!(
                is_same || is_longer,
                "written again, line {} is another: {record:?}, {again:?}",
                read.number
            );
        }
    }
    count
}

/// The records of benchmarks and models.
pub(super) fn records(input: &[u8]) {
    let count = written_again(input);
    let records = Records::from_bytes("records.jsonl".as_ref(), input);
    let kept = records.benchmarks.len() + records.overheads.len() + records.models.len();
    assert_eq!(kept as u64 + damaged(&records.problems), count, "a line is neither kept nor a problem");
    let (nowhere, models) = (Path::new("/nowhere"), records.clone());
    let criterion =
        CriterionData { folder: nowhere.to_owned(), records, estimates: Estimates::find(nowhere) };
    let collected = Collected { run: None, criterion: Some(criterion), models, verified: Default::default() };
    inert::page(&build::page(collected, registry()));
}

/// The records of verifications.
pub(super) fn verified(input: &[u8]) {
    let count = written_again(input);
    let mut verified = VerifiedRecords::default();
    verified.add_bytes("verified.jsonl".as_ref(), input);
    let kept = verified.records.len() as u64;
    assert_eq!(kept + damaged(&verified.problems), count, "a line is neither kept nor a problem");
    let has_failed = |verdict: &Verdict| matches!(verdict, Verdict::Ran(MethodOutcome::Failed(_)));
    for record in &verified.records {
        let text = failure(record, None);
        inert::terminal(&text);
        assert_eq!(has_failed(&record.verdict), !text.is_empty(), "a failure without its evidence");
    }
    let gate = gate::verification(&verified.records, false);
    let has_failed = verified.records.iter().any(|record| has_failed(&record.verdict));
    assert!(!has_failed || gate.is_err(), "a failure, and exit code 0");
    let collected = Collected { run: None, criterion: None, models: Default::default(), verified };
    inert::page(&build::page(collected, registry()));
}

/// Criterion's files of a benchmark: `benchmark.json`, `estimates.json` and `sample.json`.
pub(super) fn criterion(input: &[u8]) {
    let [benchmark, estimates, sample] = parts(input);
    if let Ok(estimate) = criterion::from_bytes(estimates, sample, MESSAGES) {
        let [low, high] = estimate.interval;
        assert!(low <= estimate.median && estimate.median <= high, "{estimate:?}");
        assert!(PLAUSIBLE_NS.contains(&low) && PLAUSIBLE_NS.contains(&high), "{estimate:?}");
        assert!(estimate.level > 0.0 && estimate.level < 1.0, "{estimate:?}");
    }
    let root = tempfile::tempdir().expect("a folder");
    let folder = root.path().join("new");
    fs::create_dir(&folder).expect("a folder");
    for (file, bytes) in
        [("benchmark.json", benchmark), ("estimates.json", estimates), ("sample.json", sample)]
    {
        fs::write(folder.join(file), bytes).expect("written");
    }
    let mut records = Records::default();
    records.benchmarks.push(BenchmarkRecord {
        format: Default::default(),
        at: "2026-01-02T03:04:05Z".to_owned(),
        command: "cargo bench".to_owned(),
        profile: "quick".to_owned(),
        workload: "ping_pong".to_owned(),
        params: "capacity=1".to_owned(),
        channel: "flume".to_owned(),
        status: BenchmarkStatus::Measured { rounds: 10, messages: MESSAGES, beside_abandoned_threads: false },
        effective_capacity: None,
        replay: "cargo bench ping_pong".to_owned(),
        machine: machine(),
    });
    let estimates = Estimates::find(root.path());
    let criterion = CriterionData { folder: root.path().to_owned(), records, estimates };
    let collected = Collected {
        run: None,
        criterion: Some(criterion),
        models: Default::default(),
        verified: Default::default(),
    };
    inert::page(&build::page(collected, registry()));
}
