//! The HTTP client of the exporters: it blocks, and reads what a collector says about spans that it refused.

use std::future::{Future, ready};
use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;

/// The path of a request with spans.
pub(crate) const TRACES: &str = "/v1/traces";

/// The longest response that is read, in bytes.
const MAX_RESPONSE: u64 = 1 << 20;

/// Spans of a request that were refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) refused: u64,
    pub(crate) reason: Option<String>,
}

/// The client.
#[derive(Debug)]
pub(crate) struct Client {
    agent: ureq::Agent,
    taken: Mutex<Taken>,
}

impl Client {
    pub(crate) fn new(timeout: Duration) -> Self {
        // A collector's refusal is a response and no error here: the exporter decides whether it tries again.
        let config = ureq::Agent::config_builder().timeout_global(Some(timeout)).http_status_as_error(false);
        Client { agent: config.build().new_agent(), taken: Mutex::default() }
    }

    /// What the collector said to the last request with spans.
    pub(crate) fn taken(&self) -> Taken {
        std::mem::take(&mut *self.taken.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let has_spans = request.uri().path() == TRACES;
        let (parts, body) = request.into_parts();
        let mut response = self.agent.run(Request::from_parts(parts, body.as_ref()))?;
        let body = response.body_mut().with_config().limit(MAX_RESPONSE).read_to_vec()?;
        if has_spans && response.status().is_success() {
            *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = read(&body)?;
        }
        Ok(response.map(|_| Bytes::from(body)))
    }
}

/// Reads the response of a collector. An empty one takes everything.
fn read(body: &[u8]) -> Result<Taken, Error> {
    let wrong = |error| Error::new(ErrorKind::InvalidData, format!("no response of a collector: {error}"));
    let Some(partial) = ExportTraceServiceResponse::decode(body).map_err(wrong)?.partial_success else {
        return Ok(Taken::default());
    };
    let reason = Some(partial.error_message).filter(|reason| !reason.is_empty());
    Ok(Taken { refused: u64::try_from(partial.rejected_spans).unwrap_or(0), reason })
}

impl HttpClient for Client {
    // As the macro of the trait writes it: it blocks, and is ready at once.
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(ready(self.send(request)))
    }
}
