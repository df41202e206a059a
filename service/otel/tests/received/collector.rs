//! A collector for tests: it keeps what it gets, and answers as it is told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

/// The answer to a request with spans.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// All are taken.
    Takes,
    /// This many are refused.
    Refuses(i64),
    /// Nothing is taken, with this status.
    Status(u16),
    /// None: the connection stays open.
    Silence,
}

/// The collector. It listens until the process ends.
pub(crate) struct Collector {
    pub(crate) endpoint: String,
    taken: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    /// A collector with an answer for each request with spans, by its number from 0.
    pub(crate) fn start(answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
        let taken = Arc::new(Mutex::new(Vec::new()));
        let (own, answer, requests) = (Arc::clone(&taken), Arc::new(answer), Arc::new(Mutex::new(0)));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (own, answer, requests) = (Arc::clone(&own), Arc::clone(&answer), Arc::clone(&requests));
                thread::spawn(move || serve(stream.expect("a connection"), &own, &*answer, &requests));
            }
        });
        Collector { endpoint, taken }
    }

    /// The spans of the requests that it has answered with success.
    pub(crate) fn spans(&self) -> Vec<Span> {
        self.taken.lock().expect("no panic").clone()
    }
}

fn serve(
    stream: TcpStream,
    taken: &Mutex<Vec<Span>>,
    answer: &(dyn Fn(usize) -> Answer + Send + Sync),
    requests: &Mutex<usize>,
) {
    let mut output = stream.try_clone().expect("a handle");
    let mut input = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if input.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line.trim().is_empty() {
                break;
            }
            head.push(line.to_ascii_lowercase());
        }
        let length = head.iter().find_map(|line| line.strip_prefix("content-length:"));
        let mut body = vec![0; length.expect("a length").trim().parse().expect("a number")];
        input.read_exact(&mut body).expect("the body");
        let (mut status, mut response) = (200, Vec::new());
        if head[0].starts_with("post /v1/traces ") {
            let number = {
                let mut requests = requests.lock().expect("no panic");
                *requests += 1;
                *requests - 1
            };
            let spans = ExportTraceServiceRequest::decode(&body[..]).expect("spans").resource_spans;
            let spans = spans.into_iter().flat_map(|spans| spans.scope_spans).flat_map(|spans| spans.spans);
            match answer(number) {
                Answer::Takes => taken.lock().expect("no panic").extend(spans),
                Answer::Refuses(rejected_spans) => {
                    taken.lock().expect("no panic").extend(spans);
                    let error_message = "too many".to_owned();
                    let partial_success = Some(ExportTracePartialSuccess { rejected_spans, error_message });
                    response = ExportTraceServiceResponse { partial_success }.encode_to_vec();
                }
                Answer::Status(other) => status = other,
                Answer::Silence => loop {
                    thread::park();
                },
            }
        }
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\n\r\n",
            response.len()
        );
        if output.write_all(&[head.as_bytes(), &response].concat()).is_err() {
            return;
        }
    }
}
