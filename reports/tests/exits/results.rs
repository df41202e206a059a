//! Results whose measurement takes too long for a test, as the commands judge them.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::article::{Extent, Lack, Origin, Round, Rounds, Variant};
use records::machine::Machine;
use reports::analyse::article::{Article, CHANNEL};
use reports::analyse::honesty::{Alarms, Found, Honesty, Trial};
use reports::exit::{Exit, ExitWith};
use reports::gate;
use reports::render::bucket::LimitedService;
use workloads::limited_service::{Limit, Service};

/// The exit code of a result.
pub(crate) fn exit(result: Result<(), ExitWith>) -> Exit {
    result.map_or_else(|error| error.exit, |()| Exit::Sound)
}

fn machine() -> Machine {
    Machine {
        cpu: "a processor".to_owned(),
        cores: 2,
        kernel: "6.1".to_owned(),
        system: "a system".to_owned(),
        rustc: "rustc 1.95.0".to_owned(),
        channels: BTreeMap::new(),
    }
}

/// The result of `chanlab honesty` after this number of comparisons of equal channels, of which `different` were called
/// different, and when `found` of 100 slowdowns of 5 % were found.
pub(crate) fn honesty(comparisons: usize, different: usize, found: usize) -> Exit {
    let found = Found { percent: Found::PERCENT, steps: 80, trials: 100, found, ratio: 1.05 };
    let honesty = Honesty {
        command: "chanlab honesty".to_owned(),
        at: "2026-01-02T03:04:05Z".to_owned(),
        machine: machine(),
        epochs: 20,
        alarms: Alarms { comparisons, different, half_width: 0.01 },
        trial: Trial { epochs: 60, seconds: 1.0, budget_seconds: 90 },
        found: vec![found],
        criterion: None,
        overheads: Vec::new(),
    };
    exit(gate::honesty(&honesty))
}

/// The result of `chanlab bucket` with a service that granted at these milliseconds, under 10 a second and a burst of 2.
pub(crate) fn bucket(granted: Result<&[u64], &str>) -> Exit {
    let grants = |millis: &[u64]| {
        millis.iter().map(|&at| Duration::from_millis(at)).map(|at| at..at).collect::<Vec<_>>()
    };
    let service = granted.map(|millis| Service { asked: millis.len() as u64, grants: grants(millis) });
    let service = LimitedService { name: "one".to_owned(), service: service.map_err(str::to_owned) };
    exit(gate::bucket(Limit { rate: 10, burst: 2 }, &[service]))
}

/// The result of `chanlab article` with the variants that have times, and one that may lack them.
pub(crate) fn article(measured: &[&str], lack: Option<Lack>) -> Exit {
    const EXTENT: Extent = Extent { epochs: 16, blocks: 1, messages: 1_000, seed: 7 };
    let variant = |name: &str| Variant {
        name: name.to_owned(),
        language: "Go",
        about: String::new(),
        origin: Origin::Article,
    };
    let mut rounds = Rounds {
        go: "go1.25.0".to_owned(),
        variants: measured.iter().copied().map(variant).collect(),
        rounds: Vec::new(),
        without: lack.map(|lack| ("lacking".to_owned(), lack)).into_iter().collect(),
    };
    for epoch in 0..EXTENT.epochs {
        for (index, name) in measured.iter().enumerate() {
            rounds.rounds.push(Round {
                variant: (*name).to_owned(),
                epoch,
                block: Some(0),
                n: EXTENT.messages,
                consumed: EXTENT.messages,
                ns: 50_000 * (index as u64 + 1) + u64::from(epoch),
            });
        }
    }
    let article = Article::of(&rounds, EXTENT, machine(), "2026-01-02T03:04:05Z".to_owned());
    exit(gate::article(&article, &rounds))
}

#[test]
fn a_claim_needs_the_channel_and_another_variant() {
    assert_eq!(article(&[CHANNEL, "mutex-bounded"], None), Exit::Sound);
    assert_eq!(article(&[CHANNEL], None), Exit::Undecided);
}
