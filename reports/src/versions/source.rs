//! Which version of a crate is meant: a published one, or a checkout of its source.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use toml_edit::DocumentMut;

use crate::BadArguments;
use crate::run::supervisor;

/// What stands before the folder of a checkout.
const PATH: &str = "path:";

/// A version of a crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A published one: its number.
    Published(String),
    /// The source in a folder.
    Checkout {
        /// As it was asked for.
        typed: String,
        /// The folder, in full.
        folder: PathBuf,
        /// What git says of it; `None` where it says nothing.
        commit: Option<String>,
    },
}

impl Source {
    /// Reads `0.5.17` or `path:FOLDER`, of the crate `package`.
    ///
    /// # Errors
    ///
    /// [`BadArguments`] when it is neither, or the folder does not hold the crate.
    pub fn parse(package: &str, text: &str) -> Result<Self> {
        let Some(folder) = text.strip_prefix(PATH) else {
            return match is_version(text) {
                true => Ok(Source::Published(text.to_owned())),
                false => Err(BadArguments(format!(
                    "`{text}` is no version of {package}: expected all of it, such as 0.5.17, or path: and the folder of a checkout"
                ))
                .into()),
            };
        };
        let folder = fs::canonicalize(folder)
            .map_err(|error| BadArguments(format!("{text}: there is no such folder ({error})")))?;
        match package_name(&folder) {
            Some(name) if name == package => {}
            Some(name) => {
                return Err(BadArguments(format!("{text}: that is the crate {name}, not {package}")).into());
            }
            None => {
                return Err(BadArguments(format!(
                    "{text}: no Cargo.toml of a crate in it; name the folder of the crate {package} itself"
                ))
                .into());
            }
        }
        let commit = commit(&folder);
        Ok(Source::Checkout { typed: folder_typed(text), folder, commit })
    }

    /// What it is called beside its crate: `0.5.17`, or `path:../flume`.
    pub fn name(&self) -> &str {
        match self {
            Source::Published(version) => version,
            Source::Checkout { typed, .. } => typed,
        }
    }

    /// A name for its folder, which no other version of the crate has.
    pub fn slug(&self) -> String {
        match self {
            Source::Published(version) => version.replace('+', "-"),
            Source::Checkout { folder, .. } => {
                let mut hasher = DefaultHasher::new();
                folder.hash(&mut hasher);
                format!("path-{:016x}", hasher.finish())
            }
        }
    }

    /// The version for a record, of what its runner told: of a checkout that number alone would say little.
    pub fn recorded(&self, told: &str) -> String {
        match self {
            Source::Published(_) => told.to_owned(),
            Source::Checkout { typed, commit: None, .. } => format!("{told} ({typed})"),
            Source::Checkout { typed, commit: Some(commit), .. } => format!("{told} ({typed}, {commit})"),
        }
    }
}

/// Without a slash at its end, which a shell adds.
fn folder_typed(text: &str) -> String {
    let shorter = text.trim_end_matches('/');
    if shorter == PATH { text } else { shorter }.to_owned()
}

/// Three numbers, and what else a version may have behind them.
fn is_version(text: &str) -> bool {
    let numbers = text.split(['-', '+']).next().unwrap_or_default();
    let all: Vec<&str> = numbers.split('.').collect();
    all.len() == 3
        && all.iter().all(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-+".contains(&byte))
}

/// The name of the crate in a folder; `None` when there is none.
pub fn package_name(folder: &Path) -> Option<String> {
    let text = fs::read_to_string(folder.join("Cargo.toml")).ok()?;
    let manifest: DocumentMut = text.parse().ok()?;
    Some(manifest.get("package")?.get("name")?.as_str()?.to_owned())
}

/// `commit 0123abc`, and whether the checkout differs from it.
fn commit(folder: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.arg("-C").arg(folder).args(arguments);
        let output = supervisor::output(command, None).ok()?;
        output.is_success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--", "."]).is_some_and(|changes| !changes.is_empty());
    Some(format!("commit {commit}{}", if changed { " and changes" } else { "" }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::strategies;

    fn refused(text: &str) -> String {
        let error = Source::parse("flume", text).expect_err(text);
        assert!(error.is::<BadArguments>(), "{error}");
        error.to_string()
    }

    #[test]
    fn whole_versions_are_read_and_others_refused() {
        for version in ["0.5.14", "1.0.0-rc.1", "2.0.0+build.7"] {
            let source = Source::parse("flume", version).expect(version);
            assert_eq!((source.name(), source.recorded("flume 9")), (version, "flume 9".to_owned()));
        }
        for bad in ["0.5", "^0.5.1", "newest", "0.5.x", "1..2", "0.5.1 ", ""] {
            assert!(refused(bad).contains("is no version of flume: expected all of it"), "{bad}");
        }
    }

    #[test]
    fn a_checkout_has_to_hold_the_crate() {
        let folder = tempfile::tempdir().expect("a folder");
        let asked = format!("path:{}/", folder.path().display());
        assert!(refused("path:/no/such/folder").contains("there is no such folder"));
        assert!(refused(&asked).contains("no Cargo.toml of a crate in it"));
        let manifest = folder.path().join("Cargo.toml");
        fs::write(&manifest, "[workspace]\n").expect("written");
        assert!(refused(&asked).contains("no Cargo.toml of a crate in it"));
        fs::write(&manifest, "[package]\nname = \"kanal\"\n").expect("written");
        assert!(refused(&asked).ends_with("that is the crate kanal, not flume"));
        fs::write(&manifest, "[package]\nname = \"flume\"\n").expect("written");
        let source = Source::parse("flume", &asked).expect("it is there");
        assert_eq!(source.name(), asked.trim_end_matches('/'));
        assert_eq!(source.recorded("flume 0.12.0"), format!("flume 0.12.0 ({})", source.name()));
        assert_ne!(source.slug(), Source::Published("0.12.0".to_owned()).slug());
    }

    proptest! {
        #[test]
        fn a_published_version_is_called_what_it_is(
            numbers in any::<[u32; 3]>(),
            more in prop_oneof![Just(String::new()), "[-+][0-9a-zA-Z.-]{1,9}"],
        ) {
            let [major, minor, patch] = numbers;
            let text = format!("{major}.{minor}.{patch}{more}");
            prop_assert_eq!(Source::parse("flume", &text).expect("a version"), Source::Published(text));
        }

        #[test]
        fn any_text_is_a_version_or_refused(text in prop_oneof![strategies::text(), "[0-9a-z.+-]{0,12}", "[0-9]\\.[0-9]\\.[0-9][-+][a-z ./+-]{1,6}"]) {
            match Source::parse("flume", &text) {
                // It is a part of names of folders and of a manifest.
                Ok(source) => {
                    prop_assert_eq!(source.name(), &text);
                    let slug = source.slug();
                    prop_assert!(slug.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte)), "{}", slug);
                }
                Err(error) => prop_assert!(error.is::<BadArguments>(), "{}", error),
            }
        }
    }
}
