//! Models of `token_bucket`'s refill: never more tokens than the bucket holds, and each token taken or
//! dropped once.
//!
//! The main thread is the ticker and calls the real [`refill`] or runs the real loop, [`tick`]; other threads
//! take tokens.

use baseline::{DequeReceiver, DequeSender, MutexDeque};
use contract::channel::{Capacity, Channel, Receiver, TryRecvError};
use contract::sync::{Arc, AtomicBool, AtomicUsize, Bounds, Ordering, thread};
use models::bounds::{EVERY_SCHEDULE, at_most, sized};
use models::needs::Needs;
use models::payload::{Id, Payload, Payloads, assert_in_order};
use models::{Model, joined};
use workloads::token_bucket::{Refill, TokenBucket, refill, tick};
use workloads::workload::Workload;

fn model(name: &str, bounds: Bounds, scenario: fn()) -> Model {
    Model::of_workload(name, TokenBucket::INFO.name, Needs::NOTHING, bounds, scenario)
}

fn bucket(capacity: usize) -> (DequeSender<Payload>, DequeReceiver<Payload>) {
    MutexDeque::open(Capacity::from_slots(capacity)).expect("the baseline has every capacity")
}

fn take(bucket: &DequeReceiver<Payload>) -> Vec<Id> {
    bucket.try_recv().map(|token| token.id()).into_iter().collect()
}

/// A bucket of `capacity`, `ticks` ticks, and takers that each try once.
fn refill_against_takers(capacity: usize, ticks: usize, takers: usize) {
    let payloads = Payloads::new();
    let (sender, receiver) = bucket(capacity);
    let takers: Vec<_> = (0..takers)
        .map(|_| {
            let receiver = receiver.try_clone().expect("the baseline has several consumers");
            thread::spawn(move || take(&receiver))
        })
        .collect();
    let mut added = Vec::new();
    for seq in 0..ticks {
        match refill(&sender, payloads.make(0, seq)) {
            Refill::Added => added.push((0, seq)),
            Refill::Full => {}
            Refill::Abandoned => panic!("a taker is left"),
        }
        let held = receiver.len().expect("the baseline reports its length");
        assert!(held <= capacity, "{held} tokens in a bucket of {capacity}");
        assert!(payloads.alive() <= capacity + takers.len(), "a refused token is dropped");
    }
    let taken = takers.into_iter().flat_map(joined).collect::<Vec<_>>();
    let rest: Vec<_> = std::iter::from_fn(|| receiver.try_recv().ok()).map(|token| token.id()).collect();
    assert!(rest.len() <= capacity);
    assert_in_order(&rest);
    // A tick is refused only while the bucket is full: the first ticks fill it, and each further one needs a
    // taken token.
    assert!(added.len() >= ticks.min(capacity), "refused although there was room");
    assert!(added.len() <= capacity + taken.len());
    let mut all = [taken, rest].concat();
    all.sort_unstable();
    assert_eq!(all, added, "each token that went in is taken once");
    drop((sender, receiver));
    payloads.assert_each_dropped_once();
}

/// Two callers wait at an empty bucket: each tick releases one of them.
fn two_waiting_takers_get_a_token_each() {
    let payloads = Payloads::new();
    let (sender, receiver) = bucket(1);
    let other = receiver.try_clone().expect("the baseline has several consumers");
    let takers = [receiver, other]
        .map(|receiver| thread::spawn(move || receiver.recv().expect("the ticker is there").id()));
    let mut added = Vec::new();
    let mut ticks = 0..;
    while added.len() < 2 {
        let seq = ticks.next().expect("it is endless");
        match refill(&sender, payloads.make(0, seq)) {
            Refill::Added => added.push((0, seq)),
            // Until the next tick.
            Refill::Full => thread::yield_now(),
            Refill::Abandoned => panic!("two tokens are waited for"),
        }
    }
    let mut taken = takers.map(joined);
    taken.sort_unstable();
    assert_eq!(taken[..], added);
    drop(sender);
    payloads.assert_each_dropped_once();
}

