//! Histories with a known answer, from the literature and by hand.

use super::*;

/// Whether these lines are legal; `head` describes the channel.
fn legal(head: &str, lines: &[&str]) -> bool {
    let text = format!("{head}\n{}", lines.join("\n"));
    let history: History = text.parse().expect("a history");
    let verdict = check(&history);
    assert_eq!(verdict.is_legal(), check(&history.renumbered()).is_legal(), "{text}");
    if let Legality::Legal(order) = &verdict {
        assert_order(&history, order);
    }
    verdict.is_legal()
}

/// Checks a legal order independently: it contains every operation that returned and keeps operations that do
/// not overlap in order.
fn assert_order(history: &History, order: &[usize]) {
    for (at, &place) in order.iter().enumerate() {
        for &later in &order[at + 1..] {
            assert!(!history.operations[later].before(&history.operations[place]), "{history}{order:?}");
        }
    }
    for (place, operation) in history.operations.iter().enumerate() {
        assert_eq!(order.iter().filter(|&&done| done == place).count(), 1.min(order.len()), "{operation}");
    }
}

const QUEUE: &str = "capacity unbounded, senders 2, receivers 2";

/// M. Herlihy and J. Wing, "Linearizability: a correctness condition for concurrent objects" (1990), figure
/// 1: two legal and two illegal histories of a FIFO queue.
#[test]
fn figure_1_of_herlihy_and_wing() {
    // (a) x and y overlap, so that either may come first.
    assert!(legal(
        QUEUE,
        &[
            "0 1..4 send 1 -> ok",
            "1 2..7 send 2 -> ok",
            "1 8..12 recv -> 1",
            "0 6..9 recv -> 2",
            "0 13..15 send 3 -> ok"
        ],
    ));
    // (b) x was sent before y was, and y arrived first.
    assert!(!legal(QUEUE, &["0 1..2 send 1 -> ok", "1 3..5 send 2 -> ok", "0 4..6 recv -> 2"]));
    // (c) the receive overlaps the send.
    assert!(legal(QUEUE, &["0 1..3 send 1 -> ok", "1 2..4 recv -> 1"]));
    // (d) one message for two receives.
    assert!(!legal(
        QUEUE,
        &["0 1..3 send 1 -> ok", "1 2..5 send 2 -> ok", "0 4..6 recv -> 2", "1 7..8 recv -> 2"],
    ));
}

/// The bad patterns of Bouajjani, Emmi, Enea and Hamza (2015), each next to a similar legal history.
#[test]
fn bad_patterns_of_a_queue() {
    // Received but never sent; sent by a pending send.
    assert!(!legal(QUEUE, &["0 1..2 recv -> 1"]));
    assert!(legal_with_pending(&["0 1.. send 1", "1 2..3 recv -> 1"]));
    // Received before it was sent.
    assert!(!legal(QUEUE, &["1 1..2 recv -> 1", "0 3..4 send 1 -> ok"]));
    // The first of two was never received.
    assert!(!legal(QUEUE, &["0 1..2 send 1 -> ok", "0 3..4 send 2 -> ok", "1 5..6 recv -> 2"]));
    assert!(legal_with_pending(&[
        "0 1..2 send 1 -> ok",
        "0 3..4 send 2 -> ok",
        "1 5..6 recv -> 2",
        "2 4.. recv"
    ]));
    assert!(!legal_with_pending(&[
        "0 1..2 send 1 -> ok",
        "0 3..4 send 2 -> ok",
        "1 5..6 recv -> 2",
        "2 7.. recv"
    ]));
    // Said to be empty while one message after the other is in it; with a gap between the two it may have
    // been.
    let covered = |second: &'static str| {
        ["0 1..2 send 1 -> ok", second, "1 6..7 recv -> 1", "2 3..9 try_recv -> empty", "1 10..11 recv -> 2"]
    };
    assert!(!legal(QUEUE, &covered("0 4..5 send 2 -> ok")));
    assert!(legal(QUEUE, &covered("0 4..6 send 2 -> ok")));
}

