//! What a restart repeats: nothing that is in a stored commit, however far beyond its position.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use baseline::MutexDeque;
use engine::StopSignal;
use service_consume::consumer::{Consumer, Note, Settings};
use service_consume::log_source::LogSource;
use service_consume::output::Output;
use service_consume::process::{Attempt, Processor};
use service_consume::report::Report;
use service_core::scheduler::Order;
use service_log::{NewMessage, Options, Writer};

/// Messages after the first one, which is stuck.
const MESSAGES: u64 = 10_000;

const LIMIT: Duration = Duration::from_secs(60);

fn settings(until_end: bool) -> Settings {
    Settings {
        workers: 2,
        capacity: 64,
        order: Order::Key,
        in_flight: 512,
        retries: 0,
        retry_delay: Duration::ZERO,
        commit_every: 100,
        commit_interval: Duration::from_millis(20),
        grace: Duration::from_millis(50),
        dead_letter_limit: None,
        until_end,
    }
}

/// Counts what it processes; the message at offset 0 is stuck until the test ends.
struct Stuck {
    processed: Arc<AtomicU64>,
    until: Mutex<Receiver<()>>,
}

impl Processor for Stuck {
    fn process(&self, attempt: &Attempt<'_>) -> Result<(), String> {
        if attempt.message.offset == 0 {
            let _ = self.until.lock().unwrap_or_else(PoisonError::into_inner).recv();
        }
        self.processed.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// Runs a consumer until all but the first message are done and `is_ready`, and then sends `signals`.
fn stuck(log: &Path, signals: usize, is_ready: impl Fn() -> bool) -> (Report, Sender<()>) {
    let source = LogSource::open(log, "g", false).expect("a log");
    let (release, until) = mpsc::channel();
    let processed = Arc::new(AtomicU64::new(0));
    let processor = Stuck { processed: Arc::clone(&processed), until: Mutex::new(until) };
    let consumer = Consumer::new(settings(false), 1, Box::new(processor), Output::none(), Output::none());
    let notes = consumer.notes();
    let began = Instant::now();
    let mut sent = 0;
    let report = consumer.run::<MutexDeque, _>(source, &mut |_| {
        assert!(began.elapsed() < LIMIT, "{} are done", processed.load(Ordering::SeqCst));
        if sent == 0 && processed.load(Ordering::SeqCst) == MESSAGES && is_ready() {
            sent = signals;
            (0..signals).for_each(|_| notes.send(Note::Signal(StopSignal::Terminate)).expect("it listens"));
        }
    });
    (report.expect("it began"), release)
}

/// Runs a consumer to the end of the log; what it processed.
fn rest(log: &Path) -> (Report, Vec<u64>) {
    struct Seen(Arc<Mutex<Vec<u64>>>);
    impl Processor for Seen {
        fn process(&self, attempt: &Attempt<'_>) -> Result<(), String> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(attempt.message.offset);
            Ok(())
        }
    }
    let began = Instant::now();
    let source = loop {
        // The threads of the one before that was ended at once may take a moment.
        match LogSource::open(log, "g", true) {
            Ok(source) => break source,
            Err(error) => assert!(began.elapsed() < LIMIT, "{error}"),
        }
        thread::yield_now();
    };
    let seen = Arc::new(Mutex::new(Vec::new()));
    let processor = Box::new(Seen(Arc::clone(&seen)));
    let consumer = Consumer::new(settings(true), 1, processor, Output::none(), Output::none());
    let report = consumer.run::<MutexDeque, _>(source, &mut |_| assert!(began.elapsed() < LIMIT));
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (report.expect("it began"), seen)
}

fn log() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let mut writer = Writer::create(folder.path(), Options { partitions: 1, segment_bytes: 1 << 20 });
    let writer = writer.as_mut().expect("a log");
    for number in 0..=MESSAGES {
        let key = number.to_string();
        let message = NewMessage { key: Some(key.as_bytes()), ..NewMessage::default() };
        writer.append(0, &message).expect("appended");
    }
    writer.flush().expect("written");
    folder
}

#[test]
fn a_restart_after_an_expired_grace_repeats_none_of_ten_thousand_mapped_messages() {
    let log = log();
    let (report, release) = stuck(log.path(), 1, || true);
    assert_eq!((report.left[0].unfinished.as_slice(), report.uncommitted()), (&[0][..], 0));
    assert!(!report.is_drained() && report.left[0].committed == 0, "{report:?}");
    let (report, seen) = rest(log.path());
    assert_eq!((seen, report.totals.known, report.is_drained()), (vec![0], MESSAGES, true));
    drop(release);
}

#[test]
fn a_restart_after_an_end_at_once_repeats_none_that_the_map_has() {
    let log = log();
    let is_mapped = || {
        let groups = service_log::Log::open(log.path()).and_then(|log| log.groups()).expect("whole");
        let commit = groups.first().and_then(|group| group.partitions.get(&0)).cloned().unwrap_or_default();
        let map = service_core::offset_map::OffsetMap::decode(&commit.metadata).expect("a map");
        map.offsets().count() as u64 == MESSAGES
    };
    let (report, release) = stuck(log.path(), 2, is_mapped);
    assert_eq!(report.ended_at_once(), Some(StopSignal::Terminate));
    let (report, seen) = rest(log.path());
    assert_eq!((seen, report.totals.known, report.is_drained()), (vec![0], MESSAGES, true));
    drop(release);
}
