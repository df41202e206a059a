//! Why a consumer could not go on.

use std::io;
use std::path::PathBuf;

use service_core::coordinator::AssignError;
use service_core::offset_map::MapError;
use service_core::tracker::TrackError;
use service_log::LogError;

/// Why a consumer could not go on, or could not begin.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The embedded log, as a source, a sink or for dead letters.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Kafka, as a source.
    #[cfg(feature = "kafka")]
    #[error(transparent)]
    Kafka(#[from] service_kafka::KafkaError),
    /// The command line makes no sense.
    #[error("{0}")]
    Usage(String),
    /// An output could not be written.
    #[error("cannot {what} {}: {error}", path.display())]
    Output {
        /// What was attempted.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it was refused.
        error: io::Error,
    },
    /// A write to the output has failed before, and how much of it is in the file is not known.
    #[error("an output has failed before")]
    FailedBefore,
    /// A partition cannot begin.
    #[error(transparent)]
    Assign(#[from] AssignError),
    /// The metadata of a commit is none of ours.
    #[error("partition {partition}: the metadata of its commit cannot be read: {error}; name another group")]
    Metadata {
        /// The partition.
        partition: usize,
        /// What is wrong with it.
        error: MapError,
    },
    /// The source broke its promise.
    #[error("partition {partition}: {error}")]
    Source {
        /// The partition.
        partition: usize,
        /// What it did.
        error: TrackError,
    },
    /// A thread has panicked.
    #[error("{0} has panicked; its message is not processed")]
    Panicked(String),
    /// The machine lacks something.
    #[error("cannot {what}: {error}")]
    System {
        /// What was attempted.
        what: String,
        /// Why it was refused.
        error: io::Error,
    },
}

impl Failure {
    pub(crate) fn output(what: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Failure {
        move |error| Failure::Output { what, path: path.to_owned(), error }
    }
}
