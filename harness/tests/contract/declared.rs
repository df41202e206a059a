//! Capabilities and capacities are the declared ones.

use std::time::Duration;

use harness::channel::{
    Capability, Capacity, Channel, Receiver, RecvTimeoutError, SendTimeoutError, Sender, TrySendError,
};

use crate::{Check, bounded, on_every_channel};

/// Whether a channel really does it.
fn has<C: Channel>(capability: Capability) -> bool {
    let (sender, receiver) = bounded::<C, u32>(4);
    match capability {
        Capability::MultiConsumer => receiver.try_clone().is_ok(),
        Capability::Rendezvous => {
            C::open::<u32>(Capacity::Rendezvous).is_ok()
                && C::effective_capacity(Capacity::Rendezvous) == Capacity::Rendezvous
        }
        Capability::Unbounded => C::open::<u32>(Capacity::Unbounded).is_ok(),
        Capability::SendTimeout => {
            !matches!(sender.send_timeout(1, Duration::ZERO), Err(SendTimeoutError::Unsupported(1, _)))
        }
        Capability::RecvTimeout => {
            !matches!(receiver.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Unsupported(_)))
        }
        Capability::Len => receiver.len().is_ok(),
        Capability::Select => C::selector(std::slice::from_ref(&receiver)).is_ok(),
        Capability::MessageReturned => {
            drop(receiver);
            sender.send(1).expect_err("no receiver").message == Some(1)
        }
    }
}

#[test]
fn a_channel_lacks_what_it_declares_to_lack_and_nothing_else() {
    struct It;
    impl Check for It {
        fn check<C: Channel>() {
            for capability in Capability::ALL {
                let declared = C::INFO.require(capability).is_ok();
                assert_eq!(has::<C>(capability), declared, "{}: {capability}", C::INFO.name);
            }
        }
    }
    on_every_channel::<It>();
}

#[test]
fn a_channel_holds_its_effective_capacity_and_no_more() {
    struct It;
    impl Check for It {
        fn check<C: Channel>() {
            for slots in [0, 1, 2, 3, 7, 64, 1000, 1024] {
                let Ok((sender, _receiver)) = C::open::<usize>(Capacity::of(slots)) else { continue };
                let effective = C::effective_capacity(Capacity::of(slots)).slots().expect("a bound");
                for number in 0..effective {
                    assert_eq!(sender.try_send(number), Ok(()), "{}: {number} of {slots}", C::INFO.name);
                }
                assert_eq!(
                    sender.try_send(effective),
                    Err(TrySendError::Full(effective)),
                    "{}: capacity {slots} is to hold {effective}",
                    C::INFO.name
                );
            }
        }
    }
    on_every_channel::<It>();
}

#[test]
fn an_unbounded_channel_is_never_full() {
    struct It;
    impl Check for It {
        fn check<C: Channel>() {
            let Ok((sender, receiver)) = C::open::<u32>(Capacity::Unbounded) else { return };
            for number in 0..100_000 {
                assert_eq!(sender.try_send(number), Ok(()), "{}", C::INFO.name);
            }
            drop(sender);
            let received: Vec<u32> = std::iter::from_fn(|| receiver.recv().ok()).collect();
            assert!(received.into_iter().eq(0..100_000), "{}", C::INFO.name);
        }
    }
    on_every_channel::<It>();
}
