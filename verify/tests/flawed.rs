//! Channels with a flaw: which method catches which, so that a catch that is lost is seen.

use std::thread;
use std::time::Duration;

use harness::channel::Channel;
use harness::planted::flawed::{
    BoastsOfADifference, CountsTooEarly, CountsTooLate, DropsATimedSend, DropsTwice, DropsUnderTheLock,
    EarlyTimeout, EndsSelectEarly, FirstDropDisconnects, ForgetsTheQueue, HidesACapability, HoldsOneLess,
    HoldsOneMore, KeepsTheQueue, LeaksAtTheEnd, LifoAtWrapAround, LosesAtTheTimeout, MiscountsClones,
    MiscountsWhenFull, Plain, SendsToNobody, Sound, SpuriouslyEmpty, SpuriouslyFull, StarvesInputs,
    SwallowsTheMessage, TimesOutAtOnce, TryWaits, WakesOne, WakesOnlyTheFirst,
};
use harness::verify::{Outcome, Shard, Task, Verify};
use verify::{conformance, properties};

/// Looks until a failure, or long enough; the failure.
fn failure(verify: Verify, budget: Duration) -> Result<String, Outcome> {
    let task = Task { seed: 1, shard: Shard::WHOLE, only: None, budget };
    match verify(&task, &mut |_| {}) {
        Outcome::Failed(finding) => {
            assert!(!finding.expected.is_empty() && !finding.happened.is_empty(), "{finding:?}");
            Ok(format!("{}: {}", finding.scenario, finding.happened))
        }
        other => Err(other),
    }
}

/// What catches a flaw.
#[derive(Clone, Copy)]
struct Caught {
    name: &'static str,
    /// How the first scenario that catches it begins, or `None` when none does. Of a race there may be several, as in `one|other`.
    conformance: Option<&'static str>,
    /// Whether they have to; where not, chance may have them do it, but of a sound channel.
    properties: bool,
    run: [Verify; 2],
}

fn caught<C: Channel>(conformance: Option<&'static str>, properties: bool) -> Caught {
    let run: [Verify; 2] = [conformance::verify::<C>, properties::verify::<C>];
    Caught { name: C::INFO.name, conformance, properties, run }
}

fn table() -> Vec<Caught> {
    vec![
        caught::<Plain<Sound>>(None, false),
        caught::<Plain<ForgetsTheQueue>>(Some("is_never_full_when_unbounded"), true),
        caught::<Plain<FirstDropDisconnects>>(Some("passes_messages_without_size_between_threads"), true),
        caught::<Plain<MiscountsClones>>(Some("is_open_until_the_last_sender_goes"), true),
        caught::<Plain<EarlyTimeout>>(Some("is_never_early_with_a_receive_timeout"), false),
        caught::<Plain<TimesOutAtOnce>>(
            Some("takes_a_timeout_of_nothing_when_it_need_not_wait_to_send"),
            true,
        ),
        caught::<Plain<SwallowsTheMessage>>(Some("lacks_what_it_declares_and_nothing_else"), true),
        caught::<Plain<LeaksAtTheEnd>>(Some("drops_the_queue_with_the_last_receiver"), true),
        caught::<Plain<KeepsTheQueue>>(Some("drops_the_queue_with_the_last_receiver"), true),
        caught::<Plain<DropsUnderTheLock>>(Some("may_discard_a_message_that_holds_a_sender"), false),
        caught::<Plain<DropsTwice>>(Some("drops_the_queue_with_the_last_receiver"), true),
        caught::<Plain<DropsATimedSend>>(Some("drops_once_what_a_timed_send_waited_with"), false),
        caught::<Plain<LifoAtWrapAround>>(Some("holds_its_effective_capacity_and_no_more"), true),
        caught::<Plain<WakesOne>>(
            Some("drops_each_message_once_when|wakes_every_waiting_receiver_at"),
            false,
        ),
        caught::<Plain<WakesOnlyTheFirst>>(Some("gives_each_waiting_receiver_a_message"), false),
        caught::<Plain<TryWaits>>(Some("holds_its_effective_capacity_and_no_more"), true),
        caught::<Plain<SpuriouslyFull>>(Some("holds_its_effective_capacity_and_no_more"), true),
        caught::<Plain<SpuriouslyEmpty>>(Some("holds_its_effective_capacity_and_no_more"), true),
        caught::<Plain<MiscountsWhenFull>>(Some("counts_what_is_queued"), true),
        // Races, which `tests/linearizability.rs` has caught.
        caught::<Plain<CountsTooEarly>>(None, false),
        caught::<Plain<CountsTooLate>>(None, false),
        caught::<Plain<HoldsOneMore>>(Some("holds_its_effective_capacity_and_no_more"), true),
        caught::<Plain<HoldsOneLess>>(Some("holds_its_effective_capacity_and_no_more"), true),
        caught::<Plain<LosesAtTheTimeout>>(Some("loses_nothing_when_a_receive_times_out"), false),
        caught::<Plain<SendsToNobody>>(Some("returns_the_message_of_a_send_without_receivers"), true),
        caught::<Plain<StarvesInputs>>(Some("starves_no_ready_input"), false),
        caught::<Plain<EndsSelectEarly>>(Some("selects_past_a_disconnected_input"), false),
        caught::<Plain<BoastsOfADifference>>(Some("drops_the_queue_with_the_last_receiver"), true),
        caught::<Plain<HidesACapability>>(Some("lacks_what_it_declares_and_nothing_else"), false),
    ]
}

