//! The words of the article's document, from rounds with known results.

use std::collections::BTreeMap;

use engine::article::{Extent, Lack, Origin, Round, Rounds, Variant};
use records::machine::Machine;
use records::plan::Launch;
use reports::analyse::article::{Article, ArticleConclusion, ArticleResult, CHANNEL, Claim, MUTEX};
use reports::render::article::{document, verdict};

const EXTENT: Extent = Extent { epochs: 16, blocks: 2, messages: 1_000_000, seed: 7 };

/// The channel takes 50 ns/op and more, with a drift that affects all alike; each other variant takes a
/// multiple of that, give or take one per cent.
fn article(bounded: f64, spinning: f64, consumed_by_the_published: u64) -> Article {
    let variants = [
        (CHANNEL, Origin::Article, 1.0),
        (MUTEX, Origin::Article, 0.0002),
        ("mutex-bounded", Origin::Article, bounded),
        ("mutex-spinning", Origin::Article, spinning),
        ("crossbeam", Origin::Runner(Launch::Own), 0.5),
    ];
    let mut rounds = Vec::new();
    for epoch in 0..EXTENT.epochs {
        for block in [None, Some(0), Some(1)] {
            let drift = 50.0 + f64::from(epoch % 5) * 10.0;
            for (index, (name, _, factor)) in variants.iter().enumerate() {
                let noise = [1.01, 0.99, 1.005, 0.995][(epoch as usize + index) % 4];
                // Warm-up rounds must not count.
                let warm_up = if block.is_none() { 100.0 } else { 1.0 };
                rounds.push(Round {
                    variant: (*name).to_owned(),
                    epoch,
                    block,
                    n: EXTENT.messages,
                    consumed: if *name == MUTEX { consumed_by_the_published } else { EXTENT.messages },
                    ns: (drift * factor * noise * warm_up * EXTENT.messages as f64) as u64,
                });
            }
        }
    }
    let mut variants: Vec<Variant> = variants
        .into_iter()
        .map(|(name, origin, _)| Variant {
            name: name.to_owned(),
            language: if origin == Origin::Article { "Go" } else { "Rust" },
            about: format!("what {name} is"),
            origin,
        })
        .collect();
    variants.push(Variant {
        name: "narrow".to_owned(),
        language: "Rust",
        about: String::new(),
        origin: Origin::Runner(Launch::Own),
    });
    let rounds = Rounds {
        go: "go1.22.0".to_owned(),
        variants,
        rounds,
        without: vec![("narrow".to_owned(), Lack::Unsupported("has capacity 1, not 1024".to_owned()))],
    };
    let machine = Machine {
        cpu: "a processor".to_owned(),
        cores: 2,
        kernel: "6.1".to_owned(),
        system: "a system".to_owned(),
        rustc: "rustc 1.95.0".to_owned(),
        channels: BTreeMap::new(),
    };
    let article = Article::of(&rounds, EXTENT, machine, "2026-01-02T03:04:05Z".to_owned());
    Article { optimised: true, ..article }
}

/// The section under `heading`.
fn section<'a>(document: &'a str, heading: &str) -> &'a str {
    let rest = document.split(&format!("## {heading}\n\n")).nth(1).expect("the section");
    rest.split("\n\n## ").next().expect("its text").trim_end()
}

#[test]
fn the_document_of_a_claim_that_is_reversed() {
    let article = article(0.6, 0.8, 0);
    assert_eq!(article.claim(), Some(Claim::All(ArticleConclusion::ChannelSlower)));
    insta::assert_snapshot!(document(&article));
}

#[test]
fn a_claim_that_holds() {
    let article = article(1.69, 2.5, 0);
    assert_eq!(article.claim(), Some(Claim::All(ArticleConclusion::ChannelFaster)));
    insta::assert_snapshot!(section(&document(&article), "The claim"));
}

#[test]
fn a_claim_without_a_difference() {
    let article = article(1.0, 1.0, 0);
    assert_eq!(article.claim(), Some(Claim::All(ArticleConclusion::Tied)));
    insta::assert_snapshot!(section(&document(&article), "The claim"));
}

#[test]
fn a_claim_that_depends_on_the_correction() {
    let article = article(0.6, 1.4, 0);
    assert_eq!(article.claim(), Some(Claim::Depends));
    insta::assert_snapshot!(section(&document(&article), "The claim"));
}

/// Its time is void by what it consumed, not by its name.
#[test]
fn the_published_mutex_version_is_void_only_where_it_lost_items() {
    let lucky = article(0.6, 0.8, EXTENT.messages);
    assert!(matches!(lucky.row(MUTEX).expect("a row").outcome, ArticleResult::Sound { .. }));
    insta::assert_snapshot!(section(&document(&lucky), "The published mutex version"));
    // It is still not among the corrected ones: the verdict is the same as without it.
    assert_eq!(verdict(&lucky), verdict(&article(0.6, 0.8, 0)));
    assert!(lucky.corrected().iter().all(|(row, _)| row.name != MUTEX));
}
