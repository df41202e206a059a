//! What a collector gets, and that every span is accounted for.

mod collector;
mod rotel;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use baseline::MutexDeque;
use collector::{Answer, Collector};
use contract::channel::{Capacity, Channel, Receiver, Sender};
use opentelemetry_proto::tonic::trace::v1::Span;
use service_otel::{NotStarted, Report, Settings, Spans, Tracing, adopt, leave, span};
use service_trace::traced::Traced;

type Own = Traced<MutexDeque, Spans>;

/// Time for an export that has to succeed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process has one tracing at a time, and tests are threads of one.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends messages through two stages: a source, a worker, and a thread that commits.
fn pipeline(headers: &[Option<&'static str>]) {
    let (jobs, worker) = Own::open::<usize>(Capacity::from_slots(4)).expect("open");
    let (done, committer) = Own::open::<usize>(Capacity::Rendezvous).expect("open");
    let works = thread::spawn(move || {
        while let Ok(job) = worker.recv() {
            let _span = span("work");
            done.send(job).expect("a committer");
        }
    });
    let commits = thread::spawn(move || {
        while committer.recv().is_ok() {
            let _span = span("commit");
        }
    });
    for (number, header) in headers.iter().enumerate() {
        // A header that cannot be read begins a trace of its own.
        let _ = adopt(*header);
        let _span = header.is_some().then(|| span("fetch"));
        jobs.send(number).expect("a worker");
    }
    leave();
    drop(jobs);
    works.join().expect("no panic");
    commits.join().expect("no panic");
}

/// Spans are in exactly one place.
fn accounted(report: &Report) {
    assert_eq!(report.recorded, report.sent + report.refused + report.lost(), "{report}");
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The names of a trace's spans, from the first to the last: each is the only child of the one before.
fn chain(spans: &[Span], trace: &str, parent: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut parent = parent.to_owned();
    loop {
        let child = |span: &&Span| text(&span.trace_id) == trace && text(&span.parent_span_id) == parent;
        let children: Vec<&Span> = spans.iter().filter(child).collect();
        match children[..] {
            [] => return names,
            [child] => {
                names.push(child.name.clone());
                parent = text(&child.span_id);
            }
            _ => panic!("{children:?}"),
        }
    }
}

#[test]
fn a_trace_follows_a_message_from_another_process_to_its_commit() {
    let _alone = alone();
    let collector = Collector::start(|_| Answer::Takes);
    let tracing =
        Tracing::start(&Settings { share: 0.0, ..Settings::to(&collector.endpoint) }).expect("started");
    let [sampled, not_sampled] = [
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-5bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
    ];
    pipeline(&[Some(sampled), Some(not_sampled), None, Some("nonsense")]);
    let report = tracing.close(PATIENCE);
    accounted(&report);
    let spans = collector.spans();
    // Nothing begins a trace here, so only the one that was sampled elsewhere has spans.
    assert_eq!((report.traces, report.sent, spans.len()), (0, 7, 7), "{report}");
    let names = chain(&spans, "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let [send, receive] = ["send mutex-deque", "receive mutex-deque"];
    assert_eq!(names, ["fetch", send, receive, "work", send, receive, "commit"]);
    assert!(spans.iter().all(|span| span.start_time_unix_nano <= span.end_time_unix_nano));
}

#[test]
fn a_span_that_ends_gives_its_place_back() {
    let _alone = alone();
    let collector = Collector::start(|_| Answer::Takes);
    let tracing = Tracing::start(&Settings::to(&collector.endpoint)).expect("started");
    leave();
    let outer = span("outer");
    drop(span("first"));
    drop(span("second"));
    drop(outer);
    drop(span("alone"));
    accounted(&tracing.close(PATIENCE));
    let spans = collector.spans();
    let named = |name: &str| spans.iter().find(|span| span.name == name).expect(name);
    for inner in ["first", "second"] {
        assert_eq!(named(inner).parent_span_id, named("outer").span_id, "{inner}");
    }
    assert!(named("alone").trace_id != named("outer").trace_id && named("alone").parent_span_id.is_empty());
}

#[test]
fn the_decision_is_made_once_for_all_of_a_trace() {
    let _alone = alone();
    const MESSAGES: usize = 20_000;
    let collector = Collector::start(|_| Answer::Takes);
    let settings = Settings { share: 0.01, ..Settings::to(&collector.endpoint) };
    let tracing = Tracing::start(&settings).expect("started");
    pipeline(&[None; MESSAGES]);
    let report = tracing.close(PATIENCE);
    accounted(&report);
    // Seven standard deviations around 200.
    assert!((100..300).contains(&report.traces), "{report}");
    let mut traces: HashMap<Vec<u8>, usize> = HashMap::new();
    for span in collector.spans() {
        *traces.entry(span.trace_id).or_default() += 1;
    }
    assert_eq!(traces.len() as u64, report.traces);
    assert!(traces.values().all(|spans| *spans == 6), "{traces:?}");
    assert_eq!(report.sent, 6 * report.traces, "{report}");
}

#[test]
fn what_a_collector_refuses_is_counted() {
    let _alone = alone();
    let collector = Collector::start(|number| if number == 0 { Answer::Refuses(5) } else { Answer::Takes });
    let tracing = Tracing::start(&Settings::to(&collector.endpoint)).expect("started");
    pipeline(&[None; 300]);
    let report = tracing.close(PATIENCE);
    accounted(&report);
    assert_eq!((report.recorded, report.refused, report.lost()), (1_800, 5, 0), "{report}");
    assert_eq!(collector.spans().len() as u64, report.sent + report.refused);
    assert_eq!(report.reason.as_deref(), Some("too many"));
}

#[test]
fn a_collector_that_is_busy_is_asked_again() {
    let _alone = alone();
    let collector = Collector::start(|number| if number == 0 { Answer::Status(503) } else { Answer::Takes });
    let tracing = Tracing::start(&Settings::to(&collector.endpoint)).expect("started");
    pipeline(&[None; 10]);
    let report = tracing.close(PATIENCE);
    accounted(&report);
    assert_eq!((report.sent, collector.spans().len()), (60, 60), "{report}");
}

#[test]
fn what_cannot_be_sent_is_lost_and_counted() {
    let _alone = alone();
    let refuses = Collector::start(|_| Answer::Status(400));
    let tracing = Tracing::start(&Settings::to(&refuses.endpoint)).expect("started");
    pipeline(&[None; 10]);
    let report = tracing.close(PATIENCE);
    accounted(&report);
    assert_eq!((report.sent, report.lost_on_way), (0, 60), "{report}");
    assert!(report.to_string().contains("lost: 60"), "{report}");
}

#[test]
fn a_collector_that_says_nothing_does_not_hold_up_the_end() {
    let _alone = alone();
    let silent = Collector::start(|_| Answer::Silence);
    let settings = Settings { queue: 1_000, ..Settings::to(&silent.endpoint) };
    let tracing = Tracing::start(&settings).expect("started");
    pipeline(&[None; 1_000]);
    let began = Instant::now();
    let report = tracing.close(Duration::from_millis(200));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    accounted(&report);
    assert_eq!((report.recorded, report.sent), (6_000, 0), "{report}");
    // The queue holds a thousand, and a batch is on its way.
    assert!(report.lost_at_queue >= 4_000 && report.lost_on_way >= 1_000, "{report}");
}

#[test]
fn nonsense_is_refused_in_one_line() {
    let _alone = alone();
    let error = |settings: &Settings| Tracing::start(settings).expect_err("refused").to_string();
    for endpoint in ["127.0.0.1:4318", "https://a:4318", "http://", "http://a:1/v1/traces", ""] {
        let error = error(&Settings::to(endpoint));
        assert!(error.contains("name the scheme"), "{error}");
    }
    for share in [-0.1, 1.1, f64::NAN] {
        let error = error(&Settings { share, ..Settings::to("http://127.0.0.1:9") });
        assert!(error.contains("from 0 to 1"), "{error}");
    }
    let first = Tracing::start(&Settings::to("http://127.0.0.1:9")).expect("started");
    assert!(matches!(Tracing::start(&Settings::to("http://127.0.0.1:9")), Err(NotStarted::Twice)));
    assert_eq!(first.close(PATIENCE), Report::default());
    drop(Tracing::start(&Settings::to("http://127.0.0.1:9")).expect("the first is closed"));
    Tracing::start(&Settings::to("http://127.0.0.1:9")).expect("the second is dropped");
}