/// Several hang, which takes until the deadline: so all at once.
#[test]
fn each_flaw_is_caught_by_what_is_to_catch_it() {
    let [conformance, properties] = [0, 1].map(|method| {
        let looking = table().into_iter().map(move |caught| {
            // Enough for every scenario; and for the sequences, more than any of these flaws takes.
            let expected = method == 0 || caught.properties;
            let budget = Duration::from_secs(if expected { 60 } else { 1 });
            (caught, thread::spawn(move || failure(caught.run[method], budget)))
        });
        looking.collect::<Vec<_>>()
    });
    let mut wrong = Vec::new();
    for (caught, looking) in conformance {
        let found = looking.join().expect("no panic");
        println!("{}, conformance: {found:?}", caught.name);
        let as_expected = match (&found, caught.conformance) {
            (Ok(scenario), Some(expected)) => expected.split('|').any(|one| scenario.starts_with(one)),
            (Err(Outcome::Passed { .. }), None) => true,
            _ => false,
        };
        if !as_expected {
            wrong.push(format!("{}, conformance: {found:?}, not {:?}", caught.name, caught.conformance));
        }
    }
    for (caught, looking) in properties {
        let found = looking.join().expect("no panic");
        println!("{}, properties: {found:?}", caught.name);
        if found.is_ok() != caught.properties && (caught.properties || caught.conformance.is_none()) {
            wrong.push(format!("{}, properties: {found:?}", caught.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A failure says what is needed to see it again, and the case alone shows it again.
#[test]
fn a_failure_is_seen_again_by_its_case() {
    for verify in
        [conformance::verify::<Plain<HoldsOneMore>> as Verify, properties::verify::<Plain<HoldsOneMore>>]
    {
        let task = Task { seed: 7, shard: Shard::WHOLE, only: None, budget: Duration::from_secs(60) };
        let Outcome::Failed(first) = verify(&task, &mut |_| {}) else { panic!("it is caught") };
        let Outcome::Failed(again) = verify(&Task { only: Some(first.case), ..task }, &mut |_| {}) else {
            panic!("it is caught again")
        };
        assert_eq!(first, again);
    }
}

/// The smallest sequence: one message more than the least capacity.
#[test]
fn a_sequence_is_shrunk_to_the_smallest() {
    let task = Task { seed: 7, shard: Shard::WHOLE, only: None, budget: Duration::from_secs(60) };
    let Outcome::Failed(finding) = properties::verify::<Plain<HoldsOneMore>>(&task, &mut |_| {}) else {
        panic!("it is caught")
    };
    assert_eq!(finding.scenario, "a channel of capacity 1");
    assert_eq!(finding.threads[0].steps.len(), 2, "{finding:?}");
}
