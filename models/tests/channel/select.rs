//! Select over several receivers, against messages, disconnects, and other receivers of the same channels.
//!
//! A selector is registered with every input while it waits, so most mistakes concern what it leaves behind:
//! a notification that it received and does not need, a message that is assigned to it and comes too late, an
//! input whose disconnect it no longer sees. In each scenario a select that is never woken is a deadlock, and
//! so a failure.

use contract::channel::{Capacity, Channel, Receiver, RecvError, Selector, Sender};
use contract::sync::thread;
use models::bounds::{DEFAULT, at_most, sized};
use models::joined;
use models::payload::{Id, Payload, Payloads, assert_each_once, assert_in_order};
use sut::Adapter;

use super::{
    AT_CAPACITY_1, BUFFERED, RENDEZVOUS, SELECT, SELECT_AND_CONSUMERS, UNBOUNDED, receive_all, send_all,
};

type Senders = Vec<<Adapter as Channel>::Sender<Payload>>;
type Receivers = Vec<<Adapter as Channel>::Receiver<Payload>>;

/// The number of inputs of a select: the minimum.
const INPUTS: usize = 2;

/// Both ends of the inputs. The handles have the adapter's own types, which its selector needs.
fn inputs(capacity: Capacity) -> (Senders, Receivers) {
    (0..INPUTS).map(|_| Adapter::open(capacity).expect("the model says what it needs")).unzip()
}

fn clones(receivers: &Receivers) -> Receivers {
    receivers
        .iter()
        .map(|receiver| receiver.try_clone().expect("the channel has several consumers"))
        .collect()
}

/// A thread for each input, which sends `each` messages into it and ends.
fn producers(senders: Senders, payloads: &Payloads, each: usize) -> Vec<thread::JoinHandle<()>> {
    let started = senders.into_iter().enumerate().map(|(input, sender)| {
        let payloads = payloads.clone();
        thread::spawn(move || send_all(sender, &payloads, input, each))
    });
    started.collect()
}

/// Selects until every input has disconnected, and then once more: the disconnect is permanent.
fn select_all(receivers: &Receivers) -> Vec<Id> {
    let mut selector = selector(receivers);
    let received = std::iter::from_fn(|| next(&mut selector).ok()).collect();
    next(&mut selector).expect_err("the inputs have ended");
    received
}

/// Selects once.
fn select_one(receivers: &Receivers) -> Result<Id, RecvError> {
    next(&mut selector(receivers))
}

/// An opaque type: the selector of a channel without select has no values, and the compiler would warn of
/// unreachable code.
fn selector(receivers: &Receivers) -> impl Selector<Payload> {
    Adapter::selector(receivers).expect("the channel has a select")
}

fn next(selector: &mut impl Selector<Payload>) -> Result<Id, RecvError> {
    selector.recv().map(|payload| payload.id())
}

/// Each input has a producer; the main thread selects until both are gone.
fn messages_of_either(capacity: Capacity) {
    let each = sized(1, 3);
    let payloads = Payloads::new();
    let (senders, receivers) = inputs(capacity);
    let producers = producers(senders, &payloads, each);
    let received = select_all(&receivers);
    producers.into_iter().for_each(joined);
    drop(receivers);
    assert_in_order(&received);
    assert_each_once(received, &[each; INPUTS]);
    payloads.assert_each_dropped_once();
}

/// One input disconnects without a message while the select waits: the select goes on with the other input,
/// receives its message, and ends with it.
fn an_input_ends_during_a_select(capacity: Capacity) {
    let payloads = Payloads::new();
    let (mut senders, receivers) = inputs(capacity);
    let selecting = thread::spawn(move || select_all(&receivers));
    let going = {
        let sender = senders.remove(0);
        thread::spawn(move || drop(sender))
    };
    for sender in senders {
        sender.send(payloads.make(0, 0)).expect("the select goes on");
    }
    joined(going);
    assert_each_once(joined(selecting), &[1]);
    payloads.assert_each_dropped_once();
}

/// Both inputs disconnect at once without a message.
fn both_inputs_end_during_a_select(capacity: Capacity) {
    let (senders, receivers) = inputs(capacity);
    let going: Vec<_> = senders.into_iter().map(|sender| thread::spawn(move || drop(sender))).collect();
    assert_eq!(select_one(&receivers), Err(RecvError));
    going.into_iter().for_each(joined);
}

/// The inputs are a receiver and its clone: each message arrives once, in the order in which it was sent.
fn a_receiver_and_its_clone(capacity: Capacity) {
    let count = sized(2, 4);
    let payloads = Payloads::new();
    let (sender, receiver) = Adapter::open(capacity).expect("the model says what it needs");
    let clone = receiver.try_clone().expect("the channel has several consumers");
    let receivers = vec![receiver, clone];
    let producer = {
        let payloads = payloads.clone();
        thread::spawn(move || send_all(sender, &payloads, 0, count))
    };
    let received = select_all(&receivers);
    joined(producer);
    drop(receivers);
    assert_in_order(&received);
    assert_each_once(received, &[count]);
    payloads.assert_each_dropped_once();
}

