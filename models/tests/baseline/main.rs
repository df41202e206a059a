//! Models of `mutex-deque`: each message exactly once, in its producer's order, whoever waits, gives up or goes.
//!
//! In each model the main thread plays a part, since loom allows five threads and each deadline is one of them.

mod buffered;
mod disconnect;
mod many;
mod rendezvous;
mod timeouts;

use harness::channel::{Capacity, Channel, Receiver, Sender};
use harness::channels::mutex_deque::{DequeReceiver, DequeSender, MutexDeque};
use harness::sync::{Bounds, thread};
use models::payload::{Id, Payload, Payloads, assert_each_once, assert_in_order};
use models::{joined, model};

/// What is modelled here, as the page names it.
const SUBJECT: &str = MutexDeque::INFO.name;

fn open(capacity: Capacity) -> (DequeSender<Payload>, DequeReceiver<Payload>) {
    MutexDeque::open(capacity).expect("the baseline has every capacity")
}

/// Sends the first `count` messages of `producer`, and then lets go of the sender.
fn send_all(sender: DequeSender<Payload>, payloads: &Payloads, producer: usize, count: usize) {
    for seq in 0..count {
        sender.send(payloads.make(producer, seq)).expect("a receiver is there until all senders are gone");
    }
}

/// Receives until every sender is gone.
fn receive_all(receiver: &DequeReceiver<Payload>) -> Vec<Id> {
    let mut received = Vec::new();
    while let Ok(payload) = receiver.recv() {
        received.push(payload.id());
    }
    received
}

/// Two producers with two messages each, and the main thread receives.
fn two_producers(name: &'static str, capacity: Capacity, bounds: Bounds) {
    model(name, SUBJECT, bounds, move || {
        let payloads = Payloads::new();
        let (sender, receiver) = open(capacity);
        let producers = [(0, sender.clone()), (1, sender)].map(|(producer, sender)| {
            let payloads = payloads.clone();
            thread::spawn(move || send_all(sender, &payloads, producer, 2))
        });
        let received = receive_all(&receiver);
        producers.into_iter().for_each(joined);
        drop(receiver);
        assert_in_order(&received);
        assert_each_once(received, &[2, 2]);
        payloads.assert_each_dropped_once();
    });
}

/// Two consumers, and the main thread sends three messages.
fn two_consumers(name: &'static str, capacity: Capacity, bounds: Bounds) {
    model(name, SUBJECT, bounds, move || {
        let payloads = Payloads::new();
        let (sender, receiver) = open(capacity);
        let other = receiver.try_clone().expect("the baseline has several consumers");
        let consumers = [receiver, other].map(|receiver| thread::spawn(move || receive_all(&receiver)));
        send_all(sender, &payloads, 0, 3);
        let received = consumers.map(joined);
        received.iter().for_each(|received| assert_in_order(received));
        assert_each_once(received.concat(), &[3]);
        payloads.assert_each_dropped_once();
    });
}
