//! The common part of the commands that measure: from the command line to a plan, and from the plan to a run.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;

use anyhow::Result;
use clap::{Args, ValueEnum, value_parser};
use engine::go::{self, GoError};
use engine::progress::Progress;
use engine::run_folder::RunFolder;
use engine::runner::{Runner, RunnerError};
use engine::schedule::{self, MAX_SCALE, Settled};
pub(super) use engine::stop_request;
use records::command;
use records::files::now;
use records::machine::Machine;
use records::plan::{Entry, Group, Launch, Plan, VERSION};
use records::record::ParamsRecord;
use records::rounds::EndReason;
use records::text;
use reports::BadArguments;
use reports::analyse::paired_test::min_epochs;
use reports::analyse::runs::{foreign_name, resume};
use reports::collect::sources::runs_folder;
use reports::exit::{Exit, ExitWith};
use wording::terminal::stderr;
use wording::{numbers, say};
use workloads::params::Params;
use workloads::profile::Profile;
use workloads::registry::{Registry, UsageError};

/// The param of workloads that send messages at a rate. Their rounds are never smaller than the workload
/// proposes, because fewer messages are too few for a percentile.
const RATE: &str = "rate";

/// The maximum deadline of a round: a day.
const MAX_SECONDS: u64 = 86_400;

/// The arguments of a measurement.
#[derive(Args)]
pub(super) struct Measuring {
    /// A workload, with all params of the profile, or one cell of it, such as ping_pong/capacity=1 [default:
    /// all workloads]
    #[arg(value_name = "WORKLOAD[/PARAM=VALUE,…]")]
    selected: Vec<String>,
    /// A runner in addition to chanlab's own: a command and its arguments, quoted as for a shell. It runs with your rights
    #[arg(long = "runner", value_name = "COMMAND")]
    runners: Vec<String>,
    /// The part of each workload's grid, and the duration [default: standard; quick for two versions]
    #[arg(long, value_name = "PROFILE")]
    profile: Option<ProfileArgument>,
    /// Seconds to measure; a run has at least about ten epochs, however long they take [default: the
    /// profile's]
    #[arg(long, value_name = "SECONDS", value_parser = value_parser!(u64).range(1..=7 * MAX_SECONDS))]
    budget: Option<u64>,
    /// The maximum number of epochs; each restarts every runner [default: the profile's]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=1_000))]
    epochs: Option<u32>,
    /// Measure a group until the interval of each ratio to its fastest is at most this many per cent wide on
    /// either side; 0 spends the whole budget [default: the profile's]
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    precision: Option<f64>,
    /// The placement of threads: any (the system decides), same-core, or two-cores (spread over all cores)
    #[arg(long = "pin", value_name = "PLACEMENT", default_value = "any")]
    placement: PlacementArgument,
    /// Count allocations, which slows each of them down
    #[arg(long)]
    allocations: bool,
    /// The seed of the random orders [default: another each time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The deadline of a round [default: 30, and more for large rounds]
    #[arg(long, value_name = "SECONDS", value_parser = value_parser!(u64).range(1..=MAX_SECONDS))]
    deadline: Option<u64>,
    /// The run's folder [default: a new one in chanlab/runs in the target directory]
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    output: Option<PathBuf>,
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

/// The duration of a profile.
pub(super) struct Extent {
    pub(super) budget_seconds: u64,
    most_epochs: u32,
    blocks: u32,
    precision: f64,
}

pub(super) fn extent(profile: Profile) -> Extent {
    match profile {
        Profile::Quick => Extent { budget_seconds: 90, most_epochs: 30, blocks: 2, precision: 0.03 },
        Profile::Standard => Extent { budget_seconds: 1_500, most_epochs: 60, blocks: 3, precision: 0.02 },
        Profile::Full => Extent { budget_seconds: 10_800, most_epochs: 200, blocks: 4, precision: 0.01 },
    }
}

impl Measuring {
    /// The arguments for these cells (all of the profile when there are none), with a budget in seconds, a
    /// maximum of epochs, and a precision in per cent.
    pub(super) fn of_cells(cells: Vec<String>, budget: u64, epochs: u32, precision: f64) -> Self {
        Measuring {
            selected: cells,
            runners: Vec::new(),
            profile: None,
            budget: Some(budget),
            epochs: Some(epochs),
            precision: Some(precision),
            placement: PlacementArgument::Any,
            allocations: false,
            seed: None,
            deadline: None,
            output: None,
        }
    }

