//! A supervised process.

use std::io::{self, Write};
use std::mem::{self, MaybeUninit};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use records::crash::{CrashReport, ProcessFailure};
use records::rounds::Stray;

use super::reaper::{Alive, Registration};
use super::report::{excerpt, status_words, stray_words};
use super::strays::{Suspects, waited_for_processor};
use super::streams::{Collected, Incoming, LineLimits, NoLine, Streams, Tail, read_lines, read_progress};

/// The time that a process has to end after its input has ended.
pub const END_TIMEOUT: Duration = Duration::from_secs(2);

/// The time that a failed process has to end by itself, because its own exit status is more useful than
/// "killed".
const OWN_END_TIMEOUT: Duration = Duration::from_millis(200);

/// The interval at which a wait for a line checks that the process is still alive.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A child process that leads a process group of its own. Dropping it kills the group, and warns of strays that
/// were not taken.
#[derive(Debug)]
pub struct Supervised {
    /// Its program, for messages.
    program: String,
    leader: Child,
    /// Dropped when the group has been killed.
    registration: Option<Registration>,
    /// Set once the group has been killed and the leader reaped.
    status: Option<ExitStatus>,
    /// Whether this process killed it before it had ended.
    was_killed: bool,
    /// The processes that had left the group and were killed after its end.
    strays: Vec<Stray>,
    input: Option<ChildStdin>,
    lines: Option<Receiver<Incoming>>,
    max_line_len: usize,
    stdout: Option<Collected>,
    stderr: Option<Collected>,
    tail: Option<Tail>,
}

/// How a wait for the end of a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The process ended by itself.
    Exited(ExitStatus),
    /// Its time was over, and it was killed.
    TimedOut,
    /// There was a stop request, and it was killed.
    Stopped,
}

impl Supervised {
    /// Starts `command` as the leader of a process group of its own; `streams` replaces its standard streams.
    ///
    /// # Errors
    ///
    /// When it, its reaper or the threads that read its streams cannot be started.
    pub fn start(mut command: Command, streams: Streams) -> io::Result<Self> {
        let stdio = |piped: bool| if piped { Stdio::piped() } else { Stdio::null() };
        command.stdin(stdio(matches!(streams, Streams::Protocol(_) | Streams::CollectWithInput)));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        match &streams {
            Streams::Echo => {
                command.stderr(Stdio::inherit());
            }
            Streams::File(file) => {
                command.stdout(file.try_clone()?).stderr(file.try_clone()?);
            }
            _ => {}
        }
        let (mut leader, registration) = Registration::start(&mut command)?;
        let (stdin, stdout, stderr) = (leader.stdin.take(), leader.stdout.take(), leader.stderr.take());
        // From here on, an early return kills the child.
        let mut process = Supervised {
            program: command.get_program().to_string_lossy().into_owned(),
            leader,
            registration: Some(registration),
            status: None,
            was_killed: false,
            strays: Vec::new(),
            input: stdin,
            lines: None,
            max_line_len: 0,
            stdout: None,
            stderr: None,
            tail: None,
        };
        match streams {
            Streams::Protocol(limits) => {
                let LineLimits { max_len, .. } = limits;
                process.max_line_len = max_len;
                process.lines = stdout.map(|stdout| read_lines(stdout, limits)).transpose()?;
                process.tail = stderr.map(Tail::read).transpose()?;
            }
            Streams::Progress => {
                process.stdout = stdout.map(Collected::read).transpose()?;
                if let Some((lines, tail)) = stderr.map(read_progress).transpose()? {
                    (process.lines, process.tail) = (Some(lines), Some(tail));
                }
            }
            Streams::Echo | Streams::Collect | Streams::CollectWithInput => {
                process.stdout = stdout.map(Collected::read).transpose()?;
                process.stderr = stderr.map(Collected::read).transpose()?;
            }
            Streams::File(_) => {}
        }
        Ok(process)
    }

