//! The reports of planted mistakes: the record, the terminal, the exit code, the page, and the replay.

use std::fs;

use records::command;
use records::record::{Verdict, VerdictRecord};
use records::verify::{Finding, MethodOutcome};

use crate::bench::{Bench, text};
use crate::planted::{self, CASES, FAULTY_FROM};

const ASKED: [&str; 6] = ["--method", "properties", "--seed", "7", "--deadline", "2"];

fn finding(verified: &VerdictRecord) -> &Finding {
    match &verified.verdict {
        Verdict::Ran(MethodOutcome::Failed(finding)) => finding,
        other => panic!("{}: {other:?}", verified.subject),
    }
}

#[test]
fn every_planted_fault_is_that_channels_result_and_no_trouble_for_the_others() {
    let bench = Bench::new();
    let by = planted::program(&bench);
    let output = bench.verify(&by, &ASKED);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.ends_with("error: 6 verifications failed\n"), "{stderr}");

    let records = bench.records();
    let record = |subject: &str| {
        records.iter().find(|record| record.subject == subject).unwrap_or_else(|| panic!("no {subject}"))
    };
    assert_eq!(records.len(), 8, "one of each channel");
    let bounds = "up to 16 numbers on one thread".to_owned();
    assert_eq!(record("sound").verdict, Verdict::Ran(MethodOutcome::Passed { cases: CASES, bounds }));
    assert!(matches!(record("lacking").verdict, Verdict::Ran(MethodOutcome::Unsupported { .. })));

    for subject in ["mutant-drops-one", "mutant-delivers-twice", "mutant-reorders"] {
        let finding = finding(record(subject));
        assert_eq!(finding.case, FAULTY_FROM, "{subject}: the first case with a fault");
        assert_eq!(finding.scenario, "12 numbers are sent, then received");
        assert!(record(subject).crash.is_none());
    }
    let hang = record("mutant-hangs");
    assert_eq!(finding(hang).happened, "hung: no end after 2 s");
    assert_eq!(finding(hang).case, FAULTY_FROM);
    let backtrace = hang.crash.as_ref().and_then(|crash| crash.backtrace.as_ref()).expect("asked for");
    assert!(backtrace.contains("Thread ") || backtrace.starts_with("not available: "), "{backtrace}");
    let abort = record("planted-abort");
    assert_eq!(finding(abort).happened, "its process ended; killed by signal 6 (SIGABRT)");
    assert_eq!(finding(abort).case, FAULTY_FROM);
    let words =
        |record: &VerdictRecord| record.crash.clone().expect("a process failed").stderr_tail.join("\n");
    assert!(words(abort).contains("free(): double free detected"), "{}", words(abort));
    let panic = record("planted-panic");
    assert_eq!(finding(panic).happened, "its process ended; exit code 101");
    assert!(words(panic).contains("the queue is poisoned"), "{}", words(panic));

    // The terminal shows everything that reproduces each failure.
    for record in &records {
        if matches!(record.verdict, Verdict::Ran(MethodOutcome::Failed(_))) {
            let replay = format!(
                "chanlab verify --by {} --channel {} --method properties --seed 7 --case {FAULTY_FROM}",
                command::quoted(&by),
                record.subject
            );
            assert_eq!(record.replay.as_deref(), Some(&*replay));
            assert!(stdout.contains(&replay), "{stdout}");
            assert!(stdout.contains(&format!("FAILED  {} by properties: ", record.subject)), "{stdout}");
        }
    }
    let matrix = stdout.split("\n\n").find(|part| part.trim_start().starts_with("properties\n"));
    insta::assert_snapshot!(matrix.unwrap_or_else(|| panic!("no matrix in {stdout}")));
}

#[test]
fn the_replay_shows_the_same_case_again() {
    let bench = Bench::new();
    let by = planted::program(&bench);
    bench.verify(&by, &[&ASKED[..], &["--channel", "mutant-drops-one"]].concat());
    let first = bench.records().remove(0);
    let replay = first.replay.clone().expect("it failed");
    let words = command::words(&replay).expect("a command").split_off(1);
    let output = bench.record_file().display().to_string();
    let words: Vec<&str> = words.iter().map(String::as_str).chain(["--output", output.as_str()]).collect();
    let again = bench.command(&words).output().expect("the command starts");
    assert_eq!(again.status.code(), Some(1), "{}", text(&again.stderr));
    let records = bench.records();
    let [_, again] = &records[..] else { panic!("{records:?}") };
    assert_eq!(again.verdict, first.verdict);
    assert_eq!(again.only, Some(FAULTY_FROM));

    // A replayed case without the mistake passes, and adds no coverage.
    let position = words.iter().position(|word| *word == "--case").expect("there") + 1;
    let mut other = words.clone();
    other[position] = "0";
    let passed = bench.command(&other).output().expect("the command starts");
    assert_eq!(passed.status.code(), Some(0), "{}", text(&passed.stderr));
    assert!(text(&passed.stdout).contains("mutant-drops-one  passed (1)"), "{}", text(&passed.stdout));
    let page = bench.page_with_problems();
    assert!(page.contains("✗ failed"), "the failure is not hidden by its own replay");
}

#[test]
fn a_picture_is_next_to_the_record_and_inert_on_the_page() {
    let bench = Bench::new();
    let by = planted::program(&bench);
    let output = bench.verify(&by, &[&ASKED[..], &["--channel", "mutant-delivers-twice"]].concat());
    let picture = bench.path().join("mutant-delivers-twice-properties-case-5.svg");
    assert!(text(&output.stdout).contains(&picture.display().to_string()), "{}", text(&output.stdout));
    assert!(fs::read_to_string(&picture).expect("there").starts_with("<svg"));
    let page = bench.page_with_problems();
    assert!(page.contains("src=\"data:image/svg+xml,%3Csvg "), "the picture is there");
    assert!(!page.contains("<script"), "and is nothing but a picture");
    for step in ["<td>send(10)</td>", "<td>recv() → 10</td>", "<th scope=\"col\">receiver</th>"] {
        assert!(page.contains(step), "{step} is not on the page");
    }
    assert!(page.contains("mutant-delivers-twice failed verification by properties"), "a warning at the top");
}
