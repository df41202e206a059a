//! Every registered channel keeps the contract: what it declares is what it does.
//!
//! - `declared`: capabilities and capacities;
//! - `sequential`: random sequences of operations on one thread, beside a model (proptest);
//! - `concurrent`: what needs a second thread: waiting, waking, hand-off, select.
//!
//! loom explores the baseline's schedules exhaustively in `models/`; the tests here run on the real channels.

mod concurrent;
mod declared;
mod sequential;

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use harness::channel::{Capacity, Channel, Handles};
use harness::channels::{self, Visitor};

/// A check that holds for every channel.
trait Check {
    fn check<C: Channel>();
}

/// Makes a check on every registered channel; every one that fails is named.
fn on_every_channel<K: Check>() {
    struct Checking<K>(Vec<&'static str>, std::marker::PhantomData<K>);
    impl<K: Check> Visitor for Checking<K> {
        fn visit<C: Channel>(&mut self) {
            if catch_unwind(AssertUnwindSafe(K::check::<C>)).is_err() {
                self.0.push(C::INFO.name);
            }
        }
    }
    let mut checking = Checking::<K>(Vec::new(), std::marker::PhantomData);
    channels::each(&mut checking);
    assert!(checking.0.is_empty(), "the contract is not kept by {}", checking.0.join(", "));
}

/// A bounded channel.
fn bounded<C: Channel, T: Send + 'static>(slots: usize) -> Handles<C, T> {
    let slots = NonZeroUsize::new(slots).expect("a bounded channel holds something");
    C::open(Capacity::Bounded(slots)).expect("every channel can be bounded")
}

/// What a thread returns, which has to end soon.
struct Running<T>(mpsc::Receiver<T>, &'static str);

impl<T: Send + 'static> Running<T> {
    fn start(what: &'static str, body: impl FnOnce() -> T + Send + 'static) -> Self {
        let (done, result) = mpsc::channel();
        thread::spawn(move || done.send(body()));
        Running(result, what)
    }

    #[track_caller]
    fn result(self) -> T {
        self.0.recv_timeout(Duration::from_secs(20)).unwrap_or_else(|error| panic!("{}: {error}", self.1))
    }
}
