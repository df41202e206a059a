//! What the harness costs: its `producer_consumer` beside a loop written by hand on the crate's own calls.
//!
//! Two loops are compared with, each in interleaved pairs of rounds:
//!
//! - `same checks`: the same messages and the same ledger, on the crate's own calls. The difference is the contract alone.
//! - `plain numbers`: sends `u64`s and adds them up, as a benchmark by hand would. The difference is all that the harness
//!   does for each message: contract, numbered messages, ledger, counted drops.

use std::process::ExitCode;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use benches::paired::{Ratio, ratio};
use benches::{Arguments, Mode, Settings};
use harness::ledger::{Deliveries, Ledger};
use harness::message::{Message, MessageId, Payload};
use harness::profile::Profile;
use harness::record::{BENCH_FILE, Overhead, Record, Recorder, criterion_dir, now};
use harness::registry::Registry;

const CAPACITY: usize = 1024;

/// The ratio that the harness aims to stay within.
const TARGET: f64 = 1.02;

/// Messages of a round: some milliseconds.
const MESSAGES: u64 = 100_000;

/// A hand-written round; returns its timed region.
type Loop = fn(u64) -> Duration;

/// The hand-written loops, by channel.
const BY_HAND: [(&str, [(&str, Loop); 2]); 3] = [
    ("crossbeam", [("same checks", crossbeam_checked), ("plain numbers", crossbeam_plain)]),
    ("flume", [("same checks", flume_checked), ("plain numbers", flume_plain)]),
    ("kanal", [("same checks", kanal_checked), ("plain numbers", kanal_plain)]),
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), String> {
    let arguments = Arguments::from_env();
    let settings = Settings::from_env().map_err(|error| error.to_string())?;
    let wanted = |name: &str| arguments.filter().is_none_or(|filter| name.contains(filter));
    let names = BY_HAND.iter().flat_map(|(channel, loops)| {
        loops.iter().map(move |(against, by_hand)| {
            (format!("overhead/{against}/{channel}"), channel, against, by_hand)
        })
    });
    let selected: Vec<_> = names.filter(|(name, ..)| wanted(name)).collect();
    let pairs = match (arguments.mode, settings.profile) {
        (Mode::Test, _) => 2,
        (_, Profile::Quick) => 200,
        (_, Profile::Standard) => 500,
        (_, Profile::Full) => 2_000,
    };
    if arguments.mode == Mode::Print {
        selected.iter().for_each(|(name, ..)| println!("{name}: benchmark"));
        return Ok(());
    }
    if !selected.is_empty() {
        println!("overhead: {} comparisons of {pairs} pairs of rounds\n", selected.len());
    }
    let registry = Registry::new();
    for (name, channel, against, by_hand) in selected {
        let params = registry.params("producer_consumer", &format!("capacity={CAPACITY}")).expect("params");
        let cell = registry
            .cell(channel, "producer_consumer", params, Some(MESSAGES))
            .map_err(|error| error.to_string())?;
        // A first round of each: the check that they work, and their warm-up.
        cell.round().map_err(|error| error.to_string())?;
        by_hand(MESSAGES);
        let Ratio { median, interval: [low, high], pairs } =
            ratio(pairs, || cell.round().expect("the first round was sound").elapsed, || by_hand(MESSAGES));
        let verdict = match () {
            () if low > TARGET => "over the target",
            () if high <= TARGET => "within the target",
            () => "not told apart from the target",
        };
        println!("{name}: {median:.3} [{low:.3}, {high:.3}] ({pairs} pairs; target {TARGET}: {verdict})");
        if arguments.mode == Mode::Measure {
            let recorder = Recorder::new(criterion_dir().join(BENCH_FILE));
            let record = Record::Overhead(Overhead {
                at: now(),
                channel: (*channel).to_owned(),
                against: (*against).to_owned(),
                pairs,
                ratio: median,
                interval: [low, high],
            });
            recorder
                .append(&record)
                .map_err(|error| format!("could not write {}: {error}", recorder.path().display()))?;
        }
    }
    Ok(())
}

