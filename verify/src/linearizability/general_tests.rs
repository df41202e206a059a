//! Histories with a known verdict, from the literature and by hand.

use super::*;

/// The verdict on these lines; `head` is the channel.
fn legal(head: &str, lines: &[&str]) -> bool {
    let text = format!("{head}\n{}", lines.join("\n"));
    let history: History = text.parse().expect("a history");
    let verdict = check(&history);
    assert_eq!(verdict.is_legal(), check(&history.renumbered()).is_legal(), "{text}");
    if let Verdict::Legal(order) = &verdict {
        assert_order(&history, order);
    }
    verdict.is_legal()
}

/// What was found as a legal order is one, by itself: everything that returned is in it, and it keeps what came before what.
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

/// M. Herlihy and J. Wing, "Linearizability: a correctness condition for concurrent objects" (1990), figure 1: two legal and
/// two illegal histories of a FIFO queue.
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

/// The bad patterns of Bouajjani, Emmi, Enea and Hamza (2015), each beside a legal neighbour.
#[test]
fn bad_patterns_of_a_queue() {
    // Received and never sent; sent by a send that is still pending.
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
    // Said to be empty while one message after the other is in it; with a gap between the two it may have been.
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
fn a_disconnect_is_told_when_the_last_handle_is_gone() {
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
    // A message that nobody took was not sent.
    assert!(!legal(zero, &["0 1..2 try_send 1 -> ok"]));
    assert!(legal(zero, &["0 1..2 try_send 1 -> full", "1 1..2 try_recv -> empty"]));
    // Neither waits in a try, so that two of them do not meet; a timeout of zero is a wait of no time.
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
    // Two exchanges, of which the first has to lie before the second.
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

/// A length is that of the queue at one moment, and what happens after it has to agree.
#[test]
fn a_length_is_that_of_one_moment() {
    let sent = ["0 1..2 send 1 -> ok", "0 3..4 send 2 -> ok"];
    for (length, verdict) in [(0, false), (1, false), (2, true), (3, false)] {
        let told = format!("1 5..6 len -> {length}");
        assert_eq!(legal(QUEUE, &[sent[0], sent[1], &told]), verdict, "{length}");
        // Beside the second send there are two moments.
        let told = format!("1 3..5 len -> {length}");
        assert_eq!(legal(QUEUE, &[sent[0], sent[1], &told]), (1..=2).contains(&length), "{length}");
    }
    // It is counted as long as it can be received, and not before.
    let pending = |lines: &[&str]| legal_with_pending(lines);
    assert!(pending(&["0 1.. send 1", "1 2..3 len -> 1", "1 4..5 try_recv -> 1"]));
    assert!(pending(&["0 1.. send 1", "1 2..3 len -> 0", "1 4..5 try_recv -> 1"]));
    assert!(!pending(&["0 1.. send 1", "1 2..3 len -> 1", "1 4..5 try_recv -> empty"]));
    assert!(pending(&["0 1..2 send 1 -> ok", "1 3.. recv", "2 4..5 try_recv -> empty", "2 6..7 len -> 0"]));
    assert!(!pending(&["0 1..2 send 1 -> ok", "1 3.. recv", "2 4..5 try_recv -> empty", "2 6..7 len -> 1"]));
    // Each of two lengths has its moment, but not in this order.
    let two = |first: u64, second: u64| {
        let lines = ["0 1.. send 1", &format!("1 2..3 len -> {first}"), &format!("1 4..5 len -> {second}")];
        legal_with_pending(&lines)
    };
    assert!(two(0, 0) && two(0, 1) && two(1, 1) && !two(1, 0));
    // Pending, it changes nothing.
    assert!(pending(&["0 1..2 send 1 -> ok", "1 3.. len", "2 4..5 recv -> 1"]));
    assert!(!legal(QUEUE, &["0 1..2 len -> damaged"]));
}

/// A sender that waits is not counted.
#[test]
fn a_length_is_never_above_the_capacity() {
    let one = "capacity 1, senders 2, receivers 2";
    let waits = ["0 1..2 send 1 -> ok", "0 3..8 send 2 -> ok"];
    for (length, verdict) in [(0, false), (1, true), (2, false)] {
        let told = format!("1 4..5 len -> {length}");
        assert_eq!(legal(one, &[waits[0], waits[1], &told, "1 6..7 recv -> 1"]), verdict, "{length}");
    }
    let zero = "capacity 0, senders 2, receivers 2";
    for (length, verdict) in [(0, true), (1, false)] {
        let told = format!("2 3..4 len -> {length}");
        assert_eq!(legal(zero, &["0 1..6 send 1 -> ok", "1 2..5 recv -> 1", &told]), verdict, "{length}");
    }
}

#[test]
fn what_cannot_be_next_is_named() {
    let text =
        format!("{QUEUE}\n0 1..2 send 1 -> ok\n0 3..4 send 2 -> ok\n1 5..6 recv -> 2\n1 7..8 recv -> 1");
    assert_eq!(check(&text.parse().expect("a history")), Verdict::Illegal(vec![2]));
}

/// Without the memory of configurations this takes 2^60 steps and more.
#[test]
fn many_overlapping_operations_end_soon() {
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

/// Deep histories are searched without recursion.
#[test]
fn a_long_history_is_checked() {
    let mut lines = Vec::new();
    for turn in 0..20_000 {
        lines.push(format!("0 {}..{} send {turn} -> ok", 4 * turn, 4 * turn + 2));
        lines.push(format!("1 {}..{} recv -> {turn}", 4 * turn + 1, 4 * turn + 3));
    }
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let history: History = format!("{QUEUE}\n{}", lines.join("\n")).parse().expect("a history");
    assert!(check(&history).is_legal());
}
