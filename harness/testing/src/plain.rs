//! A plain channel with a mistake inside: in its ends, its counts, its order, its waits or its select.
//!
//! Without a mistake it is a correct channel, if a slow one: every change wakes all waiting threads. It has
//! no rendezvous.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{Mistake, Mutation, duplicate};
use contract::channel::{
    Capability, Capacity, Channel, Difference, Handles, Info, Receiver, RecvError, RecvTimeoutError,
    Selector, SendError, SendTimeoutError, Sender, TryRecvError, TrySendError, Unsupported,
};

const NO_RENDEZVOUS: (Capability, &str) = (Capability::Rendezvous, "it has no hand-off");

impl Mistake {
    const fn lacks(self) -> &'static [(Capability, &'static str)] {
        match self {
            Mistake::DeclaresAFalseLack => &[NO_RENDEZVOUS, (Capability::Len, "a false declaration")],
            _ => &[NO_RENDEZVOUS],
        }
    }

    const fn differs(self) -> &'static [(Difference, &'static str)] {
        match self {
            Mistake::DeclaresAFalseDifference => {
                &[(Difference::BoundedKeepsUndelivered, "a false declaration")]
            }
            _ => &[],
        }
    }
}

/// A plain channel with the mistake `M`.
#[derive(Debug)]
pub struct Plain<M>(PhantomData<M>);

#[derive(Debug)]
struct State<T> {
    queue: VecDeque<T>,
    limit: usize,
    senders: usize,
    receivers: usize,
    /// The number of calls of `try_send` and `try_recv`, and of messages taken.
    tried: u64,
    taken: usize,
    /// Messages that `len` counts but that cannot be received.
    phantoms: usize,
    /// The number of wrong counts so far.
    miscounts: usize,
}

/// The maximum number of wrong counts of a channel.
const MAX_MISCOUNTS: usize = 1_000;

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

/// The time that a call may wait.
#[derive(Clone, Copy)]
enum Wait {
    Not,
    Until(Instant),
    Always,
}

/// The reason why a call failed.
enum Ended {
    TimedOut,
    Disconnected,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change; true when the time was already over.
    fn wait<'a>(&'a self, state: MutexGuard<'a, State<T>>, wait: Wait) -> (MutexGuard<'a, State<T>>, bool) {
        match wait {
            Wait::Not => (state, true),
            Wait::Always => (self.changed.wait(state).unwrap_or_else(PoisonError::into_inner), false),
            Wait::Until(end) => match end.checked_duration_since(Instant::now()) {
                Some(left) if !left.is_zero() => {
                    (self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0, false)
                }
                _ => (state, true),
            },
        }
    }

    /// Exposes a length that is one too many. Each time costs a turn of the scheduler, so their number is
    /// limited.
    fn miscount<'a>(&'a self, mut state: MutexGuard<'a, State<T>>) -> MutexGuard<'a, State<T>> {
        if state.miscounts == MAX_MISCOUNTS {
            return state;
        }
        state.miscounts += 1;
        state.phantoms += 1;
        drop(state);
        thread::yield_now();
        state = self.lock();
        state.phantoms -= 1;
        state
    }

    fn send(&self, message: T, wait: Wait, mistake: Mistake) -> Result<(), (T, Ended)> {
        let mut state = self.lock();
        if mistake == Mistake::CountsTooEarly && state.receivers > 0 && state.queue.len() < state.limit {
            state = self.miscount(state);
        }
        loop {
            if state.receivers == 0
                && !(mistake == Mistake::SendsWithoutReceivers && state.limit == usize::MAX)
            {
                return Err((message, Ended::Disconnected));
            }
            if state.queue.len() < state.limit {
                let first = state.queue.is_empty();
                state.queue.push_back(message);
                match mistake {
                    Mistake::WakesOnlyTheFirst if !first => {}
                    Mistake::WakesOnlyTheFirst => self.changed.notify_one(),
                    _ => self.changed.notify_all(),
                }
                return Ok(());
            }
            let over;
            (state, over) = self.wait(state, wait);
            if over {
                return Err((message, Ended::TimedOut));
            }
        }
    }

    fn take(&self, state: &mut State<T>, mistake: Mistake) -> Option<T> {
        state.taken += 1;
        let wrapped = mistake == Mistake::LifoAtWrapAround && state.taken.is_multiple_of(4);
        let full = state.queue.len() == state.limit;
        let message = if wrapped { state.queue.pop_back() } else { state.queue.pop_front() };
        // With the mistake, only waiting senders are woken, and a sender waits only when the channel is full.
        if full || mistake != Mistake::WakesOnlyTheFirst {
            self.changed.notify_all();
        }
        message
    }

    fn recv(&self, wait: Wait, mistake: Mistake) -> Result<T, Ended> {
        let mut state = self.lock();
        loop {
            if !state.queue.is_empty()
                && let Some(message) = self.take(&mut state, mistake)
            {
                if mistake == Mistake::CountsTooLate {
                    drop(self.miscount(state));
                }
                return Ok(message);
            }
            if state.senders == 0 {
                return Err(Ended::Disconnected);
            }
            let over;
            (state, over) = self.wait(state, wait);
            if over {
                return Err(Ended::TimedOut);
            }
            let late = matches!(wait, Wait::Until(end) if Instant::now() >= end);
            if late && mistake == Mistake::LosesAtTheTimeout {
                let lost = self.take(&mut state, mistake);
                drop(state);
                drop(lost);
                return Err(Ended::TimedOut);
            }
        }
    }

    /// Wakes the other side when the last handle of a side is gone.
    fn disconnected(&self, mistake: Mistake) {
        match mistake {
            Mistake::WakesOne => self.changed.notify_one(),
            _ => self.changed.notify_all(),
        }
    }
}

