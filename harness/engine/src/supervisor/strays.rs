//! Strays: processes that left the process group of a child and would outlive it.
//!
//! A signal to the group does not reach a process that called `setsid` or `setpgid`. It is found in three ways:
//! it descends from the child while that lives; it has the child's token in its environment, which every process
//! inherits; and, in a program that called [`adopt_strays`], an orphan becomes a child of this program. It is
//! killed and named. A process of another user, or one that erased its environment in a library that did not
//! call [`adopt_strays`], is not found.
//!
//! All of this needs Linux and `/proc`. Elsewhere only the group is killed.

use std::io;
use std::time::Duration;

/// The environment variable with the token of the child from which a process descends.
pub(super) const TOKEN_VARIABLE: &str = "CHANLAB_CHILD";

/// The time in which killed processes have to disappear.
const GONE_TIMEOUT: Duration = Duration::from_secs(2);

/// Makes this program the parent of every process whose own parent has ended, so that none escapes it. For the
/// main function of a program that starts no process but by [`Supervised`](super::Supervised).
///
/// # Errors
///
/// When the system refuses. Where the system has nothing like it, this does nothing.
pub fn adopt_strays() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        nix::sys::prctl::set_child_subreaper(true)?;
        // Relaxed: it is set before the first child is started, and guards no other data.
        linux::ADOPTS.store(true, std::sync::atomic::Ordering::Relaxed);
    }
    Ok(())
}

#[cfg(target_os = "linux")]
pub(super) use self::linux::{Suspects, waited_for_processor};

