//! Phrases that the page and the terminal share.

use workloads::latency::Percentiles;

use crate::analyse::statistics::modes::Mode;
use wording::numbers;

/// Modes with their unit: `1 mode near 170 ns/op`, `2 modes: 82 % of rounds near 170 ns/op, 18 % near 2,200
/// ns/op`.
pub(crate) fn modes(modes: &[Mode], unit: &str) -> String {
    let near = |mode: &Mode| format!("near {} {unit}", numbers::measured(mode.centre));
    match modes {
        [] => "no rounds".to_owned(),
        [mode] => format!("1 mode {}", near(mode)),
        [first, others @ ..] => {
            let percent = |mode: &Mode| format!("{:.0} %", mode.share * 100.0);
            let mut text = format!(
                "{}: {} of rounds {}",
                numbers::count(modes.len() as u64, "mode"),
                percent(first),
                near(first)
            );
            for mode in others {
                text.push_str(&format!(", {} {}", percent(mode), near(mode)));
            }
            text
        }
    }
}

/// Percentiles in microseconds. A percentile with too few messages beyond it is withheld.
pub(crate) fn latency(latency: &Percentiles) -> String {
    let named = [
        ("p50", latency.p50),
        ("p90", latency.p90),
        ("p99", latency.p99),
        ("p99.9", latency.p99_9),
        ("max", latency.max),
    ];
    let words = named.map(|(name, time)| match time {
        Some(nanos) => format!("{name} {} µs", numbers::measured(nanos as f64 / 1_000.0)),
        None => format!("{name} withheld"),
    });
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_counted_and_placed() {
        let mode = |share, centre| Mode { share, centre, low: centre, high: centre };
        let two = [mode(0.8, 177.5), mode(0.2, 2_250.0)];
        assert_eq!(modes(&two, "ns/op"), "2 modes: 80 % of rounds near 178 ns/op, 20 % near 2,250 ns/op");
        assert_eq!(modes(&[mode(1.0, 42.0)], "ns/op"), "1 mode near 42.0 ns/op");
        assert_eq!(modes(&[], "ns/op"), "no rounds");
    }
}
