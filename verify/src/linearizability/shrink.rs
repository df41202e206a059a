//! Makes an illegal history small: what is left out could not have made a legal history illegal, so that what is left over is as
//! wrong as the whole.
//!
//! That is not true of every operation. Without a drop of the last sender a receiver is told of a disconnect for no reason; without
//! a message the channel is not full when it is said to be, and shorter. So operations go in groups, and a group only while it is safe:
//!
//! - an operation that changed nothing (full, empty, timeout, disconnected, a length) may always go;
//! - all operations with one message may go, unless a send was told "full", or a receiver a length, while that message may have been in the
//!   channel (a rendezvous never holds one: there neither depends on it);
//! - the clones and drops of one side may go, all of them, unless the other side was told of a disconnect.

use std::ops::Range;

use super::general;
use super::history::{Action, Answer, History, NEVER, Operation};

/// The smallest history that leaving out groups of operations leads to, one after the other, while it stays illegal; renumbered.
/// A legal history is returned as it is.
pub fn shrink(history: &History) -> History {
    let mut history = history.renumbered();
    if general::check(&history).is_legal() {
        return history;
    }
    loop {
        let smaller = groups(&history).into_iter().find_map(|group| {
            let rest: Vec<usize> =
                (0..history.operations.len()).filter(|place| !group.contains(place)).collect();
            let smaller = history.only(&rest);
            (!general::check(&smaller).is_legal()).then(|| smaller.renumbered())
        });
        match smaller {
            Some(smaller) => history = smaller,
            None => return without_gaps(history),
        }
    }
}

/// The places of operations that may go together.
fn groups(history: &History) -> Vec<Vec<usize>> {
    let places = |wanted: &dyn Fn(&Operation) -> bool| -> Vec<usize> {
        let all = history.operations.iter().enumerate();
        all.filter(|(_, operation)| wanted(operation)).map(|(place, _)| place).collect()
    };
    let any = |wanted: &dyn Fn(&Operation) -> bool| !places(wanted).is_empty();
    let told = |operation: &Operation| operation.answer == Some(Answer::Disconnected);
    let mut groups = Vec::new();
    if !any(&|operation| told(operation) && operation.action.receives()) {
        groups
            .push(places(&|operation| matches!(operation.action, Action::CloneSender | Action::DropSender)));
    }
    if !any(&|operation| told(operation) && operation.action.sends().is_some()) {
        groups.push(places(&|operation| {
            matches!(operation.action, Action::CloneReceiver | Action::DropReceiver)
        }));
    }
    let counted: Vec<Range<u64>> = history
        .operations
        .iter()
        .filter(|operation| {
            history.slots != Some(0) && (operation.says_full() || operation.length().is_some())
        })
        .map(|operation| operation.invoked..operation.returned)
        .collect();
    let mut messages: Vec<u64> = history
        .operations
        .iter()
        .filter(|operation| {
            operation.received().is_some() || operation.sent().is_some() || operation.answer.is_none()
        })
        .filter_map(Operation::message)
        .collect();
    messages.sort_unstable();
    messages.dedup();
    for message in messages {
        let group = places(&|operation| operation.message() == Some(message));
        let operations = || group.iter().map(|&place| &history.operations[place]);
        let from = operations().map(|operation| operation.invoked).min().unwrap_or(0);
        let arrived = operations().any(|operation| operation.received().is_some());
        let to = operations().map(|operation| operation.returned).max().filter(|_| arrived).unwrap_or(NEVER);
        if counted.iter().all(|counted| counted.end < from || to < counted.start) {
            groups.push(group);
        }
    }
    for (place, operation) in history.operations.iter().enumerate() {
        // A pending receive stays: it may be the one that took a message that nobody else got.
        let unchanged = operation.says_full() || operation.says_empty() || told(operation);
        if unchanged || operation.action == Action::Len {
            groups.push(vec![place]);
        }
    }
    groups.retain(|group| !group.is_empty());
    groups
}

