//! The corpus of the fuzz targets, and mutations of it, in every build: `scripts/fuzz` finds new inputs, and this keeps
//! what it found.

#[path = "../../../fuzz/src/targets/mod.rs"]
mod targets;

#[path = "../../../fuzz/src/mutations.rs"]
mod mutations;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use targets::{TARGETS, Target};
use workloads::meters::allocations::CountingAllocator;

use crate::mutations::Mutations;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// The most files of the corpus, and their most bytes: every build reads them all.
const MAX_FILES: usize = 300;
const MAX_BYTES: usize = 300_000;

/// The mutations of each target.
const MUTATIONS: u64 = 300;

/// As many in the nightly run.
const MANY_MUTATIONS: u64 = 5_000;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus")
}

/// The names in a folder, in order.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("listed").file_name().into_string().expect("a plain name")).collect()
}

/// The inputs of a target, each with its name.
fn inputs(target: &Target) -> Vec<(String, Vec<u8>)> {
    let folder = corpus().join(target.name);
    let read = |name: String| (name.clone(), fs::read(folder.join(&name)).expect("an input"));
    names(&folder).into_iter().map(read).collect()
}

/// Feeds an input to a target. One that fails is left for `fuzz` to run it again.
fn run(target: &Target, what: &str, input: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| target.run(input))).is_err() {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("failed-{}", target.name));
        fs::write(&file, input).expect("written");
        panic!(
            "the target {} failed, as said above, for {what}: the input is in {}",
            target.name,
            file.display()
        );
    }
}

fn mutate(seed: u64, count: u64) {
    for target in &TARGETS {
        let inputs: Vec<Vec<u8>> = inputs(target).into_iter().map(|(_, input)| input).collect();
        for case in 0..count {
            let input = Mutations::new(seed, case).of(&inputs);
            run(target, &format!("mutation {case} of seed {seed}"), &input);
        }
    }
}

#[test]
fn every_input_of_the_corpus_is_read_as_it_should_be() {
    for target in &TARGETS {
        run(target, "no input", b"");
        for (name, input) in inputs(target) {
            run(target, &name, &input);
        }
    }
}

#[test]
fn every_mutation_of_the_corpus_is_read_as_it_should_be() {
    mutate(13, MUTATIONS);
}

#[test]
#[ignore = "minutes: for the nightly run"]
fn many_other_mutations_of_the_corpus_are_read_as_they_should_be() {
    let seed = std::time::UNIX_EPOCH.elapsed().expect("a clock").as_secs();
    println!("seed {seed}");
    mutate(seed, MANY_MUTATIONS);
}

#[test]
fn the_corpus_is_small_and_has_inputs_for_every_target_and_no_other() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(names(&corpus()), targets);
    let sizes: Vec<usize> = TARGETS.iter().flat_map(inputs).map(|(_, input)| input.len()).collect();
    assert!(sizes.len() <= MAX_FILES, "{} files: minimise them (fuzz/README.md)", sizes.len());
    let bytes: usize = sizes.iter().sum();
    assert!(bytes <= MAX_BYTES, "{bytes} bytes: minimise them (fuzz/README.md)");
}
