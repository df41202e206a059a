//! The interface for the program that explores a model: run one execution, then ask what happened in it.

pub use crate::exec::execution::execution;
pub use crate::exec::limit::Limit;
pub use crate::exec::locals::end as end_thread;
pub use crate::exec::tasks::{TimedWaits, timed_waits};
pub use crate::exec::trace::{Observer, Step, draw, schedule};
