//! The article's benchmark: its Go functions, Go's and Rust's channels on the same work, all in one interleaved order.
//!
//! Each variant has a process of its own in each epoch, and each epoch a block that warms up and some that count, in random order:
//! as in a run. The article's functions are no runner of the protocol, since one of them delivers nothing; what they are asked and
//! answer is in harness/runners/go/article/main.go.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child as Process, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use harness::protocol::{Plan as CellPlan, Reply, Request};
use harness::record::ParamsRecord;
use harness::registry::Registry;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use super::child::{Child, Launch};
use super::go;
use super::progress::Progress;
use super::record::without_prefix;

/// The capacity of the article's channel, and of every other.
pub const CAPACITY: &str = "1024";

/// The workload that is the article's loop: one producer, one consumer.
pub const WORKLOAD: &str = "producer_consumer";

/// The most messages of a round: the article's mutex version keeps all of them in memory.
pub const MOST_MESSAGES: u64 = 1_000_000;

/// A round takes no longer, or it hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Epochs.
    pub epochs: u32,
    /// Blocks of an epoch, beside the one that warms up.
    pub blocks: u32,
    /// Messages of a round: N.
    pub messages: u64,
    /// Decides the orders.
    pub seed: u64,
}

/// One of those that are compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// Its name.
    pub name: String,
    /// The language.
    pub language: &'static str,
    /// What it is.
    pub about: String,
    /// Where its rounds come from.
    pub origin: Origin,
}

/// Where rounds come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// A function of the article, or a corrected one.
    Article,
    /// The workload over a channel, in a runner.
    Runner(Launch),
}

/// A round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// The variant.
    pub variant: String,
    /// The epoch.
    pub epoch: u32,
    /// The block in the epoch; `None` warms up.
    pub block: Option<u32>,
    /// Messages that were to be delivered.
    pub n: u64,
    /// Messages that were delivered.
    pub consumed: u64,
    /// How long it took.
    pub ns: u64,
}

/// What was measured.
#[derive(Clone, Debug)]
pub struct Rounds {
    /// The version of Go.
    pub go: String,
    /// Who was measured, the article's first.
    pub variants: Vec<Variant>,
    /// Every round.
    pub rounds: Vec<Round>,
    /// Who has no time, and why.
    pub without: Vec<(String, Lack)>,
}

/// Why a variant has no time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// It cannot do it: no failure.
    Unsupported(String),
    /// A round was wrong or hung, or the runner failed.
    Failed(String),
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lack::Unsupported(why) => f.write_str(without_prefix(why)),
            Lack::Failed(why) => write!(f, "failed: {why}"),
        }
    }
}

/// What a process of the article's program says first.
#[derive(Deserialize)]
struct Greeting {
    go: String,
    variants: Vec<About>,
}

#[derive(Deserialize)]
struct About {
    name: String,
    about: String,
}

/// What it says of a round.
#[derive(Deserialize)]
struct Answer {
    n: u64,
    consumed: u64,
    ns: u64,
}

/// Builds what is in Go, and measures everybody. Every round is also written to `record`.
///
/// # Errors
///
/// Without a Go; when a function of the article, corrected or not, fails; or when a round cannot be recorded.
pub fn measure(extent: Extent, record: &Path, progress: &Progress) -> Result<Rounds> {
    let not_available = |why: String| anyhow!("{}: not available: {why}", go::NAME);
    let article = go::article().map_err(not_available)?;
    let runner = go::runner().map_err(not_available)?;
    let (_, greeting) = Functions::start(&article)?;
    let mut variants: Vec<Variant> = greeting
        .variants
        .into_iter()
        .map(|About { name, about }| Variant { name, language: "Go", about, origin: Origin::Article })
        .collect();
    for (launch, language) in
        [(Launch::Command(vec![runner.display().to_string()]), "Go"), (Launch::Own, "Rust")]
    {
        let child = Child::start(&launch).map_err(|failure| anyhow!("{}: {failure}", launch.words()))?;
        variants.extend(child.hello.channels.iter().map(|channel| Variant {
            name: channel.name.clone(),
            language,
            about: channel.about.clone(),
            origin: Origin::Runner(launch.clone()),
        }));
    }

    let mut file = File::create(record).with_context(|| format!("cannot write {}", record.display()))?;
    let mut found = Rounds { go: greeting.go, variants, rounds: Vec::new(), without: Vec::new() };
    let total = u64::from(extent.epochs) * u64::from(extent.blocks + 1) * found.variants.len() as u64;
    let mut random = Xoshiro256PlusPlus::seed_from_u64(extent.seed);
    let (began, mut done) = (Instant::now(), 0);
    for epoch in 0..extent.epochs {
        let mut sources: Vec<Option<Source>> = found.variants.iter().map(|_| None).collect();
        for block in std::iter::once(None).chain((0..extent.blocks).map(Some)) {
            let mut order: Vec<usize> = (0..found.variants.len()).collect();
            order.shuffle(&mut random);
            for index in order {
                done += 1;
                let variant = &found.variants[index];
                if found.without.iter().any(|(name, _)| *name == variant.name) {
                    continue;
                }
                let expected = began.elapsed().mul_f64(total as f64 / done as f64);
                progress.at(began.elapsed(), expected, &format!("epoch {}: {}", epoch + 1, variant.name));
                let source = &mut sources[index];
                let asked = match source {
                    Some(source) => source.round(variant, extent.messages, done),
                    None => Source::start(variant, &article, extent.messages)?
                        .and_then(|started| source.insert(started).round(variant, extent.messages, done)),
                };
                match asked {
                    Ok(Answer { n, consumed, ns }) => {
                        let round = Round { variant: variant.name.clone(), epoch, block, n, consumed, ns };
                        serde_json::to_writer(&file, &round)
                            .map_err(std::io::Error::from)
                            .and_then(|()| file.write_all(b"\n"))
                            .with_context(|| format!("cannot write {}", record.display()))?;
                        found.rounds.push(round);
                    }
                    Err(why) if variant.origin == Origin::Article => bail!("{}: {why}", variant.name),
                    Err(why) => {
                        progress.say(&format!("{}: {why}", variant.name));
                        found.without.push((variant.name.clone(), why));
                    }
                }
            }
        }
    }
    progress.end();
    Ok(found)
}

