//! Blocking calls: they wait, alone or several at once, and wake for what they wait for and for a disconnect.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::payload::each_once;
use super::scene::{Checked, SceneThread, is, note, thread, tries};
use super::{ANY, FULLABLE, RENDEZVOUS, Scenario, Setup, refused, table};
use crate::dyn_channel::{DynReceiver, DynSender};
use contract::channel::{
    Capability, Receiver, RecvError, RecvTimeoutError, SendTimeoutError, Sender, TryRecvError, TrySendError,
    receivers,
};

pub(super) fn scenarios() -> Vec<Scenario> {
    table! {
        wakes_a_waiting_receiver [] at ANY,
            "a waiting receive ends with a send, and the next with the disconnect, not with the drop of a clone";
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
            "four waiting receives all end when the last sender is dropped";
        wakes_every_timed_receiver_at_the_disconnect [MultiConsumer, RecvTimeout] at ANY,
            "four receives with a timeout of an hour all end when the last sender is dropped";
        wakes_every_waiting_sender_at_the_disconnect [] at FULLABLE,
            "four waiting sends all end when the last receiver is dropped, each with its message";
        wakes_every_timed_sender_at_the_disconnect [SendTimeout] at FULLABLE,
            "four sends with a timeout of an hour all end when the last receiver is dropped, each with its message";
        gives_each_waiting_receiver_a_message [MultiConsumer] at ANY,
            "four waiting receives get the four messages that are sent, one each";
        lets_every_waiting_sender_through [] at FULLABLE,
            "four waiting sends all end when everything is received";
        keeps_waiting_when_a_receiver_that_is_not_the_last_goes [MultiConsumer] at FULLABLE,
            "a waiting send reports no disconnect while a receiver is left";
        ends_a_timed_wait_when_the_other_side_comes [RecvTimeout] at ANY,
            "a receive with a timeout of an hour ends with a send, and the next with the disconnect";
        ends_a_timed_send_when_room_comes [SendTimeout] at FULLABLE,
            "a send with a timeout of an hour ends with a receive";
    }
}

/// Enough attempts for either side to come first often.
const TRIES: usize = 60;
/// Fewer where many threads wait.
const CROWDED_TRIES: usize = 15;
const CROWD: usize = 4;
const HOUR: Duration = Duration::from_secs(3600);

