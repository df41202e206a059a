//! The attempts at a round: starts runners, plans cells, and holds each reply against its request.

use std::thread;
use std::time::Duration;

use records::crash::ProcessFailure;
use records::protocol::{FailureCause, Reply, Request, RoundSpec};
use records::rounds::{CellFailure, Line};
use workloads::registry::UsageError;

use super::super::claims::{self, Asked};
use super::super::journal::JournalError;
use super::super::runner::{Runner, RunnerError};
use super::super::shortage::Shortage;
use super::super::supervisor::stray_words;
use super::{ATTEMPT_PAUSE, Attempt, Engine, Halt, MAX_ATTEMPTS, MAX_STARTS, REPLY_TIMEOUT, Slot};

impl Engine<'_> {
    /// One round. When the machine lacks something for it, it is tried again by a new runner.
    pub(super) fn attempt(
        &mut self,
        group: usize,
        entry: usize,
        messages: Option<u64>,
        round: u64,
    ) -> Result<Attempt, Halt> {
        let mut attempts = 0;
        loop {
            let attempt = self.attempt_once(group, entry, messages, round)?;
            let Attempt::Shortage(shortage) = &attempt else { return Ok(attempt) };
            self.retire(entry)?;
            attempts += 1;
            if attempts == MAX_ATTEMPTS {
                return Ok(attempt);
            }
            self.say_of(group, entry, &format!("is tried again: {shortage}"));
            self.check_stop()?;
            thread::sleep(ATTEMPT_PAUSE * attempts);
        }
    }

    /// One attempt at a round. Starts the runner and plans the cell where that has not been done.
    fn attempt_once(
        &mut self,
        group: usize,
        entry: usize,
        messages: Option<u64>,
        round: u64,
    ) -> Result<Attempt, Halt> {
        let planned = match self.prepare(group, entry, messages)? {
            Ok(planned) => planned,
            Err(outcome) => return Ok(outcome),
        };
        let (cell, deadline) = (self.plan.cell(group, entry), self.deadline(group));
        let Some(runner) = &mut self.slots[entry].runner else {
            return Ok(failed(CellFailure::Protocol, "its runner is gone"));
        };
        let answer = match runner.request(&Request::Round { cell, round }, deadline + REPLY_TIMEOUT) {
            Ok(answer) => answer,
            Err(error) => return self.failed_runner(entry, error),
        };
        let claim = match &answer.reply {
            Reply::Round(measured) => match self.asked(group, entry, messages) {
                Ok(asked) => asked.check_round(round, planned, measured, answer.elapsed).err(),
                Err(_) => None,
            },
            Reply::Failed { cell: own, round: number, .. } => {
                claims::same("cell", *own, cell).and_then(|()| claims::same("round", *number, round)).err()
            }
            Reply::Unsupported { cell: own, .. } => claims::same("cell", *own, cell).err(),
            _ => None,
        };
        let Some(runner) = &mut self.slots[entry].runner else {
            return Ok(failed(CellFailure::Protocol, "its runner is gone"));
        };
        if let Some(claim) = claim {
            let error = runner.fail(CellFailure::ImpossibleClaim, claim.to_string());
            return self.failed_runner(entry, error);
        }
        Ok(match answer.reply {
            Reply::Round(measured) => {
                Attempt::Measured { measured: Box::new(measured), elapsed: answer.elapsed }
            }
            Reply::Unsupported { reason, .. } => Attempt::Unsupported(reason),
            Reply::Failed { cause, reason, abandoned, .. } => match CellFailure::from_cause(cause) {
                None => Attempt::Shortage(Shortage::reported(reason)),
                Some(cause) if !abandoned => failed(cause, &reason),
                Some(kind) => {
                    // The round's threads still run: this is the moment to take a backtrace and to end the
                    // process.
                    let backtrace = (cause == FailureCause::Hang).then(|| runner.backtrace());
                    let error = runner.fail_with(kind, reason, backtrace);
                    return self.failed_runner(entry, error);
                }
            },
            Reply::Error { message } => {
                failed(CellFailure::Protocol, &format!("its runner refused the round: {message}"))
            }
            other => {
                let what = format!("sent a reply to another request: {other:?}");
                let error = runner.fail(CellFailure::Protocol, what);
                return self.failed_runner(entry, error);
            }
        })
    }

    /// Starts the runner and plans the cell, where that has not been done. Returns the planned messages of a
    /// round, or the end of the attempt.
    fn prepare(
        &mut self,
        group: usize,
        entry: usize,
        messages: Option<u64>,
    ) -> Result<Result<u64, Attempt>, Halt> {
        let cell = self.plan.cell(group, entry);
        let slot = &mut self.slots[entry];
        if slot.runner.is_none() {
            if slot.failed_starts == MAX_STARTS {
                let what = format!("its runner could not be started {MAX_STARTS} times in a row");
                return Ok(Err(failed(CellFailure::Protocol, &what)));
            }
            match Runner::start(&self.plan.entries[entry].launch) {
                Ok(runner) => *slot = Slot { runner: Some(runner), ..Slot::default() },
                Err(error) => {
                    if matches!(error, RunnerError::Failed { .. }) {
                        slot.failed_starts += 1;
                    }
                    return Ok(Err(error.into()));
                }
            }
        }
        if let Some(&planned) = slot.planned.get(&cell) {
            return Ok(Ok(planned));
        }
        let of = &self.plan.groups[group];
        let Some(runner) = &mut slot.runner else {
            return Ok(Err(failed(CellFailure::Protocol, "its runner is gone")));
        };
        if !runner.hello.workloads.contains(&of.workload) {
            let reason = "its runner does not implement the workload".to_owned();
            return Ok(Err(Attempt::Unsupported(reason)));
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
        let reply = match runner.request(&request, REPLY_TIMEOUT) {
            Ok(answer) => answer.reply,
            Err(error) => return Ok(Err(self.failed_runner(entry, error)?)),
        };
        let claim = match (&reply, self.asked(group, entry, messages)) {
            // What cannot be checked is not measured.
            (_, Err(error)) => return Ok(Err(Attempt::Unsupported(error.to_string()))),
            (Reply::Planned { cell, messages, effective_capacity }, Ok(asked)) => {
                asked.check_planned(*cell, *messages, effective_capacity.as_deref()).err()
            }
            (Reply::Unsupported { cell: own, .. }, Ok(_)) => claims::same("cell", *own, cell).err(),
            _ => None,
        };
        if let Some(claim) = claim {
            return Ok(Err(self.fail(entry, CellFailure::ImpossibleClaim, claim.to_string())?));
        }
        Ok(match reply {
            Reply::Planned { effective_capacity, messages, .. } => {
                self.slots[entry].planned.insert(cell, messages);
                let asked = of.params.capacity.as_ref().and_then(|name| of.params.values.get(name));
                let other = effective_capacity.filter(|effective| Some(effective) != asked);
                if let Some(effective) = other.filter(|_| !self.recorded.capacities.contains(&(group, entry)))
                {
                    self.record(Line::Capacity { group, entry, effective })?;
                }
                Ok(messages)
            }
            Reply::Unsupported { reason, .. } => Err(Attempt::Unsupported(reason)),
            Reply::Error { message } => {
                Err(failed(CellFailure::Protocol, &format!("its runner refused the cell: {message}")))
            }
            other => {
                let what = format!("sent a reply to another request: {other:?}");
                Err(self.fail(entry, CellFailure::Protocol, what)?)
            }
        })
    }

    /// The cell of an entry, for the checks of its runner's replies.
    pub(super) fn asked(
        &self,
        group: usize,
        entry: usize,
        messages: Option<u64>,
    ) -> Result<Asked<'_>, UsageError> {
        let (of, cell) = (&self.plan.groups[group], self.plan.cell(group, entry));
        Asked::new(&self.registry, &of.workload, &of.params.values, cell, messages)
    }

    pub(super) fn deadline(&self, group: usize) -> Duration {
        Duration::from_nanos(self.plan.groups[group].deadline_ns)
    }

    /// Ends the runner of an entry, which failed as `what` says.
    fn fail(&mut self, entry: usize, cause: CellFailure, what: String) -> Result<Attempt, Halt> {
        match &mut self.slots[entry].runner {
            Some(runner) => {
                let error = runner.fail(cause, what);
                self.failed_runner(entry, error)
            }
            None => Ok(failed(cause, &what)),
        }
    }

    /// The end of an attempt whose runner is gone.
    fn failed_runner(&mut self, entry: usize, error: RunnerError) -> Result<Attempt, Halt> {
        self.retire(entry)?;
        Ok(error.into())
    }

    /// Ends the runner of an entry, and records what it left behind.
    pub(super) fn retire(&mut self, entry: usize) -> Result<(), JournalError> {
        let failed_starts = self.slots[entry].failed_starts;
        let slot = std::mem::replace(&mut self.slots[entry], Slot { failed_starts, ..Slot::default() });
        let processes = slot.runner.map_or_else(Vec::new, Runner::end);
        if processes.is_empty() {
            return Ok(());
        }
        let (of, epoch) = (&self.plan.entries[entry].name, self.epoch);
        self.progress.say(&format!("warning: the runner of {of} {}", stray_words(&processes)));
        self.record(Line::Strays { entry, epoch, processes })
    }
}

fn failed(cause: CellFailure, what: &str) -> Attempt {
    Attempt::Failed(cause, Box::new(ProcessFailure::new(what)))
}