/// A process that answers with rounds.
enum Source {
    Functions(Functions),
    Runner(Child),
}

impl Source {
    /// Starts it; what keeps only this variant from having a time is the inner error.
    fn start(variant: &Variant, article: &Path, messages: u64) -> Result<Result<Self, Lack>> {
        let Origin::Runner(launch) = &variant.origin else {
            return Ok(Ok(Source::Functions(Functions::start(article)?.0)));
        };
        let registry = Registry::new();
        let params = registry.params(WORKLOAD, &format!("capacity={CAPACITY}"))?;
        let request = Request::Plan(CellPlan {
            cell: 0,
            channel: variant.name.clone(),
            workload: WORKLOAD.to_owned(),
            params: ParamsRecord::new(registry.workload(WORKLOAD)?, &params).values,
            messages: Some(messages),
            deadline_ns: Some(LIMIT.as_nanos() as u64),
            placement: "any".to_owned(),
            allocations: false,
        });
        let planned = Child::start(launch).map_err(Box::new).and_then(|mut child| {
            let reply = child.ask(&request, LIMIT)?;
            Ok((child, reply))
        });
        Ok(match planned {
            Ok((child, Reply::Planned { effective_capacity, .. })) => match effective_capacity {
                Some(other) if other != CAPACITY => {
                    Err(Lack::Unsupported(format!("has capacity {other}, not {CAPACITY}")))
                }
                _ => Ok(Source::Runner(child)),
            },
            Ok((_, other)) => Err(lack(other)),
            Err(failure) => Err(Lack::Failed(failure.to_string())),
        })
    }

    fn round(&mut self, variant: &Variant, messages: u64, number: u64) -> Result<Answer, Lack> {
        let child = match self {
            Source::Functions(functions) => {
                return functions.round(&variant.name, messages).map_err(Lack::Failed);
            }
            Source::Runner(child) => child,
        };
        match child.ask(&Request::Round { cell: 0, round: number }, LIMIT * 2) {
            // What a runner tells of is verified: all of it was delivered.
            Ok(Reply::Round(measured)) if measured.round == number && measured.messages > 0 => {
                Ok(Answer { n: measured.messages, consumed: measured.messages, ns: measured.wall_ns })
            }
            Ok(other) => Err(lack(other)),
            Err(failure) => Err(Lack::Failed(failure.to_string())),
        }
    }
}

/// What a reply says that is not the one hoped for.
fn lack(reply: Reply) -> Lack {
    match reply {
        Reply::Unsupported { reason, .. } => Lack::Unsupported(reason),
        Reply::Failed { reason, .. } => Lack::Failed(reason),
        Reply::Error { message } => Lack::Failed(format!("its runner refused: {message}")),
        other => Lack::Failed(format!("answered something else than what was asked: {other:?}")),
    }
}

/// A process of the article's program. It ends a round that hangs by itself.
struct Functions {
    process: Process,
    requests: Option<ChildStdin>,
    replies: BufReader<ChildStdout>,
}

impl Functions {
    fn start(program: &Path) -> Result<(Self, Greeting)> {
        let mut process = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("could not start {}", program.display()))?;
        let requests = process.stdin.take();
        let output = process.stdout.take().context("the article's program has no output")?;
        let mut functions = Functions { process, requests, replies: BufReader::new(output) };
        let greeting = functions.reply().map_err(|why| anyhow!("the article's program: {why}"))?;
        Ok((functions, greeting))
    }

    fn round(&mut self, name: &str, messages: u64) -> Result<Answer, String> {
        // One that is gone says more by its last words than by the pipe that broke.
        let _ = self.requests.as_mut().map(|requests| writeln!(requests, "{name} {messages}"));
        self.reply()
    }

    fn reply<T: for<'text> Deserialize<'text>>(&mut self) -> Result<T, String> {
        let mut line = String::new();
        match self.replies.read_line(&mut line) {
            Ok(length) if length > 0 => serde_json::from_str(&line)
                .map_err(|error| format!("wrote what is no reply ({error}): {}", line.trim_end())),
            _ => {
                let mut words = String::new();
                self.process.stderr.take().map(|mut errors| errors.read_to_string(&mut words));
                let last = words.lines().last().unwrap_or("it said nothing");
                Err(format!("ended without a reply; its last words: {last}"))
            }
        }
    }
}

impl Drop for Functions {
    fn drop(&mut self) {
        // The end of its input ends it; it is idle.
        self.requests = None;
        let _ = self.process.wait();
    }
}
