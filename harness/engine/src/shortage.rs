//! Shortages: the machine lacked something, which is no channel's failure.
//!
//! A start that fails, a thread that the system refuses, an allocation that fails, a kill that chanlab did not
//! send: each is tried again a few times, and then ends the command, which names the limit. No cell is closed by
//! one.

use std::fmt;
use std::fs;
use std::io;

use nix::libc;
use nix::sys::resource::{Resource, getrlimit};
use records::crash::ProcessFailure;

/// The size from which a failed allocation is a mistake of the program that asked for it: no machine has so much.
const ABSURD_ALLOCATION: u64 = 1 << 46;

/// The machine lacked something, in one line with the limits that may be the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}{}", Limits(*.lacking))]
pub struct Shortage {
    what: String,
    lacking: Option<Lacking>,
}

/// What the machine lacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacking {
    /// File descriptors.
    Descriptors,
    /// Threads or processes.
    Threads,
    /// Memory.
    Memory,
    /// Room on a disk.
    Disk,
}

impl Shortage {
    /// The shortage behind an error of the system in an attempt to do `what`; `None` for an error that is none.
    pub fn from_error(what: impl fmt::Display, error: &io::Error) -> Option<Self> {
        let lacking = lacking(error.raw_os_error()?)?;
        Some(Shortage { what: format!("{what}: {error}"), lacking: Some(lacking) })
    }

    /// A program that could not be started, for any reason.
    pub fn not_started(program: impl fmt::Display, error: &io::Error) -> Self {
        let lacking = error.raw_os_error().and_then(lacking);
        Shortage { what: format!("could not start {program}: {error}"), lacking }
    }

    /// The shortage that a process reported in place of a result.
    pub fn reported(reason: impl Into<String>) -> Self {
        let what = reason.into();
        Shortage { lacking: lacking_in(&what), what }
    }

    /// The shortage that ended a process; `None` when another reason did. `signal` ended it and was not sent by
    /// this process.
    pub fn from_crash(failure: &ProcessFailure, signal: Option<i32>) -> Option<Self> {
        Self::from_end(failure, signal, &failure.crash.stderr_tail)
    }

    /// The shortage that ended a process, which `what` describes, after it wrote `lines`; `None` when another
    /// reason did. `signal` ended it and was not sent by this process.
    pub fn from_end(what: impl fmt::Display, signal: Option<i32>, lines: &[String]) -> Option<Self> {
        let said = lines.iter().rev().find(|line| is_last_word_of_a_shortage(line));
        let lacking = match (signal, said) {
            (Some(libc::SIGKILL), _) => Some(Lacking::Memory),
            (Some(libc::SIGXCPU | libc::SIGXFSZ), _) => None,
            (_, Some(line)) => lacking_in(line),
            (_, None) => return None,
        };
        let what = match signal {
            Some(libc::SIGKILL) => format!("{what}; chanlab did not send that signal"),
            _ => what.to_string(),
        };
        Some(Shortage { what, lacking })
    }

    /// What the machine lacked, where that is known.
    pub fn lacking(&self) -> Option<Lacking> {
        self.lacking
    }
}

fn lacking(error: i32) -> Option<Lacking> {
    Some(match error {
        libc::EMFILE | libc::ENFILE => Lacking::Descriptors,
        libc::EAGAIN => Lacking::Threads,
        libc::ENOMEM => Lacking::Memory,
        libc::ENOSPC | libc::EDQUOT | libc::EFBIG => Lacking::Disk,
        _ => return None,
    })
}

/// What a message says was lacking: those of the C library's errors and of the runtimes.
fn lacking_in(text: &str) -> Option<Lacking> {
    let names = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if names(&["Too many open files"]) {
        Some(Lacking::Descriptors)
    } else if names(&[
        "Resource temporarily unavailable",
        "spawn thread",
        "new OS thread",
        "start new thread",
    ]) {
        Some(Lacking::Threads)
    } else if names(&["memory", "MemoryError", "bad_alloc"]) || is_killed_child(text) {
        Some(Lacking::Memory)
    } else if names(&["No space left", "quota exceeded", "File too large"]) {
        Some(Lacking::Disk)
    } else {
        None
    }
}

/// Whether cargo or a compiler says in this line that a child was killed, which the system does for lack of memory.
fn is_killed_child(line: &str) -> bool {
    ["(signal: 9, SIGKILL: kill)", "terminated with signal 9 [Killed]"]
        .iter()
        .any(|words| line.contains(words))
}

