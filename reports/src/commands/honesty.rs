//! `chanlab honesty`: the experiments that ask whether `chanlab run` can be believed, and the document that
//! they make.

use std::io::Write;
use std::path::{Path, PathBuf, absolute};

use anyhow::{Context, Result};
use clap::{Args, value_parser};
use engine::cargo::{Cargo, CargoError};
use engine::journal::{RoundsFile, RunRecords};
use engine::replace;
use records::command;
use records::files::{criterion_dir, now, target_dir};
use records::machine::Machine;
use records::plan::Plan;
use records::record::BENCH_FILE;
use records::rounds::EndReason;
use records::text;
use reports::analyse::checks::newest_overheads;
use reports::analyse::honesty::{Alarms, Criterion, Found, Honesty, Trial, doubled, slowed, trials, twins};
use reports::collect::records::Records;
use reports::exit::{Exit, ExitWith, stopped};
use reports::gate;
use reports::render;
use wording::say;
use wording::terminal::stdout;
use workloads::profile::{PROFILE_VARIABLE, Profile};
use workloads::registry::Registry;

use super::begin::begin;
use super::measure::{Measuring, carry_out, extent, stop_request};

/// The number of epochs in one A/A comparison, fewer than in the quick profile.
const EPOCHS: u32 = 20;

/// The number of epochs in one trial of a planted slowdown. `chanlab ab` has time for more on as many groups.
const TRIAL_EPOCHS: u32 = 60;

/// The number of blocks in an epoch that compares two entries, as in `chanlab ab` with the quick profile.
const BLOCKS: u32 = 6;

/// The approximate time of an epoch, for the progress bar.
const SECONDS_PER_EPOCH: u64 = 5;

/// The planted slowdowns, in per cent.
const PLANTED: [u64; 3] = [3, 5, 10];

/// The number of steps in the calibration of a step's time. It is close to the number that a planted slowdown
/// needs, because the time of a step depends on the number of steps.
const CALIBRATION: u64 = 80;

/// Cells whose bottleneck is the receiver, so that a slowdown planted in it slows the round by as much.
const SENSITIVE: [&str; 3] = [
    "producer_consumer/capacity=64,work=1000",
    "producer_consumer/capacity=1024,work=1000",
    "producer_consumer/capacity=64,producers=4,work=1000",
];

/// The benchmark of criterion's experiment: the first of [`SENSITIVE`].
const BENCHMARK: &str = "producer_consumer/capacity=64,work=1000/slowed";

/// The name of criterion's baseline.
const BASELINE: &str = "chanlab-honesty";

/// The end of an experiment that was stopped.
const NO_RESULT: &str = "the experiments are incomplete, so they have no result";

#[derive(Args)]
pub(crate) struct Arguments {
    /// A/A comparisons of each channel on each group of the quick profile
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = value_parser!(u32).range(1..=50))]
    comparisons: u32,
    /// Trials of each planted slowdown on each of three groups
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = value_parser!(u32).range(1..=200))]
    trials: u32,
    /// Leave out the same experiments with criterion
    #[arg(long)]
    without_criterion: bool,
    /// The document [default: docs/honesty.md of this checkout]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let registry = adapters::registry();
    let machine = runner::machine::current(&registry);
    say!("calibration: the time of one step of a planted slowdown");
    let steps = steps(&registry, &machine)?;
    let alarms = alarms(arguments, &registry, &machine)?;
    let (found, trial) = found(arguments, &registry, &machine, &steps)?;
    let honesty = Honesty {
        command: command::typed(),
        at: now(),
        epochs: EPOCHS,
        alarms,
        trial,
        found,
        criterion: if arguments.without_criterion { None } else { Some(criterion(arguments, &steps)?) },
        overheads: Records::read(&criterion_dir().join(BENCH_FILE))
            .map(|records| newest_overheads(&records.overheads))
            .unwrap_or_default(),
        machine,
    };
    let output = arguments.output.clone().unwrap_or_else(|| checkout().join("docs").join("honesty.md"));
    replace(&output, render::honesty::document(&honesty).as_bytes()).map_err(ExitWith::from)?;
    let mut terminal = stdout();
    for line in render::honesty::summary(&honesty) {
        writeln!(terminal, "{line}")?;
    }
    writeln!(terminal, "{}", text::path(&output))?;
    Ok(gate::honesty(&honesty)?)
}

