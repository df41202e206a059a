//! The sources by name. This is the place where a source is chosen.

use std::path::PathBuf;
use std::str::FromStr;

/// Where messages come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceName {
    /// The embedded log in a folder.
    Log(PathBuf),
    /// A topic of Kafka.
    Kafka {
        /// Addresses of brokers, separated by commas.
        brokers: String,
        /// The topic.
        topic: String,
    },
}

impl FromStr for SourceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("a source is log:DIR or kafka:BROKERS/TOPIC, and {text:?} is neither");
        match text.split_once(':') {
            Some(("log", folder)) if !folder.is_empty() => Ok(SourceName::Log(folder.into())),
            Some(("kafka", rest)) => match rest.rsplit_once('/') {
                Some((brokers, topic)) if !brokers.is_empty() && !topic.is_empty() => {
                    Ok(SourceName::Kafka { brokers: brokers.to_owned(), topic: topic.to_owned() })
                }
                _ => Err(wrong()),
            },
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_log_or_a_topic() {
        let kafka = |brokers: &str, topic: &str| {
            Ok(SourceName::Kafka { brokers: brokers.to_owned(), topic: topic.to_owned() })
        };
        assert_eq!("log:a:b".parse(), Ok(SourceName::Log("a:b".into())));
        assert_eq!("kafka:one:9092,two/orders".parse(), kafka("one:9092,two", "orders"));
        for text in ["", "log", "log:", "kafka:one", "kafka:/t", "kafka:one/", "file:x"] {
            assert!(text.parse::<SourceName>().is_err_and(|error| error.contains("log:DIR")), "{text}");
        }
    }
}
