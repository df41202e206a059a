//! Select over several receivers, against all that may happen to them meanwhile: messages, disconnects, and others who receive.
//!
//! A selector is registered with every input while it waits, so most mistakes are about what it leaves behind: a notification that it was
//! given and does not need, a message that is meant for it and comes too late, an input whose end it is no longer told of. In each model a
//! select that is never woken is a deadlock, and so a failure.

use harness::channel::{Capability, Capacity, Channel, Receiver, RecvError, Selector, Sender};
use harness::sync::{Bounds, thread};
use models::bounds::{DEFAULT, at_most, sized};
use models::joined;
use models::payload::{Id, Payload, Payloads, assert_each_once, assert_in_order};
use subject::Subject;

use super::{model, receive_all, send_all};

const SELECT: &[Capability] = &[Capability::Select];
const SHARED: &[Capability] = &[Capability::Select, Capability::MultiConsumer];

type Senders = Vec<<Subject as Channel>::Sender<Payload>>;
type Receivers = Vec<<Subject as Channel>::Receiver<Payload>>;

/// Inputs of a select: two, as few as there can be.
const INPUTS: usize = 2;

/// Both ends of the inputs. Here the handles have their own type, which a selector asks for.
fn inputs(capacity: Capacity) -> (Senders, Receivers) {
    (0..INPUTS).map(|_| Subject::open(capacity).expect("the model says what it needs")).unzip()
}

fn clones(receivers: &Receivers) -> Receivers {
    receivers
        .iter()
        .map(|receiver| receiver.try_clone().expect("the channel has several consumers"))
        .collect()
}

/// A thread for each input, which sends so many messages into it and goes.
fn producers(senders: Senders, payloads: &Payloads, each: usize) -> Vec<thread::JoinHandle<()>> {
    let started = senders.into_iter().enumerate().map(|(input, sender)| {
        let payloads = payloads.clone();
        thread::spawn(move || send_all(sender, &payloads, input, each))
    });
    started.collect()
}

/// Selects until every input has ended, and then once more: the end stays one.
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

/// Of its type nothing is to be known: that of a channel without select has no values, and the compiler would see that nothing here ever runs.
fn selector(receivers: &Receivers) -> impl Selector<Payload> {
    Subject::selector(receivers).expect("the channel has a select")
}

fn next(selector: &mut impl Selector<Payload>) -> Result<Id, RecvError> {
    selector.recv().map(|payload| payload.id())
}

/// Each input has a producer, and the main thread selects until both have gone.
fn messages_of_either(name: &'static str, capacity: Capacity, bounds: Bounds) {
    model(name, capacity, SELECT, bounds, move || {
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
    });
}

#[test]
fn messages_of_either_at_capacity_1() {
    messages_of_either("select::messages_of_either_at_capacity_1", Capacity::from_slots(1), at_most(3));
}

#[test]
fn messages_of_either_unbounded() {
    messages_of_either("select::messages_of_either_unbounded", Capacity::Unbounded, at_most(3));
}

#[test]
fn messages_of_either_rendezvous() {
    messages_of_either("select::messages_of_either_rendezvous", Capacity::Rendezvous, at_most(3));
}

/// One input ends without a message while the select waits: it goes on with the other, whose message comes, and ends with that.
fn an_input_ends_during_a_select(name: &'static str, capacity: Capacity) {
    model(name, capacity, SELECT, DEFAULT, move || {
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
    });
}

#[test]
fn an_input_ends_during_a_select_buffered() {
    an_input_ends_during_a_select("select::an_input_ends_during_a_select_buffered", Capacity::from_slots(1));
}

#[test]
fn an_input_ends_during_a_select_rendezvous() {
    an_input_ends_during_a_select("select::an_input_ends_during_a_select_rendezvous", Capacity::Rendezvous);
}

/// Both inputs end at once, and nothing was sent.
fn both_inputs_end_during_a_select(name: &'static str, capacity: Capacity) {
    model(name, capacity, SELECT, DEFAULT, move || {
        let (senders, receivers) = inputs(capacity);
        let going: Vec<_> = senders.into_iter().map(|sender| thread::spawn(move || drop(sender))).collect();
        assert_eq!(select_one(&receivers), Err(RecvError));
        going.into_iter().for_each(joined);
    });
}

#[test]
fn both_inputs_end_during_a_select_buffered() {
    both_inputs_end_during_a_select(
        "select::both_inputs_end_during_a_select_buffered",
        Capacity::from_slots(1),
    );
}

#[test]
fn both_inputs_end_during_a_select_rendezvous() {
    both_inputs_end_during_a_select(
        "select::both_inputs_end_during_a_select_rendezvous",
        Capacity::Rendezvous,
    );
}

/// One channel is there twice, as a receiver and its clone: each message comes once, in the order in which it was sent.
fn a_receiver_and_its_clone(name: &'static str, capacity: Capacity) {
    model(name, capacity, SHARED, at_most(3), move || {
        let count = sized(2, 4);
        let payloads = Payloads::new();
        let (sender, receiver) = Subject::open(capacity).expect("the model says what it needs");
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
    });
}

