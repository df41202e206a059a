//! The bad patterns by hand, and the fast checker compared with the general one.

use super::*;
use crate::linearizability::dice::Dice;
use crate::linearizability::history::Operation;
use crate::linearizability::wgl;

/// More random histories than [`HISTORIES`]: `CHANLAB_HISTORIES=10000000 cargo test -p verify --release
/// fast_and_general`.
const VARIABLE: &str = "CHANLAB_HISTORIES";
const HISTORIES: u64 = 120_000;

fn violation(lines: &str) -> Option<(QueueViolation, Vec<usize>)> {
    let history: History =
        format!("capacity unbounded, senders 1, receivers 1\n{lines}").parse().expect("a history");
    let violation = check(&history).err()?;
    // The operations of the pattern are a violation by themselves.
    let small = history.only(&violation.operations());
    assert!(check(&small).is_err(), "{violation}: {small}");
    assert!(!wgl::check(&small).is_legal(), "{violation}: {small}");
    let places = violation.operations();
    assert!(places.contains(&violation.offender()));
    Some((violation, places))
}

#[test]
fn each_bad_pattern_is_named() {
    assert!(matches!(violation("0 1..2 recv -> 1"), Some((QueueViolation::NeverSent(0), _))));
    assert!(matches!(violation("0 1..2 recv -> damaged"), Some((QueueViolation::Damaged(0), _))));
    let dropped = |at: &str| violation(&format!("0 {at} drop_sender -> ok\n1 3..4 recv -> disconnected"));
    assert_eq!(dropped("1..2"), None);
    assert_eq!(dropped("4..5"), None);
    assert!(matches!(dropped("5..6"), Some((QueueViolation::FalseDisconnect(1), _))));
    assert!(matches!(
        violation("0 1..2 send 1 -> disconnected"),
        Some((QueueViolation::FalseDisconnect(0), _))
    ));
    assert!(matches!(
        violation("0 1..2 send 1 -> ok\n1 3..4 recv -> 1\n1 5..6 recv -> 1"),
        Some((QueueViolation::ReceivedTwice(1, 2), _))
    ));
    assert!(matches!(
        violation("1 1..2 recv -> 1\n0 3..4 send 1 -> ok"),
        Some((QueueViolation::ReceivedTooEarly { send: 1, receive: 0 }, _))
    ));
    assert!(matches!(
        violation("0 1..2 send 1 -> ok\n0 3..4 send 2 -> ok\n1 5..6 recv -> 2\n1 7..8 recv -> 1"),
        Some((QueueViolation::Overtaken { send: 0, receive: Some(3), later_send: 1, earlier_receive: 2 }, _))
    ));
    assert!(matches!(
        violation("0 1..2 send 1 -> ok\n0 3..4 send 2 -> ok\n1 5..6 recv -> 2"),
        Some((QueueViolation::Overtaken { receive: None, .. }, _))
    ));
    let covered = "0 1..2 send 1 -> ok\n0 4..5 send 2 -> ok\n1 6..7 recv -> 1\n2 3..9 try_recv -> empty\n\
                   1 10..11 recv -> 2\n0 20..21 send 3 -> ok\n1 22..23 recv -> 3";
    let (found, places) = violation(covered).expect("never empty");
    assert!(matches!(found, QueueViolation::NotEmpty { says: 3, .. }));
    assert_eq!(places, [0, 1, 2, 3, 4]);
}

