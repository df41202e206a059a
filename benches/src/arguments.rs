//! What the command line of a benchmark asks for, as far as chanlab has to know it before criterion does.

use std::collections::HashSet;
use std::env;
use std::process::{Command, Stdio};

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `--list`, `--help` and the like: criterion prints something, nothing runs.
    Print,
    /// Each benchmark runs once, to see that it works: `--test`, or without `--bench`, as `cargo test` starts it.
    Test,
    /// Measure.
    Measure,
}

/// The command line.
#[derive(Clone, Debug)]
pub struct Arguments {
    arguments: Vec<String>,
    /// What is to be done.
    pub mode: Mode,
}

impl Arguments {
    /// The command line of this program.
    pub fn from_env() -> Self {
        Arguments::new(env::args().skip(1).collect())
    }

    /// This command line, without the program's name.
    pub fn new(arguments: Vec<String>) -> Self {
        let has = |names: &[&str]| arguments.iter().any(|argument| names.contains(&argument.as_str()));
        let mode = if has(&["--list", "--help", "-h", "--version", "-V"]) {
            Mode::Print
        } else if has(&["--test"]) || !has(&["--bench"]) {
            Mode::Test
        } else {
            Mode::Measure
        };
        Arguments { arguments, mode }
    }

    /// The command line as text.
    pub fn text(&self) -> String {
        self.arguments.join(" ")
    }

    /// The filter, for a benchmark that is not criterion's: the first argument that is no option.
    pub fn filter(&self) -> Option<&str> {
        self.arguments.iter().map(String::as_str).find(|argument| !argument.starts_with('-'))
    }

    /// The names of the benchmarks that the command line selects, by criterion's own judgement: this program is started
    /// once more to list them.
    ///
    /// # Errors
    ///
    /// What criterion said of arguments that it does not take.
    pub fn selected(&self) -> Result<HashSet<String>, String> {
        let program = env::current_exe().map_err(|error| format!("this program's own path: {error}"))?;
        let listing = Command::new(program)
            .args(self.arguments.iter().filter(|argument| *argument != "--test"))
            .args(["--list", "--format", "terse"])
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("could not list the benchmarks: {error}"))?;
        if !listing.status.success() {
            return Err(String::from_utf8_lossy(&listing.stderr).trim().to_owned());
        }
        let names = String::from_utf8_lossy(&listing.stdout);
        Ok(names.lines().filter_map(|line| line.strip_suffix(": benchmark")).map(str::to_owned).collect())
    }
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
    }
}
