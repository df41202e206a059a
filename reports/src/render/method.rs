//! How to take the numbers, and how not to.

use maud::{Markup, html};

/// The section.
pub fn section() -> Markup {
    html! {
        section #method {
            h2 { "Method" }
            ul {
                li {
                    b { "ns/op" } " is the wall time of a round's timed region over the messages it delivered. Threads start before "
                    "the region and are joined after it; a gate opens it and the last delivery closes it."
                }
                li {
                    b { "One criterion iteration is one round." } " A sample is the mean of a few rounds, the value shown is the median "
                    "of the samples, and the interval is criterion's bootstrap of that median: it holds the noise within the "
                    "minutes of the measurement, and not what another boot, build or machine would add."
                }
                li {
                    b { "Not told apart" } " means that two intervals overlap. It is no proof that two channels are equally fast, and "
                    "intervals that just miss each other are no proof of a difference either."
                }
                li {
                    b { "Channels are measured one after the other." } " A machine that drifts (heat, neighbours) hits them unequally: "
                    "differences of some per cent between neighbours are not to be trusted. Measure again before choosing by them."
                }
                li {
                    b { "Modes." } " A channel's time may jump between two levels with the scheduler's mood. The strip behind the dot "
                    "holds every sample, so look there before believing a median; a cell whose samples spread says so."
                }
                li {
                    b { "Wall time alone hides spinning." } " A channel that spins while it waits looks fast and takes processor time that "
                    "your program may need. This page does not measure that."
                }
                li {
                    b { "A failed round voids the time" } " of its cell: a channel that loses messages has no speed. Unsupported cells are "
                    "no failures; they have no time either, and are in no ranking."
                }
                li {
                    b { "Ratios" } " compare on the same params only. There is no overall winner on this page, since params differ "
                    "by orders of magnitude and no mean of them is your program."
                }
            }
        }
    }
}
