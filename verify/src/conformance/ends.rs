//! Disconnects: which calls report them, what is drained first, what is returned, and when messages are
//! dropped.

use std::time::Duration;

use super::payload::each_once;
use super::scene::{Checked, SceneThread, holds, is, note, thread, tries};
use super::{ANY, QUEUED, Scenario, Setup, table};
use crate::dyn_channel::DynSender;
use crate::messages::{Counted, MessageCounts};
use contract::channel::{
    Capability, Capacity, Receiver, RecvError, RecvTimeoutError, SendError, SendTimeoutError, Sender,
    TryRecvError, TrySendError, receivers,
};

pub(super) fn scenarios() -> Vec<Scenario> {
    table! {
        returns_the_message_of_a_send_without_receivers [MessageReturned] at ANY,
            "send fails and returns the message, with and without messages queued";
        fails_every_send_without_receivers [] at ANY,
            "send and try_send report the disconnect, again and again, whether full or not";
        fails_a_timed_send_without_receivers [SendTimeout] at ANY,
            "send_timeout reports the disconnect at once";
        drains_before_it_tells_of_the_disconnect [] at QUEUED,
            "recv and try_recv deliver what was queued when the last sender was dropped, then report the disconnect, again and again";
        drains_by_timed_receives [RecvTimeout] at QUEUED,
            "recv_timeout delivers what was queued when the last sender was dropped, then reports the disconnect";
        is_open_until_the_last_sender_goes [] at ANY,
            "the last sender disconnects the channel, whether it is the first one, a clone, or the clone of a clone";
        is_open_until_the_last_receiver_goes [MultiConsumer] at ANY,
            "the last receiver disconnects the channel";
        counts_senders_cloned_at_once [] at ANY,
            "clones that several threads make and drop at once are all counted";
        counts_receivers_cloned_at_once [MultiConsumer] at ANY,
            "clones that several threads make and drop at once are all counted";
        drops_what_nobody_received_when_both_ends_are_gone [] at QUEUED,
            "queued messages are dropped exactly once, whichever end is dropped first";
        drops_a_refused_message_once [] at ANY,
            "a message that was not sent is dropped exactly once, by the channel or by its sender";
        drops_each_message_once_when_an_end_goes_in_between [] at ANY,
            "the receiver is dropped while two producers send: each message is delivered, returned or dropped, exactly once";
        loses_nothing_when_the_last_sender_goes_in_between [] at ANY,
            "the senders are dropped while a receiver receives: it gets every message, then the disconnect";
        tells_no_disconnect_before_the_queue_is_empty [] at QUEUED,
            "a try_recv that races with the disconnect gets the message that was queued before";
        survives_one_shots [] at ANY,
            "a send races with a receive, and with the drop of either end: each race ends as one of its two orders";
        may_discard_a_message_that_holds_a_sender [] at QUEUED,
            "the Drop of a message may use the channel that discards it";
    }
}

/// Fills up to five slots with `message`.
fn fill<T: Send + 'static>(
    setup: Setup,
    sender: &DynSender<T>,
    mut message: impl FnMut(u64) -> T,
) -> Checked<u64> {
    let count = setup.slots().min(5);
    for number in 0..count {
        is("try_send with room", sender.try_send(message(number)).is_ok(), true)?;
    }
    Ok(count)
}

fn returns_the_message_of_a_send_without_receivers(setup: Setup) -> Checked {
    for queued in [false, true] {
        let (sender, receiver) = setup.open::<u64>()?;
        if queued {
            fill(setup, &sender, |_| 1)?;
        }
        drop(receiver);
        is("send(7) without receivers", sender.send(7), Err(SendError { message: Some(7) }))?;
        is("send(8) of a clone", sender.clone().send(8), Err(SendError { message: Some(8) }))?;
    }
    Ok(())
}

fn fails_every_send_without_receivers(setup: Setup) -> Checked {
    for queued in [false, true] {
        let (sender, receiver) = setup.open::<u64>()?;
        if queued {
            fill(setup, &sender, |_| 1)?;
        }
        drop(receiver);
        for _ in 0..10 {
            is("send without receivers", sender.send(7).is_err(), true)?;
            is("try_send(8) without receivers", sender.try_send(8), Err(TrySendError::Disconnected(8)))?;
        }
    }
    Ok(())
}

