//! One method of verification over the baseline, in a process of its own: for `scripts/mutants`.
//!
//! `method NAME MILLISECONDS` writes the number of each case to the error stream before it begins, and the outcome as JSON to
//! standard output.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use harness::channel::Channel;
use harness::channels::mutex_deque::MutexDeque;
use harness::registry::Registry;
use harness::shard::Shard;
use harness::verify::Task;

/// Any number; the same one each time, so that a run can be repeated.
const SEED: u64 = 20_241_124;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(name), Some(Ok(budget))) = (arguments.next(), arguments.next().map(|text| text.parse())) else {
        eprintln!("error: expected a method's name and its budget in milliseconds");
        return ExitCode::from(2);
    };
    let registry = Registry::new();
    let methods = registry.methods(MutexDeque::INFO.name).expect("the baseline is registered");
    let Some((_, verify)) = methods.iter().find(|(method, _)| method.name() == name) else {
        eprintln!("error: no method {name} runs here");
        return ExitCode::from(2);
    };
    let task = Task { seed: SEED, shard: Shard::WHOLE, only: None, budget: Duration::from_millis(budget) };
    let outcome = verify(&task, &mut |case| {
        // A closed stream is no failure.
        let _ = writeln!(std::io::stderr(), "case {case}");
    });
    println!("{}", serde_json::to_string(&outcome).expect("an outcome is JSON"));
    ExitCode::SUCCESS
}
