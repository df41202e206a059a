//! `std::time`, on a clock that only the scheduler moves.
//!
//! The clock stands still by itself. An [`Instant`] in the future is a *moment*: a task of the scheduler's, which sets the clock behind it and wakes
//! whoever waits for it, when the scheduler happens to choose it. So a deadline passes at any step after it was made, early, late, or
//! after everything else is done; a loop that looks at the clock ends, because the moment comes; and a replay of the same choices
//! has the same times. Moments that lie apart may pass in either order, as threads that wait for them may in fact run.

mod wall;

use std::cell::{Cell, RefCell};
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::sync::atomic::Ordering;

pub use std::time::Duration;

pub use self::wall::{SystemTime, SystemTimeError};

use crate::explorer::{self, Common};
use crate::tasks::{self, Waiter};
use crate::{looks, memory};

/// So much time passes with each moment: a real clock never stands at one that was waited for.
const TICK: Duration = Duration::from_nanos(1);

/// What the clock shows first: enough that a time before it can be told.
const FIRST: Duration = Duration::from_secs(1_000_000);

thread_local! {
    static NOW: Cell<Duration> = const { Cell::new(FIRST) };
    /// The moments to come, and who waits for them.
    static MOMENTS: RefCell<Vec<(Duration, Vec<Waiter>)>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn begin() {
    NOW.set(FIRST);
    MOMENTS.with_borrow_mut(Vec::clear);
}

pub(crate) fn now() -> Duration {
    depends();
    NOW.get()
}

/// What is done with the clock comes before or after whatever else is, and orders nothing else.
fn depends() {
    explorer::depends(Common::Clock.into(), Ordering::Relaxed);
}

/// Lets so much time pass.
pub(crate) fn pass(time: Duration) {
    depends();
    explorer::changed(Common::Clock.into());
    NOW.set(NOW.get().saturating_add(time));
}

/// Makes `at` a moment, at which `waiter` is woken; it has passed already when the clock shows it.
pub(crate) fn moment(at: Duration, waiter: Option<Waiter>) {
    depends();
    if at <= NOW.get() {
        tick();
        return waiter.into_iter().for_each(tasks::expire);
    }
    let is_new = memory::unwatched(|| {
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
        explorer::spawn(move || comes(at));
    }
}

fn comes(at: Duration) {
    depends();
    NOW.set(NOW.get().max(at));
    tick();
    let waiters = memory::unwatched(|| {
        MOMENTS.with_borrow_mut(|moments| {
            let place = moments.iter().position(|(known, _)| *known == at);
            place.map(|place| moments.swap_remove(place).1)
        })
    });
    waiters.into_iter().flatten().for_each(tasks::expire);
}

fn tick() {
    explorer::changed(Common::Clock.into());
    NOW.set(NOW.get().saturating_add(TICK));
}

/// As std's, of the model's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// As std's. Whoever looks at the clock lets others run: the moment that is waited for may come.
    pub fn now() -> Self {
        explorer::look();
        let now = now();
        looks::looked(now);
        Instant(now)
    }

    /// As std's.
    pub fn elapsed(&self) -> Duration {
        Instant::now().duration_since(*self)
    }

    /// As std's.
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// As std's.
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// As std's.
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        self.0.checked_sub(earlier.0)
    }

    /// As std's; what lies in the future is a moment from now on.
    pub fn checked_add(&self, time: Duration) -> Option<Instant> {
        let at = self.0.checked_add(time)?;
        moment(at, None);
        looks::made(at);
        Some(Instant(at))
    }

    /// As std's.
    pub fn checked_sub(&self, time: Duration) -> Option<Instant> {
        self.0.checked_sub(time).map(Instant)
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, time: Duration) -> Instant {
        self.checked_add(time).expect("overflow when adding duration to instant")
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, time: Duration) {
        *self = *self + time;
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;

    fn sub(self, time: Duration) -> Instant {
        self.checked_sub(time).expect("overflow when subtracting duration from instant")
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, time: Duration) {
        *self = *self - time;
    }
}

impl Sub<Instant> for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }
}
