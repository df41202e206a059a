//! The size of one round: its messages, its deadline, and the placement of its threads.

use std::time::Duration;

use crate::placement::Placement;

/// The default deadline of a round, in wall time: a thousand times what a usual round takes.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// The size of one round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// The messages to deliver. A workload may deliver a few less, so that its threads share them evenly.
    pub messages: u64,
    /// The round fails when it takes longer than this, in wall time.
    pub deadline: Duration,
    /// The processors that its threads run on.
    pub placement: Placement,
}

impl Size {
    /// A round of `messages` messages within [`DEADLINE`], its threads placed by the system.
    pub fn with_messages(messages: u64) -> Self {
        Size { messages, deadline: DEADLINE, placement: Placement::Any }
    }
}
