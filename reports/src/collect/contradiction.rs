//! How the lines of a run can contradict its plan, or each other.

use std::ops::RangeInclusive;

use records::checksum::Checksum;

/// A contradiction. [`crate::render::problems`] words it.
#[derive(Clone, Debug, PartialEq)]
pub enum Contradiction {
    /// The first line names another plan.
    OtherPlan {
        /// The checksum that it names.
        named: Checksum,
        /// The checksum of the plan.
        computed: Checksum,
    },
    /// A line does not follow the line before it: lines were lost, moved or written twice.
    Unlinked,
    /// A line is the same as an earlier one.
    Repeated {
        /// The line of the first.
        first: usize,
    },
    /// Two rounds have the same place, with different values.
    PlaceTwice {
        /// Where they are.
        at: RoundPlace,
        /// The line of the first.
        first: usize,
    },
    /// The plan has no such group.
    UnknownGroup {
        /// The number in the line.
        group: usize,
        /// The groups of the plan.
        of: usize,
    },
    /// The plan has no such entry.
    UnknownEntry {
        /// The number in the line.
        entry: usize,
        /// The entries of the plan.
        of: usize,
    },
    /// The plan has no such epoch.
    UnknownEpoch {
        /// The number in the line.
        epoch: u32,
        /// The most epochs of the plan.
        of: u32,
    },
    /// The plan has no such block.
    UnknownBlock {
        /// The number in the line.
        block: u32,
        /// The blocks of the plan.
        of: u32,
    },
    /// The number of the cell is not that of its group and entry.
    OtherCell {
        /// The number in the line.
        cell: u64,
        /// The number in the plan.
        planned: u64,
    },
    /// A group has rounds before its size.
    Unsized,
    /// A group has a second size.
    SizedTwice {
        /// The first size and the second.
        messages: [u64; 2],
        /// The line of the first.
        first: usize,
    },
    /// A round has another number of messages than its group.
    OtherMessages {
        /// The number of the round.
        messages: u64,
        /// The numbers that the group has.
        of_group: RangeInclusive<u64>,
    },
    /// A capacity is recorded twice.
    CapacityTwice {
        /// The line of the first.
        first: usize,
    },
    /// The numbers of rounds repeat or go back.
    RoundNumber {
        /// The number.
        number: u64,
        /// The number of the round before it.
        before: Option<u64>,
    },
    /// Numbers of rounds are left out.
    RoundsLost {
        /// The first that is missing.
        first: u64,
        /// The last that is missing.
        last: u64,
    },
    /// A moment does not fit between those around it.
    Moment {
        /// The moment in the line, in milliseconds.
        at_ms: u64,
        /// The moment before it.
        before_ms: u64,
    },
    /// A number is 0, or larger than can be counted.
    OutOfRange {
        /// The member.
        member: String,
        /// The number.
        value: f64,
    },
    /// A round took longer than its deadline and the time for the reply.
    PastDeadline {
        /// Its time.
        wall_ns: u64,
        /// The longest time.
        most_ns: u64,
    },
    /// A round took longer than the time that passed since the line before it.
    LongerThanElapsed {
        /// Its time.
        wall_ns: u64,
        /// The time that passed.
        elapsed_ns: u64,
    },
    /// A round took more processor time than the processors had since the line before it.
    TooMuchCpu {
        /// Its processor time.
        cpu_ns: u64,
        /// The time that all processors had.
        most_ns: u64,
    },
    /// The times of the latency do not rise, or count more than can be counted.
    LatencyDisorder,
    /// The latency counts more messages than the round has, or another number than the other rounds of its group.
    LatencyCount {
        /// The number that it counts.
        counted: u64,
        /// The number that it should count.
        expected: u64,
    },
    /// A message took longer than its round.
    LatencyPastRound {
        /// The latency.
        latency_ns: u64,
        /// The time of the round.
        wall_ns: u64,
    },
    /// A cell is measured after it failed or was found unsupported.
    AfterClosed {
        /// The line that closed it.
        closed: usize,
    },
    /// A cell is closed twice.
    ClosedTwice {
        /// The line of the first.
        first: usize,
    },
    /// A cell is unsupported and has rounds.
    UnsupportedWithRounds {
        /// The number of its rounds.
        rounds: usize,
    },
    /// A line follows the end of the plan.
    AfterDone {
        /// The line of the end.
        done: usize,
    },
    /// Rounds of a cell are missing in epochs in which its group was measured.
    RoundsMissing {
        /// The number of missing rounds.
        missing: u64,
        /// The first of them.
        first: RoundPlace,
    },
    /// Epochs of a group are missing.
    EpochsMissing {
        /// The number of missing epochs.
        missing: u32,
        /// The first of them.
        first: u32,
    },
}

/// The place of a round in its cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundPlace {
    /// The epoch.
    pub epoch: u32,
    /// The block; `None` for the warm-up round.
    pub block: Option<u32>,
}
