//! `std::sync::Once`: a second thread that arrives while the first one runs the closure waits for a lock of the
//! model.

use std::fmt;

use super::atomic::{AtomicBool, Ordering};
use super::mutex::Mutex;

/// As std's.
pub struct Once {
    is_done: AtomicBool,
    /// Held while a closure runs; poisoned when that panicked.
    running: Mutex<()>,
}

/// As std's.
#[derive(Debug)]
pub struct OnceState {
    poisoned: bool,
}

impl OnceState {
    /// As std's.
    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }
}

impl Once {
    /// As std's.
    #[expect(clippy::new_without_default, reason = "std's has no default")]
    pub const fn new() -> Self {
        Once { is_done: AtomicBool::new(false), running: Mutex::new(()) }
    }

    /// As std's.
    ///
    /// # Panics
    ///
    /// When an earlier closure panicked.
    #[track_caller]
    pub fn call_once(&self, make: impl FnOnce()) {
        self.call("Once", false, |_| make());
    }

    /// As std's.
    #[track_caller]
    pub fn call_once_force(&self, make: impl FnOnce(&OnceState)) {
        self.call("Once", true, make);
    }

    /// As std's.
    #[track_caller]
    pub fn is_completed(&self) -> bool {
        self.is_done.load(Ordering::Acquire)
    }

    /// Runs `make`, unless a closure has run to its end. `what` names the primitive, should it be poisoned.
    #[track_caller]
    pub(super) fn call(&self, what: &str, ignores_poison: bool, make: impl FnOnce(&OnceState)) {
        if self.is_completed() {
            return;
        }
        let (held, poisoned) = match self.running.lock() {
            Ok(held) => (held, false),
            Err(poison) if ignores_poison => (poison.into_inner(), true),
            Err(_) => panic!("{what} instance has previously been poisoned"),
        };
        // The lock orders this after the closure of another thread.
        if self.is_done.load(Ordering::Relaxed) {
            return;
        }
        make(&OnceState { poisoned });
        self.is_done.store(true, Ordering::Release);
        self.running.clear_poison();
        drop(held);
    }

    /// Forgets that a closure has run, of a `static` whose value the end of the execution has dropped.
    pub(super) fn renew(&self) {
        self.is_done.store(false, Ordering::Relaxed);
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").finish_non_exhaustive()
    }
}
