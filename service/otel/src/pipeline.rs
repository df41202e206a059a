//! The bounded queue of spans, the thread that exports them, and the account of what became of every span.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::context::{SpanRef, random};
use crate::export::Exporter;

/// Spans in one request, as in OpenTelemetry's own processor.
const BATCH: usize = 512;

/// The longest time that a span waits for others.
const INTERVAL: Duration = Duration::from_secs(1);

/// How spans are exported.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where the collector listens for OTLP over HTTP, with its scheme: such as `http://127.0.0.1:4318`.
    pub endpoint: String,
    /// The name of the service.
    pub service: String,
    /// The share of the messages that begin a trace, from 0 to 1.
    pub share: f64,
    /// Spans that wait for the export at most.
    pub queue: usize,
    /// The time of a request, with its retries.
    pub timeout: Duration,
}

impl Settings {
    /// All messages, for a collector there.
    pub fn to(endpoint: &str) -> Self {
        Settings {
            endpoint: endpoint.to_owned(),
            service: "chanlab".to_owned(),
            share: 1.0,
            queue: 65_536,
            timeout: Duration::from_secs(10),
        }
    }
}

/// Why nothing can be traced.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    /// The endpoint cannot be used.
    #[error(
        "the endpoint {0} is not of the form http://HOST:PORT: name the scheme, and only http, without a path"
    )]
    Endpoint(String),
    /// The share makes no sense.
    #[error("the share of messages that are sampled is {0}: give one from 0 to 1")]
    Share(f64),
    /// This process traces already.
    #[error("this process is traced already: close that tracing first")]
    Twice,
    /// OpenTelemetry's exporter.
    #[error("the exporter cannot be made: {0}")]
    Exporter(String),
    /// The system refuses a thread.
    #[error("the thread that exports cannot be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// What a span is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Send { channel: &'static str, waited: bool, passed: bool },
    Receive { channel: &'static str, waited: bool, is_select: bool, since_send: Duration },
    Work(&'static str),
}

/// A span that has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) kind: Kind,
    pub(crate) own: SpanRef,
    pub(crate) parent: Option<SpanRef>,
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    /// Messages that were queued behind the received one.
    pub(crate) depth: Option<usize>,
}

/// What became of the spans. Every span that was recorded is in one of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Traces that were begun here.
    pub traces: u64,
    /// Spans that were recorded.
    pub recorded: u64,
    /// Spans that the collector has taken.
    pub sent: u64,
    /// Spans that the collector has refused.
    pub refused: u64,
    /// Spans that were lost because the queue was full.
    pub lost_at_queue: u64,
    /// Spans that could not be sent, or not in time.
    pub lost_on_way: u64,
    /// The last reason for which spans were refused or could not be sent.
    pub reason: Option<String>,
}

impl Report {
    /// Spans that were lost, at the queue or on the way.
    pub fn lost(&self) -> u64 {
        self.lost_at_queue + self.lost_on_way
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "traces begun: {}; spans recorded: {}, sent: {}, refused: {}, lost: {} ({} for a full queue, {} on the way)",
            self.traces,
            self.recorded,
            self.sent,
            self.refused,
            self.lost(),
            self.lost_at_queue,
            self.lost_on_way
        )?;
        match &self.reason {
            Some(reason) => write!(f, "; the last reason: {reason}"),
            None => Ok(()),
        }
    }
}

#[derive(Debug, Default)]
struct Queue {
    spans: VecDeque<Record>,
    /// Spans that the thread is sending.
    on_way: u64,
    report: Report,
    is_closing: bool,
    has_ended: bool,
    /// The report was given, and counts no more.
    is_over: bool,
}

/// The part of a tracing that channels and threads share.
#[derive(Debug)]
pub struct Pipeline {
    queue: Mutex<Queue>,
    changed: Condvar,
    bound: usize,
    /// A random number below it is sampled; `None` for all.
    threshold: Option<u64>,
}

impl Pipeline {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a message begins a trace, decided by chance.
    #[inline]
    pub(crate) fn samples(&self) -> bool {
        let samples = self.threshold.is_none_or(|threshold| random() < threshold);
        if samples {
            self.lock().report.traces += 1;
        }
        samples
    }

