//! The expectations: known defects, the newest versions, planted defects. All of it is data in `models/defects`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use records::verify::Method;
use serde::Deserialize;

/// The version of a defect that the newest published version still has.
const NEWEST: &str = "newest";

/// The file that lists the newest versions; every other `.toml` file of the folder is a defect.
const NEWEST_FILE: &str = "newest.toml";

/// The folder of planted defects, below that of the defects.
const PLANTED_FOLDER: &str = "planted";

/// The folder of the expectations, below the project's.
pub const FOLDER: &str = "models/defects";

/// A known defect of a published crate: one file in `models/defects`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defect {
    /// The name of its file, without the ending.
    #[serde(skip)]
    pub name: String,
    /// What is wrong, in a sentence.
    pub what: String,
    /// The channel.
    pub channel: String,
    /// A version that has the defect, or `newest`.
    pub bad: String,
    /// The version that fixed it, where there is one to explore as well.
    pub fixed: Option<String>,
    /// Other defects, by name, that both versions have.
    #[serde(default)]
    pub present: Vec<String>,
    /// For each method the models that find it: families, which hold every model whose name begins so.
    pub models: BTreeMap<Method, Vec<String>>,
    /// Whether other models may fail as well.
    #[serde(default)]
    pub others_may_fail: bool,
    /// Whether only the models that are named are explored, and each is a model's whole name.
    #[serde(default)]
    pub only_these_models: bool,
    /// The adapter, where the interface of these versions was another one.
    pub adapter: Option<String>,
}

/// A defect that a patch plants into a copy of a published crate's source: one file in `models/defects/planted`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planted {
    /// The name of its file, without the ending. It begins with the channel's.
    pub name: String,
    /// What is wrong, in a sentence.
    pub what: String,
    /// The channel.
    pub channel: String,
    /// The method that finds it.
    pub method: Method,
    /// The model that finds it. Without the patch the source passes this model.
    pub model: String,
    /// The patch, for `git apply -p1`.
    pub patch: PathBuf,
}

/// A channel whose newest version is explored whole.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Newest {
    /// The channel.
    pub channel: String,
    /// The methods that explore it.
    pub methods: Vec<Method>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewestFile {
    row: Vec<Newest>,
}

/// All expectations.
#[derive(Clone, Debug)]
pub struct Expectations {
    /// The newest versions.
    pub newest: Vec<Newest>,
    /// Known defects, ordered by name.
    pub defects: Vec<Defect>,
    /// Planted defects, ordered by name.
    pub planted: Vec<Planted>,
}

impl Expectations {
    /// Reads `models/defects` of the project in `project`.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or does not have the form that these types state.
    pub fn read(project: &Path) -> Result<Self> {
        let folder = project.join(FOLDER);
        let (mut defects, mut newest) = (Vec::new(), Vec::new());
        for file in files(&folder, "toml")? {
            let text = text_of(&file)?;
            let wrong = || format!("cannot read {}", file.display());
            if file.ends_with(NEWEST_FILE) {
                newest = toml::from_str::<NewestFile>(&text).with_context(wrong)?.row;
            } else {
                let defect: Defect = toml::from_str(&text).with_context(wrong)?;
                defects.push(Defect { name: stem(&file), ..defect });
            }
        }
        let planted = files(&folder.join(PLANTED_FOLDER), "patch")?
            .into_iter()
            .map(|file| planted(&text_of(&file)?, file))
            .collect::<Result<_>>()?;
        let all = Expectations { newest, defects, planted };
        for (of, name) in all.defects.iter().flat_map(|of| of.present.iter().map(move |name| (of, name))) {
            if all.defect(name).is_none() {
                bail!("{}: `present` names {name}, and there is no {name}.toml", of.name);
            }
        }
        Ok(all)
    }

    fn defect(&self, name: &str) -> Option<&Defect> {
        self.defects.iter().find(|defect| defect.name == name)
    }

    /// The defects that the newest version of a channel still has.
    pub fn open(&self, channel: &str) -> impl Iterator<Item = &Defect> {
        self.defects.iter().filter(move |defect| defect.channel == channel && defect.is_open())
    }

    /// The families in which the version with `defect`, or the one that fixed it, fails because of other defects.
    pub fn present(&self, defect: &Defect, method: Method) -> Vec<String> {
        let others = defect.present.iter().filter_map(|name| self.defect(name));
        others.flat_map(|other| other.families(method)).cloned().collect()
    }
}

impl Defect {
    /// Whether the newest version has it.
    pub fn is_open(&self) -> bool {
        self.bad == NEWEST
    }

    /// The families of models that find it by this method.
    pub fn families(&self, method: Method) -> &[String] {
        self.models.get(&method).map_or(&[], Vec::as_slice)
    }
}

/// Reads a patch's head: `What: …`, `Method: …` and `Model: …`, one a line.
fn planted(text: &str, file: PathBuf) -> Result<Planted> {
    let head = |key: &str| {
        let mut lines = text.lines().take_while(|line| !line.starts_with("--- "));
        lines
            .find_map(|line| Some(line.strip_prefix(key)?.strip_prefix(": ")?.to_owned()))
            .with_context(|| format!("{}: no line `{key}: …` above the patch", file.display()))
    };
    let name = stem(&file);
    let method = head("Method")?;
    Ok(Planted {
        what: head("What")?,
        method: method.parse().with_context(|| format!("{}: no method {method}", file.display()))?,
        model: head("Model")?,
        channel: name.split('-').next().unwrap_or_default().to_owned(),
        name,
        patch: file,
    })
}

fn stem(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn text_of(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

/// The files of a folder that have this ending, in order.
fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        if path.extension().is_some_and(|own| own == ending) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
