//! How a group ends.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use crate::message::Tally;
use crate::meters::{Allocations, ThreadUsage};

/// Why the threads of a round did not all end well.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ThreadGroupError {
    /// Some threads had not ended when the deadline came.
    #[error("hung: after {} {} still had not ended", Seconds(*.waited), .threads.join(", "))]
    Hung {
        /// The round's deadline.
        waited: Duration,
        /// Their names.
        threads: Vec<String>,
    },
    /// A thread panicked.
    #[error("{thread} panicked: {message}")]
    Panicked {
        /// Its name.
        thread: String,
        /// What the panic said.
        message: String,
    },
    /// The machine gave no more threads: no failure of the channel.
    #[error("could not start {thread}: {message}")]
    NotStarted {
        /// Its name.
        thread: String,
        /// What the operating system said.
        message: String,
    },
    /// The threads could not be put where they were to be: no failure of the channel.
    #[error("not available here: {0}")]
    NotPlaced(String),
}

/// A duration in seconds, as people write it.
#[derive(Clone, Copy, Debug)]
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0.as_secs_f64())
    }
}

/// What the threads of a group have done together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupTotals {
    /// The messages that they, and the caller since [`ThreadGroup::new`](super::ThreadGroup::new), have dropped.
    pub dropped: Tally,
    /// What they have used from the barrier to their end; `None` where the system does not tell.
    pub usage: Option<ThreadUsage>,
    /// What they have allocated from the barrier to their end; `None` where nobody counts.
    pub allocations: Option<Allocations>,
}

/// What a panic said, for people.
pub fn panic_message(panic: &(dyn Any + Send)) -> String {
    if let Some(message) = panic.downcast_ref::<&str>() {
        (*message).to_owned()
    } else if let Some(message) = panic.downcast_ref::<String>() {
        message.clone()
    } else {
        "a panic without a message".to_owned()
    }
}