fn fails_a_timed_send_without_receivers(setup: Setup) -> Checked {
    for timeout in [Duration::ZERO, Duration::from_millis(1), Duration::from_secs(3600)] {
        for queued in [false, true] {
            let (sender, receiver) = setup.open::<u64>()?;
            if queued {
                fill(setup, &sender, |_| 1)?;
            }
            drop(receiver);
            let sent = sender.send_timeout(7, timeout);
            is(format_args!("send_timeout(7, {timeout:?})"), sent, Err(SendTimeoutError::Disconnected(7)))?;
        }
    }
    Ok(())
}

fn drains_before_it_tells_of_the_disconnect(setup: Setup) -> Checked {
    for blocking in [false, true] {
        let (sender, receiver) = setup.open::<u64>()?;
        let count = fill(setup, &sender, |number| number)?;
        drop(sender);
        for number in 0..count {
            if blocking {
                is("recv after the disconnect", receiver.recv(), Ok(number))?;
            } else {
                is("try_recv after the disconnect", receiver.try_recv(), Ok(number))?;
            }
        }
        for _ in 0..5 {
            is("recv of nothing left", receiver.recv(), Err(RecvError))?;
            is("try_recv of nothing left", receiver.try_recv(), Err(TryRecvError::Disconnected))?;
        }
    }
    Ok(())
}

fn drains_by_timed_receives(setup: Setup) -> Checked {
    let (sender, receiver) = setup.open::<u64>()?;
    let count = fill(setup, &sender, |number| number)?;
    drop(sender);
    for number in 0..count {
        // Every second timeout is zero.
        let timeout = Duration::from_secs(3600 * (number % 2));
        is("recv_timeout after the disconnect", receiver.recv_timeout(timeout), Ok(number))?;
    }
    let disconnected = Err(RecvTimeoutError::Disconnected);
    let received = receiver.recv_timeout(Duration::from_secs(3600));
    is("recv_timeout of nothing left, with an hour of time", received, disconnected)?;
    for timeout in [Duration::ZERO, Duration::from_millis(1)] {
        is("recv_timeout of nothing left", receiver.recv_timeout(timeout), disconnected)?;
    }
    Ok(())
}

fn is_open_until_the_last_sender_goes(setup: Setup) -> Checked {
    // Each of them is the last one once.
    for last in 0..4 {
        let (first, receiver) = setup.open::<u64>()?;
        let second = first.clone();
        let third = second.clone();
        let fourth = first.clone();
        let mut senders = [first, second, third, fourth].map(Some);
        for place in (0..4).filter(|&place| place != last) {
            senders[place] = None;
            note(format!("sender {place} is dropped"));
            is("try_recv while a sender is left", receiver.try_recv(), Err(TryRecvError::Empty))?;
        }
        if let Some(sender) = senders[last].take() {
            if setup.capacity != Capacity::Rendezvous {
                is("try_send of the last sender", sender.try_send(1), Ok(()))?;
                is("try_recv", receiver.try_recv(), Ok(1))?;
            }
            note(format!("the last sender, {last}, is dropped"));
        }
        is("try_recv without senders", receiver.try_recv(), Err(TryRecvError::Disconnected))?;
    }
    Ok(())
}

fn is_open_until_the_last_receiver_goes(setup: Setup) -> Checked {
    for last in 0..3 {
        let (sender, receiver) = setup.open::<u64>()?;
        let second = receiver.try_clone();
        let third = second.as_ref().map_err(|unsupported| *unsupported).and_then(Receiver::try_clone);
        let mut handles = vec![Some(receiver), second.ok(), third.ok()];
        is("receivers", handles.iter().flatten().count(), 3)?;
        fill(setup, &sender, |_| 1)?;
        for place in (0..3).filter(|&place| place != last) {
            handles[place] = None;
            note(format!("receiver {place} is dropped"));
            let sent = sender.try_send(2);
            let open = matches!(sent, Ok(()) | Err(TrySendError::Full(2)));
            holds(open, "the channel is open while a receiver is left", || format!("try_send: {sent:?}"))?;
        }
        handles.clear();
        note("the last receiver is dropped");
        is("try_send without receivers", sender.try_send(3), Err(TrySendError::Disconnected(3)))?;
    }
    Ok(())
}

