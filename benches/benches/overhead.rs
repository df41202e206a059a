//! The cost of the harness: its `producer_consumer` compared with hand-written loops on the crate's own
//! calls.
//!
//! There are four hand-written loops:
//!
//! - `one thread`: fills the channel and empties it, in turns, with the same messages and ledger. There is no
//!   contention, so the difference is only what the compiler made of the contract.
//! - `same checks, work`: the same threads, messages and ledger, on the crate's own calls; the consumer does
//!   some work for each message, as real consumers do. The difference is the contract under two threads.
//! - `same checks`: the same without any work. The difference is mostly the state into which the contention
//!   between the two threads settles: a nanosecond more or less between two calls, on either side, moves it
//!   by a tenth in either direction.
//! - `plain numbers`: sends `u64`s and adds them up, as a hand-written benchmark would. The difference is
//!   everything that the harness does: contract, numbered messages, ledger, counted drops, threads with a
//!   deadline.
//!
//! Rounds are interleaved in pairs, and the pairs are spread over several processes. The addresses of a
//! process's memory influence how the two threads of a round interact, and a single process would show that,
//! to three digits, as overhead. A ratio is therefore the median over the processes of each process's median
//! over its pairs.
//!
//! The workload is instantiated here, over a type of this crate ([`Here`]), so that both sides run the same
//! machine code of the channel. `rustc` compiles a generic channel again in each crate that uses it, and two
//! such copies differed by a fifth for crossbeam's `recv` and by a twelfth for flume's, which is not the
//! harness's overhead.

use std::env;
use std::hint::black_box;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use adapters::crossbeam::Adapter as Crossbeam;
use adapters::flume::Adapter as Flume;
use adapters::kanal::Adapter as Kanal;
use contract::channel::{Capacity, Channel, Handles, Info, Receiver, Sender, Unsupported};
use records::files::{Recorder, criterion_dir, now};
use records::format::Format;
use records::record::{BENCH_FILE, Overhead, Record};
use suite::paired::{Ratio, ratios, summary};
use suite::{Arguments, BenchMode, Error, Settings, ended, list, words};
use workloads::ledger::{LastDelivery, Ledger, verify};
use workloads::message::{Message, MessageId, Payload, Tally};
use workloads::params::Params;
use workloads::producer_consumer::ProducerConsumer;
use workloads::profile::Profile;
use workloads::thread_group::ThreadGroup;
use workloads::workload::{Size, Workload, work};

const CAPACITY: usize = 1024;

/// Messages of a round, which takes some milliseconds.
const MESSAGES: u64 = 100_000;

/// Steps of work per message, about a tenth of a microsecond. With less the comparison varies as it does
/// without any; with much more the cost of the channel would not show.
const WORK: u64 = 64;

/// Messages of a round with work, which takes some milliseconds too.
const WORKED: u64 = MESSAGES / 2;

/// Runs a round and returns the length of its timed region.
type Loop = fn() -> Duration;

/// A comparison of two loops.
struct Compared {
    channel: &'static str,
    /// The name of the hand-written loop.
    against: &'static str,
    harness: Loop,
    by_hand: Loop,
}

