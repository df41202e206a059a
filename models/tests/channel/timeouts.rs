//! Waits that end at a deadline, against everything else that may end them.
//!
//! Under loom a deadline passes at any moment after the wait has begun, so "timed out" and "in time" both
//! occur in each model; a deadline is a thread and counts as one of loom's five.

use std::time::Duration;

use contract::channel::{Capacity, Receiver, RecvTimeoutError, SendTimeoutError, Sender};
use contract::sync::thread;
use models::bounds::{EVERY_SCHEDULE, at_most};
use models::joined;
use models::payload::{Payloads, assert_each_once};

use super::{
    BOTH_TIMEOUTS, BUFFERED, CONSUMERS_AND_RECV_TIMEOUT, RECV_TIMEOUT, RECV_TIMEOUT_AND_LEN, RENDEZVOUS,
    SEND_TIMEOUT, alone, assert_returned, bounded, open, receive_all,
};

/// A timeout: it passes at any moment under loom, and soon on a real clock.
pub(crate) const SOON: Duration = Duration::from_millis(1);

/// The message is received, or it is still queued when the receiver has timed out.
fn recv_timeout_against_send_buffered(capacity: Capacity) {
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
    let producer = {
        let payload = payloads.make(0, 0);
        let sender = sender.clone();
        thread::spawn(move || sender.send(payload).expect("the receiver is there"))
    };
    let received = receiver.recv_timeout(SOON);
    joined(producer);
    match received {
        Ok(payload) => assert_eq!(payload.id(), (0, 0)),
        Err(error) => {
            assert_eq!(error, RecvTimeoutError::Timeout);
            assert_eq!(receiver.len(), Ok(1), "neither received nor queued");
        }
    }
    drop((sender, receiver));
    payloads.assert_each_dropped_once();
}

/// The message is received, or it is returned because the receiver has timed out and is gone.
fn recv_timeout_against_send_rendezvous(capacity: Capacity) {
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
    let producer = {
        let payload = payloads.make(0, 0);
        thread::spawn(move || sender.send(payload))
    };
    let received = receiver.recv_timeout(SOON);
    drop(receiver);
    match (received, joined(producer)) {
        (Ok(payload), Ok(())) => assert_eq!(payload.id(), (0, 0)),
        (Err(RecvTimeoutError::Timeout), Err(error)) => {
            assert_returned(error.message, (0, 0));
        }
        other => panic!("delivered or returned, never both or neither: {other:?}"),
    }
    payloads.assert_each_dropped_once();
}

fn recv_timeout_against_disconnect(capacity: Capacity) {
    let (sender, receiver) = open(capacity);
    let going = thread::spawn(move || drop(sender));
    // Either is right when both come; the next call has only one answer.
    receiver.recv_timeout(SOON).expect_err("nothing was sent");
    joined(going);
    let error = receiver.recv_timeout(SOON).expect_err("nothing was sent");
    assert_eq!(error, RecvTimeoutError::Disconnected);
}

/// A message whose send timed out is returned and not delivered; any other is delivered.
fn send_timeout_against_recv(capacity: Capacity) {
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
    let queued = capacity.slots().expect("a bounded channel");
    for seq in 0..queued {
        sender.send(payloads.make(0, seq)).expect("the channel has room");
    }
    let producer = {
        let payload = payloads.make(0, queued);
        thread::spawn(move || sender.send_timeout(payload, SOON))
    };
    let received = receive_all(&receiver);
    match joined(producer) {
        Ok(()) => assert_each_once(received, &[queued + 1]),
        Err(SendTimeoutError::Timeout(payload)) => {
            assert_eq!(payload.id(), (0, queued));
            assert_each_once(received, &[queued]);
        }
        other => panic!("the receiver is there: {other:?}"),
    }
    drop(receiver);
    payloads.assert_each_dropped_once();
}

/// The message is returned, whatever ends the wait.
fn send_timeout_against_disconnect(capacity: Capacity) {
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
    for seq in 0..capacity.slots().expect("a bounded channel") {
        sender.send(payloads.make(1, seq)).expect("the channel has room");
    }
    let producer = {
        let payload = payloads.make(0, 0);
        thread::spawn(move || sender.send_timeout(payload, SOON))
    };
    drop(receiver);
    match joined(producer) {
        Err(SendTimeoutError::Timeout(payload) | SendTimeoutError::Disconnected(payload)) => {
            assert_eq!(payload.id(), (0, 0));
        }
        other => panic!("no message was received: {other:?}"),
    }
    payloads.assert_each_dropped_once();
}

