//! Each way in which a record of a verification, a model, a benchmark or the overhead can contradict itself.

use std::path::Path;

use contract::shard::Shard;
use records::checksum::line;
use records::crash::CrashReport;
use records::format::Format;
use records::model_report::{
    Coverage, ExplorationBounds, ExplorationLimit, ExploredModels, ModelReport, ModelSubject, ModelVerdict,
};
use records::record::{Overhead, Record, Verdict, VerdictRecord};
use records::verify::{Method, MethodOutcome};
use reports::collect::records::Records;
use reports::collect::verified::VerifiedRecords;
use reports::render::problems;
use serde_json::{Value, json};

use crate::recorded::Recorded;

fn verdict() -> VerdictRecord {
    VerdictRecord {
        format: Format,
        at: "2026-01-02T03:04:05Z".to_owned(),
        command: "chanlab verify".to_owned(),
        subject: "flume".to_owned(),
        version: "flume 1.2.3".to_owned(),
        method: Method::Properties,
        seed: 7,
        shard: Shard::WHOLE,
        only: None,
        budget_seconds: 10.0,
        seconds: 9.5,
        verdict: Verdict::Ran(MethodOutcome::Passed { cases: 40, bounds: "b".to_owned() }),
        crash: None,
        replay: None,
        models: None,
        machine: Recorded::sound(0).plan.machine,
    }
}

fn model() -> ModelReport {
    ModelReport {
        format: Format,
        request: None,
        at: "2026-01-02T03:04:05Z".to_owned(),
        model: "m".to_owned(),
        subject: ModelSubject::Channel,
        sut: "mutex-deque".to_owned(),
        has_timeouts: false,
        bounds: ExplorationBounds::Loom {
            preemptions: Some(2),
            branches: 9,
            seconds: None,
            shard: Shard::WHOLE,
        },
        executions: 40,
        seconds: 0.5,
        timed_waits: None,
        verdict: ModelVerdict::Passed { coverage: Coverage::Bounds },
    }
}

fn overhead() -> Overhead {
    Overhead {
        format: Format,
        at: "2026-01-02T03:04:05Z".to_owned(),
        channel: "flume".to_owned(),
        against: "a loop".to_owned(),
        processes: 20,
        pairs: 50,
        ratio: 1.0,
        interval: [0.9, 1.1],
        machine: Recorded::sound(0).plan.machine,
    }
}

fn explored(verdict: ModelVerdict) -> Option<ExploredModels> {
    Some(ExploredModels { reports: vec![ModelReport { verdict, ..model() }], ..ExploredModels::default() })
}

fn text(record: &Record) -> String {
    String::from_utf8(line(record, None).expect("an object").0).expect("text")
}

/// The problems of a file of verdicts, and how many verdicts are left.
fn verified(text: &str) -> (Vec<String>, usize) {
    let mut read = VerifiedRecords::default();
    read.add_bytes(Path::new("verified.jsonl"), text.as_bytes());
    (read.problems.iter().map(problems::line).collect(), read.records.len())
}

/// A change of a verdict's JSON, and the problem that names it.
type Row = (&'static str, fn(&mut VerdictRecord), &'static str);

const TABLE: &[Row] = &[
    (
        "passed nothing",
        |one| one.verdict = Verdict::Ran(MethodOutcome::Passed { cases: 0, bounds: String::new() }),
        "it passed without a case",
    ),
    (
        "passed and crashed",
        |one| one.crash = Some(CrashReport::default()),
        "it did not fail, and its process crashed",
    ),
    (
        "passed and repeated",
        |one| one.replay = Some("again".to_owned()),
        "it did not fail, and a command repeats the failure",
    ),
    (
        "passed with a failed model",
        |one| one.models = explored(ModelVerdict::Failed(Box::default())),
        "it did not fail, and the model m failed",
    ),
    (
        "passed with a cut model",
        |one| {
            one.models =
                explored(ModelVerdict::Cut { limit: ExplorationLimit::Time, coverage: Coverage::Partial })
        },
        "it did not fail, and the model m was cut short",
    ),
    (
        "other executions",
        |one| {
            one.models = explored(ModelVerdict::Passed { coverage: Coverage::Bounds });
            one.verdict = Verdict::Ran(MethodOutcome::Passed { cases: 41, bounds: String::new() });
        },
        "41 schedules, and its models have 40",
    ),
    ("negative time", |one| one.seconds = -1.0, "seconds is -1"),
    ("negative budget", |one| one.budget_seconds = -0.5, "budget_seconds is -0.5"),
    ("shard 0/0", |one| one.shard = Shard { index: 0, of: 0 }, "there is no shard 0/0"),
    ("shard 3/2", |one| one.shard = Shard { index: 3, of: 2 }, "there is no shard 3/2"),
    ("no moment", |one| one.at = "tomorrow".to_owned(), "\"tomorrow\" is no moment"),
    (
        "cut by nothing",
        |one| {
            one.verdict = Verdict::Ran(MethodOutcome::Cut {
                cases: 1,
                cuts: [].into(),
                models: 2,
                bounds: String::new(),
            })
        },
        "cut short in 0 of 2 models",
    ),
    (
        "cut in more models than there are",
        |one| {
            let cuts = [(ExplorationLimit::Time, 3)].into();
            one.verdict =
                Verdict::Ran(MethodOutcome::Cut { cases: 1, cuts, models: 2, bounds: String::new() });
        },
        "cut short in 3 of 2 models",
    ),
    (
        "more than all",
        |one| one.verdict = Verdict::Ran(MethodOutcome::OutOfTime { cases: 9, all: Some(8) }),
        "ran out of time after 9 cases of 8",
    ),
];

