//! The protocols of the processes: runners, workers, models.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use contract::schedule;
use contract::shard::Shard;
use engine::claims::{Asked, check_hello};
use model_driver::models::{ScriptExploration, verdicts};
use records::checksum::line;
use records::command;
use records::files::events;
use records::model_report::{ExploredModels, ModelEvent};
use records::plan::{Entry, Group, Launch, Plan};
use records::protocol::{self, MAX_LINE_LEN, Measured, Reply};
use records::record::{ParamsRecord, Record, Verdict, VerdictRecord};
use records::rounds::{EndReason, Line, RoundLine};
use records::text;
use records::verify::cases::WorkerEvent;
use records::verify::{Method, MethodOutcome, Task};
use reports::collect::runs::RunData;
use reports::render;
use service_core::offset_map::OffsetMap;
use wording::models as words;

use super::records::verified;
use super::{inert, machine, registry};

/// The messages that are planned for a round.
const MESSAGES: u64 = 1_000;

/// The time from a request to its reply.
const ELAPSED: Duration = Duration::from_millis(100);

/// The cells whose replies are checked, each a workload and its params; the number of the cell chooses one.
const CELLS: [[&str; 2]; 4] =
    [["producer_consumer", ""], ["ping_pong", ""], ["open_loop", ""], ["worker_pool", "quit=half"]];

/// A reply of a runner.
pub(super) fn reply(input: &[u8]) {
    let Ok(reply) = serde_json::from_slice::<Reply>(input) else { return };
    let again = serde_json::from_slice(&protocol::line(&reply)).expect("what is written can be read");
    assert_eq!(reply, again, "a reply that is written again is another");
    let groups = CELLS.map(group);
    let of = |cell: u64| &groups[cell as usize % groups.len()];
    let asked = |cell: u64| {
        let group = of(cell);
        Asked::new(registry(), &group.workload, &group.params.values, cell, Some(MESSAGES))
            .expect("a workload of this build")
    };
    match reply {
        Reply::Hello(hello) if check_hello(&hello).is_ok() => {
            for channel in &hello.channels {
                let texts = channel.lacks.iter().flat_map(|lack| [&lack.capability, &lack.reason]);
                let texts =
                    texts.chain(&channel.notes).chain([&channel.name, &channel.version, &channel.about]);
                texts.for_each(|text| inert::line(text));
                assert!(!channel.name.trim().is_empty(), "a channel without a name");
            }
        }
        Reply::Planned { cell, messages, effective_capacity } => {
            let claim = asked(cell).check_planned(cell, messages, effective_capacity.as_deref());
            assert!(claim.is_err() || messages == MESSAGES, "{messages}: another number than was asked for");
        }
        Reply::Round(measured) => {
            let asked = asked(measured.cell);
            if asked.check_round(measured.round, MESSAGES, &measured, ELAPSED).is_ok() {
                recorded(of(measured.cell).clone(), measured);
            }
        }
        _ => {}
    }
}

/// The group of a workload and its params.
fn group([workload, params]: [&str; 2]) -> Group {
    let params = registry().params(workload, params).expect("its params");
    let info = registry().workload(workload).expect("a workload of this build");
    Group {
        workload: workload.to_owned(),
        params: ParamsRecord::new(info, &params),
        least_messages: 1,
        deadline_ns: 30_000_000_000,
    }
}

/// Asserts that a report finds nothing wrong with a round that a run accepted.
fn recorded(group: Group, measured: Measured) {
    let entry = Entry {
        name: "flume".to_owned(),
        channel: "flume".to_owned(),
        version: "1".to_owned(),
        launch: Launch::Own,
        about: None,
    };
    let plan = Plan {
        // The lines of a version before checksums.
        version: 2,
        began: "2026-01-02T03:04:05Z".to_owned(),
        command: "chanlab run".to_owned(),
        profile: "quick".to_owned(),
        seed: 1,
        machine: machine(),
        entries: vec![entry],
        groups: vec![group],
        blocks: 1,
        budget_seconds: 1,
        fewest_epochs: 1,
        most_epochs: 1,
        precision: 0.05,
        placement: "any".to_owned(),
        allocations: false,
        versions: None,
        not_available: Vec::new(),
        programs: Vec::new(),
    };
    let measured = Measured { cell: 0, round: 0, ..measured };
    let round = RoundLine {
        group: 0,
        entry: 0,
        epoch: 0,
        block: Some(0),
        at_ms: ELAPSED.as_millis() as u64,
        extended_ns: None,
        measured,
    };
    let ended = Line::Ended { at: "2026-01-02T03:04:06Z".to_owned(), why: EndReason::Interrupted };
    let lines = [Line::Sized { group: 0, messages: MESSAGES }, Line::Round(round.clone()), ended];
    let plan = serde_json::to_vec(&plan).expect("plain data");
    let lines: Vec<u8> = lines.iter().flat_map(protocol::line).collect();
    let run = RunData::from_bytes("run".as_ref(), &plan, &lines).expect("a plan of this build");
    let problems: Vec<String> = run.problems.iter().map(render::problems::line).collect();
    assert!(problems.is_empty(), "a run accepted {round:?}, and a report finds {problems:#?}");
}

