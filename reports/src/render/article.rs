//! The article's benchmark as a document in Markdown. Every verdict in it is made from the numbers.

use std::fmt::Write;

use super::markdown::escaped;
use crate::analyse::article::{
    AgainstChannel, Article, ArticleConclusion, ArticleResult, CHANNEL, Claim, LEVEL, MUTEX, PUBLISHED,
    VariantRow,
};
use crate::analyse::paired_test;
use engine::article::{CAPACITY, MAX_MESSAGES, WORKLOAD};
use wording::numbers;

/// The limit up to which `go test -bench` raises N.
const MAX_GO_TEST_N: u64 = 1_000_000_000;

/// The article's other parts, each with the command that shows it here. Nothing in it is measured.
const OTHER_PARTS: &str = "\
The article is about production work as much as about a benchmark. Each of its parts is here, over any channel, and checks itself. \
`chanlab` is `cargo run --release --`.

| in the article | here | the command |
| --- | --- | --- |
| a pipeline of stages | the workload `pipeline`: nothing lost, in order, and the disconnect goes through | `chanlab round crossbeam pipeline` |
| a worker pool with back-pressure, `quit` and drain | the workload `worker_pool`: accepted jobs are done, and the drain is timed | `chanlab round crossbeam worker_pool quit=half` |
| a token bucket of rate 5,000 and burst 2,000 before a service | a plot of what is granted, each channel beside the crate `governor` | `chanlab bucket` |
| a partition of Kafka is a channel; commit after processing | the workload `partitioned_log`, and a program that does it for real | `chanlab round crossbeam partitioned_log`, `chanlab consume --help` |
| SIGTERM drains within 30 s | `chanlab consume --grace 30s`: [SERVICE.md](SERVICE.md) has its promises | `chanlab consume --source log:DIR --grace 30s`, then `kill -TERM` |
| `tracedSend`, and where the pipeline is slow | a timeline of a round: blocked in send, blocked in receive, at work | `chanlab round crossbeam pipeline --trace FILE` |

![What a bucket of tokens granted](bucket.svg)

Asked 10,000 times a second, a service under a limit of 5,000 a second and a burst of 2,000 grants no more than the limit allows, in any \
window. A bucket that is a channel grants a little less than the rate: its ticker never catches up, as Go's `time.Ticker` does not. \
`governor` counts by the clock and loses nothing. On a busy machine the bucket grants much less: it never breaks the limit, and it does not keep the rate.";

/// The document.
pub fn document(article: &Article) -> String {
    let sections =
        [introduction(article), table(article), claim(article), published_mutex(article), method(article)];
    let [introduction, table, claim, published_mutex, method] = sections;
    format!(
        "# The article's benchmark, reproduced\n\n{introduction}\n\n{table}\n\n## The claim\n\n{claim}\n\n\
         ## The published mutex version\n\n{published_mutex}\n\n## How it was measured\n\n{method}\n\n## The article's other parts\n\n{OTHER_PARTS}\n"
    )
}

/// The state of the claim in one plain sentence, for the document and the terminal.
pub fn verdict(article: &Article) -> &'static str {
    match article.claim() {
        None => "The claim cannot be checked here: the channel or every corrected mutex version has no time.",
        Some(Claim::All(ArticleConclusion::ChannelFaster)) => {
            "The claim holds here: the Go channel is faster than every corrected mutex version."
        }
        Some(Claim::All(ArticleConclusion::ChannelSlower)) => {
            "The claim is reversed here: every corrected mutex version is faster than the Go channel."
        }
        Some(Claim::All(ArticleConclusion::Tied)) => {
            "The claim can be neither confirmed nor reversed here: the test finds no difference between any corrected mutex version and the Go channel."
        }
        Some(Claim::Depends) => "Whether the claim holds here depends on how the mutex version is corrected.",
    }
}

