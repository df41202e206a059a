//! libFuzzer over one target: `fuzz --TARGET [CORPUS...]`, with libFuzzer's own options. See README.md.

#![no_main]

mod mutations;
mod targets;

use std::cell::Cell;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use mutations::Mutations;
use targets::{TARGETS, Target};
use workloads::meters::allocations::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

thread_local! {
    static TARGET: Cell<Option<&'static Target>> = const { Cell::new(None) };
}

/// The target that the command line names; libFuzzer ignores what begins with two hyphens.
fn named() -> Option<&'static Target> {
    let mut names = std::env::args().filter_map(|argument| argument.strip_prefix("--").map(str::to_owned));
    let name = names.next()?;
    TARGETS.iter().find(|target| target.name == name)
}

fuzz_target!(
    init: {
        match named() {
            Some(target) => TARGET.set(Some(target)),
            None => {
                TARGETS.iter().for_each(|target| println!("{}", target.name));
                std::process::exit(2);
            }
        }
    },
    |data: &[u8]| {
        if let Some(target) = TARGET.get() {
            target.run(data);
        }
    }
);

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    // Every fourth mutation knows the structure; the others are libFuzzer's, with its dictionary and what it compares.
    if !seed.is_multiple_of(4) {
        return fuzzer_mutate(data, size, max_size);
    }
    let mut input = data[..size].to_vec();
    Mutations::new(seed.into(), 0).mutate(&mut input, &data[..size]);
    let size = input.len().min(max_size);
    data[..size].copy_from_slice(&input[..size]);
    size
});
