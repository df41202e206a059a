//! Blocking calls: they wait, they are woken, by what they wait for, by a disconnect and by their timeout, and nothing is lost between.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::payload::each_once;
use super::scene::{Checked, Running, holds, is, note, thread, tries};
use super::{ANY, FULLABLE, RENDEZVOUS, Scenario, open, refused, slots, table};
use crate::erased::info;
use harness::channel::{
    Capability, Capacity, Channel, Receiver, RecvError, RecvTimeoutError, SendTimeoutError, Sender,
    TryRecvError, TrySendError, receivers,
};

pub(super) fn scenarios<C: Channel>() -> Vec<Scenario> {
    table! { C:
        wakes_a_waiting_receiver [] at ANY,
            "a waiting receive ends with a send, and the next with the disconnect, not with a clone's end";
        wakes_a_waiting_sender [] at FULLABLE,
            "a waiting send ends with a receive, and the next with the disconnect";
        waits_for_room [] at FULLABLE,
            "a send on a full channel does not end before a receive begins";
        ends_a_rendezvous_after_the_receiver_has_come [] at RENDEZVOUS,
            "a rendezvous send does not end before the receive begins";
        hands_over_to_a_waiting_receiver_by_try_send [] at RENDEZVOUS,
            "try_send succeeds once a receiver waits";
        takes_from_a_waiting_sender_by_try_recv [] at RENDEZVOUS,
            "try_recv succeeds once a sender waits";
        is_empty_while_a_sender_waits_at_a_rendezvous [Len] at RENDEZVOUS,
            "len of a rendezvous is 0, also while a sender waits";
        does_not_count_waiting_senders [Len] at &[Some(1), Some(3)],
            "len of a full channel is its capacity, also while senders wait";
        wakes_every_waiting_receiver_at_the_disconnect [MultiConsumer] at ANY,
            "four waiting receives all end when the last sender goes";
        wakes_every_timed_receiver_at_the_disconnect [MultiConsumer, RecvTimeout] at ANY,
            "four receives with an hour of time all end when the last sender goes";
        wakes_every_waiting_sender_at_the_disconnect [] at FULLABLE,
            "four waiting sends all end when the last receiver goes, each with its message";
        wakes_every_timed_sender_at_the_disconnect [SendTimeout] at FULLABLE,
            "four sends with an hour of time all end when the last receiver goes, each with its message";
        gives_each_waiting_receiver_a_message [MultiConsumer] at ANY,
            "four waiting receives get the four messages that are sent, one each";
        lets_every_waiting_sender_through [] at FULLABLE,
            "four waiting sends all end when everything is received";
        keeps_waiting_when_a_receiver_that_is_not_the_last_goes [MultiConsumer] at FULLABLE,
            "a waiting send is not told of a disconnect while a receiver is left";
        ends_a_timed_wait_when_the_other_side_comes [RecvTimeout] at ANY,
            "a receive with an hour of time ends with a send, and the next with the disconnect";
        ends_a_timed_send_when_room_comes [SendTimeout] at FULLABLE,
            "a send with an hour of time ends with a receive";
        loses_nothing_when_a_receive_times_out [RecvTimeout] at ANY,
            "receives that time out while messages are sent lose none and double none";
        loses_nothing_when_a_send_times_out [SendTimeout] at FULLABLE,
            "a message of a send that timed out is returned and not delivered, any other is delivered";
        loses_nothing_when_both_time_out [SendTimeout, RecvTimeout] at FULLABLE,
            "each message is either returned to its sender or delivered";
        has_room_after_a_receive [] at &[Some(1), Some(3)],
            "try_send succeeds when so many receives have ended that there is room";
        has_a_message_after_a_send [] at &[Some(1), Some(3), None],
            "try_recv succeeds when a send of a message has ended that nobody else receives";
        has_a_message_after_a_send_beside_others [] at &[Some(1), Some(3), None],
            "try_recv of the only receiver succeeds when more sends have ended than it received, while others still send";
    }
}

/// Enough for either side to come first, often.
const TRIES: usize = 60;
/// Fewer where many threads wait.
const CROWDED_TRIES: usize = 15;
const CROWD: usize = 4;
const HOUR: Duration = Duration::from_secs(3600);

