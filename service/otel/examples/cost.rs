//! What tracing costs the threads that send and receive: `scripts/otel --cost` runs it beside a collector.
//!
//! One thread sends and receives in turn, so nothing waits. All rows take turns, many times in one run, so that they see the
//! same machine; of each row the median counts. The export itself happens on a thread of its own, at the same time.

use std::time::{Duration, Instant};

use baseline::MutexDeque;
use contract::channel::{Capacity, Channel, Receiver, Sender};
use service_otel::{Report, Settings, Spans, Tracing, leave};
use service_trace::traced::Traced;

/// Sends, and as many receives, in a measurement: fewer spans than the queue holds.
const PAIRS: u32 = 20_000;

/// Measurements of each row.
const TURNS: usize = 31;

type Own = Traced<MutexDeque, Spans>;

fn main() {
    let endpoint = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:4318".to_owned());
    // The names of the rows, and the share of the messages that is sampled, where there is tracing.
    let rows = [
        ("the channel", None),
        ("wrapped, nothing traces", None),
        ("wrapped, 0 %", Some(0.0)),
        ("wrapped, 1 %", Some(0.01)),
        ("wrapped, all", Some(1.0)),
    ];
    let mut times = vec![Vec::new(); rows.len()];
    let mut all = Report::default();
    for _ in 0..TURNS {
        for ((row, (_, share)), times) in rows.iter().enumerate().zip(&mut times) {
            let settings = |share| Settings { share, ..Settings::to(&endpoint) };
            let tracing = share.map(|share| Tracing::start(&settings(share)).expect("tracing starts"));
            times.push(if row == 0 { turns::<MutexDeque>() } else { turns::<Own>() });
            if let Some(tracing) = tracing {
                let report = tracing.close(Duration::from_secs(10));
                all.traces += report.traces;
                all.recorded += report.recorded;
                all.sent += report.sent;
                all.refused += report.refused;
                all.lost_at_queue += report.lost_at_queue;
                all.lost_on_way += report.lost_on_way;
                all.reason = report.reason.or(all.reason);
            }
        }
    }
    println!("| over `mutex-deque` | ns per operation | more |");
    println!("| --- | --- | --- |");
    let medians: Vec<f64> = times.into_iter().map(median).collect();
    for ((name, _), time) in rows.iter().zip(&medians) {
        println!("| {name} | {time:.1} | {:+.1} |", time - medians[0]);
    }
    println!("\n{all}");
}

/// Nanoseconds for one operation.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_nanos() as f64 / f64::from(2 * PAIRS)
}

#[inline(never)]
fn turns<C: Channel>() -> Duration {
    let (sender, receiver) = C::open::<u64>(Capacity::from_slots(1)).expect("a bounded channel");
    let began = Instant::now();
    for number in 0..u64::from(PAIRS) {
        sender.send(number).expect("a receiver");
        receiver.recv().expect("a sender");
        // The next message is not a part of this one's trace.
        leave();
    }
    began.elapsed()
}