/// Numbers the threads anew where some have nothing left to do.
fn without_gaps(mut history: History) -> History {
    let mut threads: Vec<usize> = history.operations.iter().map(|operation| operation.thread).collect();
    threads.sort_unstable();
    threads.dedup();
    for operation in &mut history.operations {
        operation.thread = threads.partition_point(|thread| *thread < operation.thread);
    }
    history
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use super::*;
    use crate::linearizability::dice::Dice;
    use crate::linearizability::record::{Recorded, record};
    use crate::linearizability::scenario::Scenario;
    use harness::channel::{Capacity, Channel};
    use harness::channels::mutex_deque::MutexDeque;

    fn shrunk(text: &str) -> String {
        shrink(&text.parse().expect("a history")).to_string()
    }

    #[test]
    fn an_overtaken_message_is_left_with_what_overtook_it() {
        let small = shrunk(
            "capacity 8, senders 2, receivers 2
            0 1..2 send 1 -> ok
            0 3..4 send 2 -> ok
            1 5..6 recv -> 2
            1 7..8 recv -> 1
            2 3..9 try_send 3 -> ok
            3 9..12 recv -> 3
            3 13..14 try_recv -> empty
            0 20..21 drop_sender -> ok",
        );
        assert_eq!(
            small,
            "capacity 8, senders 2, receivers 2\n0 1..2 send 1 -> ok\n0 3..4 send 2 -> ok\n\
             1 5..6 recv -> 2\n1 7..8 recv -> 1\n"
        );
    }

    /// A message whose absence would make "full" wrong stays.
    #[test]
    fn what_fills_the_channel_stays() {
        let small = shrunk(
            "capacity 1, senders 1, receivers 1
            0 1..2 send 1 -> ok
            0 3..4 try_send 2 -> full
            1 5..6 recv -> 1
            1 7..8 recv -> 9",
        );
        assert_eq!(small, "capacity 1, senders 1, receivers 1\n0 1..2 recv -> 9\n");
        let text = "capacity 2, senders 1, receivers 1
            0 1..2 send 1 -> ok
            0 3..4 try_send 2 -> full
            1 5..6 recv -> 1";
        assert_eq!(shrink(&text.parse().expect("a history")).operations.len(), 3);
    }

    /// So does a message that may have been counted; one that cannot have been goes, and so do lengths that are true.
    #[test]
    fn what_was_counted_stays() {
        let small = shrunk(
            "capacity 3, senders 1, receivers 1
            0 1..2 send 1 -> ok
            1 3..4 len -> 1
            1 5..6 recv -> 1
            0 7..8 send 2 -> ok
            0 9..10 send 3 -> ok
            1 11..12 len -> 1
            0 13..14 send 4 -> ok",
        );
        assert_eq!(
            small,
            "capacity 3, senders 1, receivers 1\n0 1..2 send 2 -> ok\n0 3..4 send 3 -> ok\n1 5..6 len -> 1\n"
        );
    }

    #[test]
    fn a_disconnect_that_is_none_is_left_alone() {
        let small = shrunk(
            "capacity unbounded, senders 2, receivers 1
            0 1..2 send 1 -> ok
            1 3..4 recv -> 1
            0 5..6 drop_sender -> ok
            1 7..8 recv -> disconnected
            2 9..10 drop_sender -> ok",
        );
        assert_eq!(
            small,
            "capacity unbounded, senders 2, receivers 1\n0 1..2 drop_sender -> ok\n\
             1 3..4 recv -> disconnected\n2 5..6 drop_sender -> ok\n"
        );
    }

    #[test]
    fn a_legal_history_stays() {
        let text = "capacity 1, senders 1, receivers 1\n0 1..2 send 1 -> ok\n1 3..4 recv -> 1\n";
        assert_eq!(shrunk(text), text);
    }

    /// What the module says of itself: a legal history stays legal whichever group goes. (So an illegal one that is left over was
    /// illegal before.) Over histories with every answer there is.
    #[test]
    fn no_group_makes_a_legal_history_illegal() {
        let capacities = [0, 1, 2].map(Capacity::from_slots).into_iter().chain([Capacity::Unbounded]);
        let capacities: Vec<Capacity> = capacities.collect();
        let mut seen = HashSet::new();
        for seed in 0..400 {
            let scenario = Scenario::random(&MutexDeque::INFO, &capacities, &mut Dice::new(seed));
            let Recorded::Ended(histories) =
                record::<MutexDeque>(&MutexDeque::INFO, &scenario, 2, Duration::from_secs(60))
            else {
                panic!("{scenario}")
            };
            for history in histories {
                for group in groups(&history) {
                    let rest: Vec<usize> =
                        (0..history.operations.len()).filter(|place| !group.contains(place)).collect();
                    let smaller = history.only(&rest);
                    assert!(general::check(&smaller).is_legal(), "{history}without {group:?}");
                    seen.extend(group.iter().map(|&place| {
                        let operation = history.operations[place];
                        let answer = operation.answer.map(|answer| match answer {
                            Answer::Received(_) => Answer::Received(0),
                            Answer::Length(_) => Answer::Length(0),
                            other => other,
                        });
                        (operation.action.sends().is_some(), answer)
                    }));
                }
            }
        }
        assert!(seen.len() >= 9, "{seen:?}");
    }
}
