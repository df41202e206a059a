//! Profiles: the part of each workload's grid that is measured, and the duration.

use std::env;
use std::fmt;
use std::str::FromStr;

/// The environment variable that chooses the profile.
pub const PROFILE_VARIABLE: &str = "CHANLAB_PROFILE";

/// A profile. Each has all cells of the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// A first look: minutes.
    Quick,
    /// The scaling series: a quarter of an hour.
    #[default]
    Standard,
    /// Everything, longer: about an hour.
    Full,
}

impl Profile {
    /// Every profile, the shortest first.
    pub const ALL: [Profile; 3] = [Profile::Quick, Profile::Standard, Profile::Full];

    /// The profile that the environment names; [`Profile::Standard`] when it names none.
    ///
    /// # Errors
    ///
    /// [`UnknownProfile`] when the variable holds something else.
    pub fn from_env() -> Result<Self, UnknownProfile> {
        match env::var(PROFILE_VARIABLE) {
            Ok(text) => text.parse(),
            Err(env::VarError::NotPresent) => Ok(Profile::default()),
            Err(env::VarError::NotUnicode(text)) => Err(UnknownProfile(text.to_string_lossy().into_owned())),
        }
    }

    /// The profile's name.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Quick => "quick",
            Profile::Standard => "standard",
            Profile::Full => "full",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(text: &str) -> Result<Self, UnknownProfile> {
        let found = Profile::ALL.into_iter().find(|profile| profile.name() == text);
        found.ok_or_else(|| UnknownProfile(text.to_owned()))
    }
}

/// The environment names no profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{PROFILE_VARIABLE}={0}: expected quick, standard or full")]
pub struct UnknownProfile(String);
