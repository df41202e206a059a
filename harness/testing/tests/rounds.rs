//! The checks of every workload catch each mutant channel and name its mistake.

use std::time::Duration;

use contract::channel::Channel;
use testing::{DeliversTwice, DisconnectsEarly, DropsOne, Hangs, LeaksOne, LeaksTheRest, Reorders, Wrapped};
use workloads::profile::Profile;
use workloads::registry::{ChannelEntry, Registry};
use workloads::thread_group::ThreadGroupError;
use workloads::violation::DeliveryViolation;
use workloads::workload::RoundError;

const MESSAGES: u64 = 2_000;

/// The deadline of a round that hangs, long enough not to cut a slow one.
const DEADLINE: Duration = Duration::from_secs(2);

/// The errors of one round of each workload over the mutant `C`, with params of one receiver where the order
/// matters.
fn errors<C: Channel>() -> Vec<(&'static str, RoundError)> {
    let registry = Registry::with_channels(vec![ChannelEntry::new::<C>()]);
    let workloads: Vec<_> = registry.workloads().collect();
    workloads
        .into_iter()
        .map(|workload| {
            // One receiver, so that the order of its messages is certain.
            let text = match workload.name {
                "pipeline" | "worker_pool" => "workers=1",
                _ => "",
            };
            let params = registry.params(workload.name, text).expect("params");
            let mut cell =
                registry.cell(C::INFO.name, workload.name, params, Some(MESSAGES)).expect("a cell");
            if matches!(workload.name, "ping_pong" | "partitioned_log") {
                // The only message of the one is lost or held back, so both threads wait for ever; a lost job of the
                // other holds back its lane, and the drain gives up after half of the deadline.
                cell.size.deadline = DEADLINE;
            }
            let error = cell.round().map(|round| panic!("{cell}: the mutant was not caught: {round:?}"));
            (workload.name, error.expect_err("every mutant is caught").error)
        })
        .collect()
}

fn is_hung(error: &RoundError) -> bool {
    matches!(error, RoundError::ThreadGroup(ThreadGroupError::Hung { .. }))
}

#[test]
fn a_dropped_message_is_caught_in_every_workload() {
    for (workload, error) in errors::<Wrapped<DropsOne>>() {
        let caught = match workload {
            "ping_pong" => is_hung(&error),
            _ => matches!(error, RoundError::Violation(DeliveryViolation::Lost { .. })),
        };
        assert!(caught, "{workload}: {error}");
    }
}

#[test]
fn a_leaked_payload_is_caught_in_every_workload() {
    for (workload, error) in errors::<Wrapped<LeaksOne>>() {
        let caught = match workload {
            "ping_pong" => is_hung(&error),
            _ => matches!(error, RoundError::Violation(DeliveryViolation::Leaked(_))),
        };
        assert!(caught, "{workload}: {error}");
    }
}

#[test]
fn a_doubled_message_is_caught_in_every_workload() {
    for (workload, error) in errors::<Wrapped<DeliversTwice>>() {
        assert!(matches!(error, RoundError::Violation(DeliveryViolation::Doubled(_))), "{workload}: {error}");
    }
}

#[test]
fn a_reordered_message_is_caught_in_every_workload() {
    for (workload, error) in errors::<Wrapped<Reorders>>() {
        let caught = match workload {
            "ping_pong" => is_hung(&error),
            _ => matches!(error, RoundError::Violation(DeliveryViolation::Reordered { .. })),
        };
        assert!(caught, "{workload}: {error}");
    }
}

/// With several receivers the others take the remaining messages, so nothing is missing at the end.
#[test]
fn a_false_disconnect_is_caught_in_every_workload() {
    let registry = Registry::with_channels(vec![ChannelEntry::new::<Wrapped<DisconnectsEarly>>()]);
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
        ("partitioned_log", ""),
        ("partitioned_log", "workers=1,order=partition"),
        ("partitioned_log", "partitions=1,order=none"),
    ] {
        let params = registry.params(workload, text).expect("params");
        let cell =
            registry.cell("mutant-disconnects-early", workload, params, Some(MESSAGES)).expect("a cell");
        let error = cell.round().expect_err("a receive reported a disconnect").error;
        assert!(
            matches!(error, RoundError::Violation(DeliveryViolation::EarlyDisconnect { .. })),
            "{cell}: {error}"
        );
    }
}

#[test]
fn messages_leaked_with_the_last_receiver_are_caught_where_any_are_left() {
    let registry = Registry::with_channels(vec![ChannelEntry::new::<Wrapped<LeaksTheRest>>()]);
    // The token bucket grants 100 of a burst of 1,024 tokens. The worker pool stops half-way; how many jobs
    // it leaves depends on the schedule, and one of a few rounds leaves some.
    for (workload, text, messages) in
        [("token_bucket", "burst=1024", Some(100)), ("worker_pool", "workers=1,quit=half", None)]
    {
        let params = registry.params(workload, text).expect("params");
        let cell = registry.cell("mutant-leaks-the-rest", workload, params, messages).expect("a cell");
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
    let registry = Registry::with_channels(vec![ChannelEntry::new::<Wrapped<Hangs>>()]);
    for workload in registry.workloads() {
        let params = workload.grid(Profile::Quick).swap_remove(0);
        let mut cell = registry.cell("mutant-hangs", workload.name, params.clone(), None).expect("a cell");
        cell.size.deadline = Duration::from_millis(500);
        let error = cell.round().expect_err("it hangs");
        assert!(is_hung(&error.error), "{error}");
        let start = format!("{} over mutant-hangs with {params}: hung: after 0.5 s ", workload.name);
        assert!(error.to_string().starts_with(&start), "{error}");
    }
}
