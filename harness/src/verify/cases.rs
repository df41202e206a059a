//! The process that looks at the cases of one method over one channel: what it is asked, what it tells, line by line.
//!
//! It tells of each case before it begins. When it hangs, aborts or is killed, the last case told is the one to blame.

use std::io::{self, Read, Write};
use std::process;
use std::thread;

use serde::{Deserialize, Serialize};

use super::{Method, MethodOutcome, Task, Verify};

/// What the process is asked: its only argument, as JSON. Without an argument it tells its channels.
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
    /// As the argument of a command.
    ///
    /// # Panics
    ///
    /// Never: a question is JSON.
    pub fn word(&self) -> String {
        serde_json::to_string(self).expect("a question is JSON")
    }
}

/// A line: one JSON object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum WorkerEvent {
    /// The channels, where nothing was asked.
    Hello {
        /// Each with its version.
        channels: Vec<(String, String)>,
    },
    /// A case begins, or is looked at again.
    Begins {
        /// Its number.
        case: u64,
    },
    /// The last line.
    Ended {
        /// What was found out.
        outcome: MethodOutcome,
    },
}

impl WorkerEvent {
    /// One write: a line is whole or not there.
    ///
    /// # Errors
    ///
    /// When nobody reads it.
    pub fn write(&self, mut output: impl Write) -> io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        output.write_all(&line)?;
        output.flush()
    }
}

/// Has a method look at the cases of `task`, and tells of them.
///
/// # Errors
///
/// When nobody reads the lines.
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

/// Ends this process when its standard input ends: whoever asked is gone then, and a case that hangs would stay for ever.
pub fn exit_with_stdin() {
    thread::spawn(|| {
        // What is written there is of no matter.
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
    fn a_question_survives_its_command_line() {
        let task = Task {
            seed: u64::MAX,
            shard: Shard { index: 2, of: 3 },
            only: Some(77),
            budget: Duration::from_micros(1_500_001),
        };
        let asked = WorkerRequest { channel: "flume".to_owned(), method: Method::Linearizability, task };
        assert_eq!(serde_json::from_str::<WorkerRequest>(&asked.word()).expect("a question"), asked);
    }

    #[test]
    fn cases_are_told_before_they_begin_and_the_outcome_at_last() {
        fn verify(task: &Task, begins: &mut dyn FnMut(u64)) -> MethodOutcome {
            task.cases(Some(4)).for_each(begins);
            MethodOutcome::Unsupported { reason: "a test".to_owned() }
        }
        let shard = Shard { index: 2, of: 2 };
        let task = Task { seed: 0, shard, only: None, budget: Duration::from_secs(3_600) };
        let mut output = Vec::new();
        run_cases(verify, &task, &mut output).expect("memory does not fail");
        let text = String::from_utf8(output).expect("JSON is UTF-8");
        let told: Vec<WorkerEvent> =
            text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        let outcome = MethodOutcome::Unsupported { reason: "a test".to_owned() };
        assert_eq!(
            told,
            [
                WorkerEvent::Begins { case: 1 },
                WorkerEvent::Begins { case: 3 },
                WorkerEvent::Ended { outcome }
            ]
        );
    }
}
