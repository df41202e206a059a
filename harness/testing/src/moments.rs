//! Moments in the life of another process, at which a test stops it.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

/// The size of a file in bytes; 0 when it is not there.
pub fn size(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |data| data.len())
}

/// Waits until a file has grown by `more` bytes; false when the process has ended, or after `limit`.
///
/// # Panics
///
/// When the process cannot be asked whether it has ended.
pub fn grown(file: &Path, process: &mut Child, more: u64, limit: Duration) -> bool {
    let before = size(file);
    passed(process, limit, || size(file) >= before + more)
}

/// Waits until something holds; false when the process has ended, or after `limit`.
///
/// # Panics
///
/// When the process cannot be asked whether it has ended.
pub fn passed(process: &mut Child, limit: Duration, holds: impl Fn() -> bool) -> bool {
    let until = Instant::now() + limit;
    while !holds() {
        if process.try_wait().expect("it can be asked").is_some() || Instant::now() >= until {
            return false;
        }
        thread::yield_now();
    }
    true
}
