//! Random sequences of operations on one thread, each answer held against a model of a queue with two kinds of handles.

use super::{Outcome, Task};
use crate::channel::Channel;

/// Verifies the channel `C`.
pub fn verify<C: Channel>(_task: &Task, _begins: &mut dyn FnMut(u64)) -> Outcome {
    Outcome::Unsupported { reason: "not built yet".to_owned() }
}
