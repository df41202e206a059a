//! Many threads and messages. Shuttle has sizes that loom could not finish; loom has the same models,
//! smaller.

use contract::channel::{Capacity, Receiver, Sender, receivers};
use contract::sync::thread;
use models::bounds::{at_most, sized};
use models::joined;
use models::payload::{Payloads, assert_each_once, assert_in_order};

use super::timeouts::SOON;
use super::{
    AT_CAPACITY_1, AT_CAPACITY_3, BOTH_TIMEOUTS, CONSUMERS, NOTHING, RENDEZVOUS, UNBOUNDED, open,
    receive_all, send_all,
};

/// Producers send all their messages; consumers receive until the disconnect, which wakes all that wait.
fn many_to_many(capacity: Capacity) {
    let (producers, consumers, each) = (sized(1, 4), sized(2, 4), sized(2, 6));
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
    let consumers: Vec<_> = receivers(receiver, consumers)
        .expect("the channel has several consumers")
        .into_iter()
        .map(|receiver| thread::spawn(move || receive_all(&receiver)))
        .collect();
    let producers: Vec<_> = (1..producers)
        .map(|producer| {
            let (sender, payloads) = (sender.clone(), payloads.clone());
            thread::spawn(move || send_all(sender, &payloads, producer, each))
        })
        .collect();
    send_all(sender, &payloads, 0, each);
    let sent = vec![each; 1 + producers.len()];
    producers.into_iter().for_each(joined);
    let received: Vec<_> = consumers.into_iter().map(joined).collect();
    received.iter().for_each(|received| assert_in_order(received));
    assert_each_once(received.concat(), &sent);
    payloads.assert_each_dropped_once();
}

/// All threads time out now and then: a message that was not sent is returned, and one that was sent arrives,
/// although its receiver had timed out once.
fn many_that_give_up(capacity: Capacity) {
    let (producers, each) = (sized(1, 3), sized(1, 3));
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
    let producers: Vec<_> = (0..producers)
        .map(|producer| {
            let (sender, payloads) = (sender.clone(), payloads.clone());
            thread::spawn(move || {
                (0..each)
                    .filter(|&seq| sender.send_timeout(payloads.make(producer, seq), SOON).is_ok())
                    .map(|seq| (producer, seq))
                    .collect::<Vec<_>>()
            })
        })
        .collect();
    drop(sender);
    let mut received: Vec<_> = receiver.recv_timeout(SOON).map(|payload| payload.id()).into_iter().collect();
    received.extend(receive_all(&receiver));
    assert_in_order(&received);
    let mut sent: Vec<_> = producers.into_iter().flat_map(joined).collect();
    sent.sort_unstable();
    received.sort_unstable();
    assert_eq!(received, sent, "what was sent arrives, and nothing else");
    drop(receiver);
    payloads.assert_each_dropped_once();
}

/// Every sender that waits gets its message back when the last receiver is dropped.
fn many_senders_lose_their_receiver(capacity: Capacity) {
    let producers = sized(2, 6);
    let payloads = Payloads::new();
    let (sender, receiver) = open(capacity);
    let producers: Vec<_> = (0..producers)
        .map(|producer| {
            let (sender, payload) = (sender.clone(), payloads.make(producer, 0));
            thread::spawn(move || sender.send(payload).is_ok())
        })
        .collect();
    let received = usize::from(receiver.recv().is_ok());
    drop((sender, receiver));
    let sent = producers.into_iter().map(joined).filter(|&sent| sent).count();
    assert!(received == 1 && sent >= received, "{received} received of {sent}");
    payloads.assert_each_dropped_once();
}

table! {
    many_to_many, CONSUMERS, at_most(2), [AT_CAPACITY_1, AT_CAPACITY_3, UNBOUNDED, RENDEZVOUS];
    many_that_give_up, BOTH_TIMEOUTS, at_most(2), [AT_CAPACITY_1, RENDEZVOUS];
    many_senders_lose_their_receiver, NOTHING, at_most(3), [AT_CAPACITY_1, RENDEZVOUS];
}