#[test]
fn a_receiver_and_its_clone_at_capacity_1() {
    a_receiver_and_its_clone("select::a_receiver_and_its_clone_at_capacity_1", Capacity::from_slots(1));
}

#[test]
fn a_receiver_and_its_clone_unbounded() {
    a_receiver_and_its_clone("select::a_receiver_and_its_clone_unbounded", Capacity::Unbounded);
}

#[test]
fn a_receiver_and_its_clone_rendezvous() {
    a_receiver_and_its_clone("select::a_receiver_and_its_clone_rendezvous", Capacity::Rendezvous);
}

/// Two threads select over the same inputs until those have ended: together they get everything once, and either of them each input in order.
fn in_two_threads(name: &'static str, capacity: Capacity) {
    model(name, capacity, SHARED, at_most(2), move || {
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
    });
}

#[test]
fn in_two_threads_at_capacity_1() {
    in_two_threads("select::in_two_threads_at_capacity_1", Capacity::from_slots(1));
}

#[test]
fn in_two_threads_unbounded() {
    in_two_threads("select::in_two_threads_unbounded", Capacity::Unbounded);
}

#[test]
fn in_two_threads_rendezvous() {
    in_two_threads("select::in_two_threads_rendezvous", Capacity::Rendezvous);
}

/// Two threads select and want one message each. Nobody goes before both have one, so no disconnect makes good for a notification that
/// was lost: one that reaches a select which takes another message has to be passed on.
fn two_selects_get_a_message_each(name: &'static str, capacity: Capacity) {
    model(name, capacity, SHARED, at_most(2), move || {
        let payloads = Payloads::new();
        let (senders, receivers) = inputs(capacity);
        let selecting = [clones(&receivers), receivers]
            .map(|receivers| thread::spawn(move || select_one(&receivers).expect("the senders are there")));
        for (input, sender) in senders.iter().enumerate() {
            sender.send(payloads.make(input, 0)).expect("a receiver is there");
        }
        assert_each_once(selecting.map(joined), &[1; INPUTS]);
        drop(senders);
        payloads.assert_each_dropped_once();
    });
}

#[test]
fn two_selects_get_a_message_each_at_capacity_1() {
    two_selects_get_a_message_each(
        "select::two_selects_get_a_message_each_at_capacity_1",
        Capacity::from_slots(1),
    );
}

#[test]
fn two_selects_get_a_message_each_unbounded() {
    two_selects_get_a_message_each("select::two_selects_get_a_message_each_unbounded", Capacity::Unbounded);
}

#[test]
fn two_selects_get_a_message_each_rendezvous() {
    two_selects_get_a_message_each("select::two_selects_get_a_message_each_rendezvous", Capacity::Rendezvous);
}

/// A thread selects, and another receives from one of the inputs: together they get everything once, and either of them each input in order.
fn beside_a_receiver(name: &'static str, capacity: Capacity) {
    model(name, capacity, SHARED, at_most(2), move || {
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
    });
}

#[test]
fn beside_a_receiver_at_capacity_1() {
    beside_a_receiver("select::beside_a_receiver_at_capacity_1", Capacity::from_slots(1));
}

#[test]
fn beside_a_receiver_unbounded() {
    beside_a_receiver("select::beside_a_receiver_unbounded", Capacity::Unbounded);
}

#[test]
fn beside_a_receiver_rendezvous() {
    beside_a_receiver("select::beside_a_receiver_rendezvous", Capacity::Rendezvous);
}

/// What a select leaves behind takes nothing from those who come after it: when it has one message and is gone, the receivers get all others.
fn receivers_are_as_they_were(name: &'static str, capacity: Capacity) {
    model(name, capacity, SELECT, at_most(3), move || {
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
    });
}

#[test]
fn receivers_are_as_they_were_at_capacity_1() {
    receivers_are_as_they_were("select::receivers_are_as_they_were_at_capacity_1", Capacity::from_slots(1));
}

#[test]
fn receivers_are_as_they_were_unbounded() {
    receivers_are_as_they_were("select::receivers_are_as_they_were_unbounded", Capacity::Unbounded);
}

#[test]
fn receivers_are_as_they_were_rendezvous() {
    receivers_are_as_they_were("select::receivers_are_as_they_were_rendezvous", Capacity::Rendezvous);
}

/// The receivers go after one select while both producers still send: who waits is told, and every message is dropped once.
fn receivers_go_after_a_select(name: &'static str, capacity: Capacity) {
    model(name, capacity, SELECT, at_most(3), move || {
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
    });
}

#[test]
fn receivers_go_after_a_select_at_capacity_1() {
    receivers_go_after_a_select("select::receivers_go_after_a_select_at_capacity_1", Capacity::from_slots(1));
}

#[test]
fn receivers_go_after_a_select_unbounded() {
    receivers_go_after_a_select("select::receivers_go_after_a_select_unbounded", Capacity::Unbounded);
}

#[test]
fn receivers_go_after_a_select_rendezvous() {
    receivers_go_after_a_select("select::receivers_go_after_a_select_rendezvous", Capacity::Rendezvous);
}