#[test]
fn a_length_that_the_queue_never_had_is_named() {
    let miscounted = |lines: &str| match violation(lines) {
        Some((QueueViolation::WrongLength { says, min, max, .. }, places)) => Some((says, min, max, places)),
        None => None,
        Some((other, _)) => panic!("{other}"),
    };
    // One message is certainly queued, one may be, one came too late and one was gone.
    let lines = |length: u64| {
        format!(
            "0 1..2 send 1 -> ok\n0 3..4 send 2 -> ok\n1 5..6 recv -> 1\n1 9..10 len -> {length}\n\
             0 8..11 send 3 -> ok\n0 12..13 send 4 -> ok"
        )
    };
    assert_eq!(miscounted(&lines(0)), Some((3, 1, 2, vec![1, 3, 4])));
    assert_eq!(miscounted(&lines(1)), None);
    assert_eq!(miscounted(&lines(2)), None);
    assert_eq!(miscounted(&lines(3)), Some((3, 1, 2, vec![1, 3, 4])));
    // Operations with equal stamps overlap.
    assert_eq!(miscounted("0 1..2 send 1 -> ok\n1 2..3 len -> 0"), None);
    assert_eq!(miscounted("1 1..2 len -> 1\n0 2..3 send 1 -> ok"), None);
    assert!(miscounted("1 1..2 len -> 1\n0 3..4 send 1 -> ok").is_some());
    // A message that comes and goes during the call has a moment: the length may be 0, 1 or 2.
    let passed = |length: u64| {
        miscounted(&format!(
            "0 1..2 send 1 -> ok\n1 5..6 recv -> 1\n0 3..4 send 2 -> ok\n1 7..8 recv -> 2\n2 2..6 len -> {length}"
        ))
    };
    assert!(passed(0).is_none() && passed(1).is_none() && passed(2).is_none() && passed(3).is_some());
    // A pending send may have taken effect, and a pending receive may have taken a message that did not
    // arrive.
    assert!(miscounted("0 1.. send 1\n1 2..3 len -> 0").is_none());
    assert!(miscounted("0 1.. send 1\n1 2..3 len -> 1").is_none());
    assert!(miscounted("0 1.. send 1\n1 2..3 len -> 2").is_some());
    assert!(miscounted("0 1..2 send 1 -> ok\n1 3.. recv\n2 4..5 len -> 0").is_none());
    assert!(miscounted("0 1..2 send 1 -> ok\n1 6.. recv\n2 4..5 len -> 0").is_some());
    // Only the limit of a bounded channel matters; a message that waits for room is not counted.
    let limited = |length: u64, capacity: &str| {
        let lines = format!("0 1..2 send 1 -> ok\n0 3.. send 2\n1 4..5 len -> {length}");
        let history: History =
            format!("capacity {capacity}, senders 1, receivers 1\n{lines}").parse().expect("one");
        assert_eq!(check(&history).is_ok(), wgl::check(&history).is_legal(), "{history}");
        check(&history).is_ok()
    };
    assert!(limited(1, "1") && !limited(2, "1") && limited(2, "2") && !limited(3, "2") && !limited(0, "2"));
}

/// The limitation that `lengths.rs` describes.
#[test]
fn lengths_are_checked_one_by_one() {
    let lines = "0 1.. send 1\n1 2..3 len -> 1\n1 4..5 len -> 0";
    assert_eq!(violation(lines), None);
    let history: History =
        format!("capacity unbounded, senders 1, receivers 1\n{lines}").parse().expect("a history");
    assert!(!wgl::check(&history).is_legal());
}

/// A message that a failed send returned was not sent. Whether a pending send took effect follows from the
/// receives.
#[test]
fn failed_and_pending_operations_are_distinguished() {
    assert!(violation("0 1..2 try_send 1 -> full\n1 3..4 recv -> 1").is_some());
    assert_eq!(violation("0 1.. send 1\n1 3..4 recv -> 1"), None);
    assert_eq!(violation("0 1.. send 1\n1 3..4 try_recv -> empty"), None);
    assert_eq!(violation("0 1..2 send 1 -> ok\n0 3..4 send 2 -> ok\n1 5..6 recv -> 2\n2 4.. recv"), None);
    assert!(violation("0 1..2 send 1 -> ok\n0 3..4 send 2 -> ok\n1 5..6 recv -> 2\n2 7.. recv").is_some());
}

/// A random history: legal by construction, or spoiled a little, or wild. `asks` is the percentage of
/// lengths.
fn random(dice: &mut Dice, asks: usize) -> History {
    let threads = 2 + dice.below(3);
    let count = 3 + dice.below(8);
    // Operations take effect in turn, at the moments 10, 20, 30 and so on.
    let mut operations: Vec<Operation> = Vec::new();
    let (mut queue, mut sent) = (std::collections::VecDeque::new(), 0);
    for moment in (1..=count as u64).map(|turn| 10 * turn) {
        let (action, answer) = if asks > 0 && dice.percent(asks) {
            (Action::Len, Answer::Length(queue.len() as u64))
        } else if dice.percent(50) {
            sent += 1;
            queue.push_back(sent);
            (Action::Send(sent), Answer::Done)
        } else {
            let answer = queue.pop_front().map_or(Answer::Empty, Answer::Received);
            (Action::TryRecv, answer)
        };
        let thread = dice.below(threads);
        // From a moment after the thread's last operation until a later moment.
        let free = operations.iter().rev().find(|operation| operation.thread == thread);
        let free = free.map_or(0, |operation| operation.returned + 1);
        let reach = dice.pick(&[1, 10, 25, 40]);
        let invoked = moment.saturating_sub(dice.below(reach) as u64).max(free);
        if invoked > moment {
            // The thread is still busy. The operation takes effect when it is free again, which may spoil the
            // history.
            operations.push(Operation { thread, action, answer: Some(answer), invoked, returned: invoked });
            continue;
        }
        let returned = moment + dice.below(reach) as u64;
        operations.push(Operation { thread, action, answer: Some(answer), invoked, returned });
    }
    for _ in 0..dice.pick(&[0, 0, 1, 1, 2, 8]) {
        spoil(&mut operations, dice);
    }
    History { slots: None, senders: 1, receivers: 1, operations }
}

