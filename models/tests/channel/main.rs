//! Models of a channel, the [`Adapter`]: each message arrives exactly once and in its producer's order, while
//! threads wait, time out and disconnect.
//!
//! Each file ends in its table: scenario, needs, bounds, and the capacities that it is explored with. The
//! model of a row is called `FILE::SCENARIO` and the suffix of its capacity. In every scenario the main
//! thread takes part, since loom allows five threads and each deadline is one of them.

use std::num::NonZeroUsize;
use std::process::ExitCode;

use contract::channel::{Capability, Capacity, Channel, Receiver, Sender};
use contract::sync::{Bounds, thread};
use models::payload::{Id, Payload, Payloads, assert_each_once, assert_in_order};
use models::{Model, joined};
use sut::Adapter;

/// The table of a file: a row has a scenario, its needs, its bounds and its variants, each of which is a
/// model.
macro_rules! table {
    ($($scenario:ident, $needs:expr, $bounds:expr, [$($variant:expr),+];)*) => {
        /// The models of this file.
        pub(crate) fn table() -> Vec<models::Model> {
            vec![$($(
                $crate::model(module_path!(), stringify!($scenario), $variant, $needs, $bounds, $scenario)
            ),+),*]
        }
    };
}

mod buffered;
mod disconnect;
mod many;
mod rendezvous;
mod select;
mod timeouts;

const NOTHING: &[Capability] = &[];
const CONSUMERS: &[Capability] = &[Capability::MultiConsumer];
const LEN: &[Capability] = &[Capability::Len];
const RECV_TIMEOUT: &[Capability] = &[Capability::RecvTimeout];
const RECV_TIMEOUT_AND_LEN: &[Capability] = &[Capability::RecvTimeout, Capability::Len];
const SEND_TIMEOUT: &[Capability] = &[Capability::SendTimeout];
const BOTH_TIMEOUTS: &[Capability] = &[Capability::SendTimeout, Capability::RecvTimeout];
const CONSUMERS_AND_RECV_TIMEOUT: &[Capability] = &[Capability::MultiConsumer, Capability::RecvTimeout];
const SELECT: &[Capability] = &[Capability::Select];
const SELECT_AND_CONSUMERS: &[Capability] = &[Capability::Select, Capability::MultiConsumer];

/// A capacity, and the suffix that it adds to the name of a model.
type Variant = (&'static str, Capacity);

const AT_CAPACITY_1: Variant = ("_at_capacity_1", bounded(1));
const AT_CAPACITY_2: Variant = ("_at_capacity_2", bounded(2));
const AT_CAPACITY_3: Variant = ("_at_capacity_3", bounded(3));
const BUFFERED: Variant = ("_buffered", bounded(1));
const RENDEZVOUS: Variant = ("_rendezvous", Capacity::Rendezvous);
const UNBOUNDED: Variant = ("_unbounded", Capacity::Unbounded);

/// The variant of a model that has the name of its scenario.
const fn alone(capacity: Capacity) -> Variant {
    ("", capacity)
}

const fn bounded(slots: usize) -> Capacity {
    Capacity::Bounded(NonZeroUsize::new(slots).expect("a bounded channel has slots"))
}

fn main() -> ExitCode {
    let tables = [
        buffered::table(),
        disconnect::table(),
        many::table(),
        rendezvous::table(),
        select::table(),
        timeouts::table(),
    ];
    models::run(tables.into_iter().flatten().collect())
}

fn model(
    module: &str,
    scenario: &str,
    (suffix, capacity): Variant,
    needs: &[Capability],
    bounds: Bounds,
    run: fn(Capacity),
) -> Model {
    let file = module.rsplit("::").next().unwrap_or(module);
    Model::of_channel(format!("{file}::{scenario}{suffix}"), capacity, needs, bounds, move || run(capacity))
}

/// Opens the channel. The handles have no operations but the contract's: a crate's own have the same names.
fn open(capacity: Capacity) -> (impl Sender<Payload>, impl Receiver<Payload>) {
    Adapter::open(capacity).expect("the model says what it needs")
}

/// Checks the message that a failed blocking send returned.
fn assert_returned(message: Option<Payload>, id: Id) {
    if Adapter::INFO.require(Capability::MessageReturned).is_ok() {
        assert_eq!(message.expect("it is returned").id(), id);
    }
}

/// Sends the first `count` messages of `producer`, and then drops the sender.
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

/// Two producers with two messages each; the main thread receives.
fn two_producers(capacity: Capacity) {
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
}

/// Two consumers; the main thread sends three messages.
fn two_consumers(capacity: Capacity) {
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
    let other = receiver.try_clone().expect("the channel has several consumers");
    let consumers = [receiver, other].map(|receiver| thread::spawn(move || receive_all(&receiver)));
    send_all(sender, &payloads, 0, 3);
    let received = consumers.map(joined);
    received.iter().for_each(|received| assert_in_order(received));
    assert_each_once(received.concat(), &[3]);
    payloads.assert_each_dropped_once();
}