    /// The plan for `entries`, as the command line says; `profile` is its default.
    pub(super) fn plan(
        &self,
        registry: &Registry,
        machine: Machine,
        entries: Vec<Entry>,
        profile: Profile,
    ) -> Result<Plan> {
        let profile = self.profile.map_or(profile, ProfileArgument::profile);
        let extent = extent(profile);
        let blocks = blocks(extent.blocks, registry.channels().count(), entries.len());
        let fewest_epochs = min_epochs(entries.len() * entries.len().saturating_sub(1) / 2);
        Ok(Plan {
            version: VERSION,
            began: now(),
            command: command::typed(),
            profile: if self.selected.is_empty() { profile.name() } else { "selected" }.to_owned(),
            seed: self.seed.unwrap_or_else(seed),
            machine,
            entries,
            groups: groups(registry, profile, self)?,
            blocks,
            budget_seconds: self.budget.unwrap_or(extent.budget_seconds),
            fewest_epochs,
            most_epochs: self.epochs.unwrap_or(extent.most_epochs),
            precision: self.precision.map_or(extent.precision, |percent| percent / 100.0),
            placement: self.placement.word().to_owned(),
            allocations: self.allocations,
            versions: None,
            not_available: Vec::new(),
            programs: Vec::new(),
        })
    }

    /// The entries that can be measured: the channels of this build, and those of the other runners.
    pub(super) fn entries(&self, registry: &Registry, machine: &Machine) -> Result<Vec<Entry>> {
        let own = registry.channels().map(|info| Entry {
            name: info.name.to_owned(),
            channel: info.name.to_owned(),
            version: machine.channels.get(info.name).cloned().unwrap_or_default(),
            launch: Launch::Own,
            about: None,
        });
        let mut entries: Vec<Entry> = own.collect();
        for command in &self.runners {
            foreign(command, &mut entries)?;
        }
        Ok(entries)
    }

    /// The cells that the command line names: workload and the short form of the params.
    pub(super) fn cells(&self) -> Result<Vec<(String, String)>, UsageError> {
        let registry = adapters::registry();
        let cells = self.selected.iter().filter_map(|text| text.split_once('/'));
        cells
            .map(|(workload, params)| Ok((workload.to_owned(), registry.params(workload, params)?.id())))
            .collect()
    }

    /// The precision that the command line asks for, in per cent.
    pub(super) fn precision(&self) -> Option<f64> {
        self.precision
    }

    /// Whether the command line sets the number of epochs.
    pub(super) fn names_epochs(&self) -> bool {
        self.epochs.is_some()
    }

