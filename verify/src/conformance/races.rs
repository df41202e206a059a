//! Races, run many times: of a timeout with a hand-over, in which no message is lost, and of a call with
//! another one that is known to have ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::payload::each_once;
use super::scene::{Checked, SceneThread, holds, is, thread};
use super::{ANY, FULLABLE, Scenario, Setup, refused, table};
use crate::dyn_channel::{DynReceiver, DynSender};
use contract::channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender};

pub(super) fn scenarios() -> Vec<Scenario> {
    table! {
        loses_nothing_when_a_receive_times_out [RecvTimeout] at ANY,
            "receives that time out while messages are sent neither lose nor double one";
        loses_nothing_when_a_send_times_out [SendTimeout] at FULLABLE,
            "the message of a send that timed out is returned and not delivered; any other is delivered";
        loses_nothing_when_both_time_out [SendTimeout, RecvTimeout] at FULLABLE,
            "each message is either returned to its sender or delivered";
        has_room_after_a_receive [] at &[Some(1), Some(3)],
            "try_send succeeds when enough receives have ended to make room";
        has_a_message_after_a_send [] at &[Some(1), Some(3), None],
            "try_recv of the only receiver succeeds when a send has ended";
        has_a_message_after_a_send_beside_others [] at &[Some(1), Some(3), None],
            "try_recv of the only receiver succeeds when more sends have ended than it received, while others still send";
    }
}

/// Timeouts about as long as a hand-over takes, so that either often comes first.
fn short(number: u64) -> Duration {
    Duration::from_micros(number % 40)
}

const RACES: u64 = 1_500;

/// Receives everything with short timeouts.
fn receive_impatiently(receiver: &DynReceiver<u64>) -> Checked<Vec<u64>> {
    let mut received = Vec::new();
    for number in 0.. {
        match receiver.recv_timeout(short(number)) {
            Ok(message) => received.push(message),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Unsupported(unsupported)) => return Err(refused(unsupported)),
        }
    }
    Ok(received)
}

/// Sends everything with short timeouts and returns the messages that were not sent.
fn send_impatiently(sender: &DynSender<u64>) -> Checked<Vec<u64>> {
    let mut returned = Vec::new();
    for number in 0..RACES {
        match sender.send_timeout(number, short(number / 3)) {
            Ok(()) => {}
            Err(SendTimeoutError::Timeout(message)) => {
                is("the message that came back", message, number)?;
                returned.push(message);
            }
            other => return is("send_timeout", other, Ok(())).map(|()| returned),
        }
    }
    Ok(returned)
}

fn loses_nothing_when_a_receive_times_out(setup: Setup) -> Checked {
    let (sender, receiver) = setup.open::<u64>()?;
    let receiving = thread("receiver", move || receive_impatiently(&receiver))?;
    for number in 0..RACES {
        let sent = sender.send(number);
        holds(sent == Ok(()), "a send while a receiver is there succeeds", || format!("{sent:?}"))?;
        // Takes about as long as the next wait of the receiver.
        std::thread::yield_now();
    }
    drop(sender);
    let received = receiving.result()??;
    holds(received.is_sorted(), "the messages come in order", || "out of order".to_owned())?;
    each_once(received, 0..RACES)
}

fn loses_nothing_when_a_send_times_out(setup: Setup) -> Checked {
    let (sender, receiver) = setup.open::<u64>()?;
    let sending = thread("sender", move || send_impatiently(&sender))?;
    let received: Vec<u64> = std::iter::from_fn(|| {
        std::thread::yield_now();
        receiver.recv().ok()
    })
    .collect();
    holds(received.is_sorted(), "the messages come in order", || "out of order".to_owned())?;
    each_once([received, sending.result()??].concat(), 0..RACES)
}

fn loses_nothing_when_both_time_out(setup: Setup) -> Checked {
    let (sender, receiver) = setup.open::<u64>()?;
    let sending = thread("sender", move || send_impatiently(&sender))?;
    let received = receive_impatiently(&receiver)?;
    holds(received.is_sorted(), "the messages come in order", || "out of order".to_owned())?;
    each_once([received, sending.result()??].concat(), 0..RACES)
}

const COUNTED: u64 = 3_000;

/// A receive that has ended has made room, on which a thread that knows of its end may rely.
fn has_room_after_a_receive(setup: Setup) -> Checked {
    let slots = setup.slots();
    let (sender, receiver) = setup.open::<u64>()?;
    let received = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&received);
    let receiving = thread("receiver", move || {
        while receiver.recv().is_ok() {
            // Release: pairs with the load of the only sender.
            counted.fetch_add(1, Ordering::Release);
        }
    })?;
    for number in 0..COUNTED {
        // Acquire: pairs with the addition after a receive.
        while number - received.load(Ordering::Acquire) >= slots {
            std::thread::yield_now();
        }
        let sent = sender.try_send(number);
        holds(
            sent == Ok(()),
            "the only sender's try_send succeeds, since receives that made room have ended",
            || format!("try_send({number}): {sent:?}"),
        )?;
    }
    drop(sender);
    receiving.result()
}

fn has_a_message_after_a_send(setup: Setup) -> Checked {
    messages_after_sends(setup, 1)
}

fn has_a_message_after_a_send_beside_others(setup: Setup) -> Checked {
    messages_after_sends(setup, 3)
}

fn messages_after_sends(setup: Setup, producers: u64) -> Checked {
    let (sender, receiver) = setup.open::<u64>()?;
    let sent = Arc::new(AtomicU64::new(0));
    let producing = (0..producers).map(|place| {
        let (sender, counted) = (sender.clone(), Arc::clone(&sent));
        thread(format!("producer {place}"), move || {
            for number in 0..COUNTED / producers {
                if sender.send(number).is_err() {
                    return;
                }
                // Release: pairs with the load of the only receiver.
                counted.fetch_add(1, Ordering::Release);
            }
        })
    });
    let producing = producing.collect::<Checked<Vec<_>>>()?;
    for received in 0..COUNTED {
        // Acquire: pairs with the addition after a send.
        while sent.load(Ordering::Acquire) <= received {
            std::thread::yield_now();
        }
        let message = receiver.try_recv();
        holds(message.is_ok(), "the only receiver's try_recv succeeds, since more sends have ended", || {
            format!("try_recv after {received} messages: {message:?}")
        })?;
    }
    producing.into_iter().try_for_each(SceneThread::result)
}
