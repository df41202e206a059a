//! `chanlab verify`: runs every method on every channel, and prints a matrix and everything that reproduces
//! each failure.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::time::{Duration, Instant};

use ::engine::progress::Progress;
use ::engine::replace;
use anyhow::Result;
use clap::{Args, value_parser};
use model_driver::instrumented::adapters::default_version;
use model_driver::instrumented::std_source::STD;
use model_driver::instrumented::{Adapter, Crate};
use model_driver::models::has_models;
use model_driver::versions::source::{CrateSource, package_name};
use records::command;
use records::files::{Recorder, now};
use records::machine::Machine;
use records::record::{VERIFIED_FILE, VerdictRecord};
use records::text;
use records::verify::{Method, Shard};
use reports::BadArguments;
use reports::analyse::verification::{CellStatus, Scope, VerificationMatrix};
use reports::collect::sources::{VERIFICATIONS, runs_folder};
use reports::exit::{ExitWith, stopped};
use reports::gate;
use reports::render::verification::finding;
use reports::render::verification::terminal::{failure, matrix};
use verify_driver::engine;
use verify_driver::program as worker;
use verify_driver::worker::WorkerProgram;
use wording::say;
use wording::terminal::{stderr, stdout};

use super::measure::{seed, stop_request};

/// The minimum share of the budget for the cases, however long compilation takes.
const MIN_LEFT: f64 = 0.2;

/// The maximum budget, in seconds: a week.
const MAX_SECONDS: u64 = 7 * 86_400;

#[derive(Args)]
pub(crate) struct Arguments {
    #[arg(long = "channel", value_name = "CHANNEL", help = channel_help())]
    channels: Vec<String>,
    /// Only these methods: rounds, conformance, properties, linearizability, loom, shuttle
    #[arg(long = "method", value_name = "METHOD")]
    methods: Vec<Method>,
    /// The budget in seconds, including compilation; methods with a fixed number of cases take the time they
    /// need
    #[arg(long, value_name = "SECONDS", default_value_t = 285, value_parser = value_parser!(u64).range(1..=MAX_SECONDS))]
    budget: u64,
    /// The seed of the cases [default: another each time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// One of N disjoint shards of the cases, to divide a verification among N machines with the same --seed
    #[arg(long, value_name = "I/N", default_value_t = Shard::WHOLE, requires = "seed")]
    shard: Shard,
    /// Repeat one case of one channel and one method
    #[arg(long, value_name = "N", requires = "seed", conflicts_with = "shard")]
    case: Option<u64>,
    /// The folder of a crate that chanlab has no channel for; with loom and shuttle only. Its build script, its
    /// macros and its own code run with your rights
    #[arg(long, value_name = "FOLDER", requires = "adapter", requires = "methods", conflicts_with_all = ["channels", "by"])]
    path: Option<PathBuf>,
    /// The adapter of that crate: a file whose `pub struct Adapter` implements contract::channel::Channel
    #[arg(long, value_name = "FILE", requires = "path")]
    adapter: Option<PathBuf>,
    /// Build and run instrumented crates without a network, with no folder to write into but their own
    #[arg(long, requires = "methods")]
    sandbox: bool,
    /// Only this model, for instrumented crates
    #[arg(long, value_name = "MODEL", requires = "methods")]
    model: Option<String>,
    /// The deadline of a case, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 40, value_parser = value_parser!(u64).range(1..=86_400))]
    deadline: u64,
    /// The record to append to; pictures go into its folder [default: a new one in chanlab/verify in the
    /// target directory]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Another worker program, which runs the cases of its own channels: a command and its arguments,
    /// quoted as for a shell
    #[arg(long, value_name = "COMMAND", hide = true)]
    by: Option<String>,
}

/// The help of `--channel`, which names the crates that only loom and shuttle can verify.
fn channel_help() -> String {
    let others: Vec<_> = adapters::verified_only().into_iter().map(|(name, _)| name).collect();
    let others = others.join(", ");
    format!(
        "Only these channels; for loom and shuttle also CHANNEL@VERSION, any published version of its crate, and {others}. \
         The build scripts, macros and code of a version and of its dependencies run with your rights"
    )
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let recorder = Recorder::new(record_file(arguments));
    let verification = planned(arguments, recorder.path())?;
    announce(&verification, recorder.path())?;
    let stop = stop_request()?;
    let progress = Progress::new(verification.budget);
    let (verified, is_whole) = verification.run(&recorder, stop, &progress, &mut |verified| {
        if let Some(finding) = finding(verified) {
            let happened = finding.happened.lines().next().unwrap_or_default();
            let subject = text::name(&verified.subject);
            say!("{subject} by {} failed: {happened}", verified.method);
        }
    })?;
    print_results(&verification, &verified, recorder.path())?;
    if !is_whole {
        return Err(stopped("not everything was verified; the results so far are recorded").into());
    }
    Ok(gate::verification(&verified, names_both(arguments))?)
}

