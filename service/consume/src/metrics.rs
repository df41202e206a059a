//! `/metrics` in Prometheus' text format, on a loopback address.
//!
//! The format is that of Prometheus' documentation ("Exposition formats", text format 0.0.4). It is a line for each
//! number, so a library would add a registry of counters beside the ones that the coordinator has.

use std::fmt::Write as _;
use std::net::SocketAddr;

use tiny_http::{Header, Method, Response, Server};

use crate::Failure;
use crate::consumer::named;
use crate::monitor::{Monitor, Snapshot};
use crate::report::retried;

/// What scrapers recognise the format by.
const CONTENT_TYPE: &[u8] = b"text/plain; version=0.0.4; charset=utf-8";

/// Serves the metrics until the process ends; returns the address, whose port the system chose when 0 was requested.
///
/// # Errors
///
/// When the address is not of this machine alone, or cannot be listened at.
pub fn serve(address: SocketAddr, monitor: Monitor) -> Result<SocketAddr, Failure> {
    if !address.ip().is_loopback() {
        let wrong =
            format!("metrics are served on a loopback address, such as 127.0.0.1:0, and {address} is none");
        return Err(Failure::Usage(wrong));
    }
    let refused = |error: String| Failure::Usage(format!("cannot serve metrics at {address}: {error}"));
    let server = Server::http(address).map_err(|error| refused(error.to_string()))?;
    let own = server.server_addr().to_ip().unwrap_or(address);
    named("metrics".to_owned(), move || {
        for request in server.incoming_requests() {
            let path = request.url().split('?').next().unwrap_or_default();
            let is_read = matches!(request.method(), Method::Get | Method::Head);
            // A reader that has gone is no failure.
            let _ = match (is_read, path) {
                (true, "/metrics") => {
                    let response = Response::from_string(text(&monitor.snapshot()));
                    match Header::from_bytes(&b"Content-Type"[..], CONTENT_TYPE) {
                        Ok(header) => request.respond(response.with_header(header)),
                        Err(()) => request.respond(response),
                    }
                }
                (true, _) => request.respond(Response::from_string("see /metrics\n").with_status_code(404)),
                (false, _) => request.respond(Response::empty(405)),
            };
        }
    })?;
    Ok(own)
}

/// A snapshot in the text format.
fn text(snapshot: &Snapshot) -> String {
    let totals = &snapshot.totals;
    let mut text = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, samples: &[(String, f64)]| {
        // Memory does not fail.
        let _ = writeln!(text, "# HELP chanlab_consume_{name} {help}\n# TYPE chanlab_consume_{name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(text, "chanlab_consume_{name}{labels} {value}");
        }
    };
    let counters = [
        ("received", totals.received, "Messages that arrived and were new."),
        ("known", totals.known, "Messages that arrived and were done before the start."),
        ("processed", totals.processed, "Messages that were processed."),
        ("retried", retried(totals), "Failed attempts that are followed by another one."),
        ("dead_lettered", totals.dead_lettered, "Messages that went to the dead letters."),
        ("commits", totals.commits, "Commits that were stored."),
        ("commits_failed", totals.commits_failed, "Commits that were not stored, and are tried again."),
        ("maps_left_out", totals.maps_left_out, "Commits without their offset map, which was too long."),
    ];
    for (name, value, help) in counters {
        metric(&format!("{name}_total"), "counter", help, &[(String::new(), value as f64)]);
    }
    let each = snapshot.partitions.iter().enumerate();
    let states = each.clone().flat_map(|(partition, (held, _))| {
        let states = [("at_work", held.at_work), ("delayed", held.delayed), ("waiting", held.waiting)];
        states
            .map(|(state, count)| (format!("{{partition=\"{partition}\",state=\"{state}\"}}"), count as f64))
    });
    let states: Vec<_> = states.collect();
    metric("in_flight", "gauge", "Messages that are fetched and not done.", &states);
    let positions = each.filter_map(|(partition, (_, position))| {
        Some((format!("{{partition=\"{partition}\"}}"), (*position)? as f64))
    });
    let positions: Vec<_> = positions.collect();
    metric("committed_position", "gauge", "The first offset that is not committed.", &positions);
    let drains = f64::from(u8::from(snapshot.drains));
    metric("draining", "gauge", "1 while it drains.", &[(String::new(), drains)]);
    let seconds = snapshot.elapsed.as_secs_f64();
    metric("uptime_seconds", "gauge", "Seconds since the start.", &[(String::new(), seconds)]);
    if let Some(peak) = runner::meters::memory::peak() {
        metric("peak_memory_bytes", "gauge", "The peak of resident memory.", &[(String::new(), peak as f64)]);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use service_core::coordinator::Totals;
    use service_core::scheduler::Held;

    use super::*;

    #[test]
    fn every_line_is_a_comment_or_a_sample_of_a_named_metric() {
        let held = Held { at_work: 2, delayed: 1, waiting: 7 };
        let snapshot = Snapshot {
            totals: Totals { received: 12, ..Totals::default() },
            partitions: vec![(held, Some(5)), (Held::default(), None)],
            drains: true,
            elapsed: Duration::from_millis(1_500),
        };
        let text = text(&snapshot);
        for line in [
            "# TYPE chanlab_consume_received_total counter",
            "chanlab_consume_received_total 12",
            "chanlab_consume_in_flight{partition=\"0\",state=\"waiting\"} 7",
            "chanlab_consume_committed_position{partition=\"0\"} 5",
            "chanlab_consume_draining 1",
            "chanlab_consume_uptime_seconds 1.5",
        ] {
            assert!(text.lines().any(|own| own == line), "{line} is not in:\n{text}");
        }
        assert!(!text.contains("committed_position{partition=\"1\"}"), "{text}");
        for line in text.lines() {
            let is_sample = line.split_once(' ').is_some_and(|(name, value)| {
                name.starts_with("chanlab_consume_") && value.parse::<f64>().is_ok()
            });
            assert!(line.starts_with("# HELP ") || line.starts_with("# TYPE ") || is_sample, "{line}");
        }
    }
}
