//! The size of one round: its messages, its deadline, and the placement of its threads.

use std::time::Duration;

use crate::placement::Placement;

/// The default deadline of a round: a thousand times what a usual round takes.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// The factor by which a deadline is extended at most while threads wait for a processor.
pub const MAX_EXTENSION: u32 = 10;

/// The size of one round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// The messages to deliver. A workload may deliver a few less, so that its threads share them evenly.
    pub messages: u64,
    /// The round fails when it takes longer than this. Time in which its threads were ready to run and waited for
    /// a processor does not count, up to [`MAX_EXTENSION`] times the deadline in all.
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
