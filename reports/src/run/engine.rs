//! Carries out a plan: epochs of blocks, in random order, every round recorded as it comes.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use harness::protocol::{Measured, Plan as CellPlan, Reply, Request};
use harness::record::now;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;

use super::child::Child;
use super::plan::Plan;
use super::progress::Progress;
use super::record::{Failure, Line, Recorded, RoundLine, Rounds, Why};

/// Rounds are made about so long, on the average of a group's entries: long beside the start of their threads, short beside the
/// machine's drift.
const AIM: Duration = Duration::from_millis(5);

/// A round has at most so many times the messages that its workload proposes, and at least that part of them.
pub const MOST_SCALE: u64 = 8;

/// A runner answers a request that runs nothing within this time, and has it beside the deadline of a round.
const GRACE: Duration = Duration::from_secs(10);

/// The round number of those that only find out how long rounds are: they are not recorded.
pub const UNRECORDED: u64 = (1 << 53) - 1;

/// A runner that could not be started so often in a row is not started again.
const MOST_STARTS: u32 = 3;

/// Says whether a group is measured well enough.
pub type Settled<'a> = &'a dyn Fn(&Plan, &Recorded, usize) -> bool;

/// Carries out `plan`, whose run is in `folder`, from where it was left.
///
/// `stop` ends it after the round in flight.
///
/// # Errors
///
/// When a round cannot be recorded. What is recorded so far is whole.
pub fn run(
    plan: &Plan,
    folder: &Path,
    settled: Settled<'_>,
    stop: &AtomicBool,
    progress: &Progress,
) -> Result<Why> {
    let (rounds, recorded) = Rounds::open(folder)?;
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
    child: Option<Child>,
    /// Cells that it has planned.
    planned: BTreeSet<u64>,
    /// Starts that failed in a row.
    failed_starts: u32,
}

enum Outcome {
    Measured(Box<Measured>),
    Unsupported(String),
    Failed(Box<Failure>),
}

struct Engine<'a> {
    plan: &'a Plan,
    rounds: Rounds,
    recorded: Recorded,
    slots: Vec<Slot>,
    settled: Settled<'a>,
    stop: &'a AtomicBool,
    progress: &'a Progress,
    began: Instant,
    /// Measuring before this process.
    before: Duration,
}

