//! Exploration with shuttle: random schedules, each of which can be run again.
//!
//! Schedules come in blocks, by turns of two kinds: uniformly random choices, and PCT (S. Burckhardt et al., "A randomized
//! scheduler with probabilistic guarantees of finding bugs", 2010), which finds a bug of a given depth with a probability that is
//! known. PCT's blocks are by turns such that heed a yield and such that long do not ([`Insists`]). A block is made of the plan's
//! seed and its number alone, so the blocks can be split among machines. Each choice is written down: what failed is run again by
//! its choices, whatever made them.

use std::cell::RefCell;
use std::sync::Arc;

use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Schedule, Scheduler, Task, TaskId};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

use super::modelled::begin;
use super::{Explored, Explorer, Plan, Reached};
use crate::shard::seed_of;

/// What runs a model in this build.
pub const EXPLORER: Explorer = Explorer::Shuttle;

/// Schedules in a block. PCT needs some before it knows how long an execution is.
const BLOCK: u64 = 100;

/// Steps of an execution at most. One that reaches this spins for ever: the longest model needs some thousand.
const MOST_STEPS: usize = 100_000;

/// Steps that a thread takes in a row before its yields are heeded by [`Insists`]: more than any crate spins before it waits.
const HEEDED_AFTER: usize = 100;

/// Bytes of a modelled thread's stack; a failure tells of itself on it.
const STACK: usize = 1 << 18;

thread_local! {
    /// Which thread ran at each step of the current execution.
    static CHOICES: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Writes down what another scheduler chooses.
#[derive(Debug)]
struct WritesDown<S>(S);

impl<S: Scheduler> Scheduler for WritesDown<S> {
    fn new_execution(&mut self) -> Option<Schedule> {
        CHOICES.with_borrow_mut(Vec::clear);
        self.0.new_execution()
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        is_yielding: bool,
    ) -> Option<TaskId> {
        let chosen = self.0.next_task(runnable, current, is_yielding);
        if let Some(task) = chosen {
            CHOICES.with_borrow_mut(|choices| choices.push(task.into()));
        }
        chosen
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }
}

/// Heeds a yield only when the thread has taken many steps in a row.
///
/// A channel spins a while before it waits, and yields as it does. To PCT a thread that yields comes after all others: whatever
/// could wake it has happened before it waits, so that nobody ever waits there. A thread that insists waits while the others have
/// yet to begin; and one that spins for what another has to do lets it do so in the end.
#[derive(Debug)]
struct Insists<S> {
    scheduler: S,
    /// How often in a row the thread that runs was chosen.
    in_a_row: usize,
}

impl<S: Scheduler> Scheduler for Insists<S> {
    fn new_execution(&mut self) -> Option<Schedule> {
        self.in_a_row = 0;
        self.scheduler.new_execution()
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        is_yielding: bool,
    ) -> Option<TaskId> {
        let heeds = is_yielding && self.in_a_row >= HEEDED_AFTER;
        let chosen = self.scheduler.next_task(runnable, current, heeds)?;
        let goes_on = !heeds && Some(chosen) == current;
        self.in_a_row = if goes_on { self.in_a_row + 1 } else { 1 };
        Some(chosen)
    }

    fn next_u64(&mut self) -> u64 {
        self.scheduler.next_u64()
    }
}

/// Runs the plan's schedules of `model`, or the one that it is to replay.
///
/// # Panics
///
/// When the model fails, or when what is to be replayed is no list of choices.
pub fn explore(plan: &Plan, model: impl Fn() + Sync + Send + 'static) -> Explored {
    let model = Arc::new(move || {
        begin();
        model();
    });
    if let Some(choices) = &plan.replay {
        let choices = read(choices)
            .unwrap_or_else(|| panic!("`{choices}` is no list of choices as a failure tells it"));
        // The model draws no random numbers, so their seed is of no matter.
        let schedule = Schedule::new_from_task_ids(0, choices);
        let executions = run(ReplayScheduler::new_from_schedule(schedule), &model);
        return Explored { executions, exhausted: false };
    }
    let mut executions = 0;
    for block in (0..plan.bounds.schedules.div_ceil(BLOCK)).filter(|&block| plan.shard.has(block)) {
        let seed = seed_of(plan.seed, block);
        let schedules = BLOCK.min(plan.bounds.schedules - block * BLOCK) as usize;
        let pct = || PctScheduler::new_from_seed(seed, plan.bounds.depth, schedules);
        executions += match block % 4 {
            1 => run(pct(), &model),
            3 => run(Insists { scheduler: pct(), in_a_row: 0 }, &model),
            _ => run(RandomScheduler::new_from_seed(seed, schedules), &model),
        };
    }
    Explored { executions, exhausted: false }
}

fn run<M: Fn() + Sync + Send + 'static>(scheduler: impl Scheduler + 'static, model: &Arc<M>) -> u64 {
    let mut config = Config::new();
    config.stack_size = STACK;
    config.max_steps = MaxSteps::FailAfter(MOST_STEPS);
    // The choices are told with the failure.
    config.failure_persistence = FailurePersistence::None;
    // It warns of atomics: all are sequentially consistent here. Weak memory is loom's part.
    config.silence_warnings = true;
    let model = Arc::clone(model);
    Runner::new(WritesDown(scheduler), config).run(move || model()) as u64
}

/// What of its plan the exploration of this thread has done: a number of schedules is done or not.
pub fn reached() -> Reached {
    Reached::Plan
}

/// The choices of the execution that this thread explores, to be replayed: the number of the thread that ran at each step, `NxM`
/// for M steps of thread N.
pub fn choices() -> Option<String> {
    CHOICES.with_borrow(|choices| {
        let runs = choices.chunk_by(|one, other| one == other).map(|run| match run {
            [task] => task.to_string(),
            _ => format!("{}x{}", run[0], run.len()),
        });
        Some(runs.collect::<Vec<_>>().join("."))
    })
}

fn read(text: &str) -> Option<Vec<usize>> {
    let mut choices = Vec::new();
    for run in text.split('.') {
        let (task, times) = run.split_once('x').unwrap_or((run, "1"));
        choices.extend(std::iter::repeat_n(task.parse::<usize>().ok()?, times.parse().ok()?));
    }
    Some(choices)
}
