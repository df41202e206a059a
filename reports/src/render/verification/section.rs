//! The page's section on verification: the matrix, the meaning of each method, and every failure.

use maud::{Markup, html};
use records::verify::{Finding, Method};

use super::super::colours::Colours;
use super::super::parts::swatch;
use super::{finding, steps};
use crate::analyse::page::Page;
use crate::analyse::verification::{CellStatus, FailedCase, MatrixCell, MatrixRow, VerificationMatrix, unit};
use wording::numbers;

/// The section.
pub(crate) fn section(page: &Page, colours: &Colours) -> Markup {
    let verification = &page.verification;
    html! {
        section #verification {
            h2 { "Verification" }
            p {
                "In addition to the timed rounds, each method below runs numbered cases that are harder on a channel than a benchmark is. A "
                "pass holds within its bounds and no further. A method that did not run on a channel's own code never counts as a pass."
            }
            @if verification.is_empty() {
                p.quiet { "Not run (" code { "chanlab verify" } ")." }
            } @else {
                div.scroll { (matrix(verification, colours)) }
                (bounds(verification))
                (failures(verification))
            }
            h3 { "What each method shows" }
            div.scroll { (methods()) }
        }
    }
}

/// The cases of a method, what a pass shows, and what it does not show.
fn about(method: Method) -> [&'static str; 3] {
    match method {
        Method::Rounds => [
            "small rounds of every workload, on real threads",
            "no message was lost, duplicated, reordered within a producer, damaged or leaked in these rounds",
            "schedules that did not happen on this machine",
        ],
        Method::Conformance => [
            "scenarios that every channel must pass",
            "in each scenario the channel meets the contract or declares that it does not",
            "behaviour that no scenario covers",
        ],
        Method::Properties => [
            "random sequences of operations, compared with a model of the contract",
            "every result agreed with the model",
            "operations that overlap on several threads",
        ],
        Method::Linearizability => [
            "histories of operations that overlap on real threads",
            "every recorded history has a legal order",
            "histories that did not happen on this machine",
        ],
        Method::Loom => [
            "models of the baseline and of the workloads' protocols over it, and of instrumented crates",
            "no schedule within the bounds fails, weak memory included",
            "code that has no model, and schedules beyond the bounds",
        ],
        Method::Shuttle => [
            "the same models, with more threads and messages",
            "none of the random and PCT schedules that were tried fails",
            "other schedules, and weak memory",
        ],
    }
}

fn methods() -> Markup {
    html! {
        table.methods {
            thead {
                tr {
                    th scope="col" { "method" } th scope="col" { "cases" } th scope="col" { "a pass shows" }
                    th scope="col" { "a pass does not cover" }
                }
            }
            tbody {
                @for method in Method::ALL {
                    @let [cases, shows, misses] = about(method);
                    tr {
                        th scope="row" { (method) }
                        td { (cases) } td { (shows) } td { (misses) }
                    }
                }
            }
        }
    }
}

fn matrix(verification: &VerificationMatrix, colours: &Colours) -> Markup {
    html! {
        table.matrix.verified {
            thead {
                tr {
                    th scope="col" { "channel" }
                    @for method in Method::ALL { th scope="col" { (method) } }
                }
            }
            tbody {
                @for row in &verification.rows { (matrix_row(row, colours)) }
            }
        }
    }
}

fn matrix_row(row: &MatrixRow, colours: &Colours) -> Markup {
    html! {
        tr {
            th scope="row" {
                @if row.is_channel { (swatch(&row.subject, colours)) (row.subject) }
                @else { (row.subject) div.version { "protocol, over the baseline" } }
                @if row.is_channel {
                    @if let Some(version) = &row.version { div.version { (version) } }
                }
            }
            @for (method, cell) in Method::ALL.into_iter().zip(&row.cells) { (matrix_cell(method, cell)) }
        }
    }
}