fn introduction(article: &Article) -> String {
    let Article { machine, extent, .. } = article;
    let [channel, mutex] = PUBLISHED;
    format!(
        "An article on Go's channels published two benchmarks and their times: buffered channel {channel} ns/op, mutex + slice {mutex} ns/op \
         (Go 1.22, Intel i9). Here are both functions in the shape in which they are published, the mutex version corrected in several ways, \
         and the same work over every channel of chanlab.\n\n\
         This document is generated; change it by running\n\n    \
         cargo run --release -- article --epochs {} --messages {}\n\n\
         | | |\n| --- | --- |\n| measured | {} |\n| processor | {}, {} |\n| system | {}, kernel {} |\n| compilers | {}; {}{} |",
        extent.epochs,
        extent.messages,
        numbers::date(&article.began),
        escaped(&machine.cpu),
        numbers::count(machine.cores as u64, "logical processor"),
        escaped(&machine.system),
        escaped(&machine.kernel),
        escaped(&article.go),
        escaped(&machine.rustc),
        if article.optimised { "" } else { ", **not optimised: the times of Rust mean nothing**" },
    )
}

fn table(article: &Article) -> String {
    let mut text = format!(
        "Median ns/op with its {} % interval; the ratio is time / time of `{CHANNEL}`, paired, with its {} % interval. Bold: the test \
         finds a difference from the Go channel.\n\n\
         | variant | language | ns/op | consumed of {} | ratio to the Go channel |\n| --- | --- | ---: | ---: | ---: |",
        LEVEL * 100.0,
        paired_test::LEVEL * 100.0,
        numbers::separated(article.extent.messages)
    );
    // By time, those without one last; in their order otherwise.
    let mut rows: Vec<&VariantRow> = article.rows.iter().collect();
    rows.sort_by(|one, other| order(one).total_cmp(&order(other)));
    for row in rows {
        let (time, consumed, ratio) = cells(&row.outcome);
        let _ = write!(text, "\n| `{}` | {} | {time} | {consumed} | {ratio} |", row.name, row.language);
    }
    let of_the_article = article
        .rows
        .iter()
        .filter(|row| row.of_the_article)
        .map(|row| format!("- `{}`, {}", row.name, escaped(&row.about)));
    let others: Vec<String> =
        article.rows.iter().filter(|row| !row.of_the_article).map(|row| format!("`{}`", row.name)).collect();
    let _ = write!(
        text,
        "\n\n{}\n- {}: chanlab's workload `{WORKLOAD}` at capacity {CAPACITY}, one producer and one consumer, payload of 8 bytes. \
         It also verifies each message (once, in order, undamaged), which the article's loops do not.",
        of_the_article.collect::<Vec<_>>().join("\n"),
        others.join(", ")
    );
    text
}

fn order(row: &VariantRow) -> f64 {
    match row.outcome {
        ArticleResult::Sound { time, .. } => time,
        ArticleResult::Void { .. } | ArticleResult::Without(_) => f64::INFINITY,
    }
}

fn cells(outcome: &ArticleResult) -> (String, String, String) {
    match outcome {
        ArticleResult::Sound { time, interval, beside } => (
            format!(
                "{} ({})",
                numbers::measured(*time),
                interval.map_or("interval unknown".to_owned(), |[low, high]| {
                    format!("{}–{}", numbers::measured(low), numbers::measured(high))
                })
            ),
            "all".to_owned(),
            beside.as_ref().map_or("1".to_owned(), |against| {
                let words = ratio(against);
                if against.verdict() == ArticleConclusion::Tied { words } else { format!("**{words}**") }
            }),
        ),
        ArticleResult::Void { consumed: [least, middle, most], .. } => (
            "void".to_owned(),
            if least == most {
                numbers::separated(*least)
            } else {
                format!(
                    "{} to {}, median {}",
                    numbers::separated(*least),
                    numbers::separated(*most),
                    numbers::separated(*middle)
                )
            },
            "void".to_owned(),
        ),
        ArticleResult::Without(why) => (format!("none: {}", escaped(why)), String::new(), String::new()),
    }
}