const COMPARED: [Compared; 12] = [
    Compared {
        channel: "crossbeam",
        against: "one thread",
        harness: contract_in_turns::<Crossbeam>,
        by_hand: crossbeam_in_turns,
    },
    Compared {
        channel: "flume",
        against: "one thread",
        harness: contract_in_turns::<Flume>,
        by_hand: flume_in_turns,
    },
    Compared {
        channel: "kanal",
        against: "one thread",
        harness: contract_in_turns::<Kanal>,
        by_hand: kanal_in_turns,
    },
    Compared {
        channel: "crossbeam",
        against: "same checks, work",
        harness: || workload::<Crossbeam>(WORKED, WORK),
        by_hand: || crossbeam_checked(WORKED, WORK),
    },
    Compared {
        channel: "flume",
        against: "same checks, work",
        harness: || workload::<Flume>(WORKED, WORK),
        by_hand: || flume_checked(WORKED, WORK),
    },
    Compared {
        channel: "kanal",
        against: "same checks, work",
        harness: || workload::<Kanal>(WORKED, WORK),
        by_hand: || kanal_checked(WORKED, WORK),
    },
    Compared {
        channel: "crossbeam",
        against: "same checks",
        harness: || workload::<Crossbeam>(MESSAGES, 0),
        by_hand: || crossbeam_checked(MESSAGES, 0),
    },
    Compared {
        channel: "flume",
        against: "same checks",
        harness: || workload::<Flume>(MESSAGES, 0),
        by_hand: || flume_checked(MESSAGES, 0),
    },
    Compared {
        channel: "kanal",
        against: "same checks",
        harness: || workload::<Kanal>(MESSAGES, 0),
        by_hand: || kanal_checked(MESSAGES, 0),
    },
    Compared {
        channel: "crossbeam",
        against: "plain numbers",
        harness: || workload::<Crossbeam>(MESSAGES, 0),
        by_hand: crossbeam_plain,
    },
    Compared {
        channel: "flume",
        against: "plain numbers",
        harness: || workload::<Flume>(MESSAGES, 0),
        by_hand: flume_plain,
    },
    Compared {
        channel: "kanal",
        against: "plain numbers",
        harness: || workload::<Kanal>(MESSAGES, 0),
        by_hand: kanal_plain,
    },
];

impl Compared {
    fn group(&self) -> String {
        format!("overhead/{}", self.against)
    }

    fn name(&self) -> String {
        format!("{}/{}", self.group(), self.channel)
    }
}

fn main() -> ExitCode {
    ended(run())
}

/// The environment variable that names the comparison of a child process, which prints its ratio.
const COMPARISON: &str = "CHANLAB_OVERHEAD_COMPARISON";

/// The pairs of rounds of one process.
const PAIRS: usize = 20;

/// The approximate run time of one process.
const PROCESS_TIME: Duration = Duration::from_millis(250);

fn run() -> Result<(), Error> {
    if let Ok(name) = env::var(COMPARISON) {
        let compared = COMPARED
            .iter()
            .find(|compared| compared.name() == name)
            .ok_or_else(|| Error::Usage(format!("{COMPARISON}={name}: no such comparison")))?;
        println!("{}", compare(compared));
        return Ok(());
    }
    let arguments = Arguments::from_env();
    let settings = Settings::from_env().map_err(|error| Error::Usage(error.to_string()))?;
    if arguments.mode == BenchMode::Print {
        return list(&settings, COMPARED.iter().map(|compared| (compared.group(), compared.channel)));
    }
    let names = arguments.selected()?;
    let selected: Vec<&Compared> =
        COMPARED.iter().filter(|compared| names.contains(&compared.name())).collect();
    let processes = match (arguments.mode, settings.profile) {
        (BenchMode::Test, _) => 1,
        (_, Profile::Quick) => 10,
        (_, Profile::Standard) => 30,
        (_, Profile::Full) => 200,
    };
    if !selected.is_empty() {
        println!(
            "overhead: {} comparisons, {processes} processes of {PAIRS} pairs each, about {}\n",
            selected.len(),
            words(PROCESS_TIME * (processes * selected.len()) as u32)
        );
    }
    let machine = runner::machine::current(&adapters::registry());
    let recorder = Recorder::new(criterion_dir().join(BENCH_FILE));
    for compared in selected {
        let ratios: Result<Vec<f64>, Error> = (0..processes).map(|_| compare_in_process(compared)).collect();
        let Ratio { median, interval } = summary(ratios?);
        let overhead = Overhead {
            format: Format,
            at: now(),
            channel: compared.channel.to_owned(),
            against: compared.against.to_owned(),
            processes,
            pairs: PAIRS,
            ratio: median,
            interval,
            machine: machine.clone(),
        };
        let verdict = match overhead.meets_target() {
            Some(true) => "within the target",
            Some(false) => "over the target",
            None => "not distinguishable from the target",
        };
        let ([low, high], target) = (interval, Overhead::TARGET);
        println!("{}: {median:.3} [{low:.3}, {high:.3}] (target {target}: {verdict})", compared.name());
        if arguments.mode == BenchMode::Measure {
            recorder.append(&Record::Overhead(overhead)).map_err(|error| {
                Error::Failed(format!("could not write {}: {error}", recorder.path().display()))
            })?;
        }
    }
    Ok(())
}

