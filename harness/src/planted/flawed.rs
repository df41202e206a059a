//! A plain channel, written once more, with one flaw built in: mistakes that people make at the ends of a channel, in its counts, its
//! order, its waits and its select.
//!
//! The channels of the parent module make a mistake once, with one message; these make theirs whenever its occasion comes. Without a
//! flaw ([`Sound`]) it is a correct channel, if a slow one: every change notifies all who wait. It has no rendezvous.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::duplicate;
use crate::channel::{
    Capability, Capacity, Channel, Difference, Handles, Info, Receiver, RecvError, RecvTimeoutError,
    Selector, SendError, SendTimeoutError, Sender, TryRecvError, TrySendError, Unsupported,
};

/// A flaw, and the name of the channel that has it.
pub trait Flawed: Send + Sync + 'static {
    /// The flaw.
    const FLAW: Flaw;
    /// The name.
    const NAME: &'static str;
    /// What it declares to lack.
    const LACKS: &'static [(Capability, &'static str)] = &[NO_RENDEZVOUS];
    /// What it declares to do differently.
    const DIFFERS: &'static [(Difference, &'static str)] = &[];
}

const NO_RENDEZVOUS: (Capability, &str) = (Capability::Rendezvous, "it has no hand-off");

macro_rules! flaws {
    ($($(#[$doc:meta])* $flaw:ident = $name:literal $({ $($declared:tt)* })?;)*) => {
        /// What is wrong with a channel.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Flaw {
            $($(#[$doc])* $flaw,)*
        }

        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $flaw {}
            impl Flawed for $flaw {
                const FLAW: Flaw = Flaw::$flaw;
                const NAME: &'static str = $name;
                $($($declared)*)?
            }
        )*
    };
}

flaws! {
    /// Nothing.
    Sound = "planted-sound";
    /// What is queued is lost when the last sender goes.
    ForgetsTheQueue = "planted-forgets-the-queue";
    /// Any sender that goes disconnects.
    FirstDropDisconnects = "planted-first-drop-disconnects";
    /// A clone of a clone is not counted.
    MiscountsClones = "planted-miscounts-clones";
    /// Timeouts are half as long.
    EarlyTimeout = "planted-early-timeout";
    /// A timeout of nothing does not look whether there is need to wait.
    TimesOutAtOnce = "planted-times-out-at-once";
    /// A failed send does not return the message, and does not say so.
    SwallowsTheMessage = "planted-swallows-the-message";
    /// What is queued when the last receiver goes is leaked.
    LeaksAtTheEnd = "planted-leaks-at-the-end";
    /// What is queued when the last receiver goes is kept, undeclared.
    KeepsTheQueue = "planted-keeps-the-queue";
    /// What is queued when the last receiver goes is dropped with the lock held.
    DropsUnderTheLock = "planted-drops-under-the-lock";
    /// One of the messages queued when the last receiver goes is dropped twice.
    DropsTwice = "planted-drops-twice";
    /// A message with which a timed send had to wait is dropped by the sender too.
    DropsATimedSend = "planted-drops-a-timed-send";
    /// Takes the newest message instead of the oldest once each time the ring goes round.
    LifoAtWrapAround = "planted-lifo-at-wrap-around";
    /// A disconnect wakes one of those who wait.
    WakesOne = "planted-wakes-one";
    /// A send wakes a receiver only when the queue was empty.
    WakesOnlyTheFirst = "planted-wakes-only-the-first";
    /// `try_send` waits while the channel is full.
    TryWaits = "planted-try-waits";
    /// Every seventh `try_send` says full.
    SpuriouslyFull = "planted-spuriously-full";
    /// Every seventh `try_recv` says empty.
    SpuriouslyEmpty = "planted-spuriously-empty";
    /// `len` is one too many when the channel is full.
    MiscountsWhenFull = "planted-miscounts-when-full";
    /// `len` counts a message that finds room, and then it is put into the queue.
    CountsTooEarly = "planted-counts-too-early";
    /// `len` counts a message until its receive is nearly over.
    CountsTooLate = "planted-counts-too-late";
    /// Holds one message more.
    HoldsOneMore = "planted-holds-one-more";
    /// Holds one message less, where it holds several.
    HoldsOneLess = "planted-holds-one-less";
    /// A receive that times out drops a message that came at the last moment.
    LosesAtTheTimeout = "planted-loses-at-the-timeout";
    /// A send into an unbounded channel without receivers succeeds.
    SendsToNobody = "planted-sends-to-nobody";
    /// Select takes the first input that is ready, always.
    StarvesInputs = "planted-starves-inputs";
    /// Select ends with the first input that is disconnected.
    EndsSelectEarly = "planted-ends-select-early";
    /// Declares a difference that is none.
    BoastsOfADifference = "planted-boasts-of-a-difference" {
        const DIFFERS: &'static [(Difference, &'static str)] =
            &[(Difference::BoundedKeepsUndelivered, "it does not")];
    };
    /// Declares to lack what it has.
    HidesACapability = "planted-hides-a-capability" {
        const LACKS: &'static [(Capability, &'static str)] =
            &[NO_RENDEZVOUS, (Capability::Len, "it has it")];
    };
}

