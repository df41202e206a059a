//! The worker's side of its protocol ([`records::verify::cases`]).

use std::io::{self, Read, Write};
use std::{process, thread};

use records::verify::cases::WorkerEvent;
use records::verify::{MethodOutcome, Task};

/// A method over one channel. It passes the number of each case to the second argument before the case begins.
pub type Verify = fn(&Task, &mut dyn FnMut(u64)) -> MethodOutcome;

/// Runs the cases of `task` by a method and writes the events.
///
/// # Errors
///
/// When the reader is gone.
pub fn run_cases(verify: Verify, task: &Task, mut output: impl Write) -> io::Result<()> {
    let mut written = Ok(());
    let outcome = verify(task, &mut |case| {
        if written.is_ok() {
            written = WorkerEvent::Begins { case }.write(&mut output);
        }
    });
    written?;
    WorkerEvent::Ended { outcome }.write(output)
}

/// Ends this process when its standard input ends: its parent is then gone, and a case that hangs would stay for ever.
///
/// # Errors
///
/// When the thread that waits for it cannot be started.
pub fn exit_with_stdin() -> io::Result<()> {
    let waits = || {
        // The input itself is ignored.
        let _ = io::stdin().lock().read_to_end(&mut Vec::new());
        process::exit(0);
    };
    thread::Builder::new().name("stdin".to_owned()).spawn(waits).map(drop)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use records::verify::Shard;

    use super::*;

    #[test]
    fn cases_are_announced_before_they_begin_and_the_outcome_comes_last() {
        fn verify(task: &Task, begins: &mut dyn FnMut(u64)) -> MethodOutcome {
            task.cases(Some(4)).for_each(begins);
            MethodOutcome::Unsupported { reason: "a test".to_owned() }
        }
        let shard = Shard { index: 2, of: 2 };
        let task = Task { seed: 0, shard, only: None, budget: Duration::from_secs(3_600) };
        let mut output = Vec::new();
        run_cases(verify, &task, &mut output).expect("memory does not fail");
        let text = String::from_utf8(output).expect("JSON is UTF-8");
        let events: Vec<WorkerEvent> =
            text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        let outcome = MethodOutcome::Unsupported { reason: "a test".to_owned() };
        assert_eq!(
            events,
            [
                WorkerEvent::Begins { case: 1 },
                WorkerEvent::Begins { case: 3 },
                WorkerEvent::Ended { outcome }
            ]
        );
    }
}
