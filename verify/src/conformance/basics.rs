//! One thread: empty and full, order, length, and timeouts.

use std::time::{Duration, Instant};

use super::scene::{Checked, holds, is, note, tries};
use super::{FULLABLE, QUEUED, Scenario, Setup, table};
use crate::dyn_channel::{DynReceiver, DynSender};
use contract::channel::{
    Capacity, Receiver, RecvTimeoutError, SendTimeoutError, Sender, TryRecvError, TrySendError,
};

pub(super) fn scenarios() -> Vec<Scenario> {
    table! {
        has_nothing_when_it_is_empty [] at &[Some(0), Some(1), Some(3), None],
            "try_recv reports empty, on a new channel and after use";
        gives_a_message_back_when_it_is_full [] at FULLABLE,
            "try_send returns the same message and leaves the queue as it was";
        keeps_the_order_round_and_round [] at QUEUED,
            "first in, first out, over many laps of a ring";
        does_what_a_blocking_call_does_when_it_need_not_block [] at QUEUED,
            "send with room and recv with a message queued return at once";
        counts_what_is_queued [Len] at QUEUED,
            "len is the number of queued messages, over many laps";
        takes_a_timeout_of_nothing_when_it_need_not_wait_to_send [SendTimeout] at QUEUED,
            "send_timeout(0) with room sends";
        takes_a_timeout_of_nothing_when_it_need_not_wait_to_receive [RecvTimeout] at QUEUED,
            "recv_timeout(0) with a message queued receives";
        does_not_wait_with_a_timeout_of_nothing_to_send [SendTimeout] at FULLABLE,
            "send_timeout(0) on a full channel times out and returns the message";
        does_not_wait_with_a_timeout_of_nothing_to_receive [RecvTimeout] at &[Some(0), Some(1), Some(3), None],
            "recv_timeout(0) on an empty channel times out";
        is_never_early_with_a_receive_timeout [RecvTimeout] at &[Some(0), Some(1), Some(3), None],
            "recv_timeout on an empty channel takes at least the timeout";
        is_never_early_with_a_send_timeout [SendTimeout] at FULLABLE,
            "send_timeout on a full channel takes at least the timeout and returns the message";
        takes_the_longest_timeout_to_receive [RecvTimeout] at QUEUED,
            "recv_timeout(Duration::MAX) with a message queued receives";
        takes_the_longest_timeout_to_send [SendTimeout] at QUEUED,
            "send_timeout(Duration::MAX) with room sends";
    }
}

fn has_nothing_when_it_is_empty(setup: Setup) -> Checked {
    let (sender, receiver) = setup.open::<u64>()?;
    is("try_recv", receiver.try_recv(), Err(TryRecvError::Empty))?;
    is("try_recv again", receiver.try_recv(), Err(TryRecvError::Empty))?;
    if setup.capacity != Capacity::Rendezvous {
        is("try_send(1)", sender.try_send(1), Ok(()))?;
        is("try_recv", receiver.try_recv(), Ok(1))?;
    }
    is("try_recv of nothing left", receiver.try_recv(), Err(TryRecvError::Empty))
}

fn gives_a_message_back_when_it_is_full(setup: Setup) -> Checked {
    let (sender, receiver) = setup.open::<Box<u64>>()?;
    let slots = setup.slots();
    for number in 0..slots {
        is("try_send", sender.try_send(Box::new(number)), Ok(()))?;
    }
    let message = Box::new(slots);
    let place: *const u64 = &raw const *message;
    match sender.try_send(message) {
        Err(TrySendError::Full(returned)) => {
            is("the message", *returned, slots)?;
            holds(std::ptr::eq(&raw const *returned, place), "the same message", || {
                "a copy of it".to_owned()
            })?;
        }
        other => return is("try_send on a full channel", other, Err(TrySendError::Full(Box::new(slots)))),
    }
    for number in 0..slots {
        is("try_recv", receiver.try_recv(), Ok(Box::new(number)))?;
    }
    is("try_recv of nothing left", receiver.try_recv(), Err(TryRecvError::Empty))
}

/// Fills with `fill` and drains with `drain`, so that the ends of the queue reach every slot of a ring, and
/// every length occurs.
fn laps(slots: u64, mut fill: impl FnMut() -> Checked, mut drain: impl FnMut() -> Checked) -> Checked {
    let most = slots.min(5);
    for lap in 0..50 {
        let count = lap % most + 1;
        (0..count).try_for_each(|_| fill())?;
        (0..count).try_for_each(|_| drain())?;
    }
    // Nearly full all the time.
    (0..most).try_for_each(|_| fill())?;
    (0..50).try_for_each(|_| {
        drain()?;
        fill()
    })?;
    (0..most).try_for_each(|_| drain())
}

/// Laps of numbers, sent with `send` and received with `receive` in order.
fn numbered_laps(
    setup: Setup,
    send: fn(&DynSender<u64>, u64) -> Checked,
    receive: fn(&DynReceiver<u64>, u64) -> Checked,
) -> Checked {
    let (sender, receiver) = setup.open::<u64>()?;
    let (mut sent, mut received) = (0, 0);
    laps(
        setup.slots(),
        || {
            sent += 1;
            send(&sender, sent)
        },
        || {
            received += 1;
            receive(&receiver, received)
        },
    )
}

