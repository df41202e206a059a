//! The method `linearizability`: it catches every mutant that it must catch, and finds nothing new in the
//! registered channels.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use baseline::MutexDeque;
use contract::channel::{
    Capability, Capacity, Channel, Handles, Info, NoSelect, Receiver, RecvError, RecvTimeoutError,
    Unsupported, Visitor,
};
use records::verify::{Finding, Method, MethodOutcome, Shard, Task};
use testing::{self, MutantChannel};
use verify::linearizability::verify;

fn task(seconds: u64) -> Task {
    Task { seed: 4, shard: Shard::WHOLE, only: None, budget: Duration::from_secs(seconds) }
}

/// The finding in the mutant `C`.
fn found<C: Channel>(task: &Task) -> Finding {
    let mut last = None;
    let outcome = verify::<C>(task, &mut |case| last = Some(case));
    let MethodOutcome::Failed(finding) = outcome else { panic!("{}: not caught: {outcome:?}", C::INFO.name) };
    assert_eq!(last, Some(finding.case), "a case is announced before it begins");
    println!("{}: {finding:#?}", C::INFO.name);
    *finding
}

/// The maximum number of steps that the smallest history of a mutant has, where a test expects one. Some
/// operations take two steps.
fn max_steps(mutant: &MutantChannel) -> usize {
    match mutant.name {
        "mutant-buffers-a-rendezvous" | "mutant-try-send-lingers" => 4,
        "mutant-falsely-empty" => 8,
        _ => usize::MAX,
    }
}

/// Checks that the method catches a mutant with a finding that can be reproduced and read.
fn catches<C: Channel>(mutant: &MutantChannel, words: &str) {
    let finding = found::<C>(&task(60));
    assert!(finding.happened.contains(words), "{finding:#?}");
    let picture = finding.picture.as_deref().unwrap_or_default();
    if finding.happened.starts_with("hung") {
        if mutant.name == "mutant-sleeps-at-disconnect" {
            assert!(finding.happened.contains("`recv` of thread"), "{finding:#?}");
            assert!(picture.contains("pending"), "{picture}");
        }
        return;
    }
    assert!(finding.expected.starts_with("one order"), "{finding:#?}");
    assert!(picture.starts_with("<svg") && picture.contains("marked"), "{picture}");
    let steps = || finding.threads.iter().flat_map(|thread| &thread.steps);
    assert!((1..=max_steps(mutant)).contains(&steps().count()), "{finding:#?}");
    if mutant.name.contains("counts") {
        assert!(steps().any(|(_, step)| step.contains("len -> ")), "{finding:#?}");
        assert!(picture.contains("len -&gt; "), "{picture}");
    }
    let again = found::<C>(&Task { only: Some(finding.case), ..task(60) });
    assert_eq!(again.scenario, finding.scenario, "the seed decides the scenario");
}

/// Checks that the method passes a mutant.
fn passes<C: Channel>(_: &MutantChannel, _: &str) {
    let outcome = verify::<C>(&task(2), &mut |_| ());
    assert!(matches!(outcome, MethodOutcome::Passed { .. }), "{outcome:#?}");
}

/// The mutants that the method must catch or pass, with their checks and the words of their findings.
type Checks = Vec<(&'static MutantChannel, fn(&MutantChannel, &str), &'static str)>;

#[test]
fn linearizability_follows_the_table_of_mutants() {
    struct All(Checks);
    impl testing::MutantVisitor for All {
        fn visit<C: Channel>(&mut self, mutant: &'static MutantChannel) {
            if let Some(words) = mutant.caught_by(Method::Linearizability) {
                self.0.push((mutant, catches::<C>, words));
            } else if mutant.missed_by.contains(&Method::Linearizability) {
                self.0.push((mutant, passes::<C>, ""));
            }
        }
    }
    let mut all = All(Vec::new());
    testing::each(&mut all);
    assert_eq!(all.0.len(), 22);
    // Two hang, which takes until the deadline.
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((mutant, check, words)) = all.0.get(next.fetch_add(1, Ordering::Relaxed)) {
                    check(mutant, words);
                }
            });
        }
    });
}

