//! Every channel carries every workload: each round of each cell of the grids delivers, or says what it lacks.

use harness::profile::Profile;
use harness::registry::Registry;
use harness::workload::RoundError;

/// Messages of a round here, where the capacity does not ask for more: enough to fill and drain the channel often.
const MESSAGES: u64 = 600;

#[test]
fn every_cell_of_the_grids_passes_its_own_checks() {
    let registry = Registry::new();
    let mut carried = 0;
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
                        carried += 1;
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
    assert!(carried > registry.channels().count() * registry.workloads().count());
}

#[test]
fn every_channel_carries_every_workload_with_some_quick_params() {
    let registry = Registry::new();
    for workload in registry.workloads() {
        for channel in registry.channels() {
            let verified = workload.grid(Profile::Quick).into_iter().any(|params| {
                registry.cell(channel.name, workload.name, params, None).expect("a cell").round().is_ok()
            });
            assert!(verified, "{} is never verified on {}", channel.name, workload.name);
        }
    }
}
