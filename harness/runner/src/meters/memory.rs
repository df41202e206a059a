//! The peak resident memory of this process.
//!
//! Source: `VmHWM` of `/proc/self/status` (Linux, proc(5)), the high-water mark of the resident set. Writing
//! `5` to `/proc/self/clear_refs` resets it to what is resident now. The kernel counts pages per processor
//! and sums them up occasionally, so the mark may lag by some hundred kilobytes. It covers the whole process:
//! the channel's queue, the messages in it, and the harness's own records.

use std::fs;

/// The file that resets the mark, and what to write to it.
const RESET: (&str, &str) = ("/proc/self/clear_refs", "5");

const KILOBYTE: u64 = 1024;

/// The peak resident memory in bytes, since the process started or since [`reset_peak`]; `None` where the
/// system does not report it.
pub fn peak() -> Option<u64> {
    high_water_mark(&fs::read_to_string("/proc/self/status").ok()?)
}

/// Resets the peak to what is resident now. Returns false where the system does not support it.
pub fn reset_peak() -> bool {
    fs::write(RESET.0, RESET.1).is_ok()
}

fn high_water_mark(status: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(KILOBYTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_converted_to_bytes() {
        let status = "Name:\tround\nVmPeak:\t  999 kB\nVmHWM:\t    1936 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(high_water_mark(status), Some(1936 * 1024));
        assert_eq!(high_water_mark("Name:\tround\n"), None);
        assert_eq!(high_water_mark("VmHWM:\t12\n"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_peak_includes_touched_memory_until_a_reset() {
        const LARGE: usize = 256 << 20;
        let block = std::hint::black_box(vec![1_u8; LARGE]);
        let with = peak().expect("Linux reports it");
        assert!(with >= LARGE as u64, "{with}");
        drop(block);
        assert!(peak().expect("Linux reports it") >= LARGE as u64, "freed memory stays in the peak");
        if reset_peak() {
            // The other tests of this program hold at most some megabytes.
            let without = peak().expect("Linux reports it");
            assert!(without < with - LARGE as u64 / 2, "{without} of {with}");
        }
    }
}
