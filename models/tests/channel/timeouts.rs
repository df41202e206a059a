//! Waits that end at a deadline, against whatever else may end them.
//!
//! Under loom a deadline passes at any moment after the wait has begun, so "timed out" and "in time" both occur in each
//! model; a deadline is a thread and counts as one of loom's five.

use std::time::Duration;

use harness::channel::{Capability, Capacity, Receiver, RecvTimeoutError, SendTimeoutError, Sender};
use harness::sync::thread;
use models::bounds::{EVERY_SCHEDULE, at_most};
use models::joined;
use models::payload::{Payloads, assert_each_once};

use super::{assert_returned, model, open, receive_all};

/// A timeout: any moment under loom, and short where it is real.
pub(crate) const SOON: Duration = Duration::from_millis(1);

/// The message is received, or it is still there when the receiver has given up.
#[test]
fn recv_timeout_against_send_buffered() {
    const NAME: &str = "timeouts::recv_timeout_against_send_buffered";
    model(NAME, Capacity::from_slots(1), &[Capability::RecvTimeout, Capability::Len], EVERY_SCHEDULE, || {
        let payloads = Payloads::new();
        let (sender, receiver) = open(Capacity::from_slots(1));
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
    });
}

/// The message is received, or it comes back because the receiver has given up and gone.
#[test]
fn recv_timeout_against_send_rendezvous() {
    const NAME: &str = "timeouts::recv_timeout_against_send_rendezvous";
    model(NAME, Capacity::Rendezvous, &[Capability::RecvTimeout], EVERY_SCHEDULE, || {
        let payloads = Payloads::new();
        let (sender, receiver) = open(Capacity::Rendezvous);
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
    });
}

fn recv_timeout_against_disconnect(name: &'static str, capacity: Capacity) {
    model(name, capacity, &[Capability::RecvTimeout], EVERY_SCHEDULE, move || {
        let (sender, receiver) = open(capacity);
        let going = thread::spawn(move || drop(sender));
        // Either is right when both come; the next call has only one answer.
        receiver.recv_timeout(SOON).expect_err("nothing was sent");
        joined(going);
        let error = receiver.recv_timeout(SOON).expect_err("nothing was sent");
        assert_eq!(error, RecvTimeoutError::Disconnected);
    });
}

#[test]
fn recv_timeout_against_disconnect_buffered() {
    recv_timeout_against_disconnect(
        "timeouts::recv_timeout_against_disconnect_buffered",
        Capacity::from_slots(1),
    );
}

#[test]
fn recv_timeout_against_disconnect_rendezvous() {
    recv_timeout_against_disconnect(
        "timeouts::recv_timeout_against_disconnect_rendezvous",
        Capacity::Rendezvous,
    );
}

/// A message that timed out comes back and is not delivered; one that did not is delivered.
fn send_timeout_against_recv(name: &'static str, capacity: Capacity) {
    model(name, capacity, &[Capability::SendTimeout], EVERY_SCHEDULE, move || {
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
    });
}

#[test]
fn send_timeout_against_recv_buffered() {
    send_timeout_against_recv("timeouts::send_timeout_against_recv_buffered", Capacity::from_slots(1));
}

#[test]
fn send_timeout_against_recv_rendezvous() {
    send_timeout_against_recv("timeouts::send_timeout_against_recv_rendezvous", Capacity::Rendezvous);
}

/// However the wait ends, the message comes back.
fn send_timeout_against_disconnect(name: &'static str, capacity: Capacity) {
    model(name, capacity, &[Capability::SendTimeout], EVERY_SCHEDULE, move || {
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
            other => panic!("nobody received: {other:?}"),
        }
        payloads.assert_each_dropped_once();
    });
}

#[test]
fn send_timeout_against_disconnect_buffered() {
    send_timeout_against_disconnect(
        "timeouts::send_timeout_against_disconnect_buffered",
        Capacity::from_slots(1),
    );
}

#[test]
fn send_timeout_against_disconnect_rendezvous() {
    send_timeout_against_disconnect(
        "timeouts::send_timeout_against_disconnect_rendezvous",
        Capacity::Rendezvous,
    );
}

/// Both ends give up after a while: they have met, or neither has anything.
#[test]
fn send_timeout_against_recv_timeout() {
    const NAME: &str = "timeouts::send_timeout_against_recv_timeout";
    model(
        NAME,
        Capacity::Rendezvous,
        &[Capability::SendTimeout, Capability::RecvTimeout],
        EVERY_SCHEDULE,
        || {
            let payloads = Payloads::new();
            let (sender, receiver) = open(Capacity::Rendezvous);
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
        },
    );
}

/// A receiver that gives up takes no notification away from one that waits on: the message is received before anything is
/// disconnected. The deadline wakes both, so this is also a wait that ends without cause.
fn a_receiver_gives_up_beside_one_that_waits(name: &'static str, capacity: Capacity) {
    model(name, capacity, &[Capability::MultiConsumer, Capability::RecvTimeout], at_most(4), move || {
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
    });
}

#[test]
fn a_receiver_gives_up_beside_one_that_waits_buffered() {
    a_receiver_gives_up_beside_one_that_waits(
        "timeouts::a_receiver_gives_up_beside_one_that_waits_buffered",
        Capacity::from_slots(1),
    );
}

#[test]
fn a_receiver_gives_up_beside_one_that_waits_rendezvous() {
    a_receiver_gives_up_beside_one_that_waits(
        "timeouts::a_receiver_gives_up_beside_one_that_waits_rendezvous",
        Capacity::Rendezvous,
    );
}

/// The same for senders: the one that waits on gets the place.
fn a_sender_gives_up_beside_one_that_waits(name: &'static str, capacity: Capacity) {
    model(name, capacity, &[Capability::SendTimeout], at_most(4), move || {
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
    });
}

#[test]
fn a_sender_gives_up_beside_one_that_waits_buffered() {
    a_sender_gives_up_beside_one_that_waits(
        "timeouts::a_sender_gives_up_beside_one_that_waits_buffered",
        Capacity::from_slots(1),
    );
}

#[test]
fn a_sender_gives_up_beside_one_that_waits_rendezvous() {
    a_sender_gives_up_beside_one_that_waits(
        "timeouts::a_sender_gives_up_beside_one_that_waits_rendezvous",
        Capacity::Rendezvous,
    );
}