fn keeps_the_order_round_and_round(setup: Setup) -> Checked {
    numbered_laps(
        setup,
        |sender, number| is(format_args!("try_send({number})"), sender.try_send(number), Ok(())),
        |receiver, number| is("try_recv", receiver.try_recv(), Ok(number)),
    )
}

fn does_what_a_blocking_call_does_when_it_need_not_block(setup: Setup) -> Checked {
    numbered_laps(
        setup,
        |sender, number| is(format_args!("send({number})"), sender.send(number), Ok(())),
        |receiver, number| is("recv", receiver.recv(), Ok(number)),
    )
}

fn counts_what_is_queued(setup: Setup) -> Checked {
    let (sender, receiver) = setup.open::<u64>()?;
    let queued = std::cell::Cell::new(0);
    is("len of a new channel", receiver.len(), Ok(0))?;
    laps(
        setup.slots(),
        || {
            is("try_send", sender.try_send(7), Ok(()))?;
            queued.set(queued.get() + 1);
            is("len after a send", receiver.len(), Ok(queued.get()))
        },
        || {
            is("try_recv", receiver.try_recv(), Ok(7))?;
            queued.set(queued.get() - 1);
            is("len after a receive", receiver.len(), Ok(queued.get()))
        },
    )?;
    is("send", sender.send(8), Ok(()))?;
    drop(sender);
    is("len after the disconnect", receiver.len(), Ok(1))
}

fn takes_a_timeout_of_nothing_when_it_need_not_wait_to_send(setup: Setup) -> Checked {
    let (sender, receiver) = setup.open::<u64>()?;
    is("send_timeout(1, 0)", sender.send_timeout(1, Duration::ZERO), Ok(()))?;
    is("try_recv", receiver.try_recv(), Ok(1))
}

fn takes_a_timeout_of_nothing_when_it_need_not_wait_to_receive(setup: Setup) -> Checked {
    let (sender, receiver) = setup.open::<u64>()?;
    is("try_send(1)", sender.try_send(1), Ok(()))?;
    is("recv_timeout(0)", receiver.recv_timeout(Duration::ZERO), Ok(1))
}

fn does_not_wait_with_a_timeout_of_nothing_to_send(setup: Setup) -> Checked {
    let (sender, _receiver) = setup.open::<u64>()?;
    setup.fill(&sender)?;
    is("send_timeout(77, 0)", sender.send_timeout(77, Duration::ZERO), Err(SendTimeoutError::Timeout(77)))
}

fn does_not_wait_with_a_timeout_of_nothing_to_receive(setup: Setup) -> Checked {
    let (_sender, receiver) = setup.open::<u64>()?;
    is("recv_timeout(0)", receiver.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout))
}

/// Timeouts with different fractions of a tick, which reveal rounding to ticks.
fn timeout(attempt: usize) -> Duration {
    Duration::from_micros(700 + 333 * attempt as u64)
}

const TIMEOUTS: usize = 6;

fn not_early(began: Instant, timeout: Duration) -> Checked {
    let took = began.elapsed();
    note(format!("took {took:?}"));
    holds(took >= timeout, &format!("a timeout of {timeout:?} takes that long"), || format!("took {took:?}"))
}

fn is_never_early_with_a_receive_timeout(setup: Setup) -> Checked {
    let (_sender, receiver) = setup.open::<u64>()?;
    tries(TIMEOUTS, |attempt| {
        let (timeout, began) = (timeout(attempt), Instant::now());
        is(
            format_args!("recv_timeout({timeout:?})"),
            receiver.recv_timeout(timeout),
            Err(RecvTimeoutError::Timeout),
        )?;
        not_early(began, timeout)
    })
}

fn is_never_early_with_a_send_timeout(setup: Setup) -> Checked {
    let (sender, _receiver) = setup.open::<u64>()?;
    setup.fill(&sender)?;
    tries(TIMEOUTS, |attempt| {
        let (timeout, began) = (timeout(attempt), Instant::now());
        let sent = sender.send_timeout(77, timeout);
        is(format_args!("send_timeout(77, {timeout:?})"), sent, Err(SendTimeoutError::Timeout(77)))?;
        not_early(began, timeout)
    })
}

fn takes_the_longest_timeout_to_receive(setup: Setup) -> Checked {
    let (sender, receiver) = setup.open::<u64>()?;
    is("try_send(1)", sender.try_send(1), Ok(()))?;
    is("recv_timeout(Duration::MAX)", receiver.recv_timeout(Duration::MAX), Ok(1))
}

fn takes_the_longest_timeout_to_send(setup: Setup) -> Checked {
    let (sender, receiver) = setup.open::<u64>()?;
    is("send_timeout(1, Duration::MAX)", sender.send_timeout(1, Duration::MAX), Ok(()))?;
    is("try_recv", receiver.try_recv(), Ok(1))
}
