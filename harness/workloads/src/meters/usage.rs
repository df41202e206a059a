//! The processor time and the context switches of threads.
//!
//! Wall time alone hides spinning. Each thread of a round reads the system's account of itself when it leaves
//! the start barrier and when it ends; the difference belongs to the round.

use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};

/// The processor time and context switches of one or more threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadUsage {
    /// Processor time in user mode, in nanoseconds.
    pub user_ns: u64,
    /// Processor time in the kernel, in nanoseconds.
    pub system_ns: u64,
    /// Context switches of threads that waited.
    pub voluntary: u64,
    /// Context switches of threads that could have continued.
    pub involuntary: u64,
}

impl ThreadUsage {
    /// User and system time, in nanoseconds.
    pub fn cpu_ns(&self) -> u64 {
        self.user_ns + self.system_ns
    }

    /// The usage of the calling thread since it started; `None` where the system does not report it.
    #[cfg(target_os = "linux")]
    pub fn of_this_thread() -> Option<Self> {
        use nix::sys::resource::{UsageWho, getrusage};
        use nix::sys::time::TimeValLike;

        let usage = getrusage(UsageWho::RUSAGE_THREAD).ok()?;
        let nanos = |time: nix::sys::time::TimeVal| u64::try_from(time.num_nanoseconds()).unwrap_or(0);
        let count = |switches: std::ffi::c_long| u64::try_from(switches).unwrap_or(0);
        Some(ThreadUsage {
            user_ns: nanos(usage.user_time()),
            system_ns: nanos(usage.system_time()),
            voluntary: count(usage.voluntary_context_switches()),
            involuntary: count(usage.involuntary_context_switches()),
        })
    }

    /// The usage of the calling thread since it started; `None` where the system does not report it.
    #[cfg(not(target_os = "linux"))]
    pub fn of_this_thread() -> Option<Self> {
        None
    }
}

impl Add for ThreadUsage {
    type Output = ThreadUsage;

    fn add(self, other: ThreadUsage) -> ThreadUsage {
        ThreadUsage {
            user_ns: self.user_ns + other.user_ns,
            system_ns: self.system_ns + other.system_ns,
            voluntary: self.voluntary + other.voluntary,
            involuntary: self.involuntary + other.involuntary,
        }
    }
}

impl AddAssign for ThreadUsage {
    fn add_assign(&mut self, other: ThreadUsage) {
        *self = *self + other;
    }
}

impl Sub for ThreadUsage {
    type Output = ThreadUsage;

    /// The usage since `earlier`. The split into user and system time is the kernel's estimate and may step
    /// back.
    fn sub(self, earlier: ThreadUsage) -> ThreadUsage {
        ThreadUsage {
            user_ns: self.user_ns.saturating_sub(earlier.user_ns),
            system_ns: self.system_ns.saturating_sub(earlier.system_ns),
            voluntary: self.voluntary.saturating_sub(earlier.voluntary),
            involuntary: self.involuntary.saturating_sub(earlier.involuntary),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn work_counts_as_user_time_and_a_wait_as_a_switch() {
        let before = ThreadUsage::of_this_thread().expect("Linux reports it");
        // Repeats until the kernel's account moves; its resolution is a nanosecond, or a tick of some
        // milliseconds.
        while (ThreadUsage::of_this_thread().expect("Linux reports it") - before).user_ns == 0 {
            crate::work::work(100_000);
        }
        let before = ThreadUsage::of_this_thread().expect("Linux reports it");
        // Repeats until this thread waits; on a busy machine the message may be there first.
        while (ThreadUsage::of_this_thread().expect("Linux reports it") - before).voluntary == 0 {
            let (sender, receiver) = std::sync::mpsc::channel();
            let other = std::thread::spawn(move || {
                crate::work::work(1_000_000);
                sender.send(()).expect("the receiver is open");
            });
            receiver.recv().expect("the sender sends");
            other.join().expect("the thread ends");
        }
    }
}