fn matrix_cell(method: Method, cell: &MatrixCell) -> Markup {
    let words = cell.status.words();
    html! {
        td.standing title=[(!cell.detail.is_empty()).then_some(&cell.detail)] {
            @match cell.status {
                CellStatus::Passed if !cell.failed_earlier => span.good { "✓ " (words) },
                CellStatus::Failed => span.bad { "✗ " (words) },
                _ => span.quiet { (words) },
            }
            @if let Some(cases) = cell.cases { span.range { (numbers::count(cases, unit(method))) } }
            @if !cell.shards.is_empty() { span.aside { (cell.shards) } }
            @if cell.failed_earlier { span.aside.bad { "failed earlier, see below" } }
        }
    }
}

/// The bounds of each pass, and the reasons for every other status.
fn bounds(verification: &VerificationMatrix) -> Markup {
    html! {
        details.bounds {
            summary { "Bounds of each pass, and reasons for every other result" }
            dl {
                @for method in Method::ALL {
                    @let details = verification.details(method);
                    @if !details.is_empty() {
                        dt { (method) }
                        @for (status, detail, subjects) in details {
                            dd { b { (status.words()) } ": " (subjects.join(", ")) ": " (detail) }
                        }
                    }
                }
            }
        }
    }
}

fn failures(verification: &VerificationMatrix) -> Markup {
    html! {
        @if !verification.failures.is_empty() {
            h3 { "Failures" }
            @for failed in &verification.failures { (failure(failed)) }
        }
    }
}

fn failure(failed: &FailedCase) -> Markup {
    let verified = &failed.verified;
    html! {
        @if let Some(finding) = finding(verified) {
            article.failure {
                h4 { (verified.subject) " by " (verified.method) ": " (finding.scenario) }
                @if failed.is_earlier {
                    p.quiet { "Found on " (numbers::date(&verified.at)) ". A newer verification of the same version did not find it again." }
                }
                dl {
                    dt { "expected" } dd { pre { (finding.expected) } }
                    dt { "happened" } dd { pre { (finding.happened) } }
                    dt { "version" } dd { (verified.version) }
                    @if let Some(replay) = &verified.replay { dt { "again" } dd { code { (replay) } } }
                }
                (scenario(finding))
                @if let Some(crash) = &verified.crash {
                    @if !crash.stderr_tail.is_empty() {
                        details {
                            summary { "Last lines of its stderr" }
                            pre { (crash.stderr_tail.join("\n")) }
                        }
                    }
                    @if let Some(backtrace) = &crash.backtrace {
                        details {
                            summary { "Backtraces of its threads" }
                            pre { (backtrace) }
                        }
                    }
                }
            }
        }
    }
}

/// The smallest scenario, and its diagram.
fn scenario(finding: &Finding) -> Markup {
    let rows = steps::rows(&finding.threads);
    html! {
        @if !rows.is_empty() {
            div.scroll {
                table.steps {
                    thead {
                        tr {
                            th.number scope="col" { "time" }
                            @for thread in steps::columns(&finding.threads) { th scope="col" { (thread.thread) } }
                        }
                    }
                    tbody {
                        @for (moment, cells) in rows {
                            tr {
                                td.number { (moment) }
                                @for cell in cells { td { (cell) } }
                            }
                        }
                    }
                }
            }
            @if let Some(words) = steps::left_out(&finding.threads) { p.quiet { (words) } }
        }
        @if let Some(picture) = &finding.picture {
            // As an image, an SVG from an untrusted record can neither run scripts nor load resources.
            div.scroll { img.history alt="the history, one lane for each thread" src=(as_address(picture)); }
        }
    }
}

/// An SVG document as a data URL.
fn as_address(svg: &str) -> String {
    let mut address = "data:image/svg+xml,".to_owned();
    for byte in svg.bytes() {
        if byte.is_ascii_alphanumeric() || b" -._=:/;,()".contains(&byte) {
            address.push(char::from(byte));
        } else {
            address.push_str(&format!("%{byte:02X}"));
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_url_contains_no_delimiter() {
        let address = as_address("<svg a=\"1\" b='2'>#é%</svg>");
        assert_eq!(address, "data:image/svg+xml,%3Csvg a=%221%22 b=%272%27%3E%23%C3%A9%25%3C/svg%3E");
    }
}
