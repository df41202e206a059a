//! Runs every method over every mutant, and writes who caught what: `scripts/mutants` starts it.
//!
//! ```text
//! mutants           all of it: writes models/mutants.json and docs/mutants.md; fails when a mutant is caught by nobody, when one
//!                   that was caught by a method is no longer, or when sound code is flagged
//! mutants NAME...   these mutants only (`none`: the code without a mistake); the other rows stay as they are stored
//! mutants --check   for each mutant the model that caught it fastest, as it is stored: that one has to catch it again
//! ```
//!
//! Each model and each method runs in a process of its own, with a deadline: a mistake may hang, abort or write where it must not.

mod builds;
mod runs;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use harness::mutants::Mutant;
use models::table::{EXPLORERS, METHODS, Row, Table, UNMUTATED, Verdict};

use self::builds::Builds;

/// Jobs at once.
const JOBS: usize = 2;

/// What everything was run with, in words.
const BOUNDS: &str = "Bounds: loom explores all schedules of at most 2 preemptions (all schedules where the model is small), shuttle 2,000\n\
     random and PCT schedules (depth 3) of each model, the other methods as many cases as there is time for in 2 seconds.\n\
     Made by `scripts/mutants`, on whatever machine ran it: the seconds are for comparison within the table only.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--check"] => check(),
        ref names => match unknown(names) {
            None => look(names),
            Some(name) => {
                eprintln!("error: `{name}`: expected --check, or names of mutants; docs/mutants.md has them");
                return ExitCode::from(2);
            }
        },
    };
    match done {
        Ok(faults) if faults.is_empty() => ExitCode::SUCCESS,
        Ok(faults) => {
            for fault in faults {
                eprintln!("error: {fault}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn stored() -> io::Result<Table> {
    Ok(serde_json::from_str(&fs::read_to_string(root().join("models/mutants.json"))?)?)
}

/// A mutant and a method, to be run by whoever is free.
#[derive(Clone, Copy, Debug)]
struct Job {
    mutant: Option<Mutant>,
    method: usize,
}

impl Job {
    fn name(self) -> &'static str {
        self.mutant.map_or(UNMUTATED, Mutant::name)
    }
}

/// A name that is no mutant's.
fn unknown<'a>(names: &[&'a str]) -> Option<&'a str> {
    names.iter().copied().find(|&name| name != UNMUTATED && Mutant::of_name(name).is_none())
}

/// Lets every method look for these mutants, or for all of them when none is named.
fn look(names: &[&str]) -> io::Result<Vec<String>> {
    let earlier = stored()?;
    let builds = Builds::of(&METHODS)?;
    let rows = [None].into_iter().chain(Mutant::ALL.map(Some));
    let rows = rows.filter(|row| names.is_empty() || names.contains(&row.map_or(UNMUTATED, Mutant::name)));
    let jobs: Vec<Job> =
        rows.flat_map(|mutant| (0..METHODS.len()).map(move |method| Job { mutant, method })).collect();
    let verdicts = in_parallel(&jobs, |job| {
        let hint = earlier.row(job.name()).and_then(|row| match row.verdicts.get(job.method) {
            Some(Verdict::Caught { by, .. }) => Some(by.as_str()),
            _ => None,
        });
        if job.method < EXPLORERS {
            runs::models(&builds, METHODS[job.method], job.mutant, hint)
        } else {
            runs::method(&builds, METHODS[job.method], job.mutant)
        }
    })?;
    let rows = jobs.chunks(METHODS.len()).zip(verdicts.chunks(METHODS.len()));
    let rows =
        rows.map(|(jobs, verdicts)| Row { mutant: jobs[0].name().to_owned(), verdicts: verdicts.to_vec() });
    let mut table = Table { bounds: BOUNDS.to_owned(), rows: rows.collect() };
    // Rows that were not asked for stay; those of mutants that are no more go.
    let all = [UNMUTATED].into_iter().chain(Mutant::ALL.map(Mutant::name));
    table.rows = all.filter_map(|name| table.row(name).or(earlier.row(name)).cloned()).collect();
    fs::write(root().join("models/mutants.json"), serde_json::to_string_pretty(&table)? + "\n")?;
    fs::write(root().join("docs/mutants.md"), table.document())?;
    println!("written: models/mutants.json, docs/mutants.md");
    Ok([table.faults(), table.no_longer_caught(&earlier)].concat())
}

fn check() -> io::Result<Vec<String>> {
    let stored = stored()?;
    let expected: Vec<(Mutant, &str, &str)> = Mutant::ALL
        .into_iter()
        .filter_map(|mutant| {
            let (method, model) = stored.row(mutant.name())?.fastest_model()?;
            Some((mutant, method, model))
        })
        .collect();
    let mut methods: Vec<&str> = expected.iter().map(|(_, method, _)| *method).collect();
    methods.sort_unstable();
    methods.dedup();
    let builds = Builds::of(&methods)?;
    let caught = in_parallel(&expected, |&(mutant, method, model)| {
        Ok(runs::one_model(&builds, method, Some(mutant), model)?.is_some())
    })?;
    let not_caught = expected.iter().zip(caught).filter(|(_, caught)| !caught);
    Ok(not_caught
        .map(|((mutant, method, model), _)| {
            format!("{} was caught by {method} ({model}), and is no longer", mutant.name())
        })
        .collect())
}

/// Runs all jobs, some at once, and says what each made and how far it is; the results are in the order of the jobs.
fn in_parallel<J: Sync + std::fmt::Debug, R: Send + std::fmt::Debug>(
    jobs: &[J],
    run: impl Fn(&J) -> io::Result<R> + Sync,
) -> io::Result<Vec<R>> {
    let began = Instant::now();
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(jobs.len()));
    thread::scope(|scope| {
        for _ in 0..JOBS.min(jobs.len()) {
            scope.spawn(|| {
                // Relaxed: each number goes to one thread, whatever the order.
                while let Some((index, job)) = Some(next.fetch_add(1, Ordering::Relaxed))
                    .and_then(|index| Some((index, jobs.get(index)?)))
                {
                    let result = run(job);
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    let text = format!("{job:?}: {result:?}");
                    results.push((index, result));
                    println!("{}  {text}", how_far(began.elapsed(), results.len(), jobs.len()));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_unstable_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// How far the jobs are: for whoever waits at a terminal also about how long it will take, if the others take as long as those before.
fn how_far(elapsed: Duration, done: usize, all: usize) -> String {
    let far = format!("{:>5.0} s  {done} of {all}", elapsed.as_secs_f64());
    if !io::stdout().is_terminal() {
        return far;
    }
    let left = elapsed.as_secs_f64() * (all - done) as f64 / done as f64;
    format!("{far}, about {:.0} min {:02.0} s left", (left / 60.0).floor(), (left % 60.0).floor())
}
