//! How steady the machine is: what slows every channel alike, and so explains a round that no channel explains.
//!
//! These are read beside a round and not in it. [`spin`] sees a processor that is slower than before, for whatever reason;
//! [`steal`] and [`frequency`] are two of the reasons.

use std::fs;
use std::time::{Duration, Instant};

use crate::workload::work;

/// Steps of [`work`] in a [`spin`]: about 50 us at 2.6 GHz, long beside a look at the clock and short beside a round.
const SPIN_STEPS: u64 = 33_000;

/// The time that a fixed piece of integer work takes now, on the calling thread. It touches no memory but its own
/// stack, so that it tells of the processor alone; what is compared is one spin with another of the same build and machine.
pub fn spin() -> Duration {
    let began = Instant::now();
    work(SPIN_STEPS);
    began.elapsed()
}

/// The time that all processors of this machine together would have run and another guest of the same host did, since the
/// machine started: in steps of the system's clock tick, usually 10 ms. `None` where the system does not tell.
///
/// Source: the eighth number of the first line of `/proc/stat` (Linux, proc(5)).
pub fn steal() -> Option<Duration> {
    stolen_ticks(&fs::read_to_string("/proc/stat").ok()?)?.checked_mul(tick_ns()?).map(Duration::from_nanos)
}

fn stolen_ticks(stat: &str) -> Option<u64> {
    let all = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    all.split_whitespace().nth(7)?.parse().ok()
}

/// The length of a tick of `/proc`'s times, in nanoseconds.
#[cfg(unix)]
fn tick_ns() -> Option<u64> {
    use nix::unistd::{SysconfVar, sysconf};

    let ticks_in_a_second = u64::try_from(sysconf(SysconfVar::CLK_TCK).ok()??).ok()?;
    1_000_000_000_u64.checked_div(ticks_in_a_second)
}

#[cfg(not(unix))]
fn tick_ns() -> Option<u64> {
    None
}

/// The frequency at which the processors run now, in Hz, their mean; `None` where the system does not tell. Of a virtual machine it
/// is often a constant.
///
/// Source: `scaling_cur_freq` of each processor (`Documentation/admin-guide/pm/cpufreq.rst` of Linux), else the lines `cpu MHz` of
/// `/proc/cpuinfo`.
pub fn frequency() -> Option<f64> {
    mean(scaling_frequencies())
        .or_else(|| mean(listed_frequencies(&fs::read_to_string("/proc/cpuinfo").ok()?)))
}

fn scaling_frequencies() -> Vec<f64> {
    let processors = fs::read_dir("/sys/devices/system/cpu").into_iter().flatten().flatten();
    processors
        .filter_map(|processor| fs::read_to_string(processor.path().join("cpufreq/scaling_cur_freq")).ok())
        .filter_map(|kilohertz| Some(kilohertz.trim().parse::<f64>().ok()? * 1e3))
        .collect()
}

fn listed_frequencies(cpuinfo: &str) -> Vec<f64> {
    cpuinfo
        .lines()
        .filter_map(|line| line.split_once(':').filter(|(name, _)| name.trim() == "cpu MHz"))
        .filter_map(|(_, megahertz)| Some(megahertz.trim().parse::<f64>().ok()? * 1e6))
        .collect()
}

fn mean(numbers: Vec<f64>) -> Option<f64> {
    (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / numbers.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steal_is_that_of_all_processors() {
        let stat = "cpu  323866 0 33714 173807 1160 0 116 92 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n";
        assert_eq!(stolen_ticks(stat), Some(92));
        // Before Linux 2.6.11 there was no eighth number.
        assert_eq!(stolen_ticks("cpu  1 2 3 4 5 6 7\n"), None);
    }

    #[test]
    fn the_frequency_is_the_mean_of_those_listed() {
        let cpuinfo = "processor\t: 0\ncpu MHz\t\t: 2600.000\n\nprocessor\t: 1\ncpu MHz\t\t: 2000.500\n";
        assert_eq!(mean(listed_frequencies(cpuinfo)), Some(2_300_250_000.0));
        assert_eq!(mean(listed_frequencies("model name\t: x\n")), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn linux_tells_of_steal() {
        let earlier = steal().expect("Linux tells");
        assert!(steal().expect("Linux tells") >= earlier);
    }

    #[test]
    fn a_spin_takes_time() {
        assert!(!spin().is_zero());
    }
}
