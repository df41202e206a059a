//! A version of a crate: a published one, or a checkout of its source.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use toml_edit::DocumentMut;

use engine::supervisor;

/// The prefix of a checkout's folder.
const PATH: &str = "path:";

/// The error for a text on the command line that names no version of a crate.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It is neither a complete version nor a path.
    #[error(
        "`{typed}` is not a version of {package}: expected a complete version, such as 0.5.17, or path:FOLDER with a checkout"
    )]
    NotAVersion {
        /// As typed.
        typed: String,
        /// The crate.
        package: String,
    },
    /// The path leads nowhere.
    #[error("{typed}: there is no such folder ({error})")]
    NoFolder {
        /// As typed.
        typed: String,
        /// Why.
        error: io::Error,
    },
    /// The folder holds another crate.
    #[error("{typed}: that is the crate {found}, not {package}")]
    AnotherCrate {
        /// As typed.
        typed: String,
        /// The crate in the folder.
        found: String,
        /// The crate.
        package: String,
    },
    /// The folder holds no crate.
    #[error("{typed}: no Cargo.toml of a crate in it; name the folder of the crate {package} itself")]
    NoCrate {
        /// As typed.
        typed: String,
        /// The crate.
        package: String,
    },
}

/// A version of a crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CrateSource {
    /// A published one: its number.
    Published(String),
    /// A checkout.
    Checkout {
        /// As it was typed.
        typed: String,
        /// The absolute folder.
        folder: PathBuf,
        /// Its commit; `None` when git names none.
        commit: Option<String>,
    },
}

impl CrateSource {
    /// Reads `0.5.17` or `path:FOLDER`, of the crate `package`.
    ///
    /// # Errors
    ///
    /// [`SourceError`].
    pub fn parse(package: &str, text: &str) -> Result<Self, SourceError> {
        let (typed, package) = (text.to_owned(), package.to_owned());
        let Some(folder) = text.strip_prefix(PATH) else {
            return match is_version(text) {
                true => Ok(CrateSource::Published(typed)),
                false => Err(SourceError::NotAVersion { typed, package }),
            };
        };
        let folder = match fs::canonicalize(folder) {
            Ok(folder) => folder,
            Err(error) => return Err(SourceError::NoFolder { typed, error }),
        };
        match package_name(&folder) {
            Some(name) if name == package => {}
            Some(found) => return Err(SourceError::AnotherCrate { typed, found, package }),
            None => return Err(SourceError::NoCrate { typed, package }),
        }
        let commit = commit(&folder);
        Ok(CrateSource::Checkout { typed: folder_typed(text), folder, commit })
    }

    /// Its name without the crate's: `0.5.17`, or `path:../flume`.
    pub fn name(&self) -> &str {
        match self {
            CrateSource::Published(version) => version,
            CrateSource::Checkout { typed, .. } => typed,
        }
    }

    /// A name for a folder, which is different for each version of the crate.
    pub fn slug(&self) -> String {
        match self {
            CrateSource::Published(version) => version.replace('+', "-"),
            CrateSource::Checkout { folder, .. } => {
                let mut hasher = DefaultHasher::new();
                folder.hash(&mut hasher);
                format!("path-{:016x}", hasher.finish())
            }
        }
    }

    /// The version for a record, made from the one that the runner `reported`. A checkout's version means
    /// little without its path and commit.
    pub fn recorded(&self, reported: &str) -> String {
        match self {
            CrateSource::Published(_) => reported.to_owned(),
            CrateSource::Checkout { typed, commit: None, .. } => format!("{reported} ({typed})"),
            CrateSource::Checkout { typed, commit: Some(commit), .. } => {
                format!("{reported} ({typed}, {commit})")
            }
        }
    }
}

/// The text without the slash that a shell adds at its end.
fn folder_typed(text: &str) -> String {
    let shorter = text.trim_end_matches('/');
    if shorter == PATH { text } else { shorter }.to_owned()
}

/// Whether a text is three numbers and an optional pre-release or build.
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

/// `commit 0123abc`, and whether the checkout has changes.
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
    use testing::strategies;

    fn refused(text: &str) -> String {
        let error = CrateSource::parse("flume", text).expect_err(text);
        error.to_string()
    }

    #[test]
    fn whole_versions_are_read_and_others_refused() {
        for version in ["0.5.14", "1.0.0-rc.1", "2.0.0+build.7"] {
            let source = CrateSource::parse("flume", version).expect(version);
            assert_eq!((source.name(), source.recorded("flume 9")), (version, "flume 9".to_owned()));
        }
        for bad in ["0.5", "^0.5.1", "newest", "0.5.x", "1..2", "0.5.1 ", ""] {
            assert!(refused(bad).contains("is not a version of flume: expected a complete version"), "{bad}");
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
        let source = CrateSource::parse("flume", &asked).expect("it is there");
        assert_eq!(source.name(), asked.trim_end_matches('/'));
        assert_eq!(source.recorded("flume 0.12.0"), format!("flume 0.12.0 ({})", source.name()));
        assert_ne!(source.slug(), CrateSource::Published("0.12.0".to_owned()).slug());
    }

    proptest! {
        #[test]
        fn a_published_version_is_named_by_its_number(
            numbers in any::<[u32; 3]>(),
            more in prop_oneof![Just(String::new()), "[-+][0-9a-zA-Z.-]{1,9}"],
        ) {
            let [major, minor, patch] = numbers;
            let text = format!("{major}.{minor}.{patch}{more}");
            prop_assert_eq!(CrateSource::parse("flume", &text).expect("a version"), CrateSource::Published(text));
        }

        #[test]
        fn any_text_is_a_version_or_refused(text in prop_oneof![strategies::text(), "[0-9a-z.+-]{0,12}", "[0-9]\\.[0-9]\\.[0-9][-+][a-z ./+-]{1,6}"]) {
            match CrateSource::parse("flume", &text) {
                // Names of folders and a manifest contain it.
                Ok(source) => {
                    prop_assert_eq!(source.name(), &text);
                    let slug = source.slug();
                    prop_assert!(slug.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte)), "{}", slug);
                }
                Err(error) => prop_assert!(matches!(error, SourceError::NotAVersion { .. }), "{}", error),
            }
        }
    }
}
