//! Builds what is run: the models for each explorer, and the methods that run a channel's own code, all of them with mutants.

use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use harness::mutants::Place;
use serde_json::Value;

/// A model: a test of a program.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) program: PathBuf,
    /// The program's own name: what it has models of.
    pub(crate) subject: String,
    /// The test's name.
    pub(crate) name: String,
}

impl Model {
    /// Whether it is one that a mistake at `place` should show in.
    pub(crate) fn is_about(&self, place: Place) -> bool {
        let has = |word| self.name.contains(word);
        match place {
            Place::HandOff => has("rendezvous") || has("meet"),
            Place::Queue => self.subject == "channel" && !has("rendezvous"),
            Place::WorkerPool => self.subject == "coordination" || has("pool"),
            Place::TokenBucket => self.subject == "coordination" || has("caller"),
            Place::FanIn => has("forwarder") || has("pipeline"),
        }
    }
}

/// What was built.
#[derive(Debug, Default)]
pub(crate) struct Builds {
    pub(crate) loom: Vec<Model>,
    pub(crate) shuttle: Vec<Model>,
    /// The program that runs a method.
    pub(crate) method: PathBuf,
}

/// The program that looks at a method's cases.
const METHOD: &str = "chanlab-verify";

/// Files of `models/tests` that hold no models of the code that is verified.
const NO_MODELS: &str = "failures";

impl Builds {
    /// Builds what these methods need.
    pub(crate) fn of(methods: &[&str]) -> io::Result<Builds> {
        let mut builds = Builds::default();
        for &method in methods {
            match method {
                "loom" => builds.loom = models_for("loom")?,
                "shuttle" => builds.shuttle = models_for("shuttle")?,
                _ if builds.method.as_os_str().is_empty() => builds.method = the_method()?,
                _ => {}
            }
        }
        Ok(builds)
    }

    /// The models of an explorer.
    pub(crate) fn models(&self, explorer: &str) -> &[Model] {
        if explorer == "loom" { &self.loom } else { &self.shuttle }
    }
}

fn models_for(explorer: &str) -> io::Result<Vec<Model>> {
    // The folders of scripts/loom and scripts/shuttle, so that what is below this crate is built once.
    let target =
        std::env::var("CARGO_TARGET_DIR").map_or_else(|_| super::root().join("target"), PathBuf::from);
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    let mut cargo = Command::new("cargo");
    cargo.args([
        "test",
        "--locked",
        "--release",
        "--no-run",
        "-p",
        "models",
        "--tests",
        "--features",
        "mutants",
    ]);
    cargo
        .env("CARGO_TARGET_DIR", target.join(explorer))
        .env("RUSTFLAGS", format!("{flags} --cfg {explorer}"));
    let mut models = Vec::new();
    for (subject, program) in built(&mut cargo, "test")? {
        if subject == NO_MODELS {
            continue;
        }
        let list = Command::new(&program).arg("--list").output()?;
        for line in String::from_utf8_lossy(&list.stdout).lines() {
            if let Some(name) = line.strip_suffix(": test") {
                let (program, subject) = (program.clone(), subject.clone());
                models.push(Model { program, subject, name: name.to_owned() });
            }
        }
    }
    Ok(models)
}

fn the_method() -> io::Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--release", "-p", "verify", "--bin", METHOD]);
    cargo.args(["--no-default-features", "--features", "mutants"]);
    let programs = built(&mut cargo, "bin")?;
    let program = programs.into_iter().find(|(name, _)| name == METHOD);
    program.map(|(_, program)| program).ok_or_else(|| io::Error::other(format!("cargo built no {METHOD}")))
}

/// Runs cargo; the programs of this kind that it built, each with its target's name.
fn built(cargo: &mut Command, kind: &str) -> io::Result<Vec<(String, PathBuf)>> {
    let output = cargo.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("{cargo:?} failed")));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let programs = messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let is_of_kind = message["target"]["kind"].as_array()?.iter().any(|of| of == kind);
        let program = message["executable"].as_str().filter(|_| is_of_kind)?;
        Some((message["target"]["name"].as_str()?.to_owned(), PathBuf::from(program)))
    });
    Ok(programs.collect())
}