/// Changes an answer, swaps two answers, or moves an end of an operation.
fn spoil(operations: &mut [Operation], dice: &mut Dice) {
    let (one, other) = (dice.below(operations.len()), dice.below(operations.len()));
    match dice.below(5) {
        0..=2 if operations[one].action == Action::Len => {
            operations[one].answer = Some(Answer::Length(dice.below(4) as u64));
        }
        0 if operations[one].action.receives() => {
            operations[one].answer =
                Some(dice.pick(&[Answer::Empty, Answer::Received(1), Answer::Received(2)]));
        }
        1 | 2 if operations[one].action.receives() && operations[other].action.receives() => {
            let answer = operations[one].answer;
            operations[one].answer = operations[other].answer;
            operations[other].answer = answer;
        }
        3 => operations[one].invoked = operations[one].returned,
        _ => operations[one].returned = operations[one].invoked,
    }
}

/// Makes the last operation of some threads pending.
fn interrupt(history: &mut History, dice: &mut Dice) {
    for places in history.by_thread() {
        if let Some(&last) = places.last()
            && dice.percent(10)
            && history.operations[last].action.sends().is_some()
        {
            history.operations[last].answer = None;
            history.operations[last].returned = NEVER;
        }
    }
}

#[test]
fn fast_and_general_checker_agree_on_random_histories() {
    let histories = std::env::var(VARIABLE).ok().map_or(HISTORIES, |count| count.parse().expect("a number"));
    let mut dice = Dice::new(4);
    let (mut legal, mut kinds) = (0, std::collections::BTreeMap::<&str, u64>::new());
    let mut compared = 0;
    while compared < histories {
        let mut history = random(&mut dice, 0);
        interrupt(&mut history, &mut dice);
        if history.well_formed().is_err() {
            continue;
        }
        compared += 1;
        let fast = check(&history);
        let verdict = wgl::check(&history);
        assert_eq!(fast.is_ok(), verdict.is_legal(), "{fast:?}, {verdict:?}\n{history}");
        match fast {
            Ok(()) => legal += 1,
            Err(violation) => {
                let kind = match violation {
                    QueueViolation::Damaged(_)
                    | QueueViolation::FalseDisconnect(_)
                    | QueueViolation::WrongLength { .. } => {
                        unreachable!("{violation}")
                    }
                    QueueViolation::NeverSent(_) => "never sent",
                    QueueViolation::ReceivedTwice(..) => "twice",
                    QueueViolation::ReceivedTooEarly { .. } => "too early",
                    QueueViolation::Overtaken { receive: Some(_), .. } => "overtaken",
                    QueueViolation::Overtaken { .. } => "lost",
                    QueueViolation::NotEmpty { .. } => "not empty",
                };
                *kinds.entry(kind).or_default() += 1;
                let small = history.only(&violation.operations());
                assert!(!wgl::check(&small).is_legal(), "{violation}\n{small}of\n{history}");
            }
        }
    }
    println!("{histories} histories: {legal} legal, {kinds:?}");
    // Every kind occurred often.
    assert!(legal > histories / 10 && legal < histories / 10 * 9, "{legal}");
    for kind in ["never sent", "twice", "too early", "overtaken", "lost", "not empty"] {
        assert!(kinds.get(kind).is_some_and(|&count| count > histories / 1000), "{kind}: {kinds:?}");
    }
}

/// With lengths the fast checker refutes most, but not all, of what the general one refutes, and nothing
/// else.
#[test]
fn the_fast_checker_refutes_no_legal_history_with_lengths() {
    let histories = std::env::var(VARIABLE).ok().map_or(HISTORIES, |count| count.parse().expect("a number"));
    let mut dice = Dice::new(5);
    let (mut compared, mut legal, mut missed, mut miscounted) = (0, 0, 0, 0);
    while compared < histories {
        let mut history = random(&mut dice, 30);
        interrupt(&mut history, &mut dice);
        let asks = history.operations.iter().any(|operation| operation.action == Action::Len);
        if !asks || history.well_formed().is_err() {
            continue;
        }
        compared += 1;
        let verdict = wgl::check(&history);
        legal += u64::from(verdict.is_legal());
        match check(&history) {
            Ok(()) => missed += u64::from(!verdict.is_legal()),
            Err(violation) => {
                assert!(!verdict.is_legal(), "{violation}\n{history}");
                miscounted += u64::from(matches!(violation, QueueViolation::WrongLength { .. }));
                let small = history.only(&violation.operations());
                assert!(!wgl::check(&small).is_legal(), "{violation}\n{small}of\n{history}");
            }
        }
    }
    println!("{histories} histories: {legal} legal, {miscounted} miscounted, {missed} missed");
    let illegal = histories - legal;
    assert!(
        legal > histories / 10 && miscounted > histories / 10 && missed < illegal / 10,
        "{legal} {miscounted} {missed}"
    );
}
