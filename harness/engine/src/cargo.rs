//! Cargo, run under the supervisor: its arguments, its progress line by line, the programs that it built, and
//! its first error.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Deserialize;

use super::sandbox::Sandbox;
use super::supervisor::{Ending, NoLine, Streams, Supervised, status_words};

/// The interval at which a silent cargo is polled, and a stop request checked for.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The time that a build has to end after it has closed its standard error.
const END_TIMEOUT: Duration = Duration::from_secs(60);

/// A run of cargo.
#[derive(Debug)]
pub struct Cargo<'a> {
    command: Command,
    stop: Option<&'a AtomicBool>,
    sandbox: Option<&'a Sandbox>,
}

/// A program that cargo built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// The target's name.
    pub target: String,
    /// The kinds of the target: `bin`, `test` and so on.
    pub kinds: Vec<String>,
    /// The program.
    pub executable: PathBuf,
}

/// The reason why cargo did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum CargoError {
    /// It could not be started.
    #[error("cannot start cargo: {0}")]
    NotStarted(io::Error),
    /// Its log could not be written.
    #[error("cannot write {}: {error}", path.display())]
    Log {
        /// The log.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// There was a stop request.
    #[error("cargo was stopped")]
    Stopped,
    /// It failed; in one line.
    #[error("{0}")]
    Failed(String),
}

impl<'a> Cargo<'a> {
    /// Cargo in `folder`: the one that `CARGO` names, or the one on the path.
    pub fn new(folder: &Path) -> Self {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(folder).env("CARGO_TERM_COLOR", "never");
        Cargo { command, stop: None, sandbox: None }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Kills cargo when `stop` is set.
    #[must_use]
    pub fn stop(mut self, stop: &'a AtomicBool) -> Self {
        self.stop = Some(stop);
        self
    }

    /// Fetches what the build needs, and builds in a sandbox, where there is no network.
    #[must_use]
    pub fn sandbox(mut self, sandbox: Option<&'a Sandbox>) -> Self {
        self.sandbox = sandbox;
        self
    }

    /// Adds flags for the compiler to those of the environment.
    #[must_use]
    pub fn rustflags(self, flags: &str) -> Self {
        let environment = env::var("RUSTFLAGS").unwrap_or_default();
        self.env("RUSTFLAGS", format!("{environment} {flags}"))
    }

    /// Builds. Every line of progress goes to `log` and `progress`. Returns the programs in the order in
    /// which cargo named them.
    ///
    /// # Errors
    ///
    /// [`CargoError`]; of a build that fails, the compiler's first error, or cargo's own.
    pub fn build(
        mut self,
        log: Option<&Path>,
        mut progress: impl FnMut(&str),
    ) -> Result<Vec<Artifact>, CargoError> {
        let mut log = log.map(Log::create).transpose()?;
        if let Some(sandbox) = self.sandbox {
            self.fetch()?;
            self.command.arg("--offline");
            self.command = sandbox.wrap(&self.command).map_err(CargoError::NotStarted)?;
        }
        self.command.args(["--message-format", "json-render-diagnostics"]);
        let mut cargo = Supervised::start(self.command, Streams::Progress).map_err(CargoError::NotStarted)?;
        let mut lines = Vec::new();
        loop {
            // Relaxed: a flag that a signal handler sets; it guards no other data.
            if self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
                return Err(CargoError::Stopped);
            }
            match cargo.line(POLL_INTERVAL) {
                Ok(line) => {
                    let line = String::from_utf8_lossy(&line);
                    let line = line.trim_end_matches(['\n', '\r']);
                    log.as_mut().map(|log| log.append(line)).transpose()?;
                    progress(line);
                    lines.push(line.to_owned());
                }
                Err(NoLine::Silent) => {}
                Err(NoLine::Ended | NoLine::Malformed(_)) => break,
            }
        }
        match cargo.wait(END_TIMEOUT) {
            Some(status) if status.success() => Ok(artifacts(&cargo.stdout())),
            _ => Err(CargoError::Failed(first_error(&lines))),
        }
    }

    /// Fetches the dependencies of the package in cargo's folder, which runs no code of theirs.
    fn fetch(&self) -> Result<(), CargoError> {
        let folder = self.command.get_current_dir().unwrap_or(Path::new(""));
        let cargo = Cargo::new(folder).args(["fetch"]);
        Cargo { stop: self.stop, ..cargo }.output().map(drop)
    }

    /// Runs cargo, whose standard error stays this process's own, and returns its standard output.
    ///
    /// # Errors
    ///
    /// [`CargoError`].
    pub fn echo(self) -> Result<Vec<u8>, CargoError> {
        self.run_to_end(Streams::Echo)
    }

