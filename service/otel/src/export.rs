//! Spans and metrics in OpenTelemetry's terms, sent by its exporters.

use std::borrow::Cow;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Instant, SystemTime};

use opentelemetry::metrics::{Histogram, MeterProvider};
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};

use crate::client::{Client, TRACES, Taken};
use crate::pipeline::{Kind, NotStarted, Record, Settings};

/// Bounds of the histogram of times, in seconds.
const TIMES: [f64; 9] = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0];

/// Sends spans, and the metrics that are made of them.
#[derive(Debug)]
pub(crate) struct Exporter {
    client: Arc<Client>,
    spans: SpanExporter,
    metrics: SdkMeterProvider,
    depth: Histogram<u64>,
    time: Histogram<f64>,
    scope: InstrumentationScope,
    /// The same moment on both clocks.
    epoch: (Instant, SystemTime),
}

impl Exporter {
    pub(crate) fn new(settings: &Settings) -> Result<Self, NotStarted> {
        let wrong = || NotStarted::Endpoint(settings.endpoint.clone());
        // An exporter of gRPC would take an endpoint without a scheme for https; here the scheme has to be said.
        let address = settings.endpoint.strip_prefix("http://").ok_or_else(wrong)?;
        if address.trim_end_matches('/').is_empty()
            || address.trim_end_matches('/').contains(['/', '?', '#', '@', ' '])
        {
            return Err(wrong());
        }
        let base = settings.endpoint.trim_end_matches('/');
        let client = Arc::new(Client::new(settings.timeout));
        let resource = Resource::builder_empty().with_service_name(settings.service.clone()).build();
        let failed = |error: opentelemetry_otlp::ExporterBuildError| NotStarted::Exporter(error.to_string());
        // Its policy is to try three times more, and its timeout bounds all of it.
        let mut spans = SpanExporter::builder()
            .with_http()
            .with_shared_http_client(Arc::clone(&client) as _)
            .with_endpoint(format!("{base}{TRACES}"))
            .with_timeout(settings.timeout)
            .build()
            .map_err(failed)?;
        spans.set_resource(&resource);
        let metrics = MetricExporter::builder()
            .with_http()
            .with_shared_http_client(Arc::clone(&client) as _)
            .with_endpoint(format!("{base}/v1/metrics"))
            .with_timeout(settings.timeout)
            .build()
            .map_err(failed)?;
        let metrics =
            SdkMeterProvider::builder().with_resource(resource).with_periodic_exporter(metrics).build();
        let meter = metrics.meter("chanlab");
        let depth = meter.u64_histogram("chanlab.channel.depth").with_unit("{message}");
        let depth =
            depth.with_description("messages queued behind a received one, of sampled messages").build();
        let time = meter.f64_histogram("chanlab.channel.time").with_unit("s").with_boundaries(TIMES.to_vec());
        let time = time.with_description(
            "from the beginning of a send, which may block, to the end of the receive, of sampled messages",
        );
        Ok(Exporter {
            client,
            spans,
            depth,
            time: time.build(),
            metrics,
            scope: InstrumentationScope::builder("chanlab").build(),
            epoch: (Instant::now(), SystemTime::now()),
        })
    }

    /// Sends spans; how many of them were refused.
    ///
    /// # Errors
    ///
    /// Why they could not be sent.
    pub(crate) fn export(&self, batch: &[Record]) -> Result<Taken, String> {
        for record in batch {
            let Kind::Receive { channel, since_send, .. } = record.kind else { continue };
            let attributes = [KeyValue::new("chanlab.channel", channel)];
            self.time.record(since_send.as_secs_f64(), &attributes);
            if let Some(depth) = record.depth {
                self.depth.record(depth as u64, &attributes);
            }
        }
        let batch = batch.iter().map(|record| self.span(record)).collect();
        // What an earlier request left is not of this one.
        self.client.taken();
        let exported = pin!(self.spans.export(batch)).poll(&mut Context::from_waker(Waker::noop()));
        match exported {
            Poll::Ready(Ok(())) => Ok(self.client.taken()),
            Poll::Ready(Err(error)) => Err(error.to_string()),
            Poll::Pending => {
                Err("the exporter waits, which a client that blocks never makes it do".to_owned())
            }
        }
    }

    /// Sends the metrics that are left. A request of metrics that is lost is made good by the next one, since they count on.
    pub(crate) fn close(&self) {
        let _ = self.metrics.shutdown();
        let _ = self.spans.shutdown();
    }

    fn at(&self, moment: Instant) -> SystemTime {
        let (instant, system) = self.epoch;
        match moment.checked_duration_since(instant) {
            Some(since) => system + since,
            None => system - instant.duration_since(moment),
        }
    }

    fn span(&self, record: &Record) -> SpanData {
        let context = |trace: u128, span: u64, is_remote| {
            let (trace, span) = (TraceId::from(trace), SpanId::from(span));
            SpanContext::new(trace, span, TraceFlags::SAMPLED, is_remote, TraceState::NONE)
        };
        let mut attributes = Vec::new();
        let (name, span_kind, status) = match record.kind {
            Kind::Send { channel, waited, passed } => {
                attributes.push(KeyValue::new("chanlab.channel", channel));
                attributes.push(KeyValue::new("chanlab.blocked", waited));
                let failed = || Status::error("a timeout, or no receiver");
                let status = if passed { Status::Unset } else { failed() };
                (Cow::Owned(format!("send {channel}")), SpanKind::Producer, status)
            }
            Kind::Receive { channel, waited, is_select, since_send } => {
                attributes.push(KeyValue::new("chanlab.channel", channel));
                if !is_select {
                    attributes.push(KeyValue::new("chanlab.blocked", waited));
                }
                attributes.push(KeyValue::new("chanlab.since_send", since_send.as_secs_f64()));
                let what = if is_select { "select" } else { "receive" };
                (Cow::Owned(format!("{what} {channel}")), SpanKind::Consumer, Status::Unset)
            }
            Kind::Work(name) => (Cow::Borrowed(name), SpanKind::Internal, Status::Unset),
        };
        if let Some(depth) = record.depth {
            attributes.push(KeyValue::new("chanlab.depth", i64::try_from(depth).unwrap_or(i64::MAX)));
        }
        SpanData {
            span_context: context(record.own.trace, record.own.span, false),
            parent_span_id: record.parent.map_or(SpanId::INVALID, |parent| SpanId::from(parent.span)),
            parent_span_is_remote: record.parent.is_some_and(|parent| parent.is_remote),
            span_kind,
            name,
            start_time: self.at(record.began),
            end_time: self.at(record.ended),
            attributes,
            dropped_attributes_count: 0,
            events: Default::default(),
            links: Default::default(),
            status,
            instrumentation_scope: self.scope.clone(),
        }
    }
}
