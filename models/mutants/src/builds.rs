//! Builds the programs of the mutated workspace: the models for each explorer, and the worker that runs the
//! other methods.

use std::env;
use std::path::{Path, PathBuf, absolute};
use std::process::Command;

use anyhow::{Context, Result};
use engine::cargo::{Artifact, Cargo};
use engine::supervisor::output;
use records::verify::Method;

use crate::results::EXPLORERS;
use crate::table::{self, Mutant};
use crate::workspace::{self, WORKER};

/// A model, or a property of `service/core`: a test of a program.
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
    /// The properties of `service/core`.
    pub(crate) core: Vec<Model>,
    /// The program that runs a method.
    pub(crate) worker: PathBuf,
}

impl Builds {
    /// Generates the mutated workspace and builds what these methods need, and the properties of `service/core` when
    /// they are wanted.
    ///
    /// # Errors
    ///
    /// When the workspace cannot be generated or does not compile.
    pub(crate) fn new(methods: &[Method], with_core: bool, mutants: &[Mutant]) -> Result<Builds> {
        let target = env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| Ok(workspace::project().join("target")), absolute)
            .context("CARGO_TARGET_DIR is not a path")?;
        let folder = target.join("mutants");
        workspace::generate(&folder, mutants)?;
        let workspace = Workspace { folder, target };
        let mut builds = Builds::default();
        if methods.contains(&Method::Loom) {
            builds.loom = workspace.models(Method::Loom, mutants)?;
        }
        if methods.contains(&Method::Shuttle) {
            builds.shuttle = workspace.models(Method::Shuttle, mutants)?;
        }
        if with_core {
            builds.core = workspace.core()?;
        }
        if methods.iter().any(|method| !EXPLORERS.contains(method)) {
            builds.worker = workspace.worker()?;
        }
        Ok(builds)
    }

    /// The models of an explorer.
    pub(crate) fn models(&self, explorer: Method) -> &[Model] {
        if explorer == Method::Loom { &self.loom } else { &self.shuttle }
    }
}

/// The mutated workspace.
struct Workspace {
    folder: PathBuf,
    /// The project's target folder, so that dependencies are built once for both workspaces.
    target: PathBuf,
}

impl Workspace {
    /// Builds the models for an explorer and lists them.
    fn models(&self, explorer: Method, mutants: &[Mutant]) -> Result<Vec<Model>> {
        // The explorers, which are optimised, take nearly all of the time.
        let members =
            ["baseline", "contract", "records", "wording", "workloads", "service-core", "sut", "models"];
        // The target folders of scripts/loom and scripts/shuttle.
        let cargo = self
            .cargo("test", &self.target.join(explorer.name()))
            .args(["--no-run", "-p", "models"])
            .args(members.map(|member| format!("--config=profile.release.package.{member}.opt-level=0")))
            .args(table::tests(mutants).into_iter().flat_map(|test| ["--test", test]))
            .rustflags(&format!("--cfg {explorer}"));
        tests(cargo)
    }

    /// Builds the properties of `service/core` and lists them.
    fn core(&self) -> Result<Vec<Model>> {
        let only = ["--no-run", "-p", "service-core", "--test", "simulation"];
        tests(self.cargo("test", &self.target).args(only))
    }

    fn worker(&self) -> Result<PathBuf> {
        let cargo = self.cargo("build", &self.target).args([
            "-p",
            "verify",
            "--bin",
            WORKER,
            "--no-default-features",
        ]);
        let worker = built(cargo, "bin")?.into_iter().find(|program| program.target == WORKER);
        worker.map(|program| program.executable).with_context(|| format!("cargo built no {WORKER}"))
    }

    fn cargo(&self, subcommand: &str, target: &Path) -> Cargo<'static> {
        Cargo::new(&self.folder).args([subcommand, "--release"]).env("CARGO_TARGET_DIR", target)
    }
}

/// The tests of the programs that cargo builds.
fn tests(cargo: Cargo<'_>) -> Result<Vec<Model>> {
    let mut tests = Vec::new();
    for Artifact { target, executable, .. } in built(cargo, "test")? {
        let mut list = Command::new(&executable);
        list.arg("--list");
        let output = output(list, None).with_context(|| format!("cannot run {}", executable.display()))?;
        let names = String::from_utf8_lossy(&output.stdout);
        tests.extend(names.lines().filter_map(|line| line.strip_suffix(": test")).map(|name| Model {
            program: executable.clone(),
            target: target.clone(),
            name: name.to_owned(),
        }));
    }
    Ok(tests)
}

/// The programs of this kind that cargo builds.
fn built(cargo: Cargo<'_>, kind: &str) -> Result<Vec<Artifact>> {
    let programs = cargo.build(None, |line| eprintln!("{line}"));
    let mut programs = programs.context("the mutated workspace does not compile")?;
    programs.retain(|program| program.kinds.iter().any(|of| of == kind));
    Ok(programs)
}