/// As [`legal`], without the look at the order: pending operations may be missing in it.
fn legal_with_pending(lines: &[&str]) -> bool {
    legal_of(QUEUE, lines)
}

fn legal_of(head: &str, lines: &[&str]) -> bool {
    let history: History = format!("{head}\n{}", lines.join("\n")).parse().expect("a history");
    check(&history).is_legal()
}

#[test]
fn a_bounded_channel_is_full_when_it_is() {
    let one = "capacity 1, senders 2, receivers 2";
    assert!(legal(one, &["0 1..2 send 1 -> ok", "0 3..4 try_send 2 -> full", "1 5..6 recv -> 1"]));
    assert!(!legal(one, &["0 3..4 try_send 2 -> full"]));
    assert!(!legal(one, &["0 1..2 send 1 -> ok", "0 3..4 send 2 -> ok"]));
    // The second send waits until the receive.
    assert!(legal(one, &["0 1..2 send 1 -> ok", "0 3..6 send 2 -> ok", "1 4..5 recv -> 1"]));
    assert!(!legal(one, &["0 1..2 send 1 -> ok", "0 3..4 send 2 -> ok", "1 5..6 recv -> 1"]));
    for (end, verdict) in [("timeout", true), ("full", true), ("disconnected", false), ("damaged", false)] {
        let last = format!("0 3..4 send_timeout 2 -> {end}");
        assert_eq!(legal(one, &["0 1..2 send 1 -> ok", &last]), verdict, "{end}");
    }
}

