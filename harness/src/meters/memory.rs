//! The most memory that this process had resident.
//!
//! Source: `VmHWM` of `/proc/self/status` (Linux, proc(5)), the high-water mark of the resident set; a `5` written to
//! `/proc/self/clear_refs` sets it back to what is resident now. The kernel counts pages for each processor apart and adds them up
//! now and then, so the mark may be some hundred kilobytes behind. It is of the whole process: the channel's queue, the
//! messages in it, and the harness's own records.

use std::fs;

/// The file that `5`, written into it, resets the mark.
const RESET: (&str, &str) = ("/proc/self/clear_refs", "5");

const KILOBYTE: u64 = 1024;

/// The most bytes that this process had resident since it started, or since [`reset_peak`]; `None` where the system does
/// not tell.
pub fn peak() -> Option<u64> {
    high_water_mark(&fs::read_to_string("/proc/self/status").ok()?)
}

/// Sets the peak back to what is resident now; false where the system does not do that.
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
    fn the_mark_is_read_in_bytes() {
        let status = "Name:\tround\nVmPeak:\t  999 kB\nVmHWM:\t    1936 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(high_water_mark(status), Some(1936 * 1024));
        assert_eq!(high_water_mark("Name:\tround\n"), None);
        assert_eq!(high_water_mark("VmHWM:\t12\n"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_peak_holds_what_was_touched_and_a_reset_forgets_it() {
        const LARGE: usize = 256 << 20;
        let block = std::hint::black_box(vec![1_u8; LARGE]);
        let with = peak().expect("Linux tells");
        assert!(with >= LARGE as u64, "{with}");
        drop(block);
        assert!(peak().expect("Linux tells") >= LARGE as u64, "what was freed stays in the peak");
        if reset_peak() {
            // The other tests of this program hold some megabytes at most.
            let without = peak().expect("Linux tells");
            assert!(without < with - LARGE as u64 / 2, "{without} of {with}");
        }
    }
}