/// One producer and one consumer, started together; from the gate to the end of the last receive.
fn timed(send: impl FnOnce() + Send, receive: impl FnOnce() + Send) -> Duration {
    let gate = Barrier::new(2);
    let (opened, closed) = thread::scope(|scope| {
        let sending = scope.spawn(|| {
            gate.wait();
            let opened = Instant::now();
            send();
            opened
        });
        let receiving = scope.spawn(|| {
            gate.wait();
            let opened = Instant::now();
            receive();
            (opened, Instant::now())
        });
        let opened = sending.join().expect("the producer ended");
        let (also_opened, closed) = receiving.join().expect("the consumer ended");
        (opened.min(also_opened), closed)
    });
    closed - opened
}

/// The sum that proves that plain numbers arrived.
fn sum(messages: u64) -> u64 {
    messages * (messages - 1) / 2
}

/// The message that a checked loop sends as the `seq`-th.
fn message(seq: u64) -> Message {
    Message::new(MessageId { producer: 0, seq })
}

fn crossbeam_plain(messages: u64) -> Duration {
    let (sender, receiver) = crossbeam_channel::bounded(CAPACITY);
    timed(
        move || (0..messages).for_each(|number| sender.send(number).expect("a receiver")),
        move || assert_eq!(receiver.iter().sum::<u64>(), sum(messages)),
    )
}

fn crossbeam_checked(messages: u64) -> Duration {
    let (sender, receiver) = crossbeam_channel::bounded(CAPACITY);
    timed(
        move || (0..messages).for_each(|seq| sender.send(message(seq)).expect("a receiver")),
        move || {
            let mut ledger = Ledger::new(&[messages]);
            while let Ok(message) = receiver.recv() {
                ledger.record(&message);
                message.settle();
            }
            let deliveries = Deliveries::join([ledger]).expect("no fault");
            assert_eq!(deliveries.complete(&[messages]), Ok(()));
        },
    )
}

fn flume_plain(messages: u64) -> Duration {
    let (sender, receiver) = flume::bounded(CAPACITY);
    timed(
        move || (0..messages).for_each(|number| sender.send(number).expect("a receiver")),
        move || assert_eq!(receiver.iter().sum::<u64>(), sum(messages)),
    )
}

fn flume_checked(messages: u64) -> Duration {
    let (sender, receiver) = flume::bounded(CAPACITY);
    timed(
        move || (0..messages).for_each(|seq| sender.send(message(seq)).expect("a receiver")),
        move || {
            let mut ledger = Ledger::new(&[messages]);
            while let Ok(message) = receiver.recv() {
                ledger.record(&message);
                message.settle();
            }
            let deliveries = Deliveries::join([ledger]).expect("no fault");
            assert_eq!(deliveries.complete(&[messages]), Ok(()));
        },
    )
}

fn kanal_plain(messages: u64) -> Duration {
    let (sender, receiver) = kanal::bounded(CAPACITY);
    timed(
        move || (0..messages).for_each(|number| sender.send(number).expect("a receiver")),
        move || {
            let mut received = 0;
            while let Ok(number) = receiver.recv() {
                received += number;
            }
            assert_eq!(received, sum(messages));
        },
    )
}

fn kanal_checked(messages: u64) -> Duration {
    let (sender, receiver) = kanal::bounded(CAPACITY);
    timed(
        move || (0..messages).for_each(|seq| sender.send(message(seq)).expect("a receiver")),
        move || {
            let mut ledger = Ledger::new(&[messages]);
            while let Ok(message) = receiver.recv() {
                ledger.record(&message);
                message.settle();
            }
            let deliveries = Deliveries::join([ledger]).expect("no fault");
            assert_eq!(deliveries.complete(&[messages]), Ok(()));
        },
    )
}
