//! The recorder records what the threads did.

use super::*;
use crate::linearizability::dice::Dice;
use crate::linearizability::wgl;
use baseline::MutexDeque;
use contract::channel::{Capacity, Channel};

const DEADLINE: Duration = Duration::from_secs(60);

fn step(action: Action) -> ScriptedOperation {
    ScriptedOperation { action, timeout: Duration::ZERO, pause: Pause::Turns(0) }
}

fn script(senders: usize, receivers: usize, actions: &[Action]) -> Script {
    Script { senders, receivers, steps: actions.iter().copied().map(step).collect() }
}

fn ended(scenario: &Scenario, repetitions: usize) -> Vec<History> {
    match record(DynChannel::new::<MutexDeque>(), scenario, repetitions, DEADLINE) {
        Recorded::Ended(histories) => histories,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_answer_survives_its_encoding() {
    for number in [0, 1, 9, MAX_NUMBER] {
        for answer in [
            Answer::Done,
            Answer::Full,
            Answer::Empty,
            Answer::Timeout,
            Answer::Disconnected,
            Answer::Damaged,
            Answer::Received(number),
            Answer::Length(number),
        ] {
            assert_eq!(decode(encode(answer)), answer);
        }
    }
    // A count that went below zero.
    assert_eq!(decode(encode(Answer::Length(u64::MAX))), Answer::Length(MAX_NUMBER));
    assert_eq!(decode(encode(Answer::Received(u64::MAX))), Answer::Damaged);
}

/// One thread has one schedule.
#[test]
fn recorded_answers_are_those_of_the_channel() {
    let actions = [
        Action::TryRecv,
        Action::Len,
        Action::SendTimeout(1),
        Action::Len,
        Action::TrySend(2),
        Action::Len,
        Action::CloneReceiver,
        Action::DropReceiver,
        Action::RecvTimeout,
        Action::RecvTimeout,
        Action::TrySend(3),
        Action::DropReceiver,
        Action::Send(4),
        Action::DropSender,
    ];
    for long in [false, true] {
        let scenario =
            Scenario { capacity: Capacity::from_slots(1), long, scripts: vec![script(1, 1, &actions)] };
        for history in ended(&scenario, 3) {
            let answers: Vec<Answer> =
                history.operations.iter().filter_map(|operation| operation.answer).collect();
            assert_eq!(
                answers,
                [
                    Answer::Empty,
                    Answer::Length(0),
                    Answer::Done,
                    Answer::Length(1),
                    Answer::Full,
                    Answer::Length(1),
                    Answer::Done,
                    Answer::Done,
                    Answer::Received(1),
                    Answer::Timeout,
                    Answer::Done,
                    Answer::Done,
                    Answer::Disconnected,
                    Answer::Done,
                ]
            );
            let stamps =
                history.operations.iter().flat_map(|operation| [operation.invoked, operation.returned]);
            assert!(stamps.eq(1..=2 * actions.len() as u64));
            assert!(wgl::check(&history).is_legal());
        }
    }
}

#[test]
fn an_order_that_the_channel_enforces_is_recorded() {
    let sends = script(1, 0, &[Action::Send(1), Action::Send(2), Action::DropSender]);
    let receives = script(0, 1, &[Action::Recv, Action::Recv, Action::Recv, Action::DropReceiver]);
    let scenario =
        Scenario { capacity: Capacity::from_slots(1), long: false, scripts: vec![sends, receives] };
    for history in ended(&scenario, 50) {
        assert_eq!(history.well_formed(), Ok(()));
        let at = |thread: usize, index: usize| history.operations[history.by_thread()[thread][index]];
        assert_eq!(at(1, 2).answer, Some(Answer::Disconnected));
        // A message cannot have been received before its send began, and the disconnect not before the drop
        // did.
        assert!(!at(1, 0).before(&at(0, 0)) && !at(1, 1).before(&at(0, 1)) && !at(1, 2).before(&at(0, 2)));
        assert!(wgl::check(&history).is_legal(), "{history}");
    }
}

/// A recorder that ran one thread after the other would never find anything.
#[test]
fn operations_overlap() {
    let scripts = vec![
        script(1, 0, &[Action::TrySend(1), Action::TrySend(2), Action::TrySend(3), Action::DropSender]),
        script(0, 1, &[Action::TryRecv, Action::TryRecv, Action::TryRecv, Action::DropReceiver]),
    ];
    let scenario = Scenario { capacity: Capacity::from_slots(2), long: false, scripts };
    let overlapping = |history: &History| {
        let all = &history.operations;
        all.iter().any(|one| {
            all.iter().any(|other| one.thread < other.thread && !one.before(other) && !other.before(one))
        })
    };
    // On a busy machine a thread may end before the other one runs, so this repeats until they meet.
    let began = std::time::Instant::now();
    while !ended(&scenario, 50).iter().any(overlapping) {
        assert!(began.elapsed() < DEADLINE, "no two operations met");
    }
}

/// A receiver that keeps a sender waits for ever, which no random scenario does.
#[test]
fn a_hang_comes_with_its_pending_operations() {
    let scenario = Scenario {
        capacity: Capacity::from_slots(1),
        long: false,
        scripts: vec![
            script(1, 0, &[Action::Send(1), Action::DropSender]),
            script(1, 1, &[Action::Recv, Action::Recv]),
        ],
    };
    match record(DynChannel::new::<MutexDeque>(), &scenario, 3, Duration::from_millis(300)) {
        Recorded::Unfinished(history, ThreadGroupError::Hung { threads, .. }) => {
            let pending: Vec<Operation> =
                history.operations.iter().copied().filter(|operation| operation.answer.is_none()).collect();
            assert_eq!(pending.len(), 1, "{history}");
            assert_eq!((pending[0].thread, pending[0].action, pending[0].returned), (1, Action::Recv, NEVER));
            assert!(threads.contains(&"thread 1".to_owned()));
            // The history is legal: nothing obliges a channel to answer soon.
            assert!(wgl::check(&history).is_legal());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn random_scenarios_over_the_baseline_end_with_legal_histories() {
    let capacities =
        [Capacity::Rendezvous, Capacity::from_slots(1), Capacity::from_slots(2), Capacity::Unbounded];
    for seed in 0..300 {
        let scenario = Scenario::random(&MutexDeque::INFO, &capacities, &mut Dice::new(seed));
        for history in ended(&scenario, 4) {
            assert_eq!(history.well_formed(), Ok(()));
            assert!(wgl::check(&history).is_legal(), "{scenario}\n{history}");
        }
    }
}