/// Makes a comparison in a child process; returns its ratio.
fn compare_in_process(compared: &Compared) -> Result<f64, Error> {
    let name = compared.name();
    let failed = |what: String| Error::Failed(format!("{name}: {what}"));
    let program =
        env::current_exe().map_err(|error| failed(format!("could not find this program: {error}")))?;
    let output = Command::new(program)
        .env(COMPARISON, &name)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed(format!("could not start: {error}")))?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().map_err(|_| failed(format!("ended with {} and printed no ratio", output.status)))
}

/// The median ratio of the harness's time to the hand-written loop's, in this process.
fn compare(compared: &Compared) -> f64 {
    // The first round of each warms it up.
    (compared.harness)();
    (compared.by_hand)();
    let ratios = ratios(PAIRS, compared.harness, compared.by_hand);
    summary(ratios).median
}

/// The channel `C`, as a type of this crate.
///
/// `std` starts a thread through a generic function that is never inlined, and `rustc` reuses another crate's
/// copy of such a function. The registry's threads are the same closures over the same types, so without this
/// type the workload's threads would be the harness's, and call the harness's copy of the channel.
struct Here<C>(PhantomData<C>);

impl<C: Channel> Channel for Here<C> {
    const INFO: Info = C::INFO;
    type Sender<T: Send + 'static> = C::Sender<T>;
    type Receiver<T: Send + 'static> = C::Receiver<T>;
    type Selector<'a, T: Send + 'static> = C::Selector<'a, T>;

    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        C::open(capacity)
    }

    fn selector<'a, T: Send + 'static>(
        receivers: impl IntoIterator<Item = &'a Self::Receiver<T>>,
    ) -> Result<Self::Selector<'a, T>, Unsupported> {
        C::selector(receivers)
    }
}

/// The harness's round, as every benchmark measures it.
fn workload<C: Channel>(messages: u64, steps: u64) -> Duration {
    let params = format!("capacity={CAPACITY},work={steps}");
    let params = Params::parse(ProducerConsumer::INFO.params, &params).expect("params");
    let size = Size::with_messages(messages);
    ProducerConsumer::round::<Here<C>>(&params, size).expect("a sound round").elapsed
}

/// Fills a channel and empties it, until [`MESSAGES`] messages have started through it.
fn in_turns(send: impl Fn(Message), recv: impl Fn() -> Option<Message>) -> Duration {
    let mut ledger = Ledger::new(&[MESSAGES]);
    let began = Instant::now();
    let mut sent = 0;
    while sent < MESSAGES {
        let filled = MESSAGES.min(sent + CAPACITY as u64);
        (sent..filled).for_each(|seq| send(Message::new(MessageId { producer: 0, seq })));
        for _ in sent..filled {
            let message = recv().expect("a queued message");
            ledger.record(&message);
            message.acknowledge();
        }
        sent = filled;
    }
    let elapsed = began.elapsed();
    verify([ledger], &[MESSAGES], Tally::default()).expect("all arrived");
    elapsed
}

fn contract_in_turns<C: Channel>() -> Duration {
    let capacity = Capacity::Bounded(NonZeroUsize::new(CAPACITY).expect("not 0"));
    let (sender, receiver) = C::open(capacity).expect("a bounded channel");
    in_turns(|message| sender.send(message).expect("a receiver"), || receiver.recv().ok())
}

fn crossbeam_in_turns() -> Duration {
    let (sender, receiver) = crossbeam_channel::bounded(CAPACITY);
    in_turns(|message| sender.send(message).expect("a receiver"), || receiver.recv().ok())
}

fn flume_in_turns() -> Duration {
    let (sender, receiver) = flume::bounded(CAPACITY);
    in_turns(|message| sender.send(message).expect("a receiver"), || receiver.recv().ok())
}

