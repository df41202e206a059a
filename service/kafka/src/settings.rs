//! The settings of a member, and what librdkafka is told.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;

use crate::KafkaError;

/// How partitions are divided among the members of a group. All members have to agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Assignor {
    /// `cooperative-sticky`: a rebalance revokes only what moves to another member.
    #[default]
    Cooperative,
    /// `range`: a rebalance revokes everything.
    Eager,
}

/// Where a partition without a commit begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// With its oldest message.
    #[default]
    Earliest,
    /// With what arrives from now on.
    Latest,
}

/// Is told, in a line, what went wrong and is tried again.
#[derive(Clone, Default)]
pub struct Trouble(Option<Arc<Tell>>);

type Tell = dyn Fn(&str) + Send + Sync;

impl Trouble {
    /// Calls `tell`, from any thread.
    pub fn told_to(tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Trouble(Some(Arc::new(tell)))
    }

    pub(crate) fn tell(&self, line: &str) {
        if let Some(tell) = &self.0 {
            tell(line);
        }
    }
}

impl fmt::Debug for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "Trouble(told)" } else { "Trouble(not told)" })
    }
}

/// The settings of a member.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Addresses of brokers, separated by commas.
    pub brokers: String,
    /// The topic.
    pub topic: String,
    /// The consumer group.
    pub group: String,
    /// The longest time that a drain takes. It is less than the session time-out.
    pub grace: Duration,
    /// After this time without a sign of life the group gives the member's partitions to others.
    pub session: Duration,
    /// How partitions are divided.
    pub assignor: Assignor,
    /// The name of a static member: when it comes back within the session time-out it has its partitions again, and
    /// the others see no rebalance.
    pub instance: Option<String>,
    /// Where a partition without a commit begins.
    pub start: Start,
    /// Whether a lane ends where its partition ended when the lane came there.
    pub until_end: bool,
    /// More settings of librdkafka, by their names there.
    pub more: Vec<(String, String)>,
    /// Is told of what is tried again.
    pub trouble: Trouble,
}

/// What librdkafka is told in any case, and why it cannot be set.
const FIXED: [(&str, &str, &str); 4] = [
    ("enable.auto.commit", "false", "what is not processed would be committed"),
    ("enable.auto.offset.store", "false", "nothing stores offsets: a commit names its own"),
    // A committed offset that is not in the topic must not become another one silently.
    ("auto.offset.reset", "error", "the setting `start` says where a partition without a commit begins"),
    ("allow.auto.create.topics", "false", "a misspelt topic would be created"),
];

/// What librdkafka is told unless it is set otherwise. A partition has a queue of its own, and these are its bounds.
const DEFAULTS: [(&str, &str); 3] = [
    ("queued.min.messages", "1000"),
    ("queued.max.messages.kbytes", "4096"),
    // A commit that has no answer fails before the drain of a revoked partition is over.
    ("socket.timeout.ms", "10000"),
];

/// The names that a field of [`Settings`] stands for.
const FIELDS: [&str; 6] = [
    "bootstrap.servers",
    "group.id",
    "group.instance.id",
    "session.timeout.ms",
    "partition.assignment.strategy",
    "enable.partition.eof",
];

impl Settings {
    /// A member of `group` that consumes `topic`, with defaults for the rest: a grace of 30 s, and Kafka's own default
    /// of 45 s for the session.
    pub fn new(brokers: impl Into<String>, topic: impl Into<String>, group: impl Into<String>) -> Self {
        Settings {
            brokers: brokers.into(),
            topic: topic.into(),
            group: group.into(),
            grace: Duration::from_secs(30),
            session: Duration::from_secs(45),
            assignor: Assignor::default(),
            instance: None,
            start: Start::default(),
            until_end: false,
            more: Vec::new(),
            trouble: Trouble::default(),
        }
    }

    /// What librdkafka is told.
    pub(crate) fn config(&self) -> Result<ClientConfig, KafkaError> {
        for (what, text) in [("brokers", &self.brokers), ("topic", &self.topic), ("group", &self.group)] {
            if text.is_empty() {
                return Err(KafkaError::Setting(format!("the setting `{what}` is empty")));
            }
        }
        if self.grace >= self.session {
            return Err(KafkaError::Grace { grace: self.grace, session: self.session });
        }
        let mut config = ClientConfig::new();
        for (name, value) in DEFAULTS {
            config.set(name, value);
        }
        for (name, value) in &self.more {
            if let Some((_, _, reason)) = FIXED.iter().find(|(fixed, ..)| fixed == name) {
                return Err(KafkaError::Setting(format!("`{name}` cannot be set: {reason}")));
            }
            if FIELDS.contains(&name.as_str()) {
                return Err(KafkaError::Setting(format!("`{name}` has a setting of its own: use that")));
            }
            config.set(name, value);
        }
        for (name, value, _) in FIXED {
            config.set(name, value);
        }
        config.set("bootstrap.servers", &self.brokers);
        config.set("group.id", &self.group);
        config.set("session.timeout.ms", self.session.as_millis().to_string());
        config.set("enable.partition.eof", self.until_end.to_string());
        config.set(
            "partition.assignment.strategy",
            match self.assignor {
                Assignor::Cooperative => "cooperative-sticky",
                Assignor::Eager => "range",
            },
        );
        if let Some(instance) = &self.instance {
            config.set("group.instance.id", instance);
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Settings)) -> String {
        let mut settings = Settings::new("localhost:9092", "orders", "billing");
        change(&mut settings);
        settings.config().expect_err("it is refused").to_string()
    }

    #[test]
    fn the_grace_is_below_the_session_time_out() {
        let line = refused(|settings| settings.grace = settings.session);
        assert!(
            line.starts_with("the grace of 45000 ms is not below the session time-out of 45000 ms"),
            "{line}"
        );
        let mut settings = Settings::new("localhost:9092", "orders", "billing");
        settings.grace = settings.session - Duration::from_millis(1);
        assert!(settings.config().is_ok());
    }

    #[test]
    fn nothing_switches_automatic_commits_on() {
        for name in ["enable.auto.commit", "enable.auto.offset.store"] {
            let line = refused(|settings| settings.more.push((name.to_owned(), "true".to_owned())));
            assert!(line.starts_with(&format!("`{name}` cannot be set")), "{line}");
        }
        let config = Settings::new("localhost:9092", "orders", "billing").config().expect("defaults");
        assert_eq!(config.get("enable.auto.commit"), Some("false"));
        assert_eq!(config.get("enable.auto.offset.store"), Some("false"));
    }

    #[test]
    fn a_setting_has_one_place() {
        let line = refused(|settings| settings.more.push(("group.id".to_owned(), "other".to_owned())));
        assert_eq!(line, "`group.id` has a setting of its own: use that");
        assert_eq!(refused(|settings| settings.topic.clear()), "the setting `topic` is empty");
    }
}
