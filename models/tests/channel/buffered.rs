//! Messages through the buffered flavour, bounded and unbounded, while both ends are open.

use contract::channel::{Capacity, Receiver, Sender, TryRecvError, TrySendError};
use contract::sync::thread;
use models::bounds::{DEFAULT, EVERY_SCHEDULE, at_most};
use models::joined;
use models::payload::{Payloads, assert_each_once, assert_in_order};

use super::{
    AT_CAPACITY_1, AT_CAPACITY_2, CONSUMERS, LEN, NOTHING, UNBOUNDED, alone, bounded, open, receive_all,
    send_all, two_consumers, two_producers,
};

/// Both sides have two threads, so a notification can reach a thread that finds nothing left to do.
fn two_producers_and_two_consumers_at_capacity_1(capacity: Capacity) {
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
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
}

fn it_never_holds_more_than_its_capacity(capacity: Capacity) {
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
    let attempts = [(0, sender.clone()), (1, sender)].map(|(producer, sender)| {
        let payload = payloads.make(producer, 0);
        thread::spawn(move || sender.try_send(payload))
    });
    assert!(receiver.len().expect("the channel tells its length") <= 1);
    let attempts = attempts.map(joined);
    let sent = attempts.iter().filter(|attempt| attempt.is_ok()).count();
    assert_eq!(sent, 1, "one message fits, and none was received: {attempts:?}");
    assert_eq!(receiver.len(), Ok(1));
    drop((attempts, receiver));
    payloads.assert_each_dropped_once();
}

/// The results of `try_send` and `try_recv` agree with each other at every interleaving.
fn try_send_against_try_recv(capacity: Capacity) {
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
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
}

fn send_against_try_recv(capacity: Capacity) {
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
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
}

fn try_send_against_recv(capacity: Capacity) {
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
    let consumer = thread::spawn(move || receive_all(&receiver));
    let attempts = [0, 1].map(|seq| sender.try_send(payloads.make(0, seq)));
    drop(sender);
    let received = joined(consumer);
    let sent: Vec<_> = (0..).zip(&attempts).filter(|(_, attempt)| attempt.is_ok()).collect();
    assert!(attempts[0].is_ok(), "an empty channel has room");
    assert_eq!(received, sent.iter().map(|&(seq, _)| (0, seq)).collect::<Vec<_>>());
    drop(attempts);
    payloads.assert_each_dropped_once();
}

/// Two receivers wait for one message each: the second message wakes the second receiver while the first is
/// still queued. The sender stays until both have one, so that no disconnect covers up a lost notification.
fn two_waiting_receivers_get_a_message_each(capacity: Capacity) {
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
}

/// Two senders wait for room in a full channel: one free slot lets one of them in, and the other checks again
/// and waits on.
fn a_woken_sender_looks_for_room_again(capacity: Capacity) {
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
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
}

/// The ring buffer wraps around and keeps the order.
fn order_at_the_wrap_around(capacity: Capacity) {
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
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
}

table! {
    two_producers, NOTHING, DEFAULT, [AT_CAPACITY_1];
    two_producers, NOTHING, at_most(4), [AT_CAPACITY_2, UNBOUNDED];
    two_consumers, CONSUMERS, DEFAULT, [AT_CAPACITY_1];
    two_consumers, CONSUMERS, at_most(4), [UNBOUNDED];
    two_producers_and_two_consumers_at_capacity_1, CONSUMERS, at_most(2), [alone(bounded(1))];
    it_never_holds_more_than_its_capacity, LEN, EVERY_SCHEDULE, [alone(bounded(1))];
    try_send_against_try_recv, NOTHING, EVERY_SCHEDULE, [alone(bounded(1))];
    send_against_try_recv, NOTHING, EVERY_SCHEDULE, [alone(bounded(1))];
    try_send_against_recv, NOTHING, EVERY_SCHEDULE, [alone(bounded(1))];
    two_waiting_receivers_get_a_message_each, CONSUMERS, DEFAULT, [alone(bounded(2)), UNBOUNDED];
    a_woken_sender_looks_for_room_again, LEN, DEFAULT, [alone(bounded(1))];
    order_at_the_wrap_around, NOTHING, EVERY_SCHEDULE, [alone(bounded(2))];
}
