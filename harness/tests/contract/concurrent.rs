//! Waiting, waking, hand-off and select. Nothing here depends on who comes first: a test that wants a waiting thread tries many
//! times, so that both orders come up.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use harness::channel::{
    Capacity, Channel, Receiver, RecvError, RecvTimeoutError, Selector, SendTimeoutError, Sender,
    TryRecvError, TrySendError,
};

use crate::{Check, Running, bounded, on_every_channel};

/// Enough for either thread to come first, many times.
const TRIES: usize = 100;

/// The capacities that a channel has among these.
fn capacities<C: Channel>() -> impl Iterator<Item = Capacity> {
    [0, 1, 3]
        .map(Capacity::of)
        .into_iter()
        .chain([Capacity::Unbounded])
        .filter(|capacity| C::open::<u32>(*capacity).is_ok())
}

#[test]
fn a_waiting_receiver_is_woken_by_a_send_and_by_the_disconnect() {
    struct It;
    impl Check for It {
        fn check<C: Channel>() {
            for capacity in capacities::<C>() {
                for _ in 0..TRIES {
                    let (sender, receiver) = C::open::<u32>(capacity).expect("one that it has");
                    let receiving = Running::start("a receiver is to be woken", move || {
                        (receiver.recv(), receiver.recv(), receiver.recv())
                    });
                    sender.send(1).expect("a receiver");
                    let another = sender.clone();
                    drop(sender);
                    another.send(2).expect("a receiver");
                    drop(another);
                    assert_eq!(receiving.result(), (Ok(1), Ok(2), Err(RecvError)), "{}", C::INFO.name);
                }
            }
        }
    }
    on_every_channel::<It>();
}

#[test]
fn a_waiting_sender_is_woken_by_a_receive_and_by_the_disconnect() {
    struct It;
    impl Check for It {
        fn check<C: Channel>() {
            for capacity in capacities::<C>().filter(|capacity| *capacity != Capacity::Unbounded) {
                for _ in 0..TRIES {
                    let slots = C::effective_capacity(capacity).slots().expect("a bound");
                    let (sender, receiver) = C::open::<usize>(capacity).expect("one that it has");
                    let sending = Running::start("a sender is to be woken", move || {
                        // One more than there is room for after one receive: the last of them ends with the disconnect.
                        (0..slots + 2).map(|number| sender.send(number).is_ok()).collect::<Vec<_>>()
                    });
                    assert_eq!(receiver.recv(), Ok(0), "{}", C::INFO.name);
                    drop(receiver);
                    let sent = sending.result();
                    assert!(sent[0] && !sent[slots + 1], "{} at {capacity}: {sent:?}", C::INFO.name);
                    assert!(
                        sent.is_sorted_by(|earlier, later| earlier >= later),
                        "{}: {sent:?}",
                        C::INFO.name
                    );
                }
            }
        }
    }
    on_every_channel::<It>();
}

#[test]
fn a_rendezvous_send_ends_after_its_receiver_has_come() {
    struct It;
    impl Check for It {
        fn check<C: Channel>() {
            if C::effective_capacity(Capacity::Rendezvous) != Capacity::Rendezvous {
                return;
            }
            for _ in 0..TRIES {
                let (sender, receiver) = C::open::<u32>(Capacity::Rendezvous).expect("a rendezvous");
                assert_eq!(sender.try_send(0), Err(TrySendError::Full(0)), "{}: nobody waits", C::INFO.name);
                assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty), "{}: nobody waits", C::INFO.name);
                let arriving = Arc::new(AtomicBool::new(false));
                let arrived = Arc::clone(&arriving);
                let sending = Running::start("a send is to end", move || {
                    sender.send(1).expect("a receiver");
                    // Acquire: pairs with the store before the receive.
                    arrived.load(Ordering::Acquire)
                });
                // Release: pairs with the load after the send.
                arriving.store(true, Ordering::Release);
                assert_eq!(receiver.recv(), Ok(1), "{}", C::INFO.name);
                assert!(sending.result(), "{}: a send ended before the receive began", C::INFO.name);
            }
        }
    }
    on_every_channel::<It>();
}

