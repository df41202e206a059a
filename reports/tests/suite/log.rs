//! `chanlab log`: what it appends, what it shows, and a disk that is full.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use records::text::is_hidden;
use serde_json::{Value, json};
use service_log::{Commit, Group, Header, Log, NewMessage, Options, Writer};
use tempfile::TempDir;

use crate::fixture::text;

fn chanlab(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_chanlab"))
        .arg("log")
        .args(arguments)
        .output()
        .expect("the command starts")
}

#[track_caller]
fn succeeds(arguments: &[&str]) -> String {
    let output = chanlab(arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    text(&output.stdout)
}

/// A folder, and the path of a log in it that is not there yet.
fn place() -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log").display().to_string();
    (folder, log)
}

/// The payloads of every partition, by partition and offset.
fn payloads(log: &str) -> BTreeMap<(u32, u64), String> {
    let log = Log::open(Path::new(log)).expect("a log");
    let mut payloads = BTreeMap::new();
    for partition in 0..log.partitions() {
        let mut reader = log.reader(partition, 0).expect("the start");
        while let Some(message) = reader.read().expect("whole") {
            let payload = String::from_utf8(message.payload).expect("letters");
            payloads.insert((partition, message.offset), payload);
        }
    }
    payloads
}

#[test]
fn a_seed_decides_the_messages_and_more_are_appended_with_numbers_that_go_on() {
    let [(_one, one), (_other, other)] = [place(), place()];
    for log in [&one, &other] {
        succeeds(&["produce", log, "--partitions", "3", "--messages", "500", "--size", "20", "--seed", "7"]);
    }
    assert_eq!(payloads(&one), payloads(&other));
    let said =
        succeeds(&["produce", &one, "--messages", "250", "--size", "20", "--seed", "7", "--header", "a=b=c"]);
    assert!(said.starts_with("250 messages of 20 bytes into 3 partitions of "), "{said}");
    let payloads = payloads(&one);
    let mut numbers: Vec<u64> = payloads
        .values()
        .map(|payload| payload.split_once(' ').expect("a number and letters").0.parse().expect("a number"))
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..750).collect::<Vec<_>>());
    // The messages of a key are in one partition.
    let log = Log::open(Path::new(&one)).expect("a log");
    let mut keys = BTreeMap::new();
    for partition in 0..3 {
        let mut reader = log.reader(partition, 0).expect("the start");
        while let Some(message) = reader.read().expect("whole") {
            assert_eq!(*keys.entry(message.key.expect("a key")).or_insert(partition), partition);
        }
    }
    assert!(keys.len() > 300, "{}", keys.len());
}

#[test]
fn the_overview_has_the_extent_of_each_partition_and_the_lag_of_each_group() {
    let (_folder, log) = place();
    succeeds(&["produce", &log, "--partitions", "2", "--messages", "3000", "--keys", "0"]);
    let commit = Commit { offset: 1_200, metadata: "beyond".to_owned() };
    Group::open(Path::new(&log), "slow").expect("a group").commit([(1, commit)]).expect("committed");
    let shown = succeeds(&["show", &log]);
    let rows: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(shown.lines().next(), Some(&*format!("{log}: 2 partitions, 3,000 messages")));
    let has = |words: &[&str]| assert!(rows.iter().any(|row| row.starts_with(words)), "{words:?}: {shown}");
    has(&["1", "0", "1,500"]);
    has(&["group", "slow"]);
    has(&["0", "-", "1,500", "0", "bytes"]);
    has(&["1", "1,200", "300", "6", "bytes"]);
    let json: Value = serde_json::from_str(&succeeds(&["show", &log, "--json"])).expect("JSON");
    let extent = Log::open(Path::new(&log)).and_then(|log| log.extent(1)).expect("whole");
    let partition = json!({"partition": 1, "first": 0, "next": 1_500, "bytes": extent.bytes, "segments": 1});
    assert_eq!(json["partitions"][1], partition);
    let committed = json!([
        {"partition": 0, "offset": null, "lag": 1_500, "metadata": ""},
        {"partition": 1, "offset": 1_200, "lag": 300, "metadata": "beyond"},
    ]);
    assert_eq!(json["groups"], json!([{"group": "slow", "partitions": committed}]));
}

#[test]
fn messages_are_shown_from_any_offset_and_control_nothing() {
    let (_folder, log) = place();
    let hostile = "\u{1b}[2J\u{202e}\r\nSPOOF";
    let mut writer = Writer::create(Path::new(&log), Options { partitions: 1, segment_bytes: 1 << 20 })
        .expect("a new log");
    let headers = [Header { name: hostile.to_owned(), value: vec![0xff] }];
    for payload in [&b"one"[..], hostile.as_bytes(), b"three"] {
        let message = NewMessage { key: Some(payload), headers: &headers, payload, ..NewMessage::default() };
        writer.append(0, &message).expect("appended");
    }
    writer.flush().expect("written");
    let shown = succeeds(&["show", &log, "--partition", "0", "--from", "1"]);
    assert!(shown.chars().all(|character| character == '\n' || !is_hidden(character)), "{shown}");
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("0/1 ") && lines[1].ends_with(" three"), "{shown}");
    let shown = succeeds(&["show", &log, "--partition", "0", "--from", "1", "--count", "1", "--json"]);
    assert!(shown.trim_end().chars().all(|character| !is_hidden(character)), "{shown}");
    let message: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!((&message["offset"], &message["payload"]), (&json!(1), &json!(hostile)));
    assert_eq!(message["headers"], json!([[hostile, {"hex": "ff"}]]));
}

#[test]
fn a_full_disk_is_one_line_and_what_is_in_the_log_stays() {
    let (_folder, log) = place();
    succeeds(&["produce", &log, "--partitions", "1", "--messages", "100"]);
    let own = env!("CARGO_BIN_EXE_chanlab");
    let mut shell = Command::new("bash");
    shell.args(["-c", r#"trap '' XFSZ; ulimit -f 100; exec "$0" "$@""#, own, "log", "produce", &log]);
    let output = shell.output().expect("bash starts");
    let stderr = text(&output.stderr);
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(4), 1), "{stderr}");
    assert!(stderr.starts_with("error: cannot write ") && stderr.contains("File too large"), "{stderr}");
    let before = payloads(&log).len();
    assert!(before > 900, "{before}");
    succeeds(&["produce", &log, "--messages", "50"]);
    assert_eq!(payloads(&log).len(), before + 50);
}
