//! The benchmarks of one workload and the record of their results.

use std::collections::HashSet;
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, SamplingMode, Throughput};
use records::files::{Recorder, now};
use records::format::Format;
use records::record::{BENCH_FILE, BenchmarkRecord, BenchmarkStatus, Record};
use workloads::registry::{Cell, CellError, Registry};
use workloads::thread_group::ThreadGroupError;
use workloads::workload::{RoundError, WorkloadInfo};

use crate::{Arguments, Error, Mode, Settings, list};

/// The benchmarks of one workload over the channels of a registry.
#[derive(Debug)]
pub struct Suite<'a> {
    /// The channels.
    pub registry: &'a Registry,
    /// The workload.
    pub workload: &'static WorkloadInfo,
    /// Criterion's settings.
    pub settings: Settings,
    /// Criterion's directory, which also holds the record.
    pub directory: PathBuf,
}

/// The number of cells by result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Cells that were measured, or ran once in a test.
    pub measured: usize,
    /// Cells that the channel or the machine does not support.
    pub unsupported: usize,
    /// Cells that failed.
    pub failed: usize,
}

impl Suite<'_> {
    /// Runs what the command line selects.
    ///
    /// # Errors
    ///
    /// When the command line cannot be read or the record cannot be written.
    pub fn run(&self, arguments: &Arguments) -> Result<Summary, Error> {
        if arguments.mode == Mode::Print {
            let groups = self.workload.grid(self.settings.profile).into_iter();
            list(
                &self.settings,
                groups.flat_map(|params| {
                    let group = self.group_name(&params.id());
                    self.registry.channels().map(move |channel| (group.clone(), channel.name))
                }),
            )?;
            return Ok(Summary::default());
        }
        // This comes first because criterion panics over invalid arguments.
        let selected = arguments.selected()?;
        let criterion = self.settings.criterion().output_directory(&self.directory).configure_from_args();
        self.measure(criterion, arguments, &selected)
    }

    /// Measures the cells whose benchmarks are `selected`.
    ///
    /// # Errors
    ///
    /// When the record cannot be written.
    pub fn measure(
        &self,
        mut criterion: criterion::Criterion,
        arguments: &Arguments,
        selected: &HashSet<String>,
    ) -> Result<Summary, Error> {
        let grid = self.workload.grid(self.settings.profile);
        // Only measurements are recorded.
        let recorder =
            (arguments.mode == Mode::Measure).then(|| Recorder::new(self.directory.join(BENCH_FILE)));
        let record = |record: Record| match &recorder {
            None => Ok(()),
            Some(recorder) => recorder.append(&record).map_err(|error| {
                Error::Failed(format!("could not write {}: {error}", recorder.path().display()))
            }),
        };
        let machine = runner::machine::current(self.registry);
        if !selected.is_empty() {
            self.announce(arguments, selected);
        }

        let mut summary = Summary::default();
        let mut abandoned = false;
        for params in grid {
            let name = self.group_name(&params.id());
            let mut group = criterion.benchmark_group(&name);
            // Rounds are independent and few, so every sample gets the same number.
            group.sampling_mode(SamplingMode::Flat);
            for channel in self.registry.channels() {
                let benchmark = format!("{name}/{}", channel.name);
                if !selected.contains(&benchmark) {
                    continue;
                }
                let cell = self
                    .registry
                    .cell(channel.name, self.workload.name, params.clone(), None)
                    .map_err(|error| Error::Usage(error.to_string()))?;
                let status = measure(&mut group, &cell, &mut abandoned);
                match &status {
                    BenchmarkStatus::Measured { .. } => summary.measured += 1,
                    BenchmarkStatus::Unsupported { reason } => {
                        summary.unsupported += 1;
                        println!("{benchmark}: {reason}\n");
                    }
                    BenchmarkStatus::Failed { reason } => {
                        summary.failed += 1;
                        eprintln!("{benchmark}: failed: {reason}\n  again: {}\n", replay(&cell));
                    }
                }
                record(Record::Benchmark(BenchmarkRecord {
                    format: Format,
                    at: now(),
                    command: command(arguments),
                    profile: self.settings.profile.name().to_owned(),
                    workload: self.workload.name.to_owned(),
                    params: params.id(),
                    channel: channel.name.to_owned(),
                    status,
                    effective_capacity: cell.changed_capacity().map(|capacity| capacity.to_string()),
                    replay: replay(&cell),
                    machine: machine.clone(),
                }))?;
            }
            group.finish();
        }
        if summary.measured > 0 {
            criterion.final_summary();
        }
        Ok(summary)
    }

    fn group_name(&self, params: &str) -> String {
        format!("{}/{params}", self.workload.name)
    }

    /// Prints the number of benchmarks and the estimated time.
    fn announce(&self, arguments: &Arguments, selected: &HashSet<String>) {
        let groups: HashSet<&str> =
            selected.iter().filter_map(|name| Some(name.rsplit_once('/')?.0)).collect();
        let what =
            format!("{}: {} benchmarks in {} groups", self.workload.name, selected.len(), groups.len());
        match arguments.mode {
            Mode::Measure => println!(
                "{what}, profile {}, about {}\n",
                self.settings.profile,
                words(self.settings.estimate(selected.len()))
            ),
            Mode::Unkept => println!("{what}; criterion keeps no measurement, so nothing is recorded\n"),
            Mode::Test | Mode::Print => println!("{what}, once each"),
        }
    }
}