/// Whether the command line names the channels as well as the methods, so that a method that does not apply to a
/// channel was requested all the same.
fn names_both(arguments: &Arguments) -> bool {
    !arguments.methods.is_empty() && (!arguments.channels.is_empty() || arguments.path.is_some())
}

fn record_file(arguments: &Arguments) -> PathBuf {
    let own = || {
        let name = format!("{}-{}", now().replace(':', ""), process::id());
        runs_folder(VERIFICATIONS).join(name).join(VERIFIED_FILE)
    };
    arguments.output.clone().unwrap_or_else(own)
}

fn planned(arguments: &Arguments, record: &Path) -> Result<engine::Verification> {
    let registry = adapters::registry();
    let machine = runner::machine::current(&registry);
    let (mut program, known) = match &arguments.by {
        None => {
            let version = |name: &str| machine.channels.get(name).cloned().unwrap_or_default();
            let own = registry.channels().map(|info| (info.name.to_owned(), version(info.name)));
            (WorkerProgram::Own(None), own.collect::<Vec<_>>())
        }
        Some(command) => {
            let words = command::words(command).filter(|words| !words.is_empty()).ok_or_else(|| {
                BadArguments(format!("--by {command}: expected a command, with every quote closed"))
            })?;
            let program = WorkerProgram::Command(words);
            let channels =
                program.channels().map_err(|failure| BadArguments(format!("--by {command}: {failure}")))?;
            (program, channels)
        }
    };
    let methods: Vec<Method> = Method::ALL
        .into_iter()
        .filter(|method| arguments.methods.is_empty() || arguments.methods.contains(method))
        .collect();
    if arguments.case.is_some() {
        let one = arguments.channels.len() == 1 && methods.len() == 1 && !has_models(methods[0]);
        if !one {
            let all: Vec<_> =
                Method::ALL.into_iter().filter(|method| !has_models(*method)).map(Method::name).collect();
            return Err(BadArguments(format!(
                "--case needs one channel and one method: name them with --channel and --method (one of {})",
                all.join(", ")
            ))
            .into());
        }
    }
    let (began, budget) = (Instant::now(), Duration::from_secs(arguments.budget));
    let crates = match program {
        WorkerProgram::Own(_) => crates(arguments, &machine)?,
        WorkerProgram::Command(_) => Vec::new(),
    };
    let mut known = if arguments.path.is_some() { Vec::new() } else { known };
    for of in &crates {
        if !known.iter().any(|(name, _)| *name == of.name()) {
            known.push((of.name(), format!("{} {}", of.package, of.source.name())));
        }
    }
    let others =
        if matches!(program, WorkerProgram::Own(_)) { adapters::verified_only() } else { Vec::new() };
    let others: Vec<_> = others.iter().map(|(name, _)| name.as_str()).collect();
    let channels = chosen(known, &arguments.channels, &others)?;
    if matches!(program, WorkerProgram::Own(_)) && !methods.iter().all(|method| has_models(*method)) {
        program = WorkerProgram::Own(Some(worker::program(|line| say!("{line}"))?));
    }
    Ok(engine::Verification {
        program,
        channels,
        crates,
        model: arguments.model.clone(),
        sandboxed: arguments.sandbox,
        methods,
        seed: arguments.seed.unwrap_or_else(seed),
        shard: arguments.shard,
        only: arguments.case,
        budget: budget.saturating_sub(began.elapsed()).max(budget.mul_f64(MIN_LEFT)),
        deadline: Duration::from_secs(arguments.deadline),
        folder: record.parent().unwrap_or(Path::new("")).to_owned(),
        machine,
    })
}

/// The crates that the command line names and that loom or shuttle explores as instrumented copies.
fn crates(arguments: &Arguments, machine: &Machine) -> Result<Vec<Crate>> {
    let registry = adapters::registry();
    let mut crates = Vec::new();
    let instrumented =
        !arguments.methods.is_empty() && arguments.methods.iter().all(|method| has_models(*method));
    if let (Some(path), Some(adapter)) = (&arguments.path, &arguments.adapter) {
        if !instrumented {
            return Err(BadArguments(
                "--path works with loom and shuttle only: give --method loom, --method shuttle or both, and no other".to_owned(),
            )
            .into());
        }
        crates.push(local(path, adapter)?);
    }
    for typed in &arguments.channels {
        let (name, version) = match typed.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (typed.as_str(), None),
        };
        let listed = default_version(name);
        let package = registry.channels().find(|info| info.name == name).and_then(|info| info.package);
        let alone = (listed.is_some() || name == STD).then_some(name);
        let Some(package) = package.or(alone) else {
            match version {
                Some(_) => {
                    return Err(BadArguments(format!(
                        "{typed}: {name} does not come from a published crate, so it has no other versions"
                    ))
                    .into());
                }
                None => continue,
            }
        };
        if !instrumented && (version.is_some() || listed.is_some()) {
            let what = if listed.is_some() { name } else { "another version of a crate" };
            let why = format!("only loom and shuttle can verify {what}, over its instrumented source");
            return Err(BadArguments(format!(
                "{typed}: {why}: add --method shuttle, --method loom or both, and no other"
            ))
            .into());
        }
        let locked = machine.channels.get(name).and_then(|known| known.split(' ').nth(1));
        let source = match (version, listed.as_deref().or(locked)) {
            (Some(version), _) => CrateSource::parse(package, version)?,
            (None, Some(usual)) if arguments.methods.iter().any(|method| has_models(*method)) => {
                CrateSource::Published(usual.to_owned())
            }
            (None, _) => continue,
        };
        let adapter = Adapter::of_channel(name)?;
        let (channel, package) = (name.to_owned(), package.to_owned());
        crates.push(Crate { channel, package, source, is_named: version.is_some(), adapter });
    }
    Ok(crates)
}

