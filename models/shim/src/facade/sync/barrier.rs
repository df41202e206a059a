//! `std::sync::Barrier`, on the model's lock and condition variable.

use std::fmt;

use super::condvar::Condvar;
use super::mutex::Mutex;

/// As std's.
pub struct Barrier {
    state: Mutex<State>,
    passed: Condvar,
    threads: usize,
}

#[derive(Default)]
struct State {
    waiting: usize,
    generation: usize,
}

/// As std's.
#[derive(Debug)]
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// As std's.
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

impl Barrier {
    /// As std's.
    pub const fn new(threads: usize) -> Self {
        Barrier { state: Mutex::new(State { waiting: 0, generation: 0 }), passed: Condvar::new(), threads }
    }

    /// As std's.
    ///
    /// # Panics
    ///
    /// Never: nothing panics while the lock is held.
    #[track_caller]
    pub fn wait(&self) -> BarrierWaitResult {
        let mut state = self.state.lock().expect("no thread panics while it holds the lock");
        let generation = state.generation;
        state.waiting += 1;
        if state.waiting < self.threads {
            while state.generation == generation {
                state = self.passed.wait(state).expect("no thread panics while it holds the lock");
            }
            return BarrierWaitResult(false);
        }
        *state = State { waiting: 0, generation: generation.wrapping_add(1) };
        self.passed.notify_all();
        BarrierWaitResult(true)
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier").finish_non_exhaustive()
    }
}
