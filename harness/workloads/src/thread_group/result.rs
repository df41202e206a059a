//! How a thread group ends: its totals, or the error of one of its threads.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use crate::message::Tally;
use crate::meters::{Allocations, ThreadUsage};

/// Why the threads of a round did not all end well.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ThreadGroupError {
    /// Some threads were still running at the deadline.
    #[error("hung: after {} {} still had not ended", Seconds(*.waited), .threads.join(", "))]
    Hung {
        /// The round's deadline, or the longer time that it was extended to.
        waited: Duration,
        /// The names of these threads.
        threads: Vec<String>,
    },
    /// A thread panicked.
    #[error("{thread} panicked: {message}")]
    Panicked {
        /// The thread's name.
        thread: String,
        /// The message of the panic.
        message: String,
    },
    /// The system refused to start a thread, which is not the channel's failure.
    #[error("could not start {thread}: {message}")]
    NotStarted {
        /// The thread's name.
        thread: String,
        /// The system's error.
        message: String,
    },
    /// The threads could not be placed as requested, which is not the channel's failure.
    #[error("not available here: {0}")]
    NotPlaced(String),
}

/// Displays a duration in seconds, with as many decimals as it needs.
#[derive(Clone, Copy, Debug)]
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0.as_secs_f64())
    }
}

/// The totals over all threads of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupTotals {
    /// The messages dropped by these threads, and by the caller since
    /// [`ThreadGroup::new`](super::ThreadGroup::new).
    pub dropped: Tally,
    /// The usage from the start barrier to the end of each thread; `None` where the system does not report
    /// it.
    pub usage: Option<ThreadUsage>,
    /// The allocations from the start barrier to the end of each thread; `None` while they are not counted.
    pub allocations: Option<Allocations>,
}

/// The message of a panic.
pub fn panic_message(panic: &(dyn Any + Send)) -> String {
    if let Some(message) = panic.downcast_ref::<&str>() {
        (*message).to_owned()
    } else if let Some(message) = panic.downcast_ref::<String>() {
        message.clone()
    } else {
        "a panic without a message".to_owned()
    }
}
