//! Carries out a plan: epochs of blocks, in random order, with every round recorded at once.

mod attempts;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;
use records::crash::ProcessFailure;
use records::files::now;
use records::plan::Plan;
use records::protocol::Measured;
use records::rounds::{CellFailure, EndReason, Line, RoundLine};
use workloads::registry::Registry;

use super::journal::{JournalError, RoundsFile, RunRecords};
use super::progress::Progress;
use super::runner::{Runner, RunnerError};
use super::shortage::Shortage;

pub use super::claims::MAX_SCALE;

/// The mean duration of a group's rounds that its size aims at: long compared with the start of threads,
/// short compared with the machine's drift.
const ROUND_DURATION: Duration = Duration::from_millis(5);

/// The time limit for a request that runs nothing, and for the reply after the deadline of a round.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// The round number of the rounds that only find the size of a group and are not recorded.
pub const UNRECORDED: u64 = (1 << 53) - 1;

/// The number of consecutive failed starts after which the run gives up on a runner.
const MAX_STARTS: u32 = 3;

/// The number of attempts at a round for which the machine lacks something, and the pause between them.
const MAX_ATTEMPTS: u32 = 3;
const ATTEMPT_PAUSE: Duration = Duration::from_millis(200);

/// Decides whether a group is measured well enough.
pub type Settled<'a> = &'a dyn Fn(&Plan, &RunRecords, usize) -> bool;

/// Why a run did not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A round cannot be recorded. The lines recorded so far are whole.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The machine lacked something, attempt after attempt. No cell was closed by it.
    #[error(transparent)]
    Shortage(Shortage),
}

/// Carries out `plan`, whose run is in `folder`, and continues after the recorded rounds.
///
/// `stop` ends it after the round in flight.
///
/// # Errors
///
/// [`RunError`]. The run can be resumed.
pub fn run(
    plan: &Plan,
    folder: &Path,
    settled: Settled<'_>,
    stop: &AtomicBool,
    progress: &Progress,
) -> Result<EndReason, RunError> {
    let (mut rounds, recorded) = RoundsFile::open(folder)?;
    rounds.begin()?;
    let slots = plan.entries.iter().map(|_| Slot::default()).collect();
    let before = Duration::from_millis(recorded.at_ms);
    let mut engine = Engine {
        plan,
        registry: adapters::registry(),
        rounds,
        recorded,
        slots,
        epoch: 0,
        settled,
        stop,
        progress,
        began: Instant::now(),
        before,
    };
    let halted = engine.epochs();
    progress.end();
    let (why, result) = match halted {
        Ok(()) => (EndReason::Done, Ok(EndReason::Done)),
        Err(Halt::Interrupted) => (EndReason::Interrupted, Ok(EndReason::Interrupted)),
        Err(Halt::Shortage(shortage)) => (EndReason::Shortage, Err(RunError::Shortage(shortage))),
        Err(Halt::Journal(error)) => return Err(error.into()),
    };
    engine.retire_all()?;
    engine.record(Line::Ended { at: now(), why })?;
    engine.rounds.sync()?;
    result
}

/// The runner of an entry.
#[derive(Debug, Default)]
struct Slot {
    runner: Option<Runner>,
    /// The messages of a round in each cell that the runner has planned.
    planned: BTreeMap<u64, u64>,
    /// The number of consecutive failed starts.
    failed_starts: u32,
}

/// The end of an attempt to run a round.
enum Attempt {
    Measured {
        measured: Box<Measured>,
        /// The time from the request to the reply.
        elapsed: Duration,
    },
    Unsupported(String),
    Failed(CellFailure, Box<ProcessFailure>),
    Shortage(Shortage),
}

impl From<RunnerError> for Attempt {
    fn from(error: RunnerError) -> Self {
        match error {
            RunnerError::Shortage(shortage) => Attempt::Shortage(shortage),
            RunnerError::Failed { cause, failure } => Attempt::Failed(cause, failure),
        }
    }
}

/// The reason why a run ends before its plan is carried out.
enum Halt {
    /// There was a stop request.
    Interrupted,
    Shortage(Shortage),
    Journal(JournalError),
}

