//! Messages through the buffered flavour, bounded and unbounded, while both ends are there.

use harness::channel::{Capability, Capacity, Receiver, Sender, TryRecvError, TrySendError};
use harness::sync::thread;
use models::bounds::{DEFAULT, EVERY_SCHEDULE, at_most};
use models::joined;
use models::payload::{Payloads, assert_each_once, assert_in_order};

use super::{model, open, receive_all, send_all, two_consumers, two_producers};

#[test]
fn two_producers_at_capacity_1() {
    two_producers("buffered::two_producers_at_capacity_1", Capacity::from_slots(1), DEFAULT);
}

#[test]
fn two_producers_at_capacity_2() {
    two_producers("buffered::two_producers_at_capacity_2", Capacity::from_slots(2), at_most(4));
}

#[test]
fn two_producers_unbounded() {
    two_producers("buffered::two_producers_unbounded", Capacity::Unbounded, at_most(4));
}

#[test]
fn two_consumers_at_capacity_1() {
    two_consumers("buffered::two_consumers_at_capacity_1", Capacity::from_slots(1), DEFAULT);
}

#[test]
fn two_consumers_unbounded() {
    two_consumers("buffered::two_consumers_unbounded", Capacity::Unbounded, at_most(4));
}

/// Both sides have two threads, so that a notification can reach a thread that finds nothing left to do.
#[test]
fn two_producers_and_two_consumers_at_capacity_1() {
    const NAME: &str = "buffered::two_producers_and_two_consumers_at_capacity_1";
    model(NAME, Capacity::from_slots(1), &[Capability::MultiConsumer], at_most(2), || {
        let payloads = Payloads::new();
        let (sender, receiver) = open(Capacity::from_slots(1));
        let other = receiver.try_clone().expect("the channel has several consumers");
        let producer = {
            let (sender, payloads) = (sender.clone(), payloads.clone());
            thread::spawn(move || send_all(sender, &payloads, 1, 1))
        };
        let consumers = [receiver, other].map(|receiver| thread::spawn(move || receive_all(&receiver)));
        send_all(sender, &payloads, 0, 2);
        joined(producer);
        let received = consumers.map(joined);
        received.iter().for_each(|received| assert_in_order(received));
        assert_each_once(received.concat(), &[2, 1]);
        payloads.assert_each_dropped_once();
    });
}

#[test]
fn it_never_holds_more_than_its_capacity() {
    model(
        "buffered::it_never_holds_more_than_its_capacity",
        Capacity::from_slots(1),
        &[Capability::Len],
        EVERY_SCHEDULE,
        || {
            let payloads = Payloads::new();
            let (sender, receiver) = open(Capacity::from_slots(1));
            let attempts = [(0, sender.clone()), (1, sender)].map(|(producer, sender)| {
                let payload = payloads.make(producer, 0);
                thread::spawn(move || sender.try_send(payload))
            });
            assert!(receiver.len().expect("the channel tells its length") <= 1);
            let attempts = attempts.map(joined);
            let sent = attempts.iter().filter(|attempt| attempt.is_ok()).count();
            assert_eq!(sent, 1, "one message fits, and nobody took it: {attempts:?}");
            assert_eq!(receiver.len(), Ok(1));
            drop((attempts, receiver));
            payloads.assert_each_dropped_once();
        },
    );
}

/// What `try_send` and `try_recv` say agrees with what happens, at each moment of the other's operation.
#[test]
fn try_send_against_try_recv() {
    model("buffered::try_send_against_try_recv", Capacity::from_slots(1), &[], EVERY_SCHEDULE, || {
        let payloads = Payloads::new();
        let (sender, receiver) = open(Capacity::from_slots(1));
        let sending = {
            let payloads = payloads.clone();
            thread::spawn(move || {
                sender.try_send(payloads.make(0, 0)).expect("an empty channel has room");
                sender.try_send(payloads.make(0, 1))
            })
        };
        let received = match receiver.try_recv() {
            Ok(payload) => vec![payload.id()],
            Err(TryRecvError::Empty) => vec![],
            Err(TryRecvError::Disconnected) => panic!("a message was sent before the sender went"),
        };
        match joined(sending) {
            Ok(()) => {
                assert_eq!(received, [(0, 0)], "there was room, so the first message was taken");
                assert_eq!(receive_all(&receiver), [(0, 1)]);
            }
            Err(TrySendError::Full(payload)) => {
                assert_eq!(payload.id(), (0, 1));
                let late = receive_all(&receiver);
                assert_eq!([received, late].concat(), [(0, 0)]);
            }
            Err(TrySendError::Disconnected(_)) => panic!("the receiver is there"),
        }
        drop(receiver);
        payloads.assert_each_dropped_once();
    });
}

