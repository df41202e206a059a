//! The command line: exit codes, one line for each error, no panic.

use std::fs;
use std::process::{Command, Output};

use records::record::BENCH_FILE;

use crate::fixture::{Fixture, chanlab, measured, text};

const FAILED: i32 = 1;
const USAGE: i32 = 2;
const UNDECIDED: i32 = 3;

/// The error in `output`: one line on stderr, and nothing else.
#[track_caller]
fn error(output: &Output, code: i32) -> String {
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("error: "), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert_eq!(text(&output.stdout), "");
    stderr.trim_end().to_owned()
}

#[test]
fn bad_arguments_are_one_line_and_exit_code_2() {
    // An installed Go adds channels, so the path is empty here.
    let nothing = tempfile::tempdir().expect("a folder");
    let chanlab = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chanlab"));
        command.args(arguments).env("PATH", nothing.path()).output().expect("the command starts")
    };
    let errors: Vec<_> = [
        &["round", "flume", "producer_consumer", "capacity=-1"][..],
        &["round", "flume", "producer_consumer", "producers=0"],
        &["round", "flume", "producer_consumer", "capacity=1024", "--messages", "10"],
        &["round", "flume", "producer_consumer", "colour=red"],
        &["round", "flume", "producer_consumer", "capacity=1,capacity=2"],
        &["round", "flume", "producer_consumer", "--rounds", "0"],
        &["round", "flum", "producer_consumer"],
        &["round", "flume", "fan_out"],
        &["round", "flume"],
        &["report", "--colour"],
        &["contrast"],
        &["compare", "one"],
        &["ab", "--crate", "flume", "0.11.1"],
        &["ab", "--crate", "flum", "0.11.1", "0.12.0"],
        &["ab", "--crate", "flume", "0.11", "0.12.0"],
        &["ab", "--crate", "flume", "0.11.1", "path:/no/such/folder"],
        &["ab", "--crate", "flume", "0.11.1", "0.12.0", "fan_out"],
        &["ab", "--crate", "flume", "0.11.1", "0.12.0", "--beside", "flum"],
        &["ab", "--crate", "flume", "0.11.1", "0.12.0", "--threshold", "-1"],
        &["verify", "--channel", "flum"],
        &["verify", "--method", "prayer"],
        &["verify", "--shard", "1/2"],
        &["verify", "--seed", "1", "--shard", "3/2"],
        &["verify", "--seed", "1", "--case", "7", "--channel", "flume"],
        &["verify", "--seed", "1", "--case", "7", "--channel", "flume", "--method", "loom"],
        &["verify", "--budget", "0"],
    ]
    .into_iter()
    .map(|arguments| error(&chanlab(arguments), USAGE))
    .collect();
    // A new channel or workload changes no message.
    let registry = adapters::registry();
    let channels: Vec<_> = registry.channels().map(|info| info.name).collect();
    let workloads: Vec<_> = registry.workloads().map(|info| info.name).collect();
    let mut crates: Vec<_> = registry.channels().filter_map(|info| info.package).collect();
    crates.dedup();
    let errors = errors.join("\n");
    let errors =
        errors.replace(&channels.join(", "), "[channels]").replace(&workloads.join(", "), "[workloads]");
    let errors = errors.replace(&crates.join(", "), "[crates]");
    insta::assert_snapshot!(errors);
}

#[test]
fn help_is_not_an_error() {
    let output = chanlab(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("Usage: chanlab <COMMAND>"));
}

