//! Explores published crates and compares what is found with `models/defects`; `scripts/defects` starts it.
//!
//! ```text
//! defects            every row: writes models/defects/results.json and docs/defects.md
//! defects NAME...    only the rows of these names; the results of the others stay
//! defects --small    a few rows for CI; writes nothing
//! ```

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use std::{env, io};

use anyhow::{Context, Result};
use engine::{NotReplaced, supervisor};
use model_driver::defects::data::Expectations;
use model_driver::defects::document::{self, DOCUMENT};
use model_driver::defects::explore::Explorer;
use model_driver::defects::judge::{ExpectedExploration, Version};
use model_driver::defects::results::{self, Clean, Results, RowOutcome, RowResult, Times};
use model_driver::defects::selection;
use model_driver::instrumented::std_source::{self, STD};
use model_driver::versions::workspace::project;
use records::text;
use records::verify::Method;
use wording::say;

/// The exit codes, which docs/EXIT_CODES.md explains.
const FAILURE: u8 = 1;
const USAGE: u8 = 2;
const UNDECIDED: u8 = 3;
const UNABLE: u8 = 4;

/// The argument for a few rows.
const SMALL: &str = "--small";

fn main() -> ExitCode {
    // A word that is not UTF-8 is the name of no row.
    let words = env::args_os().skip(1);
    let arguments: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    let expectations = project().and_then(|project| Expectations::read(&project));
    let expectations = match expectations {
        Ok(expectations) => expectations,
        Err(error) => return failure(code(&error), &[format!("{error:#}")]),
    };
    let is_small = arguments == [SMALL];
    let rows = match is_small {
        true => selection::small(&expectations),
        false => selection::named(&expectations, &arguments),
    };
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) => return failure(USAGE, &[format!("{error:#}")]),
    };
    match run(rows, &selection::all(&expectations), is_small) {
        Ok(Some(Explored { deviations, left_out })) => match (deviations.is_empty(), left_out) {
            (false, _) => failure(FAILURE, &deviations),
            (true, Some(left_out)) => failure(UNDECIDED, &[left_out]),
            (true, None) => ExitCode::SUCCESS,
        },
        Ok(None) => {
            let stored = if is_small { "" } else { "; the results of the rows before are stored" };
            let code = engine::stopped_by().map_or(FAILURE, engine::StopSignal::exit_code);
            failure(code, &[format!("stopped{stored}")])
        }
        Err(error) => failure(code(&error), &[format!("{error:#}")]),
    }
}

