//! Carries out a plan: epochs of blocks, in random order, with every round recorded at once.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;
use records::files::now;
use records::protocol::{FailureCause, Measured, Reply, Request, RoundSpec};

use super::journal::{JournalError, RoundsFile, RunRecords};
use super::progress::Progress;
use super::runner::Runner;
use records::crash::ProcessFailure;
use records::plan::Plan;
use records::rounds::{EndReason, Line, RoundLine};

/// The mean duration of a group's rounds that its size aims at: long compared with the start of threads,
/// short compared with the machine's drift.
const ROUND_DURATION: Duration = Duration::from_millis(5);

/// The factor by which a round may have more or fewer messages than its workload proposes.
pub const MAX_SCALE: u64 = 8;

/// The time limit for a request that runs nothing, and for the reply after the deadline of a round.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// The round number of the rounds that only find the size of a group and are not recorded.
pub const UNRECORDED: u64 = (1 << 53) - 1;

/// The number of consecutive failed starts after which the run gives up on a runner.
const MAX_STARTS: u32 = 3;

/// Decides whether a group is measured well enough.
pub type Settled<'a> = &'a dyn Fn(&Plan, &RunRecords, usize) -> bool;

/// Carries out `plan`, whose run is in `folder`, and continues after the recorded rounds.
///
/// `stop` ends it after the round in flight.
///
/// # Errors
///
/// When a round cannot be recorded. The lines recorded so far are whole.
pub fn run(
    plan: &Plan,
    folder: &Path,
    settled: Settled<'_>,
    stop: &AtomicBool,
    progress: &Progress,
) -> Result<EndReason, JournalError> {
    let (rounds, recorded) = RoundsFile::open(folder)?;
    let slots = plan.entries.iter().map(|_| Slot::default()).collect();
    let before = Duration::from_millis(recorded.at_ms);
    let mut engine =
        Engine { plan, rounds, recorded, slots, settled, stop, progress, began: Instant::now(), before };
    let why = engine.epochs()?;
    progress.end();
    engine.record(Line::Ended { at: now(), why })?;
    Ok(why)
}

/// The runner of an entry.
#[derive(Debug, Default)]
struct Slot {
    runner: Option<Runner>,
    /// The cells that the runner has planned.
    planned: BTreeSet<u64>,
    /// The number of consecutive failed starts.
    failed_starts: u32,
}

/// The end of an attempt to run a round.
enum Attempt {
    Measured(Box<Measured>),
    Unsupported(String),
    Failed(Box<ProcessFailure>),
}

struct Engine<'a> {
    plan: &'a Plan,
    rounds: RoundsFile,
    recorded: RunRecords,
    slots: Vec<Slot>,
    settled: Settled<'a>,
    stop: &'a AtomicBool,
    progress: &'a Progress,
    began: Instant,
    /// The time of measuring before this process.
    before: Duration,
}

