//! Makes an illegal history small. It removes only operations whose removal cannot make a legal history
//! illegal, so that the small history is wrong for the same reason as the whole.
//!
//! Not every operation can be removed. Without the drop of the last sender, a receiver sees a disconnect for
//! no reason; without a message, the queue is shorter, and not full when a send says so. Operations are
//! therefore removed in groups, when it is safe:
//!
//! - An operation that changed nothing (full, empty, timeout, disconnected, a length) can always be removed.
//! - All operations with one message can be removed together, unless a send reported full, or a receiver a
//!   length, while that message may have been queued. (A rendezvous queues nothing, so neither depends on
//!   it.)
//! - All clones and drops of one side can be removed together, unless the other side saw a disconnect.

use std::ops::Range;

use super::history::{Action, Answer, History, NEVER, Operation};
use super::wgl;

/// Removes groups of operations, one after the other, while the history stays illegal, and renumbers the
/// rest. A history that is not certainly illegal is only renumbered.
pub fn shrink(history: &History) -> History {
    let mut history = history.renumbered();
    if !wgl::check(&history).is_illegal() {
        return history;
    }
    loop {
        let smaller = groups(&history).into_iter().find_map(|group| {
            let rest: Vec<usize> =
                (0..history.operations.len()).filter(|index| !group.contains(index)).collect();
            let smaller = history.only(&rest);
            wgl::check(&smaller).is_illegal().then(|| smaller.renumbered())
        });
        match smaller {
            Some(smaller) => history = smaller,
            None => return without_gaps(history),
        }
    }
}

/// The groups of operations, by index, that can be removed.
fn groups(history: &History) -> Vec<Vec<usize>> {
    let indexs = |wanted: &dyn Fn(&Operation) -> bool| -> Vec<usize> {
        let all = history.operations.iter().enumerate();
        all.filter(|(_, operation)| wanted(operation)).map(|(index, _)| index).collect()
    };
    let any = |wanted: &dyn Fn(&Operation) -> bool| !indexs(wanted).is_empty();
    let disconnected = |operation: &Operation| operation.answer == Some(Answer::Disconnected);
    let mut groups = Vec::new();
    if !any(&|operation| disconnected(operation) && operation.action.receives()) {
        groups
            .push(indexs(&|operation| matches!(operation.action, Action::CloneSender | Action::DropSender)));
    }
    if !any(&|operation| disconnected(operation) && operation.action.sends().is_some()) {
        groups.push(indexs(&|operation| {
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
        let group = indexs(&|operation| operation.message() == Some(message));
        let operations = || group.iter().map(|&index| &history.operations[index]);
        let from = operations().map(|operation| operation.invoked).min().unwrap_or(0);
        let arrived = operations().any(|operation| operation.received().is_some());
        let to = operations().map(|operation| operation.returned).max().filter(|_| arrived).unwrap_or(NEVER);
        if counted.iter().all(|counted| counted.end < from || to < counted.start) {
            groups.push(group);
        }
    }
    for (index, operation) in history.operations.iter().enumerate() {
        // A pending receive stays: it may have taken a message that no other operation received.
        let unchanged = operation.says_full() || operation.says_empty() || disconnected(operation);
        if unchanged || operation.action == Action::Len {
            groups.push(vec![index]);
        }
    }
    groups.retain(|group| !group.is_empty());
    groups
}

/// Renumbers the threads when some have no operations left.
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
    use crate::dyn_channel::DynChannel;
    use crate::linearizability::dice::Dice;
    use crate::linearizability::record::{Recorded, record};
    use crate::linearizability::scenario::Scenario;
    use baseline::MutexDeque;
    use contract::channel::{Capacity, Channel};

    fn shrunk(text: &str) -> String {
        shrink(&text.parse().expect("a history")).to_string()
    }

    #[test]
    fn an_overtaken_message_and_its_overtaker_stay() {
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

    #[test]
    fn a_message_that_fills_the_channel_stays() {
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

    #[test]
    fn a_message_that_a_wrong_length_may_count_stays() {
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
    fn a_false_disconnect_stays_with_the_drops_of_its_side() {
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
    fn a_legal_history_is_not_shrunk() {
        let text = "capacity 1, senders 1, receivers 1\n0 1..2 send 1 -> ok\n1 3..4 recv -> 1\n";
        assert_eq!(shrunk(text), text);
    }

    /// The promise of the module, over histories with every kind of answer. It implies that a small illegal
    /// history was illegal before.
    #[test]
    fn removing_a_group_keeps_a_legal_history_legal() {
        let capacities = [0, 1, 2].map(Capacity::from_slots).into_iter().chain([Capacity::Unbounded]);
        let capacities: Vec<Capacity> = capacities.collect();
        let mut seen = HashSet::new();
        for seed in 0..400 {
            let scenario = Scenario::random(&MutexDeque::INFO, &capacities, &mut Dice::new(seed));
            let Recorded::Ended(histories) =
                record(DynChannel::new::<MutexDeque>(), &scenario, 2, Duration::from_secs(60))
            else {
                panic!("{scenario}")
            };
            for history in histories {
                for group in groups(&history) {
                    let rest: Vec<usize> =
                        (0..history.operations.len()).filter(|index| !group.contains(index)).collect();
                    let smaller = history.only(&rest);
                    assert!(wgl::check(&smaller).is_legal(), "{history}without {group:?}");
                    seen.extend(group.iter().map(|&index| {
                        let operation = history.operations[index];
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
