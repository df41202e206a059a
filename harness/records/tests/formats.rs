//! Every example of `docs/FORMATS.md` is read into its type and written back as the same value.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use records::checksum::{Checksum, Seal};
use records::model_report::ModelEvent;
use records::plan::Plan;
use records::record::Record;
use records::rounds::Line;
use records::verify::MethodOutcome;
use records::verify::cases::{WorkerEvent, WorkerRequest};

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(file: &str) -> String {
    let path = project().join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The fenced blocks of the document, by the second word of their first line: the name of the format.
fn blocks() -> BTreeMap<String, String> {
    let document = read("docs/FORMATS.md");
    let mut blocks = BTreeMap::new();
    let mut open: Option<(String, String)> = None;
    for line in document.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(info), None) => {
                let name = info.split_whitespace().nth(1);
                open = Some((
                    name.unwrap_or_else(|| panic!("a block without a name: {line}")).to_owned(),
                    String::new(),
                ));
            }
            (Some(_), Some(_)) => {
                let (name, text) = open.take().expect("open");
                assert!(blocks.insert(name.clone(), text).is_none(), "two blocks are called {name}");
            }
            (None, Some((_, text))) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

/// The JSON values of a block, one after the other.
fn values(block: &str) -> Vec<Value> {
    let values = serde_json::Deserializer::from_str(block).into_iter();
    values.collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{error}\n{block}"))
}

fn assert_written_as_read<T: Serialize + DeserializeOwned>(name: &str, example: &Value) {
    let read: T = serde_json::from_value(example.clone())
        .unwrap_or_else(|error| panic!("{name}: {error}\n{example:#}"));
    let written = serde_json::to_value(read).expect("plain data");
    assert_eq!(&written, example, "{name}");
}

#[test]
fn every_example_is_a_value_of_its_type() {
    let blocks = blocks();
    let names: BTreeSet<&str> = blocks.keys().map(String::as_str).collect();
    let expected = [
        "chanlab-models.jsonl",
        "chanlab.jsonl",
        "checksum",
        "crossfire-lost-wake-up.toml",
        "defects/results.json",
        "model-events",
        "outcome",
        "plan.json",
        "results.json",
        "rounds.jsonl",
        "verified.jsonl",
        "worker-events",
        "worker-request",
    ];
    assert_eq!(names, BTreeSet::from(expected));
    for (name, block) in &blocks {
        let name = name.as_str();
        // The types of these are in other crates; their tests are below.
        if matches!(
            name,
            "checksum" | "results.json" | "defects/results.json" | "crossfire-lost-wake-up.toml"
        ) {
            continue;
        }
        for example in &values(block) {
            match name {
                "plan.json" => assert_written_as_read::<Plan>(name, example),
                "rounds.jsonl" => assert_written_as_read::<Line>(name, example),
                "model-events" => assert_written_as_read::<ModelEvent>(name, example),
                "outcome" => assert_written_as_read::<MethodOutcome>(name, example),
                "worker-request" => assert_written_as_read::<WorkerRequest>(name, example),
                "worker-events" => assert_written_as_read::<WorkerEvent>(name, example),
                _ => assert_written_as_read::<Record>(name, example),
            }
        }
    }
}

#[test]
fn every_kind_of_line_has_an_example() {
    let blocks = blocks();
    let kinds = |name: &str, member: &str| {
        let kinds = values(&blocks[name]).into_iter().map(|value| value[member].clone());
        kinds.map(|kind| kind.as_str().expect("a word").to_owned()).collect::<BTreeSet<_>>()
    };
    let expected = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
    let rounds =
        ["began", "capacity", "ended", "failed", "round", "shortage", "sized", "strays", "unsupported"];
    assert_eq!(kinds("rounds.jsonl", "kind"), expected(&rounds));
    assert_eq!(kinds("model-events", "event"), expected(&["ended", "not-in-shard", "started"]));
    assert_eq!(kinds("worker-events", "kind"), expected(&["begins", "ended", "hello"]));
    assert_eq!(kinds("chanlab.jsonl", "kind"), expected(&["benchmark", "overhead"]));
}

#[test]
fn the_example_of_a_checksum_is_read_as_one() {
    let example = values(&blocks()["checksum"]).remove(0);
    let mut members = example.as_object().expect("an object").clone();
    let after = members.remove("after").expect("it is linked");
    let crc32 = members.remove("crc32").expect("it has a checksum");
    // The members in the order of the document, on one line, as chanlab writes them.
    let sized: Line = serde_json::from_value(members.into()).expect("a line");
    let mut text = serde_json::to_string(&sized).expect("plain data");
    text.pop();
    text += &format!(r#","after":{after}"#);
    assert_eq!(crc32, Checksum::of(text.as_bytes()).to_string(), "the checksum of {text}");
    let Seal::Present { named, computed, after: Some(_) } =
        Seal::of(format!(r#"{text},"crc32":{crc32}}}"#).as_bytes())
    else {
        panic!("{text}")
    };
    assert_eq!(named, computed);
}

#[test]
fn the_example_of_a_defect_is_its_file() {
    assert_eq!(blocks()["crossfire-lost-wake-up.toml"], read("models/defects/crossfire-lost-wake-up.toml"));
}

#[test]
fn the_example_of_a_mutant_has_the_members_of_the_stored_results() {
    let stored: Value = serde_json::from_str(&read("models/mutants/results.json")).expect("JSON");
    let rows = stored["rows"].as_array().expect("rows");
    let example = values(&blocks()["results.json"]).remove(0);
    let detections = |row: &Value| row["detections"].as_array().expect("detections").clone();
    let members = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    let shape = |detection: &Value| (detection["result"].clone(), members(detection));
    let stored: Vec<_> = rows.iter().flat_map(detections).map(|detection| shape(&detection)).collect();
    assert_eq!(members(&example), members(&rows[0]));
    for detection in detections(&example) {
        assert!(stored.contains(&shape(&detection)), "{detection}");
    }
}

#[test]
fn the_example_of_a_defects_result_has_the_members_of_the_stored_results() {
    let stored: Value = serde_json::from_str(&read("models/defects/results.json")).expect("JSON");
    let example = values(&blocks()["defects/results.json"]).remove(0);
    let members = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&example), members(&stored));
    let (example, rows) = (&example["rows"][0], stored["rows"].as_array().expect("rows"));
    let shape = |row: &Value| (members(row), members(&row["outcome"]));
    assert!(rows.iter().any(|row| shape(row) == shape(example)), "{example:#}");
}
