//! Exploration with shuttle: random schedules, each of which can be replayed.
//!
//! Schedules come in blocks of two kinds that alternate: uniformly random choices, and PCT (S. Burckhardt et
//! al., "A randomized scheduler with probabilistic guarantees of finding bugs", 2010), which finds a bug of a
//! given depth with a known probability. Every other block of PCT delays yields ([`DelaysYields`]). The
//! plan's seed and the block's number alone decide a block, so the blocks can be split among machines. Every
//! choice is recorded, and a failure is replayed by its choices, whichever scheduler made them.
//!
//! A replay can only work when the same choices lead to the same execution. The last execution of each block is
//! therefore repeated, and compared at every choice with the first ([`Diverged`]).

use std::cell::{Cell, RefCell};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::panic_any;
use std::sync::Arc;

use shuttle::scheduler::{PctScheduler, RandomScheduler, Schedule, Scheduler, Task, TaskId};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

use super::modelled::{begin, chosen, chosen_so_far, forget_choices};
use super::{Diverged, ExplorationPlan, Explored, Explorer, Reached};
use crate::schedule;
use crate::shard::seed_of;

/// The explorer of this build.
pub const EXPLORER: Explorer = Explorer::Shuttle;

/// Schedules in a block. PCT needs several before it knows the length of an execution.
const BLOCK: u64 = 100;

/// The maximum number of steps in one execution. The longest model needs a few thousand, so an execution that
/// reaches the limit is spinning.
const MAX_STEPS: usize = 100_000;

/// The number of steps that a thread takes in a row before [`DelaysYields`] lets it yield: more than any
/// crate spins before it waits.
const YIELDS_AFTER: usize = 100;

/// Bytes of a modelled thread's stack. The panic hook runs on it.
const STACK: usize = 1 << 18;

thread_local! {
    /// A hash of the threads that could run, at each choice of the current execution.
    static OPTIONS: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    /// The number of choices that [`Repeating`] has made.
    static REPEATED: Cell<usize> = const { Cell::new(0) };
    /// Whether an execution of the exploration is being repeated.
    static REPEATS: Cell<bool> = const { Cell::new(false) };
}

/// Records the choices of another scheduler.
#[derive(Debug)]
struct Recording<S>(S);

impl<S: Scheduler> Scheduler for Recording<S> {
    fn new_execution(&mut self) -> Option<Schedule> {
        // The last call starts none, and the choices of the execution before are still wanted.
        let execution = self.0.new_execution()?;
        forget_choices();
        OPTIONS.with_borrow_mut(Vec::clear);
        Some(execution)
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        is_yielding: bool,
    ) -> Option<TaskId> {
        let next = self.0.next_task(runnable, current, is_yielding);
        if let Some(task) = next {
            chosen(task.into());
            OPTIONS.with_borrow_mut(|options| options.push(hash(runnable)));
        }
        next
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }
}

/// Lets a thread yield only after it has taken many steps in a row.
///
/// A channel spins for a while before it waits, and yields as it spins. PCT runs a thread that yields after
/// all others: whatever could wake it has happened before it waits, so no thread ever waits there. Delayed
/// yields let it wait while the others have yet to begin; a thread that spins for another still lets that one
/// run in the end.
#[derive(Debug)]
struct DelaysYields<S> {
    scheduler: S,
    /// How many times in a row the running thread was chosen.
    in_a_row: usize,
}

impl<S: Scheduler> Scheduler for DelaysYields<S> {
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
        let yields = is_yielding && self.in_a_row >= YIELDS_AFTER;
        let chosen = self.scheduler.next_task(runnable, current, yields)?;
        let goes_on = !yields && Some(chosen) == current;
        self.in_a_row = if goes_on { self.in_a_row + 1 } else { 1 };
        Some(chosen)
    }

    fn next_u64(&mut self) -> u64 {
        self.scheduler.next_u64()
    }
}

fn hash(runnable: &[&Task]) -> u64 {
    let mut hasher = DefaultHasher::new();
    runnable.iter().for_each(|task| usize::from(task.id()).hash(&mut hasher));
    hasher.finish()
}

/// Makes the choices of an earlier execution, as long as they fit.
#[derive(Debug)]
struct Repeating {
    choices: Vec<usize>,
    /// The options of the earlier execution, where they are known.
    options: Option<Vec<u64>>,
    has_begun: bool,
}

