//! The version that every line and file carries.
//!
//! A reader accepts its own version and every older one: a new member has a default, a renamed one an alias, and unknown
//! members are ignored. A newer version is an error that says so, because its members may have another meaning. The
//! version comes before every other member but the tag, so that a newer line fails there and nowhere else.

use serde::{Deserialize, Serialize};

/// The version of a kind of line. `NEWEST` is the version that this build writes; a line without one has version 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Format<const NEWEST: u32>;

/// This build cannot read a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownFormat {
    /// The version is newer than this build.
    #[error("written by a newer chanlab: format {found}, and this build reads formats up to {newest}")]
    Newer {
        /// The version of the line.
        found: u32,
        /// The newest version that this build reads.
        newest: u32,
    },
    /// Versions begin with 1.
    #[error("format 0 does not exist")]
    Zero,
}

/// Checks that this build, whose newest version is `newest`, reads version `found`.
///
/// # Errors
///
/// [`UnknownFormat`].
pub fn check(found: u32, newest: u32) -> Result<(), UnknownFormat> {
    match found {
        0 => Err(UnknownFormat::Zero),
        _ if found > newest => Err(UnknownFormat::Newer { found, newest }),
        _ => Ok(()),
    }
}

impl<const NEWEST: u32> TryFrom<u32> for Format<NEWEST> {
    type Error = UnknownFormat;

    fn try_from(found: u32) -> Result<Self, UnknownFormat> {
        check(found, NEWEST).map(|()| Format)
    }
}

impl<const NEWEST: u32> From<Format<NEWEST>> for u32 {
    fn from(_: Format<NEWEST>) -> u32 {
        NEWEST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind", rename_all = "kebab-case")]
    enum Line {
        Known {
            #[serde(default)]
            format: Format<2>,
            number: u32,
        },
    }

    fn read(line: &str) -> Result<Line, String> {
        serde_json::from_str(line).map_err(|error| error.to_string())
    }

    #[test]
    fn a_line_of_this_or_an_older_version_is_read_with_its_unknown_members() {
        let known = Line::Known { format: Format, number: 7 };
        assert_eq!(
            serde_json::to_string(&known).expect("plain data"),
            r#"{"kind":"known","format":2,"number":7}"#
        );
        for line in [
            r#"{"kind":"known","format":2,"number":7,"colour":"red"}"#,
            r#"{"kind":"known","format":1,"number":7}"#,
            r#"{"kind":"known","number":7}"#,
        ] {
            assert_eq!(read(line), Ok(Line::Known { format: Format, number: 7 }), "{line}");
        }
    }

    #[test]
    fn a_newer_version_is_named_whatever_the_line_holds() {
        let newer = "written by a newer chanlab: format 3, and this build reads formats up to 2";
        for rest in ["\"number\":7", "\"number\":\"seven\"", "\"digits\":[7]"] {
            let error = read(&format!(r#"{{"kind":"known","format":3,{rest}}}"#)).expect_err("newer");
            assert!(error.starts_with(newer), "{error}");
        }
        let error = read(r#"{"kind":"known","format":0,"number":7}"#).expect_err("no version");
        assert!(error.starts_with("format 0 does not exist"), "{error}");
    }
}
