//! Measures the log: writes and reads 1,000,000 messages of 64 bytes over 8 partitions, and prints times and
//! peak memory.
//!
//!     cargo run --release -p service-log --example measure [FOLDER]
//!
//! Without a folder it is a new one of the system's temporary folder.

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;
use std::{env, fs};

use service_log::{Commit, DEFAULT_SEGMENT_BYTES, Group, Log, NewMessage, Options, Writer};

const PARTITIONS: u32 = 8;
const MESSAGES: u64 = 1_000_000;
const SEEKS: u64 = 1_000;
const COMMITS: u64 = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let folder = env::args_os().nth(1).map_or_else(|| temporary.path().join("log"), PathBuf::from);
    let mut writer =
        Writer::create(&folder, Options { partitions: PARTITIONS, segment_bytes: DEFAULT_SEGMENT_BYTES })?;
    let payload = [7; 64];
    let began = Instant::now();
    for number in 0..MESSAGES {
        let message =
            NewMessage { key: Some(&number.to_le_bytes()), payload: &payload, ..NewMessage::default() };
        writer.append((number % u64::from(PARTITIONS)) as u32, &message)?;
    }
    writer.flush()?;
    say("append and flush", began, MESSAGES);
    let began = Instant::now();
    writer.sync()?;
    say("sync", began, 1);

    let log = Log::open(&folder)?;
    let began = Instant::now();
    let mut bytes = 0;
    for partition in 0..PARTITIONS {
        let mut reader = log.reader(partition, 0)?;
        while let Some(message) = reader.read()? {
            bytes += message.payload.len();
        }
    }
    say("read", began, MESSAGES);
    assert_eq!(bytes as u64, MESSAGES * 64);
    let began = Instant::now();
    for seek in 0..SEEKS {
        log.reader(0, seek * (MESSAGES / u64::from(PARTITIONS) / SEEKS))?;
    }
    say("seek", began, SEEKS);
    let mut group = Group::open(&folder, "measure")?;
    let began = Instant::now();
    for offset in 1..=COMMITS {
        group.commit(
            (0..PARTITIONS).map(|partition| (partition, Commit { offset, metadata: String::new() })),
        )?;
    }
    say("commit of all partitions", began, COMMITS);
    drop(writer);
    let began = Instant::now();
    Writer::open(&folder)?;
    say("open", began, 1);
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("no peak memory here"));
    Ok(())
}

fn say(what: &str, began: Instant, count: u64) {
    let seconds = began.elapsed().as_secs_f64();
    println!("{what:<25} {seconds:>8.3} s, {:>12.0} ns each", seconds * 1e9 / count as f64);
}
