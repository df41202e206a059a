//! How long threads wait for a processor.

use std::time::Duration;

/// The system's number of a thread; `None` where only Linux's are known.
pub(crate) type ThreadId = Option<i32>;

/// The number of the calling thread.
pub(crate) fn this_thread() -> ThreadId {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: `gettid` has no arguments and always succeeds.
        Some(unsafe { nix::libc::gettid() })
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// How long these threads of this process were ready to run and waited for a processor, all together, since they
/// started; zero where the system does not report it. A thread that has ended is not counted.
///
/// Source: the second number of `/proc/self/task/TID/schedstat` (Linux,
/// `Documentation/scheduler/sched-stats.rst`).
pub(crate) fn waited_for_processor(threads: &[ThreadId]) -> Duration {
    let read = |thread: &i32| std::fs::read_to_string(format!("/proc/self/task/{thread}/schedstat"));
    threads.iter().flatten().filter_map(|thread| wait(&read(thread).ok()?)).sum()
}

fn wait(schedstat: &str) -> Option<Duration> {
    Some(Duration::from_nanos(schedstat.split_whitespace().nth(1)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_the_second_number() {
        assert_eq!(wait("8310000 1500 12\n"), Some(Duration::from_nanos(1_500)));
        assert_eq!(wait("\n"), None);
        assert_eq!(waited_for_processor(&[None]), Duration::ZERO);
    }
}
