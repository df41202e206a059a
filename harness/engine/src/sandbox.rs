//! A sandbox for the code of others: a process without a network, which can write into some folders only.
//!
//! On Linux, namespaces of an unprivileged user make it. The process enters them itself before it executes the
//! program ([`enter`]): [`Sandbox::wrap`] starts this program, whose hidden subcommand [`SUBCOMMAND`] does so. It
//! is no prison: the code can read every file that the caller can read, and spend processor time and memory.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::supervisor;

/// The subcommand of this program that enters the sandbox: folders, `--`, and the words of a command.
pub const SUBCOMMAND: &str = "sandbox";

/// The time limit of the first try.
const TRY_TIMEOUT: Duration = Duration::from_secs(10);

/// The only folders into which a sandboxed process can write.
#[derive(Clone, Debug)]
pub struct Sandbox {
    writable: Vec<PathBuf>,
}

impl Sandbox {
    /// A sandbox with these writable folders, which exist.
    ///
    /// # Errors
    ///
    /// When there is none here; in words.
    pub fn new(writable: &[&Path]) -> Result<Self, String> {
        let writable: io::Result<_> = writable.iter().map(|folder| folder.canonicalize()).collect();
        let sandbox = Sandbox { writable: writable.map_err(|error| error.to_string())? };
        // It is tried once, so that its absence is not taken for a failure of the code in it.
        let mut nothing = Command::new("sh");
        nothing.args(["-c", ":"]);
        let tried = sandbox.wrap(&nothing).and_then(|command| supervisor::output(command, Some(TRY_TIMEOUT)));
        match tried {
            Ok(output) if output.is_success() => Ok(sandbox),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().replace("error: ", "")),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The words that start `command` in the sandbox.
    ///
    /// # Errors
    ///
    /// When the path of this program is not known.
    pub fn wrap(&self, command: &Command) -> io::Result<Command> {
        let mut wrapped = Command::new(env::current_exe()?);
        wrapped.arg(SUBCOMMAND).args(&self.writable).arg("--");
        wrapped.arg(command.get_program()).args(command.get_args());
        // Compilers and linkers write temporary files.
        wrapped.envs(self.writable.first().map(|folder| ("TMPDIR", folder)));
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => wrapped.env(name, value),
                None => wrapped.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            wrapped.current_dir(folder);
        }
        Ok(wrapped)
    }
}

/// Takes the network and the right to write outside these folders from this process, which has one thread.
///
/// # Errors
///
/// When the system does not allow it, with the step that failed.
#[cfg(target_os = "linux")]
pub fn enter(writable: &[PathBuf]) -> io::Result<()> {
    use std::fs;

    use nix::mount::{MsFlags, mount};
    use nix::sched::{CloneFlags, unshare};
    use nix::unistd::{getegid, geteuid};

    const NONE: Option<&str> = None;
    let at =
        |step: &'static str| move |error| io::Error::other(format!("{step}: {}", io::Error::from(error)));
    let (user, group) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)
        .map_err(at("no user namespace"))?;
    // Not root inside, even if the caller is root: the program then has no capability with which to undo all this.
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("1000 {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("1000 {group} 1"))?;
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE).map_err(at("no private mounts"))?;
    for folder in writable {
        mount(Some(folder), folder, NONE, MsFlags::MS_BIND | MsFlags::MS_REC, NONE)
            .map_err(at("no bind mount"))?;
    }
    set_read_only(Path::new("/"), true)?;
    writable.iter().try_for_each(|folder| set_read_only(folder, false))?;
    // The folder of the process is still that of the mount below.
    env::set_current_dir(env::current_dir()?)?;
    nix::sys::prctl::set_no_new_privs().map_err(at("no_new_privs"))
}

/// Makes a mount and all below it read-only, or writable again.
#[cfg(target_os = "linux")]
fn set_read_only(folder: &Path, is_read_only: bool) -> io::Result<()> {
    use std::ffi::CString;
    use std::os::unix::ffi::OsStrExt;

    use nix::libc;

    let path = CString::new(folder.as_os_str().as_bytes())?;
    let (set, clear) = if is_read_only { (libc::MOUNT_ATTR_RDONLY, 0) } else { (0, libc::MOUNT_ATTR_RDONLY) };
    let attributes = libc::mount_attr { attr_set: set, attr_clr: clear, propagation: 0, userns_fd: 0 };
    // SAFETY: the path ends in a zero byte, the attributes are of the size that is given, and both live longer.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::AT_RECURSIVE,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    let failed = || io::Error::other(format!("mount_setattr: {}", io::Error::last_os_error()));
    if result == 0 { Ok(()) } else { Err(failed()) }
}

/// As on Linux: there is none.
///
/// # Errors
///
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn enter(_: &[PathBuf]) -> io::Result<()> {
    Err(io::Error::other("only Linux has it"))
}
