//! How the numbers were made, and how to read them.

use maud::{Markup, html};

use crate::analyse::paired_test::{ALPHA, LEVEL};

/// The section.
pub(crate) fn section() -> Markup {
    html! {
        section #method {
            h2 { "Method" }
            ul {
                li {
                    b { "ns/op" } " is the wall time of a round divided by the number of messages it delivered. All threads start before "
                    "the clock and end after it: it runs from the moment the start barrier opens to the last delivery."
                }
                li {
                    b { "Every channel has its own process" } ", and the channels take turns: a block is one round of each channel, in random "
                    "order. Every epoch restarts all processes, because the memory layout of a process decides how well two threads share a "
                    "channel, for as long as the process lives."
                }
                li {
                    b { "A ratio" } " is the Hodges-Lehmann estimate over the epochs; each epoch contributes the median log ratio of its blocks. "
                    "Drift of the machine affects both sides of a block and cancels. The interval of " (format!("{:.0}", LEVEL * 100.0))
                    " % comes from the signed-rank test."
                }
                li {
                    b { "Tied" } " means that the signed-rank test finds no difference at " (format!("{:.0}", ALPHA * 100.0)) " %, after Holm's "
                    "adjustment for the number of pairs. It does not prove that two channels are equally fast: the width of the interval "
                    "shows how large a difference could remain."
                }
                li {
                    b { "The interval of ns/op" } " is a 95 % bootstrap over whole epochs. It includes the drift of the machine, which ratios do "
                    "not. Two such intervals can overlap while the ratio is certain."
                }
                li {
                    b { "cpu-ns/op" } " is the processor time of all threads for each message. A channel that spins while it waits looks fast, "
                    "but takes processor time that your program may need."
                }
                li {
                    b { "Percentiles" } " with fewer than 10 messages beyond them are withheld, because chance would decide them."
                }
                li {
                    b { "Modes." } " The times of a channel can jump between levels, depending on how its threads are scheduled. The strip "
                    "in a chart shows every round, so look at it before you trust a median."
                }
                li {
                    b { "A failed round voids the time" } " of its cell: a channel that loses messages has no speed. An unsupported cell is no "
                    "failure; it has no time and no rank."
                }
                li {
                    b { "There is no overall winner" } " on this page. Ratios compare channels on the same params only; params differ by orders "
                    "of magnitude, and no mean of them resembles your program."
                }
            }
        }
    }
}
