//! Every registered workload has a benchmark, and every benchmark a workload.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Benchmarks that are not of a workload.
const OTHERS: [&str; 1] = ["overhead"];

#[test]
fn every_workload_has_a_benchmark() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest: toml::Table =
        fs::read_to_string(folder.join("Cargo.toml")).expect("the manifest").parse().expect("a manifest");
    let benchmarks: BTreeSet<&str> = manifest["bench"]
        .as_array()
        .expect("[[bench]] entries")
        .iter()
        .map(|bench| {
            assert_eq!(bench["harness"].as_bool(), Some(false), "{bench:?}: criterion brings its own main");
            bench["name"].as_str().expect("a name")
        })
        .filter(|name| !OTHERS.contains(name))
        .collect();
    let registry = adapters::registry();
    let workloads: BTreeSet<&str> = registry.workloads().map(|workload| workload.name).collect();
    assert_eq!(
        benchmarks, workloads,
        "a workload needs benches/<name>.rs and a [[bench]] entry (CONTRIBUTING.md)"
    );
    for name in workloads {
        let source = fs::read_to_string(folder.join(format!("benches/{name}.rs"))).expect("its file");
        assert!(source.contains(&format!("suite::bench(\"{name}\")")), "benches/{name}.rs benchmarks it");
    }
}
