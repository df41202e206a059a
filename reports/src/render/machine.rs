//! Where the times come from: machines, versions, commands, and criterion's own page.

use std::path::Path;

use maud::{Markup, html};

use crate::analyse::fingerprints::Fingerprint;
use crate::analyse::page::{Page, Source};
use crate::numbers;
use crate::run::record::ROUNDS_FILE;

/// The section.
pub fn section(page: &Page) -> Markup {
    html! {
        section #machine {
            h2 { "Machine" }
            p {
                "Times hold for this machine and these versions. Params with more threads than logical processors measure the "
                "system's scheduler as much as the channel."
            }
            div.cards {
                @for fingerprint in &page.fingerprints { (card(fingerprint)) }
            }
            @match &page.source {
                Source::Run(folder) => p {
                    "Every round, with all that was measured of it: " code { (folder.join(ROUNDS_FILE).display()) } "."
                },
                Source::Criterion(input) => (criterion(input)),
                Source::Nowhere => {}
            }
        }
    }
}

/// Where criterion's own page is.
pub fn criterion(input: &Path) -> Markup {
    html! {
        p {
            "Criterion's own page, with the distribution of every benchmark: "
            code { (input.join("report").join("index.html").display()) }
            ". The raw samples lie beside it; what this page adds is in "
            code { (input.join(harness::record::BENCH_FILE).display()) } "."
        }
    }
}

fn card(fingerprint: &Fingerprint) -> Markup {
    let machine = &fingerprint.machine;
    html! {
        div.card {
            dl {
                dt { "processor" } dd { (machine.cpu) ", " (numbers::count(machine.cores as u64, "logical processor")) }
                dt { "system" } dd { (machine.system) ", kernel " (machine.kernel) }
                dt { "compiler" } dd { (machine.rustc) }
                dt { "versions" }
                dd {
                    @for (index, (channel, version)) in machine.channels.iter().enumerate() {
                        @if index > 0 { ", " }
                        (channel) ": " span.quiet { (version) }
                    }
                }
            }
            div.scroll {
                table {
                    thead {
                        tr {
                            th scope="col" { "workload" } th scope="col" { "run began" } th scope="col" { "profile" }
                            th scope="col" { "command" }
                        }
                    }
                    tbody {
                        @for run in &fingerprint.runs {
                            tr {
                                td { (run.workload) } td { (numbers::date(&run.began)) } td { (run.profile) }
                                td { code { (run.command) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