/// Whether a finding is a known defect of a registered channel.
///
/// kanal 0.1.1: `recv_timeout` checks the time before it checks for senders. On an empty channel without
/// senders it reports a timeout instead of the disconnect when its time is already over, which a timeout of
/// zero nearly always is, so a receiver that polls with a timeout of zero never ends. The documentation does
/// not mention it.
fn is_known(channel: &str, finding: &Finding) -> bool {
    // When only handles of senders and timeouts are left, the history is illegal only because no sender
    // existed.
    const LEFT: [&str; 6] = [
        "recv_timeout",
        "recv_timeout -> timeout",
        "clone_sender",
        "clone_sender -> ok",
        "drop_sender",
        "drop_sender -> ok",
    ];
    let belongs = |step: &str| LEFT.contains(&step.trim_start_matches("... ").trim_end_matches(" ..."));
    channel == "kanal"
        && finding.happened.contains("`recv_timeout -> timeout` of thread")
        && finding.threads.iter().flat_map(|thread| &thread.steps).all(|(_, step)| belongs(step))
}

fn seconds() -> u64 {
    std::env::var("CHANLAB_SECONDS").map_or(2, |seconds| seconds.parse().expect("a number"))
}

/// Verifies every registered channel; `CHANLAB_SECONDS=60` spends a minute on each.
#[test]
fn nothing_new_is_found_in_the_registered_channels() {
    struct Registered(Duration);
    impl Visitor for Registered {
        fn visit<C: Channel>(&mut self) {
            match verify::<C>(&Task { budget: self.0, ..task(0) }, &mut |_| ()) {
                MethodOutcome::Passed { cases, bounds } => {
                    println!("{}: {cases} cases: {bounds}", C::INFO.name)
                }
                MethodOutcome::Failed(finding) if is_known(C::INFO.name, &finding) => {
                    println!("{}: known: {}", C::INFO.name, finding.happened);
                }
                other => panic!("{}: {other:#?}", C::INFO.name),
            }
        }
    }
    adapters::each(&mut Registered(Duration::from_secs(seconds())));
}

/// kanal without `recv_timeout`, whose known defect hides any other because a method ends at its first
/// finding.
#[cfg(feature = "adapters")]
struct KanalWithoutRecvTimeout;

#[cfg(feature = "adapters")]
impl Channel for KanalWithoutRecvTimeout {
    const INFO: Info = Info {
        name: "kanal without recv_timeout",
        package: Some("kanal"),
        about: "as kanal",
        lacks: &[
            (Capability::Select, "as kanal"),
            (Capability::MessageReturned, "as kanal"),
            (Capability::RecvTimeout, "its known defect"),
        ],
        differs: &[],
        notes: &[],
    };
    type Sender<T: Send + 'static> = <adapters::kanal::Adapter as Channel>::Sender<T>;
    type Receiver<T: Send + 'static> = <adapters::kanal::Adapter as Channel>::Receiver<T>;
    type Selector<'a, T: Send + 'static> = NoSelect;

    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        adapters::kanal::Adapter::open(capacity)
    }

    fn selector<'a, T: Send + 'static>(
        _: impl IntoIterator<Item = &'a Self::Receiver<T>>,
    ) -> Result<NoSelect, Unsupported> {
        Err(Self::INFO.unsupported(Capability::Select))
    }
}

#[test]
#[cfg(feature = "adapters")]
fn kanal_has_no_other_defect() {
    let outcome = verify::<KanalWithoutRecvTimeout>(&task(seconds()), &mut |_| ());
    let MethodOutcome::Passed { cases, bounds } = outcome else { panic!("{outcome:#?}") };
    println!("{cases} cases: {bounds}");
}

/// If this fails, the defect is gone and [`is_known`] is out of date.
#[test]
#[cfg(feature = "adapters")]
fn kanal_still_reports_a_timeout_instead_of_a_disconnect() {
    let (sender, receiver) =
        adapters::kanal::Adapter::open::<u64>(Capacity::from_slots(1)).expect("a channel");
    drop(sender);
    let results = (0..1_000).map(|_| Receiver::recv_timeout(&receiver, Duration::ZERO));
    assert!(results.into_iter().any(|result| result == Err(RecvTimeoutError::Timeout)));
    assert_eq!(Receiver::recv(&receiver), Err(RecvError));
}

#[test]
fn a_budget_of_zero_is_out_of_time() {
    let outcome = verify::<MutexDeque>(&task(0), &mut |_| ());
    assert_eq!(outcome, MethodOutcome::OutOfTime { cases: 0, all: None });
}
