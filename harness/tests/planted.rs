//! Planted faults: every workload's own checks catch each of them, and name it.

use std::time::Duration;

use harness::channel::Channel;
use harness::planted::{Disconnect, Double, Drop, Hang, Leak, LeakTheRest, Planted, Reorder};
use harness::profile::Profile;
use harness::registry::{ChannelEntry, Registry};
use harness::thread_group::ThreadGroupError;
use harness::violation::DeliveryViolation;
use harness::workload::RoundError;

const MESSAGES: u64 = 2_000;

/// Long enough for a round that hangs to be told from one that is slow; what hangs costs a test this long.
const DEADLINE: Duration = Duration::from_secs(2);

/// What the workloads make of the planted channel `C`: one round of each, with the first params of its grid that the
/// channel can do.
fn errors<C: Channel>() -> Vec<(&'static str, RoundError)> {
    let registry = Registry::with_channels(vec![ChannelEntry::new::<C>()]);
    let workloads: Vec<_> = registry.workloads().collect();
    workloads
        .into_iter()
        .map(|workload| {
            // One receiver, so that the order of what it sees is certain.
            let text = match workload.name {
                "pipeline" | "worker_pool" => "workers=1",
                _ => "",
            };
            let params = registry.params(workload.name, text).expect("params");
            let mut cell =
                registry.cell(C::INFO.name, workload.name, params, Some(MESSAGES)).expect("a cell");
            if workload.name == "ping_pong" {
                // Its one message is gone or held back, so that both threads wait for ever.
                cell.size.deadline = DEADLINE;
            }
            let error = cell.round().map(|round| panic!("{cell}: the fault was not caught: {round:?}"));
            (workload.name, error.expect_err("every planted fault is caught").error)
        })
        .collect()
}

fn is_hung(error: &RoundError) -> bool {
    matches!(error, RoundError::ThreadGroup(ThreadGroupError::Hung { .. }))
}

#[test]
fn a_dropped_message_is_caught_in_every_workload() {
    for (workload, error) in errors::<Planted<Drop>>() {
        let caught = match workload {
            "ping_pong" => is_hung(&error),
            _ => matches!(error, RoundError::Violation(DeliveryViolation::Lost { .. })),
        };
        assert!(caught, "{workload}: {error}");
    }
}

#[test]
fn a_leaked_payload_is_caught_in_every_workload() {
    for (workload, error) in errors::<Planted<Leak>>() {
        let caught = match workload {
            "ping_pong" => is_hung(&error),
            _ => matches!(error, RoundError::Violation(DeliveryViolation::Leaked(_))),
        };
        assert!(caught, "{workload}: {error}");
    }
}

#[test]
fn a_doubled_message_is_caught_in_every_workload() {
    for (workload, error) in errors::<Planted<Double>>() {
        assert!(matches!(error, RoundError::Violation(DeliveryViolation::Doubled(_))), "{workload}: {error}");
    }
}

#[test]
fn a_reordered_message_is_caught_in_every_workload() {
    for (workload, error) in errors::<Planted<Reorder>>() {
        let caught = match workload {
            "ping_pong" => is_hung(&error),
            _ => matches!(error, RoundError::Violation(DeliveryViolation::Reordered { .. })),
        };
        assert!(caught, "{workload}: {error}");
    }
}

/// With several receivers the others take what is left, so that nothing is missing in the end.
#[test]
fn a_disconnect_that_is_none_is_caught_in_every_workload() {
    let registry = Registry::with_channels(vec![ChannelEntry::new::<Planted<Disconnect>>()]);
    for (workload, text) in [
        ("producer_consumer", "producers=2,consumers=2"),
        ("producer_consumer", ""),
        ("fan_in", ""),
        ("fan_in", "variant=shared"),
        ("pipeline", "workers=2"),
        ("worker_pool", "workers=2"),
        ("worker_pool", "workers=2,quit=half"),
        ("token_bucket", "callers=2"),
        ("ping_pong", ""),
        ("open_loop", ""),
        ("open_loop", "producers=2,consumers=2"),
    ] {
        let params = registry.params(workload, text).expect("params");
        let cell = registry.cell("planted-disconnect", workload, params, Some(MESSAGES)).expect("a cell");
        let error = cell.round().expect_err("a receiver was told of a disconnect").error;
        assert!(
            matches!(error, RoundError::Violation(DeliveryViolation::EarlyDisconnect { .. })),
            "{cell}: {error}"
        );
    }
}

#[test]
fn what_a_channel_leaks_at_its_end_is_caught_where_something_is_left() {
    let registry = Registry::with_channels(vec![ChannelEntry::new::<Planted<LeakTheRest>>()]);
    // Of a burst of 1,024 tokens 100 are granted; the worker pool stops half-way, and how many jobs it leaves depends on
    // the schedule: some round of a few leaves one.
    for (workload, text, messages) in
        [("token_bucket", "burst=1024", Some(100)), ("worker_pool", "workers=1,quit=half", None)]
    {
        let params = registry.params(workload, text).expect("params");
        let cell = registry.cell("planted-leak-the-rest", workload, params, messages).expect("a cell");
        let leaked = (0..20).any(|_| {
            cell.round().is_err_and(|error| {
                matches!(error.error, RoundError::Violation(DeliveryViolation::Leaked(_)))
            })
        });
        assert!(leaked, "{cell}");
    }
}

#[test]
fn a_hang_ends_at_the_deadline_and_names_the_cell() {
    let registry = Registry::with_channels(vec![ChannelEntry::new::<Planted<Hang>>()]);
    for workload in registry.workloads() {
        let params = workload.grid(Profile::Quick).swap_remove(0);
        let mut cell = registry.cell("planted-hang", workload.name, params.clone(), None).expect("a cell");
        cell.size.deadline = Duration::from_millis(500);
        let error = cell.round().expect_err("it hangs");
        assert!(is_hung(&error.error), "{error}");
        let start = format!("{} over planted-hang with {params}: hung: after 0.5 s ", workload.name);
        assert!(error.to_string().starts_with(&start), "{error}");
    }
}