/// Whether a runtime writes this line when it ends for lack of something. Rust's standard library, Go's runtime,
/// C++ and Python have one each.
fn is_last_word_of_a_shortage(line: &str) -> bool {
    if let Some((_, rest)) = line.split_once("memory allocation of ") {
        let bytes = rest.split_whitespace().next().and_then(|bytes| bytes.parse::<u64>().ok());
        return rest.contains("bytes failed") && bytes.is_some_and(|bytes| bytes < ABSURD_ALLOCATION);
    }
    let fatal = [
        "fatal error: runtime: out of memory",
        "fatal error: runtime: cannot allocate memory",
        "runtime: failed to create new OS thread",
        "std::bad_alloc",
        "MemoryError",
        "RuntimeError: can't start new thread",
    ];
    let refused = ["(os error 11)", "code: 11,", "(os error 12)", "code: 12,", "(os error 24)", "code: 24,"];
    is_killed_child(line)
        || fatal.iter().any(|words| line.contains(words))
        || line.contains("failed to spawn thread") && refused.iter().any(|words| line.contains(words))
}

/// The limits of what was lacking, as the end of a sentence.
#[derive(Debug)]
struct Limits(Option<Lacking>);

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, limits) = match self.0 {
            None => return Ok(()),
            Some(Lacking::Descriptors) => {
                ("file descriptors", vec![ulimit("ulimit -n", Resource::RLIMIT_NOFILE, 1)])
            }
            Some(Lacking::Threads) => {
                ("threads, processes or memory for them", vec![threads(), cgroup("pids.max"), memory()])
            }
            Some(Lacking::Memory) => ("memory", vec![memory(), cgroup("memory.max")]),
            Some(Lacking::Disk) => {
                ("room on the disk", vec![ulimit("ulimit -f", Resource::RLIMIT_FSIZE, 1_024)])
            }
        };
        write!(f, ": out of {what}")?;
        let limits: Vec<String> = limits.into_iter().flatten().collect();
        if limits.is_empty() { Ok(()) } else { write!(f, " ({})", limits.join(", ")) }
    }
}

fn memory() -> Option<String> {
    ulimit("ulimit -v", Resource::RLIMIT_AS, 1_024)
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn threads() -> Option<String> {
    ulimit("ulimit -u", Resource::RLIMIT_NPROC, 1)
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn threads() -> Option<String> {
    None
}

/// A limit of this process, which its children inherit, in `unit`s; `None` when there is none.
fn ulimit(name: &str, resource: Resource, unit: u64) -> Option<String> {
    let (soft, _) = getrlimit(resource).ok()?;
    (soft != libc::RLIM_INFINITY).then(|| format!("`{name}` is {}", soft / unit))
}

/// A limit of this process's control group; `None` when there is none or it cannot be read.
///
/// Source: `/proc/self/cgroup` and the files of the unified hierarchy (Linux, cgroups(7)).
fn cgroup(file: &str) -> Option<String> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let group = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let limit = fs::read_to_string(format!("/sys/fs/cgroup/{group}/{file}")).ok()?;
    let limit = limit.trim();
    (limit != "max").then(|| format!("the control group's {file} is {limit}"))
}

#[cfg(test)]
mod tests {
    use records::crash::CrashReport;

    use super::*;

    fn crash(line: &str, signal: Option<i32>) -> Option<Lacking> {
        let crash =
            CrashReport { stderr_tail: vec![line.to_owned(), "end".to_owned()], ..CrashReport::default() };
        let failure = ProcessFailure { what: "ended without a reply".to_owned(), crash };
        Shortage::from_crash(&failure, signal)?.lacking()
    }

    #[test]
    fn an_error_of_the_system_names_what_was_lacking_and_its_limit() {
        let error = io::Error::from_raw_os_error(libc::EMFILE);
        let text = Shortage::not_started("a runner", &error).to_string();
        assert!(text.starts_with("could not start a runner: Too many open files"), "{text}");
        assert!(text.contains(": out of file descriptors"), "{text}");
        let error = io::Error::from_raw_os_error(libc::ENOENT);
        assert_eq!(Shortage::from_error("reads", &error), None);
        assert_eq!(Shortage::not_started("x", &error).lacking(), None);
        let full = Shortage::from_error("writes", &io::Error::from_raw_os_error(libc::ENOSPC));
        assert_eq!(full.and_then(|full| full.lacking()), Some(Lacking::Disk));
    }

    #[test]
    fn the_last_words_of_a_runtime_are_known() {
        assert_eq!(crash("memory allocation of 4096 bytes failed", None), Some(Lacking::Memory));
        assert_eq!(crash("fatal error: runtime: out of memory", None), Some(Lacking::Memory));
        let thread = "failed to spawn thread: Os { code: 11, kind: WouldBlock, message: \"Resource …\" }";
        assert_eq!(crash(thread, None), Some(Lacking::Threads));
        assert_eq!(crash("", Some(libc::SIGKILL)), Some(Lacking::Memory));
    }

    /// A channel that asks for more than any machine has, or that says something similar, has failed.
    #[test]
    fn a_failure_of_the_channel_is_no_shortage() {
        for line in [
            "memory allocation of 18446744073709551615 bytes failed",
            "thread panicked: the queue is out of memory order",
            "a message was lost: Resource temporarily unavailable",
        ] {
            assert_eq!(crash(line, None), None, "{line}");
        }
        assert_eq!(crash("", Some(libc::SIGSEGV)), None);
    }
}