/// The end of a wait; a time beyond the clock's range never comes.
fn until(timeout: Duration, mistake: Mistake) -> Wait {
    let timeout = if mistake == Mistake::EarlyTimeout { timeout / 2 } else { timeout };
    Instant::now().checked_add(timeout).map_or(Wait::Always, Wait::Until)
}

impl<M: Mutation> Channel for Plain<M> {
    const INFO: Info = Info {
        name: M::MUTANT.name,
        package: None,
        about: M::MUTANT.wrong,
        lacks: M::MISTAKE.lacks(),
        differs: M::MISTAKE.differs(),
        notes: &[],
    };
    type Sender<T: Send + 'static> = PlainSender<T, M>;
    type Receiver<T: Send + 'static> = PlainReceiver<T, M>;
    type Selector<'a, T: Send + 'static> = PlainSelector<'a, T, M>;

    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        let limit = match capacity.slots() {
            Some(0) => return Err(Self::INFO.unsupported(Capability::Rendezvous)),
            Some(slots) if M::MISTAKE == Mistake::HoldsOneMore => slots + 1,
            Some(slots) if M::MISTAKE == Mistake::HoldsOneLess => (slots - 1).max(1),
            Some(slots) => slots,
            None => usize::MAX,
        };
        let state = State {
            queue: VecDeque::new(),
            limit,
            senders: 1,
            receivers: 1,
            tried: 0,
            taken: 0,
            phantoms: 0,
            miscounts: 0,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        Ok((
            PlainSender { shared: Arc::clone(&shared), cloned: false, mistake: PhantomData },
            PlainReceiver { shared, mistake: PhantomData },
        ))
    }

    fn selector<'a, T: Send + 'static>(
        receivers: impl IntoIterator<Item = &'a Self::Receiver<T>>,
    ) -> Result<Self::Selector<'a, T>, Unsupported> {
        Ok(PlainSelector { open: receivers.into_iter().collect(), next: 0 })
    }
}

/// The sender of a [`Plain`] channel.
#[derive(Debug)]
pub struct PlainSender<T, M: Mutation> {
    shared: Arc<Shared<T>>,
    cloned: bool,
    mistake: PhantomData<M>,
}

impl<T, M: Mutation> Clone for PlainSender<T, M> {
    fn clone(&self) -> Self {
        if !(M::MISTAKE == Mistake::MiscountsClones && self.cloned) {
            self.shared.lock().senders += 1;
        }
        PlainSender { shared: Arc::clone(&self.shared), cloned: true, mistake: PhantomData }
    }
}

impl<T, M: Mutation> Drop for PlainSender<T, M> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.senders = match M::MISTAKE {
            Mistake::FirstDropDisconnects => 0,
            _ => state.senders.saturating_sub(1),
        };
        if state.senders == 0 {
            let forgotten = match M::MISTAKE {
                Mistake::ForgetsTheQueue => mem::take(&mut state.queue),
                _ => VecDeque::new(),
            };
            drop(state);
            self.shared.disconnected(M::MISTAKE);
            drop(forgotten);
        }
    }
}

impl<T: Send + 'static, M: Mutation> Sender<T> for PlainSender<T, M> {
    fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.shared.send(message, Wait::Always, M::MISTAKE).map_err(|(message, _)| SendError {
            message: (M::MISTAKE != Mistake::SwallowsTheMessage).then_some(message),
        })
    }

    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        let mut state = self.shared.lock();
        state.tried += 1;
        if M::MISTAKE == Mistake::SpuriouslyFull && state.tried.is_multiple_of(7) && state.receivers > 0 {
            return Err(TrySendError::Full(message));
        }
        drop(state);
        let wait = if M::MISTAKE == Mistake::TryWaits { Wait::Always } else { Wait::Not };
        self.shared.send(message, wait, M::MISTAKE).map_err(|(message, ended)| match ended {
            Ended::TimedOut => TrySendError::Full(message),
            Ended::Disconnected => TrySendError::Disconnected(message),
        })
    }

    fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        if M::MISTAKE == Mistake::TimesOutAtOnce && timeout.is_zero() {
            return Err(SendTimeoutError::Timeout(message));
        }
        let waits = M::MISTAKE == Mistake::DropsATimedSend && {
            let state = self.shared.lock();
            state.queue.len() >= state.limit
        };
        let kept = if waits { duplicate(&message) } else { None };
        let sent = self.shared.send(message, until(timeout, M::MISTAKE), M::MISTAKE);
        if sent.is_err() {
            mem::forget(kept);
        }
        sent.map_err(|(message, ended)| match ended {
            Ended::TimedOut => SendTimeoutError::Timeout(message),
            Ended::Disconnected => SendTimeoutError::Disconnected(message),
        })
    }
}