fn ratio(against: &AgainstChannel) -> String {
    match against.interval {
        Some(interval) => format!("{} ({})", numbers::ratio(against.ratio), numbers::ratios(interval)),
        None => format!("{} (interval unknown)", numbers::ratio(against.ratio)),
    }
}

fn claim(article: &Article) -> String {
    let [channel, mutex] = PUBLISHED;
    let mut text = format!(
        "Published: mutex / channel = {mutex} / {channel} = {}. **{}**\n",
        numbers::ratio(mutex / channel),
        verdict(article)
    );
    for (row, against) in article.corrected() {
        let words = match against.verdict() {
            ArticleConclusion::ChannelFaster => "slower than the channel, as published",
            ArticleConclusion::ChannelSlower => "faster than the channel, the reverse of what is published",
            ArticleConclusion::Tied => "no difference found",
        };
        let _ = write!(text, "\n- `{}` takes {} of the channel's time: {words}.", row.name, ratio(against));
    }
    text
}

fn published_mutex(article: &Article) -> String {
    let n = numbers::separated(article.extent.messages);
    let stops =
        "Its consumer takes an empty queue for the end of all items, and stops at the first empty moment.";
    match article.row(MUTEX).map(|row| &row.outcome) {
        Some(&ArticleResult::Void { consumed: [least, middle, most], round_ns }) => format!(
            "`{MUTEX}` consumed {} of {n} items in the median round (least {}, most {}). {stops} It returned after {} µs, its \
             producer not done; divided by N, as `go test` does, that is {} ns/op, which is not the time of a message. So its time is void, and \
             its number measures nothing.\n\n\
             Do not run it as it is published. It seems to cost next to nothing, so `go test -bench` may raise N up to {}, and the \
             producer appends all of them to a slice that no consumer empties: {} GB for the items alone. Here N is fixed, {} at most, and memory is limited.",
            numbers::separated(middle),
            numbers::separated(least),
            numbers::separated(most),
            numbers::measured(round_ns / 1e3),
            numbers::measured(round_ns / article.extent.messages as f64),
            numbers::separated(MAX_GO_TEST_N),
            MAX_GO_TEST_N * 8 / 1_000_000_000,
            numbers::separated(MAX_MESSAGES),
        ),
        Some(ArticleResult::Sound { .. }) => format!(
            "`{MUTEX}` happened to consume all {n} items in every round here. {stops} Nothing guarantees that it will, so another \
             machine or another run may void its time."
        ),
        _ => format!("`{MUTEX}` was not measured. {stops}"),
    }
}

fn method(article: &Article) -> String {
    let extent = article.extent;
    format!(
        "- The published functions are in the shape in which they are commonly published, with N for `b.N`: \
         [published.go](../harness/runner/go/article/published.go). Each also counts and sums the items that it consumes, \
         and every round is checked by these. The corrected ones are in [corrected.go](../harness/runner/go/article/corrected.go).\n\
         - {} of {}: in each epoch every variant has a process of its own, and in each block, after one that warms up, every variant has a \
         round, in random order. Ratios are within a block; an epoch counts once.\n\
         - A difference: the signed-rank test over the epochs gives at most {}, after Holm's adjustment for all variants that are compared with the Go channel. \
         The intervals of ratios are not adjusted.\n\
         - Read the ratios, not the nanoseconds, and rather those of your own machine than these.",
        numbers::count(u64::from(extent.epochs), "epoch"),
        numbers::count(u64::from(extent.blocks), "block"),
        paired_test::ALPHA,
    )
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// The part that is not measured is the same in the document that is committed.
    #[test]
    fn the_document_of_the_checkout_has_the_other_parts() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/article.md");
        let text = fs::read_to_string(file).expect("the document");
        assert!(text.ends_with(&format!("## The article's other parts\n\n{OTHER_PARTS}\n")));
    }
}
