//! The cost of the harness: its `producer_consumer` compared with hand-written loops over the crate's own calls.
//!
//! There are four hand-written loops:
//!
//! - `one thread` fills the channel and then empties it, repeatedly, with the same messages and ledger. Nothing contends, so the
//!   difference is only what the compiler makes of the contract.
//! - `same checks, work` has the same threads, messages and ledger, and a consumer that works on each message, as real consumers do.
//!   The difference is the cost of the contract under two threads.
//! - `same checks` is the same without work. The difference mostly shows how the contention between two threads happens to settle: a
//!   nanosecond on either side moves it by a tenth in either direction.
//! - `plain numbers` sends `u64`s and adds them up, as a benchmark written by hand would. The difference is everything the harness
//!   does: contract, numbered messages, ledger, counted drops, and threads with a deadline.
//!
//! Rounds are interleaved in pairs, and the pairs are spread over several processes. The memory layout of a process decides how well the
//! two threads of a round share a channel; in a single process that would look like overhead, to three digits. A ratio is therefore the
//! median over the processes of each process's median over its pairs.
//!
//! The workload is instantiated here, over a type of this crate ([`Here`]), so that both sides run the same machine code of the
//! channel. `rustc` compiles a generic channel anew in each crate that uses it, and two such copies have differed by a fifth for
//! crossbeam's `recv` and by a twelfth for flume's, which is no overhead of the harness.

use std::env;
use std::hint::black_box;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use harness::channel::{Capacity, Channel, Handles, Info, Receiver, Sender, Unsupported};
use harness::channels::crossbeam::Crossbeam;
use harness::channels::flume::Flume;
use harness::channels::kanal::Kanal;
use harness::crew::Crew;
use harness::ledger::{Ends, Ledger, verify};
use harness::machine::Machine;
use harness::message::{Message, MessageId, Payload, Tally};
use harness::params::Params;
use harness::profile::Profile;
use harness::record::{BENCH_FILE, Overhead, Record, Recorder, criterion_dir, now};
use harness::registry::Registry;
use harness::workload::{Size, Workload, work};
use harness::workloads::producer_consumer::ProducerConsumer;
use suite::paired::{Ratio, ratios, summary};
use suite::{Arguments, Error, Mode, Settings, ended, list, words};

const CAPACITY: usize = 1024;

/// Messages of a round, which takes a few milliseconds.
const MESSAGES: u64 = 100_000;

/// The steps of work on each message: about a tenth of a microsecond. With less, the comparison is as unstable as without work; with
/// much more, the work would hide the cost of the channel.
const WORK: u64 = 64;

/// Messages of a round with work, which also takes a few milliseconds.
const WORKED: u64 = MESSAGES / 2;

/// A round; returns its timed region.
type Loop = fn() -> Duration;

/// Two loops that are compared.
struct Compared {
    channel: &'static str,
    /// The kind of the hand-written loop.
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

/// Set in the processes that this one starts: the comparison that the process makes, whose ratio it prints.
const COMPARISON: &str = "CHANLAB_OVERHEAD_COMPARISON";

/// Pairs of rounds in one process.
const PAIRS: usize = 20;

/// The approximate time of a process.
const PROCESS: Duration = Duration::from_millis(250);

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
    if arguments.mode == Mode::Print {
        return list(&settings, COMPARED.iter().map(|compared| (compared.group(), compared.channel)));
    }
    let names = arguments.selected()?;
    let selected: Vec<&Compared> =
        COMPARED.iter().filter(|compared| names.contains(&compared.name())).collect();
    let processes = match (arguments.mode, settings.profile) {
        (Mode::Test, _) => 1,
        (_, Profile::Quick) => 10,
        (_, Profile::Standard) => 30,
        (_, Profile::Full) => 200,
    };
    if !selected.is_empty() {
        println!(
            "overhead: {} comparisons, {processes} processes of {PAIRS} pairs each, about {}\n",
            selected.len(),
            words(PROCESS * (processes * selected.len()) as u32)
        );
    }
    let machine = Machine::current(&Registry::new());
    let recorder = Recorder::new(criterion_dir().join(BENCH_FILE));
    for compared in selected {
        let ratios: Result<Vec<f64>, Error> = (0..processes).map(|_| in_a_process(compared)).collect();
        let Ratio { median, interval } = summary(ratios?);
        let overhead = Overhead {
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
            None => "not told apart from the target",
        };
        let ([low, high], target) = (interval, Overhead::TARGET);
        println!("{}: {median:.3} [{low:.3}, {high:.3}] (target {target}: {verdict})", compared.name());
        if arguments.mode == Mode::Measure {
            recorder.append(&Record::Overhead(overhead)).map_err(|error| {
                Error::Failed(format!("could not write {}: {error}", recorder.path().display()))
            })?;
        }
    }
    Ok(())
}

/// Makes a comparison in a new process; returns its ratio.
fn in_a_process(compared: &Compared) -> Result<f64, Error> {
    let name = compared.name();
    let failed = |what: String| Error::Failed(format!("{name}: {what}"));
    let program = env::current_exe().map_err(|error| failed(format!("this program's own path: {error}")))?;
    let output = Command::new(program)
        .env(COMPARISON, &name)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed(format!("could not be started: {error}")))?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().map_err(|_| failed(format!("ended with {} and without a ratio", output.status)))
}

/// The median ratio of the harness's time to that of the hand-written loop, in this process.
fn compare(compared: &Compared) -> f64 {
    // The first round of each is a warm-up.
    (compared.harness)();
    (compared.by_hand)();
    let ratios = ratios(PAIRS, compared.harness, compared.by_hand);
    summary(ratios).median
}

/// The channel `C`, as a type that no other crate knows.
///
/// `std` starts a thread through a generic function that is never inlined, and `rustc` reuses another crate's copy of such a function.
/// The registry starts the same closures over the same types, so without this type the workload's threads would come from the harness
/// and call the harness's copy of the channel.
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
    let size = Size::of(messages);
    ProducerConsumer::round::<Here<C>>(&params, size).expect("a sound round").elapsed
}

/// Fills a channel and empties it, until [`MESSAGES`] messages have gone through.
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
            message.settle();
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

/// A round with the threads, checks, work and branches of the harness over the calls of the closures.
fn checked(
    messages: u64,
    steps: u64,
    send: impl Fn(Message) -> bool + Send + 'static,
    recv: impl Fn() -> Option<Message> + Send + 'static,
) -> Duration {
    let (index, steps) = black_box((0, steps));
    let mut crew = Crew::new(2, Size::of(messages)).expect("threads of any place");
    let producer = crew.spawn("producer", move |gate| {
        let passed = gate.pass();
        for seq in 0..messages {
            if !send(Message::new(MessageId { producer: index, seq })) {
                return Err("a receiver is gone");
            }
        }
        Ok(passed)
    });
    let consumer = crew.spawn("consumer", move |gate| {
        let mut ledger = Ledger::among(&[messages], Ends::new(1));
        let passed = gate.pass();
        while let Some(message) = recv() {
            ledger.record_among(&message);
            message.settle();
            work(steps);
        }
        (passed, ledger)
    });
    let (producer, consumer) = (producer.expect("a thread"), consumer.expect("a thread"));
    let ended = crew.join().expect("both end");
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

/// A round without the harness: one producer and one consumer that start together. It is timed from the barrier to the end of the
/// last receive.
fn plain(send: impl FnOnce() + Send, receive: impl FnOnce() + Send) -> Duration {
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
