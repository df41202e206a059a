//! The source of a crate that is instrumented, and its manifest.

use std::collections::BTreeSet;
use std::path::Path;

use instrument::manifest::{Inherited, Manifest};
use instrument::{Folders, source};
use proc_macro2::extra::invalidate_current_thread_spans;

/// The dependencies that the crate is built with: one with a wrapper, one that is instrumented, one that is used as it is.
const USED: [&str; 3] = ["spin", "parking", "cfg-if"];

/// A source file, as the root of its crate and as another.
pub(super) fn source(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let file = Path::new("src/a.rs");
    for is_root in [false, true] {
        let Ok(new) = source::instrumented(text, file, is_root) else { continue };
        let again = source::instrumented(&new.text, file, false);
        let again =
            again.unwrap_or_else(|error| panic!("instrumented once, it is no source: {error}\n{}", new.text));
        assert!(new.primitives >= again.primitives, "code was added\n{}", new.text);
        for applied in &new.applied {
            assert!(applied.line <= text.lines().count(), "{applied} in {} lines", text.lines().count());
        }
        if !is_root && new.applied.is_empty() {
            assert_eq!(
                new.text,
                text.trim_start_matches('\u{feff}'),
                "no rule applied, and the text is another"
            );
        }
    }
    // It keeps every text that this thread has read.
    invalidate_current_thread_spans();
}

/// A manifest.
pub(super) fn manifest(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let Ok(manifest) = Manifest::parse(text, &Inherited::default()) else { return };
    let used: BTreeSet<String> = USED.map(str::to_owned).into();
    let folders = Folders { shim: "../shim", dependencies: "../dependencies" };
    let Ok(changed) = manifest.instrumented(folders, &used) else { return };
    let again = Manifest::parse(&changed.text, &Inherited::default());
    let again = again
        .unwrap_or_else(|error| panic!("instrumented once, it is no manifest: {error}\n{}", changed.text));
    assert_eq!((&manifest.package, &manifest.version), (&again.package, &again.version), "{}", changed.text);
    assert!(changed.text.contains("chanlab-shim"), "without the shim:\n{}", changed.text);
    let twice = again.instrumented(folders, &used);
    let twice =
        twice.unwrap_or_else(|error| panic!("instrumented once, it is refused: {error:#}\n{}", changed.text));
    assert_eq!(twice.dependencies, changed.dependencies, "{}", changed.text);
}
