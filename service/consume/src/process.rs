//! What is done with a message: the demo processors, and planted failures.

use std::fmt;
use std::os::unix::ffi::OsStringExt;
use std::process::Command;
use std::str::FromStr;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use contract::shard::hashed;
use engine::supervisor::{Ending, Streams, Supervised};
use service_log::Message;

/// An attempt at a message.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// The partition.
    pub partition: usize,
    /// Failed attempts before this one.
    pub failed: u32,
    /// The message.
    pub message: &'a Message,
    /// The CRC-32 of the payload.
    pub checksum: u32,
    /// Set when the consumer waits for nothing any more.
    pub over: &'a AtomicBool,
}

/// Processes messages; several threads call it.
pub trait Processor: Send + Sync + 'static {
    /// Processes a message.
    ///
    /// # Errors
    ///
    /// Why the attempt has failed.
    fn process(&self, attempt: &Attempt<'_>) -> Result<(), String>;

    /// Answers that a worker may keep until it gives them together. With 1, no finished message holds back its lane
    /// while the worker is at the next one; more saves locks where a message takes less than a lock.
    fn batch(&self) -> usize {
        1
    }
}

/// A processor by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessName {
    /// Only the checksum of the payload, which every message gets.
    Checksum,
    /// A sleep, the same for each attempt at a message, between these two.
    Sleep(Duration, Duration),
    /// A command for `sh`, once for each attempt, with the payload on its standard input.
    Command(String),
}

/// Answers of a processor that takes less than a lock.
const BATCH: usize = 32;

/// The longest part of a command's standard error that becomes the reason of a failure, in bytes.
const MAX_REASON: usize = 200;

impl FromStr for ProcessName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "a process is checksum, sleep:MIN..MAX (such as sleep:0ms..5ms) or command:CMD, and {text:?} is none"
            )
        };
        match text.split_once(':') {
            None if text == "checksum" => Ok(ProcessName::Checksum),
            Some(("sleep", range)) => {
                let (least, most) = range.split_once("..").ok_or_else(wrong)?;
                let [least, most] = [least, most].map(duration);
                match (least, most) {
                    (Ok(least), Ok(most)) if least <= most => Ok(ProcessName::Sleep(least, most)),
                    _ => Err(wrong()),
                }
            }
            Some(("command", command)) if !command.trim().is_empty() => {
                Ok(ProcessName::Command(command.to_owned()))
            }
            _ => Err(wrong()),
        }
    }
}

/// The longest duration on the command line: a year.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// A duration with its unit, such as `100ms`, of at most a year.
///
/// # Errors
///
/// When it is none.
pub fn duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    match humantime::parse_duration(text) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        Ok(_) => Err("a duration is at most 365days".to_owned()),
        Err(_) => Err("a duration is a number with its unit, such as 100ms or 30s".to_owned()),
    }
}

impl ProcessName {
    /// The processor of this name, where this many of 1,000 messages fail at first.
    pub fn processor(self, failing: u64) -> Box<dyn Processor> {
        Box::new(Demo { name: self, failing })
    }
}

impl fmt::Display for ProcessName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProcessName::Checksum => f.write_str("checksum"),
            ProcessName::Sleep(least, most) => {
                let [least, most] = [*least, *most].map(humantime::format_duration);
                write!(f, "sleep:{least}..{most}")
            }
            ProcessName::Command(command) => write!(f, "command:{command}"),
        }
    }
}

struct Demo {
    name: ProcessName,
    /// Of 1,000 messages, those whose first attempts fail.
    failing: u64,
}

impl Processor for Demo {
    fn process(&self, attempt: &Attempt<'_>) -> Result<(), String> {
        let random = mixed(attempt.partition, attempt.message.offset);
        match &self.name {
            ProcessName::Checksum => {}
            ProcessName::Sleep(least, most) => {
                let share = (random >> 32) as f64 / f64::from(u32::MAX);
                thread::sleep(*least + (*most - *least).mul_f64(share));
            }
            ProcessName::Command(command) => run(command, attempt)?,
        }
        match attempt.failed < failures(random, self.failing) {
            true => Err("a planted failure".to_owned()),
            false => Ok(()),
        }
    }

    fn batch(&self) -> usize {
        if self.name == ProcessName::Checksum { BATCH } else { 1 }
    }
}

