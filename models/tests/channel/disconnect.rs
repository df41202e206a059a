//! One side goes while the other is there: whoever waits is woken, and no message is lost or dropped twice.

use harness::channel::{Capability, Capacity, Receiver, RecvError, Sender, TryRecvError};
use harness::sync::thread;
use models::bounds::{DEFAULT, EVERY_SCHEDULE, at_most};
use models::joined;
use models::payload::{Payloads, assert_each_once};

use super::{assert_returned, model, open, receive_all, send_all};

fn last_sender_goes_while_a_receiver_waits(name: &'static str, capacity: Capacity) {
    model(name, capacity, &[], EVERY_SCHEDULE, move || {
        let (sender, receiver) = open(capacity);
        let consumer = thread::spawn(move || receiver.recv().map(|payload| payload.id()));
        drop(sender);
        assert_eq!(joined(consumer), Err(RecvError));
    });
}

#[test]
fn last_sender_goes_while_a_receiver_waits_buffered() {
    last_sender_goes_while_a_receiver_waits(
        "disconnect::last_sender_goes_while_a_receiver_waits_buffered",
        Capacity::from_slots(1),
    );
}

#[test]
fn last_sender_goes_while_a_receiver_waits_rendezvous() {
    last_sender_goes_while_a_receiver_waits(
        "disconnect::last_sender_goes_while_a_receiver_waits_rendezvous",
        Capacity::Rendezvous,
    );
}

/// Two senders go at once, one of them after a message: the receiver gets it and then the disconnect.
fn two_senders_go(name: &'static str, capacity: Capacity) {
    model(name, capacity, &[], EVERY_SCHEDULE, move || {
        let payloads = Payloads::new();
        let (sender, receiver) = open(capacity);
        let producer = {
            let (sender, payloads) = (sender.clone(), payloads.clone());
            thread::spawn(move || send_all(sender, &payloads, 0, 1))
        };
        let going = thread::spawn(move || drop(sender));
        assert_each_once(receive_all(&receiver), &[1]);
        joined(producer);
        joined(going);
        drop(receiver);
        payloads.assert_each_dropped_once();
    });
}

#[test]
fn two_senders_go_buffered() {
    two_senders_go("disconnect::two_senders_go_buffered", Capacity::from_slots(1));
}

#[test]
fn two_senders_go_rendezvous() {
    two_senders_go("disconnect::two_senders_go_rendezvous", Capacity::Rendezvous);
}

/// Every receiver that waits is woken by the disconnect, not only one.
fn last_sender_goes_while_two_receivers_wait(name: &'static str, capacity: Capacity) {
    model(name, capacity, &[Capability::MultiConsumer], EVERY_SCHEDULE, move || {
        let (sender, receiver) = open(capacity);
        let other = receiver.try_clone().expect("the channel has several consumers");
        let consumers = [receiver, other]
            .map(|receiver| thread::spawn(move || receiver.recv().map(|payload| payload.id())));
        drop(sender);
        assert_eq!(consumers.map(joined), [Err(RecvError), Err(RecvError)]);
    });
}

#[test]
fn last_sender_goes_while_two_receivers_wait_buffered() {
    last_sender_goes_while_two_receivers_wait(
        "disconnect::last_sender_goes_while_two_receivers_wait_buffered",
        Capacity::from_slots(1),
    );
}

#[test]
fn last_sender_goes_while_two_receivers_wait_rendezvous() {
    last_sender_goes_while_two_receivers_wait(
        "disconnect::last_sender_goes_while_two_receivers_wait_rendezvous",
        Capacity::Rendezvous,
    );
}

/// A sender that waits in a full channel gets its message back when the last receiver goes.
#[test]
fn last_receiver_goes_while_a_sender_waits() {
    const NAME: &str = "disconnect::last_receiver_goes_while_a_sender_waits";
    model(NAME, Capacity::from_slots(1), &[], EVERY_SCHEDULE, || {
        let payloads = Payloads::new();
        let (sender, receiver) = open(Capacity::from_slots(1));
        sender.send(payloads.make(0, 0)).expect("the channel has room");
        let blocked = {
            let payload = payloads.make(0, 1);
            thread::spawn(move || sender.send(payload))
        };
        drop(receiver);
        let returned = joined(blocked).expect_err("nobody received").message;
        assert_returned(returned, (0, 1));
        assert_eq!(payloads.alive(), 0, "the queued message went with the receiver");
        payloads.assert_each_dropped_once();
    });
}

/// All of them do.
fn last_receiver_goes_while_two_senders_wait(name: &'static str, capacity: Capacity) {
    model(name, capacity, &[], EVERY_SCHEDULE, move || {
        let payloads = Payloads::new();
        let (sender, receiver) = open(capacity);
        for seq in 0..capacity.slots().expect("a bounded channel") {
            sender.send(payloads.make(2, seq)).expect("the channel has room");
        }
        let blocked = [(0, sender.clone()), (1, sender)].map(|(producer, sender)| {
            let payload = payloads.make(producer, 0);
            thread::spawn(move || sender.send(payload))
        });
        drop(receiver);
        for (producer, sending) in blocked.into_iter().enumerate() {
            let returned = joined(sending).expect_err("nobody received").message;
            assert_returned(returned, (producer, 0));
        }
        payloads.assert_each_dropped_once();
    });
}

#[test]
fn last_receiver_goes_while_two_senders_wait_buffered() {
    last_receiver_goes_while_two_senders_wait(
        "disconnect::last_receiver_goes_while_two_senders_wait_buffered",
        Capacity::from_slots(1),
    );
}