impl Engine<'_> {
    fn epochs(&mut self) -> Result<Why> {
        let mut open: Vec<usize> = (0..self.plan.groups.len()).collect();
        for epoch in 0..self.plan.most_epochs {
            if epoch >= self.plan.fewest_epochs {
                open.retain(|&group| !(self.settled)(self.plan, &self.recorded, group));
                if open.is_empty() || self.elapsed() >= self.plan.budget() {
                    break;
                }
            }
            // The orders of an epoch depend on nothing else, so that a resumed run has the same.
            let mut random =
                Xoshiro256PlusPlus::seed_from_u64(self.plan.seed ^ u64::from(epoch).wrapping_mul(SPREAD));
            self.slots.iter_mut().for_each(|slot| *slot = Slot::default());
            let mut order = open.clone();
            order.shuffle(&mut random);
            for group in order {
                if self.group(group, epoch, &mut random)?.is_none() {
                    return Ok(Why::Interrupted);
                }
            }
        }
        self.slots.clear();
        Ok(Why::Done)
    }

    /// The blocks of a group in an epoch, the first of which warms up; `None` when somebody asked to stop.
    fn group(&mut self, group: usize, epoch: u32, random: &mut Xoshiro256PlusPlus) -> Result<Option<()>> {
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

    /// Finds out how many messages the rounds of a group have: so many that a block takes [`AIM`] for each of its entries. All
    /// have as many, since what a message costs may depend on how many there are (an initial burst, a queue that grows).
    fn size(&mut self, group: usize) -> Result<Option<()>> {
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
            // The first round of a process is no example of the others.
            let first = self.attempt(group, entry, None, UNRECORDED)?;
            let second = match first {
                Outcome::Measured(_) => self.attempt(group, entry, None, UNRECORDED)?,
                other => other,
            };
            match second {
                Outcome::Measured(measured) => {
                    entries += 1;
                    block_ns += measured.ns_per_op();
                    proposed = measured.messages.max(proposed);
                    self.slots[entry].planned.remove(&self.plan.cell(group, entry));
                }
                other => self.close(group, entry, 0, other)?,
            }
        }
        if entries > 0 {
            let aimed = AIM.as_nanos() as f64 * f64::from(entries) / block_ns;
            let least = (proposed / MOST_SCALE).max(self.plan.groups[group].least_messages);
            let messages = (aimed as u64).clamp(least, least.max(proposed * MOST_SCALE));
            self.record(Line::Sized { group, messages })?;
        }
        Ok(Some(()))
    }

    fn round(&mut self, group: usize, entry: usize, epoch: u32, block: Option<u32>) -> Result<()> {
        let messages = self.recorded.sizes.get(&group).copied();
        match self.attempt(group, entry, messages, self.recorded.next_round)? {
            Outcome::Measured(measured) => {
                let at_ms = self.elapsed().as_millis() as u64;
                self.record(Line::Round(RoundLine { group, entry, epoch, block, at_ms, measured: *measured }))
            }
            other => self.close(group, entry, epoch, other),
        }
    }

    /// Records why a cell is not measured any more.
    fn close(&mut self, group: usize, entry: usize, epoch: u32, outcome: Outcome) -> Result<()> {
        match outcome {
            Outcome::Measured(_) => Ok(()),
            Outcome::Unsupported(reason) => self.record(Line::Unsupported { group, entry, reason }),
            Outcome::Failed(failure) => {
                let (name, of) = (self.plan.groups[group].name(), &self.plan.entries[entry].name);
                self.progress.say(&format!("{name} over {of} failed: {}", failure.what));
                self.record(Line::Failed { group, entry, epoch, failure: *failure })
            }
        }
    }

    /// One round, in a runner that is started and told of the cell where it has to be.
    fn attempt(&mut self, group: usize, entry: usize, messages: Option<u64>, round: u64) -> Result<Outcome> {
        let cell = self.plan.cell(group, entry);
        if let Some(outcome) = self.prepare(group, entry, cell, messages)? {
            return Ok(outcome);
        }
        let deadline = Duration::from_nanos(self.plan.groups[group].deadline_ns);
        let slot = &mut self.slots[entry];
        let Some(child) = &mut slot.child else {
            return Ok(failed("its runner is gone"));
        };
        Ok(match child.ask(&Request::Round { cell, round }, deadline + GRACE) {
            Ok(Reply::Round(measured))
                if measured.cell == cell
                    && measured.round == round
                    && measured.messages > 0
                    && measured.wall_ns > 0 =>
            {
                Outcome::Measured(Box::new(measured))
            }
            Ok(Reply::Unsupported { reason, .. }) => Outcome::Unsupported(reason),
            Ok(Reply::Failed { reason, abandoned: false, .. }) => failed(&reason),
            Ok(Reply::Failed { reason, .. }) => {
                // Threads of the round are still there: this is the moment to ask where, and the end of the process.
                let backtrace = reason.starts_with("hung").then(|| child.backtrace());
                let failure = child.fail(reason);
                *slot = Slot::default();
                Outcome::Failed(Box::new(Failure { backtrace, ..failure }))
            }
            Ok(Reply::Error { message }) => failed(&format!("its runner refused the round: {message}")),
            Ok(other) => {
                let failure = child.fail(format!("answered something else than what was asked: {other:?}"));
                *slot = Slot::default();
                Outcome::Failed(Box::new(failure))
            }
            Err(failure) => {
                *slot = Slot::default();
                Outcome::Failed(failure)
            }
        })
    }

    /// Starts the runner and plans the cell, where that is not done; what came instead, if it could not be.
    fn prepare(
        &mut self,
        group: usize,
        entry: usize,
        cell: u64,
        messages: Option<u64>,
    ) -> Result<Option<Outcome>> {
        let slot = &mut self.slots[entry];
        if slot.child.is_none() {
            if slot.failed_starts == MOST_STARTS {
                let what = format!("its runner could not be started {MOST_STARTS} times in a row");
                return Ok(Some(failed(&what)));
            }
            match Child::start(&self.plan.entries[entry].launch) {
                Ok(child) => *slot = Slot { child: Some(child), ..Slot::default() },
                Err(failure) => {
                    slot.failed_starts += 1;
                    return Ok(Some(Outcome::Failed(Box::new(failure))));
                }
            }
        }
        let Some(child) = slot.child.as_mut().filter(|_| !slot.planned.contains(&cell)) else {
            return Ok(None);
        };
        let of = &self.plan.groups[group];
        if !child.hello.workloads.contains(&of.workload) {
            return Ok(Some(Outcome::Unsupported("its runner does not implement the workload".to_owned())));
        }
        let request = Request::Plan(CellPlan {
            cell,
            channel: self.plan.entries[entry].channel.clone(),
            workload: of.workload.clone(),
            params: of.params.values.clone(),
            messages,
            deadline_ns: Some(of.deadline_ns),
            placement: self.plan.placement.clone(),
            allocations: self.plan.allocations,
        });
        Ok(match child.ask(&request, GRACE) {
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
            Ok(Reply::Unsupported { reason, .. }) => Some(Outcome::Unsupported(reason)),
            Ok(Reply::Error { message }) => Some(failed(&format!("its runner refused the cell: {message}"))),
            Ok(other) => {
                let failure = child.fail(format!("answered something else than what was asked: {other:?}"));
                *slot = Slot::default();
                Some(Outcome::Failed(Box::new(failure)))
            }
            Err(failure) => {
                *slot = Slot::default();
                Some(Outcome::Failed(failure))
            }
        })
    }

    fn record(&mut self, line: Line) -> Result<()> {
        self.rounds.append(&line)?;
        self.recorded.add(&line);
        Ok(())
    }

    fn stopped(&self) -> bool {
        // Relaxed: a flag that a signal sets; nothing else is read because of it.
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

/// Odd, with its bits well spread (2^64 divided by the golden ratio): different epochs have unlike seeds.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

fn failed(what: &str) -> Outcome {
    Outcome::Failed(Box::new(Failure { what: what.to_owned(), ..Failure::default() }))
}