    /// Writes to the standard input.
    ///
    /// # Errors
    ///
    /// When the input is closed, or the process has ended.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let input = self.input.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        input.write_all(bytes)?;
        input.flush()
    }

    /// The next line, with its end, if it comes within `timeout`.
    ///
    /// # Errors
    ///
    /// [`NoLine`].
    pub fn line(&mut self, timeout: Duration) -> Result<Vec<u8>, NoLine> {
        let began = Instant::now();
        loop {
            let left = timeout.saturating_sub(began.elapsed());
            // A grandchild may keep the stream open, so the end of the leader counts as the end of the group
            // and of the stream.
            let is_over = self.try_end().is_some();
            let Some(lines) = &self.lines else { return Err(NoLine::Ended) };
            return match lines.recv_timeout(if is_over { END_TIMEOUT } else { left.min(POLL_INTERVAL) }) {
                Ok(Incoming::Line(text)) => Ok(text),
                Ok(Incoming::TooLong) => {
                    Err(NoLine::Malformed(format!("wrote a line of more than {} bytes", self.max_line_len)))
                }
                Ok(Incoming::Unfinished(text)) => {
                    Err(NoLine::Malformed(format!("ended in the middle of a line: {}", excerpt(&text))))
                }
                Ok(Incoming::Ended) | Err(RecvTimeoutError::Disconnected) => Err(NoLine::Ended),
                Err(RecvTimeoutError::Timeout) if is_over => Err(NoLine::Ended),
                Err(RecvTimeoutError::Timeout) if left > POLL_INTERVAL => continue,
                Err(RecvTimeoutError::Timeout) => Err(NoLine::Silent),
            };
        }
    }

    /// Waits for the process to end, for at most `timeout`, and kills the group when the time is over or
    /// `stop` is set. Calls `polled` at every poll.
    pub fn run_to_end(
        &mut self,
        timeout: Option<Duration>,
        stop: Option<&AtomicBool>,
        polled: &mut dyn FnMut(),
    ) -> Ending {
        let began = Instant::now();
        loop {
            polled();
            // Relaxed: a flag that a signal handler sets; it guards no other data.
            if stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
                self.kill();
                return Ending::Stopped;
            }
            let left = timeout.map_or(POLL_INTERVAL, |timeout| timeout.saturating_sub(began.elapsed()));
            if let Some(status) = self.wait(left.min(POLL_INTERVAL)) {
                return Ending::Exited(status);
            }
            if left.is_zero() {
                self.kill();
                return Ending::TimedOut;
            }
        }
    }

    /// Waits for the process to end; `None` when it does not within `timeout`.
    pub fn wait(&mut self, timeout: Duration) -> Option<ExitStatus> {
        const MAX_PAUSE: Duration = Duration::from_millis(8);
        let (began, mut pause) = (Instant::now(), Duration::from_millis(1));
        loop {
            let left = timeout.saturating_sub(began.elapsed());
            match self.try_end() {
                Some(status) => return Some(status),
                None if left.is_zero() => return None,
                None => thread::sleep(pause.min(left)),
            }
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    /// Closes the standard input and waits for the end of the process; `None` when it goes on.
    pub fn close(&mut self) -> Option<ExitStatus> {
        self.input = None;
        self.wait(END_TIMEOUT)
    }

    /// The process's identifier.
    pub fn id(&self) -> u32 {
        self.leader.id()
    }

    /// Ends the process, which failed as `what` says, and returns its crash report.
    pub fn fail(&mut self, what: String) -> ProcessFailure {
        let ended = self.wait(OWN_END_TIMEOUT).map(status_words);
        self.kill();
        // The reader thread may be blocked on a full queue of lines; dropping the queue ends it.
        self.lines = None;
        let stderr_tail = self.tail.as_ref().map_or_else(Vec::new, |tail| tail.finish(END_TIMEOUT));
        ProcessFailure { what, crash: CrashReport { ended, stderr_tail, backtrace: None } }
    }

    /// Kills the process and everything in its group.
    pub fn kill(&mut self) {
        if self.try_end().is_none() {
            self.was_killed = true;
            // A process that is gone needs no signal. This is for a leader that has left its group.
            let _ = self.leader.kill();
            self.end();
        }
    }

    /// The signal that ended the process, if it was not one of this process.
    pub fn foreign_signal(&self) -> Option<i32> {
        self.status.filter(|_| !self.was_killed).and_then(|status| status.signal())
    }

    /// The processes that left the group and outlived the child. They have been killed, and the
    /// caller has to name them.
    pub fn take_strays(&mut self) -> Vec<Stray> {
        mem::take(&mut self.strays)
    }

    /// Stops every process of the group where it is, until [`Supervised::go_on`]: an idle child takes no
    /// processor from another.
    pub fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Ends a pause.
    pub fn go_on(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Sends a signal to the group, if it has not ended.
    fn signal(&self, signal: Signal) {
        if self.status.is_none() {
            // Ignored: the group may have just ended.
            let _ = killpg(Pid::from_raw(self.leader.id() as i32), signal);
        }
    }

    /// How long the threads of the group waited for a processor, all together; `None` where the system does not
    /// report it.
    pub fn waited_for_processor(&self) -> Option<Duration> {
        waited_for_processor(self.id())
    }

    /// Whether there is a line, or an end, that has not been read.
    pub fn has_pending_line(&mut self) -> bool {
        let Some(lines) = &self.lines else { return false };
        match lines.try_recv() {
            Ok(Incoming::Ended) | Err(_) => false,
            Ok(_) => true,
        }
    }

    /// The collected standard output; complete once the process has ended.
    pub fn stdout(&self) -> Vec<u8> {
        self.stdout.as_ref().map_or_else(Vec::new, |stdout| stdout.finish(END_TIMEOUT))
    }

    /// The collected standard error; complete once the process has ended.
    pub fn stderr(&self) -> Vec<u8> {
        self.stderr.as_ref().map_or_else(Vec::new, |stderr| stderr.finish(END_TIMEOUT))
    }

    /// How the process ended, if it has; nothing of its group is left then.
    fn try_end(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() && has_ended(self.leader.id()) {
            self.end();
        }
        self.status
    }

    /// Kills the group, and reaps the leader afterwards: until then its number cannot belong to another
    /// group. What has left the group is killed last.
    fn end(&mut self) {
        let Some(registration) = self.registration.take() else { return };
        let suspects = Suspects::of(self.leader.id(), registration.token());
        let _ = killpg(Pid::from_raw(self.leader.id() as i32), Signal::SIGKILL);
        self.status = registration.end(|| self.leader.wait().ok());
        self.strays.extend(suspects.end(&Alive::new()));
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.kill();
        if !self.strays.is_empty() {
            let program = self.program.escape_debug();
            // A closed standard error is no reason to fail.
            let _ = writeln!(io::stderr(), "warning: {program} {}", stray_words(&self.strays));
        }
    }
}

/// Whether a child of this process has ended. It is not reaped.
fn has_ended(process: u32) -> bool {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: `waitid` writes at most one `siginfo_t`, to which it has a valid pointer.
    let result = unsafe { libc::waitid(libc::P_PID, process, info.as_mut_ptr(), options) };
    // SAFETY: a zeroed `siginfo_t` is valid: it is plain data.
    let info = unsafe { info.assume_init() };
    // An error means that the child has already been reaped.
    result != 0 || info.si_signo == libc::SIGCHLD
}

/// The result of a program that ran to its end.
#[derive(Debug)]
pub struct Output {
    /// How it ended; `None` when its time was over.
    pub status: Option<ExitStatus>,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Whether the program ended with success.
    pub fn is_success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }
}

/// Runs a program to its end, for at most `timeout`, and collects its output.
///
/// # Errors
///
/// When it cannot be started.
pub fn output(command: Command, timeout: Option<Duration>) -> io::Result<Output> {
    let mut process = Supervised::start(command, Streams::Collect)?;
    let status = match process.run_to_end(timeout, None, &mut || ()) {
        Ending::Exited(status) => Some(status),
        Ending::TimedOut | Ending::Stopped => None,
    };
    Ok(Output { status, stdout: process.stdout(), stderr: process.stderr() })
}

/// The command of a program and its arguments.
///
/// # Errors
///
/// When `words` is empty.
pub fn command_from_words(words: &[String]) -> io::Result<Command> {
    let (program, arguments) =
        words.split_first().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "an empty command"))?;
    let mut command = Command::new(program);
    command.args(arguments);
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(20);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    const PROTOCOL: Streams = Streams::Protocol(LineLimits { max_len: 20, ahead: 1 });

    #[test]
    fn lines_are_limited_and_the_tail_of_stderr_is_kept() {
        let script = "read -r request; echo \"got $request\"; seq 30 >&2; echo 123456789012345678901; exit 3";
        let mut process = Supervised::start(shell(script), PROTOCOL).expect("it starts");
        process.write(b"one\n").expect("it reads");
        assert_eq!(process.line(TIMEOUT), Ok(b"got one\n".to_vec()));
        let malformed = "wrote a line of more than 20 bytes".to_owned();
        assert_eq!(process.line(TIMEOUT), Err(NoLine::Malformed(malformed.clone())));
        let failure = process.fail(malformed);
        assert_eq!(failure.crash.ended.as_deref(), Some("exit code 3"));
        assert_eq!((failure.crash.stderr_tail.len(), failure.crash.stderr_tail[19].as_str()), (20, "30"));
        let line = "wrote a line of more than 20 bytes; exit code 3; stderr ends with: 30";
        assert_eq!(failure.to_string(), line);
    }

    #[test]
    fn the_end_of_the_leader_is_the_end_of_its_group() {
        // The background process keeps both streams open.
        let mut process =
            Supervised::start(shell("sleep 1000 & echo half; printf more"), PROTOCOL).expect("it starts");
        assert_eq!(process.line(TIMEOUT), Ok(b"half\n".to_vec()));
        let unfinished = "ended in the middle of a line: `more`".to_owned();
        assert_eq!(process.line(TIMEOUT), Err(NoLine::Malformed(unfinished)));
        let output =
            output(shell("sleep 1000 & echo out; echo err >&2; exit 4"), Some(TIMEOUT)).expect("it starts");
        assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"out\n"[..], &b"err\n"[..]));
        assert_eq!(output.status.and_then(|status| status.code()), Some(4));
    }

    #[test]
    fn a_process_is_killed_at_its_deadline_and_on_a_stop_request() {
        let mut process = Supervised::start(shell("sleep 1000"), Streams::Collect).expect("it starts");
        let ending = process.run_to_end(Some(Duration::from_millis(20)), None, &mut || ());
        assert_eq!(ending, Ending::TimedOut);
        let mut process = Supervised::start(shell("sleep 1000"), Streams::Collect).expect("it starts");
        let stop = AtomicBool::new(false);
        let ending = process.run_to_end(None, Some(&stop), &mut || stop.store(true, Ordering::Relaxed));
        assert_eq!(ending, Ending::Stopped);
    }

    #[test]
    fn a_silent_process_has_no_line_in_time_and_is_killed_when_it_fails() {
        let mut process =
            Supervised::start(shell("echo last >&2; exec sleep 1000"), PROTOCOL).expect("it starts");
        assert_eq!(process.line(Duration::from_millis(150)), Err(NoLine::Silent));
        let failure = process.fail("silent".to_owned());
        assert_eq!((failure.crash.ended, failure.crash.stderr_tail), (None, vec!["last".to_owned()]));
    }

    #[test]
    fn every_line_of_a_build_arrives() {
        let mut process =
            Supervised::start(shell("seq 1000 >&2; echo out"), Streams::Progress).expect("it starts");
        for number in 1..=1000 {
            assert_eq!(process.line(TIMEOUT), Ok(format!("{number}\n").into_bytes()));
        }
        assert_eq!(process.line(TIMEOUT), Err(NoLine::Ended));
        assert_eq!(process.wait(TIMEOUT).and_then(|status| status.code()), Some(0));
        assert_eq!(process.stdout(), b"out\n");
    }

    #[test]
    fn a_program_that_does_not_exist_is_an_error() {
        let error = output(Command::new("/no/such/program"), None).expect_err("there is none");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