/// The exit code of an error.
fn code(error: &anyhow::Error) -> u8 {
    let is_file =
        |cause: &(dyn std::error::Error + 'static)| cause.is::<io::Error>() || cause.is::<NotReplaced>();
    if error.chain().any(is_file) { UNABLE } else { FAILURE }
}

/// Prints the errors and returns the exit code.
fn failure(code: u8, errors: &[String]) -> ExitCode {
    for error in errors {
        say!("error: {error}");
    }
    ExitCode::from(code)
}

/// The result of all rows.
struct Explored {
    /// Everything that was found otherwise than expected.
    deviations: Vec<String>,
    /// The rows that could not be explored here, and why.
    left_out: Option<String>,
}

/// Explores the rows, and stores each result unless they are small; `None` after a stop request.
fn run(
    mut rows: Vec<ExpectedExploration>,
    all: &[ExpectedExploration],
    is_small: bool,
) -> Result<Option<Explored>> {
    let project = project()?;
    let stop = engine::stop_request()?;
    let mut left_out = None;
    if rows.iter().any(|row| row.channel == STD)
        && let Err(error) = install_std()
    {
        left_out = Some(format!("std: not available, its rows are left out ({error:#})"));
        rows.retain(|row| row.channel != STD);
    }
    let machine = runner::machine::current(&adapters::registry());
    let explorer = Explorer { machine, is_small, stop };
    let mut results = if is_small { Results::default() } else { Results::read(&project)? };
    if !is_small {
        store(&project, all, &results)?;
    }
    let is_compared = |row: &ExpectedExploration| selection::is_newest(row) && row.method == Method::Shuttle;
    let mut baseline = Times::new();
    if rows.iter().any(is_compared) {
        println!("== the baseline by shuttle");
        let mut steps = Steps::new();
        match explorer.baseline(&mut |step| steps.show(step))? {
            Some(times) => baseline = times,
            None => return Ok(None),
        }
    }
    let (mut wrong, mut sound) = (Vec::new(), Sound::default());
    let (none, count) = (Times::new(), rows.len());
    for (index, row) in rows.iter().enumerate() {
        let model = row.model.as_ref().map_or_else(String::new, |model| format!(", {model}"));
        println!("== {} of {count}: {} by {}{model}", index + 1, row.name(), row.method);
        let baseline = if is_compared(row) { &baseline } else { &none };
        let mut steps = Steps::new();
        let explored = explorer.explore(row, baseline, &mut |step| steps.show(step));
        drop(steps);
        let Some(mut explored) = explored.with_context(|| row.name())? else { return Ok(None) };
        sound.add(row, &explored.clean);
        let deviation = sound.deviation(row, &explored.result);
        explored.result.deviations.extend(deviation);
        println!("   {}", summary(&explored.result));
        let of = |deviation: &String| {
            format!("otherwise than expected: {} by {}: {deviation}", row.name(), row.method)
        };
        wrong.extend(explored.result.deviations.iter().map(of));
        if !is_small {
            results.replace(explored.result, all);
            store(&project, all, &results)?;
        }
        // Relaxed: a flag that a signal handler sets; it guards no other data.
        if stop.load(Ordering::Relaxed) && index + 1 < count {
            return Ok(None);
        }
    }
    Ok(Some(Explored { deviations: wrong, left_out }))
}

fn store(project: &Path, all: &[ExpectedExploration], results: &Results) -> Result<()> {
    results.write(project)?;
    let text = document::document(all, results);
    Ok(engine::replace(&project.join(DOCUMENT), text.as_bytes())?)
}

/// Installs the source of std where it is missing.
fn install_std() -> Result<()> {
    if std_source::is_installed()? {
        return Ok(());
    }
    println!("installing rust-src");
    let mut command = Command::new("rustup");
    command.args(["component", "add", "rust-src"]).current_dir(project()?);
    let output = supervisor::output(command, None).context("cannot start rustup")?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(
        output.is_success(),
        "rustup component add rust-src: {}",
        stderr.lines().last().unwrap_or("it failed")
    );
    anyhow::ensure!(std_source::is_installed()?, "rustup has added rust-src, and the compiler has no source");
    Ok(())
}

/// The executions without a failure over the newest versions, with which those of patched ones are compared.
#[derive(Default)]
struct Sound(BTreeMap<(Method, String), Clean>);

impl Sound {
    fn add(&mut self, row: &ExpectedExploration, clean: &Clean) {
        if row.version == Version::Newest {
            let models = self.0.entry((row.method, row.channel.clone())).or_default();
            models.extend(clean.iter().map(|(model, executions)| (model.clone(), *executions)));
        }
    }

    /// Why the failure of a patched crate is not the patch's, if it is not.
    fn deviation(&self, row: &ExpectedExploration, result: &RowResult) -> Option<String> {
        let Version::Patched(planted) = &row.version else { return None };
        let sound = self.0.get(&(row.method, row.channel.clone()))?;
        let RowOutcome::Explored(found) = &result.outcome else { return None };
        results::unproved(sound, &planted.model, found.first.as_ref().and_then(|first| first.execution))
    }
}

fn summary(result: &RowResult) -> String {
    let times = format!(
        "built in {}, explored in {}",
        document::time(result.build_seconds),
        document::time(result.explore_seconds)
    );
    match &result.outcome {
        RowOutcome::NotExplored { reason } => format!("not explored: {reason}; {times}"),
        RowOutcome::Explored(found) => {
            let first = found
                .first
                .as_ref()
                .map_or_else(String::new, |first| format!("; {}", document::failure(first)));
            format!("{}{first}; {times}", document::outcome(found))
        }
    }
}

/// The steps of a row: in one line of a terminal, otherwise a line now and then.
struct Steps {
    is_terminal: bool,
    last: String,
    shown: Instant,
}

impl Steps {
    /// The interval between two lines.
    const INTERVAL: Duration = Duration::from_secs(10);

    fn new() -> Self {
        Steps { is_terminal: io::stderr().is_terminal(), last: String::new(), shown: Instant::now() }
    }

    fn show(&mut self, step: &str) {
        if step == self.last || step.is_empty() {
            return;
        }
        step.clone_into(&mut self.last);
        if self.is_terminal {
            let line: String = text::line(step).chars().take(100).collect();
            eprint!("\r\x1b[K   {line}");
            // A line of progress that is not shown is no failure.
            let _ = io::stderr().flush();
        } else if self.shown.elapsed() >= Self::INTERVAL {
            self.shown = Instant::now();
            say!("   {step}");
        }
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        if self.is_terminal && !self.last.is_empty() {
            eprint!("\r\x1b[K");
        }
    }
}
