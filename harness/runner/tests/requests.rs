//! The runner over all channels: requests and replies of the protocol.

use records::protocol::{Reply, VERSION};
use records::record::ParamsRecord;
use runner::serve;
use workloads::profile::Profile;

fn replies(requests: &str) -> Vec<Reply> {
    let mut output = Vec::new();
    serve(&adapters::registry(), requests.as_bytes(), &mut output).expect("memory does not fail");
    let text = String::from_utf8(output).expect("JSON is UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("a reply")).collect()
}

fn plan(cell: u64, channel: &str, workload: &str, params: &str) -> String {
    format!(
        r#"{{"kind":"plan","cell":{cell},"channel":"{channel}","workload":"{workload}","params":{params},"messages":500,"deadline_ns":null,"placement":"any","allocations":false}}"#
    )
}

#[test]
fn it_plans_and_runs_and_ends() {
    let requests = [
        plan(7, "mutex-deque", "producer_consumer", r#"{"capacity":"16"}"#),
        r#"{"kind":"round","cell":7,"round":1}"#.to_owned(),
        r#"{"kind":"quit"}"#.to_owned(),
        r#"{"kind":"round","cell":7,"round":2}"#.to_owned(),
    ];
    let replies = replies(&requests.join("\n"));
    let [Reply::Hello(hello), planned, Reply::Round(measured)] = &replies[..] else { panic!("{replies:#?}") };
    assert_eq!((hello.protocol, hello.workloads.len()), (VERSION, adapters::registry().workloads().count()));
    let effective_capacity = Some("16".to_owned());
    assert_eq!(*planned, Reply::Planned { cell: 7, messages: 500, effective_capacity });
    assert_eq!((measured.cell, measured.round, measured.messages), (7, 1, 500));
    assert!(measured.wall_ns > 0);
}

#[test]
fn what_makes_no_sense_is_said_and_the_runner_goes_on() {
    let requests = [
        "not a request".to_owned(),
        plan(1, "flum", "producer_consumer", "{}"),
        plan(1, "flume", "producer_consumer", "{}"),
        plan(1, "flume", "producer_consumer", r#"{"colour":"red"}"#),
        r#"{"kind":"round","cell":1,"round":1}"#.to_owned(),
        plan(2, "std", "producer_consumer", r#"{"consumers":"2"}"#),
        r#"{"kind":"round","cell":2,"round":1}"#.to_owned(),
    ];
    let replies = replies(&requests.join("\n"));
    let said: Vec<String> = replies[1..]
        .iter()
        .map(|reply| match reply {
            Reply::Error { message } => message.clone(),
            Reply::Unsupported { cell, reason } => format!("{cell}: {reason}"),
            Reply::Planned { cell, .. } => format!("{cell} is planned"),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(said[0].starts_with("not a request: "), "{said:?}");
    assert!(said[1].starts_with("unknown channel flum: expected one of "), "{said:?}");
    assert_eq!(said[2], "1 is planned");
    assert!(said[3].contains("unknown parameter colour"), "{said:?}");
    assert_eq!(said[4], "cell 1 was not planned");
    assert_eq!(said[5], "2 is planned");
    assert_eq!(said[6], "2: several consumers (std::sync::mpsc has one consumer)");
}

/// Plans every cell of the quick grid, as a run does.
#[test]
fn every_cell_can_be_planned() {
    let registry = adapters::registry();
    for workload in registry.workloads() {
        for params in workload.grid(Profile::Quick) {
            let values = ParamsRecord::new(workload, &params).values;
            let text = serde_json::to_string(&values).expect("JSON");
            let request = plan(0, "kanal", workload.name, &text).replace(":500,", ":null,");
            assert!(matches!(replies(&request)[1], Reply::Planned { .. }), "{request}");
        }
    }
}
