//! The backtrace of a process that hangs, from gdb.

use std::io;
use std::process::Command;
use std::time::Duration;

use super::process::{Supervised, output};

/// The time limit for gdb.
const GDB_TIMEOUT: Duration = Duration::from_secs(20);

/// The maximum number of lines to keep.
const MAX_LINES: usize = 200;

/// Why there is no backtrace.
#[derive(Debug, thiserror::Error)]
enum NoBacktrace {
    /// Gdb could not be started.
    #[error("gdb could not be started ({0})")]
    NotStarted(io::Error),
    /// Gdb did not end in time.
    #[error("gdb did not end within {} s", GDB_TIMEOUT.as_secs())]
    TimedOut,
    /// Gdb printed no thread.
    #[error("gdb may not attach to the process")]
    NotAttached,
}

impl Supervised {
    /// A backtrace of every thread of the process, or the reason why there is none.
    pub fn backtrace(&self) -> String {
        backtrace(self.id()).unwrap_or_else(|why| format!("not available: {why}"))
    }
}

/// A backtrace of each thread.
fn backtrace(process: u32) -> Result<String, NoBacktrace> {
    let mut gdb = Command::new("gdb");
    gdb.args(["-batch", "-nx", "-ex", "thread apply all backtrace", "-p", &process.to_string()]);
    let output = output(gdb, Some(GDB_TIMEOUT)).map_err(NoBacktrace::NotStarted)?;
    if output.status.is_none() {
        return Err(NoBacktrace::TimedOut);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let frames: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .skip_while(|line| !line.starts_with("Thread "))
        .filter(|line| !line.is_empty() && !line.starts_with("[Inferior"))
        .take(MAX_LINES)
        .collect();
    if frames.is_empty() { Err(NoBacktrace::NotAttached) } else { Ok(frames.join("\n")) }
}
