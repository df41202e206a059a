//! The channels: what each one is, what it lacks, and the results of its checks.

use maud::{Markup, html};

use super::checks;
use super::colours::Colours;
use super::parts::swatch;
use crate::analyse::page::{ChannelPage, Page};

/// The section.
pub(crate) fn section(page: &Page, colours: &Colours) -> Markup {
    html! {
        section #channels {
            h2 { "Channels" }
            div.scroll {
                table.channels {
                    thead {
                        tr {
                            th scope="col" { "channel" }
                            th scope="col" { "description" }
                            th scope="col" { "lacks and notes" }
                            th scope="col" { "self-checks of its rounds" }
                            th scope="col" { "models of its code" }
                        }
                    }
                    tbody {
                        @for channel in &page.channels { (row(channel, colours)) }
                    }
                }
            }
            p.quiet {
                "The adapter of a channel declares what the channel lacks; a lack is no failure. Verified rounds show that nothing went wrong in "
                "these rounds, not that nothing can. Loom tries every schedule of its models within their bounds, shuttle a number of "
                "random ones, on the channels where they can run at all."
            }
        }
    }
}

fn row(channel: &ChannelPage, colours: &Colours) -> Markup {
    html! {
        tr {
            th scope="row" {
                (swatch(&channel.name, colours)) (channel.name)
                @if let Some(version) = &channel.version { div.version { (version) } }
            }
            @match &channel.about {
                Some(about) => {
                    td { (about.about) }
                    td {
                        @if about.lacks.is_empty() && about.notes.is_empty() { span.quiet { "lacks nothing" } }
                        @else {
                            ul.tight {
                                @for lack in &about.lacks {
                                    li { b { "lacks " (lack.capability) } ": " (lack.reason) }
                                }
                                @for note in &about.notes { li { (note) } }
                            }
                        }
                    }
                }
                None => { td colspan="2" { "unknown to this build" } }
            }
            // The labels replace the head where the page is too narrow for columns.
            td data-label="self-checks of its rounds" { (checks::check(&checks::rounds(&channel.rounds))) }
            td data-label="models of its code" {
                (checks::check(&checks::channel_models(&channel.name, &channel.models)))
            }
        }
    }
}
