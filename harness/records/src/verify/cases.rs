//! The protocol of a worker, the process that runs the cases of one method over one channel: a request as its argument, events as lines.
//!
//! It announces each case before it begins. If it hangs, aborts or is killed, the last announced case is to blame.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::{Method, MethodOutcome, Task};
use crate::format::Format;

/// The version of the protocol.
pub const FORMAT: u32 = 1;

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
        /// The version of the protocol.
        #[serde(default)]
        format: Format<FORMAT>,
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
    fn a_newer_hello_says_that_it_is_newer_and_an_older_one_is_read() {
        let hello: WorkerEvent =
            serde_json::from_str(r#"{"kind":"hello","channels":[]}"#).expect("version 1");
        assert_eq!(hello, WorkerEvent::Hello { format: Format, channels: Vec::new() });
        let newer = r#"{"kind":"hello","format":2,"channels":"none"}"#;
        let error = serde_json::from_str::<WorkerEvent>(newer).expect_err("newer").to_string();
        assert!(error.starts_with("written by a newer chanlab: format 2"), "{error}");
    }
}