/// The checkout that this program was built from.
fn checkout() -> &'static Path {
    let reports = Path::new(env!("CARGO_MANIFEST_DIR"));
    reports.parent().unwrap_or(reports)
}

/// Carries out a plan of an experiment and returns its records.
fn measured(plan: &Plan, folder: &Path) -> Result<RunRecords> {
    let (plan, folder) = begin(plan.clone(), folder)?;
    let why = carry_out(&plan, &folder, &|_, _, _| false)?;
    if why == EndReason::Interrupted {
        return Err(stopped(NO_RESULT).into());
    }
    Ok(RoundsFile::open(folder.path()).map_err(ExitWith::from)?.1)
}

/// A plan of `epochs` epochs, and the folder of its run.
fn plan(registry: &Registry, machine: &Machine, cells: &[&str], epochs: u32) -> Result<(Plan, PathBuf)> {
    // The run makes all epochs, however long they take. The budget only scales the progress bar.
    let cells = cells.iter().map(|&cell| cell.to_owned()).collect();
    let measuring = Measuring::of_cells(cells, u64::from(epochs) * SECONDS_PER_EPOCH, epochs, 0.0);
    let entries = measuring.entries(registry, machine)?;
    let mut plan = measuring.plan(registry, machine.clone(), entries, Profile::Quick)?;
    plan.fewest_epochs = epochs;
    let folder = measuring.folder(&plan, "honesty");
    Ok((plan, folder))
}

fn alarms(arguments: &Arguments, registry: &Registry, machine: &Machine) -> Result<Alarms> {
    let (plan, folder) = plan(registry, machine, &[], EPOCHS * arguments.comparisons)?;
    let plan = doubled(plan);
    say!();
    say!("A/A: every channel under two names");
    let recorded = measured(&plan, &suffixed(&folder, "aa"))?;
    Ok(Alarms::from_pairs(&trials(&plan, &recorded, &twins(&plan), EPOCHS)))
}

fn suffixed(folder: &Path, suffix: &str) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(format!("-{suffix}"));
    PathBuf::from(name)
}

/// The trials, and how long one was.
fn found(
    arguments: &Arguments,
    registry: &Registry,
    machine: &Machine,
    steps: &[u64],
) -> Result<(Vec<Found>, Trial)> {
    let (plan, folder) = plan(registry, machine, &SENSITIVE, TRIAL_EPOCHS * arguments.trials)?;
    let plan = Plan { blocks: BLOCKS, ..slowed(plan, &[&[0], steps].concat()) };
    say!();
    say!("sensitivity: planted slowdowns of 3, 5 and 10 %");
    let recorded = measured(&plan, &suffixed(&folder, "slowed"))?;
    let found = PLANTED.iter().enumerate().map(|(index, &percent)| {
        Found::from_trials(percent, steps[index], &trials(&plan, &recorded, &[[index + 1, 0]], TRIAL_EPOCHS))
    });
    // A trial is of two entries on all groups, as `chanlab ab` would have them.
    let share = 2.0 / (plan.entries.len() as f64 * f64::from(arguments.trials));
    let trial = Trial {
        epochs: TRIAL_EPOCHS,
        seconds: recorded.at_ms as f64 / 1e3 * share,
        budget_seconds: extent(Profile::Quick).budget_seconds,
    };
    Ok((found.collect(), trial))
}

/// The steps that slow a message of the sensitive groups by each of the planted shares.
fn steps(registry: &Registry, machine: &Machine) -> Result<Vec<u64>> {
    let (plan, folder) = plan(registry, machine, &SENSITIVE, TRIAL_EPOCHS)?;
    let plan = Plan { blocks: BLOCKS, ..slowed(plan, &[0, CALIBRATION]) };
    let recorded = measured(&plan, &suffixed(&folder, "steps"))?;
    let ratio = Found::from_trials(0, CALIBRATION, &trials(&plan, &recorded, &[[1, 0]], TRIAL_EPOCHS)).ratio;
    if ratio.is_nan() || ratio <= 1.0 {
        let message = format!(
            "{CALIBRATION} steps of work cause no measurable slowdown: this machine is too noisy for the experiment"
        );
        return Err(ExitWith::new(Exit::Undecided, message).into());
    }
    let of_one_percent = CALIBRATION as f64 / ((ratio - 1.0) * 100.0);
    Ok(PLANTED.iter().map(|&percent| (percent as f64 * of_one_percent).round().max(1.0) as u64).collect())
}