#[test]
fn a_disconnect_needs_the_drop_of_the_last_handle() {
    let two = "capacity unbounded, senders 2, receivers 1";
    let head = ["0 1..2 send 1 -> ok", "0 3..4 drop_sender -> ok"];
    let with = |tail: &[&'static str]| legal(two, &[&head[..], tail].concat());
    assert!(with(&["1 5..6 drop_sender -> ok", "2 7..8 recv -> 1", "2 9..10 recv -> disconnected"]));
    // A message was left.
    assert!(!with(&["1 5..6 drop_sender -> ok", "2 9..10 recv -> disconnected"]));
    // A sender was left.
    assert!(!with(&["2 7..8 recv -> 1", "2 9..10 recv -> disconnected"]));
    // The drop overlaps.
    assert!(with(&["1 5..9 drop_sender -> ok", "2 7..8 recv -> 1", "2 9..10 try_recv -> disconnected"]));
    assert!(with(&["1 5..9 drop_sender -> ok", "2 7..8 recv -> 1", "2 9..10 try_recv -> empty"]));
    assert!(!with(&["1 5..8 drop_sender -> ok", "2 7..8 recv -> 1", "2 9..10 try_recv -> empty"]));
    // A clone keeps the channel open.
    assert!(!with(&[
        "1 5..6 clone_sender -> ok",
        "1 7..8 drop_sender -> ok",
        "2 9..10 recv -> 1",
        "2 11..12 recv_timeout -> disconnected",
    ]));
    assert!(with(&[
        "1 5..6 clone_sender -> ok",
        "1 7..8 drop_sender -> ok",
        "2 9..10 recv -> 1",
        "2 11..12 recv_timeout -> timeout",
    ]));
    // No receiver is left.
    assert!(with(&["2 5..6 drop_receiver -> ok", "1 7..8 send 2 -> disconnected"]));
    assert!(!with(&["2 5..6 drop_receiver -> ok", "1 7..8 send 2 -> ok"]));
    assert!(!with(&["1 5..6 send 2 -> disconnected", "2 7..8 drop_receiver -> ok"]));
    assert!(with(&["2 5..6 clone_receiver -> ok", "2 7..8 drop_receiver -> ok", "1 9..10 send 2 -> ok"]));
}

#[test]
fn a_rendezvous_is_an_exchange() {
    let zero = "capacity 0, senders 2, receivers 2";
    assert!(legal(zero, &["0 1..3 send 1 -> ok", "1 2..4 recv -> 1"]));
    // Two operations of the exchange that do not overlap: legal for a queue of one, not here.
    assert!(!legal(zero, &["0 1..2 send 1 -> ok", "1 3..4 recv -> 1"]));
    assert!(legal("capacity 1, senders 2, receivers 2", &["0 1..2 send 1 -> ok", "1 3..4 recv -> 1"]));
    // A message that was not received was not sent.
    assert!(!legal(zero, &["0 1..2 try_send 1 -> ok"]));
    assert!(legal(zero, &["0 1..2 try_send 1 -> full", "1 1..2 try_recv -> empty"]));
    // Two tries cannot meet, because neither waits; a timeout of zero is a wait of no time.
    let meet = |send: &str, receive: &str| {
        legal(zero, &[&format!("0 1..3 {send} 1 -> ok"), &format!("1 2..4 {receive} -> 1")])
    };
    assert!(!meet("try_send", "try_recv"));
    for (send, receive) in [("send", "try_recv"), ("send_timeout", "try_recv"), ("try_send", "recv")] {
        assert!(meet(send, receive), "{send}, {receive}");
    }
    assert!(meet("try_send", "recv_timeout") && meet("send", "recv"));
    assert!(!legal_of(zero, &["0 1.. try_send 1", "1 2..4 try_recv -> 1"]));
    assert!(legal_of(zero, &["0 1.. send 1", "1 2..4 try_recv -> 1"]));
    // Two exchanges, the first of which must be before the second.
    let crossed = ["0 1..4 send 1 -> ok", "0 5..8 send 2 -> ok", "1 3..6 recv -> 2", "2 2..7 recv -> 1"];
    assert!(legal(zero, &crossed));
    let one_after_the_other =
        ["0 1..4 send 1 -> ok", "0 5..8 send 2 -> ok", "1 3..6 recv -> 2", "1 7..8 recv -> 1"];
    assert!(!legal(zero, &one_after_the_other));
    assert!(!legal(
        zero,
        &["0 1..2 drop_receiver -> ok", "1 1..2 drop_receiver -> ok", "2 3..4 try_send 1 -> full"]
    ));
    assert!(legal(
        zero,
        &["0 1..2 drop_receiver -> ok", "1 1..2 drop_receiver -> ok", "2 3..4 try_send 1 -> disconnected"],
    ));
}

#[test]
fn a_length_is_that_of_the_queue_at_one_moment() {
    let sent = ["0 1..2 send 1 -> ok", "0 3..4 send 2 -> ok"];
    for (length, verdict) in [(0, false), (1, false), (2, true), (3, false)] {
        let length_line = format!("1 5..6 len -> {length}");
        assert_eq!(legal(QUEUE, &[sent[0], sent[1], &length_line]), verdict, "{length}");
        // While the second send is under way there are two moments.
        let length_line = format!("1 3..5 len -> {length}");
        assert_eq!(legal(QUEUE, &[sent[0], sent[1], &length_line]), (1..=2).contains(&length), "{length}");
    }
    // A message is counted while it can be received.
    let pending = |lines: &[&str]| legal_with_pending(lines);
    assert!(pending(&["0 1.. send 1", "1 2..3 len -> 1", "1 4..5 try_recv -> 1"]));
    assert!(pending(&["0 1.. send 1", "1 2..3 len -> 0", "1 4..5 try_recv -> 1"]));
    assert!(!pending(&["0 1.. send 1", "1 2..3 len -> 1", "1 4..5 try_recv -> empty"]));
    assert!(pending(&["0 1..2 send 1 -> ok", "1 3.. recv", "2 4..5 try_recv -> empty", "2 6..7 len -> 0"]));
    assert!(!pending(&["0 1..2 send 1 -> ok", "1 3.. recv", "2 4..5 try_recv -> empty", "2 6..7 len -> 1"]));
    // Each of the two lengths has its moment, but not in this order.
    let two = |first: u64, second: u64| {
        let lines = ["0 1.. send 1", &format!("1 2..3 len -> {first}"), &format!("1 4..5 len -> {second}")];
        legal_with_pending(&lines)
    };
    assert!(two(0, 0) && two(0, 1) && two(1, 1) && !two(1, 0));
    // A pending length changes nothing.
    assert!(pending(&["0 1..2 send 1 -> ok", "1 3.. len", "2 4..5 recv -> 1"]));
    assert!(!legal(QUEUE, &["0 1..2 len -> damaged"]));
}

/// The message of a waiting sender is not counted.
#[test]
fn a_length_is_never_above_the_capacity() {
    let one = "capacity 1, senders 2, receivers 2";
    let waits = ["0 1..2 send 1 -> ok", "0 3..8 send 2 -> ok"];
    for (length, verdict) in [(0, false), (1, true), (2, false)] {
        let length_line = format!("1 4..5 len -> {length}");
        assert_eq!(legal(one, &[waits[0], waits[1], &length_line, "1 6..7 recv -> 1"]), verdict, "{length}");
    }
    let zero = "capacity 0, senders 2, receivers 2";
    for (length, verdict) in [(0, true), (1, false)] {
        let length_line = format!("2 3..4 len -> {length}");
        assert_eq!(
            legal(zero, &["0 1..6 send 1 -> ok", "1 2..5 recv -> 1", &length_line]),
            verdict,
            "{length}"
        );
    }
}

#[test]
fn the_operations_that_cannot_come_next_are_named() {
    let text =
        format!("{QUEUE}\n0 1..2 send 1 -> ok\n0 3..4 send 2 -> ok\n1 5..6 recv -> 2\n1 7..8 recv -> 1");
    assert_eq!(check(&text.parse().expect("a history")), Legality::Illegal(vec![2]));
}

/// Without the memory of configurations this takes more than 2^60 steps.
#[test]
fn the_search_visits_no_configuration_twice() {
    let mut lines = Vec::new();
    for thread in 0..4 {
        for turn in 0..40 {
            lines.push(format!("{thread} {}..{} try_recv -> empty", 10 * turn + thread, 10 * turn + 8));
        }
    }
    lines.push("4 0..1000 recv -> 1".to_owned());
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert!(!legal(QUEUE, &lines));
}

/// The search does not recurse.
#[test]
fn a_long_history_does_not_overflow_the_stack() {
    let mut lines = Vec::new();
    for turn in 0..20_000 {
        lines.push(format!("0 {}..{} send {turn} -> ok", 4 * turn, 4 * turn + 2));
        lines.push(format!("1 {}..{} recv -> {turn}", 4 * turn + 1, 4 * turn + 3));
    }
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let history: History = format!("{QUEUE}\n{}", lines.join("\n")).parse().expect("a history");
    assert!(check(&history).is_legal());
}

/// Twelve sends that all overlap, and a receive of a message that was never sent: every order of some sends
/// is another configuration.
fn hard_history() -> History {
    let sends = (0..12).map(|thread| format!("{thread} {thread}..{} send {thread} -> ok", 100 + thread));
    let lines: Vec<String> = sends.chain(["12 200..201 recv -> 77".to_owned()]).collect();
    format!("{QUEUE}\n{}", lines.join("\n")).parse().expect("a history")
}

#[test]
fn a_search_that_exceeds_its_budget_does_not_know() {
    let history = hard_history();
    let unknown = check_within(&history, 10_000);
    assert_eq!(unknown, Legality::Unknown);
    assert!(!unknown.is_legal() && !unknown.is_illegal());
    assert_eq!(check(&history), Legality::Unknown, "the default budget is a limit too");
    // The same history with fewer sends is within the budget.
    let small = history.only(&[0, 1, 2, 3, 12]);
    assert!(check_within(&small, 10_000).is_illegal());
    assert_eq!(check_within(&small, 10), Legality::Unknown);
}

/// Shrinking never keeps a history because a search gave up.
#[test]
fn a_history_that_exceeds_the_budget_is_not_shrunk() {
    let history = hard_history().renumbered();
    assert_eq!(crate::linearizability::shrink::shrink(&history), history);
}