#[test]
fn nothing_to_report_names_what_is_missing_and_what_to_do() {
    let fixture = Fixture::new();
    let missing = error(&fixture.report(), USAGE);
    assert!(missing.contains(&format!("there is no folder {}", fixture.input().display())), "{missing}");
    assert!(missing.contains("scripts/bench"), "{missing}");

    fs::create_dir(fixture.input()).expect("made");
    let record = fixture.input().join(BENCH_FILE);
    let missing = error(&fixture.report(), USAGE);
    assert!(missing.contains(&format!("there is no file {}", record.display())), "{missing}");

    fs::write(&record, "not a record\n").expect("written");
    let output = fixture.report();
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(FAILED), "{stderr}");
    assert!(stderr.contains(&format!("warning: {}:1: not a record", record.display())), "{stderr}");

    fs::write(&record, "").expect("written");
    let missing = error(&fixture.report(), USAGE);
    assert!(missing.contains("holds no benchmark"), "{missing}");

    fixture.benchmark("6.1", ["ping_pong", "capacity=1", "flume"], measured());
    let input = fixture.input().display().to_string();
    let models = fixture.models_file().display().to_string();
    let missing = error(&chanlab(&["report", "--input", &input, "--models", &models]), USAGE);
    assert!(missing.contains(&models), "{missing}");
}

#[test]
fn report_ends_with_the_path_of_the_page() {
    let fixture = Fixture::new();
    let run = fixture.run("ping_pong", &["capacity=1"]);
    run.rounds(["capacity=1", "flume"], 900.0);
    let output = fixture.report();
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(UNDECIDED), "{stderr}");
    assert!(stderr.ends_with("error: the page shows an unfinished run\n"), "{stderr}");
    let stdout = text(&output.stdout);
    let last = stdout.lines().last().expect("a line");
    assert!(fs::read_to_string(last).expect("the page").starts_with("<!DOCTYPE html>"));
    assert!(stdout.contains("flume 1; not run: mutex-deque 1, std 1"), "{stdout}");
}

#[test]
fn a_round_prints_its_times() {
    let output = chanlab(&[
        "round",
        "crossfire",
        "ping_pong",
        "capacity=0,placement=any",
        "--rounds",
        "3",
        "--messages",
        "100",
    ]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let stdout = text(&output.stdout);
    assert!(stdout.contains("effective capacity: 1, asked for: 0"), "{stdout}");
    assert!(stdout.contains("3 rounds of 100 messages, all verified"), "{stdout}");
    assert_eq!(stdout.matches(" ns/op\n").count(), 3, "{stdout}");
    assert!(stdout.contains("ns/op: least "), "{stdout}");
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn an_unsupported_cell_is_undecided_and_has_no_time() {
    let output = chanlab(&["round", "std", "producer_consumer", "consumers=2"]);
    assert_eq!(output.status.code(), Some(UNDECIDED), "{}", text(&output.stderr));
    let stdout = text(&output.stdout);
    assert!(
        stdout.contains("\nunsupported: several consumers (std::sync::mpsc has one consumer)\n"),
        "{stdout}"
    );
    assert!(!stdout.contains("ns/op"), "{stdout}");
}

#[test]
fn a_failed_round_is_one_line_and_exit_code_1() {
    // Sending this many messages one at a time takes more than a second.
    let output = chanlab(&[
        "round",
        "mutex-deque",
        "ping_pong",
        "capacity=1",
        "--messages",
        "10000000",
        "--deadline",
        "1",
    ]);
    let error = error(&output, FAILED);
    assert!(
        error.starts_with("error: ping_pong over mutex-deque with capacity=1,placement=any: "),
        "{error}"
    );
    assert!(error.ends_with("(round 1 of 10)"), "{error}");
}

#[test]
fn list_names_every_channel_and_workload() {
    let output = chanlab(&["list"]);
    assert!(output.status.success());
    let stdout = text(&output.stdout);
    let registry = adapters::registry();
    for info in registry.channels() {
        assert!(stdout.contains(&format!("\n  {}\n", info.name)), "{}", info.name);
        assert!(info.notes.is_empty() || stdout.contains("note: "));
    }
    for info in registry.workloads() {
        assert!(stdout.contains(&format!("\n  {}\n", info.name)), "{}", info.name);
    }
    assert!(stdout.lines().all(|line| line.chars().count() <= 100));
}