fn wakes_a_waiting_receiver<C: Channel>(capacity: Capacity) -> Checked {
    tries(TRIES, |attempt| {
        let (sender, receiver) = open::<C, u64>(capacity)?;
        let receiving = thread("receiver", move || (receiver.recv(), receiver.recv(), receiver.recv()))?;
        if attempt % 2 == 0 {
            receiving.until_waiting();
        }
        is("send(1)", sender.send(1), Ok(()))?;
        let another = sender.clone();
        if attempt % 4 == 0 {
            receiving.until_waiting();
        }
        drop(sender);
        is("send(2) of a clone", another.send(2), Ok(()))?;
        if attempt % 2 == 0 {
            receiving.until_waiting();
        }
        drop(another);
        is("three receives", receiving.result()?, (Ok(1), Ok(2), Err(RecvError)))
    })
}

/// Fills a bounded channel; returns how many messages that took, numbered from 0.
fn fill<C: Channel>(sender: &C::Sender<u64>, capacity: Capacity) -> Checked<u64> {
    let slots = slots::<C>(capacity);
    (0..slots).try_for_each(|number| is("try_send with room", sender.try_send(number), Ok(())))?;
    Ok(slots)
}

fn wakes_a_waiting_sender<C: Channel>(capacity: Capacity) -> Checked {
    tries(TRIES, |attempt| {
        let (sender, receiver) = open::<C, u64>(capacity)?;
        let slots = fill::<C>(&sender, capacity)?;
        let own = sender.clone();
        let sending = thread("sender", move || own.send(slots))?;
        if attempt % 2 == 0 {
            sending.until_waiting();
        }
        is("recv", receiver.recv(), Ok(0))?;
        is("the send", sending.result()?, Ok(()))?;
        // Full again.
        let sending = thread("second sender", move || sender.send(slots + 1).is_err())?;
        if attempt % 2 == 0 {
            sending.until_waiting();
        }
        note("the receiver goes");
        drop(receiver);
        is("whether the second send fails", sending.result()?, true)
    })
}

fn waits_for_room<C: Channel>(capacity: Capacity) -> Checked {
    tries(TRIES, |attempt| {
        let (sender, receiver) = open::<C, u64>(capacity)?;
        let slots = fill::<C>(&sender, capacity)?;
        let begun = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&begun);
        let sending = thread("sender", move || {
            let sent = sender.send(slots);
            // Acquire: pairs with the store before the receive.
            (sent, seen.load(Ordering::Acquire))
        })?;
        if attempt % 2 == 0 {
            sending.until_waiting();
        }
        // Release: pairs with the load after the send.
        begun.store(true, Ordering::Release);
        for number in 0..=slots {
            is("recv", receiver.recv(), Ok(number))?;
        }
        is("the send, and whether a receive had begun when it ended", sending.result()?, (Ok(()), true))
    })
}

fn ends_a_rendezvous_after_the_receiver_has_come<C: Channel>(capacity: Capacity) -> Checked {
    tries(TRIES, |_| {
        let (sender, receiver) = open::<C, u64>(capacity)?;
        is("try_send when nobody waits", sender.try_send(0), Err(TrySendError::Full(0)))?;
        is("try_recv when nobody waits", receiver.try_recv(), Err(TryRecvError::Empty))?;
        let begun = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&begun);
        let sending = thread("sender", move || {
            let sent = sender.send(1);
            // Acquire: pairs with the store before the receive.
            (sent, seen.load(Ordering::Acquire))
        })?;
        sending.until_waiting();
        // Release: pairs with the load after the send.
        begun.store(true, Ordering::Release);
        is("recv", receiver.recv(), Ok(1))?;
        is("the send, and whether the receive had begun when it ended", sending.result()?, (Ok(()), true))
    })
}

/// Tries until it is done; a hang ends it.
fn until(mut done: impl FnMut() -> Checked<bool>) -> Checked {
    note("tries again and again");
    while !done()? {
        std::thread::yield_now();
    }
    Ok(())
}