impl Engine<'_> {
    fn epochs(&mut self) -> Result<EndReason, JournalError> {
        let mut open: Vec<usize> = (0..self.plan.groups.len()).collect();
        for epoch in 0..self.plan.most_epochs {
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
            self.slots.iter_mut().for_each(|slot| *slot = Slot::default());
            let mut order = open.clone();
            order.shuffle(&mut random);
            for group in order {
                if self.group(group, epoch, &mut random)?.is_none() {
                    return Ok(EndReason::Interrupted);
                }
            }
        }
        self.slots.clear();
        Ok(EndReason::Done)
    }

    /// Whether a round of the group in the epoch is recorded.
    fn has_begun(&self, group: usize, epoch: u32) -> bool {
        let first = |entry| self.recorded.rounds.range((group, entry, epoch, None)..).next();
        (0..self.plan.entries.len()).any(|entry| {
            first(entry).is_some_and(|round| (round.0, round.1, round.2) == (group, entry, epoch))
        })
    }

    /// The blocks of a group in an epoch, the first of which warms up; `None` after a stop request.
    fn group(
        &mut self,
        group: usize,
        epoch: u32,
        random: &mut Xoshiro256PlusPlus,
    ) -> Result<Option<()>, JournalError> {
        if self.size(group)?.is_none() {
            return Ok(None);
        }
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
                if self.stopped() {
                    return Ok(None);
                }
                self.show(group, entry, epoch);
                self.round(group, entry, epoch, block)?;
            }
        }
        Ok(Some(()))
    }

    /// Finds the number of messages in a group's rounds, with which a block takes [`ROUND_DURATION`] for each
    /// of its entries. All entries share it, since the cost of a message may depend on it (an initial burst,
    /// a queue that grows).
    fn size(&mut self, group: usize) -> Result<Option<()>, JournalError> {
        if self.recorded.sizes.contains_key(&group) {
            return Ok(Some(()));
        }
        let (mut entries, mut block_ns, mut proposed) = (0, 0.0, 0);
        for entry in 0..self.plan.entries.len() {
            if self.recorded.closed.contains(&(group, entry)) {
                continue;
            }
            if self.stopped() {
                return Ok(None);
            }
            self.show(group, entry, 0);
            // The first round of a process is slower than the others.
            let first = self.attempt(group, entry, None, UNRECORDED)?;
            let second = match first {
                Attempt::Measured(_) => self.attempt(group, entry, None, UNRECORDED)?,
                other => other,
            };
            match second {
                Attempt::Measured(measured) => {
                    entries += 1;
                    block_ns += measured.ns_per_op();
                    proposed = measured.messages.max(proposed);
                    self.slots[entry].planned.remove(&self.plan.cell(group, entry));
                }
                other => self.close(group, entry, 0, other)?,
            }
        }
        if entries > 0 {
            let aimed = ROUND_DURATION.as_nanos() as f64 * f64::from(entries) / block_ns;
            let least = (proposed / MAX_SCALE).max(self.plan.groups[group].least_messages);
            let messages = (aimed as u64).clamp(least, least.max(proposed * MAX_SCALE));
            self.record(Line::Sized { group, messages })?;
        }
        Ok(Some(()))
    }

    fn round(
        &mut self,
        group: usize,
        entry: usize,
        epoch: u32,
        block: Option<u32>,
    ) -> Result<(), JournalError> {
        let messages = self.recorded.sizes.get(&group).copied();
        match self.attempt(group, entry, messages, self.recorded.next_round)? {
            Attempt::Measured(measured) => {
                let at_ms = self.elapsed().as_millis() as u64;
                self.record(Line::Round(RoundLine { group, entry, epoch, block, at_ms, measured: *measured }))
            }
            other => self.close(group, entry, epoch, other),
        }
    }

    /// Records why a cell is no longer measured.
    fn close(
        &mut self,
        group: usize,
        entry: usize,
        epoch: u32,
        outcome: Attempt,
    ) -> Result<(), JournalError> {
        match outcome {
            Attempt::Measured(_) => Ok(()),
            Attempt::Unsupported(reason) => self.record(Line::Unsupported { group, entry, reason }),
            Attempt::Failed(failure) => {
                let (name, of) = (self.plan.groups[group].name(), &self.plan.entries[entry].name);
                self.progress.say(&format!("{name} over {of} failed: {}", failure.what));
                self.record(Line::Failed { group, entry, epoch, failure: *failure })
            }
        }
    }

    /// One round. Starts the runner and plans the cell where that has not been done.
    fn attempt(
        &mut self,
        group: usize,
        entry: usize,
        messages: Option<u64>,
        round: u64,
    ) -> Result<Attempt, JournalError> {
        let cell = self.plan.cell(group, entry);
        if let Some(outcome) = self.prepare(group, entry, cell, messages)? {
            return Ok(outcome);
        }
        let deadline = Duration::from_nanos(self.plan.groups[group].deadline_ns);
        let slot = &mut self.slots[entry];
        let Some(runner) = &mut slot.runner else {
            return Ok(failed("its runner is gone"));
        };
        Ok(match runner.request(&Request::Round { cell, round }, deadline + REPLY_TIMEOUT) {
            Ok(Reply::Round(measured))
                if measured.cell == cell
                    && measured.round == round
                    && measured.messages > 0
                    && measured.wall_ns > 0 =>
            {
                Attempt::Measured(Box::new(measured))
            }
            Ok(Reply::Unsupported { reason, .. }) => Attempt::Unsupported(reason),
            Ok(Reply::Failed { reason, abandoned: false, .. }) => failed(&reason),
            Ok(Reply::Failed { cause, reason, .. }) => {
                // The round's threads still run: this is the moment to take a backtrace and to end the
                // process.
                let backtrace = (cause == FailureCause::Hang).then(|| runner.backtrace());
                let failure = runner.fail(reason).with_backtrace(backtrace);
                *slot = Slot::default();
                Attempt::Failed(Box::new(failure))
            }
            Ok(Reply::Error { message }) => failed(&format!("its runner refused the round: {message}")),
            Ok(other) => {
                let failure = runner.fail(format!("sent a reply to another request: {other:?}"));
                *slot = Slot::default();
                Attempt::Failed(Box::new(failure))
            }
            Err(failure) => {
                *slot = Slot::default();
                Attempt::Failed(failure)
            }
        })
    }

    /// Starts the runner and plans the cell, where that has not been done. Returns the end of the attempt
    /// where that failed.
    fn prepare(
        &mut self,
        group: usize,
        entry: usize,
        cell: u64,
        messages: Option<u64>,
    ) -> Result<Option<Attempt>, JournalError> {
        let slot = &mut self.slots[entry];
        if slot.runner.is_none() {
            if slot.failed_starts == MAX_STARTS {
                let what = format!("its runner could not be started {MAX_STARTS} times in a row");
                return Ok(Some(failed(&what)));
            }
            match Runner::start(&self.plan.entries[entry].launch) {
                Ok(runner) => *slot = Slot { runner: Some(runner), ..Slot::default() },
                Err(failure) => {
                    slot.failed_starts += 1;
                    return Ok(Some(Attempt::Failed(Box::new(failure))));
                }
            }
        }
        let Some(runner) = slot.runner.as_mut().filter(|_| !slot.planned.contains(&cell)) else {
            return Ok(None);
        };
        let of = &self.plan.groups[group];
        if !runner.hello.workloads.contains(&of.workload) {
            return Ok(Some(Attempt::Unsupported("its runner does not implement the workload".to_owned())));
        }
        let request = Request::Plan(RoundSpec {
            cell,
            channel: self.plan.entries[entry].channel.clone(),
            workload: of.workload.clone(),
            params: of.params.values.clone(),
            messages,
            deadline_ns: Some(of.deadline_ns),
            placement: self.plan.placement.clone(),
            allocations: self.plan.allocations,
        });
        Ok(match runner.request(&request, REPLY_TIMEOUT) {
            Ok(Reply::Planned { effective_capacity, .. }) => {
                slot.planned.insert(cell);
                let asked = of.params.capacity.as_ref().and_then(|name| of.params.values.get(name));
                let other = effective_capacity.filter(|effective| Some(effective) != asked);
                if let Some(effective) = other.filter(|_| !self.recorded.capacities.contains(&(group, entry)))
                {
                    self.record(Line::Capacity { group, entry, effective })?;
                }
                None
            }
            Ok(Reply::Unsupported { reason, .. }) => Some(Attempt::Unsupported(reason)),
            Ok(Reply::Error { message }) => Some(failed(&format!("its runner refused the cell: {message}"))),
            Ok(other) => {
                let failure = runner.fail(format!("sent a reply to another request: {other:?}"));
                *slot = Slot::default();
                Some(Attempt::Failed(Box::new(failure)))
            }
            Err(failure) => {
                *slot = Slot::default();
                Some(Attempt::Failed(failure))
            }
        })
    }

    fn record(&mut self, line: Line) -> Result<(), JournalError> {
        self.rounds.append(&line)?;
        self.recorded.add(&line);
        Ok(())
    }

    fn stopped(&self) -> bool {
        // Relaxed: a flag that a signal handler sets; it guards no other data.
        self.stop.load(Ordering::Relaxed)
    }

    fn elapsed(&self) -> Duration {
        self.before + self.began.elapsed()
    }

    fn show(&self, group: usize, entry: usize, epoch: u32) {
        let elapsed = self.elapsed();
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

fn failed(what: &str) -> Attempt {
    Attempt::Failed(Box::new(ProcessFailure::new(what)))
}
