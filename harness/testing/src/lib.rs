//! MutantChannel channels: each has one mistake, and the checks must catch it. They test the checks.
//!
//! [`each`] lists them. The table below is their only list: it names each mutant, says what is wrong with it,
//! and which methods must catch it. Two frames carry the mistakes:
//!
//! - [`Wrapped`]: the baseline with a mistake at its handles. The first group makes its mistake once in the
//!   life of a channel, with the eleventh message; the rounds of every workload must catch these.
//! - [`Plain`]: a simple, separate channel with a mistake inside.
//!
//! Each frame also has a control without a mistake. Mutants are built only with the feature `planted`, which
//! tests enable, and are in no registry.

pub mod moments;
mod plain;
pub mod runs;
pub mod strategies;
mod wrapped;

use std::any::type_name;
use std::mem;

use contract::channel::Channel;
use records::verify::Method;

pub use self::plain::{Plain, PlainReceiver, PlainSelector, PlainSender};
pub use self::wrapped::{Wrapped, WrappedReceiver, WrappedSender};

/// A mutant and what must catch it.
#[derive(Debug)]
pub struct MutantChannel {
    /// The name of the channel.
    pub name: &'static str,
    /// The mistake, in words.
    pub wrong: &'static str,
    /// The methods that must catch it, each with what its finding must say. For conformance this is the
    /// beginning of the scenario's name, or of several separated by `|`; for the others it is a part of what
    /// happened.
    pub caught_by: &'static [(Method, &'static str)],
    /// The methods that must pass it, because they do not see this mistake or because there is none.
    pub missed_by: &'static [Method],
}

impl MutantChannel {
    /// The words that the finding of this method must contain; `None` if the method need not catch the
    /// mutant.
    pub fn caught_by(&self, method: Method) -> Option<&'static str> {
        self.caught_by.iter().find(|(own, _)| *own == method).map(|(_, words)| *words)
    }
}

/// Marks the type of a frame with its mistake.
pub trait Mutation: Send + Sync + 'static {
    /// The mistake.
    const MISTAKE: Mistake;
    /// Its entry in the table.
    const MUTANT: &'static MutantChannel;
}

/// Visits the mutants as types.
pub trait MutantVisitor {
    /// Visits one mutant, the channel `C`.
    fn visit<C: Channel>(&mut self, mutant: &'static MutantChannel);
}

macro_rules! mutants {
    ($(
        $(#[$doc:meta])*
        fn $group:ident: $frame:ident;
        $(
            $mutation:ident = $name:literal: $wrong:literal,
            caught by [$($method:ident $words:literal),*],
            missed by [$($missed:ident),*];
        )*
    )*) => {
        /// The mistake of a mutant.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Mistake {$($(
            #[doc = $wrong]
            $mutation,
        )*)*}

        $($(
            #[doc = $wrong]
            #[derive(Debug)]
            pub enum $mutation {}

            impl Mutation for $mutation {
                const MISTAKE: Mistake = Mistake::$mutation;
                const MUTANT: &'static MutantChannel = &MutantChannel {
                    name: $name,
                    wrong: $wrong,
                    caught_by: &[$((Method::$method, $words)),*],
                    missed_by: &[$(Method::$missed),*],
                };
            }
        )*)*

        $(
            $(#[$doc])*
            pub fn $group(visitor: &mut impl MutantVisitor) {
                $(visitor.visit::<$frame<$mutation>>($mutation::MUTANT);)*
            }
        )*

        /// Visits every mutant, controls included.
        pub fn each(visitor: &mut impl MutantVisitor) {
            $($group(visitor);)*
        }
    };
}

