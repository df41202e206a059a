//! The progress bar of a run.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use records::text;
use wording::say;

/// A bar with the remaining time. It shows nothing when the standard error is not a terminal.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar for a run that takes about `budget`.
    ///
    /// # Panics
    ///
    /// Never: the bar's template is valid.
    pub fn new(budget: Duration) -> Self {
        let style = ProgressStyle::with_template("{bar:30} about {msg}").expect("the template is valid");
        Progress { bar: ProgressBar::new(budget.as_millis() as u64).with_style(style) }
    }

    /// A bar that shows nothing.
    pub fn hidden() -> Self {
        Progress { bar: ProgressBar::hidden() }
    }

    /// Shows that `elapsed` of `expected` have passed, and that `now` is in progress.
    pub fn at(&self, elapsed: Duration, expected: Duration, now: &str) {
        let left = expected.saturating_sub(elapsed).as_secs();
        self.bar.set_length(expected.as_millis() as u64);
        self.bar.set_position(elapsed.as_millis() as u64);
        self.bar.set_message(format!("{}:{:02} left  {}", left / 60, left % 60, text::line(now)));
    }

    /// Prints a line above the bar.
    pub fn say(&self, line: &str) {
        self.bar.suspend(|| say!("{line}"));
    }

    /// Calls `prints`, whose output goes above the bar.
    pub fn above(&self, prints: impl FnOnce()) {
        self.bar.suspend(prints);
    }

    /// Removes the bar.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}
