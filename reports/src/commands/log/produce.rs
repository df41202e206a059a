//! `chanlab log produce`: appends messages whose content a seed decides.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use clap::Args;
use clap::value_parser;
use indicatif::{ProgressBar, ProgressStyle};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};
use records::text;
use reports::BadArguments;
use reports::exit::stopped;
use service_log::{DEFAULT_SEGMENT_BYTES, Header, LogError, MAX_PARTITIONS, NewMessage, Options, Writer};
use wording::numbers::{count, measured, separated};
use wording::terminal::stdout;

/// The partitions of a new log when none are requested.
const PARTITIONS: u32 = 8;

/// The limit of a payload in bytes: with a key and some headers it stays a message that the log takes.
const MAX_SIZE: u64 = 1_000_000;

/// The limit of a number on the command line, so that no sum of them overflows.
const MANY: u64 = 1_000_000_000_000;

/// The messages after which the bar moves.
const STEP: u64 = 1_024;

/// The longest sleep before a stop request is seen.
const NAP: Duration = Duration::from_millis(100);

#[derive(Args)]
pub(crate) struct Arguments {
    /// The folder of the log; without one there, a log is made
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Partitions of a new log [default: 8]; a log that is there keeps its own
    #[arg(long, value_name = "P", value_parser = value_parser!(u32).range(1..=i64::from(MAX_PARTITIONS)))]
    partitions: Option<u32>,
    /// Messages to append
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = value_parser!(u64).range(1..=MANY))]
    messages: u64,
    /// Bytes of each payload: the number of the message in the log, and letters
    #[arg(long, value_name = "BYTES", default_value_t = 64, value_parser = value_parser!(u64).range(..=MAX_SIZE))]
    size: u64,
    /// Keys, which are chosen at random; a key decides the partition. With 0 the messages have none and go to
    /// the partitions in turn
    #[arg(long, value_name = "K", default_value_t = 1_000, value_parser = value_parser!(u64).range(..=MANY))]
    keys: u64,
    /// A header of each message; may be repeated
    #[arg(long = "header", value_name = "NAME=VALUE")]
    headers: Vec<String>,
    /// Messages in each second [default: as many as can be written]
    #[arg(long, value_name = "R", value_parser = value_parser!(u64).range(1..=1_000_000_000))]
    rate: Option<u64>,
    /// The seed of keys and letters
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let headers = arguments.headers.iter().map(|text| header(text)).collect::<Result<Vec<_>, _>>()?;
    let stop = engine::stop_request()?;
    let mut writer = opened(&arguments.folder, arguments.partitions)?;
    let began = Instant::now();
    let appended = appended(arguments, &headers, &mut writer, stop)?;
    let seconds = began.elapsed().as_secs_f64();
    let folder = text::path(&arguments.folder);
    if appended < arguments.messages {
        let (appended, messages) = (separated(appended), count(arguments.messages, "message"));
        return Err(stopped(format!("{appended} of {messages} are in {folder}, on the disk")).into());
    }
    writeln!(
        stdout(),
        "{} of {} into {} of {folder} in {} s, on the disk: {} a second",
        count(appended, "message"),
        count(arguments.size, "byte"),
        count(writer.partitions().into(), "partition"),
        measured(seconds),
        measured(appended as f64 / seconds)
    )?;
    Ok(())
}

fn header(text: &str) -> Result<Header, BadArguments> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => {
            Ok(Header { name: name.to_owned(), value: value.as_bytes().to_owned() })
        }
        _ => Err(BadArguments(format!("a header is NAME=VALUE, and {text:?} is not"))),
    }
}

/// The log in the folder, or a new one.
fn opened(folder: &Path, partitions: Option<u32>) -> Result<Writer> {
    let writer = match Writer::open(folder) {
        Err(LogError::Absent { .. }) => {
            let options = Options {
                partitions: partitions.unwrap_or(PARTITIONS),
                segment_bytes: DEFAULT_SEGMENT_BYTES,
            };
            return Ok(Writer::create(folder, options)?);
        }
        writer => writer?,
    };
    let own = writer.partitions();
    match partitions {
        Some(partitions) if partitions != own => Err(BadArguments(format!(
            "the log in {} has {}: leave --partitions out, or name another folder",
            folder.display(),
            count(own.into(), "partition")
        ))
        .into()),
        _ => Ok(writer),
    }
}

