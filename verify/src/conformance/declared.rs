//! The declared capabilities, capacities and differences are the real ones.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::scene::{Checked, holds, is, note};
use super::{Scenario, Setup, refused, table};
use crate::messages::{Counted, MessageCounts, PanicsOnDrop};
use crate::violation::Violation;
use contract::channel::{
    Capability, Capacity, Difference, Receiver, RecvTimeoutError, SendTimeoutError, Sender, TrySendError,
};

pub(super) fn scenarios() -> Vec<Scenario> {
    table! {
        lacks_what_it_declares_and_nothing_else [] at &[Some(4)],
            "each capability exists or is declared as lacking";
        holds_its_effective_capacity_and_no_more [] at
            &[Some(0), Some(1), Some(2), Some(3), Some(7), Some(64), Some(1000), Some(1024)],
            "exactly the effective capacity is held";
        is_never_full_when_unbounded [] at &[None],
            "a hundred thousand messages are accepted and kept in order";
        drops_the_queue_with_the_last_receiver [] at &[Some(3), None],
            "messages that can no longer be received are dropped, or declared to be kept until the last sender is dropped";
        leaks_nothing_behind_a_drop_that_panics [] at &[Some(3), None],
            "no message is dropped twice when another one's Drop panics, and none leaks unless declared";
    }
}

/// Whether the channel really has a capability.
fn has(setup: Setup, capability: Capability) -> Checked<bool> {
    let channel = setup.channel;
    let (sender, receiver) = channel.open::<u64>(Capacity::from_slots(4)).map_err(refused)?;
    Ok(match capability {
        Capability::MultiConsumer => receiver.try_clone().is_ok(),
        Capability::Rendezvous => {
            channel.open::<u64>(Capacity::Rendezvous).is_ok()
                && channel.effective_capacity(Capacity::Rendezvous) == Capacity::Rendezvous
        }
        Capability::Unbounded => channel.open::<u64>(Capacity::Unbounded).is_ok(),
        Capability::SendTimeout => {
            !matches!(sender.send_timeout(1, Duration::ZERO), Err(SendTimeoutError::Unsupported(1, _)))
        }
        Capability::RecvTimeout => {
            !matches!(receiver.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Unsupported(_)))
        }
        Capability::Len => receiver.len().is_ok(),
        Capability::Select => {
            let inputs = channel.open_inputs(Capacity::from_slots(1), 1);
            inputs.is_ok_and(|(_, inputs)| inputs.selector().is_ok())
        }
        Capability::MessageReturned => {
            drop(receiver);
            sender.send(1).is_err_and(|error| error.message == Some(1))
        }
    })
}

fn lacks_what_it_declares_and_nothing_else(setup: Setup) -> Checked {
    Capability::ALL.into_iter().try_for_each(|capability| {
        let declared = setup.channel.info().require(capability).is_ok();
        is(format!("has {capability}"), has(setup, capability)?, declared)
    })
}

fn holds_its_effective_capacity_and_no_more(setup: Setup) -> Checked {
    // A channel may refuse a capacity. `lacks_what_it_declares_and_nothing_else` checks whether it declares
    // that.
    let Ok((sender, receiver)) = setup.channel.open::<u64>(setup.capacity) else { return Ok(()) };
    let effective = setup.slots();
    // Twice, so that a ring wraps around.
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

fn is_never_full_when_unbounded(setup: Setup) -> Checked {
    const MESSAGES: u64 = 100_000;
    let (sender, receiver) = setup.open::<u64>()?;
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

/// Compares a difference that was observed, or not, with its declaration.
fn declared(setup: Setup, difference: Difference, seen: bool) -> Checked {
    match (setup.channel.info().declares(difference), seen) {
        (false, true) => Err(Violation::new(
            "the contract, or a declared difference",
            format!("not declared: {difference}"),
        )),
        (true, false) => {
            Err(Violation::new(format!("as declared: {difference}"), "the declared difference is gone"))
        }
        _ => Ok(()),
    }
}

fn drops_the_queue_with_the_last_receiver(setup: Setup) -> Checked {
    const MESSAGES: u64 = 3;
    let difference = match setup.capacity {
        Capacity::Unbounded => Difference::UnboundedKeepsUndelivered,
        _ => Difference::BoundedKeepsUndelivered,
    };
    let counts = MessageCounts::new(MESSAGES);
    let (sender, receiver) = setup.open::<Counted>()?;
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
    declared(setup, difference, kept > 0)
}

fn leaks_nothing_behind_a_drop_that_panics(setup: Setup) -> Checked {
    const MESSAGES: u64 = 3;
    let difference = match setup.capacity {
        Capacity::Unbounded => Difference::UnboundedLeaksAfterPanic,
        _ => Difference::BoundedLeaksAfterPanic,
    };
    let mut leaked = 0;
    for panics in 0..MESSAGES {
        let counts = MessageCounts::new(MESSAGES);
        let (sender, receiver) = setup.open::<PanicsOnDrop>()?;
        for number in 0..MESSAGES {
            let message = PanicsOnDrop { _counted: counts.message(number), panics: number == panics };
            is("send", sender.send(message).is_ok(), true)?;
        }
        // One of the two panics. A second panic while unwinding would abort.
        let receiver = catch_unwind(AssertUnwindSafe(|| drop(receiver))).is_err();
        let sender = catch_unwind(AssertUnwindSafe(|| drop(sender))).is_err();
        note(format!("message {panics} panics; with the receiver: {receiver}, with the sender: {sender}"));
        for number in 0..MESSAGES {
            let times = counts.dropped(number);
            holds(times <= 1, "no message is dropped twice", || format!("message {number}: {times} times"))?;
        }
        holds(counts.dropped(panics) == 1, "the message is dropped", || {
            format!("message {panics}, whose Drop panics, leaks")
        })?;
        leaked += counts.alive(MESSAGES);
    }
    declared(setup, difference, leaked > 0)
}
