//! A program that uses the counting allocator: its rounds report what they allocate.

use workloads::meters::Allocations;
use workloads::meters::allocations::{self, CountingAllocator};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const MESSAGES: u64 = 10_000;

/// The allocations of a round of `producer_consumer`.
fn allocated(channel: &str, text: &str) -> Option<Allocations> {
    let registry = adapters::registry();
    let params = registry.params("producer_consumer", text).expect("params");
    let cell = registry.cell(channel, "producer_consumer", params, Some(MESSAGES)).expect("a cell");
    cell.round().expect("a sound round").allocations
}

/// A single test, since the switch applies to all threads of the program.
#[test]
fn a_round_reports_its_allocations() {
    assert_eq!(allocated("mutex-deque", ""), None, "the count is off");
    assert!(allocations::count(true), "this program has the allocator");

    let boxed = allocated("mutex-deque", "payload=box256").expect("the count is on");
    assert!(boxed.count >= MESSAGES, "{boxed:?}");
    assert!(boxed.bytes >= 256 * MESSAGES, "{boxed:?}");

    // A bounded channel allocates its slots before the start barrier opens. A thread may allocate when it
    // first sleeps.
    let inline = allocated("crossbeam", "payload=8,capacity=64").expect("the count is on");
    assert!(inline.count < MESSAGES / 100, "{inline:?}");

    growth_counts_and_shrinking_does_not();
    assert!(!allocations::count(false));
    assert_eq!(allocations::of_this_thread(), None);
}

fn growth_counts_and_shrinking_does_not() {
    let own = || allocations::of_this_thread().expect("the count is on");
    let before = own();
    let mut words: Vec<u8> = Vec::with_capacity(100);
    words.reserve_exact(300);
    words.push(1);
    words.shrink_to(50);
    let words = std::hint::black_box(words);
    assert_eq!(own() - before, Allocations { count: 2, bytes: 300 });
    drop(words);
    assert_eq!(own() - before, Allocations { count: 2, bytes: 300 }, "frees are not counted");
}
