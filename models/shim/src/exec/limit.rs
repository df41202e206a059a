//! Limits of the shim: a model that reaches one is cut, and has not failed.

use std::cell::Cell;
use std::fmt;

/// The prefix of the panic message when an execution reaches a limit. [`limit_reached`] says the same in a
/// type.
pub const TOO_LARGE: &str = "too large for what explores it";

/// A limit of the shim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// One execution used more primitives than the shim has loom atomics for.
    Primitives {
        /// The number of primitives that one execution may use.
        max: usize,
    },
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::Primitives { max } => write!(f, "more than {max} primitives"),
        }
    }
}

thread_local! {
    static REACHED: Cell<Option<Limit>> = const { Cell::new(None) };
}

pub(crate) fn begin() {
    REACHED.set(None);
}

/// The limit that ended the current execution of this thread; `None` if its panic, if any, is a failure of
/// the model.
///
/// A panic hook may call it: all threads of a model run on the thread that explores it.
pub fn limit_reached() -> Option<Limit> {
    REACHED.get()
}

/// Ends the execution, which has reached `limit`.
///
/// # Panics
///
/// Always; [`limit_reached`] then returns `limit`.
#[cfg(loom)]
pub(crate) fn reach(limit: Limit) -> ! {
    REACHED.set(Some(limit));
    panic!("{TOO_LARGE}: {limit}");
}
