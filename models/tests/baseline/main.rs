//! Models of `mutex-deque`: each message exactly once, in its producer's order, whoever waits, gives up or goes.
//!
//! In each model the main thread plays a part, since loom allows five threads and each deadline is one of them.

mod buffered;
mod disconnect;
mod rendezvous;
mod timeouts;

use harness::channel::{Capacity, Channel, Receiver, Sender};
use harness::channels::mutex_deque::{DequeReceiver, DequeSender, MutexDeque};
use models::payload::{Id, Payload, Payloads};

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
