//! Channels with a planted fault: what the checks must catch, and so the checks' own test.
//!
//! Each is the baseline with one mistake at its receiving end, made once in the life of a channel. They are built only with
//! the feature `planted`, which tests ask for, and are in no registry. Those of [`flawed`] have their mistake built in.

pub mod flawed;

use std::any::type_name;
use std::marker::PhantomData;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::channel::{
    Capability, Capacity, Channel, Handles, Info, NoSelect, Receiver, RecvError, RecvTimeoutError,
    TryRecvError, Unsupported,
};
use crate::channels::mutex_deque::{DequeReceiver, DequeSender, MutexDeque};

/// The mistake is made with the message that is received as this one, counted from 0, in each channel.
const VICTIM: u64 = 10;

/// A mistake.
pub trait Fault: Send + Sync + 'static {
    /// The name of the channel that makes it.
    const NAME: &'static str;
    /// What is made of the victim.
    const MISTAKE: Mistake;
}

/// What is made of the victim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// Dropped, not delivered.
    Drop,
    /// Neither delivered nor dropped.
    Leak,
    /// Delivered twice.
    Double,
    /// Held back until the next message was delivered.
    Reorder,
    /// The receive never returns.
    Hang,
    /// Not touched; but one receive after it is told of a disconnect, while senders are there.
    Disconnect,
    /// Nothing; but what is queued when the last receiver goes is leaked.
    LeakTheRest,
}

macro_rules! faults {
    ($($(#[$doc:meta])* $fault:ident = $name:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $fault {}
        impl Fault for $fault {
            const NAME: &'static str = $name;
            const MISTAKE: Mistake = Mistake::$fault;
        }
    )*};
}

faults! {
    /// Drops a message.
    Drop = "planted-drop";
    /// Leaks a message.
    Leak = "planted-leak";
    /// Delivers a message twice.
    Double = "planted-double";
    /// Delivers a message after the next.
    Reorder = "planted-reorder";
    /// Hangs in a receive.
    Hang = "planted-hang";
    /// Tells one receiver of a disconnect while senders are there.
    Disconnect = "planted-disconnect";
    /// Leaks what is queued at the end.
    LeakTheRest = "planted-leak-the-rest";
}

/// The baseline with the mistake `F`.
#[derive(Debug)]
pub struct Planted<F>(PhantomData<F>);

impl<F: Fault> Channel for Planted<F> {
    const INFO: Info = Info {
        name: F::NAME,
        package: None,
        about: "the baseline with a planted fault",
        lacks: &[(Capability::Select, "as the baseline")],
        differs: &[],
        notes: &[],
    };
    type Sender<T: Send + 'static> = DequeSender<T>;
    type Receiver<T: Send + 'static> = PlantedReceiver<T, F>;
    type Selector<'a, T: Send + 'static> = NoSelect;

    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        let (sender, receiver) = MutexDeque::open(capacity)?;
        Ok((sender, PlantedReceiver { receiver, shared: Arc::default(), fault: PhantomData }))
    }

    fn selector<'a, T: Send + 'static>(
        _: impl IntoIterator<Item = &'a Self::Receiver<T>>,
    ) -> Result<NoSelect, Unsupported> {
        Err(Self::INFO.unsupported(Capability::Select))
    }
}

/// The receiving end that makes the mistake.
#[derive(Debug)]
pub struct PlantedReceiver<T: Send + 'static, F: Fault> {
    receiver: DequeReceiver<T>,
    /// Of all receivers of the channel.
    shared: Arc<Mutex<Shared<T>>>,
    fault: PhantomData<F>,
}

#[derive(Debug)]
struct Shared<T> {
    received: u64,
    /// Whether a receiver was told of a disconnect that is none.
    told: bool,
    /// Delivered before anything else.
    next: Option<T>,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Shared { received: 0, told: false, next: None }
    }
}

/// A second copy of a message, of one that is plain data; `None` of any other.
fn duplicate<T: 'static>(message: &T) -> Option<T> {
    // The types of messages whose `Drop` touches counters and nothing else.
    let counted = ["message::Message", "pipeline::Processed", "token_bucket::Token", "Counted"];
    let name = type_name::<T>();
    let plain = !mem::needs_drop::<T>()
        || (counted.iter().any(|part| name.contains(part)) && !name.contains("Box") && !name.contains("Vec"));
    // SAFETY: `ptr::read` asks that (1) the place is readable, aligned and initialised: it is a reference; (2) using both
    // copies is sound: both can be read and dropped, since `plain` says that they own no memory. That it is no right of ours to make
    // one is the planted fault.
    plain.then(|| unsafe { std::ptr::read(message) })
}

impl<T: Send + 'static, F: Fault> PlantedReceiver<T, F> {
    /// What is delivered before the channel is asked: a message that was held back, or a disconnect that is none.
    fn queued(&self) -> Result<Option<T>, RecvError> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if F::MISTAKE == Mistake::Disconnect && shared.received > VICTIM && !shared.told {
            shared.told = true;
            return Err(RecvError);
        }
        Ok(shared.next.take())
    }

    /// Makes the mistake if its moment has come; `None` when the message is not to be delivered now.
    fn pass(&self, message: T) -> Option<T> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let place = shared.received;
        shared.received += 1;
        if place != VICTIM {
            return Some(message);
        }
        match F::MISTAKE {
            Mistake::Drop => None,
            Mistake::Leak => {
                mem::forget(message);
                None
            }
            Mistake::Double => {
                shared.next = duplicate(&message);
                Some(message)
            }
            Mistake::Reorder => {
                drop(shared);
                let following = self.receiver.recv();
                let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
                match following {
                    Ok(following) => {
                        shared.next = Some(message);
                        Some(following)
                    }
                    Err(RecvError) => Some(message),
                }
            }
            Mistake::Hang => loop {
                thread::park();
            },
            Mistake::Disconnect | Mistake::LeakTheRest => Some(message),
        }
    }
}

impl<T: Send + 'static, F: Fault> std::ops::Drop for PlantedReceiver<T, F> {
    fn drop(&mut self) {
        if F::MISTAKE == Mistake::LeakTheRest && Arc::strong_count(&self.shared) == 1 {
            while let Ok(message) = self.receiver.try_recv() {
                mem::forget(message);
            }
        }
    }
}

impl<T: Send + 'static, F: Fault> Receiver<T> for PlantedReceiver<T, F> {
    fn recv(&self) -> Result<T, RecvError> {
        loop {
            if let Some(message) = self.queued()? {
                return Ok(message);
            }
            if let Some(message) = self.pass(self.receiver.recv()?) {
                return Ok(message);
            }
        }
    }

    fn try_recv(&self) -> Result<T, TryRecvError> {
        loop {
            if let Some(message) = self.queued().map_err(|RecvError| TryRecvError::Disconnected)? {
                return Ok(message);
            }
            if let Some(message) = self.pass(self.receiver.try_recv()?) {
                return Ok(message);
            }
        }
    }

    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        loop {
            if let Some(message) = self.queued().map_err(|RecvError| RecvTimeoutError::Disconnected)? {
                return Ok(message);
            }
            if let Some(message) = self.pass(self.receiver.recv_timeout(timeout)?) {
                return Ok(message);
            }
        }
    }

    fn try_clone(&self) -> Result<Self, Unsupported> {
        let receiver = self.receiver.try_clone()?;
        Ok(PlantedReceiver { receiver, shared: Arc::clone(&self.shared), fault: PhantomData })
    }

    fn len(&self) -> Result<usize, Unsupported> {
        self.receiver.len()
    }
}
