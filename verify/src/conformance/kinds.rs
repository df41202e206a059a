//! Messages of every kind: zero-sized, large, aligned, owning memory, owning a channel.

use std::time::Duration;

use super::scene::{Checked, SceneThread, holds, is, thread, tries};
use super::{ANY, FULLABLE, QUEUED, Scenario, Setup, table};
use crate::dyn_channel::{DoubleRequest, Factory, Open};
use crate::messages::{Aligned, Counted, LARGE, MessageCounts, Owning, ZERO_SIZED_DROPS, ZeroSized};
use crate::violation::Violation;
use contract::channel::{Receiver, RecvError, Sender, TryRecvError, TrySendError};

pub(super) fn scenarios() -> Vec<Scenario> {
    table! {
        counts_messages_without_size [] at QUEUED,
            "as many messages of size 0 arrive as were sent";
        passes_messages_without_size_between_threads [] at ANY,
            "as many messages of size 0 arrive as three threads sent";
        passes_large_messages_whole [] at ANY,
            "a message of 4 KiB arrives whole, between threads";
        keeps_messages_aligned [] at ANY,
            "a message with an alignment of 64 bytes arrives aligned";
        passes_what_owns_memory [] at ANY,
            "boxed and growing messages arrive as they were sent";
        passes_channels_through_channels [] at ANY,
            "a request holds the channel for its answer";
        drops_each_delivered_message_once [] at ANY,
            "a delivered message is dropped by its receiver and not by the channel";
        drops_once_what_a_timed_send_waited_with [SendTimeout] at FULLABLE,
            "a message that waited for room with a timeout is dropped by its receiver and not by the channel";
        drops_messages_without_size_once [] at QUEUED,
            "queued messages of size 0 are dropped once each when both ends are dropped";
    }
}

fn counts_messages_without_size(setup: Setup) -> Checked {
    let (sender, receiver) = setup.open::<()>()?;
    let slots = setup.slots();
    let count = slots.min(1_000);
    (0..count).try_for_each(|_| is("try_send(())", sender.try_send(()), Ok(())))?;
    if slots == count {
        is("try_send(()) on a full channel", sender.try_send(()), Err(TrySendError::Full(())))?;
    }
    (0..count).try_for_each(|_| is("try_recv", receiver.try_recv(), Ok(())))?;
    is("try_recv of nothing left", receiver.try_recv(), Err(TryRecvError::Empty))?;
    drop(sender);
    is("recv", receiver.recv(), Err(RecvError))
}

/// Sends `message(number)` for each number from another thread; `check` sees each arrival with its position.
fn pass<T: Send + 'static>(
    setup: Setup,
    messages: usize,
    message: fn(usize) -> T,
    mut check: impl FnMut(usize, &T) -> Checked,
) -> Checked
where
    dyn Factory: Open<T>,
{
    let (sender, receiver) = setup.open::<T>()?;
    let sending =
        thread("producer", move || (0..messages).all(|number| sender.send(message(number)).is_ok()))?;
    let mut arrived = 0;
    while let Ok(message) = receiver.recv() {
        check(arrived, &message)?;
        arrived += 1;
    }
    is(
        "messages that arrived, and whether every send succeeded",
        (arrived, sending.result()?),
        (messages, true),
    )
}

fn passes_messages_without_size_between_threads(setup: Setup) -> Checked {
    let (sender, receiver) = setup.open::<()>()?;
    let producing = (0..3).map(|place| {
        let sender = sender.clone();
        thread(format!("producer {place}"), move || (0..500).all(|_| sender.send(()).is_ok()))
    });
    let producing = producing.collect::<Checked<Vec<_>>>()?;
    drop(sender);
    let arrived = std::iter::from_fn(|| receiver.recv().ok()).count();
    producing.into_iter().try_for_each(|thread| is("every send", thread.result()?, true))?;
    is("messages that arrived", arrived, 1_500)
}

/// Longer than any test runs.
const HOUR: Duration = Duration::from_secs(3_600);

fn passes_large_messages_whole(setup: Setup) -> Checked {
    let message =
        |number: usize| -> [u64; LARGE] { std::array::from_fn(|place| (number * LARGE + place) as u64) };
    pass(setup, 200, message, |number, arrived| {
        holds(*arrived == message(number), "each word as it was sent", || format!("message {number} differs"))
    })
}

