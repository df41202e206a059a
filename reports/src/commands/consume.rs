//! `chanlab consume`: consumes a partitioned log, and stops as a service has to.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Args, ValueEnum, value_parser};
use indicatif::{ProgressBar, ProgressStyle};
use records::text;
use reports::exit::ExitWith;
use reports::{BadArguments, gate};
use service_consume::consumer::{Consumer, News, Settings};
use service_consume::log_source::LogSource;
use service_consume::monitor::Snapshot;
use service_consume::output::{Output, OutputName};
use service_consume::process::{ProcessName, duration};
use service_consume::report::{Report, ReportJson, Request, retried};
use service_consume::source::SourceName;
use service_consume::{Failure, carrier, metrics, signals};
use service_core::scheduler;
use service_core::source::{Lane, Source};
use service_log::Message;
use wording::numbers::{count, measured, separated};
use wording::say;
use wording::terminal::stdout;

use super::trace;

/// The limit of threads: each worker is one.
const MAX_WORKERS: i64 = 1_024;

/// The limit of what a channel or a partition holds.
const MAX_HELD: i64 = 1 << 20;

/// The shortest time between two warnings of commits that were not stored.
const WARNING_INTERVAL: Duration = Duration::from_secs(10);

#[derive(Args)]
pub(crate) struct Arguments {
    /// Where the messages come from
    #[arg(long, value_name = "log:DIR | kafka:BROKERS/TOPIC")]
    source: SourceName,
    /// The consumer group, under whose name is stored what is done
    #[arg(long, value_name = "G")]
    group: String,
    /// The channel that carries the messages (chanlab list names them)
    #[arg(long, value_name = "C", default_value = carrier::DEFAULT)]
    channel: String,
    /// Worker threads [default: as many as there are processors]
    #[arg(long, value_name = "W", value_parser = value_parser!(u32).range(1..=MAX_WORKERS))]
    workers: Option<u32>,
    /// Messages that each channel holds: that of each partition, and that to the workers
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = value_parser!(u32).range(..=MAX_HELD))]
    capacity: u32,
    /// Messages of a partition that are fetched and not done, at most
    #[arg(long, value_name = "N", default_value_t = 1_024, value_parser = value_parser!(u32).range(1..=MAX_HELD))]
    in_flight: u32,
    /// Messages that are worked at one after the other: those of a partition, those of a key, or none
    #[arg(long, value_enum, default_value_t = Order::Key)]
    order: Order,
    /// What is done with a message: `checksum` (of its payload), `sleep:MIN..MAX`, or `command:CMD`, which sh executes for
    /// each message with the payload on its standard input; another exit code than 0 fails the attempt
    #[arg(long, value_name = "P", default_value = "checksum")]
    process: ProcessName,
    /// Messages in 1,000 whose first attempts fail on purpose; a quarter of them fail for ever
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = value_parser!(u64).range(..=1_000))]
    failing: u64,
    /// Where processed messages go: `none`, `file:PATH` or `log:DIR`; on the disk before they are committed
    #[arg(long, value_name = "S", default_value = "none")]
    sink: OutputName,
    /// Attempts after the first one, before a message is a dead letter
    #[arg(long, value_name = "N", default_value_t = 3)]
    retries: u32,
    /// The time between a failed attempt and the next one
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = duration)]
    retry_delay: Duration,
    /// Where dead letters go: `none`, `file:PATH` or `log:DIR`; on the disk before they are committed
    #[arg(long, value_name = "D", default_value = "none")]
    dead_letters: OutputName,
    /// More dead letters than this stop the consumer, with exit code 1 [default: any number is right]
    #[arg(long, value_name = "N")]
    dead_letter_limit: Option<u64>,
    /// Messages after which a partition commits
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = value_parser!(u64).range(1..=1_000_000))]
    commit_every: u64,
    /// The time after which every partition commits what is done, however little it is
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    commit_interval: Duration,
    /// The longest time that the drain after a signal takes
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    grace: Duration,
    /// Stop when everything is done that was there at the start
    #[arg(long)]
    until_end: bool,
    /// Write the summary to a file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Serve /metrics in Prometheus' text format at this loopback address; with port 0 the system chooses one
    #[arg(long, value_name = "127.0.0.1:PORT")]
    metrics: Option<SocketAddr>,
    #[command(flatten)]
    trace: trace::Arguments,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Order {
    Partition,
    Key,
    None,
}

impl Order {
    fn name(self) -> &'static str {
        match self {
            Order::Partition => "partition",
            Order::Key => "key",
            Order::None => "none",
        }
    }
}

