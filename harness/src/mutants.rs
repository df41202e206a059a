//! Mutants: the mistakes that can be planted in the code that is verified, to test what verifies it.
//!
//! A check that has never failed may be one that cannot. So the baseline and the workloads hold, at the places where people
//! make mistakes, a switch that makes the mistake. Without the feature `mutants` the switch is a constant `false`, and nothing of
//! it is compiled. With it, the environment variable `CHANLAB_MUTANT` names the mutant of a process; no name, no mistake.
//!
//! `scripts/mutants` runs every method over every mutant and writes `docs/mutants.md`.

#[cfg(feature = "mutants")]
use std::sync::OnceLock;

/// The environment variable that names the mutant of a process.
pub const VARIABLE: &str = "CHANLAB_MUTANT";

/// Where a mistake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The buffered flavour of the baseline, `queue.rs`.
    Queue,
    /// The rendezvous flavour of the baseline, `hand_off.rs`.
    HandOff,
    /// The workload `worker_pool`.
    WorkerPool,
    /// The workload `token_bucket`.
    TokenBucket,
    /// The workload `fan_in`, whose forwarder `pipeline` uses as well.
    FanIn,
}

impl Place {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Place::Queue => "queue",
            Place::HandOff => "hand_off",
            Place::WorkerPool => "worker_pool",
            Place::TokenBucket => "token_bucket",
            Place::FanIn => "fan_in",
        }
    }
}

/// What kind of mistake it is, which decides who has to catch it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It shows only when threads meet in a certain way: loom or shuttle must catch it.
    Concurrency,
    /// One thread is enough.
    Sequential,
}

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// A send wakes no receiver that waits.
    SendWakesNobody,
    /// A receive wakes no sender that waits.
    ReceiveWakesNobody,
    /// A send wakes a receiver only when the queue was empty, so that of two that wait one sleeps on.
    WakesOnlyWhenEmpty,
    /// The lock is let go and the receiver woken before the message is in the queue.
    NotifiesBeforeItPushes,
    /// `if` where `while` belongs: a woken receiver does not look again and takes an empty queue for the end.
    ReceiveWaitsOnce,
    /// `if` where `while` belongs: a woken sender does not look again whether there is room.
    SendWaitsOnce,
    /// The lock is let go between the look for room and the push.
    LooksForRoomUnlocked,
    /// `notify_one` for `notify_all` when the last sender goes.
    LastSenderWakesOne,
    /// `notify_one` for `notify_all` when the last receiver goes.
    LastReceiverWakesOne,
    /// The last sender lets the lock go and notifies, and is counted off after that.
    LastSenderNotifiesFirst,
    /// A sender looks for receivers once, and not again after it has waited.
    WaitingSenderMissesTheEnd,
    /// A receiver that times out while a message arrives takes it, and gives up all the same.
    TimeoutDropsTheMessage,
    /// A sender that goes is counted off twice.
    SenderCountedOffTwice,
    /// A receive looks for the disconnect first, and loses what is queued.
    EndBeforeTheRest,
    /// `<=` for `<`: one message more than the capacity.
    OneTooMany,
    /// Where the ring wraps around, the newest message is taken and not the oldest.
    NewestAtWrapAround,
    /// What is queued when the last receiver goes is never dropped.
    LastReceiverLeaks,
    /// What is queued when the last receiver goes is dropped twice.
    LastReceiverDropsTwice,
    /// A receiver that gives up stays in the list of those that wait, and a send hands its message to it.
    TimedOutReceiverStays,
    /// A woken receiver looks at its deadline before it looks for a message that was handed to it.
    ClockBeforeHandOff,
    /// A woken receiver looks for the disconnect before it looks for a message that was handed to it.
    EndBeforeHandOff,
    /// `notify_one` for `notify_all` at a hand-off: it may wake a receiver that the message is not for.
    HandOffWakesOne,
    /// `notify_one` for `notify_all` when an offer is taken: it may wake another sender.
    TakenWakesOne,
    /// A woken receiver takes whatever was handed over, not what was handed to it.
    AnyReceiverTakes,
    /// `notify_one` for `notify_all` when the last receiver of a rendezvous goes.
    LastReceiverOfHandOffWakesOne,
    /// A rendezvous send leaves its message and does not wait for a receiver.
    SendDoesNotMeet,
    /// A worker that sees quit forgets the job that it has just taken.
    QuitForgetsTheJob,
    /// The flag of quit is read and written with `Relaxed`: what was done before it is not seen.
    QuitIsRelaxed,
    /// A job that panics takes its worker along.
    PanicKillsTheWorker,
    /// A tick that found the bucket full is made up for at the next: more tokens than the rate.
    RefillsTwice,
    /// A tick waits for room in a full bucket.
    RefillWaits,
    /// The ticker takes a bucket that nobody holds for a full one, and ticks for ever.
    TickerMissesTheEnd,
    /// A forwarder does not wait for room in the merged channel, and drops the message.
    ForwarderDropsWhenFull,
}