/// Both ends have a timeout: either they meet, or neither has a result.
fn send_timeout_against_recv_timeout(capacity: Capacity) {
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
    let producer = {
        let payload = payloads.make(0, 0);
        thread::spawn(move || sender.send_timeout(payload, SOON))
    };
    let received = receiver.recv_timeout(SOON);
    match (joined(producer), received) {
        (Ok(()), Ok(payload)) | (Err(SendTimeoutError::Timeout(payload)), Err(_)) => {
            assert_eq!(payload.id(), (0, 0));
        }
        other => panic!("delivered or returned, never both or neither: {other:?}"),
    }
    drop(receiver);
    payloads.assert_each_dropped_once();
}

/// A receiver that times out takes no notification from one that waits on: the message is received before the
/// disconnect. The deadline wakes both, so the other wait also ends spuriously.
fn a_receiver_gives_up_beside_one_that_waits(capacity: Capacity) {
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
    let impatient = {
        let receiver = receiver.try_clone().expect("the channel has several consumers");
        thread::spawn(move || receiver.recv_timeout(SOON).map(|payload| payload.id()))
    };
    let patient = thread::spawn(move || receiver.recv().map(|payload| payload.id()));
    sender.send(payloads.make(0, 0)).expect("a receiver is there");
    match joined(impatient) {
        Ok(id) => {
            assert_eq!(id, (0, 0));
            drop(sender);
            joined(patient).expect_err("the other has the message");
        }
        Err(_) => {
            assert_eq!(joined(patient), Ok((0, 0)));
            drop(sender);
        }
    }
    payloads.assert_each_dropped_once();
}

/// The same for senders: the one that waits on gets the free slot.
fn a_sender_gives_up_beside_one_that_waits(capacity: Capacity) {
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
    let queued = capacity.slots().expect("a bounded channel");
    for seq in 0..queued {
        sender.send(payloads.make(2, seq)).expect("the channel has room");
    }
    let impatient = {
        let (sender, payload) = (sender.clone(), payloads.make(0, 0));
        thread::spawn(move || sender.send_timeout(payload, SOON).is_ok())
    };
    let patient = {
        let payload = payloads.make(1, 0);
        thread::spawn(move || sender.send(payload).expect("the receiver is there"))
    };
    // Room for one of them.
    let first = receiver.recv().expect("a message is there or comes");
    let sent = joined(impatient);
    let mut received = vec![first.id()];
    drop(first);
    if !sent && queued > 0 {
        // The place is the patient sender's, which gets it without a further receive.
        joined(patient);
        received.extend(receiver.recv().map(|payload| payload.id()));
    } else {
        received.extend(std::iter::from_fn(|| receiver.recv().ok()).map(|payload| payload.id()));
        joined(patient);
    }
    assert_each_once(received, &[usize::from(sent), 1, queued]);
    drop(receiver);
    payloads.assert_each_dropped_once();
}

table! {
    recv_timeout_against_send_buffered, RECV_TIMEOUT_AND_LEN, EVERY_SCHEDULE, [alone(bounded(1))];
    recv_timeout_against_send_rendezvous, RECV_TIMEOUT, EVERY_SCHEDULE, [alone(Capacity::Rendezvous)];
    recv_timeout_against_disconnect, RECV_TIMEOUT, EVERY_SCHEDULE, [BUFFERED, RENDEZVOUS];
    send_timeout_against_recv, SEND_TIMEOUT, EVERY_SCHEDULE, [BUFFERED, RENDEZVOUS];
    send_timeout_against_disconnect, SEND_TIMEOUT, EVERY_SCHEDULE, [BUFFERED, RENDEZVOUS];
    send_timeout_against_recv_timeout, BOTH_TIMEOUTS, EVERY_SCHEDULE, [alone(Capacity::Rendezvous)];
    a_receiver_gives_up_beside_one_that_waits, CONSUMERS_AND_RECV_TIMEOUT, at_most(4), [BUFFERED, RENDEZVOUS];
    a_sender_gives_up_beside_one_that_waits, SEND_TIMEOUT, at_most(4), [BUFFERED, RENDEZVOUS];
}
