//! The part of a benchmark's command line that is needed before criterion parses it.

use std::collections::HashSet;
use std::process::{Command, Stdio};
use std::{env, io};

use records::command;

use crate::Error;

/// The mode that the command line requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `--list`, `--help` and the like: criterion prints something, nothing runs.
    Print,
    /// Each benchmark runs once as a test: `--test`, or no `--bench`, as under `cargo test`.
    Test,
    /// `--profile-time`, `--load-baseline`: criterion runs or shows benchmarks and keeps no measurement.
    Unkept,
    /// Benchmarks are measured and recorded.
    Measure,
}

/// Criterion's option to run a benchmark under a profiler. It takes a value and excludes `--list`.
const PROFILE_TIME: &str = "--profile-time";

/// The command line.
#[derive(Clone, Debug)]
pub struct Arguments {
    arguments: Vec<String>,
    /// The mode that the command line requests.
    pub mode: Mode,
}

impl Arguments {
    /// The command line of this program.
    pub fn from_env() -> Self {
        Arguments::new(env::args().skip(1).collect())
    }

    /// This command line, without the program's name.
    pub fn new(arguments: Vec<String>) -> Self {
        let name = |argument: &'_ String| argument.split('=').next().unwrap_or_default().to_owned();
        let given: HashSet<String> = arguments.iter().map(name).collect();
        let has = |names: &[&str]| names.iter().any(|&name| given.contains(name));
        let mode = if has(&["--list", "--help", "-h", "--version", "-V"]) {
            Mode::Print
        } else if has(&["--test"]) || !has(&["--bench"]) {
            Mode::Test
        } else if has(&[PROFILE_TIME, "--load-baseline"]) {
            Mode::Unkept
        } else {
            Mode::Measure
        };
        Arguments { arguments, mode }
    }

    /// The command line as it was typed, without what cargo adds.
    pub fn text(&self) -> String {
        command::line(self.arguments.iter().filter(|argument| *argument != "--bench"))
    }

    /// The names of the benchmarks that the command line selects. Criterion decides: this program runs once
    /// more to list them.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] with criterion's complaint about the arguments.
    pub fn selected(&self) -> Result<HashSet<String>, Error> {
        let failed = |error: io::Error| Error::Failed(format!("could not list the benchmarks: {error}"));
        let listing = Command::new(env::current_exe().map_err(failed)?)
            .args(self.selecting())
            .args(["--list", "--format", "terse"])
            .stdin(Stdio::null())
            .output()
            .map_err(failed)?;
        if !listing.status.success() {
            return Err(Error::Usage(complaint(&String::from_utf8_lossy(&listing.stderr))));
        }
        let names = String::from_utf8_lossy(&listing.stdout);
        Ok(names.lines().filter_map(|line| line.strip_suffix(": benchmark")).map(str::to_owned).collect())
    }

    /// The arguments without those that criterion rejects in combination with `--list`.
    fn selecting(&self) -> Vec<&str> {
        let mut selecting = Vec::new();
        let mut arguments = self.arguments.iter().map(String::as_str);
        while let Some(argument) = arguments.next() {
            if argument == PROFILE_TIME {
                arguments.next();
            } else if argument != "--test" && !argument.starts_with(&format!("{PROFILE_TIME}=")) {
                selecting.push(argument);
            }
        }
        selecting
    }
}

/// The error message in criterion's output.
fn complaint(stderr: &str) -> String {
    let said = stderr.lines().find_map(|line| line.strip_prefix("error: "));
    said.unwrap_or("criterion refused the arguments (see cargo bench -- --help)").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_is_the_one_that_criterion_takes() {
        let mode = |text: &str| Arguments::new(text.split_whitespace().map(str::to_owned).collect()).mode;
        assert_eq!(mode("--bench producer"), Mode::Measure);
        assert_eq!(mode("--bench --test"), Mode::Test);
        assert_eq!(mode("producer"), Mode::Test);
        assert_eq!(mode("--bench --list"), Mode::Print);
        assert_eq!(mode("--bench --profile-time 1"), Mode::Unkept);
        assert_eq!(mode("--bench --profile-time=1"), Mode::Unkept);
        assert_eq!(mode("--bench --load-baseline before --baseline now"), Mode::Unkept);
        assert_eq!(mode("--bench --save-baseline before"), Mode::Measure);
    }

    #[test]
    fn arguments_that_conflict_with_list_are_left_out() {
        let arguments = ["ping", "--profile-time", "5", "--bench", "--test", "--profile-time=5"];
        let arguments = Arguments::new(arguments.map(str::to_owned).to_vec());
        assert_eq!(arguments.selecting(), ["ping", "--bench"]);
    }

    #[test]
    fn a_complaint_is_one_line() {
        let clap = "Gnuplot not found\nerror: unexpected argument found\n\nUsage: ...\n";
        assert_eq!(complaint(clap), "unexpected argument found");
    }
}