/// Two threads select over the same inputs until those disconnect: together they get each message once, and
/// each of them gets each input in order.
fn in_two_threads(capacity: Capacity) {
    let each = sized(1, 3);
    let payloads = Payloads::new();
    let (senders, receivers) = inputs(capacity);
    let others = clones(&receivers);
    let other = thread::spawn(move || select_all(&others));
    let producers = producers(senders, &payloads, each);
    let received = [select_all(&receivers), joined(other)];
    producers.into_iter().for_each(joined);
    drop(receivers);
    received.iter().for_each(|received| assert_in_order(received));
    assert_each_once(received.concat(), &[each; INPUTS]);
    payloads.assert_each_dropped_once();
}

/// Two threads select for one message each. No end is dropped before both have one, so no disconnect covers
/// up a lost notification: a notification that reaches a select which takes another message has to be passed
/// on.
fn two_selects_get_a_message_each(capacity: Capacity) {
    let payloads = Payloads::new();
    let (senders, receivers) = inputs(capacity);
    let selecting = [clones(&receivers), receivers]
        .map(|receivers| thread::spawn(move || select_one(&receivers).expect("the senders are open")));
    for (input, sender) in senders.iter().enumerate() {
        sender.send(payloads.make(input, 0)).expect("a receiver is there");
    }
    assert_each_once(selecting.map(joined), &[1; INPUTS]);
    drop(senders);
    payloads.assert_each_dropped_once();
}

/// A thread selects, and another receives from one of the inputs: together they get each message once, and
/// each of them gets each input in order.
fn beside_a_receiver(capacity: Capacity) {
    let each = sized(1, 3);
    let payloads = Payloads::new();
    let (senders, receivers) = inputs(capacity);
    let own = receivers[0].try_clone().expect("the channel has several consumers");
    let receiving = thread::spawn(move || receive_all(&own));
    let producers = producers(senders, &payloads, each);
    let received = [select_all(&receivers), joined(receiving)];
    producers.into_iter().for_each(joined);
    drop(receivers);
    received.iter().for_each(|received| assert_in_order(received));
    assert_each_once(received.concat(), &[each; INPUTS]);
    payloads.assert_each_dropped_once();
}

/// A select that is gone takes no message from later receives: after it has received one, the receivers get
/// all others.
fn receivers_are_as_they_were(capacity: Capacity) {
    let each = sized(1, 2);
    let payloads = Payloads::new();
    let (senders, receivers) = inputs(capacity);
    let producers = producers(senders, &payloads, each);
    let mut received = vec![select_one(&receivers).expect("each producer sends")];
    receivers.iter().for_each(|receiver| received.extend(receive_all(receiver)));
    producers.into_iter().for_each(joined);
    drop(receivers);
    assert_in_order(&received);
    assert_each_once(received, &[each; INPUTS]);
    payloads.assert_each_dropped_once();
}

/// The receivers are dropped after one select while both producers still send: senders that wait are woken,
/// and every message is dropped once.
fn receivers_go_after_a_select(capacity: Capacity) {
    let payloads = Payloads::new();
    let (senders, receivers) = inputs(capacity);
    let producers: Vec<_> = senders
        .into_iter()
        .enumerate()
        .map(|(input, sender)| {
            let payloads = payloads.clone();
            thread::spawn(move || {
                (0..2).filter(|&seq| sender.send(payloads.make(input, seq)).is_ok()).count()
            })
        })
        .collect();
    let (input, seq) = select_one(&receivers).expect("each producer sends");
    drop(receivers);
    let sent: Vec<_> = producers.into_iter().map(joined).collect();
    assert!(seq < sent[input], "message {seq} of input {input} was received, and {sent:?} were sent");
    payloads.assert_each_dropped_once();
}

table! {
    messages_of_either, SELECT, at_most(3), [AT_CAPACITY_1, UNBOUNDED, RENDEZVOUS];
    an_input_ends_during_a_select, SELECT, DEFAULT, [BUFFERED, RENDEZVOUS];
    both_inputs_end_during_a_select, SELECT, DEFAULT, [BUFFERED, RENDEZVOUS];
    a_receiver_and_its_clone, SELECT_AND_CONSUMERS, at_most(3), [AT_CAPACITY_1, UNBOUNDED, RENDEZVOUS];
    in_two_threads, SELECT_AND_CONSUMERS, at_most(2), [AT_CAPACITY_1, UNBOUNDED, RENDEZVOUS];
    two_selects_get_a_message_each, SELECT_AND_CONSUMERS, at_most(2), [AT_CAPACITY_1, UNBOUNDED, RENDEZVOUS];
    beside_a_receiver, SELECT_AND_CONSUMERS, at_most(2), [AT_CAPACITY_1, UNBOUNDED, RENDEZVOUS];
    receivers_are_as_they_were, SELECT, at_most(3), [AT_CAPACITY_1, UNBOUNDED, RENDEZVOUS];
    receivers_go_after_a_select, SELECT, at_most(3), [AT_CAPACITY_1, UNBOUNDED, RENDEZVOUS];
}