/// A crate in a folder, with its adapter.
fn local(path: &Path, adapter: &Path) -> Result<Crate> {
    let package = package_name(path)
        .ok_or_else(|| BadArguments(format!("{}: no Cargo.toml of a crate in it", path.display())))?;
    let adapter = fs::canonicalize(adapter)
        .map_err(|error| BadArguments(format!("{}: there is no such file ({error})", adapter.display())))?;
    fs::read_to_string(&adapter)
        .map_err(|error| BadArguments(format!("{}: cannot be read ({error})", adapter.display())))?;
    let source = CrateSource::parse(&package, &format!("path:{}", path.display()))?;
    Ok(Crate { channel: package.clone(), package, source, is_named: false, adapter: Adapter::Given(adapter) })
}

/// The `wanted` ones of the `known` channels; all when none is wanted. The error for an unknown name also
/// lists `others`.
fn chosen(known: Vec<(String, String)>, wanted: &[String], others: &[&str]) -> Result<Vec<(String, String)>> {
    for name in wanted {
        if !known.iter().any(|(known, _)| known == name) {
            let known: Vec<_> = known.iter().map(|(name, _)| name.as_str()).collect();
            let others = match others.is_empty() {
                true => String::new(),
                false => format!("; with loom and shuttle only, also {}", others.join(", ")),
            };
            let known = known.join(", ");
            return Err(BadArguments(format!(
                "unknown channel {}: expected one of {known}{others}",
                text::name(name)
            ))
            .into());
        }
    }
    Ok(known.into_iter().filter(|(name, _)| wanted.is_empty() || wanted.contains(name)).collect())
}

fn announce(verification: &engine::Verification, record: &Path) -> io::Result<()> {
    let names: Vec<_> = verification.channels.iter().map(|(name, _)| text::name(name)).collect();
    let methods: Vec<_> = verification.methods.iter().map(|method| method.name()).collect();
    let mut terminal = stderr();
    writeln!(terminal, "{} by {}", names.join(", "), methods.join(", "))?;
    write!(terminal, "seed {}", verification.seed)?;
    if verification.shard != Shard::WHOLE {
        write!(terminal, ", shard {}", verification.shard)?;
    }
    let seconds = verification.budget.as_secs();
    writeln!(terminal, ", about {} min {} s, in {}\n", seconds / 60, seconds % 60, text::path(record))
}

/// The failures in full, then the matrix.
fn print_results(
    verification: &engine::Verification,
    verified: &[VerdictRecord],
    record: &Path,
) -> Result<()> {
    let mut terminal = stdout();
    for verified in verified {
        let picture = picture(verified, &verification.folder)?;
        let text = failure(verified, picture.as_deref());
        if !text.is_empty() {
            writeln!(terminal, "{text}")?;
        }
    }
    let channels: Vec<&str> = verification.channels.iter().map(|(name, _)| name.as_str()).collect();
    // The matrix leaves out replays of single cases, but here a replay is all that was requested.
    let shown: Vec<VerdictRecord> =
        verified.iter().cloned().map(|one| VerdictRecord { only: None, ..one }).collect();
    let summary = VerificationMatrix::new(&shown, &channels, &adapters::registry(), Scope::OneShard);
    if !shown.is_empty() {
        write!(terminal, "{}", matrix(&summary))?;
        // Methods that were not requested did not run, and need no remark.
        let silent = [CellStatus::OutOfTime, CellStatus::Cut, CellStatus::Unknown, CellStatus::NotAvailable];
        let silent: usize = silent.map(|status| summary.count(status)).iter().sum();
        if silent > 0 && summary.count(CellStatus::Failed) == 0 {
            writeln!(terminal, "\nNothing failed, but not everything was explored: see above.")?;
        }
        writeln!(terminal, "\n{}", text::path(record))?;
    }
    Ok(())
}

/// Writes the picture of a failure next to the record.
fn picture(verified: &VerdictRecord, folder: &Path) -> Result<Option<PathBuf>> {
    let Some(finding) = finding(verified) else { return Ok(None) };
    let Some(picture) = &finding.picture else { return Ok(None) };
    let path = folder.join(format!("{}-{}-case-{}.svg", verified.subject, verified.method, finding.case));
    replace(&path, picture.as_bytes()).map_err(ExitWith::from)?;
    Ok(Some(path))
}