impl From<Order> for scheduler::Order {
    fn from(order: Order) -> Self {
        match order {
            Order::Partition => scheduler::Order::Partition,
            Order::Key => scheduler::Order::Key,
            Order::None => scheduler::Order::None,
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let workers = workers(arguments)?;
    carrier::check(&arguments.channel, workers, arguments.capacity as usize)?;
    // The one place where a source is chosen.
    let report = match &arguments.source {
        SourceName::Log(folder) => {
            for output in [&arguments.sink, &arguments.dead_letters] {
                refuse_own_log(output, folder)?;
            }
            let source = LogSource::open(folder, &arguments.group, arguments.until_end)?;
            let consumer = consumer(arguments, workers, source.partitions())?;
            carry(arguments, workers, format!("log:{}", folder.display()), consumer, source)?
        }
        #[cfg(feature = "kafka")]
        SourceName::Kafka { brokers, topic } => {
            let mut settings = service_kafka::Settings::new(brokers, topic, &arguments.group);
            settings.grace = arguments.grace;
            settings.until_end = arguments.until_end;
            settings.trouble = service_kafka::Trouble::told_to(|line| say!("warning: Kafka: {line}"));
            let source = service_kafka::Kafka::connect(&settings).map_err(Failure::from)?;
            let consumer = consumer(arguments, workers, source.partitions())?;
            carry(arguments, workers, format!("kafka:{brokers}/{topic}"), consumer, source)?
        }
        #[cfg(not(feature = "kafka"))]
        SourceName::Kafka { .. } => {
            return Err(BadArguments(
                "this build has no Kafka: build it with `cargo build --release --features kafka`".to_owned(),
            )
            .into());
        }
    };
    Ok(gate::consumed(&report)?)
}

/// Consumes a source of this name over the channel that was named, and writes the timeline if one is wanted.
fn carry<S>(
    arguments: &Arguments,
    workers: usize,
    name: String,
    consumer: Consumer,
    source: S,
) -> Result<Report>
where
    S: Source<Message = Message, Error: Into<Failure>> + Send + 'static,
    S::Lane: Lane<Error: Into<Failure>>,
{
    let title = format!("{name} over {}", arguments.channel);
    let recording = arguments.trace.begin(&arguments.channel);
    let report = consume(arguments, workers, name, |news| match &recording {
        Some(_) => consumer.run::<timeline::Any, _>(source, news),
        None => carrier::run(&arguments.channel, consumer, source, news),
    })?;
    if let (Some(recording), Some(file)) = (recording, &arguments.trace.file) {
        trace::write(&recording.finish(), &title, file)?;
    }
    Ok(report)
}

fn workers(arguments: &Arguments) -> Result<usize, Failure> {
    match arguments.workers {
        Some(workers) => Ok(workers as usize),
        None => match thread::available_parallelism() {
            Ok(processors) => Ok(processors.get()),
            Err(error) => Err(Failure::System { what: "count the processors".to_owned(), error }),
        },
    }
}

/// Refuses to append to the log that is read, which would never end.
fn refuse_own_log(output: &OutputName, source: &Path) -> Result<(), BadArguments> {
    let OutputName::Log(folder) = output else { return Ok(()) };
    match (fs::canonicalize(folder), fs::canonicalize(source)) {
        (Ok(one), Ok(other)) if one == other => Err(BadArguments(format!(
            "{} is the source, and an output of its own would never end: name another folder",
            folder.display()
        ))),
        _ => Ok(()),
    }
}

/// A consumer whose outputs are open, whose signals are handled and whose metrics are served.
fn consumer(arguments: &Arguments, workers: usize, partitions: usize) -> Result<Consumer> {
    let settings = Settings {
        workers,
        capacity: arguments.capacity as usize,
        order: arguments.order.into(),
        in_flight: arguments.in_flight as usize,
        retries: arguments.retries,
        retry_delay: arguments.retry_delay,
        commit_every: arguments.commit_every,
        commit_interval: arguments.commit_interval,
        grace: arguments.grace,
        dead_letter_limit: arguments.dead_letter_limit,
        until_end: arguments.until_end,
    };
    let sink = Output::open(&arguments.sink, partitions)?;
    let dead_letters = Output::open(&arguments.dead_letters, partitions)?;
    let processor = arguments.process.clone().processor(arguments.failing);
    let consumer = Consumer::new(settings, partitions, processor, sink, dead_letters);
    signals::send_to(&consumer.notes())?;
    if let Some(address) = arguments.metrics {
        let address = metrics::serve(address, consumer.monitor())?;
        say!("metrics: http://{address}/metrics");
    }
    Ok(consumer)
}

/// Consumes with `run`, which reports the news, and shows how it goes and how it ended.
fn consume(
    arguments: &Arguments,
    workers: usize,
    source: String,
    run: impl FnOnce(&mut dyn FnMut(News<'_>)) -> Result<Report, Failure>,
) -> Result<Report> {
    // Hidden where the standard error is no terminal.
    let line = ProgressBar::new_spinner()
        .with_style(ProgressStyle::with_template("{spinner} {msg}").expect("the template is valid"));
    let mut warned: Option<Instant> = None;
    let mut news = |news: News<'_>| match news {
        News::Goes(snapshot) => {
            line.set_message(progress(snapshot));
            line.tick();
        }
        News::Drains(stopped, Some(grace)) if !grace.is_zero() => line.suspend(|| {
            say!("{}: drains for at most {}", stopped.words(), humantime::format_duration(grace));
        }),
        News::Drains(..) => {}
        News::CommitFailed(reason) => {
            if warned.is_none_or(|warned| warned.elapsed() >= WARNING_INTERVAL) {
                warned = Some(Instant::now());
                line.suspend(|| say!("warning: a commit is not stored, and is tried again: {reason}"));
            }
        }
    };
    let report = run(&mut news);
    line.finish_and_clear();
    let report = report?;
    print(arguments, &report)?;
    let request = Request {
        source,
        group: arguments.group.clone(),
        channel: arguments.channel.clone(),
        workers,
        capacity: arguments.capacity as usize,
        order: arguments.order.name().to_owned(),
        process: arguments.process.to_string(),
    };
    if let Some(file) = &arguments.json {
        let mut json = text::json(&ReportJson::of(&request, &report))?;
        json.push(b'\n');
        engine::replace(file, &json).map_err(ExitWith::from)?;
    }
    Ok(report)
}

fn progress(snapshot: &Snapshot) -> String {
    let totals = &snapshot.totals;
    let done = totals.processed + totals.dead_lettered;
    let mut line = format!(
        "{} received, {} processed, {} in flight",
        separated(totals.received),
        separated(totals.processed),
        separated(snapshot.in_flight() as u64)
    );
    for (number, what) in [(retried(totals), "retried"), (totals.dead_lettered, "dead-lettered")] {
        if number > 0 {
            line += &format!(", {} {what}", separated(number));
        }
    }
    line += &format!(", {} a second", measured(done as f64 / snapshot.elapsed.as_secs_f64().max(0.001)));
    if snapshot.drains { format!("drains: {line}") } else { line }
}

/// The summary.
fn print(arguments: &Arguments, report: &Report) -> io::Result<()> {
    let totals = &report.totals;
    let mut terminal = stdout();
    let seconds = report.time.as_secs_f64();
    let done = totals.processed + totals.dead_lettered;
    writeln!(
        terminal,
        "{} in {} s over {}, {} a second; stopped by {}, drain {} s",
        count(done, "message"),
        measured(seconds),
        arguments.channel,
        measured(done as f64 / seconds.max(0.001)),
        report.stopped.words(),
        measured(report.drain.as_secs_f64())
    )?;
    let mut known = String::new();
    if totals.known > 0 {
        known = format!(", and {} that were done before", separated(totals.known));
    }
    let rows = [
        ("received", separated(totals.received) + &known),
        ("processed", separated(totals.processed)),
        ("retried", separated(report.retried())),
        ("dead-lettered", separated(totals.dead_lettered)),
        ("committed", format!("{}, in {}", separated(report.committed()), count(totals.commits, "commit"))),
        (
            "left",
            format!(
                "{} unfinished, {} done and not committed",
                separated(report.unfinished()),
                separated(report.uncommitted())
            ),
        ),
    ];
    for (what, number) in rows {
        writeln!(terminal, "{what:<14} {number}")?;
    }
    if let Some(peak) = report.peak_memory {
        writeln!(terminal, "{:<14} {} MB at its peak", "memory", measured(peak as f64 / 1e6))?;
    }
    for left in report.left.iter().filter(|left| !left.is_clean()) {
        writeln!(
            terminal,
            "partition {}: committed up to offset {}; {} unfinished, {} done and not committed",
            left.partition,
            separated(left.committed),
            separated(left.unfinished.len() as u64),
            separated(left.uncommitted)
        )?;
    }
    if totals.dead_lettered > 0 && !report.dead_letters_are_kept {
        say!("warning: dead letters were kept nowhere: give --dead-letters file:PATH or log:DIR");
    }
    Ok(())
}
