//! Waits that only look at the clock: a crate that spins until its deadline waits as well, though nobody wakes it.
//!
//! A deadline is made by adding to the time of now. Whoever made one and sees it to come by the clock again waits for it. It ends when the clock
//! has passed it, and otherwise it was ended by what another thread did. Whoever parks until a deadline is counted where it parks.

use std::cell::RefCell;

use crate::explorer;
use crate::memory;
use crate::tasks::{self, Woken};
use crate::time::Duration;

/// A deadline that a task made, and that it has not seen to have passed.
struct Deadline {
    task: usize,
    at: Duration,
    /// So often it was seen to come.
    looks: usize,
}

thread_local! {
    /// The deadlines of this execution, one for a task at most.
    static DEADLINES: RefCell<Vec<Deadline>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn begin() {
    memory::unwatched(|| drop(DEADLINES.take()));
}

/// The execution has ended, and what was waited for.
pub(crate) fn end() {
    memory::unwatched(|| DEADLINES.take()).into_iter().for_each(|deadline| ended(&deadline, 0));
}

/// A task makes a deadline, so it waits for no other.
pub(crate) fn made(at: Duration) {
    let task = explorer::me();
    if let Some(before) = take(task) {
        // The last look was for the time of now, from which this deadline was made.
        ended(&before, 1);
    }
    memory::unwatched(|| {
        DEADLINES.with_borrow_mut(|deadlines| deadlines.push(Deadline { task, at, looks: 0 }));
    });
}

/// A task looks at the clock.
pub(crate) fn looked(now: Duration) {
    let Some(mut deadline) = take(explorer::me()) else { return };
    if now < deadline.at {
        deadline.looks += 1;
        memory::unwatched(|| DEADLINES.with_borrow_mut(|deadlines| deadlines.push(deadline)));
    } else if deadline.looks > 0 {
        tasks::count(Woken::ByTime);
    }
}

/// A task parks until its deadline.
pub(crate) fn parks() {
    take(explorer::me());
}

fn take(task: usize) -> Option<Deadline> {
    DEADLINES.with_borrow_mut(|deadlines| {
        let place = deadlines.iter().position(|deadline| deadline.task == task)?;
        Some(deadlines.swap_remove(place))
    })
}

/// A wait for a deadline is over that was not seen to pass; so many looks were for something else.
fn ended(deadline: &Deadline, others: usize) {
    if deadline.looks > others {
        tasks::count(Woken::ByAnother);
    }
}
