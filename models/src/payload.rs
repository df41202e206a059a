//! Messages that count how many times each was made and dropped.
//!
//! The counts are plain, not modelled. A scenario decides nothing by them while it runs, so the order in
//! which they change need not be explored, and a payload may be dropped while the panic of a job unwinds.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sut::REPLAY;

use self::written::Written;

/// The producer of a message, and its number among that producer's messages. Per producer, messages are in
/// the order of these pairs.
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
    /// [`WHOLE`] while the payload exists.
    mark: u64,
    id: Id,
    written: Written,
    payloads: Payloads,
}

/// The mark of a payload. Memory that was freed or never written holds something else.
const WHOLE: u64 = 0x5EED_0FA1_1E55_A6E5;

/// The number of second drops that find the counts alive.
const SECOND_DROPS: usize = 16;

impl Payloads {
    /// No payloads.
    pub fn new() -> Self {
        let payloads = Payloads::default();
        if REPLAY.is_some() {
            // Each second drop of a message takes one of these references, which live as long as the process.
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

    /// Checks that every payload was dropped exactly once.
    ///
    /// # Panics
    ///
    /// When one leaked or was dropped twice.
    pub fn assert_each_dropped_once(&self) {
        for (id, count) in &*self.counts() {
            assert_eq!(count.dropped, count.made, "payload {id:?}: times dropped, and times made");
        }
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<Id, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Payload {
    /// The identity of the message.
    ///
    /// # Panics
    ///
    /// Under loom, when nothing orders the write of the message before this read.
    pub fn id(&self) -> Id {
        self.written.is_read();
        self.id
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        if self.mark != WHOLE {
            // The fields are not a payload's, so none of them can be used.
            panic!("dropped memory that is no payload: its mark is {:#x}", self.mark);
        }
        self.payloads.counts().entry(self.id).or_default().dropped += 1;
    }
}

/// The write of a message, as loom sees it: a channel moves messages as plain memory, which loom does not
/// watch.
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

/// Checks that every message was received exactly once; `producers` has the number that each producer sent.
///
/// # Panics
///
/// When a message is missing, was received twice, or was never sent.
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

/// Checks that one receiver got the messages of each producer in the order in which they were sent.
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
    fn a_leak_fails_the_check() {
        let payloads = Payloads::new();
        drop(payloads.make(0, 0));
        payloads.assert_each_dropped_once();
        mem::forget(payloads.make(0, 1));
        assert_eq!(payloads.alive(), 1);
        catch_unwind(|| payloads.assert_each_dropped_once()).expect_err("message (0, 1) leaked");
    }

    #[test]
    fn missing_doubled_and_reordered_messages_fail_the_checks() {
        assert_each_once([(1, 0), (0, 0), (0, 1)], &[2, 1]);
        catch_unwind(|| assert_each_once([(0, 1)], &[2])).expect_err("(0, 0) is missing");
        catch_unwind(|| assert_each_once([(0, 0), (0, 0)], &[1])).expect_err("(0, 0) is there twice");
        assert_in_order(&[(1, 0), (0, 0), (1, 1), (0, 1)]);
        catch_unwind(|| assert_in_order(&[(0, 1), (1, 0), (0, 0)])).expect_err("(0, 1) overtook (0, 0)");
    }
}
