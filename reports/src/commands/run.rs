//! `chanlab run`: measures, in interleaved blocks, and keeps every round.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::{env, process};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum, value_parser};
use harness::machine::Machine;
use harness::params::Params;
use harness::profile::Profile;
use harness::record::{ParamsRecord, now};
use harness::registry::{Registry, UsageError};
use reports::analyse::runs::settled;
use reports::collect::sources::{Sources, runs_folder};
use reports::run::child::{Child, Launch};
use reports::run::engine::{self, MOST_SCALE};
use reports::run::plan::{Entry, Group, Plan, VERSION};
use reports::run::progress::Progress;
use reports::run::record::Why;
use reports::{Usage, numbers};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::report;

/// The page in the folder of a run.
const PAGE: &str = "report.html";

/// A round that takes a day has hung.
const MOST_SECONDS: u64 = 86_400;

#[derive(Args)]
pub(crate) struct Arguments {
    /// What to measure: a workload, all params of the profile; or one cell of it, as in ping_pong/capacity=1 [default: everything]
    #[arg(value_name = "WORKLOAD[/PARAM=VALUE,…]")]
    selected: Vec<String>,
    /// Another runner beside chanlab's own: a command, with its arguments apart by spaces
    #[arg(long = "runner", value_name = "COMMAND")]
    runners: Vec<String>,
    /// How much of each workload's grid, and for how long
    #[arg(long, value_name = "PROFILE", default_value = "standard")]
    profile: ProfileArgument,
    /// Only these channels
    #[arg(long = "channel", value_name = "CHANNEL")]
    channels: Vec<String>,
    /// Seconds to measure; a run has ten epochs at least, however long they take [default: the profile's]
    #[arg(long, value_name = "SECONDS", value_parser = value_parser!(u64).range(1..=7 * MOST_SECONDS))]
    budget: Option<u64>,
    /// The most epochs, in each of which every runner is started anew [default: the profile's]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=1_000))]
    epochs: Option<u32>,
    /// Where threads go: any, wherever the system puts them; same-core; two-cores, spread over all cores
    #[arg(long = "pin", value_name = "PLACEMENT", default_value = "any")]
    placement: PlacementArgument,
    /// Count allocations, which makes each of them slower
    #[arg(long)]
    allocations: bool,
    /// Decides the random orders [default: another one each time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// After so long a round has hung [default: 30, and more for rounds that are asked to be long]
    #[arg(long, value_name = "SECONDS", value_parser = value_parser!(u64).range(1..=MOST_SECONDS))]
    deadline: Option<u64>,
    /// The run's folder [default: a new one in chanlab/runs in the target directory]
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    output: Option<PathBuf>,
    /// Go on with a run that was stopped or killed
    #[arg(long, value_name = "DIR", exclusive = true)]
    resume: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum ProfileArgument {
    /// Minutes
    Quick,
    /// Half an hour
    Standard,
    /// Hours
    Full,
}

impl ProfileArgument {
    fn profile(self) -> Profile {
        match self {
            ProfileArgument::Quick => Profile::Quick,
            ProfileArgument::Standard => Profile::Standard,
            ProfileArgument::Full => Profile::Full,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum PlacementArgument {
    Any,
    SameCore,
    TwoCores,
}

impl PlacementArgument {
    fn word(self) -> &'static str {
        match self {
            PlacementArgument::Any => "any",
            PlacementArgument::SameCore => "same-core",
            PlacementArgument::TwoCores => "two-cores",
        }
    }
}

/// How long a profile measures.
struct Extent {
    budget_seconds: u64,
    most_epochs: u32,
    blocks: u32,
    precision: f64,
}

fn extent(profile: Profile) -> Extent {
    match profile {
        Profile::Quick => Extent { budget_seconds: 120, most_epochs: 30, blocks: 2, precision: 0.03 },
        Profile::Standard => Extent { budget_seconds: 1_500, most_epochs: 60, blocks: 3, precision: 0.02 },
        Profile::Full => Extent { budget_seconds: 10_800, most_epochs: 200, blocks: 4, precision: 0.01 },
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (plan, folder) = match &arguments.resume {
        Some(folder) => (Plan::read(folder)?, folder.clone()),
        None => {
            let plan = planned(arguments)?;
            let folder = match &arguments.output {
                Some(folder) => folder.clone(),
                None => runs_folder().join(format!("{}-{}", plan.began.replace(':', ""), process::id())),
            };
            plan.write(&folder)?;
            (plan, folder)
        }
    };
    announce(&plan, &folder)?;

    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The second one ends the program at once; then the flag is up already.
        flag::register_conditional_shutdown(signal, 1, Arc::clone(&stop))?;
        flag::register(signal, Arc::clone(&stop))?;
    }
    let progress = Progress::new(plan.budget());
    let resume = || format!("chanlab run --resume {}", folder.display());
    let why = engine::run(&plan, &folder, &settled, &stop, &progress)
        .with_context(|| format!("the run stopped; what is recorded is whole, go on with {}", resume()))?;
    if why == Why::Interrupted {
        eprintln!("stopped; go on with {}", resume());
    }
    let page = folder.join(PAGE);
    report::draw(&Sources { run: Some(folder), ..Sources::default() }, &page)
}

fn planned(arguments: &Arguments) -> Result<Plan> {
    let registry = Registry::new();
    let profile = arguments.profile.profile();
    let machine = Machine::current(&registry);
    let groups = groups(&registry, profile, arguments)?;
    let mut entries: Vec<Entry> = registry
        .channels()
        .map(|info| Entry {
            name: info.name.to_owned(),
            channel: info.name.to_owned(),
            version: machine.channels.get(info.name).cloned().unwrap_or_default(),
            launch: Launch::Own,
        })
        .collect();
    for command in &arguments.runners {
        foreign(command, &mut entries)?;
    }
    if !arguments.channels.is_empty() {
        for wanted in &arguments.channels {
            if !entries.iter().any(|entry| entry.name == *wanted) {
                let known: Vec<_> = entries.iter().map(|entry| entry.name.as_str()).collect();
                return Err(
                    Usage(format!("unknown channel {wanted}: expected one of {}", known.join(", "))).into()
                );
            }
        }
        entries.retain(|entry| arguments.channels.contains(&entry.name));
    }
    let extent = extent(profile);
    Ok(Plan {
        version: VERSION,
        began: now(),
        command: env::args().skip(1).fold("chanlab".to_owned(), |all, word| all + " " + &word),
        profile: if arguments.selected.is_empty() { profile.name() } else { "selected" }.to_owned(),
        seed: arguments.seed.unwrap_or_else(seed),
        machine,
        entries,
        groups,
        blocks: extent.blocks,
        budget_seconds: arguments.budget.unwrap_or(extent.budget_seconds),
        most_epochs: arguments.epochs.unwrap_or(extent.most_epochs),
        precision: extent.precision,
        placement: arguments.placement.word().to_owned(),
        allocations: arguments.allocations,
    })
}

/// Adds the channels of another runner, which is started to ask it for them.
fn foreign(command: &str, entries: &mut Vec<Entry>) -> Result<()> {
    let launch = Launch::Command(command.split_whitespace().map(str::to_owned).collect());
    let child = Child::start(&launch).map_err(|failure| Usage(format!("--runner {command}: {failure}")))?;
    for channel in &child.hello.channels {
        let taken = entries.iter().any(|entry| entry.name == channel.name);
        entries.push(Entry {
            name: if taken {
                format!("{} ({})", channel.name, child.hello.runner)
            } else {
                channel.name.clone()
            },
            channel: channel.name.clone(),
            version: channel.version.clone(),
            launch: launch.clone(),
        });
    }
    Ok(())
}

/// Another one each time: the moment, in nanoseconds.
fn seed() -> u64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    since.as_nanos() as u64
}

fn groups(registry: &Registry, profile: Profile, arguments: &Arguments) -> Result<Vec<Group>> {
    let mut selected: Vec<(&str, Params)> = Vec::new();
    let all = |name: &str| -> Result<Vec<(&'static str, Params)>, UsageError> {
        let workload = registry.workload(name)?;
        Ok(workload.grid(profile).into_iter().map(|params| (workload.name, params)).collect())
    };
    if arguments.selected.is_empty() {
        for workload in registry.workloads() {
            selected.extend(all(workload.name)?);
        }
    }
    for text in &arguments.selected {
        match text.split_once('/') {
            None => selected.extend(all(text)?),
            Some((workload, params)) => {
                selected.push((registry.workload(workload)?.name, registry.params(workload, params)?));
            }
        }
    }
    let mut groups: Vec<Group> = Vec::new();
    for (workload, params) in selected {
        let proposed = registry.size(workload, &params, None)?;
        let largest = registry.size(workload, &params, Some(proposed.messages.saturating_mul(MOST_SCALE)))?;
        let deadline_ns = match arguments.deadline {
            Some(seconds) => seconds * 1_000_000_000,
            None => u64::try_from(largest.deadline.as_nanos()).unwrap_or(u64::MAX),
        };
        let group = Group {
            workload: workload.to_owned(),
            params: ParamsRecord::of(registry.workload(workload)?, &params),
            least_messages: registry.least_messages(&params),
            deadline_ns,
        };
        if groups.iter().any(|known| known.name() == group.name()) {
            return Err(Usage(format!("{} is asked for twice", group.name())).into());
        }
        groups.push(group);
    }
    Ok(groups)
}

fn announce(plan: &Plan, folder: &std::path::Path) -> io::Result<()> {
    let names: Vec<_> = plan.entries.iter().map(|entry| entry.name.as_str()).collect();
    let mut terminal = io::stderr().lock();
    writeln!(terminal, "{} of {}", numbers::count(plan.groups.len() as u64, "group"), names.join(", "))?;
    let (minutes, seconds) = (plan.budget_seconds / 60, plan.budget_seconds % 60);
    writeln!(terminal, "profile {}, about {minutes} min {seconds} s, in {}\n", plan.profile, folder.display())
}