    /// Queues a span, or counts it as lost.
    pub(crate) fn record(&self, record: Record) {
        let mut queue = self.lock();
        queue.report.recorded += 1;
        if queue.is_closing || queue.spans.len() >= self.bound {
            queue.report.lost_at_queue += 1;
            return;
        }
        queue.spans.push_back(record);
        let is_batch = queue.spans.len() == BATCH;
        drop(queue);
        if is_batch {
            self.changed.notify_all();
        }
    }

    /// Sends spans until it is closed and nothing is left.
    fn export(&self, exporter: &Exporter) {
        let mut queue = self.lock();
        loop {
            let began = Instant::now();
            while queue.spans.len() < BATCH && !queue.is_closing {
                let left = INTERVAL.saturating_sub(began.elapsed());
                if left.is_zero() {
                    break;
                }
                queue = self.changed.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
            }
            let length = queue.spans.len().min(BATCH);
            if length == 0 {
                if queue.is_closing {
                    break;
                }
                continue;
            }
            let batch: Vec<Record> = queue.spans.drain(..length).collect();
            queue.on_way = length as u64;
            drop(queue);
            let exported = exporter.export(&batch);
            queue = self.lock();
            queue.on_way = 0;
            if queue.is_over {
                break;
            }
            let report = &mut queue.report;
            match exported {
                Ok(taken) => {
                    let refused = taken.refused.min(length as u64);
                    report.refused += refused;
                    report.sent += length as u64 - refused;
                    report.reason = taken.reason.or(report.reason.take());
                }
                Err(reason) => {
                    report.lost_on_way += length as u64;
                    report.reason = Some(reason);
                }
            }
        }
        drop(queue);
        exporter.close();
        self.lock().has_ended = true;
        self.changed.notify_all();
    }
}

/// The pipeline of this process.
static CURRENT: Mutex<Option<Arc<Pipeline>>> = Mutex::new(None);

pub(crate) fn current() -> Option<Arc<Pipeline>> {
    CURRENT.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Spans are recorded and exported until this is closed or dropped. A process has one at a time.
#[derive(Debug)]
pub struct Tracing {
    pipeline: Arc<Pipeline>,
}

impl Tracing {
    /// Starts the thread that exports. Channels that are opened from now on are traced. Nothing is sent yet, so a collector
    /// that is not there is no error: what it does not get is counted.
    ///
    /// # Errors
    ///
    /// [`NotStarted`].
    pub fn start(settings: &Settings) -> Result<Self, NotStarted> {
        if !(0.0..=1.0).contains(&settings.share) {
            return Err(NotStarted::Share(settings.share));
        }
        let exporter = Exporter::new(settings)?;
        // The product of a share below 1 and 2^64 is below 2^64, and the cast saturates in any case.
        let threshold = (settings.share < 1.0).then_some((settings.share * 2f64.powi(64)) as u64);
        let pipeline = Arc::new(Pipeline {
            queue: Mutex::default(),
            changed: Condvar::new(),
            bound: settings.queue,
            threshold,
        });
        let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
        if current.is_some() {
            return Err(NotStarted::Twice);
        }
        let own = Arc::clone(&pipeline);
        thread::Builder::new().name("otlp".to_owned()).spawn(move || own.export(&exporter))?;
        *current = Some(Arc::clone(&pipeline));
        Ok(Tracing { pipeline })
    }

    /// Sends what is left, for at most this time; the account. What is not sent by then is lost: the collector may still
    /// get the request that is on its way.
    pub fn close(self, patience: Duration) -> Report {
        *CURRENT.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let began = Instant::now();
        let mut queue = self.pipeline.lock();
        queue.is_closing = true;
        self.pipeline.changed.notify_all();
        while !queue.has_ended {
            let left = patience.saturating_sub(began.elapsed());
            if left.is_zero() {
                let late = queue.spans.len() as u64 + queue.on_way;
                queue.report.lost_on_way += late;
                if late > 0 {
                    queue
                        .report
                        .reason
                        .get_or_insert_with(|| "the time to send the rest was over".to_owned());
                }
                queue.spans.clear();
                break;
            }
            queue = self.pipeline.changed.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        queue.is_over = true;
        queue.report.clone()
    }
}

impl Drop for Tracing {
    fn drop(&mut self) {
        // After `close` there is another one, or none.
        let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, &self.pipeline)) {
            *current = None;
        }
        self.pipeline.lock().is_closing = true;
        self.pipeline.changed.notify_all();
    }
}