/// Criterion's verdicts on the same: each benchmark measured twice, and the second time compared with the
/// first.
fn criterion(arguments: &Arguments, steps: &[u64]) -> Result<Criterion> {
    say!();
    say!("criterion: every benchmark of the quick profile twice");
    // Apart from what `cargo bench` keeps.
    let data = absolute(target_dir().join("chanlab").join("criterion-of-honesty"))?;
    let aa = |save: bool| bench(&data, None, None, save, Profile::Quick);
    aa(true)?;
    let alarms = Verdicts::of(&aa(false)?);
    let mut found = Vec::new();
    for (&percent, &steps) in PLANTED.iter().zip(steps) {
        let mut all = Verdicts::default();
        for trial in 0..arguments.trials {
            say!("criterion: a slowdown of {percent} %, trial {} of {}", trial + 1, arguments.trials);
            bench(&data, Some(0), Some(BENCHMARK), true, Profile::Standard)?;
            all.add(&Verdicts::of(&bench(&data, Some(steps), Some(BENCHMARK), false, Profile::Standard)?));
        }
        found.push((percent, all.slower, all.all));
    }
    Ok(Criterion { different: alarms.slower + alarms.faster, comparisons: alarms.all, found })
}

/// The numbers of comparisons by the verdict that criterion printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Verdicts {
    slower: usize,
    faster: usize,
    all: usize,
}

impl Verdicts {
    /// Counts criterion 0.8's own sentences.
    fn of(output: &str) -> Self {
        let count = |sentence: &str| output.lines().filter(|line| line.trim() == sentence).count();
        let (slower, faster) = (count("Performance has regressed."), count("Performance has improved."));
        let same = count("No change in performance detected.") + count("Change within noise threshold.");
        Verdicts { slower, faster, all: slower + faster + same }
    }

    fn add(&mut self, other: &Verdicts) {
        self.slower += other.slower;
        self.faster += other.faster;
        self.all += other.all;
    }
}

/// Runs benchmarks; returns what they printed.
fn bench(
    data: &Path,
    slowed: Option<u64>,
    filter: Option<&str>,
    save: bool,
    profile: Profile,
) -> Result<String> {
    let mut cargo = Cargo::new(checkout()).args(["bench", "--locked", "--quiet", "-p", "benches"]);
    match filter {
        None => {
            for workload in adapters::registry().workloads() {
                cargo = cargo.args(["--bench", workload.name]);
            }
        }
        Some(_) => cargo = cargo.args(["--bench", "producer_consumer"]),
    }
    cargo = cargo
        .args(["--", "--noplot", if save { "--save-baseline" } else { "--baseline" }, BASELINE])
        .args(filter)
        .env("CRITERION_HOME", data)
        .env(PROFILE_VARIABLE, profile.name())
        .stop(stop_request()?);
    if let Some(steps) = slowed {
        cargo = cargo.env(workloads::slowed::VARIABLE, steps.to_string());
    }
    let output = match cargo.echo() {
        Err(CargoError::Stopped) => return Err(stopped(NO_RESULT).into()),
        output => {
            output.context("cargo bench failed; --without-criterion leaves out criterion's experiments")?
        }
    };
    Ok(String::from_utf8_lossy(&output).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn criterions_sentences_are_counted() {
        let output = "a/b  time: [1 2 3]\n  change: [+1% +2% +3%]\n  Performance has regressed.\n\
                      c/d\n  No change in performance detected.\ne/f\n  Change within noise threshold.\n\
                      g/h\n  Performance has improved.\n";
        assert_eq!(Verdicts::of(output), Verdicts { slower: 1, faster: 1, all: 4 });
    }
}