/// When the last taker is gone, the next tick ends the ticker, and the tokens that are left are dropped with
/// the bucket.
fn an_abandoned_bucket_ends_the_ticker() {
    let payloads = Payloads::new();
    let (sender, receiver) = bucket(1);
    let taker = thread::spawn(move || take(&receiver).len());
    let mut added = 0;
    loop {
        match refill(&sender, payloads.make(0, added)) {
            Refill::Added => added += 1,
            // Until the next tick.
            Refill::Full => thread::yield_now(),
            Refill::Abandoned => break,
        }
    }
    assert!(joined(taker) <= added);
    assert_eq!(payloads.alive(), 0, "the bucket is gone");
    payloads.assert_each_dropped_once();
}

/// A bucket that holds nothing adds a token only when a taker waits for it.
fn a_rendezvous_bucket_adds_only_for_a_waiting_taker() {
    let payloads = Payloads::new();
    let (sender, receiver) = bucket(0);
    let waiting = Arc::new(AtomicBool::new(false));
    let taker = {
        let waiting = Arc::clone(&waiting);
        thread::spawn(move || {
            // Pairs with the Acquire load after the tick.
            waiting.store(true, Ordering::Release);
            receiver.recv().map(|token| token.id()).ok()
        })
    };
    let first = refill(&sender, payloads.make(0, 0));
    if first == Refill::Added {
        assert!(waiting.load(Ordering::Acquire), "added although no taker waited");
    } else {
        assert_eq!(first, Refill::Full);
    }
    drop(sender);
    assert_eq!(joined(taker), (first == Refill::Added).then_some((0, 0)));
    payloads.assert_each_dropped_once();
}

/// A taker that tries once does not wait.
fn a_rendezvous_bucket_has_nothing_for_who_only_looks() {
    let payloads = Payloads::new();
    let (sender, receiver) = bucket(0);
    let kept = receiver.try_clone().expect("the baseline has several consumers");
    let taker = thread::spawn(move || receiver.try_recv().map(|token| token.id()));
    assert_eq!(refill(&sender, payloads.make(0, 0)), Refill::Full);
    assert_eq!(joined(taker), Err(TryRecvError::Empty));
    drop((sender, kept));
    payloads.assert_each_dropped_once();
}

/// The rate: a tick adds at most one token, whatever the previous ticks found, and the ticker ends when the
/// last taker is gone.
fn no_tick_adds_more_than_one_token() {
    let takers = sized(1, 3);
    let payloads = Payloads::new();
    let (sender, receiver) = bucket(1);
    let ticks = Arc::new(AtomicUsize::new(1));
    let takers: Vec<_> = (0..takers)
        .map(|_| {
            let receiver = receiver.try_clone().expect("the baseline has several consumers");
            thread::spawn(move || [0, 1].map(|_| receiver.recv().expect("the ticker is there").id().1).len())
        })
        .collect();
    drop(receiver);
    let mut refused = 0;
    let mint = |seq| payloads.make(0, seq as usize);
    let pause = || {
        // Relaxed: only this thread counts.
        ticks.fetch_add(1, Ordering::Relaxed);
        thread::yield_now();
    };
    let added = tick(&sender, 0, mint, |_| refused += 1, pause) as usize;
    let taken: usize = takers.into_iter().map(joined).sum();
    let ticks = ticks.load(Ordering::Relaxed);
    assert_eq!(added + refused, ticks, "a tick adds one token or drops one");
    assert!(taken <= added && added <= taken + 1, "{added} tokens added, {taken} taken of a bucket of 1");
    drop(sender);
    payloads.assert_each_dropped_once();
}

/// The models of this file.
pub(crate) fn table() -> Vec<Model> {
    vec![
        model("refill_against_two_takers_at_capacity_1", at_most(4), || refill_against_takers(1, 3, 2)),
        model("refill_against_two_takers_at_capacity_2", at_most(4), || refill_against_takers(2, 4, 2)),
        model("two_waiting_takers_get_a_token_each", at_most(4), two_waiting_takers_get_a_token_each),
        model("an_abandoned_bucket_ends_the_ticker", EVERY_SCHEDULE, an_abandoned_bucket_ends_the_ticker),
        model(
            "a_rendezvous_bucket_adds_only_for_a_waiting_taker",
            EVERY_SCHEDULE,
            a_rendezvous_bucket_adds_only_for_a_waiting_taker,
        ),
        model(
            "a_rendezvous_bucket_has_nothing_for_who_only_looks",
            EVERY_SCHEDULE,
            a_rendezvous_bucket_has_nothing_for_who_only_looks,
        ),
        model("no_tick_adds_more_than_one_token", at_most(2), no_tick_adds_more_than_one_token),
    ]
}