#[test]
fn send_against_try_recv() {
    model("buffered::send_against_try_recv", Capacity::from_slots(1), &[], EVERY_SCHEDULE, || {
        let payloads = Payloads::new();
        let (sender, receiver) = open(Capacity::from_slots(1));
        let producer = {
            let payloads = payloads.clone();
            thread::spawn(move || send_all(sender, &payloads, 0, 2))
        };
        // A `try_recv` that makes room wakes the sender that waits for it: without that, this is a deadlock.
        let mut received: Vec<_> = receiver.try_recv().map(|payload| payload.id()).into_iter().collect();
        received.extend(receive_all(&receiver));
        joined(producer);
        assert_in_order(&received);
        assert_each_once(received, &[2]);
        payloads.assert_each_dropped_once();
    });
}

#[test]
fn try_send_against_recv() {
    model("buffered::try_send_against_recv", Capacity::from_slots(1), &[], EVERY_SCHEDULE, || {
        let payloads = Payloads::new();
        let (sender, receiver) = open(Capacity::from_slots(1));
        let consumer = thread::spawn(move || receive_all(&receiver));
        let attempts = [0, 1].map(|seq| sender.try_send(payloads.make(0, seq)));
        drop(sender);
        let received = joined(consumer);
        let sent: Vec<_> = (0..).zip(&attempts).filter(|(_, attempt)| attempt.is_ok()).collect();
        assert!(attempts[0].is_ok(), "an empty channel has room");
        assert_eq!(received, sent.iter().map(|&(seq, _)| (0, seq)).collect::<Vec<_>>());
        drop(attempts);
        payloads.assert_each_dropped_once();
    });
}

/// Two receivers wait and each wants one message: the second message wakes the second receiver, though the first is still there. The sender
/// stays until both have one, so that no disconnect makes good for a notification that was lost.
fn two_waiting_receivers(name: &'static str, capacity: Capacity) {
    model(name, capacity, &[Capability::MultiConsumer], DEFAULT, move || {
        let payloads = Payloads::new();
        let (sender, receiver) = open(capacity);
        let other = receiver.try_clone().expect("the channel has several consumers");
        let consumers = [receiver, other]
            .map(|receiver| thread::spawn(move || receiver.recv().expect("the sender is there").id()));
        for seq in 0..2 {
            sender.send(payloads.make(0, seq)).expect("a receiver is there");
        }
        assert_each_once(consumers.map(joined), &[2]);
        drop(sender);
        payloads.assert_each_dropped_once();
    });
}

#[test]
fn two_waiting_receivers_get_a_message_each() {
    two_waiting_receivers("buffered::two_waiting_receivers_get_a_message_each", Capacity::from_slots(2));
}

#[test]
fn two_waiting_receivers_get_a_message_each_unbounded() {
    two_waiting_receivers(
        "buffered::two_waiting_receivers_get_a_message_each_unbounded",
        Capacity::Unbounded,
    );
}

/// Two senders wait in a full channel: one place lets one of them in, and the other looks again and waits on.
#[test]
fn a_woken_sender_looks_for_room_again() {
    model(
        "buffered::a_woken_sender_looks_for_room_again",
        Capacity::from_slots(1),
        &[Capability::Len],
        DEFAULT,
        || {
            let payloads = Payloads::new();
            let (sender, receiver) = open(Capacity::from_slots(1));
            sender.send(payloads.make(0, 0)).expect("the channel has room");
            let producers = [(1, sender.clone()), (2, sender)].map(|(producer, sender)| {
                let payload = payloads.make(producer, 0);
                thread::spawn(move || sender.send(payload).expect("the receiver is there"))
            });
            let mut received = Vec::new();
            while let Ok(payload) = receiver.recv() {
                assert!(
                    receiver.len().expect("the channel tells its length") <= 1,
                    "it holds more than its capacity"
                );
                received.push(payload.id());
            }
            producers.into_iter().for_each(joined);
            assert_each_once(received, &[1, 1, 1]);
            payloads.assert_each_dropped_once();
        },
    );
}

/// The ring wraps around, and the order stays.
#[test]
fn order_at_the_wrap_around() {
    model("buffered::order_at_the_wrap_around", Capacity::from_slots(2), &[], EVERY_SCHEDULE, || {
        let payloads = Payloads::new();
        let (sender, receiver) = open(Capacity::from_slots(2));
        let producer = {
            let payloads = payloads.clone();
            thread::spawn(move || send_all(sender, &payloads, 0, 4))
        };
        let received = receive_all(&receiver);
        joined(producer);
        assert_in_order(&received);
        assert_each_once(received, &[4]);
        drop(receiver);
        payloads.assert_each_dropped_once();
    });
}
