//! The machine and the command of the run.

use maud::{Markup, html};

use crate::analyse::page::RunSummary;
use records::rounds::ROUNDS_FILE;
use wording::numbers;

/// The section.
pub(crate) fn section(run: &RunSummary) -> Markup {
    let machine = &run.machine;
    html! {
        section #machine {
            h2 { "Machine" }
            p {
                "Times hold for this machine and these versions. Params with more threads than logical processors measure the "
                "scheduler of the system as much as the channel."
            }
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
                    dt { "began" } dd { (numbers::date(&run.began)) }
                    dt { "profile" } dd { (run.profile) }
                    dt { "command" } dd { code { (run.command) } }
                    dt { "every round" } dd { code { (run.folder.join(ROUNDS_FILE).display()) } }
                }
            }
        }
    }
}
