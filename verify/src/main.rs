//! `chanlab-verify`: runs the cases of one method over one channel for `chanlab verify`
//! ([`records::verify::cases`]).

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use records::format::Format;
use records::text;
use records::verify::MethodOutcome;
use records::verify::cases::{WorkerEvent, WorkerRequest};
use verify::worker::{exit_with_stdin, run_cases};
use workloads::registry::UsageError;

/// The exit codes, which docs/EXIT_CODES.md explains.
const USAGE: u8 = 2;
const UNABLE: u8 = 4;

fn main() -> ExitCode {
    // A request that is not UTF-8 is no request.
    let request = env::args_os().nth(1).map(|request| request.to_string_lossy().into_owned());
    let answered = match exit_with_stdin() {
        Ok(()) => answer(request.as_deref(), io::stdout()),
        Err(error) => {
            let reason = format!("cannot start a thread on this machine: {error}");
            let outcome = MethodOutcome::Shortage { reason };
            WorkerEvent::Ended { outcome }.write(io::stdout()).map_err(anyhow::Error::from)
        }
    };
    match answered {
        Ok(()) => ExitCode::SUCCESS,
        // A line without a reader is no failure.
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {}", text::line(&format!("{error:#}")));
            ExitCode::from(if error.is::<io::Error>() { UNABLE } else { USAGE })
        }
    }
}

/// Serves the request; lists the channels when there is none.
fn answer(request: Option<&str>, output: impl Write) -> Result<()> {
    let Some(request) = request else {
        return Ok(hello().write(output)?);
    };
    let WorkerRequest { channel, method, task } = serde_json::from_str(request).with_context(|| {
        format!("`{request}` is not a request: use `chanlab verify`, which starts this program")
    })?;
    let channels = verify::channels();
    let found = channels.iter().find(|own| own.info.name == channel).ok_or_else(|| {
        let known = channels.iter().map(|own| own.info.name).collect();
        UsageError::UnknownChannel { name: channel, known }
    })?;
    let verify = found
        .method(method)
        .ok_or_else(|| anyhow!("{method} explores models and does not run a channel's own code"))?;
    Ok(run_cases(verify, &task, output)?)
}

fn hello() -> WorkerEvent {
    let registry = verify::registry();
    let channels = registry.versions().map(|(channel, version)| (channel.to_owned(), version.to_owned()));
    WorkerEvent::Hello { format: Format, channels: channels.collect() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use records::verify::{Method, Shard, Task};

    use super::*;

    fn refusal(channel: &str, method: Method) -> String {
        let task = Task { seed: 0, shard: Shard::WHOLE, only: None, budget: Duration::ZERO };
        let request = WorkerRequest { channel: channel.to_owned(), method, task }.to_argument();
        answer(Some(&request), Vec::new()).expect_err("it is refused").to_string()
    }

    #[test]
    fn a_wrong_request_is_refused() {
        let unknown = refusal("flum", Method::Rounds);
        assert!(unknown.starts_with("unknown channel flum: expected one of mutex-deque, "), "{unknown}");
        let loom = "loom explores models and does not run a channel's own code";
        assert_eq!(refusal("std", Method::Loom), loom);
        let error = answer(Some("--help"), Vec::new()).expect_err("not a request");
        let expected = "`--help` is not a request: use `chanlab verify`, which starts this program";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn the_hello_line_lists_the_channels_with_their_versions() {
        let mut output = Vec::new();
        answer(None, &mut output).expect("memory does not fail");
        let Ok(WorkerEvent::Hello { channels, .. }) = serde_json::from_slice(&output) else {
            panic!("{output:?}")
        };
        assert_eq!(channels.len(), verify::channels().len());
        assert!(channels.iter().all(|(_, version)| !version.is_empty()), "{channels:?}");
    }
}
