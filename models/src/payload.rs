//! Messages that tell what became of them: how often each was made and dropped.
//!
//! The counts are plain, not modelled: nothing may be decided by them while the model runs, so nobody need explore the order
//! in which they change, and a payload may be dropped while a job's panic unwinds.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sut::REPLAY;

use self::written::Written;

/// Who sent a message, and as which of its own: sortable, so that order for each producer is order of the pair.
pub type Id = (usize, usize);

/// Makes the payloads of one execution.
#[derive(Clone, Debug, Default)]
pub struct Payloads(Arc<Mutex<BTreeMap<Id, Count>>>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    made: usize,
    dropped: usize,
}

/// A message.
#[derive(Debug)]
pub struct Payload {
    /// [`WHOLE`] as long as it is one.
    mark: u64,
    id: Id,
    written: Written,
    payloads: Payloads,
}

/// What a payload is marked with. Memory that was freed, or never written, holds something else.
const WHOLE: u64 = 0x5EED_0FA1_1E55_A6E5;

/// So many second drops find the counts alive.
const SECOND_DROPS: usize = 16;

impl Payloads {
    /// No payload yet.
    pub fn new() -> Self {
        let payloads = Payloads::default();
        if REPLAY.is_some() {
            // A channel that drops a message twice takes from these, which live as long as the process.
            (0..SECOND_DROPS).for_each(|_| mem::forget(payloads.clone()));
        }
        payloads
    }

    /// The `seq`-th message of `producer`.
    pub fn make(&self, producer: usize, seq: usize) -> Payload {
        let id = (producer, seq);
        self.counts().entry(id).or_default().made += 1;
        Payload { mark: WHOLE, id, written: Written::new(), payloads: self.clone() }
    }

    /// Payloads that exist at this moment.
    pub fn alive(&self) -> usize {
        self.counts().values().map(|count| count.made.saturating_sub(count.dropped)).sum()
    }

    /// Checks that every payload is gone, and went once.
    ///
    /// # Panics
    ///
    /// When one leaked or was dropped twice.
    pub fn assert_each_dropped_once(&self) {
        for (id, count) in &*self.counts() {
            assert_eq!(count.dropped, count.made, "payload {id:?} was made and dropped so often");
        }
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<Id, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Payload {
    /// Which message it is.
    ///
    /// # Panics
    ///
    /// Under loom, when nothing orders its making before this: it might be read before it is written.
    pub fn id(&self) -> Id {
        self.written.is_read();
        self.id
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        if self.mark != WHOLE {
            // What it holds is no longer its own: nothing of it can be dropped.
            panic!("a payload is dropped where none is: its mark is {:#x}", self.mark);
        }
        self.payloads.counts().entry(self.id).or_default().dropped += 1;
    }
}

/// That a message was written, as loom sees it: a channel moves messages as plain memory, of which loom knows nothing.
mod written {
    #[cfg(loom)]
    #[derive(Debug)]
    pub(super) struct Written(loom::cell::UnsafeCell<()>);

    #[cfg(loom)]
    impl Written {
        pub(super) fn new() -> Self {
            Written(loom::cell::UnsafeCell::new(()))
        }

        pub(super) fn is_read(&self) {
            self.0.with(|_| ());
        }
    }

    #[cfg(not(loom))]
    #[derive(Debug)]
    pub(super) struct Written(());

    #[cfg(not(loom))]
    impl Written {
        pub(super) fn new() -> Self {
            Written(())
        }

        pub(super) fn is_read(&self) {}
    }
}

/// Checks that every message of `producers`, each of which sent so many, was received once.
///
/// # Panics
///
/// When one is missing, there twice, or was never sent.
pub fn assert_each_once(received: impl IntoIterator<Item = Id>, producers: &[usize]) {
    let mut received: Vec<Id> = received.into_iter().collect();
    received.sort_unstable();
    let sent: Vec<Id> = producers
        .iter()
        .enumerate()
        .flat_map(|(producer, &count)| (0..count).map(move |seq| (producer, seq)))
        .collect();
    assert_eq!(received, sent, "each message arrives exactly once");
}

/// Checks that what one receiver got of each producer is in the order in which it was sent.
///
/// # Panics
///
/// When a message overtook another of its producer.
pub fn assert_in_order(received: &[Id]) {
    for (index, &(producer, seq)) in received.iter().enumerate() {
        let later = &received[index + 1..];
        assert!(
            !later.iter().any(|&(other, earlier)| other == producer && earlier <= seq),
            "a message overtook another of its producer: {received:?}"
        );
    }
}

// Under loom a message is one of a model.
#[cfg(all(test, not(loom)))]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn a_leak_is_found() {
        let payloads = Payloads::new();
        drop(payloads.make(0, 0));
        payloads.assert_each_dropped_once();
        mem::forget(payloads.make(0, 1));
        assert_eq!(payloads.alive(), 1);
        catch_unwind(|| payloads.assert_each_dropped_once()).expect_err("message (0, 1) leaked");
    }

    #[test]
    fn messages_are_missed_doubled_and_reordered() {
        assert_each_once([(1, 0), (0, 0), (0, 1)], &[2, 1]);
        catch_unwind(|| assert_each_once([(0, 1)], &[2])).expect_err("(0, 0) is missing");
        catch_unwind(|| assert_each_once([(0, 0), (0, 0)], &[1])).expect_err("(0, 0) is there twice");
        assert_in_order(&[(1, 0), (0, 0), (1, 1), (0, 1)]);
        catch_unwind(|| assert_in_order(&[(0, 1), (1, 0), (0, 0)])).expect_err("(0, 1) overtook (0, 0)");
    }
}
