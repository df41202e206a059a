//! The identity of the programs that run rounds: a run is resumed with the same programs or not at all.

use std::collections::BTreeMap;
use std::env;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crc32fast::Hasher;
use records::checksum::Checksum;
use records::crash::ProcessFailure;
use records::plan::{Entry, Launch, Program, ProgramFile};
use records::rounds::CellFailure;

use super::runner::{Runner, RunnerError};

/// A program whose identity cannot be found.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// Chanlab cannot read its own program; without /proc, a process does not know which one that is.
    #[error("cannot read chanlab's own program: {0}")]
    Own(io::Error),
    /// The runner has no hello, or its program cannot be read.
    #[error(transparent)]
    Runner(#[from] RunnerError),
}

/// The programs of these entries, each started once for its hello.
///
/// # Errors
///
/// The first program that has no hello or cannot be read.
pub fn programs(entries: &[Entry]) -> Result<Vec<Program>, ProgramError> {
    let mut programs: Vec<Program> = Vec::new();
    for entry in entries {
        if !programs.iter().any(|program| program.launch == entry.launch) {
            programs.push(program(&entry.launch)?);
        }
    }
    Ok(programs)
}

fn program(launch: &Launch) -> Result<Program, ProgramError> {
    let files = files(launch).map_err(|error| match launch {
        Launch::Own | Launch::Slowed(_) => ProgramError::Own(error),
        Launch::Command(_) => ProgramError::Runner(RunnerError::Failed {
            cause: CellFailure::Protocol,
            failure: Box::new(ProcessFailure::new(format!("cannot read {launch}: {error}"))),
        }),
    })?;
    let hello = Runner::start(launch)?.hello.clone();
    let channels: BTreeMap<String, String> =
        hello.channels.into_iter().map(|channel| (channel.name, channel.version)).collect();
    Ok(Program { launch: launch.clone(), files, runner: hello.runner, language: hello.language, channels })
}

/// The files that decide what a program does: the program itself and every argument that names a file, such
/// as the script of an interpreter. They are compared by content, because a build may write the same program
/// anew.
///
/// # Errors
///
/// When one of them cannot be read, or there is no such program.
pub fn files(launch: &Launch) -> io::Result<Vec<ProgramFile>> {
    let words = match launch {
        Launch::Own | Launch::Slowed(_) => return Ok(vec![file(&env::current_exe()?)?]),
        Launch::Command(words) => words,
    };
    let Some((program, arguments)) = words.split_first() else { return Ok(Vec::new()) };
    let found = found(program)
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("there is no program {program}")))?;
    let named = arguments.iter().map(PathBuf::from).filter(|path| path.is_file());
    [found].into_iter().chain(named).map(|path| file(&path)).collect()
}

/// The file of a program, found as the system finds it.
fn found(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| path.is_file());
    }
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}

fn file(path: &Path) -> io::Result<ProgramFile> {
    let (mut file, mut hasher, mut bytes) = (File::open(path)?, Hasher::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                hasher.update(&buffer[..count]);
                bytes += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let path = path.to_string_lossy().into_owned();
    Ok(ProgramFile { path, bytes, crc32: Checksum::from(hasher).to_string() })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_script_is_a_part_of_the_program_that_interprets_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let script = folder.path().join("runner.sh");
        fs::write(&script, "123456789").expect("written");
        let script = script.display().to_string();
        let launch =
            |program: &str| Launch::Command([program, "-x", &script, "no file"].map(str::to_owned).to_vec());
        let found = files(&launch("sh")).expect("there is a shell");
        let [shell, of_script] = &found[..] else { panic!("{found:?}") };
        assert!(shell.path.ends_with("/sh") && shell.bytes > 0, "{shell:?}");
        // The check value of CRC-32.
        assert_eq!((of_script.bytes, of_script.crc32.as_str()), (9, "cbf43926"));
        assert_eq!(files(&launch(&shell.path)).expect("by its path"), found);
        let error = files(&launch("no-such-program")).expect_err("there is none").to_string();
        assert_eq!(error, "there is no program no-such-program");
    }
}
