//! Text from elsewhere controls neither the terminal nor the page nor Markdown, wherever in the records and on the
//! command line it is.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::process::{Command, Output};

use records::checksum::plan_checksum;
use records::plan::{PLAN_FILE, Plan};
use records::record::{BENCH_FILE, BenchmarkStatus, Record, VERIFIED_FILE, VerdictRecord};
use records::rounds::Line;
use records::text::is_hidden;
use reports::analyse::changes::Changes;
use reports::analyse::choice::choose;
use reports::collect::runs::RunData;
use reports::render;
use reports::render::changes::{ChangeReport, side_by_side};
use reports::render::verification::terminal::failure;
use serde::de::DeserializeOwned;
use serde_json::Value;
use testing::runs::sealed;
use workloads::workload::Metric;

use crate::fixture::{Fixture, Run, measured, text};

/// Breaks a line and overwrites it, turns the direction of text, hides letters, and is HTML and Markdown.
const HOSTILE: &str = "<b>x\u{202e}\u{1b}[2K\r\nSPOOF\u{9b}\u{200b}\u{e0041}\u{2028}|`*[a](b)&\"'</b>";

/// The text that must not begin a line.
const SPOOF: &str = "SPOOF";

/// A record in which every text that may be any text is [`HOSTILE`].
fn hostile<T: DeserializeOwned>(json: &str) -> String {
    let mut value: Value = serde_json::from_str(json).expect("JSON");
    if let Value::Object(members) = &mut value {
        // A line without a checksum is one of an older version.
        members.remove("crc32");
    }
    let mut paths = Vec::new();
    strings(&value, &mut String::new(), &mut paths);
    for (index, path) in paths.iter().enumerate() {
        let text = value.pointer_mut(path).expect("it was there");
        let before = std::mem::replace(text, Value::String(format!("{HOSTILE}{index}")));
        if serde_json::from_value::<T>(value.clone()).is_err() {
            *value.pointer_mut(path).expect("it was there") = before;
        }
    }
    value.to_string()
}

