//! A real collector: rotel, which prints what it gets. `scripts/otel` names its program.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use service_otel::{Settings, Tracing};

use crate::{PATIENCE, accounted, alone, pipeline};

/// The program of rotel's agent.
const VARIABLE: &str = "CHANLAB_ROTEL";

struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(program: &Path, log: &Path) -> (Agent, String) {
    // Both are free a moment before.
    let [grpc, http] = [0, 0].map(|port| {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("a port");
        listener.local_addr().expect("bound").to_string()
    });
    let mut command = Command::new(program);
    command.args(["start", "--otlp-grpc-endpoint", &grpc, "--otlp-http-endpoint", &http]);
    command.args(["--exporter", "blackhole", "--debug-log", "traces", "--debug-log-verbosity", "detailed"]);
    let output = File::create(log).expect("a file");
    let agent = Agent(command.stdout(output).stderr(Stdio::null()).spawn().expect("rotel starts"));
    let until = Instant::now() + PATIENCE;
    while TcpStream::connect(&http).is_err() {
        assert!(Instant::now() < until, "rotel does not listen");
        thread::sleep(Duration::from_millis(20));
    }
    (agent, format!("http://{http}"))
}

/// The values of a line such as `    Parent ID      : 00f067aa0ba902b7`, of every span.
fn values<'a>(log: &'a str, name: &str) -> Vec<&'a str> {
    let value = |line: &'a str| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then_some(value.trim())
    };
    log.lines().filter_map(value).collect()
}

#[test]
fn a_real_collector_gets_the_whole_trace_of_a_message() {
    let Some(program) = std::env::var_os(VARIABLE) else {
        println!("not available: {VARIABLE} names no program (scripts/otel --install)");
        return;
    };
    let _alone = alone();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rotel.log");
    let (agent, endpoint) = start(Path::new(&program), &path);
    let tracing = Tracing::start(&Settings::to(&endpoint)).expect("started");
    let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers: Vec<_> = std::iter::once(Some(header)).chain([None; 200]).collect();
    pipeline(&headers);
    let report = tracing.close(PATIENCE);
    accounted(&report);
    assert_eq!((report.recorded, report.sent), (7 + 200 * 6, 7 + 200 * 6), "{report}");

    // It prints after it has answered.
    let until = Instant::now() + PATIENCE;
    let mut log = String::new();
    while (values(&log, "ID").len() as u64) < report.sent {
        assert!(Instant::now() < until, "rotel has printed {} spans", values(&log, "ID").len());
        thread::sleep(Duration::from_millis(20));
        log = fs::read_to_string(&path).expect("rotel's output");
    }
    drop(agent);
    let (traces, parents) = (values(&log, "Trace ID"), values(&log, "Parent ID"));
    let (ids, names) = (values(&log, "ID"), values(&log, "Name"));
    assert_eq!((traces.len(), parents.len(), names.len()), (ids.len(), ids.len(), ids.len()));
    let mut followed = Vec::new();
    let mut parent = "00f067aa0ba902b7";
    while let Some(child) = parents.iter().position(|own| *own == parent) {
        assert_eq!(traces[child], "4bf92f3577b34da6a3ce929d0e0e4736");
        followed.push(names[child]);
        parent = ids[child];
    }
    let [send, receive] = ["send mutex-deque", "receive mutex-deque"];
    assert_eq!(followed, ["fetch", send, receive, "work", send, receive, "commit"]);
}