/// The task of a verification.
const TASK: Task = Task { seed: 7, shard: Shard::WHOLE, only: None, budget: Duration::from_secs(1) };

/// The line of a verdict in a record.
fn verdict(
    subject: &str,
    method: Method,
    verdict: Verdict,
    replay: Option<String>,
    models: Option<ExploredModels>,
) -> Vec<u8> {
    let record = Record::Verified(Box::new(VerdictRecord {
        format: Default::default(),
        at: "2026-01-02T03:04:05Z".to_owned(),
        command: "chanlab verify".to_owned(),
        subject: subject.to_owned(),
        version: "1".to_owned(),
        method,
        seed: TASK.seed,
        shard: TASK.shard,
        only: None,
        budget_seconds: 1.0,
        seconds: 1.0,
        verdict,
        crash: None,
        replay,
        models,
        machine: machine(),
    }));
    line(&record, None).expect("an object").0
}

/// An event of a worker, and the record and page of the outcome that it reports.
pub(super) fn worker(input: &[u8]) {
    let Ok(event) = serde_json::from_slice::<WorkerEvent>(input) else { return };
    let mut written = Vec::new();
    event.write(&mut written).expect("written");
    let again = serde_json::from_slice(&written).expect("what is written can be read");
    assert_eq!(event, again, "an event that is written again is another");
    if let WorkerEvent::Ended { outcome } = event {
        verified(&verdict("flume", Method::Rounds, Verdict::Ran(outcome), None, None));
    }
}

/// The events of model processes, and the verdicts that are made of them.
pub(super) fn models(input: &[u8]) {
    let Ok(events) = events(input, "r") else { return };
    let mut has_failed = false;
    for event in &events {
        let written = text::json(event).expect("plain data");
        let again: ModelEvent = serde_json::from_slice(&written).expect("what is written can be read");
        assert_eq!(*event, again, "an event that is written again is another");
        if let ModelEvent::Ended(report) = event {
            has_failed |= report.failure().is_some();
            inert::line(&text::line(&words::line(report)));
            if let Some(failure) = report.failure() {
                inert::terminal(&text::visible(&words::failure(report, failure)));
            }
        }
    }
    for (method, status) in
        [(Method::Loom, None), (Method::Shuttle, Some(0)), (Method::Shuttle, Some(1 << 8))]
    {
        let ended = status.map(ExitStatus::from_raw);
        let explored =
            ScriptExploration { events: events.clone(), ended, tail: vec!["the last line".to_owned()] };
        let all = verdicts(method, &TASK, &explored);
        let failed = |verdict: &Verdict| matches!(verdict, Verdict::Ran(MethodOutcome::Failed(_)));
        assert!(
            !has_failed || all.iter().any(|one| failed(&one.verdict)),
            "a failed model, and no failed verdict"
        );
        let lines = all
            .into_iter()
            .map(|one| verdict(&one.subject, method, one.verdict, one.replay, Some(one.models)));
        let lines: Vec<u8> = lines.flatten().filter(|_| input.len() < MAX_LINE_LEN).collect();
        verified(&lines);
    }
}

/// A schedule, as a failure prints it for its replay.
pub(super) fn schedule(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    if let Some(choices) = schedule::read(text) {
        let again = schedule::text(&choices);
        assert_eq!(schedule::read(&again), Some(choices), "{text} was written as {again}");
    }
}

/// The metadata of a commit.
pub(super) fn offset_map(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    if let Ok(map) = OffsetMap::decode(text) {
        let again = map.encode().expect("a map that was read fits");
        assert!(again.len() <= text.len(), "{text} is shorter than {again}");
        assert_eq!(OffsetMap::decode(&again), Ok(map), "{text} was written as {again}");
    }
}

/// What stands on a command line: shards, methods, params, and the words of a command.
pub(super) fn words(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    if let Ok(shard) = text.parse::<Shard>() {
        assert_eq!(shard.to_string().parse(), Ok(shard));
        assert!(shard.has(u64::from(shard.index) - 1), "{shard}");
    }
    if let Ok(method) = text.parse::<Method>() {
        assert_eq!(method.name(), text);
    }
    let registry = registry();
    for workload in registry.workloads() {
        if let Ok(params) = registry.params(workload.name, text) {
            for written in
                [params.to_string(), if params.id() == "default" { String::new() } else { params.id() }]
            {
                let again = registry.params(workload.name, &written).expect("what is written can be read");
                assert_eq!(params.to_string(), again.to_string());
            }
        }
    }
    if let Some(words) = command::words(text).filter(|words| words.iter().all(|word| !word.contains('\0'))) {
        assert_eq!(command::words(&command::joined(&words)), Some(words), "another command");
    }
    inert::line(&command::quoted(text));
}
