//! The page's section on verification: the matrix, what each method can and cannot say, and every failure.

use harness::verify::{Finding, Method};
use maud::{Markup, html};

use super::super::colours::Colours;
use super::super::parts::swatch;
use super::{finding, steps};
use crate::analyse::page::Page;
use crate::analyse::verification::{CellStatus, FailedCase, MatrixCell, Row, Verification, unit};
use crate::numbers;

/// The section.
pub fn section(page: &Page, colours: &Colours) -> Markup {
    let verification = &page.verification;
    html! {
        section #verification {
            h2 { "Verification" }
            p {
                "Beside the rounds that are timed, each method below looks at numbered cases of a channel, harder than a benchmark does. A "
                "pass holds within its bounds and no further. A method that did not look at a channel's own code is no pass of it."
            }
            @if verification.is_empty() {
                p.quiet { "Not run (" code { "chanlab verify" } ")." }
            } @else {
                div.scroll { (matrix(verification, colours)) }
                (bounds(verification))
                (failures(verification))
            }
            h3 { "What each method can and cannot say" }
            div.scroll { (methods()) }
        }
    }
}

/// What a method looks at, what it says when it passes, and what it does not.
fn about(method: Method) -> [&'static str; 3] {
    match method {
        Method::Rounds => [
            "small rounds of every workload, on real threads",
            "in the rounds made nothing was lost, doubled, reordered for a producer, damaged or leaked",
            "anything of schedules that the machine did not happen to take",
        ],
        Method::Conformance => [
            "scenarios that any channel must pass",
            "the channel does what the contract asks, or declares that it does not, in each scenario",
            "anything of what nobody thought to write a scenario for",
        ],
        Method::Properties => [
            "random sequences of operations, each held against a model of the contract",
            "every answer was the model's on the sequences tried",
            "anything of operations that meet on several threads",
        ],
        Method::Linearizability => [
            "histories of operations that met on real threads",
            "each recorded history has a legal order",
            "anything of histories that the machine did not happen to take",
        ],
        Method::Loom => [
            "models of the baseline, and of the workloads' coordination over it",
            "every schedule within the bounds, weak memory included",
            "anything of other channels' code, or beyond the bounds",
        ],
        Method::Shuttle => [
            "the same models, larger",
            "the random and PCT schedules that were tried",
            "anything of schedules that were not tried, or of weak memory",
        ],
    }
}

fn methods() -> Markup {
    html! {
        table.methods {
            thead {
                tr {
                    th scope="col" { "method" } th scope="col" { "looks at" } th scope="col" { "a pass says" }
                    th scope="col" { "it does not say" }
                }
            }
            tbody {
                @for method in Method::ALL {
                    @let [looks_at, says, silent] = about(method);
                    tr {
                        th scope="row" { (method) }
                        td { (looks_at) } td { (says) } td { (silent) }
                    }
                }
            }
        }
    }
}

fn matrix(verification: &Verification, colours: &Colours) -> Markup {
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

fn matrix_row(row: &Row, colours: &Colours) -> Markup {
    html! {
        tr {
            th scope="row" {
                @if row.is_channel { (swatch(&row.subject, colours)) (row.subject) }
                @else { (row.subject) div.version { "coordination, over the baseline" } }
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

/// How far each method went, and why others say nothing.
fn bounds(verification: &Verification) -> Markup {
    html! {
        details.bounds {
            summary { "How far each method went, and why others say nothing" }
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

fn failures(verification: &Verification) -> Markup {
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
                    p.quiet { "Found earlier, on " (numbers::date(&verified.at)) ", and not again by a newer verification of the same version." }
                }
                dl {
                    dt { "expected" } dd { pre { (finding.expected) } }
                    dt { "happened" } dd { pre { (finding.happened) } }
                    dt { "version" } dd { (verified.version) }
                    @if let Some(replay) = &verified.replay { dt { "again" } dd { code { (replay) } } }
                }
                (scenario(finding))
                @if let Some(remains) = &verified.remains {
                    @if !remains.last_words.is_empty() {
                        details {
                            summary { "Its last words" }
                            pre { (remains.last_words.join("\n")) }
                        }
                    }
                    @if let Some(backtrace) = &remains.backtrace {
                        details {
                            summary { "Where its threads were" }
                            pre { (backtrace) }
                        }
                    }
                }
            }
        }
    }
}

/// The smallest scenario, and its picture.
fn scenario(finding: &Finding) -> Markup {
    let rows = steps::rows(&finding.threads);
    html! {
        @if !rows.is_empty() {
            div.scroll {
                table.steps {
                    thead {
                        tr {
                            th.number scope="col" { "time" }
                            @for thread in &finding.threads { th scope="col" { (thread.thread) } }
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
        }
        @if let Some(picture) = &finding.picture {
            // As an image it can run nothing and fetch nothing, whoever wrote the record.
            div.scroll { img.history alt="the history, one lane for each thread" src=(as_address(picture)); }
        }
    }
}

/// An SVG document as an address that holds it.
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
    fn an_address_holds_nothing_that_ends_it() {
        let address = as_address("<svg a=\"1\" b='2'>#é%</svg>");
        assert_eq!(address, "data:image/svg+xml,%3Csvg a=%221%22 b=%272%27%3E%23%C3%A9%25%3C/svg%3E");
    }
}
