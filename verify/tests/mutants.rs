//! The table of mutant channels, enforced: each method catches every mutant that it must catch, and passes
//! those that it must pass. `linearizability.rs` does so for linearizability.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use contract::channel::Channel;
use records::verify::{Method, MethodOutcome, Shard, Task};
use testing::{self, HoldsOneMore, MutantChannel, MutantVisitor, Plain};
use verify::worker::Verify;
use verify::{conformance, properties, rounds};

/// The budget of a method that must catch a mutant.
const BUDGET: Duration = Duration::from_secs(60);

/// The budget of a method that must pass a mutant. Conformance has a fixed number of cases and runs them all.
const PASSING_BUDGET: Duration = Duration::from_secs(2);

/// A method over a mutant.
type Run = (&'static MutantChannel, Verify);

/// The runs of one method over the mutants that it must catch or pass.
struct Runs {
    method: Method,
    runs: Vec<Run>,
}

impl MutantVisitor for Runs {
    fn visit<C: Channel>(&mut self, mutant: &'static MutantChannel) {
        assert_eq!(C::INFO.name, mutant.name);
        let verify: Verify = match self.method {
            Method::Conformance => conformance::verify::<C>,
            _ => properties::verify::<C>,
        };
        if mutant.caught_by(self.method).is_some() || mutant.missed_by.contains(&self.method) {
            self.runs.push((mutant, verify));
        }
    }
}

/// The runs of the rounds, which are compiled for each channel, over the mutants that they must catch.
struct Rounds(Vec<Run>);

impl MutantVisitor for Rounds {
    fn visit<C: Channel>(&mut self, mutant: &'static MutantChannel) {
        self.0.push((mutant, rounds::verify::<C>));
    }
}

fn runs(method: Method) -> Vec<Run> {
    let mut all = Runs { method, runs: Vec::new() };
    testing::each(&mut all);
    all.runs
}

/// Describes how the outcome differs from the table; `None` if it does not.
fn difference(method: Method, (mutant, verify): Run) -> Option<String> {
    let expected = mutant.caught_by(method);
    let budget = if expected.is_some() || method == Method::Conformance { BUDGET } else { PASSING_BUDGET };
    let task = Task { seed: 1, shard: Shard::WHOLE, only: None, budget };
    let outcome = verify(&task, &mut |_| {});
    println!("{method}, {}: {outcome:?}", mutant.name);
    let is_as_expected = match (&outcome, expected) {
        (MethodOutcome::Failed(finding), Some(words)) => {
            assert!(!finding.expected.is_empty() && !finding.happened.is_empty(), "{finding:?}");
            match method {
                Method::Conformance => words.split('|').any(|name| finding.scenario.starts_with(name)),
                _ => finding.happened.contains(words),
            }
        }
        (MethodOutcome::Passed { .. }, None) => true,
        _ => false,
    };
    (!is_as_expected).then(|| format!("{}: expected {expected:?}, {outcome:?}", mutant.name))
}

/// Runs a method over its mutants, several at once, because a mutant that hangs takes until the deadline.
fn follows_the_table(method: Method, runs: &[Run], threads: usize) {
    assert!(!runs.is_empty());
    let (next, differences) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(run) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let difference = difference(method, *run);
                    differences.lock().unwrap_or_else(PoisonError::into_inner).extend(difference);
                }
            });
        }
    });
    let differences = differences.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(differences.is_empty(), "{method}:\n{}", differences.join("\n"));
}

#[test]
fn conformance_follows_the_table() {
    follows_the_table(Method::Conformance, &runs(Method::Conformance), 40);
}

#[test]
fn properties_follow_the_table() {
    follows_the_table(Method::Properties, &runs(Method::Properties), 40);
}

#[test]
fn rounds_follow_the_table() {
    let mut all = Rounds(Vec::new());
    testing::each_single_mistake(&mut all);
    assert!(all.0.iter().all(|(mutant, _)| mutant.caught_by(Method::Rounds).is_some()));
    follows_the_table(Method::Rounds, &all.0, 10);
}

#[test]
fn every_mutant_is_caught_by_a_method_and_every_control_by_none() {
    struct Mutants(Vec<&'static MutantChannel>);
    impl MutantVisitor for Mutants {
        fn visit<C: Channel>(&mut self, mutant: &'static MutantChannel) {
            self.0.push(mutant);
        }
    }
    let mut all = Mutants(Vec::new());
    testing::each(&mut all);
    let names: BTreeSet<&str> = all.0.iter().map(|mutant| mutant.name).collect();
    assert_eq!(names.len(), all.0.len(), "the names differ");
    let (controls, mutants): (Vec<&MutantChannel>, Vec<&MutantChannel>) =
        all.0.iter().partition(|mutant| mutant.wrong.starts_with("nothing"));
    assert_eq!((controls.len(), mutants.len()), (2, 47));
    assert!(controls.iter().all(|control| control.caught_by.is_empty() && !control.missed_by.is_empty()));
    for mutant in mutants {
        assert!(!mutant.caught_by.is_empty(), "{mutant:?}");
        assert!(mutant.missed_by.iter().all(|method| mutant.caught_by(*method).is_none()), "{mutant:?}");
    }
}

#[test]
fn a_case_alone_reproduces_its_finding() {
    for verify in
        [conformance::verify::<Plain<HoldsOneMore>> as Verify, properties::verify::<Plain<HoldsOneMore>>]
    {
        let task = Task { seed: 7, shard: Shard::WHOLE, only: None, budget: BUDGET };
        let MethodOutcome::Failed(first) = verify(&task, &mut |_| {}) else { panic!("it is caught") };
        let MethodOutcome::Failed(again) = verify(&Task { only: Some(first.case), ..task }, &mut |_| {})
        else {
            panic!("it is caught again")
        };
        assert_eq!(first, again);
    }
}

/// The smallest sequence fills the smallest capacity and sends once more.
#[test]
fn a_sequence_is_shrunk_to_the_smallest() {
    let task = Task { seed: 7, shard: Shard::WHOLE, only: None, budget: BUDGET };
    let MethodOutcome::Failed(finding) = properties::verify::<Plain<HoldsOneMore>>(&task, &mut |_| {}) else {
        panic!("it is caught")
    };
    assert_eq!(finding.scenario, "a channel of capacity 1");
    assert_eq!(finding.threads[0].steps.len(), 2, "{finding:?}");
}
