//! The end of a process, in words.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use nix::sys::signal::Signal;

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
