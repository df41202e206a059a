//! The noise of the machine: what slows every channel alike, and so explains an outlier that no channel
//! explains.
//!
//! These meters are read around a round, not in it. [`spin`] shows a processor that is slower than before,
//! for any reason; [`steal`] and [`frequency`] are two of the reasons.

use std::fs;
use std::time::{Duration, Instant};

use workloads::work::work;

/// Steps of [`work`] in a [`spin`]: about 50 us at 2.6 GHz, long compared with a clock reading and short
/// compared with a round.
const SPIN_STEPS: u64 = 33_000;

/// The time that a fixed amount of integer work takes now, on the calling thread. It touches only its own
/// stack, so it shows the speed of the processor alone. Spins of the same build on the same machine are
/// comparable.
pub fn spin() -> Duration {
    let began = Instant::now();
    work(SPIN_STEPS);
    began.elapsed()
}

/// The time during which the processors of this machine were ready to run but the host ran another guest,
/// summed over all processors since the machine started. Its resolution is the system's clock tick, usually
/// 10 ms. `None` where the system does not report it.
///
/// Source: the eighth number of the first line of `/proc/stat` (Linux, proc(5)).
pub fn steal() -> Option<Duration> {
    stolen_ticks(&fs::read_to_string("/proc/stat").ok()?)?.checked_mul(tick_ns()?).map(Duration::from_nanos)
}

fn stolen_ticks(stat: &str) -> Option<u64> {
    let all = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    all.split_whitespace().nth(7)?.parse().ok()
}

/// The clock tick of the times in `/proc`, in nanoseconds.
fn tick_ns() -> Option<u64> {
    use nix::unistd::{SysconfVar, sysconf};

    let ticks_in_a_second = u64::try_from(sysconf(SysconfVar::CLK_TCK).ok()??).ok()?;
    1_000_000_000_u64.checked_div(ticks_in_a_second)
}

/// The mean of the processors' current frequencies, in Hz; `None` where the system does not report it. On a
/// virtual machine it is often a constant.
///
/// Source: `scaling_cur_freq` of each processor (`Documentation/admin-guide/pm/cpufreq.rst` of Linux),
/// otherwise the lines `cpu MHz` of `/proc/cpuinfo`.
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

/// The mean of the numbers above zero: a system that does not know a frequency may report zero.
fn mean(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.retain(|number| *number > 0.0);
    (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / numbers.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steal_is_summed_over_all_processors() {
        let stat = "cpu  323866 0 33714 173807 1160 0 116 92 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n";
        assert_eq!(stolen_ticks(stat), Some(92));
        // The eighth number exists since Linux 2.6.11.
        assert_eq!(stolen_ticks("cpu  1 2 3 4 5 6 7\n"), None);
    }

    #[test]
    fn the_frequency_is_the_mean_over_processors() {
        let cpuinfo = "processor\t: 0\ncpu MHz\t\t: 2600.000\n\nprocessor\t: 1\ncpu MHz\t\t: 2000.500\n";
        assert_eq!(mean(listed_frequencies(cpuinfo)), Some(2_300_250_000.0));
        assert_eq!(mean(listed_frequencies("model name\t: x\n")), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn linux_reports_steal() {
        let earlier = steal().expect("Linux reports it");
        assert!(steal().expect("Linux reports it") >= earlier);
    }

    #[test]
    fn a_spin_takes_time() {
        assert!(!spin().is_zero());
    }
}