/// Appends the messages and returns their number when they are on the disk: all, or those until a stop
/// request.
fn appended(
    arguments: &Arguments,
    headers: &[Header],
    writer: &mut Writer,
    stop: &AtomicBool,
) -> Result<u64, LogError> {
    // Hidden where the standard error is no terminal.
    let bar = ProgressBar::new(arguments.messages).with_style(
        ProgressStyle::with_template("{bar:30} {pos} of {len} messages, {eta} left")
            .expect("the template is valid"),
    );
    let partitions = u64::from(writer.partitions());
    // The number of a message in the whole log, also when it is appended to one.
    let first: u64 = (0..writer.partitions()).filter_map(|partition| writer.next_offset(partition)).sum();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(arguments.seed ^ first);
    let began = Instant::now();
    let (mut payload, mut key) = (Vec::new(), Vec::new());
    for done in 0..arguments.messages {
        if let Some(rate) = arguments.rate {
            let due = began + Duration::from_secs_f64(done as f64 / rate as f64);
            wait(due, writer, stop)?;
        }
        if stop.load(Ordering::Relaxed) {
            bar.finish_and_clear();
            writer.sync()?;
            return Ok(done);
        }
        let number = first + done;
        fill(&mut payload, number, arguments.size as usize, &mut random);
        let mut partition = number % partitions;
        if arguments.keys > 0 {
            let chosen = random.next_u64() % arguments.keys;
            key.clear();
            key.extend_from_slice(format!("key-{chosen}").as_bytes());
            partition = chosen % partitions;
        }
        let key = (arguments.keys > 0).then_some(&*key);
        let message = NewMessage { timestamp: now(), key, headers, payload: &payload };
        writer.append(partition as u32, &message)?;
        if done % STEP == STEP - 1 {
            bar.inc(STEP);
        }
    }
    bar.finish_and_clear();
    writer.sync()?;
    Ok(arguments.messages)
}

/// Waits for a moment or a stop request. What was appended before is written, so that readers need not wait
/// too.
fn wait(due: Instant, writer: &mut Writer, stop: &AtomicBool) -> Result<(), LogError> {
    if Instant::now() < due {
        writer.flush()?;
    }
    while let Some(left) = due.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        thread::sleep(left.min(NAP));
    }
    Ok(())
}

/// Makes `payload` the number of a message, a space and letters, cut off at `size` bytes.
fn fill(payload: &mut Vec<u8>, number: u64, size: usize, random: &mut Xoshiro256PlusPlus) {
    /// The letters that one random number decides: five bits for each.
    const LETTERS: usize = 12;
    payload.clear();
    payload.extend_from_slice(format!("{number} ").as_bytes());
    while payload.len() < size {
        let bits = random.next_u64();
        payload.extend((0..LETTERS).map(|letter| b'a' + ((bits >> (5 * letter)) & 31) as u8 % 26));
    }
    payload.truncate(size);
}

/// The moment in milliseconds since 1970.
fn now() -> i64 {
    // A clock before 1970 is as wrong as 1970 is.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_its_number_and_letters_in_the_size_that_was_requested() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut payload = Vec::new();
        for size in [0, 1, 3, 4, 64, 1_000] {
            fill(&mut payload, 123, size, &mut random);
            let text = String::from_utf8(payload.clone()).expect("letters");
            assert_eq!(text.len(), size);
            assert!("123 ".starts_with(&text) || text.starts_with("123 "), "{text}");
            assert!(text.bytes().skip(4).all(|byte| byte.is_ascii_lowercase()), "{text}");
        }
    }

    #[test]
    fn a_header_has_a_name_and_a_value_with_any_characters() {
        let read = header("traceparent=00-a=b").expect("a header");
        assert_eq!((&*read.name, &*read.value), ("traceparent", &b"00-a=b"[..]));
        for text in ["", "name", "=value"] {
            header(text).expect_err("none");
        }
    }
}
