//! The evidence of a process that failed.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

/// What is left of a process that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrashReport {
    /// How the process ended, in words; `None` when it was still running.
    pub ended: Option<String>,
    /// The last lines of its standard error.
    #[serde(alias = "last_words")]
    pub stderr_tail: Vec<String>,
    /// The backtrace of a process that hung, or why there is none.
    pub backtrace: Option<String>,
}

/// A process that failed: what it did, and what is left of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessFailure {
    /// The failure, in words.
    pub what: String,
    /// What is left of the process.
    #[serde(flatten)]
    pub crash: CrashReport,
}

impl ProcessFailure {
    /// A failure without a process: it could not be started, or nothing of it matters.
    pub fn new(what: impl Into<String>) -> Self {
        ProcessFailure { what: what.into(), crash: CrashReport::default() }
    }

    /// The same failure with the backtrace that was taken before the process was killed.
    #[must_use]
    pub fn with_backtrace(mut self, backtrace: Option<String>) -> Self {
        self.crash.backtrace = backtrace;
        self
    }
}

impl std::error::Error for ProcessFailure {}

impl fmt::Display for ProcessFailure {
    /// One line: the failure, how the process ended, and the last line of its standard error.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(ended) = &self.crash.ended {
            write!(f, "; {ended}")?;
        }
        if let Some(last) = self.crash.stderr_tail.last() {
            write!(f, "; stderr ends with: {last}")?;
        }
        Ok(())
    }
}

/// How a process ended, in words.
pub fn status_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => match Signal::try_from(signal) {
            Ok(name) => format!("killed by signal {signal} ({name})"),
            Err(_) => format!("killed by signal {signal}"),
        },
        (None, None) => status.to_string(),
    }
}

/// The start of a line in backquotes, with everything unprintable escaped.
pub fn excerpt(text: &[u8]) -> String {
    const MAX_LEN: usize = 80;
    let shown = String::from_utf8_lossy(&text[..text.len().min(MAX_LEN)]);
    let more = if text.len() > MAX_LEN { "…" } else { "" };
    format!("`{}{more}`", shown.escape_debug())
}