fn hands_over_to_a_waiting_receiver_by_try_send<C: Channel>(capacity: Capacity) -> Checked {
    tries(TRIES, |_| {
        let (sender, receiver) = open::<C, u64>(capacity)?;
        let receiving = thread("receiver", move || (receiver.recv(), receiver.try_recv()))?;
        until(|| match sender.try_send(1) {
            Ok(()) => Ok(true),
            Err(TrySendError::Full(1)) => Ok(false),
            other => is("try_send(1)", other, Ok(())).map(|()| true),
        })?;
        let (received, then) = receiving.result()?;
        is("recv", received, Ok(1))?;
        is("try_recv of nothing left", then, Err(TryRecvError::Empty))
    })
}

fn takes_from_a_waiting_sender_by_try_recv<C: Channel>(capacity: Capacity) -> Checked {
    tries(TRIES, |_| {
        let (sender, receiver) = open::<C, u64>(capacity)?;
        let sending = thread("sender", move || (sender.send(1), sender))?;
        until(|| match receiver.try_recv() {
            Err(TryRecvError::Empty) => Ok(false),
            other => is("try_recv", other, Ok(1)).map(|()| true),
        })?;
        let (sent, _sender) = sending.result()?;
        is("send(1)", sent, Ok(()))?;
        is("try_recv of nothing left", receiver.try_recv(), Err(TryRecvError::Empty))
    })
}

fn is_empty_while_a_sender_waits_at_a_rendezvous<C: Channel>(capacity: Capacity) -> Checked {
    let (sender, receiver) = open::<C, u64>(capacity)?;
    is("len of a new rendezvous", receiver.len(), Ok(0))?;
    let sending = thread("sender", move || sender.send(1))?;
    sending.until_waiting();
    is("len while a sender waits", receiver.len(), Ok(0))?;
    is("recv", receiver.recv(), Ok(1))?;
    is("send(1)", sending.result()?, Ok(()))?;
    is("len at the end", receiver.len(), Ok(0))
}

fn does_not_count_waiting_senders<C: Channel>(capacity: Capacity) -> Checked {
    let (sender, receiver) = open::<C, u64>(capacity)?;
    let slots = fill::<C>(&sender, capacity)?;
    let sending = crowd(|place| {
        let sender = sender.clone();
        move || sender.send(slots + place as u64)
    })?;
    sending.iter().for_each(Running::until_waiting);
    is("len while four senders wait", receiver.len(), Ok(slots as usize))?;
    for _ in 0..slots + CROWD as u64 {
        is("recv", receiver.recv().is_ok(), true)?;
    }
    sending.into_iter().try_for_each(|sending| is("a send", sending.result()?, Ok(())))?;
    is("len at the end", receiver.len(), Ok(0))
}

/// Four threads, each of which does what `body` makes for its place.
fn crowd<T: Send + 'static, B: FnOnce() -> T + Send + 'static>(
    mut body: impl FnMut(usize) -> B,
) -> Checked<Vec<Running<T>>> {
    (0..CROWD).map(|place| thread(format!("waiter {place}"), body(place))).collect()
}

fn results<T: 'static>(running: Vec<Running<T>>) -> Checked<Vec<T>> {
    running.into_iter().map(Running::result).collect()
}

/// Four threads with a receiver each.
fn receiving_crowd<C: Channel, T: Send + 'static>(
    receiver: C::Receiver<u64>,
    body: fn(C::Receiver<u64>) -> T,
) -> Checked<Vec<Running<T>>> {
    let handles = receivers(receiver, CROWD).map_err(refused)?;
    let named = handles.into_iter().enumerate();
    named.map(|(place, receiver)| thread(format!("waiter {place}"), move || body(receiver))).collect()
}

fn wakes_every_waiting_receiver_at_the_disconnect<C: Channel>(capacity: Capacity) -> Checked {
    tries(CROWDED_TRIES, |_| {
        let (sender, receiver) = open::<C, u64>(capacity)?;
        let receiving = receiving_crowd::<C, _>(receiver, |receiver| receiver.recv())?;
        receiving.iter().for_each(Running::until_waiting);
        note("the last sender goes");
        drop(sender);
        is("four receives", results(receiving)?, vec![Err(RecvError); CROWD])
    })
}

