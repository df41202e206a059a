//! Planted faults: each of the methods catches every one of them.

use std::time::Duration;

use harness::channel::Channel;
use harness::planted::{Disconnect, Double, Drop, Hang, Leak, LeakTheRest, Planted, Reorder};
use harness::verify::{Method, Outcome, Shard, Task};
use verify::methods;

/// The methods that catch the planted channel `C`. Linearizability has tests of its own.
fn catching<C: Channel>() -> Vec<Method> {
    let caught = methods::<C>().into_iter().filter(|(method, _)| *method != Method::Linearizability);
    let caught = caught.filter(|(_, verify)| {
        let task = Task { seed: 1, shard: Shard::WHOLE, only: None, budget: Duration::from_secs(60) };
        matches!(verify(&task, &mut |_| {}), Outcome::Failed(_))
    });
    caught.map(|(method, _)| method).collect()
}

/// Each of them by every method; at once, since a hang takes until the deadline.
#[test]
fn the_methods_catch_every_planted_channel() {
    let looking = [
        catching::<Planted<Drop>>,
        catching::<Planted<Leak>>,
        catching::<Planted<Double>>,
        catching::<Planted<Reorder>>,
        catching::<Planted<Hang>>,
        catching::<Planted<Disconnect>>,
        catching::<Planted<LeakTheRest>>,
    ]
    .map(std::thread::spawn);
    for (place, looking) in looking.into_iter().enumerate() {
        let caught = looking.join().expect("no panic");
        assert_eq!(caught, [Method::Rounds, Method::Conformance, Method::Properties], "the one at {place}");
    }
}
