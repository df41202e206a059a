//! Hardware counters: what the processor did in the threads of a round.
//!
//! Cycles and instructions distinguish work from waiting; cache and branch misses show what slowed the work.
//! They count user mode only, which any program may do where `kernel.perf_event_paranoid` is at most 2; what
//! a round does in the kernel shows in its [`ThreadUsage`](workloads::meters::ThreadUsage). Virtual machines often have
//! no counters: then there is a reason, not a zero.
//!
//! They are opened once per process, by the thread that then runs the rounds, and every thread that it starts
//! inherits them (`inherit` of perf_event_open(2)). So they count from the start of a round's threads to
//! their join, the caller included. A group of counters could be read at once, but groups are not inherited
//! before Linux 6.13, so each counter is separate.

/// The number of occurrences of each event, by its name.
pub type EventCounts = std::collections::BTreeMap<&'static str, u64>;

/// The reason why no counters are available.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not supported: {0}")]
pub struct CountersUnavailable(String);

#[cfg(target_os = "linux")]
pub use self::linux::Counters;
#[cfg(not(target_os = "linux"))]
pub use self::none::Counters;

#[cfg(target_os = "linux")]
mod linux {
    use std::io;

    use nix::errno::Errno;
    use perf_event::events::{Event, Hardware};
    use perf_event::{Builder, Counter};

    use super::{CountersUnavailable, EventCounts};

