//! Checks that a program meets the protocol's requirements for a runner.

use std::time::Duration;

use records::protocol::{Reply, Request, RoundSpec};
use records::record::ParamsRecord;
use workloads::registry::Registry;

use super::claims::{Asked, ImpossibleClaim};
use super::runner::{Answer, Runner};
use records::plan::Launch;

/// The time after which a runner without a reply has hung.
const REPLY_TIMEOUT: Duration = Duration::from_secs(60);

/// The number of messages in a round of the check.
const MESSAGES: u64 = 2_000;

/// A requirement, and the result of its check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The requirement.
    pub what: String,
    /// The result.
    pub result: CheckResult,
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckResult {
    /// The runner meets it.
    Passed,
    /// The runner declared that it does not support it; the reason.
    Unsupported(String),
    /// The runner violates it.
    Failed(String),
}

/// Checks the runner that `launch` starts; `report` is called after each check. Returns whether none failed.
pub fn check(launch: &Launch, report: &mut dyn FnMut(&Check)) -> bool {
    let mut all_passed = true;
    let mut done = |what: &str, result: CheckResult| {
        all_passed &= !matches!(result, CheckResult::Failed(_));
        report(&Check { what: what.to_owned(), result });
    };
    let mut runner = match Runner::start(launch) {
        Ok(runner) => runner,
        Err(failure) => {
            done("says hello, in this version of the protocol", CheckResult::Failed(failure.to_string()));
            return false;
        }
    };
    done("says hello, in this version of the protocol", CheckResult::Passed);
    let some = |condition: bool, lack: &str| {
        if condition { CheckResult::Passed } else { CheckResult::Failed(lack.to_owned()) }
    };
    done("names its channels", some(!runner.hello.channels.is_empty(), "there is none"));

    let registry = adapters::registry();
    let known: Vec<&str> = registry.workloads().map(|workload| workload.name).collect();
    let shared: Vec<&str> =
        known.iter().copied().filter(|name| runner.hello.workloads.iter().any(|own| own == name)).collect();
    done(
        "implements workloads that chanlab knows",
        some(!shared.is_empty(), &format!("none of {}", known.join(", "))),
    );

    done(
        "answers an unknown channel with an error",
        refused(&mut runner, &plan(0, "no such channel", known[0], &registry)),
    );
    done("answers an unknown workload with an error", {
        let channel = runner.hello.channels.first().map_or_else(String::new, |channel| channel.name.clone());
        let mut request = plan(0, &channel, known[0], &registry);
        if let Request::Plan(plan) = &mut request {
            plan.workload = "no such workload".to_owned();
        }
        refused(&mut runner, &request)
    });
    done(
        "answers a round of a cell that was not planned with an error",
        refused(&mut runner, &Request::Round { cell: 4_711, round: 1 }),
    );

    let channels: Vec<String> = runner.hello.channels.iter().map(|channel| channel.name.clone()).collect();
    for (index, (channel, workload)) in channels
        .iter()
        .flat_map(|channel| shared.iter().map(move |workload| (channel, *workload)))
        .enumerate()
    {
        let cell = index as u64 + 1;
        // Once with as many messages as chanlab asks for, and once with as many as the runner likes.
        let result = [Some(MESSAGES), None].into_iter().map(|messages| {
            let (spec, asked) = cell_of(cell, channel, workload, messages, &registry);
            rounds(&mut runner, &asked, &Request::Plan(spec))
        });
        let result = result.reduce(|one, other| if one == CheckResult::Passed { other } else { one });
        done(
            &format!("runs verified rounds of {workload} over {channel}"),
            result.unwrap_or(CheckResult::Passed),
        );
    }
    done("ends with exit code 0 after a request to quit", quit(&mut runner));
    done(
        "ends with exit code 0 when its input ends",
        match Runner::start(launch) {
            Ok(mut other) => ended(other.close()),
            Err(failure) => CheckResult::Failed(failure.to_string()),
        },
    );
    all_passed
}

/// A cell with the default params of a workload.
fn cell_of<'a>(
    cell: u64,
    channel: &str,
    workload: &'a str,
    messages: Option<u64>,
    registry: &'a Registry,
) -> (RoundSpec, Asked<'a>) {
    let info = registry.workload(workload).expect("chanlab's own workload");
    let params = registry.params(workload, "").expect("its defaults");
    let messages = messages.map(|messages| messages.max(registry.least_messages(&params)));
    let values = ParamsRecord::new(info, &params).values;
    let asked = Asked::new(registry, workload, &values, cell, messages).expect("chanlab's own workload");
    let spec = RoundSpec {
        cell,
        channel: channel.to_owned(),
        workload: workload.to_owned(),
        params: values,
        messages,
        deadline_ns: Some(REPLY_TIMEOUT.as_nanos() as u64 / 2),
        placement: "any".to_owned(),
        allocations: false,
    };
    (spec, asked)
}

fn plan(cell: u64, channel: &str, workload: &str, registry: &Registry) -> Request {
    Request::Plan(cell_of(cell, channel, workload, Some(MESSAGES), registry).0)
}

fn refused(runner: &mut Runner, request: &Request) -> CheckResult {
    match runner.request(request, REPLY_TIMEOUT).map(|answer| answer.reply) {
        Ok(Reply::Error { .. }) => CheckResult::Passed,
        Ok(other) => CheckResult::Failed(format!("answered {other:?}")),
        Err(failure) => CheckResult::Failed(failure.to_string()),
    }
}

/// Two rounds of a cell, whose replies have to be possible.
fn rounds(runner: &mut Runner, asked: &Asked<'_>, request: &Request) -> CheckResult {
    let impossible = |claim: ImpossibleClaim| CheckResult::Failed(claim.to_string());
    let planned = match runner.request(request, REPLY_TIMEOUT).map(|answer| answer.reply) {
        Ok(Reply::Planned { cell, messages, effective_capacity }) => {
            match asked.check_planned(cell, messages, effective_capacity.as_deref()) {
                Ok(()) => messages,
                Err(claim) => return impossible(claim),
            }
        }
        Ok(Reply::Unsupported { reason, .. }) => return CheckResult::Unsupported(reason),
        Ok(other) => return CheckResult::Failed(format!("answered {other:?}")),
        Err(failure) => return CheckResult::Failed(failure.to_string()),
    };
    for round in [7, 8] {
        let request = Request::Round { cell: asked.cell, round };
        match runner.request(&request, REPLY_TIMEOUT) {
            Ok(Answer { reply: Reply::Round(measured), elapsed }) => {
                if let Err(claim) = asked.check_round(round, planned, &measured, elapsed) {
                    return impossible(claim);
                }
            }
            Ok(Answer { reply: Reply::Unsupported { reason, .. }, .. }) => {
                return CheckResult::Unsupported(reason);
            }
            Ok(other) => return CheckResult::Failed(format!("answered {:?}", other.reply)),
            Err(failure) => return CheckResult::Failed(failure.to_string()),
        }
    }
    CheckResult::Passed
}

fn quit(runner: &mut Runner) -> CheckResult {
    runner.request_quit();
    ended(runner.close())
}

fn ended(how: Option<String>) -> CheckResult {
    match how.as_deref() {
        Some("exit code 0") => CheckResult::Passed,
        Some(how) => CheckResult::Failed(how.to_owned()),
        None => CheckResult::Failed("it did not end".to_owned()),
    }
}