/// The paths of all strings.
fn strings(value: &Value, path: &mut String, paths: &mut Vec<String>) {
    let length = path.len();
    match value {
        Value::String(_) => paths.push(path.clone()),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push_str(&format!("/{index}"));
                strings(item, path, paths);
                path.truncate(length);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                path.push_str(&format!("/{}", name.replace('~', "~0").replace('/', "~1")));
                strings(member, path, paths);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

fn hostile_file<T: DeserializeOwned>(file: &Path) {
    let lines = fs::read_to_string(file).expect("records");
    let lines: String = lines.lines().map(|line| hostile::<T>(line) + "\n").collect();
    fs::write(file, lines).expect("written");
}

/// Hostile names, params, reasons and versions in a run with a cell of every kind.
fn hostile_run(fixture: &Fixture) -> Run {
    let params = ["capacity=64", "capacity=1"];
    let run = fixture.run_of("2026-01-02", "producer_consumer", &params, &["flume", "kanal", "std", "own"]);
    run.rounds([params[0], "flume"], 100.0);
    run.rounds([params[0], "kanal"], 200.0);
    run.capacity([params[0], "kanal"], "1");
    run.rounds([params[1], "kanal"], 300.0);
    run.rounds([params[1], "own"], 300.0);
    run.unsupported([params[0], "std"], "why");
    run.failed([params[0], "own"], "it lost a message");
    let plan = run.folder().join(PLAN_FILE);
    let mut json: Value = serde_json::from_str(&fs::read_to_string(&plan).expect("a plan")).expect("JSON");
    json["not_available"] = serde_json::json!([["go", "why"]]);
    json["entries"][0]["about"] = serde_json::json!({
        "name": "n", "version": "v", "about": "a", "lacks": [{"capability": "c", "reason": "r"}], "notes": ["n"],
    });
    // The versions of a comparison.
    json["versions"] = serde_json::json!([0, 1]);
    let hostile_plan = hostile::<Plan>(&json.to_string());
    fs::write(&plan, &hostile_plan).expect("written");
    let rounds = run.rounds_file();
    hostile_file::<Line>(&rounds);
    // The author of these lines could also seal them.
    let text = fs::read_to_string(&rounds).expect("rounds");
    let lines = text.lines().map(|line| serde_json::from_str::<Line>(line).expect("a line"));
    fs::write(&rounds, sealed(plan_checksum(hostile_plan.as_bytes()), lines)).expect("written");
    run
}

/// A failed verification with all its evidence.
fn verified() -> VerdictRecord {
    let json = serde_json::json!({
        "kind": "verified", "format": 2, "at": "2026-11-26T09:11:00Z", "command": "c", "subject": "flume",
        "version": "flume 0.12.0", "method": "conformance", "seed": 7, "shard": {"index": 1, "of": 1},
        "budget_seconds": 12.5, "seconds": 40.1,
        "verdict": {"ran": {"outcome": "failed", "case": 12, "scenario": "s", "expected": "e", "happened": "h",
            "threads": [{"thread": "t", "steps": [[0, "send 1"], [2, "send 2"]]}], "picture": "<svg/>"}},
        "crash": {"ended": "e", "stderr_tail": ["a last line"], "backtrace": "b"}, "replay": "r",
        "machine": crate::fixture::machine("6.1"),
    });
    match serde_json::from_str(&hostile::<Record>(&json.to_string())).expect("a record") {
        Record::Verified(verified) => *verified,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_plain(shown: &str) {
    for line in shown.lines() {
        assert!(!line.contains(is_hidden), "{line:?}");
        assert!(!line.trim_start().starts_with(SPOOF), "{line:?}");
    }
}

/// A fixture with a hostile record of every source.
fn hostile_fixture() -> Fixture {
    let fixture = Fixture::new();
    hostile_run(&fixture);
    let cell = |channel| ["ping_pong", "capacity=1", channel];
    fixture.measured_benchmark("6.1", cell("flume"), 100.0);
    fixture.benchmark_of_capacity("6.2", cell("std"), measured(), Some("1"));
    fixture.benchmark("6.1", cell("kanal"), BenchmarkStatus::Failed { reason: "r".to_owned() });
    fixture.benchmark("6.1", cell("own"), BenchmarkStatus::Unsupported { reason: "r".to_owned() });
    hostile_file::<Record>(&fixture.input().join(BENCH_FILE));
    fixture.model("hand_off", "mutex-deque");
    fixture.model_by("shuttle", "protocol", "fan_in");
    hostile_file::<Record>(&fixture.models_file());
    let verified = Record::Verified(Box::new(verified()));
    let line = serde_json::to_string(&verified).expect("plain data") + "\n";
    let folder = fixture.verifications().join("one");
    fs::create_dir_all(&folder).expect("made");
    fs::write(folder.join(VERIFIED_FILE), line.clone() + "{\"kind\":\"\u{1b}[2K\"}\n").expect("written");
    fixture
}

#[test]
fn the_page_and_the_terminal_show_hostile_text_of_every_source_inertly() {
    let fixture = hostile_fixture();
    let output = fixture.report();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_plain(&stdout);
    assert_plain(&stderr);
    assert!(stdout.matches(SPOOF).count() > 8 && stderr.matches(SPOOF).count() > 3, "{stdout}{stderr}");

    let page = fixture.page();
    assert!(page.chars().all(|character| character == '\n' || !is_hidden(character)));
    assert!(!page.contains("<b>x") && !page.contains("</b>\"") && page.contains("&lt;b&gt;x"));
    let shown = page.matches(SPOOF).count();
    assert!(shown > 60, "{shown} places only");
}

#[test]
fn changes_and_choices_show_hostile_text_inertly() {
    let fixture = Fixture::new();
    let run = hostile_run(&fixture);
    let run = RunData::read(run.folder()).expect("a run");
    let changes = Changes::of_versions(&run).expect("its plan names the versions");
    let report = ChangeReport {
        title: HOSTILE.to_owned(),
        method: side_by_side(&changes),
        changes: &changes,
        remarks: vec![HOSTILE.to_owned()],
        facts: vec![(HOSTILE.to_owned(), HOSTILE.to_owned())],
    };
    let choice = choose(&run, Metric::Throughput).expect("a channel has a time");
    for shown in [render::changes::terminal(&report), render::choice::text(&choice)] {
        assert_plain(&shown);
        assert!(shown.contains(SPOOF), "{shown}");
    }
    let markdown = render::markdown::markdown(&report);
    assert_plain(&markdown);
    assert!(
        !markdown.contains("<b>") && !markdown.contains("[a](b)") && markdown.contains("&lt;b>x"),
        "{markdown}"
    );
    for row in markdown.lines().filter(|line| line.contains(SPOOF) && line.starts_with('|')) {
        let bars = row.replace("\\|", "").matches('|').count();
        assert!([3, 9].contains(&bars), "{bars} columns: {row}");
    }
}

#[test]
fn a_failure_in_the_terminal_keeps_hostile_lines_to_their_column() {
    let shown = failure(&verified(), Some(Path::new(HOSTILE)));
    for line in shown.lines() {
        assert!(!line.contains(is_hidden), "{line:?}");
        assert!(!line.starts_with(SPOOF), "{line:?}");
    }
    assert!(shown.matches(SPOOF).count() > 8, "{shown}");
}

/// Runs the command with these arguments, of which some are no text.
fn command(arguments: &[&OsStr]) -> Output {
    let nothing = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_chanlab"));
    command.current_dir(nothing.path()).env("PATH", nothing.path()).env_remove("CARGO");
    command.args(arguments).output().expect("the command starts")
}

/// A path with line breaks is no mistake, so it is shown where the result is: in one line.
#[test]
fn a_path_that_works_is_shown_in_one_line() {
    let bucket = ["bucket", "--channel", "mutex-deque", "--seconds", "1", "--output", HOSTILE];
    let output = command(&bucket.map(OsStr::new));
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{stderr}");
    assert_plain(&stdout);
    assert!(stdout.lines().last().is_some_and(|line| line.starts_with("<b>x")), "{stdout}");
}

#[test]
fn any_argument_is_refused_or_works_in_plain_text() {
    let no_text = OsString::from_vec(b"/nowhere/\xff\x1b[2K".to_vec());
    let [hostile, no_text, empty] = [OsStr::new(HOSTILE), &no_text, OsStr::new("")];
    let options: &[&[&str]] = &[
        &["run", "ping_pong/capacity=1", "--resume"],
        &["run", "ping_pong/capacity=1", "--runner"],
        &["run", "ping_pong/capacity=1", "--channel"],
        &["run", "--no-go", "--channel", "nothing", "--output"],
        &["run"],
        &["choose", "--capacity"],
        &["choose", "--rate"],
        &["ab", "--resume"],
        &["ab", "--crate", "flume", "0.11.0"],
        &["ab", "0.11.0", "0.11.1", "--crate"],
        &["ab", "--crate", "flume", "0.11.0", "path:/nowhere", "--beside"],
        &["compare", "nothing"],
        &["compare", "nothing", "nowhere", "--markdown"],
        &["report", "--run"],
        &["report", "--input"],
        &["report", "--no-run", "--models"],
        &["report", "--no-run", "--verified"],
        // Otherwise it would draw what this checkout has recorded.
        &["report", "--no-run", "--input", "nothing", "--output"],
        &["round"],
        &["round", "flume", "ping_pong"],
        &["article", "--output"],
        &["runner", "check"],
        &["honesty", "--trials", "0", "--output"],
        &["verify", "--channel"],
        &["verify", "--method", "shuttle", "--channel", "nothing", "--output"],
        &["verify", "--method", "loom", "--adapter", "nothing", "--path"],
        &["verify", "--method", "loom", "--path", "nothing", "--adapter"],
        &["verify", "--method", "shuttle", "--channel", "nothing", "--model"],
        &["verify", "--by"],
        &[],
    ];
    for option in options {
        for argument in [hostile, no_text, empty] {
            let arguments: Vec<&OsStr> = option.iter().map(OsStr::new).chain([argument]).collect();
            let output = command(&arguments);
            let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
            assert_plain(&stdout);
            assert_plain(&stderr);
            // An empty list of params is none.
            if arguments[..] == ["round", "flume", "ping_pong", ""] {
                continue;
            }
            assert!(
                matches!(output.status.code(), Some(1..=4)),
                "{arguments:?}: {:?} {stderr}",
                output.status
            );
            let last = stderr.lines().last().unwrap_or_default();
            assert!(
                last.starts_with("error: ") && !stderr.contains("panicked at"),
                "{arguments:?}: {stderr}"
            );
        }
    }
}