mutants! {
    /// Visits the mutants that make their mistake once, with the eleventh message.
    fn each_single_mistake: Wrapped;
    DropsOne = "mutant-drops-one": "drops a message instead of delivering it",
        caught by [Rounds "", Conformance "", Properties "", Linearizability "never arrived"], missed by [];
    LeaksOne = "mutant-leaks-one": "leaks a message instead of delivering it",
        caught by [Rounds "", Conformance "", Properties ""], missed by [];
    DeliversTwice = "mutant-delivers-twice": "delivers a message twice",
        caught by [Rounds "", Conformance "", Properties "", Linearizability "received twice"], missed by [];
    Reorders = "mutant-reorders": "delivers a message after the next one",
        caught by [Rounds "", Conformance "", Properties "", Linearizability "received after it"], missed by [];
    Hangs = "mutant-hangs": "hangs in a receive",
        caught by [Rounds "", Conformance "", Properties "", Linearizability "hung"], missed by [];
    DisconnectsEarly = "mutant-disconnects-early": "reports a disconnect to one receive while senders exist",
        caught by [Rounds "", Conformance "", Properties "", Linearizability "disconnect"], missed by [];
    LeaksTheRest = "mutant-leaks-the-rest": "leaks what is queued when the last receiver is dropped",
        caught by [Rounds "", Conformance "", Properties ""], missed by [];

    /// Visits the mutants of the baseline that make their mistake at every occasion, and their control.
    fn each_wrapped: Wrapped;
    SoundWrapper = "mutant-sound-wrapper": "nothing: the control of the wrapper",
        caught by [], missed by [Linearizability];
    Roomier = "mutant-roomier": "has one slot too many",
        caught by [Linearizability ""], missed by [];
    Narrower = "mutant-narrower": "has one slot too few, if it has several",
        caught by [Linearizability ""], missed by [];
    BuffersARendezvous = "mutant-buffers-a-rendezvous": "has one slot instead of a rendezvous",
        caught by [Linearizability ""], missed by [];
    FalselyFull = "mutant-falsely-full": "reports full at every fourth try",
        caught by [Linearizability ""], missed by [];
    FalselyEmpty = "mutant-falsely-empty": "reports empty at every fourth try",
        caught by [Linearizability ""], missed by [];
    AcceptsAfterDisconnect = "mutant-accepts-after-disconnect": "a blocking send without receivers succeeds",
        caught by [Linearizability ""], missed by [];
    KeepsTheMessage = "mutant-keeps-the-message": "a failed blocking send does not return the message",
        caught by [Linearizability "damaged"], missed by [];
    TakesAfterTimeout = "mutant-takes-after-timeout": "a receive that has timed out takes a message and drops it",
        caught by [Linearizability ""], missed by [];
    AnyDropDisconnects = "mutant-any-drop-disconnects": "the first drop of a sender disconnects an empty channel",
        caught by [Linearizability ""], missed by [];
    TrySendLingers = "mutant-try-send-lingers": "try_send waits a little for a receiver",
        caught by [Linearizability "capacity 0"], missed by [];
    SleepsAtDisconnect = "mutant-sleeps-at-disconnect": "a receive that should report the disconnect waits for ever",
        caught by [Linearizability "hung"], missed by [];
    FetchesTwo = "mutant-fetches-two":
        "a receive of an unbounded channel fetches two messages and puts the second one back too late",
        caught by [Linearizability ""], missed by [];

    /// Visits the plain channels with a mistake, and their control.
    fn each_plain: Plain;
    SoundPlain = "mutant-sound-plain": "nothing: the control of the plain channel",
        caught by [], missed by [Conformance, Properties, Linearizability];
    ForgetsTheQueue = "mutant-forgets-the-queue": "loses what is queued when the last sender is dropped",
        caught by [Conformance "is_never_full_when_unbounded", Properties ""], missed by [];
    FirstDropDisconnects = "mutant-first-drop-disconnects": "the first drop of a sender disconnects",
        caught by [Conformance "passes_messages_without_size_between_threads", Properties ""], missed by [];
    MiscountsClones = "mutant-miscounts-clones": "does not count the clone of a clone",
        caught by [Conformance "is_open_until_the_last_sender_goes", Properties ""], missed by [];
    EarlyTimeout = "mutant-early-timeout": "timeouts take half their time",
        caught by [Conformance "is_never_early_with_a_receive_timeout"], missed by [];
    TimesOutAtOnce = "mutant-times-out-at-once": "a timeout of zero expires before the channel is tried",
        caught by [Conformance "takes_a_timeout_of_nothing_when_it_need_not_wait_to_send", Properties ""], missed by [];
    SwallowsTheMessage = "mutant-swallows-the-message": "a failed send does not return the message, which is not declared",
        caught by [Conformance "lacks_what_it_declares_and_nothing_else", Properties ""], missed by [];
    LeaksAtTheEnd = "mutant-leaks-at-the-end": "leaks what is queued when the last receiver is dropped",
        caught by [Conformance "drops_the_queue_with_the_last_receiver", Properties ""], missed by [];
    KeepsTheQueue = "mutant-keeps-the-queue":
        "keeps what is queued when the last receiver is dropped, which is not declared",
        caught by [Conformance "drops_the_queue_with_the_last_receiver", Properties ""], missed by [];
    DropsUnderTheLock = "mutant-drops-under-the-lock":
        "drops what is queued when the last receiver is dropped while it holds its lock",
        caught by [Conformance "may_discard_a_message_that_holds_a_sender"], missed by [];
    DropsTwice = "mutant-drops-twice": "drops a queued message twice when the last receiver is dropped",
        caught by [Conformance "drops_the_queue_with_the_last_receiver", Properties ""], missed by [];
    DropsATimedSend = "mutant-drops-a-timed-send": "a timed send that had to wait drops its message as well",
        caught by [Conformance "drops_once_what_a_timed_send_waited_with"], missed by [];
    LifoAtWrapAround = "mutant-lifo-at-wrap-around": "every fourth receive takes the newest message",
        caught by [Conformance "holds_its_effective_capacity_and_no_more", Properties ""], missed by [];
    WakesOne = "mutant-wakes-one": "a disconnect wakes one waiting thread instead of all",
        caught by [Conformance "drops_each_message_once_when|wakes_every_waiting_receiver_at"], missed by [];
    WakesOnlyTheFirst = "mutant-wakes-only-the-first": "a send wakes a receiver only when the queue was empty",
        caught by [Conformance "gives_each_waiting_receiver_a_message"], missed by [];
    TryWaits = "mutant-try-waits": "try_send waits while the channel is full",
        caught by [Conformance "holds_its_effective_capacity_and_no_more", Properties ""], missed by [];
    SpuriouslyFull = "mutant-spuriously-full": "every seventh try_send reports full",
        caught by [Conformance "holds_its_effective_capacity_and_no_more", Properties ""], missed by [];
    SpuriouslyEmpty = "mutant-spuriously-empty": "every seventh try_recv reports empty",
        caught by [Conformance "holds_its_effective_capacity_and_no_more", Properties ""], missed by [];
    MiscountsWhenFull = "mutant-miscounts-when-full": "len is one too many when the channel is full",
        caught by [Conformance "counts_what_is_queued", Properties "", Linearizability ""], missed by [];
    CountsTooEarly = "mutant-counts-too-early": "len counts a message before it is queued",
        caught by [Linearizability ""], missed by [Conformance, Properties];
    CountsTooLate = "mutant-counts-too-late": "len counts a message until its receive is nearly over",
        caught by [Linearizability ""], missed by [Conformance, Properties];
    HoldsOneMore = "mutant-holds-one-more": "holds one message more than its capacity",
        caught by [Conformance "holds_its_effective_capacity_and_no_more", Properties ""], missed by [];
    HoldsOneLess = "mutant-holds-one-less": "holds one message less than its capacity, if it holds several",
        caught by [Conformance "holds_its_effective_capacity_and_no_more", Properties ""], missed by [];
    LosesAtTheTimeout = "mutant-loses-at-the-timeout": "a receive that times out drops a message that came at the last moment",
        caught by [Conformance "loses_nothing_when_a_receive_times_out"], missed by [];
    SendsWithoutReceivers = "mutant-sends-without-receivers": "a send into an unbounded channel without receivers succeeds",
        caught by [Conformance "returns_the_message_of_a_send_without_receivers", Properties ""], missed by [];
    StarvesInputs = "mutant-starves-inputs": "select always takes the first input that is ready",
        caught by [Conformance "starves_no_ready_input"], missed by [];
    EndsSelectEarly = "mutant-ends-select-early": "select ends with the first disconnected input",
        caught by [Conformance "selects_past_a_disconnected_input"], missed by [];
    DeclaresAFalseDifference = "mutant-declares-a-false-difference": "declares a difference that does not exist",
        caught by [Conformance "drops_the_queue_with_the_last_receiver", Properties ""], missed by [];
    DeclaresAFalseLack = "mutant-declares-a-false-lack": "declares that it lacks a capability that it has",
        caught by [Conformance "lacks_what_it_declares_and_nothing_else"], missed by [];
}

/// A second copy of a message that is plain data; `None` for any other.
fn duplicate<T: 'static>(message: &T) -> Option<T> {
    // The message types whose `Drop` touches counters and nothing else.
    let counted = [
        "message::Message",
        "pipeline::Processed",
        "token_bucket::Token",
        "messages::Counted",
        "SequenceMessage",
    ];
    let name = type_name::<T>();
    let plain = !mem::needs_drop::<T>()
        || (counted.iter().any(|part| name.contains(part)) && !name.contains("Box") && !name.contains("Vec"));
    // SAFETY: `ptr::read` requires that (1) the place is readable, aligned and initialised: it is a
    // reference; (2) using both copies is sound: both can be read and dropped, since `plain` says that they
    // own no memory. Making a second copy is the mistake.
    plain.then(|| unsafe { std::ptr::read(message) })
}