/// The threads that clone and drop at once, and the clones of each.
const CLONERS: usize = 3;
const CLONES: usize = 300;

fn counts_senders_cloned_at_once(setup: Setup) -> Checked {
    let (sender, receiver) = setup.open::<u64>()?;
    let cloners = (0..CLONERS).map(|place| {
        let own = sender.clone();
        thread(format!("cloner {place}"), move || {
            let mut kept = own;
            for _ in 0..CLONES {
                // Drops an old and a new handle.
                let clone = kept.clone();
                drop(std::mem::replace(&mut kept, clone.clone()));
            }
        })
    });
    cloners.collect::<Checked<Vec<_>>>()?.into_iter().try_for_each(SceneThread::result)?;
    is("try_recv while the first sender is left", receiver.try_recv(), Err(TryRecvError::Empty))?;
    drop(sender);
    is("try_recv without senders", receiver.try_recv(), Err(TryRecvError::Disconnected))
}

fn counts_receivers_cloned_at_once(setup: Setup) -> Checked {
    let (sender, receiver) = setup.open::<u64>()?;
    let handles = receivers(receiver, CLONERS + 1);
    let mut handles = handles.map_err(super::refused)?;
    let first = handles.pop();
    let cloners = handles.into_iter().enumerate().map(|(place, own)| {
        thread(format!("cloner {place}"), move || {
            let mut kept = own;
            for _ in 0..CLONES {
                if let Ok(clone) = kept.try_clone() {
                    drop(clone.try_clone());
                    kept = clone;
                }
            }
        })
    });
    cloners.collect::<Checked<Vec<_>>>()?.into_iter().try_for_each(SceneThread::result)?;
    let sent = sender.try_send(1);
    let open = matches!(sent, Ok(()) | Err(TrySendError::Full(1)));
    holds(open, "the channel is open while the first receiver is left", || format!("try_send: {sent:?}"))?;
    drop(first);
    is("try_send without receivers", sender.try_send(2), Err(TrySendError::Disconnected(2)))
}

fn drops_what_nobody_received_when_both_ends_are_gone(setup: Setup) -> Checked {
    for receivers_first in [false, true] {
        for taken in 0..3 {
            let counts = MessageCounts::new(5);
            let (sender, receiver) = setup.open::<Counted>()?;
            // The queue then begins in the middle of a ring.
            let count = fill(setup, &sender, |number| counts.message(number))?;
            let taken = taken.min(count);
            for number in 0..taken {
                is("try_recv", receiver.try_recv().map(|message| message.number), Ok(number))?;
            }
            is("alive", counts.alive(count), count - taken)?;
            note(format!("receivers first: {receivers_first}"));
            if receivers_first {
                drop(receiver);
                drop(sender);
            } else {
                drop(sender);
                is("alive without senders", counts.alive(count), count - taken)?;
                drop(receiver);
            }
            counts.each_once(count)?;
        }
    }
    Ok(())
}

fn drops_a_refused_message_once(setup: Setup) -> Checked {
    let counts = MessageCounts::new(8);
    let (sender, receiver) = setup.open::<Counted>()?;
    let mut number = 5;
    if setup.capacity != Capacity::Unbounded {
        fill(setup, &sender, |number| counts.message(number))?;
        is("try_send on a full channel", sender.try_send(counts.message(number)).is_err(), true)?;
        is("drops of the refused message", counts.dropped(number), 1)?;
    }
    number += 1;
    drop(receiver);
    is("try_send without receivers", sender.try_send(counts.message(number)).is_err(), true)?;
    is("drops of the refused message", counts.dropped(number), 1)?;
    number += 1;
    is("send without receivers", sender.send(counts.message(number)).is_err(), true)?;
    is("drops of the refused message", counts.dropped(number), 1)?;
    drop(sender);
    is("drops of the refused message, at the end", counts.dropped(number), 1)
}

