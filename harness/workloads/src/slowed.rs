//! A channel with a planted slowdown, which tests whether a comparison can find it.
//!
//! Every receive of a published channel does extra steps of work, whose number [`set`] decides. With no extra
//! steps the machine code is the same, so two runners differ only by the slowdown.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::work::work;
use contract::channel::{
    Capability, Capacity, Channel, Handles, Info, NoSelect, Receiver, RecvError, RecvTimeoutError,
    TryRecvError, Unsupported,
};

/// The environment variable that makes the benchmarks measure the slowed channel alone, with this number of
/// steps. `chanlab honesty` sets it to test criterion.
pub const VARIABLE: &str = "CHANLAB_SLOWED_STEPS";

static STEPS: AtomicU64 = AtomicU64::new(0);

/// Sets the number of extra steps in each receive of a slowed channel, for this process.
pub fn set(steps: u64) {
    // Relaxed: rounds start their threads after this, which orders the store before their loads.
    STEPS.store(steps, Ordering::Relaxed);
}

/// The channel `C`, slowed.
#[derive(Debug)]
pub struct Slowed<C>(PhantomData<C>);

impl<C: Channel> Channel for Slowed<C> {
    const INFO: Info = Info {
        name: "slowed",
        package: C::INFO.package,
        about: "a channel with a planted slowdown",
        lacks: &[(Capability::Select, "its test needs no select")],
        differs: &[],
        notes: &[],
    };
    type Sender<T: Send + 'static> = C::Sender<T>;
    type Receiver<T: Send + 'static> = SlowedReceiver<C::Receiver<T>>;
    type Selector<'a, T: Send + 'static> = NoSelect;

    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        let (sender, receiver) = C::open(capacity)?;
        Ok((sender, SlowedReceiver { receiver }))
    }

    fn selector<'a, T: Send + 'static>(
        _: impl IntoIterator<Item = &'a Self::Receiver<T>>,
    ) -> Result<NoSelect, Unsupported> {
        Err(Self::INFO.unsupported(Capability::Select))
    }
}

/// The receiver, which is slowed.
#[derive(Debug)]
pub struct SlowedReceiver<R> {
    receiver: R,
}

/// The extra work of one receive.
#[inline(always)]
fn slow_down() {
    // Relaxed: see `set`.
    work(STEPS.load(Ordering::Relaxed));
}

impl<T, R: Receiver<T>> Receiver<T> for SlowedReceiver<R> {
    #[inline(always)]
    fn recv(&self) -> Result<T, RecvError> {
        let message = self.receiver.recv();
        slow_down();
        message
    }

    #[inline(always)]
    fn try_recv(&self) -> Result<T, TryRecvError> {
        let message = self.receiver.try_recv();
        slow_down();
        message
    }

    #[inline(always)]
    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        let message = self.receiver.recv_timeout(timeout);
        slow_down();
        message
    }

    fn try_clone(&self) -> Result<Self, Unsupported> {
        Ok(SlowedReceiver { receiver: self.receiver.try_clone()? })
    }

    fn len(&self) -> Result<usize, Unsupported> {
        self.receiver.len()
    }
}
