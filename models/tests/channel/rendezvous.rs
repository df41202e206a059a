//! Messages through the rendezvous flavour, in which a send and a receive meet.

use contract::channel::{Capacity, Receiver, RecvTimeoutError, Sender, TryRecvError, TrySendError};
use contract::sync::{Arc, AtomicBool, Ordering, thread};
use models::bounds::{DEFAULT, EVERY_SCHEDULE, at_most};
use models::joined;
use models::payload::{Payloads, assert_each_once};

use super::timeouts::SOON;
use super::{
    CONSUMERS, CONSUMERS_AND_RECV_TIMEOUT, NOTHING, RECV_TIMEOUT, alone, assert_returned, open, receive_all,
    send_all, two_consumers, two_producers,
};

/// A send returns only after a receive has begun that may take the message.
fn a_send_does_not_return_before_a_receive_begins(capacity: Capacity) {
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
    let begun = Arc::new(AtomicBool::new(false));
    let consumer = {
        let begun = Arc::clone(&begun);
        thread::spawn(move || {
            // Release: pairs with the Acquire load after the send. So does the channel, which is what is
            // asked.
            begun.store(true, Ordering::Release);
            receiver.recv().expect("the message was sent").id()
        })
    };
    sender.send(payloads.make(0, 0)).expect("the receiver is there");
    assert!(begun.load(Ordering::Acquire), "no receiver was there to take the message");
    assert_eq!(joined(consumer), (0, 0));
    drop(sender);
    payloads.assert_each_dropped_once();
}

/// A receive that begins after a send has returned does not get its message, although the receiver that the
/// send met may be about to time out.
fn a_receive_that_begins_after_a_send_does_not_get_its_message(capacity: Capacity) {
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
    let sent = Arc::new(AtomicBool::new(false));
    let impatient = {
        let receiver = receiver.try_clone().expect("the channel has several consumers");
        thread::spawn(move || receiver.recv_timeout(SOON).is_ok())
    };
    let late = {
        let sent = Arc::clone(&sent);
        thread::spawn(move || {
            // Pairs with the Release store after the send.
            let after = sent.load(Ordering::Acquire);
            let received = receiver.recv().is_ok();
            assert!(!(after && received), "the send had returned before this receive began");
            received
        })
    };
    let delivered = sender.try_send(payloads.make(0, 0)).is_ok();
    // Pairs with the Acquire load before the late receive.
    sent.store(delivered, Ordering::Release);
    drop(sender);
    let received = [joined(impatient), joined(late)];
    assert_eq!(
        received.iter().filter(|&&received| received).count(),
        usize::from(delivered),
        "delivered to one if sent, else to none"
    );
    payloads.assert_each_dropped_once();
}

/// A receiver tries once and is dropped: the message is either delivered or returned.
fn a_send_against_a_receiver_that_goes(capacity: Capacity) {
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
    let producer = {
        let payloads = payloads.clone();
        thread::spawn(move || sender.send(payloads.make(0, 0)))
    };
    let received = receiver.try_recv();
    drop(receiver);
    match (joined(producer), received) {
        (Ok(()), Ok(payload)) => assert_eq!(payload.id(), (0, 0)),
        (Err(error), Err(TryRecvError::Empty)) => {
            assert_returned(error.message, (0, 0));
        }
        other => panic!("delivered or returned, never both or neither: {other:?}"),
    }
    payloads.assert_each_dropped_once();
}

/// As above, with a receiver that waits for a message and two senders.
fn two_sends_against_a_receiver_that_takes_one_and_goes(capacity: Capacity) {
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
    let producers = [(0, sender.clone()), (1, sender)].map(|(producer, sender)| {
        let payload = payloads.make(producer, 0);
        thread::spawn(move || sender.send(payload).map_err(|error| error.message))
    });
    let (received, _) = receiver.recv().expect("two messages are sent").id();
    drop(receiver);
    let sent = producers.map(joined);
    assert!(sent[received].is_ok(), "its message was delivered");
    let returned = sent.into_iter().nth(1 - received).expect("there are two");
    assert_returned(returned.expect_err("one is delivered"), (1 - received, 0));
    payloads.assert_each_dropped_once();
}

