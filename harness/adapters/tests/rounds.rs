//! Every channel runs every workload: each cell of the grids completes a round, or names the capability that
//! it lacks.

use workloads::placement::Placement;
use workloads::profile::Profile;
use workloads::workload::{Round, RoundError};

/// The messages of a round, unless the capacity needs more: enough to fill and drain the channel often.
const MESSAGES: u64 = 600;

#[test]
fn every_cell_of_the_grids_passes_its_own_checks() {
    let registry = adapters::registry();
    let mut completed = 0;
    for workload in registry.workloads() {
        for channel in registry.channels() {
            for params in workload.grid(Profile::Full) {
                let slots = params.capacity().and_then(|capacity| capacity.slots()).unwrap_or(0) as u64;
                let cell = registry
                    .cell(channel.name, workload.name, params, Some(MESSAGES.max(4 * slots)))
                    .expect("the grid's own cell");
                match cell.round() {
                    Ok(round) => {
                        assert!(round.messages > 0 && !round.elapsed.is_zero(), "{cell}: {round:?}");
                        completed += 1;
                    }
                    Err(error) if error.error.is_failure() => panic!("{error}"),
                    Err(error) => match error.error {
                        RoundError::Unsupported(unsupported) => assert!(
                            channel.lacks.iter().any(|(capability, _)| *capability == unsupported.capability),
                            "{error}: not declared"
                        ),
                        _ => println!("{error}"),
                    },
                }
            }
        }
    }
    assert!(completed > registry.channels().count() * registry.workloads().count());
}

#[test]
fn every_channel_runs_every_workload_with_some_quick_params() {
    let registry = adapters::registry();
    for workload in registry.workloads() {
        for channel in registry.channels() {
            let verified = workload.grid(Profile::Quick).into_iter().any(|params| {
                registry.cell(channel.name, workload.name, params, None).expect("a cell").round().is_ok()
            });
            assert!(verified, "{} is never verified on {}", channel.name, workload.name);
        }
    }
}

#[test]
fn every_workload_runs_with_every_placement() {
    let registry = adapters::registry();
    for workload in registry.workloads() {
        for placement in Placement::ALL {
            let params = registry.params(workload.name, "").expect("defaults");
            let mut cell =
                registry.cell("mutex-deque", workload.name, params, Some(MESSAGES)).expect("a cell");
            cell.size.placement = placement;
            match cell.round() {
                Ok(_) => {}
                // A machine with one core, or one that does not pin threads.
                Err(error) if !error.error.is_failure() && placement != Placement::Any => println!("{error}"),
                Err(error) => panic!("{placement}: {error}"),
            }
        }
    }
}

/// A round of this workload over the baseline.
fn round(workload: &str, text: &str) -> Round {
    let registry = adapters::registry();
    let params = registry.params(workload, text).expect("params");
    let cell = registry.cell("mutex-deque", workload, params, Some(MESSAGES)).expect("a cell");
    cell.round().expect("the baseline delivers each message once")
}

#[test]
fn the_latency_histogram_has_every_measured_message() {
    let measured = |workload, text| round(workload, text).latency.map(|histogram| histogram.len());
    assert_eq!(measured("open_loop", ""), Some(MESSAGES));
    assert_eq!(measured("open_loop", "producers=2,consumers=2"), Some(MESSAGES));
    // A round trip is two messages, and the first trip is not measured.
    assert_eq!(measured("ping_pong", ""), Some(MESSAGES / 2 - 1));
    assert_eq!(measured("producer_consumer", ""), None);
}

#[test]
fn figures_are_reported_only_where_they_apply() {
    let figures = |workload, text| -> Vec<&str> {
        round(workload, text).figures.into_iter().map(|figure| figure.name).collect()
    };
    let (consumers, producers) = ("fairness of consumers (Jain)", "fairness of producers (Jain)");
    assert_eq!(figures("producer_consumer", ""), [""; 0]);
    assert_eq!(figures("producer_consumer", "producers=2"), [producers]);
    assert_eq!(figures("producer_consumer", "consumers=2"), [consumers]);
    assert_eq!(figures("producer_consumer", "producers=2,consumers=2"), [consumers, producers]);
    let left = "jobs made and never taken";
    assert_eq!(figures("worker_pool", "quit=half"), [left, "drain after quit (ns)"]);
    assert_eq!(figures("worker_pool", ""), [left]);
    assert_eq!(figures("open_loop", ""), ["longest oversleep of a producer (ns)"]);
    let of_a_log = [
        "drain after the stop (ns)",
        "most messages in flight",
        "commits",
        "failed attempts",
        "dead letters",
    ];
    assert_eq!(figures("partitioned_log", ""), of_a_log);
}
