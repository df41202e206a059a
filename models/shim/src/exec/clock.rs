//! The clock of a model, which only the scheduler moves.
//!
//! The clock stands still by itself. A deadline in the future is a *moment*: a task that, when the scheduler
//! chooses it, sets the clock past the deadline and wakes those who wait for it. A deadline therefore passes
//! at any step after it was set: early, late, or when everything else is done. A loop that polls the clock
//! ends, because the moment comes; and a replay of the same choices sees the same times. Two moments may pass
//! in either order, as the threads that wait for them may run in either order on a real machine.

use std::cell::{Cell, RefCell};
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::explorer::{self, Common};
use super::quarantine;
use super::tasks::{self, Waiter};

/// The time that passes with each moment: a real clock never stands exactly at a deadline.
const TICK: Duration = Duration::from_nanos(1);

/// The time at the start of an execution. Large, so that earlier times can be represented.
const START: Duration = Duration::from_secs(1_000_000);

thread_local! {
    static NOW: Cell<Duration> = const { Cell::new(START) };
    /// The moments to come, and who waits for them.
    static MOMENTS: RefCell<Vec<(Duration, Vec<Waiter>)>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn begin() {
    NOW.set(START);
    MOMENTS.with_borrow_mut(Vec::clear);
}

pub(crate) fn now() -> Duration {
    depends();
    NOW.get()
}

/// An access of the clock is before or after every other; it orders nothing else.
fn depends() {
    explorer::depends(Common::Clock.into(), Ordering::Relaxed);
}

/// Moves the clock on by `time`.
pub(crate) fn advance(time: Duration) {
    depends();
    explorer::changed(Common::Clock.into());
    NOW.set(NOW.get().saturating_add(time));
}

/// Makes `at` a moment, at which `waiter` is woken. It has passed already when the clock shows it.
pub(crate) fn moment(at: Duration, waiter: Option<Waiter>) {
    depends();
    if at <= NOW.get() {
        tick();
        return waiter.into_iter().for_each(tasks::expire);
    }
    let is_new = quarantine::unwatched(|| {
        MOMENTS.with_borrow_mut(|moments| match moments.iter_mut().find(|(known, _)| *known == at) {
            Some((_, waiters)) => {
                waiters.extend(waiter);
                false
            }
            None => {
                moments.push((at, waiter.into_iter().collect()));
                true
            }
        })
    });
    if is_new {
        explorer::spawn(move || pass(at));
    }
}

/// The moment `at` comes.
fn pass(at: Duration) {
    depends();
    NOW.set(NOW.get().max(at));
    tick();
    let waiters = quarantine::unwatched(|| {
        MOMENTS.with_borrow_mut(|moments| {
            let index = moments.iter().position(|(known, _)| *known == at);
            index.map(|index| moments.swap_remove(index).1)
        })
    });
    waiters.into_iter().flatten().for_each(tasks::expire);
}

fn tick() {
    explorer::changed(Common::Clock.into());
    NOW.set(NOW.get().saturating_add(TICK));
}
