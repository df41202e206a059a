//! Runs every method over every mutant and records which of them catch it; `scripts/mutants` starts it.
//!
//! ```text
//! mutants           every mutant: writes models/mutants/results.json and docs/mutants.md
//! mutants NAME...   these mutants only (`none`: the original code); the other results stay
//! mutants --check   each mutant, only with the models that are recorded to catch it, or the properties where no model does
//! ```
//!
//! It fails when no method catches a mutant, when a method no longer catches one that it caught before, or
//! when a method flags the original code.

mod builds;
mod results;
mod rewrite;
mod runs;
mod table;
mod workspace;

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result};
use records::text;
use records::verify::Method;

use self::builds::Builds;
use self::results::{Detection, EXPLORERS, METHODS, MutantResult, ORIGINAL, Results};
use self::table::Mutant;
use self::workspace::project;

/// The exit codes, which docs/EXIT_CODES.md explains.
const FAILURE: u8 = 1;
const USAGE: u8 = 2;
const UNABLE: u8 = 4;

/// The number of processes at a time.
const JOBS: usize = 2;

const RESULTS: &str = "models/mutants/results.json";
const DOCUMENT: &str = "docs/mutants.md";

fn main() -> ExitCode {
    // A word that is not UTF-8 is the name of no mutant.
    let words = std::env::args_os().skip(1);
    let arguments: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mutants = match table::mutants() {
        Ok(mutants) => mutants,
        Err(error) => return failure(code(&error), &[format!("{error:#}")]),
    };
    let done = match arguments[..] {
        ["--check"] => check(&mutants),
        ref names => match names.iter().find(|name| !is_known(name, &mutants)) {
            None => record(names, &mutants),
            Some(name) => {
                let error = format!("unknown mutant `{name}`: give --check or names from {DOCUMENT}");
                return failure(USAGE, &[error]);
            }
        },
    };
    match done {
        Ok(faults) if faults.is_empty() => ExitCode::SUCCESS,
        Ok(faults) => failure(FAILURE, &faults),
        Err(error) => failure(code(&error), &[format!("{error:#}")]),
    }
}

/// The exit code of an error.
fn code(error: &anyhow::Error) -> u8 {
    let is_file = |cause: &(dyn std::error::Error + 'static)| {
        cause.is::<io::Error>() || cause.is::<engine::NotReplaced>()
    };
    if error.chain().any(is_file) { UNABLE } else { FAILURE }
}

/// Prints the errors and returns the exit code.
fn failure(code: u8, errors: &[String]) -> ExitCode {
    for error in errors {
        eprintln!("error: {}", text::line(error));
    }
    ExitCode::from(code)
}

fn is_known(name: &str, mutants: &[Mutant]) -> bool {
    name == ORIGINAL || mutants.iter().any(|mutant| mutant.name == name)
}

fn stored() -> Result<Results> {
    let text =
        fs::read_to_string(project().join(RESULTS)).with_context(|| format!("cannot read {RESULTS}"))?;
    serde_json::from_str(&text).with_context(|| format!("malformed {RESULTS}"))
}

fn name(mutant: Option<&Mutant>) -> &str {
    mutant.map_or(ORIGINAL, |mutant| &mutant.name)
}

/// Runs every method over these mutants, or over all when none is named, and stores the results. Returns the
/// errors in them.
fn record(names: &[&str], mutants: &[Mutant]) -> Result<Vec<String>> {
    let earlier = stored()?;
    let builds = Builds::new(&METHODS, true, mutants)?;
    let rows: Vec<Option<&Mutant>> = [None]
        .into_iter()
        .chain(mutants.iter().map(Some))
        .filter(|row| names.is_empty() || names.contains(&name(*row)))
        .collect();
    let jobs: Vec<(Option<&Mutant>, Method)> =
        rows.iter().flat_map(|&mutant| METHODS.map(|method| (mutant, method))).collect();
    let label = |&(mutant, method): &(Option<&Mutant>, Method)| format!("{} {method}", name(mutant));
    let detections = in_parallel(&jobs, label, |&(mutant, method)| {
        let hint = earlier.row(name(mutant)).and_then(|row| row.caught_by(method));
        detect(&builds, method, mutant, hint)
    })?;
    let rows = rows.into_iter().zip(detections.chunks(METHODS.len())).map(|(mutant, detections)| {
        MutantResult { mutant: name(mutant).to_owned(), detections: detections.to_vec() }
    });
    let mut results = Results { rows: rows.collect() };
    // Results of other mutants stay, except those of mutants that no longer exist.
    let all = [ORIGINAL].into_iter().chain(mutants.iter().map(|mutant| mutant.name.as_str()));
    results.rows = all.filter_map(|name| results.row(name).or(earlier.row(name)).cloned()).collect();
    let json = serde_json::to_string_pretty(&results)? + "\n";
    for (file, text) in [(RESULTS, json), (DOCUMENT, results.document(mutants))] {
        engine::replace(&project().join(file), text.as_bytes())?;
        println!("wrote {file}");
    }
    Ok([results.faults(mutants), results.no_longer_caught(&earlier)].concat())
}

