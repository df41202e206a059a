//! How a consumer ended, for people and as JSON.

use std::time::Duration;

use engine::StopSignal;
use serde::Serialize;
use service_core::coordinator::{Left, Totals};

use crate::Failure;

/// The version of the JSON.
const FORMAT: u32 = 1;

/// Why a consumer stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Everything was done that was there at the start.
    End,
    /// A signal.
    Signal(StopSignal),
    /// A second signal, which ended it at once.
    Twice(StopSignal),
    /// More dead letters than the limit.
    DeadLetters,
    /// A failure.
    Failure,
}

impl Stopped {
    /// Why, in words.
    pub fn words(self) -> String {
        match self {
            Stopped::End => "the end of the log".to_owned(),
            Stopped::Signal(signal) => signal.name().to_owned(),
            Stopped::Twice(signal) => format!("a second signal, {}", signal.name()),
            Stopped::DeadLetters => "too many dead letters".to_owned(),
            Stopped::Failure => "a failure".to_owned(),
        }
    }
}

/// How a consumer ended.
#[derive(Debug)]
pub struct Report {
    /// Why it stopped.
    pub stopped: Stopped,
    /// The first failure.
    pub failure: Option<Failure>,
    /// Numbers since the start.
    pub totals: Totals,
    /// What is left of each partition.
    pub left: Vec<Left>,
    /// The time since the start.
    pub time: Duration,
    /// The time of the drain.
    pub drain: Duration,
    /// The peak of resident memory in bytes; `None` where the system does not say.
    pub peak_memory: Option<u64>,
    /// Whether dead letters go somewhere.
    pub dead_letters_are_kept: bool,
    /// The number of dead letters that is no failure.
    pub dead_letter_limit: Option<u64>,
}

impl Report {
    /// Failed attempts that are followed by another one.
    pub fn retried(&self) -> u64 {
        retried(&self.totals)
    }

    /// Messages that were received and are not done.
    pub fn unfinished(&self) -> u64 {
        self.left.iter().map(|left| left.unfinished.len() as u64).sum()
    }

    /// Messages that are done and in no stored commit.
    pub fn uncommitted(&self) -> u64 {
        self.left.iter().map(|left| left.uncommitted).sum()
    }

    /// Messages that are done and in a stored commit.
    pub fn committed(&self) -> u64 {
        (self.totals.processed + self.totals.dead_lettered).saturating_sub(self.uncommitted())
    }

    /// Whether everything that was received is done and committed.
    pub fn is_drained(&self) -> bool {
        self.left.iter().all(Left::is_clean)
    }

    /// Whether there were more dead letters than the limit.
    pub fn has_too_many_dead_letters(&self) -> bool {
        self.dead_letter_limit.is_some_and(|limit| self.totals.dead_lettered > limit)
    }

    /// Whether a second signal ended it; the signal.
    pub fn ended_at_once(&self) -> Option<StopSignal> {
        match self.stopped {
            Stopped::Twice(signal) => Some(signal),
            _ => None,
        }
    }
}

/// Failed attempts that are followed by another one: all but the last one of each dead letter.
pub fn retried(totals: &Totals) -> u64 {
    totals.retried.saturating_sub(totals.dead_lettered)
}

/// What was consumed, and how, as the JSON names it.
#[derive(Clone, Debug, Serialize)]
pub struct Request {
    /// The source.
    pub source: String,
    /// The consumer group.
    pub group: String,
    /// The channel.
    pub channel: String,
    /// Worker threads.
    pub workers: usize,
    /// Messages that each channel holds.
    pub capacity: usize,
    /// `partition`, `key` or `none`.
    pub order: String,
    /// The processor.
    pub process: String,
}

/// A report as JSON.
#[derive(Debug, Serialize)]
pub struct ReportJson<'a> {
    format: u32,
    #[serde(flatten)]
    request: &'a Request,
    /// `end`, `SIGINT`, `SIGTERM`, `dead letters` or `failure`.
    stopped_by: &'static str,
    /// Whether a second signal ended it.
    ended_at_once: bool,
    failure: Option<String>,
    drained: bool,
    received: u64,
    known: u64,
    processed: u64,
    committed: u64,
    retried: u64,
    dead_lettered: u64,
    unfinished: u64,
    uncommitted: u64,
    commits: u64,
    commits_failed: u64,
    maps_left_out: u64,
    seconds: f64,
    drain_seconds: f64,
    peak_memory_bytes: Option<u64>,
    partitions: Vec<PartitionJson>,
}

#[derive(Debug, Serialize)]
struct PartitionJson {
    partition: usize,
    position: u64,
    unfinished: usize,
    uncommitted: u64,
}

impl<'a> ReportJson<'a> {
    /// The report of this request.
    pub fn of(request: &'a Request, report: &Report) -> Self {
        let totals = &report.totals;
        let stopped_by = match report.stopped {
            Stopped::End => "end",
            Stopped::Signal(signal) | Stopped::Twice(signal) => signal.name(),
            Stopped::DeadLetters => "dead letters",
            Stopped::Failure => "failure",
        };
        let partition = |left: &Left| PartitionJson {
            partition: left.partition,
            position: left.committed,
            unfinished: left.unfinished.len(),
            uncommitted: left.uncommitted,
        };
        ReportJson {
            format: FORMAT,
            request,
            stopped_by,
            ended_at_once: report.ended_at_once().is_some(),
            failure: report.failure.as_ref().map(ToString::to_string),
            drained: report.is_drained(),
            received: totals.received,
            known: totals.known,
            processed: totals.processed,
            committed: report.committed(),
            retried: report.retried(),
            dead_lettered: totals.dead_lettered,
            unfinished: report.unfinished(),
            uncommitted: report.uncommitted(),
            commits: totals.commits,
            commits_failed: totals.commits_failed,
            maps_left_out: totals.maps_left_out,
            seconds: report.time.as_secs_f64(),
            drain_seconds: report.drain.as_secs_f64(),
            peak_memory_bytes: report.peak_memory,
            partitions: report.left.iter().map(partition).collect(),
        }
    }
}