fn wakes_every_timed_receiver_at_the_disconnect<C: Channel>(capacity: Capacity) -> Checked {
    tries(CROWDED_TRIES, |_| {
        let (sender, receiver) = open::<C, u64>(capacity)?;
        let receiving = receiving_crowd::<C, _>(receiver, |receiver| receiver.recv_timeout(HOUR))?;
        receiving.iter().for_each(Running::until_waiting);
        note("the last sender goes");
        drop(sender);
        is("four timed receives", results(receiving)?, vec![Err(RecvTimeoutError::Disconnected); CROWD])
    })
}

fn wakes_every_waiting_sender_at_the_disconnect<C: Channel>(capacity: Capacity) -> Checked {
    tries(CROWDED_TRIES, |_| {
        let (sender, receiver) = open::<C, u64>(capacity)?;
        let slots = fill::<C>(&sender, capacity)?;
        let sending = crowd(|place| {
            let sender = sender.clone();
            move || sender.send(slots + place as u64).map_err(|error| error.message)
        })?;
        drop(sender);
        sending.iter().for_each(Running::until_waiting);
        note("the last receiver goes");
        drop(receiver);
        let returned = info().require(Capability::MessageReturned).is_ok();
        let expected = |place| Err(returned.then_some(slots + place));
        is("four sends", results(sending)?, (0..CROWD as u64).map(expected).collect())
    })
}

fn wakes_every_timed_sender_at_the_disconnect<C: Channel>(capacity: Capacity) -> Checked {
    tries(CROWDED_TRIES, |_| {
        let (sender, receiver) = open::<C, u64>(capacity)?;
        let slots = fill::<C>(&sender, capacity)?;
        let sending = crowd(|place| {
            let sender = sender.clone();
            move || sender.send_timeout(slots + place as u64, HOUR)
        })?;
        drop(sender);
        sending.iter().for_each(Running::until_waiting);
        note("the last receiver goes");
        drop(receiver);
        let expected = |place| Err(SendTimeoutError::Disconnected(slots + place));
        is("four timed sends", results(sending)?, (0..CROWD as u64).map(expected).collect())
    })
}

fn gives_each_waiting_receiver_a_message<C: Channel>(capacity: Capacity) -> Checked {
    tries(TRIES, |attempt| {
        let (sender, receiver) = open::<C, u64>(capacity)?;
        let receiving = receiving_crowd::<C, _>(receiver, |receiver| receiver.recv())?;
        if attempt % 3 == 0 {
            receiving.iter().for_each(Running::until_waiting);
        }
        for number in 0..CROWD as u64 {
            is("send", sender.send(number), Ok(()))?;
        }
        let received = results(receiving)?;
        // The sender stays until all have ended: no receive may need the disconnect to end.
        drop(sender);
        each_once(received.into_iter().flatten().collect(), 0..CROWD as u64)
    })
}

fn lets_every_waiting_sender_through<C: Channel>(capacity: Capacity) -> Checked {
    tries(TRIES, |attempt| {
        let (sender, receiver) = open::<C, u64>(capacity)?;
        let slots = fill::<C>(&sender, capacity)?;
        let sending = crowd(|place| {
            let sender = sender.clone();
            move || sender.send(slots + place as u64)
        })?;
        if attempt % 3 == 0 {
            sending.iter().for_each(Running::until_waiting);
        }
        let all = slots + CROWD as u64;
        let received: Vec<u64> = (0..all).map_while(|_| receiver.recv().ok()).collect();
        is("four sends", results(sending)?, vec![Ok(()); CROWD])?;
        each_once(received, 0..all)
    })
}

fn keeps_waiting_when_a_receiver_that_is_not_the_last_goes<C: Channel>(capacity: Capacity) -> Checked {
    tries(CROWDED_TRIES, |_| {
        let (sender, receiver) = open::<C, u64>(capacity)?;
        let slots = fill::<C>(&sender, capacity)?;
        let other = receiver.try_clone().map_err(refused)?;
        let sending = thread("sender", move || sender.send(slots))?;
        sending.until_waiting();
        note("one of two receivers goes");
        drop(other);
        sending.until_waiting();
        for number in 0..=slots {
            is("recv", receiver.recv(), Ok(number))?;
        }
        is("the send", sending.result()?, Ok(()))
    })
}

