//! Plants a defect: applies a patch to a copy of a crate's published source.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::data::Planted;
use crate::versions::workspace::copy;
use engine::supervisor::{self, status_words};

/// Copies the source in `original` into a folder below `root`, applies the patch of `planted`, and returns the copy.
///
/// All patches of a channel share one copy, and so one workspace, in which cargo builds little again.
///
/// # Errors
///
/// When the source cannot be copied, git cannot be started, or the patch does not apply.
pub fn plant(root: &Path, planted: &Planted, original: &Path) -> Result<PathBuf> {
    let folder = root.join("planted").join(&planted.channel);
    copy(original, &folder, &[])?;
    let mut git = Command::new("git");
    git.args(["apply", "-p1"]).arg(&planted.patch).current_dir(&folder);
    // Inside a repository, git would apply the paths of a patch from its root, or skip them without an error.
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        git.env_remove(variable);
    }
    let ceiling = folder.parent().context("the copy is in no folder")?.canonicalize()?;
    let others = env::var_os("GIT_CEILING_DIRECTORIES").unwrap_or_default();
    let ceilings = env::join_paths([ceiling].into_iter().chain(env::split_paths(&others)))?;
    git.env("GIT_CEILING_DIRECTORIES", ceilings);
    let output = supervisor::output(git, None).context("cannot start git")?;
    if !output.is_success() {
        let how = output.status.map_or_else(String::new, status_words);
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("{} does not apply: git ended with {how}: {}", planted.patch.display(), stderr.trim());
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use records::verify::Method;

    use super::*;

    const PATCH: &str = "What: w\n\n--- a/src/lib.rs\n+++ b/src/lib.rs\n@@ -1 +1 @@\n-right\n+wrong\n";

    fn planted(folder: &Path, patch: &str) -> Planted {
        let file = folder.join("a-defect.patch");
        fs::write(&file, patch).expect("written");
        let (name, what, model) = ("a-defect".to_owned(), "w".to_owned(), "m".to_owned());
        Planted { name, what, channel: "a".to_owned(), method: Method::Shuttle, model, patch: file }
    }

    fn source(folder: &Path) -> PathBuf {
        let original = folder.join("original");
        fs::create_dir_all(original.join("src")).expect("made");
        fs::write(original.join("src/lib.rs"), "right\n").expect("written");
        original
    }

    #[test]
    fn a_patch_changes_the_copy_and_not_the_source() {
        let folder = tempfile::tempdir().expect("a folder");
        let (original, planted) = (source(folder.path()), planted(folder.path(), PATCH));
        let text = |folder: &Path| fs::read_to_string(folder.join("src/lib.rs")).expect("there");
        // Inside a repository, as the target directory is.
        let mut git = Command::new("git");
        git.args(["init", "--quiet"]).current_dir(folder.path());
        assert!(supervisor::output(git, None).expect("git runs").is_success());
        for _ in 0..2 {
            let copy = plant(&folder.path().join("root"), &planted, &original).expect("it applies");
            assert_eq!((text(&copy).as_str(), text(&original).as_str()), ("wrong\n", "right\n"));
        }
    }

    #[test]
    fn a_patch_that_does_not_apply_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let (original, planted) =
            (source(folder.path()), planted(folder.path(), &PATCH.replace("-right", "-left")));
        let error = plant(&folder.path().join("root"), &planted, &original).expect_err("no such line");
        assert!(error.to_string().contains("does not apply: git ended with"), "{error}");
    }
}
