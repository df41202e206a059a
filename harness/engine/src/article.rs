//! The article's benchmark: its Go functions, and the channels of Go and Rust on the same work, interleaved.
//!
//! As in a run, each variant has a process of its own in each epoch, and each epoch has a warm-up block and a
//! few measured ones, in random order. The article's functions do not speak the runner protocol, since one of
//! them delivers nothing; harness/runner/go/article/main.go documents theirs.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;
use records::protocol::{Reply, Request, RoundSpec};
use records::record::ParamsRecord;
use serde::{Deserialize, Serialize};

use super::claims::Asked;
use super::go::{self, GoError};
use super::progress::Progress;
use super::runner::Runner;
use super::supervisor::{LineLimits, NoLine, Streams, Supervised, excerpt};
use records::crash::ProcessFailure;
use records::plan::Launch;

/// The capacity of the article's channel, and of every other.
pub const CAPACITY: &str = "1024";

/// The workload that is the article's loop: one producer, one consumer.
pub const WORKLOAD: &str = "producer_consumer";

/// The maximum number of messages in a round: the article's mutex version keeps all of them in memory.
pub const MAX_MESSAGES: u64 = 1_000_000;

/// The deadline of a round.
const ROUND_TIMEOUT: Duration = Duration::from_secs(60);

/// The size of the measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Epochs.
    pub epochs: u32,
    /// Blocks of an epoch, without the warm-up block.
    pub blocks: u32,
    /// Messages of a round: N.
    pub messages: u64,
    /// The seed of the orders.
    pub seed: u64,
}

/// A compared function or channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// Its name.
    pub name: String,
    /// The language.
    pub language: &'static str,
    /// Its description.
    pub about: String,
    /// The origin of its rounds.
    pub origin: Origin,
}

/// The origin of rounds.
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
    /// The block in the epoch; `None` for a warm-up round.
    pub block: Option<u32>,
    /// Messages to deliver.
    pub n: u64,
    /// Delivered messages.
    pub consumed: u64,
    /// Its duration, in nanoseconds.
    pub ns: u64,
}

/// The result of the measurement.
#[derive(Clone, Debug)]
pub struct Rounds {
    /// The version of Go.
    pub go: String,
    /// The variants, the article's first.
    pub variants: Vec<Variant>,
    /// Every round.
    pub rounds: Vec<Round>,
    /// The variants without a time, each with the reason.
    pub without: Vec<(String, Lack)>,
}

/// The reason why a variant has no time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// It does not support the work, which is not a failure.
    Unsupported(String),
    /// A round failed, or the runner did.
    Failed(String),
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lack::Unsupported(why) => f.write_str(why),
            Lack::Failed(why) => write!(f, "failed: {why}"),
        }
    }
}

/// The first line of a process of the article's program.
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

/// Its line for a round.
#[derive(Deserialize)]
struct Answer {
    n: u64,
    consumed: u64,
    ns: u64,
}

