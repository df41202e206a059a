//! The backtrace of a process that hangs, from gdb.

use std::process::Command;
use std::time::Duration;

use super::process::output;

/// The time limit for gdb.
const GDB_TIMEOUT: Duration = Duration::from_secs(20);

/// The maximum number of lines to keep.
const MAX_LINES: usize = 200;

/// A backtrace of each thread, or the reason why there is none.
pub(super) fn backtrace(process: u32) -> Result<String, String> {
    let mut gdb = Command::new("gdb");
    gdb.args(["-batch", "-nx", "-ex", "thread apply all backtrace", "-p", &process.to_string()]);
    let output =
        output(gdb, Some(GDB_TIMEOUT)).map_err(|error| format!("gdb could not be started ({error})"))?;
    if output.status.is_none() {
        return Err(format!("gdb did not end within {} s", GDB_TIMEOUT.as_secs()));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let frames: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .skip_while(|line| !line.starts_with("Thread "))
        .filter(|line| !line.is_empty() && !line.starts_with("[Inferior"))
        .take(MAX_LINES)
        .collect();
    if frames.is_empty() {
        Err("gdb may not attach to the process".to_owned())
    } else {
        Ok(frames.join("\n"))
    }
}
