//! Kills the children's process groups when this process is gone, however it ended.
//!
//! The reaper is a shell that holds the read end of a pipe. Only this process has the write end, which is
//! close-on-exec, so the pipe ends exactly when this process does, after `kill -9` as well. The reaper then
//! kills every group that is still registered and, where there is a `/proc`, every process that has a token of
//! this process in its environment ([`super::strays`]), and exits. `PR_SET_PDEATHSIG` would not do: it reaches a
//! direct child alone, not the compilers and tests that cargo started, and only Linux has it.
//!
//! A child registers its own group between `fork` and `exec`, so there is no moment at which it runs
//! unregistered.

use std::collections::BTreeMap;
use std::io::{self, PipeWriter, Write};
use std::os::unix::process::CommandExt;
use std::process::{self, Child, Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use super::strays::TOKEN_VARIABLE;

/// The token of a reaper, which no one kills.
pub(super) const REAPER_TOKEN: &str = "reaper";

/// Reads lines of the form `+TOKEN:GROUP` and `-TOKEN`. At the end of its input it kills the groups that
/// remain, and what has a token that begins with the first argument. It looks a few times, since a process may
/// fork while it looks.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
groups=' '
while IFS= read -r line; do
    case $line in
        +*) groups="$groups${line#+} " ;;
        -*)
            rest=${groups#* ${line#-}:}
            if [ "$rest" != "$groups" ]; then groups="${groups%% ${line#-}:*} ${rest#* }"; fi ;;
    esac
done
for group in $groups; do kill -KILL "-${group#*:}"; done
for look in 1 2 3 4 5 6 7 8; do
    # Its exit code says nothing: a process that ends meanwhile is an error.
    found=$(grep -ls "$1" /proc/[0-9]*/environ)
    if [ -z "$found" ]; then exit; fi
    for environ in $found; do process=${environ#/proc/}; kill -KILL "${process%/environ}"; done
done
"#;

/// Distinguishes the children of this process from those of every other.
static FAMILY: LazyLock<String> =
    LazyLock::new(|| format!("{}-{}", process::id(), UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos()));

/// Room for a line: two numbers of at most 20 digits.
const MAX_LINE_LEN: usize = 48;

static REAPER: Mutex<Reaper> = Mutex::new(Reaper { running: None, groups: BTreeMap::new(), next_token: 0 });

struct Reaper {
    /// The shell, and the pipe that it reads; started with the first child.
    running: Option<(Child, Arc<PipeWriter>)>,
    /// The live groups by token, for a reaper that replaces a killed one.
    groups: BTreeMap<u64, u32>,
    next_token: u64,
}

impl Reaper {
    /// The pipe to a reaper that runs.
    fn pipe(&mut self) -> io::Result<Arc<PipeWriter>> {
        if let Some((shell, pipe)) = &mut self.running
            && matches!(shell.try_wait(), Ok(None))
        {
            return Ok(Arc::clone(pipe));
        }
        let (reader, writer) = io::pipe()?;
        let shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "reaper", &format!("{TOKEN_VARIABLE}={}:", *FAMILY)])
            .env(TOKEN_VARIABLE, REAPER_TOKEN)
            .current_dir("/")
            .stdin(reader)
            // A reader that waits for the end of this process's output must not wait for the reaper.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // The reaper must survive Ctrl-C, which a terminal sends to the foreground group.
            .process_group(0)
            .spawn()
            .map_err(|error| {
                io::Error::new(
                    error.kind(),
                    format!("cannot start the reaper of child processes (/bin/sh): {error}"),
                )
            })?;
        let writer = Arc::new(writer);
        for (token, group) in &self.groups {
            send(&writer, format_args!("+{token}:{group}\n"))?;
        }
        self.running = Some((shell, Arc::clone(&writer)));
        Ok(writer)
    }
}

/// A process group that the reaper knows. Dropping this makes the reaper forget it.
#[derive(Debug)]
pub(super) struct Registration {
    token: u64,
}

impl Registration {
    /// Starts `command` as the leader of a process group of its own, which registers itself with the reaper.
    ///
    /// The lock is held until the child runs its program: before, it has no token, and [`Alive`] does not know
    /// it.
    ///
    /// # Errors
    ///
    /// When it, or the reaper, cannot be started.
    pub(super) fn start(command: &mut Command) -> io::Result<(Child, Self)> {
        let mut reaper = lock();
        let pipe = reaper.pipe()?;
        let token = reaper.next_token;
        reaper.next_token += 1;
        let register = move || send(&pipe, format_args!("+{token}:{}\n", process::id()));
        command.process_group(0).env(TOKEN_VARIABLE, token_text(token));
        // SAFETY: between `fork` and `exec` the closure only formats two integers on the stack and calls
        // `getpid` and `write`, which are async-signal-safe; it does not allocate, and takes no lock.
        unsafe { command.pre_exec(register) };
        let child = command.spawn()?;
        reaper.groups.insert(token, child.id());
        Ok((child, Registration { token }))
    }

    /// The text that every descendant of the child has in its environment.
    pub(super) fn token(&self) -> String {
        token_text(self.token)
    }
}

fn token_text(token: u64) -> String {
    format!("{}:{token}", *FAMILY)
}

impl Registration {
    /// Ends it, and then calls `reap` before any other thread can look for strays. Such a thread would take the leader for an
    /// adopted process without an owner, and reap it.
    pub(super) fn end<T>(self, reap: impl FnOnce() -> T) -> T {
        let mut reaper = lock();
        self.remove(&mut reaper);
        let reaped = reap();
        drop(reaper);
        // It is removed already.
        std::mem::forget(self);
        reaped
    }

    fn remove(&self, reaper: &mut Reaper) {
        reaper.groups.remove(&self.token);
        if let Some((_, pipe)) = &reaper.running {
            // Ignored: a dead reaper kills nothing, and its successor never learns of this group.
            let _ = send(pipe, format_args!("-{}\n", self.token));
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.remove(&mut lock());
    }
}

/// The children that live. No other is started while this does.
pub(super) struct Alive<'a>(MutexGuard<'a, Reaper>);

impl Alive<'_> {
    /// Those of this process.
    pub(super) fn new() -> Self {
        Alive(lock())
    }

    /// The leader of each.
    pub(super) fn leaders(&self) -> impl Iterator<Item = u32> {
        self.0.groups.values().copied()
    }

    /// Whether one of them has this token.
    pub(super) fn has_token(&self, token: &str) -> bool {
        self.0.groups.keys().any(|&known| token_text(known) == token)
    }

    /// Whether a process is the reaper.
    pub(super) fn is_reaper(&self, process: i32) -> bool {
        self.0.running.as_ref().is_some_and(|(shell, _)| shell.id() as i32 == process)
    }
}

/// One write of less than `PIPE_BUF` bytes, so that lines of several processes do not mix.
fn send(mut pipe: &PipeWriter, line: std::fmt::Arguments<'_>) -> io::Result<()> {
    let mut buffer = [0; MAX_LINE_LEN];
    let mut rest = &mut buffer[..];
    rest.write_fmt(line)?;
    let len = MAX_LINE_LEN - rest.len();
    pipe.write_all(&buffer[..len])
}

fn lock() -> MutexGuard<'static, Reaper> {
    REAPER.lock().unwrap_or_else(PoisonError::into_inner)
}
