//! Deadlines that count the time in which a process could run.
//!
//! On a machine with a load of 17 a correct round takes many times as long as alone. So the time that the
//! threads of a process were ready and waited for a processor does not count, within a bound: a process that
//! spins for ever on such a machine hangs all the same.

use std::time::{Duration, Instant};

use workloads::workload::MAX_EXTENSION;

use super::Supervised;

/// The age at which a wait is worth the reading of `/proc`.
const LOOK_AFTER: Duration = Duration::from_millis(100);

/// The shortest time that is left, so that a caller does not poll `/proc` without a pause.
const MIN_LEFT: Duration = Duration::from_millis(10);

/// A deadline for what a process does from now on.
#[derive(Debug)]
pub struct Deadline {
    began: Instant,
    limit: Duration,
    /// How long the threads of the process had waited for a processor when this was first known.
    before: Option<Duration>,
}

impl Deadline {
    /// A deadline after `limit`, which waits for a processor may multiply by at most [`MAX_EXTENSION`].
    pub fn new(limit: Duration) -> Self {
        Deadline { began: Instant::now(), limit, before: None }
    }

    /// The time that is left for `process`; zero when the deadline is over. To be asked about every 100 ms.
    pub fn left(&mut self, process: &Supervised) -> Duration {
        let elapsed = self.began.elapsed();
        if self.before.is_none() && elapsed >= LOOK_AFTER {
            self.before = process.waited_for_processor();
        }
        match self.limit.saturating_sub(elapsed) {
            Duration::ZERO => {}
            left => return left,
        }
        let waited = process.waited_for_processor().unwrap_or_default();
        let left = extended(self.limit, waited.saturating_sub(self.before.unwrap_or_default()));
        match left.saturating_sub(elapsed) {
            Duration::ZERO => Duration::ZERO,
            left => left.max(MIN_LEFT),
        }
    }

    /// The time since the start.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// The words for a deadline that is over: how long was waited, and why longer than asked for.
    pub fn words(&self) -> String {
        let (limit, elapsed) = (self.limit.as_secs_f64(), self.elapsed());
        // An extension by less than a tenth is not worth a number.
        if elapsed < self.limit.mul_f64(1.1) + LOOK_AFTER {
            return format!("{limit} s");
        }
        format!(
            "{limit} s, extended to {:.1} s because its threads waited for a processor",
            elapsed.as_secs_f64()
        )
    }
}

/// A limit to which a wait for a processor is added.
fn extended(limit: Duration, waited: Duration) -> Duration {
    limit.saturating_add(waited).min(limit.saturating_mul(MAX_EXTENSION))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::Streams;
    use super::*;

    #[test]
    fn an_extension_is_bounded() {
        let second = Duration::from_secs(1);
        assert_eq!(extended(second, Duration::ZERO), second);
        assert_eq!(extended(second, second / 2), second * 3 / 2);
        assert_eq!(extended(second, second * 100), second * 10);
    }

    #[test]
    fn a_process_that_sleeps_gets_no_more_time() {
        let mut sleep = Command::new("sleep");
        sleep.arg("1000");
        let process = Supervised::start(sleep, Streams::Collect).expect("it starts");
        let limit = Duration::from_millis(300);
        let mut deadline = Deadline::new(limit);
        loop {
            match deadline.left(&process) {
                Duration::ZERO => break,
                left => std::thread::park_timeout(left.min(LOOK_AFTER)),
            }
            assert!(deadline.elapsed() < limit * 4, "a sleeping process waits for no processor");
        }
        assert!(deadline.elapsed() >= limit);
    }
}
