//! Models of a channel, the [`Adapter`]: each message exactly once, in its producer's order, whoever waits, gives up or goes.
//!
//! In each model the main thread plays a part, since loom allows five threads and each deadline is one of them.

mod buffered;
mod disconnect;
mod many;
mod rendezvous;
mod select;
mod timeouts;

use harness::channel::{Capability, Capacity, Channel, Receiver, Sender};
use harness::sync::{Bounds, thread};
use models::joined;
use models::needs::lacking;
use models::payload::{Id, Payload, Payloads, assert_each_once, assert_in_order};
use sut::Adapter;

/// Explores a model of the subject at this capacity, which needs what is named of it; else says that it is unsupported.
fn model(
    name: &'static str,
    capacity: Capacity,
    needs: &[Capability],
    bounds: Bounds,
    body: impl Fn() + Sync + Send + 'static,
) {
    match lacking(capacity, needs) {
        Some(why) => models::unsupported(name, &why),
        None => models::model(name, Adapter::INFO.name, bounds, body),
    }
}

/// Opens the subject. Of its handles nothing is to be had but the contract: their own operations have the same names.
fn open(capacity: Capacity) -> (impl Sender<Payload>, impl Receiver<Payload>) {
    Adapter::open(capacity).expect("the model says what it needs")
}

/// Checks what a failed blocking send gave back.
fn assert_returned(message: Option<Payload>, id: Id) {
    if Adapter::INFO.require(Capability::MessageReturned).is_ok() {
        assert_eq!(message.expect("it is returned").id(), id);
    }
}

/// Sends the first `count` messages of `producer`, and then lets go of the sender.
fn send_all(sender: impl Sender<Payload>, payloads: &Payloads, producer: usize, count: usize) {
    for seq in 0..count {
        sender.send(payloads.make(producer, seq)).expect("a receiver is there until all senders are gone");
    }
}

/// Receives until every sender is gone.
fn receive_all(receiver: &impl Receiver<Payload>) -> Vec<Id> {
    let mut received = Vec::new();
    while let Ok(payload) = receiver.recv() {
        received.push(payload.id());
    }
    received
}

/// Two producers with two messages each, and the main thread receives.
fn two_producers(name: &'static str, capacity: Capacity, bounds: Bounds) {
    model(name, capacity, &[], bounds, move || {
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
    model(name, capacity, &[Capability::MultiConsumer], bounds, move || {
        let payloads = Payloads::new();
        let (sender, receiver) = open(capacity);
        let other = receiver.try_clone().expect("the channel has several consumers");
        let consumers = [receiver, other].map(|receiver| thread::spawn(move || receive_all(&receiver)));
        send_all(sender, &payloads, 0, 3);
        let received = consumers.map(joined);
        received.iter().for_each(|received| assert_in_order(received));
        assert_each_once(received.concat(), &[3]);
        payloads.assert_each_dropped_once();
    });
}