impl Mutant {
    /// Every mutant, in the order in which tables show them.
    pub const ALL: [Mutant; 33] = [
        Mutant::SendWakesNobody,
        Mutant::ReceiveWakesNobody,
        Mutant::WakesOnlyWhenEmpty,
        Mutant::NotifiesBeforeItPushes,
        Mutant::ReceiveWaitsOnce,
        Mutant::SendWaitsOnce,
        Mutant::LooksForRoomUnlocked,
        Mutant::LastSenderWakesOne,
        Mutant::LastReceiverWakesOne,
        Mutant::LastSenderNotifiesFirst,
        Mutant::WaitingSenderMissesTheEnd,
        Mutant::TimeoutDropsTheMessage,
        Mutant::SenderCountedOffTwice,
        Mutant::EndBeforeTheRest,
        Mutant::OneTooMany,
        Mutant::NewestAtWrapAround,
        Mutant::LastReceiverLeaks,
        Mutant::LastReceiverDropsTwice,
        Mutant::TimedOutReceiverStays,
        Mutant::ClockBeforeHandOff,
        Mutant::EndBeforeHandOff,
        Mutant::HandOffWakesOne,
        Mutant::TakenWakesOne,
        Mutant::AnyReceiverTakes,
        Mutant::LastReceiverOfHandOffWakesOne,
        Mutant::SendDoesNotMeet,
        Mutant::QuitForgetsTheJob,
        Mutant::QuitIsRelaxed,
        Mutant::PanicKillsTheWorker,
        Mutant::RefillsTwice,
        Mutant::RefillWaits,
        Mutant::TickerMissesTheEnd,
        Mutant::ForwarderDropsWhenFull,
    ];

    /// Its name, where it is, what kind it is, and what is wrong.
    const fn facts(self) -> (&'static str, Place, Kind, &'static str) {
        use Kind::{Concurrency, Sequential};
        use Place::{FanIn, HandOff, Queue, TokenBucket, WorkerPool};
        match self {
            Mutant::SendWakesNobody => {
                ("send-wakes-nobody", Queue, Concurrency, "a send wakes no receiver that waits")
            }
            Mutant::ReceiveWakesNobody => {
                ("receive-wakes-nobody", Queue, Concurrency, "a receive wakes no sender that waits")
            }
            Mutant::WakesOnlyWhenEmpty => (
                "wakes-only-when-empty",
                Queue,
                Concurrency,
                "a send wakes a receiver only when the queue was empty, so that of two that wait one sleeps on",
            ),
            Mutant::NotifiesBeforeItPushes => (
                "notifies-before-it-pushes",
                Queue,
                Concurrency,
                "the lock is let go and the receiver woken before the message is in the queue",
            ),
            Mutant::ReceiveWaitsOnce => (
                "receive-waits-once",
                Queue,
                Concurrency,
                "`if` where `while` belongs: a woken receiver does not look again and takes an empty queue for the end",
            ),
            Mutant::SendWaitsOnce => (
                "send-waits-once",
                Queue,
                Concurrency,
                "`if` where `while` belongs: a woken sender does not look again whether there is room",
            ),
            Mutant::LooksForRoomUnlocked => (
                "looks-for-room-unlocked",
                Queue,
                Concurrency,
                "the lock is let go between the look for room and the push",
            ),
            Mutant::LastSenderWakesOne => (
                "last-sender-wakes-one",
                Queue,
                Concurrency,
                "`notify_one` for `notify_all` when the last sender goes",
            ),
            Mutant::LastReceiverWakesOne => (
                "last-receiver-wakes-one",
                Queue,
                Concurrency,
                "`notify_one` for `notify_all` when the last receiver goes",
            ),
            Mutant::LastSenderNotifiesFirst => (
                "last-sender-notifies-first",
                Queue,
                Concurrency,
                "the last sender lets the lock go and notifies, and is counted off after that",
            ),
            Mutant::WaitingSenderMissesTheEnd => (
                "waiting-sender-misses-the-end",
                Queue,
                Concurrency,
                "a sender looks for receivers once, and not again after it has waited",
            ),
            Mutant::TimeoutDropsTheMessage => (
                "timeout-drops-the-message",
                Queue,
                Concurrency,
                "a receiver that times out while a message arrives takes it, and gives up all the same",
            ),
            Mutant::SenderCountedOffTwice => {
                ("sender-counted-off-twice", Queue, Sequential, "a sender that goes is counted off twice")
            }
            Mutant::EndBeforeTheRest => (
                "end-before-the-rest",
                Queue,
                Sequential,
                "a receive looks for the disconnect first, and loses what is queued",
            ),
            Mutant::OneTooMany => {
                ("one-too-many", Queue, Sequential, "`<=` for `<`: one message more than the capacity")
            }
            Mutant::NewestAtWrapAround => (
                "newest-at-wrap-around",
                Queue,
                Sequential,
                "where the ring wraps around, the newest message is taken and not the oldest",
            ),
            Mutant::LastReceiverLeaks => (
                "last-receiver-leaks",
                Queue,
                Sequential,
                "what is queued when the last receiver goes is never dropped",
            ),
            Mutant::LastReceiverDropsTwice => (
                "last-receiver-drops-twice",
                Queue,
                Sequential,
                "what is queued when the last receiver goes is dropped twice",
            ),
            Mutant::TimedOutReceiverStays => (
                "timed-out-receiver-stays",
                HandOff,
                Concurrency,
                "a receiver that gives up stays in the list of those that wait, and a send hands its message to it",
            ),
            Mutant::ClockBeforeHandOff => (
                "clock-before-hand-off",
                HandOff,
                Concurrency,
                "a woken receiver looks at its deadline before it looks for a message that was handed to it",
            ),
            Mutant::EndBeforeHandOff => (
                "end-before-hand-off",
                HandOff,
                Concurrency,
                "a woken receiver looks for the disconnect before it looks for a message that was handed to it",
            ),
            Mutant::HandOffWakesOne => (
                "hand-off-wakes-one",
                HandOff,
                Concurrency,
                "`notify_one` for `notify_all` at a hand-off: it may wake a receiver that the message is not for",
            ),
            Mutant::TakenWakesOne => (
                "taken-wakes-one",
                HandOff,
                Concurrency,
                "`notify_one` for `notify_all` when an offer is taken: it may wake another sender",
            ),
            Mutant::AnyReceiverTakes => (
                "any-receiver-takes",
                HandOff,
                Concurrency,
                "a woken receiver takes whatever was handed over, not what was handed to it",
            ),
            Mutant::LastReceiverOfHandOffWakesOne => (
                "last-receiver-of-hand-off-wakes-one",
                HandOff,
                Concurrency,
                "`notify_one` for `notify_all` when the last receiver of a rendezvous goes",
            ),
            Mutant::SendDoesNotMeet => (
                "send-does-not-meet",
                HandOff,
                Sequential,
                "a rendezvous send leaves its message and does not wait for a receiver",
            ),
            Mutant::QuitForgetsTheJob => (
                "quit-forgets-the-job",
                WorkerPool,
                Concurrency,
                "a worker that sees quit forgets the job that it has just taken",
            ),
            Mutant::QuitIsRelaxed => (
                "quit-is-relaxed",
                WorkerPool,
                Concurrency,
                "the flag of quit is read and written with `Relaxed`: what was done before it is not seen",
            ),
            Mutant::PanicKillsTheWorker => {
                ("panic-kills-the-worker", WorkerPool, Sequential, "a job that panics takes its worker along")
            }
            Mutant::RefillsTwice => (
                "refills-twice",
                TokenBucket,
                Concurrency,
                "a tick that found the bucket full is made up for at the next: more tokens than the rate",
            ),
            Mutant::RefillWaits => {
                ("refill-waits", TokenBucket, Concurrency, "a tick waits for room in a full bucket")
            }
            Mutant::TickerMissesTheEnd => (
                "ticker-misses-the-end",
                TokenBucket,
                Concurrency,
                "the ticker takes a bucket that nobody holds for a full one, and ticks for ever",
            ),
            Mutant::ForwarderDropsWhenFull => (
                "forwarder-drops-when-full",
                FanIn,
                Concurrency,
                "a forwarder does not wait for room in the merged channel, and drops the message",
            ),
        }
    }

