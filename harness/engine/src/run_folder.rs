//! The folder of a run belongs to one process while rounds are written into it.
//!
//! A lock of the file [`LOCK_FILE`] says so. The system releases it when the process ends, however that
//! happens, so no lock outlives a `kill -9`. The file holds the number of the process for those that are
//! refused.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// The locked file in the folder of a run.
pub const LOCK_FILE: &str = "run.lock";

/// The time after which a lock counts as held: [`writer`] locks a file for an instant to learn whether it is.
const PROBE_TIME: Duration = Duration::from_millis(200);

/// The interval between two attempts.
const RETRY_INTERVAL: Duration = Duration::from_millis(5);

/// A folder into which only this process writes rounds, until this is dropped.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    lock: File,
}

/// Why a folder cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("{} is still measuring the run in {}: wait for its end, or stop it", of(*.process), folder.display())]
    Held {
        /// The folder.
        folder: PathBuf,
        /// The process, if it is known.
        process: Option<u32>,
    },
    /// The folder cannot be made.
    #[error("cannot make the folder {}: {error}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file cannot be made or locked.
    #[error("cannot lock {}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

fn of(process: Option<u32>) -> String {
    process.map_or_else(|| "another process".to_owned(), |process| format!("process {process}"))
}

/// A process that writes rounds into a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Writer {
    /// Its number, if it is known.
    pub process: Option<u32>,
}

impl RunFolder {
    /// Locks a folder, which is made if it does not exist.
    ///
    /// # Errors
    ///
    /// [`LockError`].
    pub fn lock(path: &Path) -> Result<Self, LockError> {
        let file = path.join(LOCK_FILE);
        let cannot = |error| LockError::File { path: file.clone(), error };
        fs::create_dir_all(path).map_err(|error| LockError::Folder { path: path.to_owned(), error })?;
        // Not truncated: it may hold the number of the process that has it.
        let options = File::options().read(true).write(true).create(true).truncate(false).open(&file);
        let mut lock = options.map_err(cannot)?;
        let began = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if began.elapsed() < PROBE_TIME => {
                    thread::sleep(RETRY_INTERVAL)
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(LockError::Held { folder: path.to_owned(), process: named(&mut lock) });
                }
                Err(TryLockError::Error(error)) => return Err(cannot(error)),
            }
        }
        lock.set_len(0).and_then(|()| writeln!(lock, "{}", process::id())).map_err(cannot)?;
        Ok(RunFolder { path: path.to_owned(), lock })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        // Ignored: the number of a process that has ended is not believed.
        let _ = self.lock.set_len(0);
    }
}

/// The process that writes rounds into a folder at this moment; `None` when there is none, or it is this one.
/// Nothing is changed, and the folder may be read-only.
pub fn writer(folder: &Path) -> Option<Writer> {
    let mut file = File::open(folder.join(LOCK_FILE)).ok()?;
    // Shared, so that two readers do not take each other for a writer. It ends with this function.
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {
            let process = named(&mut file);
            (process != Some(process::id())).then_some(Writer { process })
        }
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

/// The live process that a lock file names.
fn named(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().and_then(|()| file.take(32).read_to_string(&mut text)).ok()?;
    let process: i32 = text.trim().parse().ok().filter(|process| *process > 0)?;
    // Without a signal this only asks whether the process exists. One of another user does.
    matches!(kill(Pid::from_raw(process), None), Ok(()) | Err(Errno::EPERM)).then_some(process as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_belongs_to_one_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run");
        assert_eq!(writer(&path), None);
        let own = RunFolder::lock(&path).expect("free");
        // A lock belongs to an open file, so the same process is refused like any other.
        let refused = RunFolder::lock(&path).expect_err("held").to_string();
        let process = process::id();
        let expected = format!(
            "process {process} is still measuring the run in {}: wait for its end, or stop it",
            path.display()
        );
        assert_eq!(refused, expected);
        assert_eq!(writer(&path), None, "it is this process");
        drop(own);
        drop(RunFolder::lock(&path).expect("free again"));
    }

    #[test]
    fn a_number_that_is_no_live_process_is_not_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let own = RunFolder::lock(folder.path()).expect("free");
        for text in ["", "no number\n", "-1\n", "0\n", "2147483647\n"] {
            fs::write(folder.path().join(LOCK_FILE), text).expect("written");
            let error = RunFolder::lock(folder.path()).expect_err("held").to_string();
            assert!(error.starts_with("another process is still measuring"), "{text}: {error}");
            assert_eq!(writer(folder.path()), Some(Writer { process: None }), "{text}");
        }
        drop(own);
        assert_eq!(writer(folder.path()), None);
    }

    #[test]
    fn readers_do_not_keep_a_writer_out() {
        let folder = tempfile::tempdir().expect("a folder");
        drop(RunFolder::lock(folder.path()).expect("free"));
        thread::scope(|scope| {
            let reader = scope.spawn(|| (0..2_000).filter_map(|_| writer(folder.path())).count());
            while !reader.is_finished() {
                RunFolder::lock(folder.path()).expect("only readers are there");
            }
        });
    }
}