#[test]
fn last_receiver_goes_while_two_senders_wait_rendezvous() {
    last_receiver_goes_while_two_senders_wait(
        "disconnect::last_receiver_goes_while_two_senders_wait_rendezvous",
        Capacity::Rendezvous,
    );
}

/// Both ends go at once: what was sent and not received is dropped once, what was refused comes back.
fn both_ends_go(name: &'static str, capacity: Capacity) {
    model(name, capacity, &[], EVERY_SCHEDULE, move || {
        let payloads = Payloads::new();
        let (sender, receiver) = open(capacity);
        let producer = {
            let payloads = payloads.clone();
            thread::spawn(move || (0..2).filter(|&seq| sender.send(payloads.make(0, seq)).is_ok()).count())
        };
        let received = receiver.try_recv().map_or(0, |_| 1);
        drop(receiver);
        assert!(joined(producer) >= received);
        assert_eq!(payloads.alive(), 0, "both ends are gone");
        payloads.assert_each_dropped_once();
    });
}

#[test]
fn both_ends_go_at_capacity_1() {
    both_ends_go("disconnect::both_ends_go_at_capacity_1", Capacity::from_slots(1));
}

#[test]
fn both_ends_go_unbounded() {
    both_ends_go("disconnect::both_ends_go_unbounded", Capacity::Unbounded);
}

/// The last receiver goes while two senders send the first messages that the channel ever has: what is made for them on first use is
/// made once, and goes once.
fn the_receiver_goes_while_two_send(name: &'static str, capacity: Capacity) {
    model(name, capacity, &[], DEFAULT, move || {
        let payloads = Payloads::new();
        let (sender, receiver) = open(capacity);
        let producers = [(0, sender.clone()), (1, sender)].map(|(producer, sender)| {
            let payload = payloads.make(producer, 0);
            // Either may be: the receiver went before or after.
            thread::spawn(move || drop(sender.send(payload)))
        });
        drop(receiver);
        producers.into_iter().for_each(joined);
        payloads.assert_each_dropped_once();
    });
}

#[test]
fn the_receiver_goes_while_two_send_at_capacity_2() {
    the_receiver_goes_while_two_send(
        "disconnect::the_receiver_goes_while_two_send_at_capacity_2",
        Capacity::from_slots(2),
    );
}

#[test]
fn the_receiver_goes_while_two_send_unbounded() {
    the_receiver_goes_while_two_send(
        "disconnect::the_receiver_goes_while_two_send_unbounded",
        Capacity::Unbounded,
    );
}

/// What is queued outlives the sender, and a clone keeps the channel connected.
#[test]
fn a_clone_sends_after_its_original_is_gone() {
    const NAME: &str = "disconnect::a_clone_sends_after_its_original_is_gone";
    model(NAME, Capacity::from_slots(1), &[], EVERY_SCHEDULE, || {
        let payloads = Payloads::new();
        let (sender, receiver) = open(Capacity::from_slots(1));
        let producer = {
            let payloads = payloads.clone();
            thread::spawn(move || {
                let clone = sender.clone();
                drop(sender);
                send_all(clone, &payloads, 0, 2);
            })
        };
        assert_each_once(receive_all(&receiver), &[2]);
        joined(producer);
        drop(receiver);
        payloads.assert_each_dropped_once();
    });
}

/// One of two receivers goes: the other goes on.
#[test]
fn a_receiver_goes_while_another_stays() {
    const NAME: &str = "disconnect::a_receiver_goes_while_another_stays";
    model(NAME, Capacity::from_slots(1), &[Capability::MultiConsumer], at_most(4), || {
        let payloads = Payloads::new();
        let (sender, receiver) = open(Capacity::from_slots(1));
        let other = receiver.try_clone().expect("the channel has several consumers");
        let going = thread::spawn(move || {
            other.try_recv().map(|payload| payload.id()).into_iter().collect::<Vec<_>>()
        });
        let producer = {
            let payloads = payloads.clone();
            thread::spawn(move || send_all(sender, &payloads, 0, 2))
        };
        let mut received = receive_all(&receiver);
        joined(producer);
        received.extend(joined(going));
        assert_each_once(received, &[2]);
        drop(receiver);
        payloads.assert_each_dropped_once();
    });
}

/// A receiver looks once while the sender sends a message and goes: it is not told of the disconnect before it has the message.
fn a_look_while_the_sender_goes(name: &'static str, capacity: Capacity) {
    model(name, capacity, &[], EVERY_SCHEDULE, move || {
        let payloads = Payloads::new();
        let (sender, receiver) = open(capacity);
        let producer = {
            let payloads = payloads.clone();
            thread::spawn(move || send_all(sender, &payloads, 0, 1))
        };
        let mut received = match receiver.try_recv() {
            Ok(payload) => vec![payload.id()],
            Err(TryRecvError::Empty) => Vec::new(),
            Err(TryRecvError::Disconnected) => panic!("the message was sent before its sender went"),
        };
        received.extend(receive_all(&receiver));
        joined(producer);
        assert_each_once(received, &[1]);
        drop(receiver);
        payloads.assert_each_dropped_once();
    });
}

#[test]
fn a_look_while_the_sender_goes_buffered() {
    a_look_while_the_sender_goes(
        "disconnect::a_look_while_the_sender_goes_buffered",
        Capacity::from_slots(1),
    );
}

#[test]
fn a_look_while_the_sender_goes_unbounded() {
    a_look_while_the_sender_goes("disconnect::a_look_while_the_sender_goes_unbounded", Capacity::Unbounded);
}