    /// The run's folder: among those of its kind, unless the command line names one.
    pub(super) fn folder(&self, plan: &Plan, kind: &str) -> PathBuf {
        let own = || runs_folder(kind).join(format!("{}-{}", plan.began.replace(':', ""), process::id()));
        self.output.clone().unwrap_or_else(own)
    }
}

/// The `entries` with the `wanted` names. The error for an unknown name lists the channels that are
/// `not_available`.
pub(super) fn chosen(
    mut entries: Vec<Entry>,
    wanted: &[String],
    not_available: &[(String, String)],
) -> Result<Vec<Entry>> {
    for name in wanted {
        if let Some((name, why)) = not_available.iter().find(|(other, _)| other == name) {
            let message = format!("{name}: not available: {why}");
            return Err(ExitWith::new(Exit::Undecided, message).into());
        }
        if !entries.iter().any(|entry| entry.name == *name) {
            let known: Vec<_> = entries.iter().map(|entry| entry.name.as_str()).collect();
            let name = text::name(name);
            let mut message = format!("unknown channel {name}: expected one of {}", known.join(", "));
            for (other, why) in not_available {
                message.push_str(&format!("; {other}: not available: {why}"));
            }
            return Err(BadArguments(message).into());
        }
    }
    for entry in &entries {
        if matches!(entry.launch, Launch::Command(_)) && !wanted.contains(&entry.name) {
            say!("{} is not measured: --channel does not name it", entry.name);
        }
    }
    entries.retain(|entry| wanted.contains(&entry.name));
    Ok(entries)
}

/// Carries out `plan` in its folder. SIGINT and SIGTERM end it after the round in flight.
pub(super) fn carry_out(plan: &Plan, folder: &RunFolder, settled: Settled<'_>) -> Result<EndReason> {
    let folder = folder.path();
    announce(plan, folder)?;
    let stop = stop_request()?;
    let progress = Progress::new(plan.budget());
    Ok(schedule::run(plan, folder, settled, stop, &progress).map_err(|error| {
        let (resume, error) = (resume(plan, folder), ExitWith::from(error));
        let message =
            format!("the run stopped; all recorded rounds are kept: {}; resume with {resume}", error.message);
        ExitWith::new(error.exit, message)
    })?)
}

fn announce(plan: &Plan, folder: &Path) -> io::Result<()> {
    let names: Vec<_> = plan.entries.iter().map(|entry| text::name(&entry.name)).collect();
    let mut terminal = stderr();
    writeln!(terminal, "{} of {}", numbers::count(plan.groups.len() as u64, "group"), names.join(", "))?;
    for (name, why) in &plan.not_available {
        writeln!(terminal, "{}: not available: {}", text::name(name), text::line(why))?;
    }
    let (minutes, seconds) = (plan.budget_seconds / 60, plan.budget_seconds % 60);
    writeln!(
        terminal,
        "profile {}, about {minutes} min {seconds} s, in {}\n",
        text::line(&plan.profile),
        text::path(folder)
    )
}

/// The number of blocks in an epoch. The profile's number is for as many entries as this build has channels;
/// fewer entries have time for more blocks. Rounds within an epoch differ more than epochs do, and more
/// blocks make their median steadier.
fn blocks(of_profile: u32, channels: usize, entries: usize) -> u32 {
    (of_profile * channels as u32 / entries.max(1) as u32).clamp(of_profile, of_profile * 3)
}

/// Adds the channels of another runner, which is started for that.
fn foreign(command: &str, entries: &mut Vec<Entry>) -> Result<()> {
    let words = command::words(command).filter(|words| !words.is_empty()).ok_or_else(|| {
        BadArguments(format!("--runner {command}: expected a command, with every quote closed"))
    })?;
    let launch = Launch::Command(words);
    join(&launch, entries).map_err(|error| {
        let error = ExitWith::from(error);
        ExitWith::new(error.exit, format!("--runner {command}: {}", error.message)).into()
    })
}

/// Adds Go's channels.
///
/// # Errors
///
/// [`NoGoChannels`], in one line.
pub(super) fn add_go(entries: &mut Vec<Entry>) -> Result<(), NoGoChannels> {
    let launch = Launch::Command(vec![go::runner()?]);
    Ok(join(&launch, entries)?)
}

/// The reason why Go's channels are not measured.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoGoChannels {
    /// There is no runner.
    #[error(transparent)]
    NotBuilt(#[from] GoError),
    /// It fails.
    #[error("its runner does not start: {0}")]
    NotStarted(#[from] RunnerError),
}

/// Adds the channels of the runner that `launch` starts. A channel whose name is taken gets another, and the
/// terminal says so.
fn join(launch: &Launch, entries: &mut Vec<Entry>) -> Result<(), RunnerError> {
    let runner = Runner::start(launch)?;
    for channel in &runner.hello.channels {
        let name = free_name(&channel.name, &runner.hello.runner, entries);
        if name != channel.name {
            let given = text::name(&channel.name);
            say!("warning: the channel {given} of the runner {launch} is called {name}: its name is taken");
        }
        entries.push(Entry {
            name,
            channel: channel.name.clone(),
            version: channel.version.clone(),
            launch: launch.clone(),
            about: Some(channel.clone()),
        });
    }
    Ok(())
}

/// The name of a runner's channel among `entries`: its own, or with the runner's name where it is taken, so that
/// no two channels have the same.
fn free_name(channel: &str, runner: &str, entries: &[Entry]) -> String {
    let own = [channel.to_owned(), foreign_name(channel, runner)];
    let numbered = (2..).map(|number| foreign_name(channel, &format!("{runner} {number}")));
    let is_free = |name: &String| entries.iter().all(|entry| entry.name != *name);
    own.into_iter().chain(numbered).find(is_free).unwrap_or_default()
}

/// A number from 0 to 100.
pub(super) fn percent(text: &str) -> Result<f64, NotAPercentage> {
    let number = text.parse().ok();
    number.filter(|number| (0.0..=100.0).contains(number)).ok_or(NotAPercentage)
}

/// A text that is not a percentage.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("expected a number from 0 to 100")]
pub(super) struct NotAPercentage;

/// A seed that differs each time: the time, in nanoseconds.
pub(super) fn seed() -> u64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    since.as_nanos() as u64
}

fn groups(registry: &Registry, profile: Profile, arguments: &Measuring) -> Result<Vec<Group>> {
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
        let largest = registry.size(workload, &params, Some(proposed.messages.saturating_mul(MAX_SCALE)))?;
        let deadline_ns = match arguments.deadline {
            Some(seconds) => seconds * 1_000_000_000,
            None => u64::try_from(largest.deadline.as_nanos()).unwrap_or(u64::MAX),
        };
        let record = ParamsRecord::new(registry.workload(workload)?, &params);
        let group = Group {
            workload: workload.to_owned(),
            least_messages: match record.values.contains_key(RATE) {
                true => proposed.messages,
                false => registry.least_messages(&params),
            },
            params: record,
            deadline_ns,
        };
        if groups.iter().any(|known| known.name() == group.name()) {
            return Err(BadArguments(format!("{} is named twice", group.name())).into());
        }
        groups.push(group);
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::num::f64::ANY;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_percentage_is_from_0_to_100(number in ANY) {
            let read = percent(&number.to_string());
            prop_assert_eq!(read.ok(), Some(number).filter(|number| (0.0..=100.0).contains(number)));
        }

        #[test]
        fn any_text_is_a_percentage_or_refused(text in vec(any::<char>(), 0..8).prop_map(String::from_iter)) {
            if let Ok(number) = percent(&text) {
                prop_assert!((0.0..=100.0).contains(&number), "{}", number);
            }
        }
    }
}
