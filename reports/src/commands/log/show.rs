//! `chanlab log show`: what is in a log, for people or as JSON.

use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Result;
use clap::Args;
use records::text;
use reports::exit::{Exit, ExitWith};
use serde::Serialize;
use service_log::{Commits, Extent, Log, LogError, Message, MessageJson, hexadecimal};
use wording::numbers::{count, separated};
use wording::terminal::stdout;

/// The version of the JSON.
const FORMAT: u32 = 1;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The folder of the log
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Print the messages of this partition
    #[arg(long, value_name = "P")]
    partition: Option<u32>,
    /// The offset of the first message to print [default: the first that is there]
    #[arg(long, value_name = "O", requires = "partition")]
    from: Option<u64>,
    /// The number of messages to print
    #[arg(long, value_name = "N", requires = "partition", default_value_t = 10)]
    count: u64,
    /// Print JSON: one object, or one for each message
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let log = Log::open(&arguments.folder)?;
    match arguments.partition {
        Some(partition) => messages(arguments, &log, partition),
        None => overview(arguments, &log),
    }
}

fn messages(arguments: &Arguments, log: &Log, partition: u32) -> Result<()> {
    let from = match arguments.from {
        Some(from) => from,
        None => log.first_offset(partition)?,
    };
    let mut reader = log.reader(partition, from)?;
    let mut terminal = stdout();
    for _ in 0..arguments.count {
        let Some(message) = reader.read()? else { break };
        let line = match arguments.json {
            true => String::from_utf8(text::json(&MessageJson::of(partition, &message))?)?,
            false => line(partition, &message),
        };
        writeln!(terminal, "{line}")?;
    }
    Ok(())
}

/// A message in one line: its place, its moment, its key, its headers and its payload.
fn line(partition: u32, message: &Message) -> String {
    let Message { offset, key, headers, payload, .. } = message;
    let mut line = format!("{partition}/{offset}  {}", moment(message.timestamp));
    if let Some(key) = key {
        line += &format!("  key {}", shown(key));
    }
    for header in headers {
        line += &format!("  {}={}", text::name(&header.name), shown(&header.value));
    }
    line + "  " + &shown(payload)
}

/// Milliseconds since 1970 as a date, where they are one.
fn moment(timestamp: i64) -> String {
    let since = u64::try_from(timestamp).ok().map(Duration::from_millis);
    // The first moment that has no date of four digits for its year.
    let is_dated = |since: &Duration| since.as_secs() < 253_402_300_800;
    match since.filter(is_dated).and_then(|since| UNIX_EPOCH.checked_add(since)) {
        Some(moment) => humantime::format_rfc3339_millis(moment).to_string(),
        None => format!("{timestamp} ms"),
    }
}

/// Bytes as text in one line, or in hexadecimal digits where they are no text.
fn shown(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text::name(text),
        Err(_) => format!("0x{}", hexadecimal(bytes)).into(),
    }
}

/// A log as JSON, and what the tables show.
#[derive(Serialize)]
struct Overview {
    format: u32,
    partitions: Vec<PartitionJson>,
    groups: Vec<GroupJson>,
}

#[derive(Serialize)]
struct PartitionJson {
    partition: u32,
    #[serde(flatten)]
    state: State,
}

#[derive(Serialize)]
#[serde(untagged)]
enum State {
    Whole {
        first: u64,
        next: u64,
        bytes: u64,
        segments: usize,
    },
    /// Where it is damaged.
    Damaged {
        damaged: String,
    },
}

impl State {
    /// The offsets of the first message and of the next one.
    fn range(&self) -> Option<(u64, u64)> {
        match self {
            State::Whole { first, next, .. } => Some((*first, *next)),
            State::Damaged { .. } => None,
        }
    }
}

#[derive(Serialize)]
struct GroupJson {
    group: String,
    partitions: Vec<CommitJson>,
}

/// What a group has of a partition.
#[derive(Serialize)]
struct CommitJson {
    partition: u32,
    /// The offset that is committed, if one is.
    offset: Option<u64>,
    /// The messages that are not committed; none where the partition is damaged.
    lag: Option<u64>,
    metadata: String,
}

impl CommitJson {
    fn of(partition: &PartitionJson, commits: &Commits) -> Self {
        let commit = commits.partitions.get(&partition.partition);
        let lag =
            |(first, next): (u64, u64)| next.saturating_sub(commit.map_or(first, |commit| commit.offset));
        CommitJson {
            partition: partition.partition,
            offset: commit.map(|commit| commit.offset),
            lag: partition.state.range().map(lag),
            metadata: commit.map(|commit| commit.metadata.clone()).unwrap_or_default(),
        }
    }
}