fn drops_each_message_once_when_an_end_goes_in_between(setup: Setup) -> Checked {
    const EACH: u64 = 60;
    tries(60, |attempt| {
        let counts = MessageCounts::new(2 * EACH);
        let (sender, receiver) = setup.open::<Counted>()?;
        let producers = [0, EACH].map(|first| {
            let sender = sender.clone();
            thread(format!("producer of {first}.."), move || {
                // MessageCounts the sent messages and checks that the others are returned.
                let mut sent = 0;
                for number in first..first + EACH {
                    match sender.send(counts.message(number)) {
                        Ok(()) => sent += 1,
                        Err(SendError { message }) => {
                            if setup.channel.info().require(Capability::MessageReturned).is_ok() {
                                is(
                                    "the message of a failed send",
                                    message.map(|own| own.number),
                                    Some(number),
                                )?;
                            }
                        }
                    }
                }
                Ok(sent)
            })
        });
        drop(sender);
        let mut received = 0;
        for _ in 0..attempt {
            match receiver.recv() {
                Ok(_) => received += 1,
                Err(RecvError) => break,
            }
        }
        drop(receiver);
        let mut sent = 0;
        for producer in producers {
            sent += producer?.result()??;
        }
        holds(received <= sent, "no more arrives than was sent", || format!("{received} of {sent}"))?;
        counts.each_once(2 * EACH)
    })
}

fn loses_nothing_when_the_last_sender_goes_in_between(setup: Setup) -> Checked {
    tries(100, |attempt| {
        let count = attempt as u64 % 7;
        let (sender, receiver) = setup.open::<u64>()?;
        let other = sender.clone();
        let receiving =
            thread("receiver", move || std::iter::from_fn(|| receiver.recv().ok()).collect::<Vec<u64>>())?;
        let sending = thread("producer", move || (0..count).all(|number| other.send(number).is_ok()))?;
        let sent = (count..2 * count).all(|number| sender.send(number).is_ok());
        drop(sender);
        is("every send", (sent, sending.result()?), (true, true))?;
        each_once(receiving.result()?, 0..2 * count)
    })
}

/// Follows Go's `TestNonblockRecvRace`.
fn tells_no_disconnect_before_the_queue_is_empty(setup: Setup) -> Checked {
    tries(200, |_| {
        let (sender, receiver) = setup.open::<u64>()?;
        is("send(1)", sender.send(1), Ok(()))?;
        let receiving = thread("receiver", move || (receiver.try_recv(), receiver.recv()))?;
        drop(sender);
        is("try_recv, then recv", receiving.result()?, (Ok(1), Err(RecvError)))
    })
}

/// Follows crossbeam's `oneshot_*` tests, which come from the standard library.
fn survives_one_shots(setup: Setup) -> Checked {
    tries(60, |_| {
        let (sender, receiver) = setup.open::<Box<u64>>()?;
        let sending = thread("sender", move || sender.send(Box::new(10)).is_ok())?;
        is("recv against a send", receiver.recv(), Ok(Box::new(10)))?;
        is("the send", sending.result()?, true)?;
        is("recv of nothing left", receiver.recv(), Err(RecvError))?;

        let (sender, receiver) = setup.open::<Box<u64>>()?;
        let going = thread("sender", move || drop(sender))?;
        is("recv against the sender's end", receiver.recv(), Err(RecvError))?;
        going.result()?;

        let (sender, receiver) = setup.open::<Box<u64>>()?;
        let going = thread("receiver", move || drop(receiver))?;
        let sent = sender.send(Box::new(10)).is_ok();
        going.result()?;
        if setup.capacity == Capacity::Rendezvous {
            is("a send without a receive", sent, false)?;
        }
        is("a send afterwards", sender.send(Box::new(11)).is_err(), true)?;

        let (sender, receiver) = setup.open::<Box<u64>>()?;
        let going = thread("receiver", move || drop(receiver))?;
        drop(sender);
        going.result()
    })
}

fn may_discard_a_message_that_holds_a_sender(setup: Setup) -> Checked {
    /// Uses the channel in its `Drop`.
    struct Holds(DynSender<Box<dyn Send>>);
    impl Drop for Holds {
        fn drop(&mut self) {
            drop(self.0.clone());
        }
    }
    let (sender, receiver) = setup.open::<Box<dyn Send>>()?;
    is("send", sender.send(Box::new(Holds(sender.clone()))).is_ok(), true)?;
    note("the last receiver is dropped");
    drop(receiver);
    note("the sender is dropped");
    drop(sender);
    Ok(())
}
