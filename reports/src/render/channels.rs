//! The channels: what each is, what it lacks, what the checks say of it.

use harness::protocol::ChannelHello;
use maud::{Markup, html};

use super::checks::verdict;
use super::colours::Colours;
use super::overview::swatch;
use crate::analyse::page::{ChannelPage, Page};

/// The section.
pub fn section(page: &Page, colours: &Colours) -> Markup {
    html! {
        section #channels {
            h2 { "Channels" }
            div.scroll {
                table.channels {
                    thead {
                        tr {
                            th scope="col" { "channel" }
                            th scope="col" { "what it is" }
                            th scope="col" { "lacks, and other notes" }
                            th scope="col" { "its own rounds" }
                            th scope="col" { "models of its own code" }
                        }
                    }
                    tbody {
                        @for channel in &page.channels { (row(channel, colours)) }
                    }
                }
            }
            p.quiet {
                "A lack is declared by the channel's file and is no failure. Verified rounds show that nothing went wrong in the "
                "runs that were made, not that nothing can; loom tries every schedule of its models within their bounds, and shuttle a "
                "number of random ones, where they can run at all."
            }
        }
    }
}

fn row(channel: &ChannelPage, colours: &Colours) -> Markup {
    html! {
        tr {
            th scope="row" {
                (swatch(&channel.name, colours)) (channel.name)
                @for version in &channel.versions { div.version { (version) } }
            }
            @match channel.info.map(|info| ChannelHello::from_info(info, "")).or_else(|| channel.told.clone()) {
                Some(told) => {
                    td { (told.about) }
                    td {
                        @if told.lacks.is_empty() && told.notes.is_empty() { span.quiet { "lacks nothing" } }
                        @else {
                            ul.tight {
                                @for lack in &told.lacks {
                                    li { b { "lacks " (lack.capability) } ": " (lack.reason) }
                                }
                                @for note in &told.notes { li { (note) } }
                            }
                        }
                    }
                }
                None => { td colspan="2" { "not known to this build" } }
            }
            // The labels stand in for the head where the table is too narrow to have columns.
            td data-label="its own rounds" { (verdict(&channel.rounds)) }
            td data-label="models of its own code" { (verdict(&channel.models)) }
        }
    }
}