/// On a rendezvous channel `try_send` succeeds only when a receiver waits, and `try_recv` only when a sender
/// does: two of them never meet.
fn try_send_against_try_recv(capacity: Capacity) {
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
    let sending = {
        let payload = payloads.make(0, 0);
        let sender = sender.clone();
        thread::spawn(move || sender.try_send(payload))
    };
    assert_eq!(receiver.try_recv().map(|payload| payload.id()), Err(TryRecvError::Empty));
    assert!(matches!(joined(sending), Err(TrySendError::Full(_))));
    drop((sender, receiver));
    payloads.assert_each_dropped_once();
}

fn try_send_against_recv(capacity: Capacity) {
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
    let consumer = thread::spawn(move || receive_all(&receiver));
    let attempt = sender.try_send(payloads.make(0, 0));
    drop(sender);
    let received = joined(consumer);
    match attempt {
        Ok(()) => assert_eq!(received, [(0, 0)]),
        Err(TrySendError::Full(payload)) => {
            assert_eq!(payload.id(), (0, 0));
            assert_eq!(received, []);
        }
        Err(TrySendError::Disconnected(_)) => panic!("the receiver waits for the disconnect"),
    }
    payloads.assert_each_dropped_once();
}

fn send_against_try_recv(capacity: Capacity) {
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
    let producer = {
        let payloads = payloads.clone();
        thread::spawn(move || send_all(sender, &payloads, 0, 1))
    };
    let mut received: Vec<_> = receiver.try_recv().map(|payload| payload.id()).into_iter().collect();
    received.extend(receive_all(&receiver));
    joined(producer);
    assert_each_once(received, &[1]);
    payloads.assert_each_dropped_once();
}

/// A receiver times out at the moment at which a message is assigned to it: either it has the message, or the
/// send met no receiver.
fn try_send_against_a_receive_that_gives_up(capacity: Capacity) {
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
    let consumer = thread::spawn(move || receiver.recv_timeout(SOON).map(|payload| payload.id()));
    let attempt = sender.try_send(payloads.make(0, 0));
    match (attempt, joined(consumer)) {
        (Ok(()), Ok(id)) => assert_eq!(id, (0, 0)),
        (Err(TrySendError::Full(_) | TrySendError::Disconnected(_)), Err(RecvTimeoutError::Timeout)) => {}
        other => panic!("sent and received, or neither: {other:?}"),
    }
    drop(sender);
    payloads.assert_each_dropped_once();
}

table! {
    two_producers, NOTHING, DEFAULT, [alone(Capacity::Rendezvous)];
    two_consumers, CONSUMERS, DEFAULT, [alone(Capacity::Rendezvous)];
    a_send_does_not_return_before_a_receive_begins, NOTHING, EVERY_SCHEDULE, [alone(Capacity::Rendezvous)];
    a_receive_that_begins_after_a_send_does_not_get_its_message,
        CONSUMERS_AND_RECV_TIMEOUT, at_most(4), [alone(Capacity::Rendezvous)];
    a_send_against_a_receiver_that_goes, NOTHING, EVERY_SCHEDULE, [alone(Capacity::Rendezvous)];
    two_sends_against_a_receiver_that_takes_one_and_goes, NOTHING, at_most(4), [alone(Capacity::Rendezvous)];
    try_send_against_try_recv, NOTHING, EVERY_SCHEDULE, [alone(Capacity::Rendezvous)];
    try_send_against_recv, NOTHING, EVERY_SCHEDULE, [alone(Capacity::Rendezvous)];
    send_against_try_recv, NOTHING, EVERY_SCHEDULE, [alone(Capacity::Rendezvous)];
    try_send_against_a_receive_that_gives_up, RECV_TIMEOUT, EVERY_SCHEDULE, [alone(Capacity::Rendezvous)];
}