    /// The hardware counters of the threads that the opening thread starts.
    #[derive(Debug)]
    pub struct Counters(Vec<(&'static str, Counter)>);

    impl Counters {
        /// Opens `cycles`, `instructions`, `cache-misses` and `branch-misses`, or those of them that the
        /// processor supports.
        ///
        /// # Errors
        ///
        /// [`CountersUnavailable`] when there are none, or this program may not read them.
        pub fn open() -> Result<Self, CountersUnavailable> {
            Counters::open_events(&[
                ("cycles", Hardware::CPU_CYCLES),
                ("instructions", Hardware::INSTRUCTIONS),
                ("cache-misses", Hardware::CACHE_MISSES),
                ("branch-misses", Hardware::BRANCH_MISSES),
            ])
        }

        fn open_events<E: Event + Copy>(events: &[(&'static str, E)]) -> Result<Self, CountersUnavailable> {
            let mut counters = Vec::with_capacity(events.len());
            let mut refused = None;
            for &(name, event) in events {
                match Builder::new(event).inherit(true).build() {
                    Ok(counter) => counters.push((name, counter)),
                    Err(error) => refused = refused.or(Some(error)),
                }
            }
            match refused {
                Some(error) if counters.is_empty() => Err(CountersUnavailable(in_words(&error))),
                _ => Ok(Counters(counters)),
            }
        }

        /// EventCounts while `round` runs, which must start its threads from this thread. A counter that shared
        /// its hardware with others is scaled up to the whole time; one that could not be read, or never ran,
        /// is omitted.
        pub fn around<T>(&mut self, round: impl FnOnce() -> T) -> (T, EventCounts) {
            // A reset does not remove ended threads from an inherited counter, so differences are taken.
            let before: Vec<_> = self.0.iter_mut().map(|(_, counter)| Reading::take(counter)).collect();
            for (_, counter) in &mut self.0 {
                // A counter that fails to start has not run, so it is omitted below.
                let _ = counter.enable();
            }
            let result = round();
            for (_, counter) in &mut self.0 {
                let _ = counter.disable();
            }
            let counts = self.0.iter_mut().zip(before).filter_map(|((name, counter), before)| {
                Some((*name, Reading::take(counter)?.since(before?)?))
            });
            (result, counts.collect())
        }
    }

    /// The value of a counter, and the times for which it was enabled and for which it ran on the hardware,
    /// in nanoseconds.
    #[derive(Clone, Copy, Debug)]
    struct Reading {
        count: u64,
        enabled: u64,
        running: u64,
    }

    impl Reading {
        fn take(counter: &mut Counter) -> Option<Self> {
            let all = counter.read_count_and_time().ok()?;
            Some(Reading { count: all.count, enabled: all.time_enabled, running: all.time_running })
        }

        /// The count since `earlier`; `None` if the counter has not run.
        fn since(self, earlier: Reading) -> Option<u64> {
            let running = self.running.checked_sub(earlier.running).filter(|&time| time > 0)?;
            let enabled = self.enabled.checked_sub(earlier.enabled)?;
            let count = self.count.checked_sub(earlier.count)?;
            // Scaled as in perf-stat(1).
            u64::try_from(u128::from(count) * u128::from(enabled.max(running)) / u128::from(running)).ok()
        }
    }

    fn in_words(error: &io::Error) -> String {
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOENT | Errno::ENODEV | Errno::EOPNOTSUPP) => {
                "this machine has no hardware counters for its programs; virtual machines often have none".to_owned()
            }
            Some(Errno::EACCES | Errno::EPERM) => {
                "this program may not read hardware counters (kernel.perf_event_paranoid is above 2, or a container \
                 forbids it)"
                    .to_owned()
            }
            _ => format!("the system gave no hardware counters ({error})"),
        }
    }

    #[cfg(test)]
    mod tests {
        use std::thread;

        use perf_event::events::Software;

        use super::*;

        /// Software events exist where hardware counters do not, and are inherited in the same way.
        #[test]
        fn only_the_threads_of_a_round_are_counted() {
            // This many faults even with pages of 2 MiB, the largest that a system uses by default.
            const FAULTS: u64 = 32;
            const LARGE: usize = (2 << 20) * FAULTS as usize;
            let touch = || {
                let touching = || drop(std::hint::black_box(vec![1_u8; LARGE]));
                thread::spawn(touching).join().expect("the thread ends");
            };
            let mut counters = match Counters::open_events(&[("faults", Software::PAGE_FAULTS)]) {
                Ok(counters) => counters,
                // A container may forbid even software events.
                Err(error) => return println!("{error}"),
            };
            touch();
            let ((), round) = counters.around(touch);
            touch();
            let ((), empty) = counters.around(|| ());
            let ((), again) = counters.around(touch);
            assert!(round["faults"] >= FAULTS && again["faults"] >= FAULTS, "{round:?}, {again:?}");
            assert!(empty.get("faults").is_none_or(|&faults| faults < FAULTS), "{empty:?}");
        }

        #[test]
        fn a_counter_that_shared_its_hardware_is_scaled() {
            let at = |count, enabled, running| Reading { count, enabled, running };
            assert_eq!(at(150, 300, 200).since(at(50, 100, 100)), Some(200));
            assert_eq!(at(150, 200, 200).since(at(50, 100, 100)), Some(100));
            assert_eq!(at(50, 200, 100).since(at(50, 100, 100)), None);
        }

        #[test]
        fn unavailable_counters_have_a_reason_in_words() {
            match Counters::open() {
                Ok(mut counters) => {
                    let ((), counts) = counters.around(|| workloads::work::work(1_000_000));
                    assert!(counts.get("instructions").is_none_or(|&count| count > 1_000_000), "{counts:?}");
                }
                Err(error) => assert!(error.to_string().starts_with("not supported: "), "{error}"),
            }
            let missing = in_words(&io::Error::from(Errno::ENOENT));
            assert!(missing.starts_with("this machine has no hardware counters"), "{missing}");
            let forbidden = in_words(&io::Error::from(Errno::EACCES));
            assert!(forbidden.contains("perf_event_paranoid"), "{forbidden}");
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod none {
    use super::{CountersUnavailable, EventCounts};

    /// The hardware counters of a system that exposes none.
    #[derive(Debug)]
    pub enum Counters {}

    impl Counters {
        /// # Errors
        ///
        /// [`CountersUnavailable`], always.
        pub fn open() -> Result<Self, CountersUnavailable> {
            Err(CountersUnavailable("hardware counters are read on Linux only".to_owned()))
        }

        /// Never called, since no value of this type exists.
        pub fn around<T>(&mut self, _: impl FnOnce() -> T) -> (T, EventCounts) {
            match *self {}
        }
    }
}
