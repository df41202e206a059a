//! The protocol of a worker, the process that runs the cases of one method over one channel: a request as its argument, events as lines.
//!
//! It announces each case before it begins. If it hangs, aborts or is killed, the last announced case is to blame.

use std::io::{self, Read, Write};
use std::process;
use std::thread;

use serde::{Deserialize, Serialize};

use super::{Method, MethodOutcome, Task, Verify};

/// A request to a worker: its only argument, as JSON. Without an argument it lists its channels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerRequest {
    /// The channel.
    pub channel: String,
    /// The method.
    pub method: Method,
    /// Which cases.
    pub task: Task,
}

impl WorkerRequest {
    /// The request as an argument of a command.
    ///
    /// # Panics
    ///
    /// Never: every request has a JSON form.
    pub fn to_argument(&self) -> String {
        serde_json::to_string(self).expect("every request has a JSON form")
    }
}

/// A line of a worker: one JSON object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum WorkerEvent {
    /// The channels, when there was no request.
    Hello {
        /// The name and version of each.
        channels: Vec<(String, String)>,
    },
    /// A case begins or is repeated.
    Begins {
        /// Its number.
        case: u64,
    },
    /// The last line.
    Ended {
        /// The outcome of the method.
        outcome: MethodOutcome,
    },
}

impl WorkerEvent {
    /// Writes the line at once, so that it is never partial.
    ///
    /// # Errors
    ///
    /// When the reader is gone.
    pub fn write(&self, mut output: impl Write) -> io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        output.write_all(&line)?;
        output.flush()
    }
}

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

/// Ends this process when its standard input ends, because its parent is then gone and a case that hangs would stay for ever.
pub fn exit_with_stdin() {
    thread::spawn(|| {
        // The input itself is ignored.
        let _ = io::stdin().lock().read_to_end(&mut Vec::new());
        process::exit(0);
    });
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::verify::Shard;

    #[test]
    fn a_request_survives_its_command_line() {
        let task = Task {
            seed: u64::MAX,
            shard: Shard { index: 2, of: 3 },
            only: Some(77),
            budget: Duration::from_micros(1_500_001),
        };
        let request = WorkerRequest { channel: "flume".to_owned(), method: Method::Linearizability, task };
        assert_eq!(
            serde_json::from_str::<WorkerRequest>(&request.to_argument()).expect("a request"),
            request
        );
    }

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