#[test]
fn timeouts_do_not_come_early_and_return_the_message() {
    struct It;
    impl Check for It {
        fn check<C: Channel>() {
            let timeout = Duration::from_millis(3);
            for capacity in capacities::<C>() {
                let (sender, receiver) = C::open::<u32>(capacity).expect("one that it has");
                let began = Instant::now();
                match receiver.recv_timeout(timeout) {
                    Err(RecvTimeoutError::Timeout) => {
                        assert!(began.elapsed() >= timeout, "{} at {capacity}", C::INFO.name);
                    }
                    Err(RecvTimeoutError::Unsupported(_)) => {}
                    other => panic!("{} at {capacity}: {other:?}", C::INFO.name),
                }
                if capacity == Capacity::Unbounded {
                    continue;
                }
                while sender.try_send(0).is_ok() {}
                let began = Instant::now();
                match sender.send_timeout(7, timeout) {
                    Err(SendTimeoutError::Timeout(7)) => {
                        assert!(began.elapsed() >= timeout, "{} at {capacity}", C::INFO.name);
                    }
                    Err(SendTimeoutError::Unsupported(7, _)) => {}
                    other => panic!("{} at {capacity}: {other:?}", C::INFO.name),
                }
            }
        }
    }
    on_every_channel::<It>();
}

#[test]
fn a_timed_wait_ends_when_the_other_side_comes() {
    struct It;
    impl Check for It {
        fn check<C: Channel>() {
            let long = Duration::from_secs(3600);
            for capacity in capacities::<C>() {
                for _ in 0..TRIES {
                    let (sender, receiver) = C::open::<u32>(capacity).expect("one that it has");
                    let receiving = Running::start("a timed receive is to end", move || {
                        (receiver.recv_timeout(long), receiver.recv_timeout(long))
                    });
                    match sender.send_timeout(1, long) {
                        Ok(()) => {}
                        Err(SendTimeoutError::Unsupported(message, _)) => {
                            sender.send(message).expect("a receiver")
                        }
                        other => panic!("{} at {capacity}: {other:?}", C::INFO.name),
                    }
                    drop(sender);
                    let received = receiving.result();
                    assert_eq!(received, (Ok(1), Err(RecvTimeoutError::Disconnected)), "{}", C::INFO.name);
                }
            }
        }
    }
    on_every_channel::<It>();
}

#[test]
fn each_message_goes_to_one_of_several_consumers() {
    struct It;
    impl Check for It {
        fn check<C: Channel>() {
            let (sender, receiver) = bounded::<C, u32>(2);
            let Ok(another) = receiver.try_clone() else { return };
            let consumers = [receiver, another].map(|receiver| {
                Running::start("a consumer is to end", move || {
                    std::iter::from_fn(|| receiver.recv().ok()).collect::<Vec<u32>>()
                })
            });
            (0..2_000).for_each(|number| sender.send(number).expect("a receiver"));
            drop(sender);
            let received = consumers.map(Running::result);
            for received in &received {
                assert!(received.is_sorted(), "{}: out of order", C::INFO.name);
            }
            let received = received.concat();
            assert_eq!(received.len(), 2_000, "{}", C::INFO.name);
            assert!(
                received.into_iter().collect::<BTreeSet<_>>().into_iter().eq(0..2_000),
                "{}",
                C::INFO.name
            );
        }
    }
    on_every_channel::<It>();
}

#[test]
fn select_merges_all_receivers_and_ends_when_all_are_disconnected() {
    struct It;
    impl Check for It {
        fn check<C: Channel>() {
            for capacity in capacities::<C>() {
                let (senders, receivers): (Vec<_>, Vec<_>) =
                    (0..3).map(|_| C::open::<(u32, u32)>(capacity).expect("one that it has")).unzip();
                let Ok(mut selector) = C::selector(&receivers) else { return };
                let sending: Vec<_> = (0..)
                    .zip(senders)
                    .map(|(input, sender)| {
                        Running::start("a producer is to end", move || {
                            // Of different lengths, so that some are disconnected while others still send.
                            (0..100 * (input + 1))
                                .for_each(|seq| sender.send((input, seq)).expect("a receiver"));
                        })
                    })
                    .collect();
                let mut next = [0; 3];
                while let Ok((input, seq)) = selector.recv() {
                    assert_eq!(next[input as usize], seq, "{} at {capacity}: input {input}", C::INFO.name);
                    next[input as usize] += 1;
                }
                assert_eq!(next, [100, 200, 300], "{} at {capacity}", C::INFO.name);
                sending.into_iter().for_each(Running::result);
            }
        }
    }
    on_every_channel::<It>();
}