    /// Runs cargo in silence, and returns its standard output.
    ///
    /// # Errors
    ///
    /// [`CargoError`].
    pub fn output(self) -> Result<Vec<u8>, CargoError> {
        self.run_to_end(Streams::Collect)
    }

    fn run_to_end(self, streams: Streams) -> Result<Vec<u8>, CargoError> {
        let mut cargo = Supervised::start(self.command, streams).map_err(CargoError::NotStarted)?;
        match cargo.run_to_end(None, self.stop, &mut || ()) {
            Ending::Exited(status) if status.success() => Ok(cargo.stdout()),
            Ending::Exited(status) => {
                let stderr = cargo.stderr();
                let lines: Vec<String> =
                    String::from_utf8_lossy(&stderr).lines().map(str::to_owned).collect();
                Err(CargoError::Failed(match lines.is_empty() {
                    true => format!("cargo ended with {}", status_words(status)),
                    false => first_error(&lines),
                }))
            }
            Ending::TimedOut | Ending::Stopped => Err(CargoError::Stopped),
        }
    }
}

/// The log of a build.
struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    fn create(path: &Path) -> Result<Self, CargoError> {
        let failed = |error| CargoError::Log { path: path.to_owned(), error };
        path.parent().map_or(Ok(()), fs::create_dir_all).map_err(failed)?;
        Ok(Log { path: path.to_owned(), file: File::create(path).map_err(failed)? })
    }

    fn append(&mut self, line: &str) -> Result<(), CargoError> {
        writeln!(self.file, "{line}").map_err(|error| CargoError::Log { path: self.path.clone(), error })
    }
}

#[derive(Deserialize)]
struct Message {
    target: Target,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// The programs that cargo's messages name.
fn artifacts(messages: &[u8]) -> Vec<Artifact> {
    let lines = messages.split(|byte| *byte == b'\n');
    lines
        .filter_map(|line| {
            let Message { target, executable } = serde_json::from_slice(line).ok()?;
            Some(Artifact { target: target.name, kinds: target.kind, executable: executable? })
        })
        .collect()
}

/// The first error of cargo or the compiler, in one line, with its place in the source, or the reason that
/// cargo puts below it.
fn first_error(lines: &[String]) -> String {
    let Some(first) = lines.iter().position(|line| line.starts_with("error")) else {
        return lines.last().cloned().unwrap_or_else(|| "cargo printed nothing".to_owned());
    };
    let error = lines[first].trim();
    let place = lines[first + 1..]
        .iter()
        .take_while(|line| !line.is_empty())
        .find_map(|line| line.trim_start().strip_prefix("--> "));
    match (place, lines.get(first + 1).map(|line| line.trim())) {
        (Some(place), _) => format!("{error} ({place})"),
        (None, Some(reason)) if error.contains("failed to select a version") => format!("{error}: {reason}"),
        (None, _) => error.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        first_error(&text.lines().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_first_error_is_reported_with_its_place() {
        let compiler = "   Compiling harness v0.1.0\nwarning: unused\n --> a.rs:1:1\n\nerror[E0599]: no method named `len` found\n   \
                        --> harness/src/channels/kanal.rs:90:14\n    |\n\nerror[E0308]: mismatched types\n --> b.rs:2:2\n\n\
                        error: could not compile `harness`";
        assert_eq!(
            error(compiler),
            "error[E0599]: no method named `len` found (harness/src/channels/kanal.rs:90:14)"
        );
        let version = "error: failed to select a version for the requirement `flume = \"=9.9.9\"`\n\
                       candidate versions found which didn't match: 0.12.0, 0.11.1\nlocation searched: somewhere";
        assert_eq!(
            error(version),
            "error: failed to select a version for the requirement `flume = \"=9.9.9\"`: candidate versions found \
             which didn't match: 0.12.0, 0.11.1"
        );
        assert_eq!(error("error: linking failed\n\nmore"), "error: linking failed");
        assert_eq!(error("killed"), "killed");
    }

    #[test]
    fn the_programs_are_those_that_cargo_names() {
        let messages = "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"a\",\"kind\":[\"lib\"]},\"executable\":null}\n\
                        {\"target\":{\"name\":\"b\",\"kind\":[\"bin\"]},\"executable\":\"/a/b\"}\nno JSON\n";
        let program = Artifact {
            target: "b".to_owned(),
            kinds: vec!["bin".to_owned()],
            executable: PathBuf::from("/a/b"),
        };
        assert_eq!(artifacts(messages.as_bytes()), [program]);
    }
}
