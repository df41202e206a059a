//! Reports of changes: Markdown for a pull request, and the table in the terminal.

use reports::analyse::changes::{Change, Changes, Shift, Side};
use reports::render::changes::{ChangeReport, side_by_side, terminal};
use reports::render::markdown::markdown;

fn change(name: &str, old: Side, new: Side, shift: Option<(f64, [f64; 2], f64)>) -> Change {
    Change {
        name: name.to_owned(),
        old,
        new,
        beside: vec![Side::Measured(71.0)],
        same_work: true,
        shift: shift.map(|(ratio, interval, p_value)| Shift {
            epochs: [16; 2],
            ratio,
            interval: Some(interval),
            p_value,
            least_p_value: 0.000_03,
        }),
    }
}

fn changes() -> Changes {
    use Side::{Failed, Measured, Unsupported};
    let crash =
        "ended without a reply; killed by signal 6 (SIGABRT); its last words: free(): <double> | `free`";
    let all = vec![
        change(
            "ping_pong/capacity=1",
            Measured(2_220.0),
            Measured(2_530.0),
            Some((1.14, [1.09, 1.18], 0.0001)),
        ),
        change(
            "producer_consumer/capacity=64",
            Measured(68.4),
            Measured(68.1),
            Some((0.995, [0.98, 1.01], 0.4)),
        ),
        change("fan_in/inputs=8", Measured(210.0), Measured(180.0), Some((0.86, [0.81, 0.9], 0.0009))),
        change("fan_in/inputs=2", Measured(210.0), Failed(crash.to_owned()), None),
        change("pipeline/workers=2", Unsupported("select".to_owned()), Measured(9.0), None),
    ];
    Changes::new(["flume 0.11.1".to_owned(), "flume 0.12.0".to_owned()], vec!["mutex-deque".to_owned()], all)
}

#[test]
fn a_pull_request_lists_the_changes_first() {
    let changes = changes();
    let report = ChangeReport {
        title: "flume 0.12.0 against flume 0.11.1".to_owned(),
        method: side_by_side(&changes),
        changes: &changes,
        remarks: vec!["one remark".to_owned()],
        facts: vec![("processor".to_owned(), "one | of <them>, 2 logical".to_owned())],
    };
    insta::assert_snapshot!(markdown(&report));
    insta::assert_snapshot!(terminal(&report));
}