/// Checks a cell and lets criterion measure it.
fn measure(group: &mut BenchmarkGroup<'_, WallTime>, cell: &Cell, abandoned: &mut bool) -> BenchmarkStatus {
    // The self-check: a cell that cannot work never reaches criterion.
    let first = match cell.round() {
        Ok(round) => round,
        Err(error) => return status_of(error, abandoned),
    };
    let beside_abandoned_threads = *abandoned;
    let mut rounds = 1;
    group.throughput(Throughput::Elements(first.messages));
    let measured = catch_unwind(AssertUnwindSafe(|| {
        group.bench_function(cell.channel.name, |bencher| {
            bencher.iter_custom(|iterations| {
                let mut elapsed = Duration::ZERO;
                for _ in 0..iterations {
                    match cell.round() {
                        // A round that ends early delivers another number of messages than the first. Its
                        // time is scaled, because criterion divides by the first one's number.
                        Ok(round) => {
                            elapsed += round.elapsed.mul_f64(first.messages as f64 / round.messages as f64);
                        }
                        // Unwinding is the only way out of a criterion benchmark. It skips the panic hook,
                        // because the failure is reported below.
                        Err(error) => resume_unwind(Box::new(error)),
                    }
                    rounds += 1;
                }
                elapsed
            });
        });
    }));
    match measured {
        Ok(()) => BenchmarkStatus::Measured { rounds, messages: first.messages, beside_abandoned_threads },
        Err(panic) => match panic.downcast::<CellError>() {
            Ok(error) => status_of(*error, abandoned),
            Err(panic) => resume_unwind(panic),
        },
    }
}

fn status_of(error: CellError, abandoned: &mut bool) -> BenchmarkStatus {
    if let RoundError::Unsupported(lack) = &error.error {
        return BenchmarkStatus::Unsupported { reason: format!("{} ({})", lack.capability, lack.reason) };
    }
    let reason = error.error.to_string();
    if !error.error.is_failure() {
        return BenchmarkStatus::Unsupported { reason };
    }
    if matches!(
        error.error,
        RoundError::ThreadGroup(ThreadGroupError::Hung { .. } | ThreadGroupError::Panicked { .. })
    ) {
        *abandoned = true;
    }
    BenchmarkStatus::Failed { reason }
}

/// The command that repeats the rounds of a cell.
fn replay(cell: &Cell) -> String {
    format!(
        "cargo run --release -- round {} {} {} --rounds 100",
        cell.channel.name, cell.workload.name, cell.params
    )
}

/// The command line as it was typed.
fn command(arguments: &Arguments) -> String {
    let profile = env::var(workloads::profile::PROFILE_VARIABLE)
        .map(|profile| format!("{}={profile} ", workloads::profile::PROFILE_VARIABLE))
        .unwrap_or_default();
    match arguments.text().as_str() {
        "" => format!("{profile}cargo bench"),
        rest => format!("{profile}cargo bench -- {rest}"),
    }
}

/// A duration in minutes and seconds.
pub fn words(duration: Duration) -> String {
    match (duration.as_secs() / 60, duration.as_secs() % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}