/// A number that the place of a message decides.
fn mixed(partition: usize, offset: u64) -> u64 {
    hashed((partition as u64) << 48 ^ offset)
}

/// How many attempts at a message fail: of every four failing messages one fails for ever, and the others once, twice
/// or three times.
fn failures(random: u64, failing: u64) -> u32 {
    if random % 1_000 >= failing {
        return 0;
    }
    match random / 1_000 % 4 {
        0 => u32::MAX,
        times => times as u32,
    }
}

/// Runs a command in a process group of its own, so that Ctrl-C does not end it, and its group with this process.
fn run(command: &str, attempt: &Attempt<'_>) -> Result<(), String> {
    let Attempt { partition, failed, message, .. } = attempt;
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]);
    shell.env("CHANLAB_PARTITION", partition.to_string());
    shell.env("CHANLAB_OFFSET", message.offset.to_string());
    shell.env("CHANLAB_ATTEMPT", failed.to_string());
    match &message.key {
        // A variable cannot hold a NUL.
        Some(key) if !key.contains(&0) => shell.env("CHANLAB_KEY", std::ffi::OsString::from_vec(key.clone())),
        _ => shell.env_remove("CHANLAB_KEY"),
    };
    let start = Supervised::start(shell, Streams::CollectWithInput);
    let mut process = start.map_err(|error| format!("the command cannot be started: {error}"))?;
    // It need not read its input.
    let _ = process.write(&message.payload);
    let ending = match process.close() {
        Some(status) => Ending::Exited(status),
        None => process.run_to_end(None, Some(attempt.over), &mut || ()),
    };
    match ending {
        Ending::Exited(status) if status.success() => Ok(()),
        Ending::Exited(status) => {
            let stderr = process.stderr();
            let last = stderr.trim_ascii().rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
            let last = String::from_utf8_lossy(last.get(..MAX_REASON).unwrap_or(last)).into_owned();
            Err(format!("the command ended with {status}: {last}"))
        }
        Ending::TimedOut | Ending::Stopped => Err("the command was ended".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(name: &str, failing: u64, offset: u64, failed: u32) -> Result<(), String> {
        let name: ProcessName = name.parse().expect("a process");
        let (key, payload) = (Some(b"k".to_vec()), b"hello".to_vec());
        let message = Message { offset, timestamp: 0, key, headers: Vec::new(), payload };
        let over = AtomicBool::new(false);
        let attempt = Attempt { partition: 3, failed, message: &message, checksum: 0, over: &over };
        name.processor(failing).process(&attempt)
    }

    #[test]
    fn a_command_gets_the_message_and_its_code_decides() {
        let test = r#"command:test "$(cat)" = hello && test $CHANLAB_PARTITION/$CHANLAB_OFFSET/$CHANLAB_ATTEMPT/$CHANLAB_KEY = 3/17/2/k"#;
        assert_eq!(process(test, 0, 17, 2), Ok(()));
        let error = process("command:echo one >&2; echo two >&2; exit 3", 0, 1, 0).expect_err("it fails");
        assert_eq!(error, "the command ended with exit status: 3: two");
        // It does not read its input.
        assert_eq!(process("command:true", 0, 1, 0), Ok(()));
    }

    #[test]
    fn a_share_of_the_messages_fails_and_some_of_these_for_ever() {
        let failed =
            |failed| (0..4_000).filter(|offset| process("checksum", 100, *offset, failed).is_err()).count();
        let counts = [0, 1, 2, 3, 4].map(failed);
        assert!((300..500).contains(&counts[0]), "{counts:?}");
        assert!(counts[3] == counts[4] && (60..140).contains(&counts[4]), "{counts:?}");
        assert_eq!(process("sleep:0..1us", 0, 5, 0), Ok(()));
    }

    #[test]
    fn a_process_is_one_of_three() {
        for text in [
            "",
            "sleep",
            "sleep:1ms",
            "sleep:5ms..1ms",
            "sleep:1..2",
            "command:",
            "checksum:1",
            "sleep:0..9999years",
        ] {
            let error = text.parse::<ProcessName>().expect_err(text);
            assert!(error.contains("sleep:MIN..MAX"), "{error}");
        }
        let sleep = "sleep:0ms..5ms".parse().map(|name: ProcessName| name.to_string());
        assert_eq!(sleep.as_deref(), Ok("sleep:0s..5ms"));
    }
}
