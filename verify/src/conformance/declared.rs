//! Capabilities, capacities and differences are the declared ones.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use super::payload::{Counted, Counts};
use super::scene::{Checked, Wrong, holds, is, note};
use super::{Scenario, open, slots, table};
use crate::erased::{info, selects};
use harness::channel::{
    Capability, Capacity, Channel, Difference, Receiver, RecvTimeoutError, SendTimeoutError, Sender,
    TrySendError,
};

pub(super) fn scenarios<C: Channel>() -> Vec<Scenario> {
    table! { C:
        lacks_what_it_declares_and_nothing_else [] at &[Some(4)],
            "each capability is there, or declared to be lacking";
        holds_its_effective_capacity_and_no_more [] at
            &[Some(0), Some(1), Some(2), Some(3), Some(7), Some(64), Some(1000), Some(1024)],
            "exactly the effective capacity is held";
        is_never_full_when_unbounded [] at &[None],
            "a hundred thousand messages are taken and kept in order";
        drops_the_queue_with_the_last_receiver [] at &[Some(3), None],
            "what nobody can receive any more is dropped, or declared to be kept until the last sender is gone";
        leaks_nothing_behind_a_drop_that_panics [] at &[Some(3), None],
            "no message is dropped twice when another one's Drop panics, and none leaks unless declared";
    }
}

/// Whether a channel really does it.
fn has<C: Channel>(capability: Capability) -> Checked<bool> {
    let (sender, receiver) = open::<C, u64>(Capacity::from_slots(4))?;
    Ok(match capability {
        Capability::MultiConsumer => receiver.try_clone().is_ok(),
        Capability::Rendezvous => {
            C::open::<u64>(Capacity::Rendezvous).is_ok()
                && C::effective_capacity(Capacity::Rendezvous) == Capacity::Rendezvous
        }
        Capability::Unbounded => C::open::<u64>(Capacity::Unbounded).is_ok(),
        Capability::SendTimeout => {
            !matches!(sender.send_timeout(1, Duration::ZERO), Err(SendTimeoutError::Unsupported(1, _)))
        }
        Capability::RecvTimeout => {
            !matches!(receiver.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Unsupported(_)))
        }
        Capability::Len => receiver.len().is_ok(),
        Capability::Select => selects(),
        Capability::MessageReturned => {
            drop(receiver);
            sender.send(1).is_err_and(|error| error.message == Some(1))
        }
    })
}

fn lacks_what_it_declares_and_nothing_else<C: Channel>(_: Capacity) -> Checked {
    Capability::ALL.into_iter().try_for_each(|capability| {
        let declared = info().require(capability).is_ok();
        is(format!("has {capability}"), has::<C>(capability)?, declared)
    })
}

fn holds_its_effective_capacity_and_no_more<C: Channel>(capacity: Capacity) -> Checked {
    // A channel may refuse a capacity; that it lacks a rendezvous is held against its declaration elsewhere.
    let Ok((sender, receiver)) = C::open::<u64>(capacity) else { return Ok(()) };
    let effective = slots::<C>(capacity);
    // Twice, so that a ring has gone round.
    for lap in 0..2 {
        for number in 0..effective {
            let sent = sender.try_send(number);
            holds(sent == Ok(()), &format!("{effective} messages are held"), || {
                format!("try_send of message {number}, lap {lap}: {sent:?}")
            })?;
        }
        let what = format!("try_send on top of {effective} messages, lap {lap}");
        is(what, sender.try_send(effective), Err(TrySendError::Full(effective)))?;
        for number in 0..effective {
            let received = receiver.try_recv();
            holds(received == Ok(number), "the messages come in order", || {
                format!("try_recv of message {number}, lap {lap}: {received:?}")
            })?;
        }
    }
    Ok(())
}

fn is_never_full_when_unbounded<C: Channel>(capacity: Capacity) -> Checked {
    const MESSAGES: u64 = 100_000;
    let (sender, receiver) = open::<C, u64>(capacity)?;
    for number in 0..MESSAGES {
        let sent = sender.try_send(number);
        holds(sent == Ok(()), "an unbounded channel is never full", || {
            format!("try_send({number}): {sent:?}")
        })?;
    }
    drop(sender);
    for number in 0..MESSAGES {
        let received = receiver.recv();
        holds(received == Ok(number), "the messages come in order", || {
            format!("message {number} came as {received:?}")
        })?;
    }
    Ok(())
}

/// Holds a difference that was seen or not against its declaration.
fn declared(difference: Difference, seen: bool) -> Checked {
    match (info().declares(difference), seen) {
        (false, true) => Err(Wrong::new("what the contract says", format!("not declared: {difference}"))),
        (true, false) => {
            Err(Wrong::new(format!("as declared: {difference}"), "the declared difference is gone"))
        }
        _ => Ok(()),
    }
}

fn drops_the_queue_with_the_last_receiver<C: Channel>(capacity: Capacity) -> Checked {
    const MESSAGES: u64 = 3;
    let difference = match capacity {
        Capacity::Unbounded => Difference::UnboundedKeepsUndelivered,
        _ => Difference::BoundedKeepsUndelivered,
    };
    let counts = Counts::new(MESSAGES);
    let (sender, receiver) = open::<C, Counted>(capacity)?;
    for number in 0..MESSAGES {
        is("send", sender.send(counts.message(number)).is_ok(), true)?;
    }
    drop(receiver);
    let kept = counts.alive(MESSAGES);
    note(format!("the last receiver goes; {kept} of {MESSAGES} messages are kept"));
    holds(kept == 0 || kept == MESSAGES, "all are dropped, or none", || {
        format!("{kept} of {MESSAGES} kept")
    })?;
    drop(sender);
    note("the last sender goes");
    counts.each_once(MESSAGES)?;
    declared(difference, kept > 0)
}

/// A message; one of them panics when it is dropped.
pub(super) struct Explosive {
    _counted: Counted,
    explodes: bool,
}

impl Drop for Explosive {
    fn drop(&mut self) {
        if self.explodes {
            // Without a word of the panic hook.
            resume_unwind(Box::new("a message's Drop panics"));
        }
    }
}

fn leaks_nothing_behind_a_drop_that_panics<C: Channel>(capacity: Capacity) -> Checked {
    const MESSAGES: u64 = 3;
    let difference = match capacity {
        Capacity::Unbounded => Difference::UnboundedLeaksAfterPanic,
        _ => Difference::BoundedLeaksAfterPanic,
    };
    let mut leaked = 0;
    for explodes in 0..MESSAGES {
        let counts = Counts::new(MESSAGES);
        let (sender, receiver) = open::<C, Explosive>(capacity)?;
        for number in 0..MESSAGES {
            let message = Explosive { _counted: counts.message(number), explodes: number == explodes };
            is("send", sender.send(message).is_ok(), true)?;
        }
        // One of the two panics, with the message that explodes. A second panic would abort.
        let receiver = catch_unwind(AssertUnwindSafe(|| drop(receiver))).is_err();
        let sender = catch_unwind(AssertUnwindSafe(|| drop(sender))).is_err();
        note(format!(
            "message {explodes} explodes; with the receiver: {receiver}, with the sender: {sender}"
        ));
        for number in 0..MESSAGES {
            let times = counts.dropped(number);
            holds(times <= 1, "no message is dropped twice", || format!("message {number}: {times} times"))?;
        }
        holds(counts.dropped(explodes) == 1, "the message is dropped", || {
            format!("message {explodes}, whose Drop panics, leaks")
        })?;
        leaked += counts.alive(MESSAGES);
    }
    declared(difference, leaked > 0)
}