fn kanal_in_turns() -> Duration {
    let (sender, receiver) = kanal::bounded(CAPACITY);
    in_turns(|message| sender.send(message).expect("a receiver"), || receiver.recv().ok())
}

/// A round with the harness's threads and checks, with the producer's index and the steps of work unknown to
/// the compiler, on the calls of the closures.
fn checked(
    messages: u64,
    steps: u64,
    send: impl Fn(Message) -> bool + Send + 'static,
    recv: impl Fn() -> Option<Message> + Send + 'static,
) -> Duration {
    let (index, steps) = black_box((0, steps));
    let mut group =
        ThreadGroup::new(2, Size::with_messages(messages)).expect("the system places the threads");
    let producer = group.spawn("producer", move |barrier| {
        let started = barrier.wait();
        for seq in 0..messages {
            if !send(Message::new(MessageId { producer: index, seq })) {
                return Err("a receiver is gone");
            }
        }
        Ok(started)
    });
    let consumer = group.spawn("consumer", move |barrier| {
        let mut ledger = Ledger::among(&[messages], LastDelivery::new(1));
        let started = barrier.wait();
        while let Some(message) = recv() {
            ledger.record_among(&message);
            message.acknowledge();
            work(steps);
        }
        (started, ledger)
    });
    let (producer, consumer) = (producer.expect("a thread"), consumer.expect("a thread"));
    let ended = group.join().expect("both end");
    let sent = producer.result().expect("all sent");
    let (received, ledger) = consumer.result();
    let deliveries = verify([ledger], &[messages], ended.dropped).expect("all arrived");
    deliveries.last().expect("the last one").duration_since(sent.min(received))
}

fn crossbeam_checked(messages: u64, steps: u64) -> Duration {
    let (sender, receiver) = crossbeam_channel::bounded(CAPACITY);
    checked(messages, steps, move |message| sender.send(message).is_ok(), move || receiver.recv().ok())
}

fn flume_checked(messages: u64, steps: u64) -> Duration {
    let (sender, receiver) = flume::bounded(CAPACITY);
    checked(messages, steps, move |message| sender.send(message).is_ok(), move || receiver.recv().ok())
}

fn kanal_checked(messages: u64, steps: u64) -> Duration {
    let (sender, receiver) = kanal::bounded(CAPACITY);
    checked(messages, steps, move |message| sender.send(message).is_ok(), move || receiver.recv().ok())
}

/// A round without the harness: one producer and one consumer, started together; timed from the barrier to
/// the end of the last receive.
fn plain(send: impl FnOnce() + Send, receive: impl FnOnce() + Send) -> Duration {
    let barrier = Barrier::new(2);
    let (opened, closed) = thread::scope(|scope| {
        let sending = scope.spawn(|| {
            barrier.wait();
            let opened = Instant::now();
            send();
            opened
        });
        let receiving = scope.spawn(|| {
            barrier.wait();
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

/// The sum of the plain numbers, which proves that they arrived.
const SUM: u64 = MESSAGES * (MESSAGES - 1) / 2;

fn crossbeam_plain() -> Duration {
    let (sender, receiver) = crossbeam_channel::bounded(CAPACITY);
    plain(
        move || (0..MESSAGES).for_each(|number| sender.send(number).expect("a receiver")),
        move || assert_eq!(receiver.iter().sum::<u64>(), SUM),
    )
}

fn flume_plain() -> Duration {
    let (sender, receiver) = flume::bounded(CAPACITY);
    plain(
        move || (0..MESSAGES).for_each(|number| sender.send(number).expect("a receiver")),
        move || assert_eq!(receiver.iter().sum::<u64>(), SUM),
    )
}

fn kanal_plain() -> Duration {
    let (sender, receiver) = kanal::bounded(CAPACITY);
    plain(
        move || (0..MESSAGES).for_each(|number| sender.send(number).expect("a receiver")),
        move || {
            let mut received = 0;
            while let Ok(number) = receiver.recv() {
                received += number;
            }
            assert_eq!(received, SUM);
        },
    )
}
