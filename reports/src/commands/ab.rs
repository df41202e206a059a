//! `chanlab ab`: two versions of a channel's crate, measured side by side in one run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;
use contract::channel::Info;
use engine::go;
use engine::runner::Runner;
use engine::sandbox::Sandbox;
use model_driver::versions::build;
use model_driver::versions::source::CrateSource;
use records::files::now;
use records::machine::Machine;
use records::plan::{Entry, Launch, Plan};
use records::rounds::EndReason;
use reports::BadArguments;
use reports::analyse::changes::{Changes, settled};
use reports::analyse::paired_test::min_epochs;
use reports::analyse::runs::resume as resume_command;
use reports::collect::runs::RunData;
use reports::exit::{Exit, ExitWith, stopped};
use reports::gate;
use reports::render::changes::{ChangeReport, side_by_side};
use reports::render::problems::line;
use wording::say;
use workloads::profile::Profile;
use workloads::registry::Registry;

use super::begin::{begin, resume};
use super::changes::{facts, print};
use super::measure::{Measuring, add_go, carry_out, chosen, percent};

/// The maximum number of epochs: two entries on a few groups have time for many, and the budget limits them
/// in any case.
const MAX_EPOCHS: u32 = 120;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The crate of the compared channel (chanlab list names them)
    #[arg(long = "crate", value_name = "CRATE", required_unless_present = "resume")]
    package: Option<String>,
    /// The old version: a published one, such as 0.5.14, or path:FOLDER for a checkout of the crate. The build
    /// scripts, macros and code of both versions and of their dependencies run with your rights
    #[arg(value_name = "OLD", required_unless_present = "resume")]
    old: Option<String>,
    /// The new version, in the same form
    #[arg(value_name = "NEW", required_unless_present = "resume")]
    new: Option<String>,
    #[command(flatten)]
    measuring: Measuring,
    /// The channel, if the crate has several
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// Build and run both versions without a network, with no folder to write into but their own
    #[arg(long, conflicts_with = "resume")]
    sandbox: bool,
    /// Another channel to measure in the same run, of this build or of another runner
    #[arg(long, value_name = "CHANNEL")]
    beside: Vec<String>,
    /// Fail when a group is slower by more than this many per cent: significantly, and with the whole
    /// interval of the ratio beyond it
    #[arg(long, value_name = "PERCENT", default_value = "5", value_parser = percent)]
    threshold: f64,
    /// Write the changes as Markdown, for a pull request; - prints them instead of the table
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Resume a comparison that was stopped or killed. It starts the programs that the folder's plan.json names,
    /// with your rights
    #[arg(long, value_name = "DIR", conflicts_with_all = ["package", "old", "output"])]
    resume: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (plan, folder) = match &arguments.resume {
        Some(folder) => {
            let (plan, folder) = resume(folder)?;
            if plan.versions.is_none() {
                let resume = resume_command(&plan, folder.path());
                return Err(BadArguments(format!(
                    "the run in {} compares no versions: {resume}",
                    folder.path().display()
                ))
                .into());
            }
            (plan, folder)
        }
        None => {
            let plan = planned(arguments)?;
            let folder = arguments.measuring.folder(&plan, "ab");
            begin(plan, &folder)?
        }
    };
    if carry_out(&plan, &folder, &settled)? == EndReason::Interrupted {
        let resume = resume_command(&plan, folder.path());
        return Err(stopped(format!("the run is unfinished and has no verdict; resume with {resume}")).into());
    }
    compare(folder.path(), arguments)
}

/// Prints the changes and judges them.
fn compare(folder: &Path, arguments: &Arguments) -> Result<()> {
    let run = RunData::read(folder)?;
    let changes = Changes::of_versions(&run).context("the run's plan names no versions")?;
    for problem in &run.problems {
        say!("warning: {}", line(problem));
    }
    let report = ChangeReport {
        title: format!("{} against {}", changes.new, changes.old),
        changes: &changes,
        method: side_by_side(&changes),
        remarks: Vec::new(),
        facts: facts(&run.plan),
    };
    print(&report, arguments.markdown.as_deref())?;
    say!("every round is in {}; chanlab report --run draws its page", folder.display());
    let precision = arguments.measuring.precision();
    Ok(gate::changes(&changes, arguments.threshold, precision, run.problems.len())?)
}