/// The receiver of a [`Plain`] channel.
#[derive(Debug)]
pub struct PlainReceiver<T: Send + 'static, M: Mutation> {
    shared: Arc<Shared<T>>,
    mistake: PhantomData<M>,
}

impl<T: Send + 'static, M: Mutation> Drop for PlainReceiver<T, M> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.receivers -= 1;
        if state.receivers > 0 {
            return;
        }
        let undelivered = match M::MISTAKE {
            Mistake::KeepsTheQueue => VecDeque::new(),
            _ => mem::take(&mut state.queue),
        };
        if M::MISTAKE == Mistake::DropsUnderTheLock {
            drop(undelivered);
            drop(state);
            return self.shared.disconnected(M::MISTAKE);
        }
        drop(state);
        self.shared.disconnected(M::MISTAKE);
        match M::MISTAKE {
            Mistake::LeaksAtTheEnd => mem::forget(undelivered),
            Mistake::DropsTwice => {
                drop(undelivered.front().and_then(duplicate));
                drop(undelivered);
            }
            _ => drop(undelivered),
        }
    }
}

impl<T: Send + 'static, M: Mutation> Receiver<T> for PlainReceiver<T, M> {
    fn recv(&self) -> Result<T, RecvError> {
        self.shared.recv(Wait::Always, M::MISTAKE).map_err(|_| RecvError)
    }

    fn try_recv(&self) -> Result<T, TryRecvError> {
        let mut state = self.shared.lock();
        state.tried += 1;
        if M::MISTAKE == Mistake::SpuriouslyEmpty && state.tried.is_multiple_of(7) && state.senders > 0 {
            return Err(TryRecvError::Empty);
        }
        drop(state);
        self.shared.recv(Wait::Not, M::MISTAKE).map_err(|ended| match ended {
            Ended::TimedOut => TryRecvError::Empty,
            Ended::Disconnected => TryRecvError::Disconnected,
        })
    }

    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        if M::MISTAKE == Mistake::TimesOutAtOnce && timeout.is_zero() {
            return Err(RecvTimeoutError::Timeout);
        }
        self.shared.recv(until(timeout, M::MISTAKE), M::MISTAKE).map_err(|ended| match ended {
            Ended::TimedOut => RecvTimeoutError::Timeout,
            Ended::Disconnected => RecvTimeoutError::Disconnected,
        })
    }

    fn try_clone(&self) -> Result<Self, Unsupported> {
        self.shared.lock().receivers += 1;
        Ok(PlainReceiver { shared: Arc::clone(&self.shared), mistake: PhantomData })
    }

    fn len(&self) -> Result<usize, Unsupported> {
        let state = self.shared.lock();
        let len = state.queue.len() + state.phantoms;
        Ok(len + usize::from(M::MISTAKE == Mistake::MiscountsWhenFull && len == state.limit))
    }
}

/// The selector of [`Plain`] channels, which polls its inputs in turn.
#[derive(Debug)]
pub struct PlainSelector<'a, T: Send + 'static, M: Mutation> {
    open: Vec<&'a PlainReceiver<T, M>>,
    /// The input that is polled first.
    next: usize,
}

impl<T: Send + 'static, M: Mutation> Selector<T> for PlainSelector<'_, T, M> {
    fn recv(&mut self) -> Result<T, RecvError> {
        while !self.open.is_empty() {
            let first = if M::MISTAKE == Mistake::StarvesInputs { 0 } else { self.next };
            self.next += 1;
            for turn in 0..self.open.len() {
                let input = (first + turn) % self.open.len();
                match self.open[input].shared.recv(Wait::Not, M::MISTAKE) {
                    Ok(message) => return Ok(message),
                    Err(Ended::TimedOut) => {}
                    Err(Ended::Disconnected) if M::MISTAKE == Mistake::EndsSelectEarly => {
                        return Err(RecvError);
                    }
                    Err(Ended::Disconnected) => {
                        self.open.remove(input);
                        break;
                    }
                }
            }
            thread::yield_now();
        }
        Err(RecvError)
    }
}