fn wakes_a_waiting_receiver(setup: Setup) -> Checked {
    tries(TRIES, |attempt| {
        let (sender, receiver) = setup.open::<u64>()?;
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

fn wakes_a_waiting_sender(setup: Setup) -> Checked {
    tries(TRIES, |attempt| {
        let (sender, receiver) = setup.open::<u64>()?;
        let slots = setup.fill(&sender)?;
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
        note("the receiver is dropped");
        drop(receiver);
        is("whether the second send fails", sending.result()?, true)
    })
}

/// Sends a message that needs a receive first, on another thread. The send must not end before `receive`
/// begins.
fn ends_after(
    sender: DynSender<u64>,
    message: u64,
    sender_first: bool,
    receive: impl FnOnce() -> Checked,
) -> Checked {
    let begun = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&begun);
    let sending = thread("sender", move || {
        let sent = sender.send(message);
        // Acquire: pairs with the store before the receive.
        (sent, seen.load(Ordering::Acquire))
    })?;
    if sender_first {
        sending.until_waiting();
    }
    // Release: pairs with the load after the send.
    begun.store(true, Ordering::Release);
    receive()?;
    is("the send, and whether a receive had begun when it ended", sending.result()?, (Ok(()), true))
}

fn waits_for_room(setup: Setup) -> Checked {
    tries(TRIES, |attempt| {
        let (sender, receiver) = setup.open::<u64>()?;
        let slots = setup.fill(&sender)?;
        ends_after(sender, slots, attempt % 2 == 0, || {
            (0..=slots).try_for_each(|number| is("recv", receiver.recv(), Ok(number)))
        })
    })
}

fn ends_a_rendezvous_after_the_receiver_has_come(setup: Setup) -> Checked {
    tries(TRIES, |_| {
        let (sender, receiver) = setup.open::<u64>()?;
        is("try_send when no receiver waits", sender.try_send(0), Err(TrySendError::Full(0)))?;
        is("try_recv when no sender waits", receiver.try_recv(), Err(TryRecvError::Empty))?;
        ends_after(sender, 1, true, || is("recv", receiver.recv(), Ok(1)))
    })
}

/// Repeats until it is done or the scenario times out.
fn until(mut done: impl FnMut() -> Checked<bool>) -> Checked {
    note("tries repeatedly");
    while !done()? {
        std::thread::yield_now();
    }
    Ok(())
}

fn hands_over_to_a_waiting_receiver_by_try_send(setup: Setup) -> Checked {
    tries(TRIES, |_| {
        let (sender, receiver) = setup.open::<u64>()?;
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

fn takes_from_a_waiting_sender_by_try_recv(setup: Setup) -> Checked {
    tries(TRIES, |_| {
        let (sender, receiver) = setup.open::<u64>()?;
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

fn is_empty_while_a_sender_waits_at_a_rendezvous(setup: Setup) -> Checked {
    let (sender, receiver) = setup.open::<u64>()?;
    is("len of a new rendezvous", receiver.len(), Ok(0))?;
    let sending = thread("sender", move || sender.send(1))?;
    sending.until_waiting();
    is("len while a sender waits", receiver.len(), Ok(0))?;
    is("recv", receiver.recv(), Ok(1))?;
    is("send(1)", sending.result()?, Ok(()))?;
    is("len at the end", receiver.len(), Ok(0))
}

/// Four threads with a sender and a message each, numbered from `first`.
fn sending_crowd<T: Send + 'static>(
    sender: &DynSender<u64>,
    first: u64,
    send: fn(DynSender<u64>, u64) -> T,
) -> Checked<Vec<SceneThread<T>>> {
    let waiters = (0..CROWD as u64).map(|place| {
        let sender = sender.clone();
        thread(format!("waiter {place}"), move || send(sender, first + place))
    });
    waiters.collect()
}

/// Four threads with a receiver each.
fn receiving_crowd<T: Send + 'static>(
    receiver: DynReceiver<u64>,
    receive: fn(DynReceiver<u64>) -> T,
) -> Checked<Vec<SceneThread<T>>> {
    let handles = receivers(receiver, CROWD).map_err(refused)?;
    let named = handles.into_iter().enumerate();
    named.map(|(place, receiver)| thread(format!("waiter {place}"), move || receive(receiver))).collect()
}

fn results<T: 'static>(running: Vec<SceneThread<T>>) -> Checked<Vec<T>> {
    running.into_iter().map(SceneThread::result).collect()
}

fn does_not_count_waiting_senders(setup: Setup) -> Checked {
    let (sender, receiver) = setup.open::<u64>()?;
    let slots = setup.fill(&sender)?;
    let sending = sending_crowd(&sender, slots, |sender, message| sender.send(message))?;
    sending.iter().for_each(SceneThread::until_waiting);
    is("len while four senders wait", receiver.len(), Ok(slots as usize))?;
    for _ in 0..slots + CROWD as u64 {
        is("recv", receiver.recv().is_ok(), true)?;
    }
    sending.into_iter().try_for_each(|sending| is("a send", sending.result()?, Ok(())))?;
    is("len at the end", receiver.len(), Ok(0))
}

/// Drops the last sender while four receivers wait in `receive`: each must return `expected`.
fn wakes_every_receiver<T: Clone + Debug + PartialEq + Send + 'static>(
    setup: Setup,
    what: &str,
    receive: fn(DynReceiver<u64>) -> T,
    expected: T,
) -> Checked {
    tries(CROWDED_TRIES, |_| {
        let (sender, receiver) = setup.open::<u64>()?;
        let receiving = receiving_crowd(receiver, receive)?;
        receiving.iter().for_each(SceneThread::until_waiting);
        note("the last sender is dropped");
        drop(sender);
        is(what, results(receiving)?, vec![expected.clone(); CROWD])
    })
}

fn wakes_every_waiting_receiver_at_the_disconnect(setup: Setup) -> Checked {
    wakes_every_receiver(setup, "four receives", |receiver| receiver.recv(), Err(RecvError))
}

fn wakes_every_timed_receiver_at_the_disconnect(setup: Setup) -> Checked {
    wakes_every_receiver(
        setup,
        "four timed receives",
        |receiver| receiver.recv_timeout(HOUR),
        Err(RecvTimeoutError::Disconnected),
    )
}

/// Drops the last receiver while four senders wait in `send`: each must return `expected` of its message.
fn wakes_every_sender<T: Debug + PartialEq + Send + 'static>(
    setup: Setup,
    what: &str,
    send: fn(DynSender<u64>, u64) -> T,
    expected: impl Fn(u64) -> T,
) -> Checked {
    tries(CROWDED_TRIES, |_| {
        let (sender, receiver) = setup.open::<u64>()?;
        let slots = setup.fill(&sender)?;
        let sending = sending_crowd(&sender, slots, send)?;
        drop(sender);
        sending.iter().for_each(SceneThread::until_waiting);
        note("the last receiver is dropped");
        drop(receiver);
        is(what, results(sending)?, (slots..slots + CROWD as u64).map(&expected).collect())
    })
}

fn wakes_every_waiting_sender_at_the_disconnect(setup: Setup) -> Checked {
    let returned = setup.channel.info().require(Capability::MessageReturned).is_ok();
    wakes_every_sender(
        setup,
        "four sends",
        |sender, message| sender.send(message).map_err(|error| error.message),
        |message| Err(returned.then_some(message)),
    )
}

fn wakes_every_timed_sender_at_the_disconnect(setup: Setup) -> Checked {
    wakes_every_sender(
        setup,
        "four timed sends",
        |sender, message| sender.send_timeout(message, HOUR),
        |message| Err(SendTimeoutError::Disconnected(message)),
    )
}

fn gives_each_waiting_receiver_a_message(setup: Setup) -> Checked {
    tries(TRIES, |attempt| {
        let (sender, receiver) = setup.open::<u64>()?;
        let receiving = receiving_crowd(receiver, |receiver| receiver.recv())?;
        if attempt % 3 == 0 {
            receiving.iter().for_each(SceneThread::until_waiting);
        }
        for number in 0..CROWD as u64 {
            is("send", sender.send(number), Ok(()))?;
        }
        let received = results(receiving)?;
        // The sender stays until all have ended, so no receive can rely on the disconnect.
        drop(sender);
        each_once(received.into_iter().flatten().collect(), 0..CROWD as u64)
    })
}

fn lets_every_waiting_sender_through(setup: Setup) -> Checked {
    tries(TRIES, |attempt| {
        let (sender, receiver) = setup.open::<u64>()?;
        let slots = setup.fill(&sender)?;
        let sending = sending_crowd(&sender, slots, |sender, message| sender.send(message))?;
        if attempt % 3 == 0 {
            sending.iter().for_each(SceneThread::until_waiting);
        }
        let all = slots + CROWD as u64;
        let received: Vec<u64> = (0..all).map_while(|_| receiver.recv().ok()).collect();
        is("four sends", results(sending)?, vec![Ok(()); CROWD])?;
        each_once(received, 0..all)
    })
}

fn keeps_waiting_when_a_receiver_that_is_not_the_last_goes(setup: Setup) -> Checked {
    tries(CROWDED_TRIES, |_| {
        let (sender, receiver) = setup.open::<u64>()?;
        let slots = setup.fill(&sender)?;
        let other = receiver.try_clone().map_err(refused)?;
        let sending = thread("sender", move || sender.send(slots))?;
        sending.until_waiting();
        note("one of two receivers is dropped");
        drop(other);
        sending.until_waiting();
        for number in 0..=slots {
            is("recv", receiver.recv(), Ok(number))?;
        }
        is("the send", sending.result()?, Ok(()))
    })
}

fn ends_a_timed_wait_when_the_other_side_comes(setup: Setup) -> Checked {
    tries(TRIES, |attempt| {
        let (sender, receiver) = setup.open::<u64>()?;
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

fn ends_a_timed_send_when_room_comes(setup: Setup) -> Checked {
    tries(TRIES, |attempt| {
        let (sender, receiver) = setup.open::<u64>()?;
        let slots = setup.fill(&sender)?;
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
