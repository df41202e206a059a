//! One side disconnects while the other is open: every waiter is woken, and no message is lost or dropped
//! twice.

use contract::channel::{Capacity, Receiver, RecvError, Sender, TryRecvError};
use contract::sync::thread;
use models::bounds::{DEFAULT, EVERY_SCHEDULE, at_most};
use models::joined;
use models::payload::{Payloads, assert_each_once};

use super::{
    AT_CAPACITY_1, AT_CAPACITY_2, BUFFERED, CONSUMERS, NOTHING, RENDEZVOUS, UNBOUNDED, alone,
    assert_returned, bounded, open, receive_all, send_all,
};

fn last_sender_goes_while_a_receiver_waits(capacity: Capacity) {
    let (sender, receiver) = open(capacity);
    let consumer = thread::spawn(move || receiver.recv().map(|payload| payload.id()));
    drop(sender);
    assert_eq!(joined(consumer), Err(RecvError));
}

/// Two senders are dropped at once, one of them after a message: the receiver gets the message, then the
/// disconnect.
fn two_senders_go(capacity: Capacity) {
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
}

/// The disconnect wakes every receiver that waits, not only one.
fn last_sender_goes_while_two_receivers_wait(capacity: Capacity) {
    let (sender, receiver) = open(capacity);
    let other = receiver.try_clone().expect("the channel has several consumers");
    let consumers =
        [receiver, other].map(|receiver| thread::spawn(move || receiver.recv().map(|payload| payload.id())));
    drop(sender);
    assert_eq!(consumers.map(joined), [Err(RecvError), Err(RecvError)]);
}

/// A sender that waits for room gets its message back when the last receiver is dropped.
fn last_receiver_goes_while_a_sender_waits(capacity: Capacity) {
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
    sender.send(payloads.make(0, 0)).expect("the channel has room");
    let blocked = {
        let payload = payloads.make(0, 1);
        thread::spawn(move || sender.send(payload))
    };
    drop(receiver);
    let returned = joined(blocked).expect_err("no message was received").message;
    assert_returned(returned, (0, 1));
    assert_eq!(payloads.alive(), 0, "the queued message went with the receiver");
    payloads.assert_each_dropped_once();
}

/// Both senders that wait get their messages back when the last receiver is dropped.
fn last_receiver_goes_while_two_senders_wait(capacity: Capacity) {
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
        let returned = joined(sending).expect_err("no message was received").message;
        assert_returned(returned, (producer, 0));
    }
    payloads.assert_each_dropped_once();
}

/// Both ends are dropped at once: a message that was sent and not received is dropped once, a refused one is
/// returned.
fn both_ends_go(capacity: Capacity) {
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
}

/// The last receiver is dropped while two senders send the first messages of the channel: memory that is
/// allocated on first use is allocated once and freed once.
fn the_receiver_goes_while_two_send(capacity: Capacity) {
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
}

/// A queued message outlives its sender, and a clone keeps the channel connected.
fn a_clone_sends_after_its_original_is_gone(capacity: Capacity) {
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
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
}

/// One of two receivers is dropped, and the other goes on.
fn a_receiver_goes_while_another_stays(capacity: Capacity) {
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
    let other = receiver.try_clone().expect("the channel has several consumers");
    let going =
        thread::spawn(move || other.try_recv().map(|payload| payload.id()).into_iter().collect::<Vec<_>>());
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
}

/// A receiver tries once while the sender sends a message and is dropped: it sees the message before the
/// disconnect.
fn a_look_while_the_sender_goes(capacity: Capacity) {
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
}

table! {
    last_sender_goes_while_a_receiver_waits, NOTHING, EVERY_SCHEDULE, [BUFFERED, RENDEZVOUS];
    two_senders_go, NOTHING, EVERY_SCHEDULE, [BUFFERED, RENDEZVOUS];
    last_sender_goes_while_two_receivers_wait, CONSUMERS, EVERY_SCHEDULE, [BUFFERED, RENDEZVOUS];
    last_receiver_goes_while_a_sender_waits, NOTHING, EVERY_SCHEDULE, [alone(bounded(1))];
    last_receiver_goes_while_two_senders_wait, NOTHING, EVERY_SCHEDULE, [BUFFERED, RENDEZVOUS];
    both_ends_go, NOTHING, EVERY_SCHEDULE, [AT_CAPACITY_1, UNBOUNDED];
    the_receiver_goes_while_two_send, NOTHING, DEFAULT, [AT_CAPACITY_2, UNBOUNDED];
    a_clone_sends_after_its_original_is_gone, NOTHING, EVERY_SCHEDULE, [alone(bounded(1))];
    a_receiver_goes_while_another_stays, CONSUMERS, at_most(4), [alone(bounded(1))];
    a_look_while_the_sender_goes, NOTHING, EVERY_SCHEDULE, [BUFFERED, UNBOUNDED];
}