/// The channel with the flaw `F`.
#[derive(Debug)]
pub struct Plain<F>(PhantomData<F>);

#[derive(Debug)]
struct State<T> {
    queue: VecDeque<T>,
    limit: usize,
    senders: usize,
    receivers: usize,
    /// Calls of `try_send` and `try_recv`, and messages taken.
    tried: u64,
    taken: usize,
    /// Messages that `len` counts and nobody can receive: how many there are, and have been.
    phantoms: usize,
    miscounts: usize,
}

/// So often a channel counts wrong.
const MISCOUNTS: usize = 1_000;

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

/// How long a call may wait.
#[derive(Clone, Copy)]
enum Wait {
    Not,
    Until(Instant),
    Always,
}

/// Why a call ended without what it was for.
enum Ended {
    TimedOut,
    Disconnected,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change; whether the time was over before.
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

    /// Lets others see a length that is one too many, and look again for what they can receive. Among many threads each time takes a turn.
    fn miscount<'a>(&'a self, mut state: MutexGuard<'a, State<T>>) -> MutexGuard<'a, State<T>> {
        if state.miscounts == MISCOUNTS {
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

    fn send(&self, message: T, wait: Wait, flaw: Flaw) -> Result<(), (T, Ended)> {
        let mut state = self.lock();
        if flaw == Flaw::CountsTooEarly && state.receivers > 0 && state.queue.len() < state.limit {
            state = self.miscount(state);
        }
        loop {
            if state.receivers == 0 && !(flaw == Flaw::SendsToNobody && state.limit == usize::MAX) {
                return Err((message, Ended::Disconnected));
            }
            if state.queue.len() < state.limit {
                let first = state.queue.is_empty();
                state.queue.push_back(message);
                match flaw {
                    Flaw::WakesOnlyTheFirst if !first => {}
                    Flaw::WakesOnlyTheFirst => self.changed.notify_one(),
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

    fn take(&self, state: &mut State<T>, flaw: Flaw) -> Option<T> {
        state.taken += 1;
        let wrapped = flaw == Flaw::LifoAtWrapAround && state.taken.is_multiple_of(4);
        let full = state.queue.len() == state.limit;
        let message = if wrapped { state.queue.pop_back() } else { state.queue.pop_front() };
        // With the flaw only senders are told, of which there are none before it is full.
        if full || flaw != Flaw::WakesOnlyTheFirst {
            self.changed.notify_all();
        }
        message
    }

    fn recv(&self, wait: Wait, flaw: Flaw) -> Result<T, Ended> {
        let mut state = self.lock();
        loop {
            if !state.queue.is_empty()
                && let Some(message) = self.take(&mut state, flaw)
            {
                if flaw == Flaw::CountsTooLate {
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
            if late && flaw == Flaw::LosesAtTheTimeout {
                let lost = self.take(&mut state, flaw);
                drop(state);
                drop(lost);
                return Err(Ended::TimedOut);
            }
        }
    }

    /// The last handle of a side is gone.
    fn disconnected(&self, flaw: Flaw) {
        match flaw {
            Flaw::WakesOne => self.changed.notify_one(),
            _ => self.changed.notify_all(),
        }
    }
}

/// When a wait ends; one that never does where the clock has no such time.
fn until(timeout: Duration, flaw: Flaw) -> Wait {
    let timeout = if flaw == Flaw::EarlyTimeout { timeout / 2 } else { timeout };
    Instant::now().checked_add(timeout).map_or(Wait::Always, Wait::Until)
}

impl<F: Flawed> Channel for Plain<F> {
    const INFO: Info = Info {
        name: F::NAME,
        package: None,
        about: "a plain channel with a planted flaw",
        lacks: F::LACKS,
        differs: F::DIFFERS,
        notes: &[],
    };
    type Sender<T: Send + 'static> = PlainSender<T, F>;
    type Receiver<T: Send + 'static> = PlainReceiver<T, F>;
    type Selector<'a, T: Send + 'static> = PlainSelector<'a, T, F>;

    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        let limit = match capacity.slots() {
            Some(0) => return Err(Self::INFO.unsupported(Capability::Rendezvous)),
            Some(slots) if F::FLAW == Flaw::HoldsOneMore => slots + 1,
            Some(slots) if F::FLAW == Flaw::HoldsOneLess => (slots - 1).max(1),
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
            PlainSender { shared: Arc::clone(&shared), cloned: false, flaw: PhantomData },
            PlainReceiver { shared, flaw: PhantomData },
        ))
    }

    fn selector<'a, T: Send + 'static>(
        receivers: impl IntoIterator<Item = &'a Self::Receiver<T>>,
    ) -> Result<Self::Selector<'a, T>, Unsupported> {
        Ok(PlainSelector { open: receivers.into_iter().collect(), next: 0 })
    }
}

/// Its sender.
#[derive(Debug)]
pub struct PlainSender<T, F: Flawed> {
    shared: Arc<Shared<T>>,
    cloned: bool,
    flaw: PhantomData<F>,
}

impl<T, F: Flawed> Clone for PlainSender<T, F> {
    fn clone(&self) -> Self {
        if !(F::FLAW == Flaw::MiscountsClones && self.cloned) {
            self.shared.lock().senders += 1;
        }
        PlainSender { shared: Arc::clone(&self.shared), cloned: true, flaw: PhantomData }
    }
}

impl<T, F: Flawed> Drop for PlainSender<T, F> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.senders = match F::FLAW {
            Flaw::FirstDropDisconnects => 0,
            _ => state.senders.saturating_sub(1),
        };
        if state.senders == 0 {
            let forgotten = match F::FLAW {
                Flaw::ForgetsTheQueue => mem::take(&mut state.queue),
                _ => VecDeque::new(),
            };
            drop(state);
            self.shared.disconnected(F::FLAW);
            drop(forgotten);
        }
    }
}

impl<T: Send + 'static, F: Flawed> Sender<T> for PlainSender<T, F> {
    fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.shared.send(message, Wait::Always, F::FLAW).map_err(|(message, _)| SendError {
            message: (F::FLAW != Flaw::SwallowsTheMessage).then_some(message),
        })
    }

    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        let mut state = self.shared.lock();
        state.tried += 1;
        if F::FLAW == Flaw::SpuriouslyFull && state.tried.is_multiple_of(7) && state.receivers > 0 {
            return Err(TrySendError::Full(message));
        }
        drop(state);
        let wait = if F::FLAW == Flaw::TryWaits { Wait::Always } else { Wait::Not };
        self.shared.send(message, wait, F::FLAW).map_err(|(message, ended)| match ended {
            Ended::TimedOut => TrySendError::Full(message),
            Ended::Disconnected => TrySendError::Disconnected(message),
        })
    }

    fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        if F::FLAW == Flaw::TimesOutAtOnce && timeout.is_zero() {
            return Err(SendTimeoutError::Timeout(message));
        }
        let waits = F::FLAW == Flaw::DropsATimedSend && {
            let state = self.shared.lock();
            state.queue.len() >= state.limit
        };
        let kept = if waits { duplicate(&message) } else { None };
        let sent = self.shared.send(message, until(timeout, F::FLAW), F::FLAW);
        if sent.is_err() {
            mem::forget(kept);
        }
        sent.map_err(|(message, ended)| match ended {
            Ended::TimedOut => SendTimeoutError::Timeout(message),
            Ended::Disconnected => SendTimeoutError::Disconnected(message),
        })
    }
}

/// Its receiver.
#[derive(Debug)]
pub struct PlainReceiver<T: Send + 'static, F: Flawed> {
    shared: Arc<Shared<T>>,
    flaw: PhantomData<F>,
}

impl<T: Send + 'static, F: Flawed> Drop for PlainReceiver<T, F> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.receivers -= 1;
        if state.receivers > 0 {
            return;
        }
        let undelivered = match F::FLAW {
            Flaw::KeepsTheQueue => VecDeque::new(),
            _ => mem::take(&mut state.queue),
        };
        if F::FLAW == Flaw::DropsUnderTheLock {
            drop(undelivered);
            drop(state);
            return self.shared.disconnected(F::FLAW);
        }
        drop(state);
        self.shared.disconnected(F::FLAW);
        match F::FLAW {
            Flaw::LeaksAtTheEnd => mem::forget(undelivered),
            Flaw::DropsTwice => {
                drop(undelivered.front().and_then(duplicate));
                drop(undelivered);
            }
            _ => drop(undelivered),
        }
    }
}

