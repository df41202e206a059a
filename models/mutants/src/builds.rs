//! Builds the programs of the mutated workspace: the models for each explorer, and the worker that runs the
//! other methods.

use std::env;
use std::path::{Path, PathBuf, absolute};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use records::verify::Method;
use serde_json::Value;

use crate::results::EXPLORERS;
use crate::table::{self, Mutant};
use crate::workspace::{self, WORKER};

/// A model: a test of a program.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) program: PathBuf,
    /// The test target that it belongs to.
    pub(crate) target: String,
    /// The test's name.
    pub(crate) name: String,
}

/// The programs that were built.
#[derive(Debug, Default)]
pub(crate) struct Builds {
    loom: Vec<Model>,
    shuttle: Vec<Model>,
    /// The program that runs a method.
    pub(crate) worker: PathBuf,
}

impl Builds {
    /// Generates the mutated workspace and builds what these methods need.
    ///
    /// # Errors
    ///
    /// When the workspace cannot be generated or does not compile.
    pub(crate) fn new(methods: &[Method], mutants: &[Mutant]) -> Result<Builds> {
        let target = env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| Ok(workspace::project().join("target")), absolute)
            .context("CARGO_TARGET_DIR is not a path")?;
        let folder = target.join("mutants");
        workspace::generate(&folder, mutants)?;
        let cargo = Cargo { folder, target };
        let mut builds = Builds::default();
        if methods.contains(&Method::Loom) {
            builds.loom = cargo.models(Method::Loom, mutants)?;
        }
        if methods.contains(&Method::Shuttle) {
            builds.shuttle = cargo.models(Method::Shuttle, mutants)?;
        }
        if methods.iter().any(|method| !EXPLORERS.contains(method)) {
            builds.worker = cargo.worker()?;
        }
        Ok(builds)
    }

    /// The models of an explorer.
    pub(crate) fn models(&self, explorer: Method) -> &[Model] {
        if explorer == Method::Loom { &self.loom } else { &self.shuttle }
    }
}

/// Builds in the mutated workspace.
struct Cargo {
    folder: PathBuf,
    /// The project's target folder, so that dependencies are built once for both workspaces.
    target: PathBuf,
}

impl Cargo {
    /// Builds the models for an explorer and lists them.
    fn models(&self, explorer: Method, mutants: &[Mutant]) -> Result<Vec<Model>> {
        let flags = env::var("RUSTFLAGS").unwrap_or_default();
        // The target folders of scripts/loom and scripts/shuttle.
        let mut cargo = self.command("test", &self.target.join(explorer.name()));
        cargo.args(["--no-run", "-p", "models"]);
        // The explorers, which are optimised, take nearly all of the time.
        let members = ["baseline", "contract", "records", "wording", "workloads", "sut", "models"];
        cargo.args(members.map(|member| format!("--config=profile.release.package.{member}.opt-level=0")));
        cargo.args(table::tests(mutants).into_iter().flat_map(|test| ["--test", test]));
        cargo.env("RUSTFLAGS", format!("{flags} --cfg {explorer}"));
        let mut models = Vec::new();
        for (target, program) in built(&mut cargo, "test")? {
            let list = Command::new(&program)
                .arg("--list")
                .output()
                .with_context(|| format!("cannot run {}", program.display()))?;
            let names = String::from_utf8_lossy(&list.stdout);
            models.extend(names.lines().filter_map(|line| line.strip_suffix(": test")).map(|name| Model {
                program: program.clone(),
                target: target.clone(),
                name: name.to_owned(),
            }));
        }
        Ok(models)
    }

    fn worker(&self) -> Result<PathBuf> {
        let mut cargo = self.command("build", &self.target);
        cargo.args(["-p", "verify", "--bin", WORKER, "--no-default-features"]);
        let mut programs = built(&mut cargo, "bin")?.into_iter();
        let worker = programs.find(|(name, _)| name == WORKER);
        worker.map(|(_, program)| program).with_context(|| format!("cargo built no {WORKER}"))
    }

    fn command(&self, subcommand: &str, target: &Path) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.args([subcommand, "--release"]).current_dir(&self.folder).env("CARGO_TARGET_DIR", target);
        cargo
    }
}

/// Runs cargo and returns the programs of this kind that it built, each with the name of its target.
fn built(cargo: &mut Command, kind: &str) -> Result<Vec<(String, PathBuf)>> {
    let output = cargo
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    ensure!(output.status.success(), "the mutated workspace does not compile: {cargo:?}");
    let messages = String::from_utf8_lossy(&output.stdout);
    let programs = messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let is_of_kind = message["target"]["kind"].as_array()?.iter().any(|of| of == kind);
        let program = message["executable"].as_str().filter(|_| is_of_kind)?;
        Some((message["target"]["name"].as_str()?.to_owned(), PathBuf::from(program)))
    });
    Ok(programs.collect())
}