#[test]
fn a_verdict_that_contradicts_itself_is_named_and_left_out() {
    let sound = text(&Record::Verified(Box::new(verdict())));
    assert_eq!(verified(&sound), (Vec::new(), 1));
    for (name, change, problem) in TABLE {
        let mut changed = verdict();
        change(&mut changed);
        let (problems, left) = verified(&text(&Record::Verified(Box::new(changed))));
        assert_eq!((problems.len(), left), (1, 0), "{name}: {problems:#?}");
        assert!(problems[0].starts_with("verified.jsonl:1: flume by properties: "), "{name}: {problems:#?}");
        assert!(problems[0].contains(problem), "{name}: {problem}\nis not in {problems:#?}");
    }
    let (problems, left) = verified(&sound.replace("\"properties\"", "\"prayer\""));
    assert!(problems[0].contains("the line was changed") && left == 0, "{problems:#?}");
    let unknown: Value = serde_json::from_str(&sound.replace("\"properties\"", "\"prayer\"")).expect("JSON");
    let mut unknown = unknown.as_object().expect("an object").clone();
    unknown.remove("crc32");
    let (problems, left) = verified(&(json!(unknown).to_string() + "\n"));
    assert!(problems[0].contains("unknown variant `prayer`") && left == 0, "{problems:#?}");
}

#[test]
fn the_same_verdict_twice_counts_once_and_two_that_differ_are_named() {
    let sound = text(&Record::Verified(Box::new(verdict())));
    let (problems, left) = verified(&[&*sound, &*sound].concat());
    assert!(
        problems[0].ends_with("the same record as in line 1, counted once") && left == 1,
        "{problems:#?}"
    );
    let other = VerdictRecord { seconds: 3.0, ..verdict() };
    let (problems, left) = verified(&[sound, text(&Record::Verified(Box::new(other)))].concat());
    assert!(
        problems[0].contains("it says something else than line 1 about the same moment"),
        "{problems:#?}"
    );
    assert_eq!(left, 1);
}

#[test]
fn models_and_overheads_that_contradict_themselves_are_named_and_left_out() {
    let failed = |execution| {
        let failure = records::model_report::ModelFailure { execution, ..Default::default() };
        Record::Model(Box::new(ModelReport { verdict: ModelVerdict::Failed(Box::new(failure)), ..model() }))
    };
    let cut = ModelVerdict::Cut { limit: ExplorationLimit::Time, coverage: Coverage::Exhausted };
    let rows = [
        (Record::Model(Box::new(ModelReport { executions: 0, ..model() })), "it passed without a case"),
        (Record::Model(Box::new(ModelReport { seconds: -0.1, ..model() })), "seconds is -0.1"),
        (
            Record::Model(Box::new(ModelReport { verdict: cut, ..model() })),
            "cut short after every schedule was explored",
        ),
        (failed(0), "execution 0 failed, and 40 began"),
        (failed(41), "execution 41 failed, and 40 began"),
        (Record::Overhead(Overhead { ratio: 2.0, ..overhead() }), "the ratio 2 with the interval 0.9 to 1.1"),
        (
            Record::Overhead(Overhead { interval: [-1.0, 1.1], ..overhead() }),
            "the ratio 1 with the interval -1 to 1.1",
        ),
        (Record::Overhead(Overhead { pairs: 0, ..overhead() }), "measured without a round or a message"),
    ];
    let sound =
        [Record::Model(Box::new(model())), Record::Overhead(overhead())].map(|record| text(&record)).concat();
    assert_eq!(Records::from_bytes(Path::new("r"), sound.as_bytes()).problems, []);
    for (record, problem) in rows {
        let read = Records::from_bytes(Path::new("records.jsonl"), text(&record).as_bytes());
        let said: Vec<String> = read.problems.iter().map(problems::line).collect();
        assert!(said.len() == 1 && said[0].contains(problem), "{problem}\nis not in {said:#?}");
        assert_eq!(read.models.len() + read.overheads.len(), 0, "{problem}");
    }
}
