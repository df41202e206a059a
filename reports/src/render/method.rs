//! How to take the numbers, and how not to.

use maud::{Markup, html};

use crate::analyse::page::Source;
use crate::analyse::paired_test::{ALPHA, LEVEL};

/// The section.
pub fn section(source: &Source) -> Markup {
    html! {
        section #method {
            h2 { "Method" }
            ul {
                li {
                    b { "ns/op" } " is the wall time of a round's timed region over the messages it delivered. Threads start before "
                    "the region and are joined after it; a gate opens it and the last delivery closes it."
                }
                @match source {
                    Source::Run(_) => (of_a_run()),
                    Source::Criterion(_) => (of_criterion()),
                    Source::Nowhere => {}
                }
                li {
                    b { "Modes." } " A channel's time may jump between levels with the scheduler's mood. The strip behind the dot "
                    "holds every sample, so look there before believing a median."
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

fn of_a_run() -> Markup {
    html! {
        li {
            b { "Every channel has a process of its own" } ", and all are measured in turns: a block is one round of each in random order. "
            "For each epoch all processes are started anew, since where a process has its memory decides how two threads get "
            "along, for as long as it lives."
        }
        li {
            b { "A ratio" } " is the Hodges-Lehmann estimate over the epochs of the median log ratio of an epoch's blocks, so that a drift of "
            "the machine hits both alike. Its interval is of " (format!("{:.0}", LEVEL * 100.0)) " %, from the signed-rank test."
        }
        li {
            b { "Not told apart" } " means that the signed-rank test, adjusted by Holm for the number of pairs, does not call two channels "
            "different at " (format!("{:.0}", ALPHA * 100.0)) " %. It is no proof that they are equally fast: see how wide the interval is."
        }
        li {
            b { "The interval of ns/op" } " is a bootstrap over whole epochs, of 95 %. It holds the machine's drift, which ratios do not: "
            "two intervals may overlap and their ratio be certain all the same."
        }
        li {
            b { "cpu-ns/op" } " is the processor time of all threads from the gate to their end, for each message. A channel that spins "
            "while it waits looks fast, and takes processor time that your program may need."
        }
        li {
            b { "A percentile" } " beyond which fewer than 10 messages lie is withheld: it would be an accident."
        }
    }
}

fn of_criterion() -> Markup {
    html! {
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
            "differences of some per cent between neighbours are not to be trusted. " code { "chanlab run" } " measures in turns."
        }
        li {
            b { "Wall time alone hides spinning." } " A channel that spins while it waits looks fast and takes processor time that "
            "your program may need. Criterion does not measure that; " code { "chanlab run" } " does."
        }
    }
}