fn keeps_messages_aligned(setup: Setup) -> Checked {
    pass(setup, 200, Aligned, |number, arrived| {
        let place = (&raw const *arrived).addr();
        holds(place.is_multiple_of(64) && arrived.0 == number, "aligned to 64 bytes, in order", || {
            format!("message {number} came as {} at an address that is {} over", arrived.0, place % 64)
        })
    })
}

fn passes_what_owns_memory(setup: Setup) -> Checked {
    let message = |number: usize| Box::new((vec![number; number % 17], number.to_string()));
    pass::<Owning>(setup, 500, message, |number, arrived| {
        holds(*arrived == message(number), "each as it was sent", || {
            format!("message {number} came as {arrived:?}")
        })
    })
}

/// Follows crossbeam's `channel_through_channel`.
fn passes_channels_through_channels(setup: Setup) -> Checked {
    let (requests, served) = setup.open::<DoubleRequest>()?;
    let serving = thread("server", move || {
        while let Ok((number, answers)) = served.recv() {
            // The client waits for it.
            let _ = answers.send(number * 2);
        }
    })?;
    let clients = (0..3).map(|client| {
        let requests = requests.clone();
        thread(format!("client {client}"), move || {
            (0..60).try_for_each(|number| {
                let (sender, receiver) = setup.open::<u64>()?;
                is("a request", requests.send((number, sender)).is_ok(), true)?;
                is("the answer", receiver.recv(), Ok(number * 2))?;
                is("recv after the answer", receiver.recv(), Err(RecvError))
            })
        })
    });
    let clients = clients.collect::<Checked<Vec<_>>>()?;
    drop(requests);
    clients.into_iter().try_for_each(|client| client.result()?)?;
    SceneThread::result(serving)
}

fn drops_each_delivered_message_once(setup: Setup) -> Checked {
    const MESSAGES: u64 = 500;
    let counts = MessageCounts::new(MESSAGES);
    let (sender, receiver) = setup.open::<Counted>()?;
    let sending =
        thread("producer", move || (0..MESSAGES).all(|number| sender.send(counts.message(number)).is_ok()))?;
    for number in 0..MESSAGES {
        let message = receiver.recv();
        let came = message.as_ref().map(|message| message.number).map_err(|error| *error);
        holds(came == Ok(number), "the messages come in order", || {
            format!("message {number} came as {came:?}")
        })?;
        let before = counts.dropped(number);
        drop(message);
        holds(before == 0, "a message is not dropped before it is received", || {
            format!("message {number} was dropped {before} times")
        })?;
    }
    is("every send", sending.result()?, true)?;
    drop(receiver);
    counts.each_once(MESSAGES)
}

fn drops_once_what_a_timed_send_waited_with(setup: Setup) -> Checked {
    let slots = setup.slots();
    tries(10, |_| {
        let counts = MessageCounts::new(slots + 1);
        let (sender, receiver) = setup.open::<Counted>()?;
        for number in 0..slots {
            is("try_send with room", sender.try_send(counts.message(number)).is_ok(), true)?;
        }
        let sending = thread("sender", move || sender.send_timeout(counts.message(slots), HOUR).is_ok())?;
        sending.until_waiting();
        for number in 0..=slots {
            let message =
                receiver.recv().map_err(|_| Violation::new("a message", "the channel is disconnected"))?;
            is("recv", message.number, number)?;
            is("drops before the receiver's own", counts.dropped(number), 0)?;
        }
        is("the send", sending.result()?, true)?;
        drop(receiver);
        counts.each_once(slots + 1)
    })
}

fn drops_messages_without_size_once(setup: Setup) -> Checked {
    ZERO_SIZED_DROPS.set(0);
    let (sender, receiver) = setup.open::<ZeroSized>()?;
    let count = setup.slots().min(100);
    for _ in 0..count {
        is("try_send", sender.try_send(ZeroSized).is_ok(), true)?;
    }
    is("try_recv", receiver.try_recv().is_ok(), true)?;
    is("drops after one receive", ZERO_SIZED_DROPS.get(), 1)?;
    drop(sender);
    drop(receiver);
    is("drops at the end", ZERO_SIZED_DROPS.get(), count)
}