    /// Its name in the environment and in tables.
    pub const fn name(self) -> &'static str {
        self.facts().0
    }

    /// Where the mistake is.
    pub const fn place(self) -> Place {
        self.facts().1
    }

    /// What kind of mistake it is.
    pub const fn kind(self) -> Kind {
        self.facts().2
    }

    /// What is wrong.
    pub const fn about(self) -> &'static str {
        self.facts().3
    }

    /// The mutant of this name.
    pub fn of_name(name: &str) -> Option<Mutant> {
        Mutant::ALL.into_iter().find(|mutant| mutant.name() == name)
    }
}

/// Whether this process makes the mistake.
///
/// # Panics
///
/// When the environment names a mutant that does not exist.
#[cfg(feature = "mutants")]
pub fn active(mutant: Mutant) -> bool {
    static ACTIVE: OnceLock<Option<Mutant>> = OnceLock::new();
    let active = ACTIVE.get_or_init(|| {
        let name = std::env::var(VARIABLE).ok()?;
        Some(
            Mutant::of_name(&name)
                .unwrap_or_else(|| panic!("{VARIABLE} is `{name}`, and no mutant is called so")),
        )
    });
    *active == Some(mutant)
}

/// Whether this process makes the mistake: in this build, never.
#[cfg(not(feature = "mutants"))]
#[inline(always)]
pub const fn active(_: Mutant) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known when it is compiled, so that nothing of a mutant is.
    #[cfg(not(feature = "mutants"))]
    const _: () = assert!(!active(Mutant::SendWakesNobody));

    #[test]
    fn every_mutant_has_a_name_of_its_own() {
        for mutant in Mutant::ALL {
            assert_eq!(Mutant::of_name(mutant.name()), Some(mutant));
        }
        assert_eq!(Mutant::of_name("none"), None);
    }
}