impl Scheduler for Repeating {
    fn new_execution(&mut self) -> Option<Schedule> {
        if std::mem::replace(&mut self.has_begun, true) {
            return None;
        }
        REPEATED.set(0);
        // The model draws no random numbers, so their seed does not matter.
        Some(Schedule::new(0))
    }

    fn next_task(&mut self, runnable: &[&Task], _: Option<TaskId>, _: bool) -> Option<TaskId> {
        let place = REPEATED.replace(REPEATED.get() + 1);
        let names = || {
            let names = runnable.iter().map(|task| usize::from(task.id()).to_string());
            names.collect::<Vec<_>>().join(", ")
        };
        let diverged = |what| panic_any(Diverged { choice: place as u64 + 1, what });
        let Some(&wanted) = self.choices.get(place) else {
            diverged(format!("after the last one of the schedule, the model goes on with thread {}", names()))
        };
        let Some(task) = runnable.iter().find(|task| usize::from(task.id()) == wanted) else {
            diverged(format!("thread {wanted} ran, and now it cannot: thread {} can", names()))
        };
        if self.options.as_ref().is_some_and(|options| options[place] != hash(runnable)) {
            diverged(format!("other threads could run than thread {} now", names()))
        }
        Some(task.id())
    }

    fn next_u64(&mut self) -> u64 {
        0
    }
}

/// Repeats an execution.
///
/// # Panics
///
/// With [`Diverged`] when it becomes another one, and when the model fails.
fn repeat<M: Fn() + Sync + Send + 'static>(
    choices: Vec<usize>,
    options: Option<Vec<u64>>,
    model: &Arc<M>,
) -> u64 {
    let all = choices.len();
    let executions = run(Repeating { choices, options, has_begun: false }, model);
    let made = REPEATED.get();
    if made < all {
        let what = "the model has ended, and went on before".to_owned();
        panic_any(Diverged { choice: made as u64 + 1, what });
    }
    executions
}

/// Whether the current execution repeats an earlier one, which was explored and passed.
pub fn repeats() -> bool {
    REPEATS.get()
}

/// Runs the plan's schedules of `model`, or the one to replay.
///
/// # Panics
///
/// When the model fails, when the schedule to replay is not a list of choices, and with [`Diverged`] when the
/// same choices lead to another execution.
pub fn explore(plan: &ExplorationPlan, model: impl Fn() + Sync + Send + 'static) -> Explored {
    let model = Arc::new(move || {
        begin();
        model();
    });
    if let Some(choices) = &plan.replay {
        let choices = schedule::read(choices).unwrap_or_else(|| {
            panic!("`{choices}` is no schedule: expected the choices that a failure printed")
        });
        return Explored { executions: repeat(choices, None, &model), exhausted: false };
    }
    let mut executions = 0;
    for block in (0..plan.bounds.schedules.div_ceil(BLOCK)).filter(|&block| plan.shard.has(block)) {
        let seed = seed_of(plan.seed, block);
        let schedules = BLOCK.min(plan.bounds.schedules - block * BLOCK) as usize;
        let pct = || PctScheduler::new_from_seed(seed, plan.bounds.depth, schedules);
        executions += match block % 4 {
            1 => run(pct(), &model),
            3 => run(DelaysYields { scheduler: pct(), in_a_row: 0 }, &model),
            _ => run(RandomScheduler::new_from_seed(seed, schedules), &model),
        };
        REPEATS.set(true);
        repeat(chosen_so_far(), Some(OPTIONS.take()), &model);
        REPEATS.set(false);
    }
    Explored { executions, exhausted: false }
}

fn run<M: Fn() + Sync + Send + 'static>(scheduler: impl Scheduler + 'static, model: &Arc<M>) -> u64 {
    let mut config = Config::new();
    config.stack_size = STACK;
    config.max_steps = MaxSteps::FailAfter(MAX_STEPS);
    // The report of a failure has the choices.
    config.failure_persistence = FailurePersistence::None;
    // Shuttle warns that its atomics are sequentially consistent. Weak memory is loom's part.
    config.silence_warnings = true;
    let model = Arc::clone(model);
    Runner::new(Recording(scheduler), config).run(move || model()) as u64
}

/// How much of its plan the exploration on this thread has done: shuttle runs all schedules or fails.
pub fn reached() -> Reached {
    Reached::Plan
}

/// The choices of the current execution, for its replay ([`schedule::text`]).
pub fn choices() -> Option<String> {
    Some(schedule::text(&chosen_so_far()))
}
