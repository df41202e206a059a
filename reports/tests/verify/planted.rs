//! This test program as a worker: it runs the cases of channels with planted mistakes, by methods of its own.
//!
//! `chanlab verify --by` starts a script, which starts this program again with one test, [`runs_cases`]. The
//! test harness's standard output goes to the standard error, and the worker's events go to the original
//! standard output.

use std::fs::OpenOptions;
use std::{env, process};

use baseline::MutexDeque;
use contract::channel::{Capacity, Channel, Receiver, Sender};
use records::format::Format;
use records::verify::cases::{WorkerEvent, WorkerRequest};
use records::verify::{Finding, MethodOutcome, Task, ThreadSteps};
use testing::{DeliversTwice, DropsOne, Hangs, Reorders, Wrapped};
use verify::worker::{Verify, exit_with_stdin, run_cases};

use crate::bench::Bench;

/// The variable in which the script passes on the request.
const REQUEST: &str = "CHANLAB_TEST_REQUEST";

/// The number of cases of each channel.
pub(crate) const CASES: u64 = 8;

/// The first case in which a planted mistake has an effect.
pub(crate) const FAULTY_FROM: u64 = 5;

/// The channels, each with the method that runs its cases.
const CHANNELS: [(&str, Verify); 8] = [
    ("sound", delivers::<MutexDeque>),
    ("mutant-drops-one", delivers::<Wrapped<DropsOne>>),
    ("mutant-delivers-twice", delivers::<Wrapped<DeliversTwice>>),
    ("mutant-reorders", delivers::<Wrapped<Reorders>>),
    ("mutant-hangs", delivers::<Wrapped<Hangs>>),
    ("planted-abort", aborts),
    ("planted-panic", panics),
    ("lacking", lacks),
];

/// A program that runs the cases of the planted channels.
pub(crate) fn program(bench: &Bench) -> String {
    let own = env::current_exe().expect("this program");
    bench.program(
        "planted",
        &format!(
            "exec 3>&1 1>&2\n{REQUEST}=\"$*\" exec {} --exact planted::runs_cases --ignored --nocapture",
            own.display()
        ),
    )
}

#[test]
#[ignore = "other tests start it"]
fn runs_cases() {
    let Ok(request) = env::var(REQUEST) else { return };
    exit_with_stdin().expect("a thread starts");
    let output = || OpenOptions::new().write(true).open("/dev/fd/3").expect("the script opened it");
    if request.is_empty() {
        let channels = CHANNELS.iter().map(|(name, _)| ((*name).to_owned(), format!("{name} 1.0")));
        WorkerEvent::Hello { format: Format, channels: channels.collect() }
            .write(output())
            .expect("the parent reads");
    } else {
        let request: WorkerRequest = serde_json::from_str(&request).expect("a request");
        let (_, verify) = CHANNELS.iter().find(|(known, _)| *known == request.channel).expect("a channel");
        run_cases(*verify, &request.task, output()).expect("the parent reads");
    }
    process::exit(0);
}

/// Each case sends numbers through a channel, and later cases send more. Planted mistakes affect the eleventh
/// number.
fn delivers<C: Channel>(task: &Task, begins: &mut dyn FnMut(u64)) -> MethodOutcome {
    let mut cases = 0;
    for case in task.cases(Some(CASES)) {
        begins(case);
        let sent: Vec<u64> = (0..2 * case + 2).collect();
        let (sender, receiver) = C::open::<u64>(Capacity::Unbounded).expect("every channel here has it");
        for number in &sent {
            sender.send(*number).expect("the receiver is open");
        }
        drop(sender);
        let mut received = Vec::new();
        while let Ok(number) = receiver.recv() {
            received.push(number);
        }
        if received != sent {
            return MethodOutcome::Failed(Box::new(finding(case, &sent, &received)));
        }
        cases += 1;
    }
    MethodOutcome::Passed { cases, bounds: "up to 16 numbers on one thread".to_owned() }
}

fn finding(case: u64, sent: &[u64], received: &[u64]) -> Finding {
    let step = |moment: usize, text: String| (moment as u64, text);
    let sends = sent.iter().map(|number| step(*number as usize, format!("send({number})")));
    let receives = received
        .iter()
        .enumerate()
        .map(|(place, number)| step(sent.len() + place, format!("recv() → {number}")));
    let threads = [("sender", sends.collect()), ("receiver", receives.collect())];
    Finding {
        case,
        scenario: format!("{} numbers are sent, then received", sent.len()),
        expected: format!("{sent:?}"),
        happened: format!("{received:?}"),
        threads: threads.map(|(thread, steps)| ThreadSteps { thread: thread.to_owned(), steps }).to_vec(),
        picture: Some("<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>".to_owned()),
    }
}

fn aborts(task: &Task, begins: &mut dyn FnMut(u64)) -> MethodOutcome {
    for case in task.cases(Some(CASES)) {
        begins(case);
        if case == FAULTY_FROM {
            eprintln!("free(): double free detected");
            process::abort();
        }
    }
    MethodOutcome::Passed { cases: CASES, bounds: String::new() }
}

fn panics(task: &Task, begins: &mut dyn FnMut(u64)) -> MethodOutcome {
    for case in task.cases(Some(CASES)) {
        begins(case);
        assert!(case < FAULTY_FROM, "the queue is poisoned");
    }
    MethodOutcome::Passed { cases: CASES, bounds: String::new() }
}

fn lacks(_: &Task, _: &mut dyn FnMut(u64)) -> MethodOutcome {
    MethodOutcome::Unsupported { reason: "unsupported: several consumers (it has one)".to_owned() }
}