fn planned(arguments: &Arguments) -> Result<Plan> {
    let registry = adapters::registry();
    let package = arguments.package.as_deref().unwrap_or_default();
    let info = channel(&registry, package, arguments.channel.as_deref())?;
    let sources = [&arguments.old, &arguments.new]
        .map(|version| CrateSource::parse(package, version.as_deref().unwrap_or_default()));
    let [old, new] = sources;
    let sources = [old?, new?];
    // A bad command line is refused before anything is built.
    let machine = runner::machine::current(&registry);
    let mut others = arguments.measuring.entries(&registry, &machine)?;
    let mut not_available = Vec::new();
    if !arguments.beside.iter().all(|name| others.iter().any(|entry| entry.name == *name)) {
        not_available.extend(add_go(&mut others).err().map(|why| (go::NAME.to_owned(), why.to_string())));
    }
    let others = chosen(others, &arguments.beside, &not_available)?;
    let mut plan = arguments.measuring.plan(&registry, machine, Vec::new(), Profile::Quick)?;

    plan.entries = versions(package, info, &sources, &plan.machine, arguments.sandbox)?;
    plan.versions = Some([0, 1]);
    // The run has the two versions; this build's own channel only joins when it is named.
    plan.machine.channels.remove(info.name);
    plan.entries.extend(others);
    let versions = plan.entries.iter().map(|entry| (entry.name.clone(), entry.version.clone()));
    plan.machine.channels.extend(versions);
    plan.fewest_epochs = plan.fewest_epochs.max(min_epochs(plan.groups.len()));
    if !arguments.measuring.names_epochs() {
        plan.most_epochs = plan.most_epochs.max(plan.fewest_epochs).max(MAX_EPOCHS);
    }
    // The run begins after the builds.
    plan.began = now();
    Ok(plan)
}

/// The channel of a crate.
fn channel(registry: &Registry, package: &str, wanted: Option<&str>) -> Result<&'static Info> {
    let of_it: Vec<&Info> = registry.channels().filter(|info| info.package == Some(package)).collect();
    let names = |infos: &[&'static Info]| infos.iter().map(|info| info.name).collect::<Vec<_>>().join(", ");
    match (&of_it[..], wanted) {
        ([], _) => {
            let mut known: Vec<&str> = registry.channels().filter_map(|info| info.package).collect();
            known.dedup();
            Err(BadArguments(format!(
                "no channel comes from the crate {package}: expected one of {}",
                known.join(", ")
            ))
            .into())
        }
        ([only], None) => Ok(only),
        (several, None) => Err(BadArguments(format!(
            "{package} has several channels: name one of {} with --channel",
            names(several)
        ))
        .into()),
        (several, Some(wanted)) => {
            several.iter().find(|info| info.name == wanted).copied().ok_or_else(|| {
                BadArguments(format!(
                    "unknown channel {wanted} of {package}: expected one of {}",
                    names(several)
                ))
                .into()
            })
        }
    }
}

/// Builds both versions and starts their runners once, for their descriptions.
fn versions(
    package: &str,
    info: &Info,
    sources: &[CrateSource; 2],
    machine: &Machine,
    sandboxed: bool,
) -> Result<Vec<Entry>> {
    let sandbox = sandboxed.then(sandbox).transpose()?;
    let mut entries: Vec<Entry> = Vec::new();
    for source in sources {
        let mut name = format!("{package} {}", source.name());
        if entries.iter().any(|entry| entry.name == name) {
            name.push_str(" (again)");
        }
        say!("building a runner with {name}");
        let program = build::runner(package, source, sandbox.as_ref(), |line| say!("{line}"))?;
        let program = program.to_str().context("the runner's path is not UTF-8")?.to_owned();
        let launch = launch(program, sandbox.as_ref())?;
        let runner =
            Runner::start(&launch).map_err(|failure| anyhow::anyhow!("the runner of {name}: {failure}"))?;
        let hello = runner.hello.channels.iter().find(|channel| channel.name == info.name);
        let reported = hello.map(|channel| channel.version.clone()).unwrap_or_default();
        if let CrateSource::Published(version) = source
            && reported.split('+').next() != format!("{package} {version}").split('+').next()
        {
            let message = format!("the runner of {name} reports another version: `{reported}`");
            return Err(ExitWith::new(Exit::Failure, message).into());
        }
        if runner.hello.language != machine.rustc {
            say!(
                "warning: {name} is built with {}, and this program with {}",
                runner.hello.language,
                machine.rustc
            );
        }
        let version = source.recorded(&reported);
        entries.push(Entry { name, channel: info.name.to_owned(), version, launch, about: None });
    }
    Ok(entries)
}

/// The sandbox of both versions.
fn sandbox() -> Result<Sandbox> {
    let folder = build::folder();
    fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let why = |why| ExitWith::new(Exit::Unable, format!("sandbox: not available, because of {why}"));
    Ok(Sandbox::new(&[&folder]).map_err(why)?)
}

/// How the runner `program` is started.
fn launch(program: String, sandbox: Option<&Sandbox>) -> Result<Launch> {
    let Some(sandbox) = sandbox else { return Ok(Launch::Command(vec![program])) };
    let command = sandbox.wrap(&Command::new(&program))?;
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let words: Option<_> = words.map(|word| word.to_str().map(str::to_owned)).collect();
    words.map(Launch::Command).context("a path of the sandbox is not UTF-8")
}