#[cfg(not(target_os = "linux"))]
pub(super) use self::elsewhere::{Suspects, waited_for_processor};

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeSet;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::{Duration, Instant};

    use nix::sys::signal::{Signal, kill};
    use nix::sys::wait::{WaitPidFlag, waitpid};
    use nix::unistd::Pid;
    use procfs::process::{Process, Stat, all_processes};
    use records::rounds::Stray;

    use super::super::reaper::{self, REAPER_TOKEN};
    use super::{GONE_TIMEOUT, TOKEN_VARIABLE};

    /// Whether orphans become children of this process.
    pub(super) static ADOPTS: AtomicBool = AtomicBool::new(false);

    /// The longest command line of a stray that is kept, in characters.
    const MAX_COMMAND_LEN: usize = 200;

    /// A process, which its start distinguishes from a later one with its number.
    type Identity = (i32, u64);

    fn identity(stat: &Stat) -> Identity {
        (stat.pid, stat.starttime)
    }

    /// A snapshot of all processes; empty without `/proc`.
    fn processes() -> Vec<Stat> {
        all_processes().into_iter().flatten().filter_map(|process| process.ok()?.stat().ok()).collect()
    }

    /// `roots` and their descendants.
    fn with_descendants(all: &[Stat], roots: impl IntoIterator<Item = i32>) -> BTreeSet<i32> {
        let mut found: BTreeSet<i32> = roots.into_iter().collect();
        loop {
            let before = found.len();
            found.extend(
                all.iter().filter(|stat| found.contains(&stat.ppid)).map(|stat| stat.pid).collect::<Vec<_>>(),
            );
            if found.len() == before {
                return found;
            }
        }
    }

    fn token(id: i32) -> Option<String> {
        let environment = Process::new(id).ok()?.environ().ok()?;
        environment.get(TOKEN_VARIABLE.as_ref() as &std::ffi::OsStr)?.to_str().map(str::to_owned)
    }

    /// The processes that may become strays of a child, from just before its end.
    #[derive(Debug)]
    pub(in super::super) struct Suspects {
        leader: i32,
        token: String,
        /// When the child started; no process that descends from it is older.
        started: Option<u64>,
        descendants: BTreeSet<Identity>,
    }

    impl Suspects {
        /// Those of the child `leader`, which has not been reaped.
        pub(in super::super) fn of(leader: u32, token: String) -> Self {
            let leader = leader as i32;
            let all = processes();
            let tree = with_descendants(&all, [leader]);
            let own = |stat: &&Stat| tree.contains(&stat.pid) && stat.pid != leader;
            Suspects {
                leader,
                token,
                started: all.iter().find(|stat| stat.pid == leader).map(|stat| stat.starttime),
                descendants: all.iter().filter(own).map(identity).collect(),
            }
        }

        /// Kills them, until none is left, and returns those that had left the group. Called after the end of
        /// the child and its group, with the lock of the reaper, so that no other child is being started.
        pub(in super::super) fn end(self, alive: &reaper::Alive<'_>) -> Vec<Stray> {
            let (own, until) = (nix::unistd::getpid().as_raw(), Instant::now() + GONE_TIMEOUT);
            let mut strays: Vec<(Identity, Stray)> = Vec::new();
            loop {
                let all = processes();
                let remaining = self.remaining(&all, own, alive);
                if remaining.is_empty() || Instant::now() >= until {
                    return strays.into_iter().map(|(_, stray)| stray).collect();
                }
                for stat in remaining {
                    if stat.state == 'Z' {
                        // An adopted process that has ended. An error means that it is another's child.
                        let _ = waitpid(Pid::from_raw(stat.pid), Some(WaitPidFlag::WNOHANG));
                        continue;
                    }
                    let is_known = strays.iter().any(|(known, _)| *known == identity(stat));
                    if stat.pgrp != self.leader && !is_known {
                        let stray = Stray { id: stat.pid as u32, command: command(stat) };
                        strays.push((identity(stat), stray));
                    }
                    // Ignored: it may have just ended, or belong to another user.
                    let _ = kill(Pid::from_raw(stat.pid), Signal::SIGKILL);
                }
                thread::sleep(Duration::from_millis(1));
            }
        }

        fn remaining<'all>(&self, all: &'all [Stat], own: i32, alive: &reaper::Alive<'_>) -> Vec<&'all Stat> {
            // What belongs to a living child is looked after when that ends.
            let others = with_descendants(all, alive.leaders().map(|leader| leader as i32));
            let is_others = |stat: &Stat| {
                others.contains(&stat.pid) || alive.leaders().any(|leader| leader as i32 == stat.pgrp)
            };
            let adopts = ADOPTS.load(Ordering::Relaxed);
            let is_own = |stat: &Stat| {
                if stat.pid == own || is_others(stat) {
                    return false;
                }
                // A zombie has no environment any more, and only its parent can remove it.
                if stat.state == 'Z' {
                    return adopts && stat.ppid == own && !alive.is_reaper(stat.pid);
                }
                if stat.pgrp == self.leader || self.descendants.contains(&identity(stat)) {
                    return true;
                }
                if self.started.is_some_and(|started| stat.starttime < started) {
                    return false;
                }
                match token(stat.pid) {
                    Some(token) if token == self.token => true,
                    Some(token) if token == REAPER_TOKEN || alive.has_token(&token) => false,
                    _ => adopts && stat.ppid == own && !alive.is_reaper(stat.pid),
                }
            };
            let roots: Vec<i32> = all.iter().filter(|stat| is_own(stat)).map(|stat| stat.pid).collect();
            let tree = with_descendants(all, roots);
            all.iter().filter(|stat| tree.contains(&stat.pid) && !is_others(stat)).collect()
        }
    }

    fn command(stat: &Stat) -> String {
        let words = Process::new(stat.pid).and_then(|process| process.cmdline()).unwrap_or_default();
        let line = if words.is_empty() { format!("({})", stat.comm) } else { words.join(" ") };
        line.chars().take(MAX_COMMAND_LEN).collect()
    }

    /// How long the threads of a process group were ready to run and waited for a processor, all together, since
    /// they started; `None` where the system does not report it.
    ///
    /// Source: `/proc/PID/task/TID/schedstat` (Linux, `Documentation/scheduler/sched-stats.rst`).
    pub(in super::super) fn waited_for_processor(group: u32) -> Option<Duration> {
        let all = all_processes().ok()?.flatten();
        let members = all.filter(|process| process.stat().is_ok_and(|stat| stat.pgrp == group as i32));
        let tasks = members.filter_map(|process| process.tasks().ok()).flatten().flatten();
        let waits = tasks.filter_map(|task| Some(Duration::from_nanos(task.schedstat().ok()?.run_delay)));
        waits.reduce(|sum, wait| sum + wait)
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::time::Duration;

    use records::rounds::Stray;

    use super::super::reaper;

    #[derive(Debug)]
    pub(in super::super) struct Suspects;

    impl Suspects {
        pub(in super::super) fn of(_leader: u32, _token: String) -> Self {
            Suspects
        }

        pub(in super::super) fn end(self, _alive: &reaper::Alive<'_>) -> Vec<Stray> {
            Vec::new()
        }
    }

    pub(in super::super) fn waited_for_processor(_group: u32) -> Option<Duration> {
        None
    }
}