fn overview(arguments: &Arguments, log: &Log) -> Result<()> {
    let partitions = (0..log.partitions()).map(|partition| {
        let state = match log.extent(partition) {
            Ok(Extent { first, next, bytes, segments }) => State::Whole { first, next, bytes, segments },
            Err(error @ LogError::Damaged { .. }) => State::Damaged { damaged: error.to_string() },
            Err(error) => return Err(error),
        };
        Ok(PartitionJson { partition, state })
    });
    let partitions = partitions.collect::<Result<Vec<_>, _>>()?;
    let groups = log.groups()?.into_iter().map(|commits| {
        let partitions = partitions.iter().map(|partition| CommitJson::of(partition, &commits)).collect();
        GroupJson { group: commits.group, partitions }
    });
    let groups = groups.collect();
    let overview = Overview { format: FORMAT, partitions, groups };
    let text = match arguments.json {
        true => String::from_utf8(text::json(&overview)?)? + "\n",
        false => tables(&arguments.folder, &overview),
    };
    stdout().write_all(text.as_bytes())?;
    let damaged = overview.partitions.iter().filter(|partition| partition.state.range().is_none()).count();
    if damaged > 0 {
        let message = format!("{} damaged: see above", are(damaged));
        return Err(ExitWith::new(Exit::Failure, message).into());
    }
    Ok(())
}

fn are(partitions: usize) -> String {
    let verb = if partitions == 1 { "is" } else { "are" };
    format!("{} {verb}", count(partitions as u64, "partition"))
}

fn tables(folder: &Path, overview: &Overview) -> String {
    let messages = overview.partitions.iter().filter_map(|partition| partition.state.range());
    let messages: u64 = messages.map(|(first, next)| next - first).sum();
    let mut text = format!(
        "{}: {}, {}\n\npartition          first           next            bytes  segments\n",
        text::path(folder),
        count(overview.partitions.len() as u64, "partition"),
        count(messages, "message")
    );
    for PartitionJson { partition, state } in &overview.partitions {
        text += &match state {
            State::Whole { first, next, bytes, segments } => {
                let [first, next, bytes] = [first, next, bytes].map(|number| separated(*number));
                format!("{partition:>9}  {first:>13}  {next:>13}  {bytes:>15}  {segments:>8}\n")
            }
            State::Damaged { damaged } => format!("{partition:>9}  {}\n", text::line(damaged)),
        };
    }
    for GroupJson { group, partitions } in &overview.groups {
        text +=
            &format!("\ngroup {}\npartition      committed            lag  metadata\n", text::name(group));
        for CommitJson { partition, offset, lag, metadata } in partitions {
            let [offset, lag] = [offset, lag].map(|number| number.map_or("-".to_owned(), separated));
            // It may have thousands of bytes; the JSON has them.
            let metadata = count(metadata.len() as u64, "byte");
            text += &format!("{partition:>9}  {offset:>13}  {lag:>13}  {metadata}\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use service_log::Header;

    use super::*;

    #[test]
    fn a_message_is_a_line_in_which_nothing_is_hidden() {
        let message = Message {
            offset: 17,
            timestamp: 1_795_684_800_123,
            key: Some(b"a\nb".to_vec()),
            headers: vec![Header { name: "\u{1b}[2J".to_owned(), value: vec![0xff, 0] }],
            payload: "é \u{202e}".into(),
        };
        assert_eq!(
            line(3, &message),
            "3/17  2026-11-26T09:20:00.123Z  key a\\nb  \\u{1b}[2J=0xff00  é \\u{202e}"
        );
        assert_eq!([i64::MIN, -1, i64::MAX].map(moment).map(|text| text.ends_with(" ms")), [true; 3]);
        let json = text::json(&MessageJson::of(3, &message)).expect("plain data");
        let expected = r#"{"format":1,"partition":3,"offset":17,"timestamp":1795684800123,"key":"a\nb","headers":[["\u001b[2J",{"hex":"ff00"}]],"payload":"é \u202e"}"#;
        assert_eq!(String::from_utf8(json).expect("text"), expected);
    }

    proptest! {
        #[test]
        fn no_message_controls_the_terminal(timestamp: i64, key: Option<Vec<u8>>, name: String, text: String) {
            let headers = vec![Header { name, value: text.clone().into() }];
            let message = Message { offset: 0, timestamp, key, headers, payload: text.into() };
            prop_assert!(!line(0, &message).contains(text::is_hidden));
        }
    }
}