/// Runs a method on a mutant. `hint` is what caught it last time.
fn detect(builds: &Builds, method: Method, mutant: Option<&Mutant>, hint: Option<&str>) -> Result<Detection> {
    match (method, mutant) {
        (Method::Loom | Method::Shuttle, _) => runs::explore(builds, method, mutant, hint),
        // It has properties of its own, and is under no channel.
        (Method::Properties, Some(of_core)) if of_core.is_of_core() => {
            runs::properties_of_core(builds, mutant, hint)
        }
        (Method::Conformance | Method::Linearizability, Some(of_core)) if of_core.is_of_core() => {
            Ok(Detection::Unsupported { reason: "of channels only".to_owned() })
        }
        (Method::Properties, None) => {
            let of_core = runs::properties_of_core(builds, None, hint)?;
            Ok(runs::run_method(builds, method, None)?.and(of_core))
        }
        _ => runs::run_method(builds, method, mutant),
    }
}

/// Tries, for each mutant, the models that are recorded to catch it, or where no model does, the properties of
/// `service/core`. Returns those that no longer do.
fn check(mutants: &[Mutant]) -> Result<Vec<String>> {
    let stored = stored()?;
    let mut jobs = Vec::new();
    for mutant in mutants {
        let row = stored.row(&mutant.name).with_context(|| {
            format!("{RESULTS} has no result of mutant {0}: run scripts/mutants {0}", mutant.name)
        })?;
        let by_properties = row.models().next().is_none() && mutant.is_of_core();
        let properties = row.caught_by(Method::Properties).filter(|_| by_properties);
        jobs.extend(row.models().map(|(explorer, model)| (mutant, explorer, model)));
        jobs.extend(properties.map(|property| (mutant, Method::Properties, property)));
    }
    let with_core = jobs.iter().any(|(_, method, _)| *method == Method::Properties);
    let builds = Builds::new(&EXPLORERS, with_core, mutants)?;
    let label = |&(mutant, method, by): &(&Mutant, Method, &str)| format!("{} {method} {by}", mutant.name);
    let caught = in_parallel(&jobs, label, |&(mutant, method, by)| match method {
        Method::Properties => Ok(runs::properties_of_core(&builds, Some(mutant), Some(by))?.is_caught()),
        explorer => runs::catches(&builds, explorer, mutant, by),
    })?;
    let lost = jobs.iter().zip(caught).filter(|(_, caught)| !caught);
    Ok(lost
        .map(|((mutant, method, by), _)| {
            format!("{method} no longer catches mutant {} with {by}", mutant.name)
        })
        .collect())
}

/// Runs the jobs, some at a time, and prints each result with the progress. The results are in the order of
/// the jobs.
fn in_parallel<J: Sync, R: Send + std::fmt::Debug>(
    jobs: &[J],
    label: impl Fn(&J) -> String + Sync,
    run: impl Fn(&J) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let began = Instant::now();
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(jobs.len()));
    thread::scope(|scope| {
        for _ in 0..JOBS.min(jobs.len()) {
            scope.spawn(|| {
                // Relaxed: each number goes to one thread, in whatever order.
                while let (index, Some(job)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    (index, jobs.get(index))
                } {
                    let result = run(job);
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    let line = format!("{}: {result:?}", label(job));
                    results.push((index, result));
                    println!("{}  {line}", progress(began.elapsed(), results.len(), jobs.len()));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_unstable_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// The time, how many jobs are done, and on a terminal an estimate of the time left.
fn progress(elapsed: Duration, done: usize, all: usize) -> String {
    let progress = format!("{:>5.0} s  {done} of {all}", elapsed.as_secs_f64());
    if !io::stdout().is_terminal() {
        return progress;
    }
    let left = elapsed.as_secs_f64() * (all - done) as f64 / done as f64;
    format!("{progress}, about {:.0} min {:02.0} s left", (left / 60.0).floor(), (left % 60.0).floor())
}