fn ends_a_timed_wait_when_the_other_side_comes<C: Channel>(capacity: Capacity) -> Checked {
    tries(TRIES, |attempt| {
        let (sender, receiver) = open::<C, u64>(capacity)?;
        let receiving =
            thread("receiver", move || (receiver.recv_timeout(HOUR), receiver.recv_timeout(HOUR)))?;
        if attempt % 2 == 0 {
            receiving.until_waiting();
        }
        is("send(1)", sender.send(1), Ok(()))?;
        if attempt % 2 == 0 {
            receiving.until_waiting();
        }
        drop(sender);
        is("two timed receives", receiving.result()?, (Ok(1), Err(RecvTimeoutError::Disconnected)))
    })
}

fn ends_a_timed_send_when_room_comes<C: Channel>(capacity: Capacity) -> Checked {
    tries(TRIES, |attempt| {
        let (sender, receiver) = open::<C, u64>(capacity)?;
        let slots = fill::<C>(&sender, capacity)?;
        let sending = thread("sender", move || sender.send_timeout(slots, HOUR))?;
        if attempt % 2 == 0 {
            sending.until_waiting();
        }
        for number in 0..=slots {
            is("recv", receiver.recv(), Ok(number))?;
        }
        is("a timed send", sending.result()?, Ok(()))
    })
}

/// Timeouts about as long as a hand-over takes, so that either comes first, often.
fn short(number: u64) -> Duration {
    Duration::from_micros(number % 40)
}

const RACES: u64 = 1_500;

/// Receives all that comes, with short timeouts.
fn receive_impatiently<C: Channel>(receiver: &C::Receiver<u64>) -> Checked<Vec<u64>> {
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

/// Sends all with short timeouts; returns those that came back.
fn send_impatiently<C: Channel>(sender: &C::Sender<u64>) -> Checked<Vec<u64>> {
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

fn loses_nothing_when_a_receive_times_out<C: Channel>(capacity: Capacity) -> Checked {
    let (sender, receiver) = open::<C, u64>(capacity)?;
    let receiving = thread("receiver", move || receive_impatiently::<C>(&receiver))?;
    for number in 0..RACES {
        let sent = sender.send(number);
        holds(sent == Ok(()), "a send while a receiver is there succeeds", || format!("{sent:?}"))?;
        // The next wait of the receiver is about as long as this takes.
        std::thread::yield_now();
    }
    drop(sender);
    let received = receiving.result()??;
    holds(received.is_sorted(), "the messages come in order", || "out of order".to_owned())?;
    each_once(received, 0..RACES)
}

fn loses_nothing_when_a_send_times_out<C: Channel>(capacity: Capacity) -> Checked {
    let (sender, receiver) = open::<C, u64>(capacity)?;
    let sending = thread("sender", move || send_impatiently::<C>(&sender))?;
    let received: Vec<u64> = std::iter::from_fn(|| {
        std::thread::yield_now();
        receiver.recv().ok()
    })
    .collect();
    holds(received.is_sorted(), "the messages come in order", || "out of order".to_owned())?;
    each_once([received, sending.result()??].concat(), 0..RACES)
}

fn loses_nothing_when_both_time_out<C: Channel>(capacity: Capacity) -> Checked {
    let (sender, receiver) = open::<C, u64>(capacity)?;
    let sending = thread("sender", move || send_impatiently::<C>(&sender))?;
    let received = receive_impatiently::<C>(&receiver)?;
    holds(received.is_sorted(), "the messages come in order", || "out of order".to_owned())?;
    each_once([received, sending.result()??].concat(), 0..RACES)
}

const COUNTED: u64 = 3_000;

/// A receive that has ended has made room; whoever knows that it has ended may count on it.
fn has_room_after_a_receive<C: Channel>(capacity: Capacity) -> Checked {
    let slots = slots::<C>(capacity);
    let (sender, receiver) = open::<C, u64>(capacity)?;
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

fn has_a_message_after_a_send<C: Channel>(capacity: Capacity) -> Checked {
    messages_after_sends::<C>(capacity, 1)
}

fn has_a_message_after_a_send_beside_others<C: Channel>(capacity: Capacity) -> Checked {
    messages_after_sends::<C>(capacity, 3)
}

fn messages_after_sends<C: Channel>(capacity: Capacity, producers: u64) -> Checked {
    let (sender, receiver) = open::<C, u64>(capacity)?;
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
    producing.into_iter().try_for_each(Running::result)
}