impl From<JournalError> for Halt {
    fn from(error: JournalError) -> Self {
        Halt::Journal(error)
    }
}

struct Engine<'a> {
    plan: &'a Plan,
    registry: Registry,
    rounds: RoundsFile,
    recorded: RunRecords,
    slots: Vec<Slot>,
    /// The epoch in progress.
    epoch: u32,
    settled: Settled<'a>,
    stop: &'a AtomicBool,
    progress: &'a Progress,
    began: Instant,
    /// The time of measuring before this process.
    before: Duration,
}

impl Engine<'_> {
    fn epochs(&mut self) -> Result<(), Halt> {
        let mut open: Vec<usize> = (0..self.plan.groups.len()).collect();
        for epoch in 0..self.plan.most_epochs {
            self.rounds.sync()?;
            if epoch >= self.plan.fewest_epochs {
                // A resumed run ends the epoch in which it was stopped: half of one is no comparison.
                let is_spent = self.elapsed() >= self.plan.budget();
                open.retain(|&group| {
                    self.has_begun(group, epoch)
                        || !is_spent && !(self.settled)(self.plan, &self.recorded, group)
                });
                if open.is_empty() {
                    break;
                }
            }
            // The orders of an epoch depend on the seed and its number alone, so that a resumed run repeats
            // them.
            let mut random =
                Xoshiro256PlusPlus::seed_from_u64(self.plan.seed ^ u64::from(epoch).wrapping_mul(SPREAD));
            self.retire_all()?;
            self.epoch = epoch;
            let mut order = open.clone();
            order.shuffle(&mut random);
            for group in order {
                self.group(group, &mut random)?;
            }
        }
        Ok(())
    }

    /// Whether a round of the group in the epoch is recorded.
    fn has_begun(&self, group: usize, epoch: u32) -> bool {
        let first = |entry| self.recorded.rounds.range((group, entry, epoch, None)..).next();
        (0..self.plan.entries.len()).any(|entry| {
            first(entry).is_some_and(|round| (round.0, round.1, round.2) == (group, entry, epoch))
        })
    }

    /// The blocks of a group in the epoch, the first of which warms up.
    fn group(&mut self, group: usize, random: &mut Xoshiro256PlusPlus) -> Result<(), Halt> {
        let epoch = self.epoch;
        self.size(group)?;
        let warm_up = std::iter::once(None);
        for block in warm_up.chain((0..self.plan.blocks).map(Some)) {
            let mut order: Vec<usize> = (0..self.plan.entries.len()).collect();
            order.shuffle(random);
            for entry in order {
                if self.recorded.closed.contains(&(group, entry))
                    || self.recorded.rounds.contains(&(group, entry, epoch, block))
                {
                    continue;
                }
                self.check_stop()?;
                self.show(group, entry);
                self.round(group, entry, block)?;
            }
        }
        Ok(())
    }

    /// Finds the number of messages in a group's rounds, with which a block takes [`ROUND_DURATION`] for each
    /// of its entries. All entries share it, since the cost of a message may depend on it (an initial burst,
    /// a queue that grows). Whatever the runners say, it is near what chanlab's own runner proposes.
    fn size(&mut self, group: usize) -> Result<(), Halt> {
        if self.recorded.sizes.contains_key(&group) {
            return Ok(());
        }
        let (mut entries, mut block_ns) = (0, 0.0);
        for entry in 0..self.plan.entries.len() {
            if self.recorded.closed.contains(&(group, entry)) {
                continue;
            }
            self.check_stop()?;
            self.show(group, entry);
            // The first round of a process is slower than the others.
            let first = self.attempt(group, entry, None, UNRECORDED)?;
            let second = match first {
                Attempt::Measured { .. } => self.attempt(group, entry, None, UNRECORDED)?,
                other => other,
            };
            match second {
                Attempt::Measured { measured, .. } => {
                    entries += 1;
                    block_ns += measured.ns_per_op();
                    self.slots[entry].planned.remove(&self.plan.cell(group, entry));
                }
                other => self.close(group, entry, other)?,
            }
        }
        // A cell of a workload that this build does not know has been closed.
        if entries > 0
            && let Ok(asked) = self.asked(group, 0, None)
            && let Ok(proposed) = asked.proposed()
        {
            let aimed = ROUND_DURATION.as_nanos() as f64 * f64::from(entries) / block_ns;
            let least = (proposed / MAX_SCALE).max(self.plan.groups[group].least_messages);
            let messages = (aimed as u64).clamp(least, least.max(proposed.saturating_mul(MAX_SCALE)));
            let messages = asked.deliverable(messages).unwrap_or(messages);
            self.record(Line::Sized { group, messages })?;
        }
        Ok(())
    }

    fn round(&mut self, group: usize, entry: usize, block: Option<u32>) -> Result<(), Halt> {
        let messages = self.recorded.sizes.get(&group).copied();
        match self.attempt(group, entry, messages, self.recorded.next_round)? {
            Attempt::Measured { measured, elapsed } => {
                let at_ms = self.elapsed().as_millis() as u64;
                let extension = elapsed.checked_sub(self.deadline(group));
                let extended_ns = extension.map(|extension| extension.as_nanos() as u64);
                let (epoch, measured) = (self.epoch, *measured);
                let line = RoundLine { group, entry, epoch, block, at_ms, extended_ns, measured };
                Ok(self.record(Line::Round(line))?)
            }
            other => self.close(group, entry, other),
        }
    }

    /// Records why a cell is no longer measured. A shortage closes no cell: it ends the run.
    fn close(&mut self, group: usize, entry: usize, outcome: Attempt) -> Result<(), Halt> {
        match outcome {
            Attempt::Measured { .. } => {}
            Attempt::Unsupported(reason) => self.record(Line::Unsupported { group, entry, reason })?,
            Attempt::Failed(cause, failure) => {
                self.say_of(group, entry, &format!("failed: {}", failure.what));
                let (epoch, cause) = (self.epoch, Some(cause));
                self.record(Line::Failed { group, entry, epoch, cause, failure: *failure })?;
            }
            Attempt::Shortage(shortage) => {
                self.record(Line::Shortage { group, entry, reason: shortage.to_string() })?;
                return Err(Halt::Shortage(shortage));
            }
        }
        Ok(())
    }

    fn retire_all(&mut self) -> Result<(), JournalError> {
        (0..self.slots.len()).try_for_each(|entry| {
            self.slots[entry].failed_starts = 0;
            self.retire(entry)
        })
    }

    fn record(&mut self, line: Line) -> Result<(), JournalError> {
        self.rounds.append(&line)?;
        self.recorded.add(&line);
        Ok(())
    }

    fn check_stop(&self) -> Result<(), Halt> {
        // Relaxed: a flag that a signal handler sets; it guards no other data.
        if self.stop.load(Ordering::Relaxed) { Err(Halt::Interrupted) } else { Ok(()) }
    }

    /// Prints what happened to a cell.
    fn say_of(&self, group: usize, entry: usize, what: &str) {
        let (name, of) = (self.plan.groups[group].name(), &self.plan.entries[entry].name);
        self.progress.say(&format!("{name} over {of} {what}"));
    }

    fn elapsed(&self) -> Duration {
        self.before + self.began.elapsed()
    }

    fn show(&self, group: usize, entry: usize) {
        let (elapsed, epoch) = (self.elapsed(), self.epoch);
        let expected = match epoch {
            0 => self.plan.budget(),
            done => {
                let each = elapsed / done;
                let fit = self.plan.budget().as_secs_f64() / each.as_secs_f64();
                let fewest = self.plan.fewest_epochs;
                let epochs = (fit.ceil() as u32).clamp(fewest, self.plan.most_epochs.max(fewest));
                each * epochs.max(done + 1)
            }
        };
        let now = format!(
            "epoch {}: {}, {}",
            epoch + 1,
            self.plan.groups[group].name(),
            self.plan.entries[entry].name
        );
        self.progress.at(elapsed, expected, &now);
    }
}

/// Odd, with its bits well spread (2^64 divided by the golden ratio), so that the seeds of epochs differ in
/// many bits.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