impl<T: Send + 'static, F: Flawed> Receiver<T> for PlainReceiver<T, F> {
    fn recv(&self) -> Result<T, RecvError> {
        self.shared.recv(Wait::Always, F::FLAW).map_err(|_| RecvError)
    }

    fn try_recv(&self) -> Result<T, TryRecvError> {
        let mut state = self.shared.lock();
        state.tried += 1;
        if F::FLAW == Flaw::SpuriouslyEmpty && state.tried.is_multiple_of(7) && state.senders > 0 {
            return Err(TryRecvError::Empty);
        }
        drop(state);
        self.shared.recv(Wait::Not, F::FLAW).map_err(|ended| match ended {
            Ended::TimedOut => TryRecvError::Empty,
            Ended::Disconnected => TryRecvError::Disconnected,
        })
    }

    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        if F::FLAW == Flaw::TimesOutAtOnce && timeout.is_zero() {
            return Err(RecvTimeoutError::Timeout);
        }
        self.shared.recv(until(timeout, F::FLAW), F::FLAW).map_err(|ended| match ended {
            Ended::TimedOut => RecvTimeoutError::Timeout,
            Ended::Disconnected => RecvTimeoutError::Disconnected,
        })
    }

    fn try_clone(&self) -> Result<Self, Unsupported> {
        self.shared.lock().receivers += 1;
        Ok(PlainReceiver { shared: Arc::clone(&self.shared), flaw: PhantomData })
    }

    fn len(&self) -> Result<usize, Unsupported> {
        let state = self.shared.lock();
        let len = state.queue.len() + state.phantoms;
        Ok(len + usize::from(F::FLAW == Flaw::MiscountsWhenFull && len == state.limit))
    }
}

/// Its selector: asks one input after the other, again and again.
#[derive(Debug)]
pub struct PlainSelector<'a, T: Send + 'static, F: Flawed> {
    open: Vec<&'a PlainReceiver<T, F>>,
    /// The input that is asked first.
    next: usize,
}

impl<T: Send + 'static, F: Flawed> Selector<T> for PlainSelector<'_, T, F> {
    fn recv(&mut self) -> Result<T, RecvError> {
        while !self.open.is_empty() {
            let first = if F::FLAW == Flaw::StarvesInputs { 0 } else { self.next };
            self.next += 1;
            for turn in 0..self.open.len() {
                let input = (first + turn) % self.open.len();
                match self.open[input].shared.recv(Wait::Not, F::FLAW) {
                    Ok(message) => return Ok(message),
                    Err(Ended::TimedOut) => {}
                    Err(Ended::Disconnected) if F::FLAW == Flaw::EndsSelectEarly => return Err(RecvError),
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
