//! The evidence of a process that failed.

use std::fmt;

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