/// Builds the programs in Go, and measures all variants. Every round is also written to `record`, a new file.
/// `stop` ends it after the round in flight: it then has no result.
///
/// # Errors
///
/// When there is no Go; when a function of the article, corrected or not, fails; or when a round cannot be
/// recorded.
pub fn measure(
    extent: Extent,
    record: &Path,
    stop: &AtomicBool,
    progress: &Progress,
) -> Result<Option<Rounds>> {
    let not_available =
        |why: GoError| anyhow::Error::new(why).context(format!("{}: not available", go::NAME));
    let article = go::article().map_err(not_available)?;
    let go_runner = go::runner().map_err(not_available)?;
    let (_, greeting) = Functions::start(Path::new(&article))?;
    let mut variants: Vec<Variant> = greeting
        .variants
        .into_iter()
        .map(|About { name, about }| Variant { name, language: "Go", about, origin: Origin::Article })
        .collect();
    for (launch, language) in [(Launch::Command(vec![go_runner]), "Go"), (Launch::Own, "Rust")] {
        let runner = Runner::start(&launch).map_err(|failure| anyhow!("{launch}: {failure}"))?;
        variants.extend(runner.hello.channels.iter().map(|channel| Variant {
            name: channel.name.clone(),
            language,
            about: channel.about.clone(),
            origin: Origin::Runner(launch.clone()),
        }));
    }

    let mut file = File::create_new(record).with_context(|| format!("cannot write {}", record.display()))?;
    let mut found = Rounds { go: greeting.go, variants, rounds: Vec::new(), without: Vec::new() };
    let total = u64::from(extent.epochs) * u64::from(extent.blocks + 1) * found.variants.len() as u64;
    let mut random = Xoshiro256PlusPlus::seed_from_u64(extent.seed);
    let (began, mut done) = (Instant::now(), 0);
    for epoch in 0..extent.epochs {
        let mut sources: Vec<Option<RoundSource>> = found.variants.iter().map(|_| None).collect();
        for block in std::iter::once(None).chain((0..extent.blocks).map(Some)) {
            let mut order: Vec<usize> = (0..found.variants.len()).collect();
            order.shuffle(&mut random);
            for index in order {
                // Relaxed: a flag that a signal handler sets; it guards no other data.
                if stop.load(Ordering::Relaxed) {
                    progress.end();
                    return Ok(None);
                }
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
                    None => RoundSource::start(variant, Path::new(&article), extent.messages)?
                        .and_then(|started| source.insert(started).round(variant, extent.messages, done)),
                };
                match asked {
                    Ok(Answer { n, consumed, ns }) => {
                        let round = Round { variant: variant.name.clone(), epoch, block, n, consumed, ns };
                        serde_json::to_vec(&round)
                            .map_err(io::Error::from)
                            .and_then(|line| file.write_all(&[line, b"\n".to_vec()].concat()))
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
    Ok(Some(found))
}

/// A process that runs rounds.
enum RoundSource {
    Functions(Functions),
    Runner(Runner),
}

impl RoundSource {
    /// Starts the process. The inner error concerns this variant only.
    fn start(variant: &Variant, article: &Path, messages: u64) -> Result<Result<Self, Lack>> {
        let Origin::Runner(launch) = &variant.origin else {
            return Ok(Ok(RoundSource::Functions(Functions::start(article)?.0)));
        };
        let registry = adapters::registry();
        let params = registry.params(WORKLOAD, &format!("capacity={CAPACITY}"))?;
        let request = Request::Plan(RoundSpec {
            cell: 0,
            channel: variant.name.clone(),
            workload: WORKLOAD.to_owned(),
            params: ParamsRecord::new(registry.workload(WORKLOAD)?, &params).values,
            messages: Some(messages),
            deadline_ns: Some(ROUND_TIMEOUT.as_nanos() as u64),
            placement: "any".to_owned(),
            allocations: false,
        });
        let planned = Runner::start(launch).and_then(|mut runner| {
            let reply = runner.request(&request, ROUND_TIMEOUT)?.reply;
            Ok((runner, reply))
        });
        Ok(match planned {
            Ok((runner, Reply::Planned { effective_capacity, .. })) => match effective_capacity {
                Some(other) if other != CAPACITY => {
                    Err(Lack::Unsupported(format!("has capacity {other}, not {CAPACITY}")))
                }
                _ => Ok(RoundSource::Runner(runner)),
            },
            Ok((_, other)) => Err(lack(other)),
            Err(failure) => Err(Lack::Failed(failure.to_string())),
        })
    }

    fn round(&mut self, variant: &Variant, messages: u64, number: u64) -> Result<Answer, Lack> {
        let runner = match self {
            RoundSource::Functions(functions) => {
                return functions
                    .round(&variant.name, messages)
                    .map_err(|failure| Lack::Failed(failure.to_string()));
            }
            RoundSource::Runner(runner) => runner,
        };
        let answer = runner
            .request(&Request::Round { cell: 0, round: number }, ROUND_TIMEOUT * 2)
            .map_err(|failure| Lack::Failed(failure.to_string()))?;
        let Reply::Round(measured) = answer.reply else { return Err(lack(answer.reply)) };
        let registry = adapters::registry();
        let values = [("capacity".to_owned(), CAPACITY.to_owned())];
        let values = values.iter().map(|(name, value)| (name, value));
        Asked::new(&registry, WORKLOAD, values, 0, Some(messages))
            .map_err(|error| Lack::Failed(error.to_string()))?
            .check_round(number, messages, &measured, answer.elapsed)
            .map_err(|claim| Lack::Failed(claim.to_string()))?;
        // A runner's rounds are verified: all messages were delivered.
        Ok(Answer { n: measured.messages, consumed: measured.messages, ns: measured.wall_ns })
    }
}

/// The reason in a reply that has no round.
fn lack(reply: Reply) -> Lack {
    match reply {
        Reply::Unsupported { reason, .. } => Lack::Unsupported(reason),
        Reply::Failed { reason, .. } => Lack::Failed(reason),
        Reply::Error { message } => Lack::Failed(format!("its runner refused: {message}")),
        other => Lack::Failed(format!("sent a reply to another request: {other:?}")),
    }
}

/// A process of the article's program. It ends a round that hangs by itself.
struct Functions {
    process: Supervised,
}

impl Functions {
    fn start(program: &Path) -> Result<(Self, Greeting)> {
        const STREAMS: Streams = Streams::Protocol(LineLimits { max_len: 1 << 20, ahead: 1 });
        let process = Supervised::start(Command::new(program), STREAMS)
            .with_context(|| format!("could not start {}", program.display()))?;
        let mut functions = Functions { process };
        let greeting = functions.reply().map_err(|failure| anyhow!("the article's program: {failure}"))?;
        Ok((functions, greeting))
    }

    fn round(&mut self, name: &str, messages: u64) -> Result<Answer, ProcessFailure> {
        // The stderr tail is more useful than the error of the broken pipe.
        let _ = self.process.write(format!("{name} {messages}\n").as_bytes());
        self.reply()
    }

    fn reply<T: for<'text> Deserialize<'text>>(&mut self) -> Result<T, ProcessFailure> {
        let what = match self.process.line(ROUND_TIMEOUT * 2) {
            Ok(line) => match serde_json::from_slice(&line) {
                Ok(reply) => return Ok(reply),
                Err(error) => format!("wrote a line that is no reply ({error}): {}", excerpt(&line)),
            },
            Err(NoLine::Ended) => "ended without a reply".to_owned(),
            Err(NoLine::Silent) => "hung".to_owned(),
            Err(NoLine::Malformed(what)) => what,
        };
        Err(self.process.fail(what))
    }
}
