//! The end of a process, in words.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use nix::sys::signal::Signal;
use records::rounds::Stray;

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

/// The end of a sentence about a child that left strays.
pub fn stray_words(strays: &[Stray]) -> String {
    let named: Vec<String> =
        strays.iter().map(|stray| format!("{} `{}`", stray.id, stray.command.escape_debug())).collect();
    let (processes, were) = if strays.len() == 1 { ("process", "was") } else { ("processes", "were") };
    format!("left {} {processes} behind, which {were} killed: {}", strays.len(), named.join(", "))
}

/// The start of a line in backquotes, with everything unprintable escaped.
pub fn excerpt(text: &[u8]) -> String {
    const MAX_LEN: usize = 80;
    let shown = String::from_utf8_lossy(&text[..text.len().min(MAX_LEN)]);
    let more = if text.len() > MAX_LEN { "…" } else { "" };
    format!("`{}{more}`", shown.escape_debug())
}
