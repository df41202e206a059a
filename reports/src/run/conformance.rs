//! Whether a program is a runner: what the protocol's document asks, asked of it.

use std::time::Duration;

use harness::protocol::{Plan, Reply, Request};
use harness::record::ParamsRecord;
use harness::registry::Registry;

use super::child::{Child, Launch};

/// A reply comes within this time, or the runner hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// Rounds of the check are small.
const MESSAGES: u64 = 2_000;

/// One thing that was asked, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What a runner has to do.
    pub what: String,
    /// What it did.
    pub result: CheckResult,
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckResult {
    /// As the document says.
    Passed,
    /// It cannot do it, and said why.
    Unsupported(String),
    /// Something else.
    Failed(String),
}

/// Checks the runner that `launch` starts; `say` is told of each check when it is done. Returns whether none failed.
pub fn check(launch: &Launch, say: &mut dyn FnMut(&Check)) -> bool {
    let mut all_passed = true;
    let mut told = |what: &str, result: CheckResult| {
        all_passed &= !matches!(result, CheckResult::Failed(_));
        say(&Check { what: what.to_owned(), result });
    };
    let mut child = match Child::start(launch) {
        Ok(child) => child,
        Err(failure) => {
            told("says hello, in this version of the protocol", CheckResult::Failed(failure.to_string()));
            return false;
        }
    };
    told("says hello, in this version of the protocol", CheckResult::Passed);
    let some = |condition: bool, lack: &str| {
        if condition { CheckResult::Passed } else { CheckResult::Failed(lack.to_owned()) }
    };
    told("names its channels", some(!child.hello.channels.is_empty(), "there is none"));

    let registry = Registry::new();
    let known: Vec<&str> = registry.workloads().map(|workload| workload.name).collect();
    let shared: Vec<&str> =
        known.iter().copied().filter(|name| child.hello.workloads.iter().any(|own| own == name)).collect();
    told(
        "implements workloads that chanlab knows",
        some(!shared.is_empty(), &format!("none of {}", known.join(", "))),
    );

    told(
        "answers an unknown channel with an error",
        refused(&mut child, &plan(0, "no such channel", known[0], &registry)),
    );
    told("answers an unknown workload with an error", {
        let channel = child.hello.channels.first().map_or_else(String::new, |channel| channel.name.clone());
        let mut request = plan(0, &channel, known[0], &registry);
        if let Request::Plan(plan) = &mut request {
            plan.workload = "no such workload".to_owned();
        }
        refused(&mut child, &request)
    });
    told(
        "answers a round of a cell that was not planned with an error",
        refused(&mut child, &Request::Round { cell: 4_711, round: 1 }),
    );

    let channels: Vec<String> = child.hello.channels.iter().map(|channel| channel.name.clone()).collect();
    for (index, (channel, workload)) in channels
        .iter()
        .flat_map(|channel| shared.iter().map(move |workload| (channel, *workload)))
        .enumerate()
    {
        let cell = index as u64 + 1;
        let result = rounds(&mut child, cell, &plan(cell, channel, workload, &registry));
        told(&format!("runs verified rounds of {workload} over {channel}"), result);
    }
    told("ends with exit code 0 when it is told to quit", quit(&mut child));
    told(
        "ends with exit code 0 when its input ends",
        match Child::start(launch) {
            Ok(mut other) => ended(other.close()),
            Err(failure) => CheckResult::Failed(failure.to_string()),
        },
    );
    all_passed
}

/// The default params of a workload.
fn plan(cell: u64, channel: &str, workload: &str, registry: &Registry) -> Request {
    let info = registry.workload(workload).expect("chanlab's own workload");
    let params = registry.params(workload, "").expect("its defaults");
    let least = registry.least_messages(&params);
    Request::Plan(Plan {
        cell,
        channel: channel.to_owned(),
        workload: workload.to_owned(),
        params: ParamsRecord::new(info, &params).values,
        messages: Some(MESSAGES.max(least)),
        deadline_ns: Some(LIMIT.as_nanos() as u64 / 2),
        placement: "any".to_owned(),
        allocations: false,
    })
}

fn refused(child: &mut Child, request: &Request) -> CheckResult {
    match child.ask(request, LIMIT) {
        Ok(Reply::Error { .. }) => CheckResult::Passed,
        Ok(other) => CheckResult::Failed(format!("answered {other:?}")),
        Err(failure) => CheckResult::Failed(failure.to_string()),
    }
}

fn rounds(child: &mut Child, cell: u64, request: &Request) -> CheckResult {
    let planned = match child.ask(request, LIMIT) {
        Ok(Reply::Planned { cell: own, messages, .. }) if own == cell && messages > 0 => messages,
        Ok(Reply::Unsupported { reason, .. }) => return CheckResult::Unsupported(reason),
        Ok(other) => return CheckResult::Failed(format!("answered {other:?}")),
        Err(failure) => return CheckResult::Failed(failure.to_string()),
    };
    for round in [7, 8] {
        match child.ask(&Request::Round { cell, round }, LIMIT) {
            Ok(Reply::Round(measured)) if (measured.cell, measured.round) != (cell, round) => {
                let (cell, round) = (measured.cell, measured.round);
                return CheckResult::Failed(format!("answered with round {round} of cell {cell}"));
            }
            // A workload may deliver a few less, so that its threads share them evenly.
            Ok(Reply::Round(measured)) if measured.wall_ns == 0 || measured.messages * 2 < planned => {
                let (messages, nanos) = (measured.messages, measured.wall_ns);
                return CheckResult::Failed(format!(
                    "delivered {messages} of {planned} messages in {nanos} ns"
                ));
            }
            Ok(Reply::Round(_)) => {}
            Ok(Reply::Unsupported { reason, .. }) => return CheckResult::Unsupported(reason),
            Ok(other) => return CheckResult::Failed(format!("answered {other:?}")),
            Err(failure) => return CheckResult::Failed(failure.to_string()),
        }
    }
    CheckResult::Passed
}

fn quit(child: &mut Child) -> CheckResult {
    child.tell_to_quit();
    ended(child.close())
}

fn ended(how: Option<String>) -> CheckResult {
    match how.as_deref() {
        Some("exit code 0") => CheckResult::Passed,
        Some(how) => CheckResult::Failed(how.to_owned()),
        None => CheckResult::Failed("it goes on".to_owned()),
    }
}
