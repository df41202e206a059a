//! The channel that carries a consumer, by name.

use contract::channel::{Capacity, Channel, Unsupported, Visitor, receivers};
use service_core::source::{Lane, Source};
use service_log::Message;

use crate::Failure;
use crate::consumer::{Consumer, News};
use crate::report::Report;

/// The channel when none is named: it has several receivers and every capacity, and many programs depend on it.
pub const DEFAULT: &str = "crossbeam";

/// Checks that the channel of this name can carry a consumer with this many workers.
///
/// # Errors
///
/// When there is no such channel, or it cannot.
pub fn check(name: &str, workers: usize, capacity: usize) -> Result<(), Failure> {
    struct Check<'a> {
        name: &'a str,
        workers: usize,
        capacity: usize,
        known: Vec<&'static str>,
        result: Option<Result<(), Unsupported>>,
    }
    impl Visitor for Check<'_> {
        fn visit<C: Channel>(&mut self) {
            self.known.push(C::INFO.name);
            if C::INFO.name == self.name {
                let opened = C::open::<u8>(Capacity::from_slots(self.capacity));
                self.result = Some(opened.and_then(|(_, first)| receivers(first, self.workers)).map(drop));
            }
        }
    }
    let mut check = Check { name, workers, capacity, known: Vec::new(), result: None };
    adapters::each(&mut check);
    match check.result {
        Some(Ok(())) => Ok(()),
        Some(Err(Unsupported { capability, reason })) => Err(Failure::Usage(format!(
            "{name} cannot carry {workers} workers over capacity {capacity}, for lack of {capability} ({reason}): \
             name another channel, or change --workers or --capacity"
        ))),
        None => Err(unknown(name, &check.known)),
    }
}

fn unknown(name: &str, known: &[&str]) -> Failure {
    Failure::Usage(format!("unknown channel {name}: expected one of {}", known.join(", ")))
}

/// Runs a consumer over the channel of this name.
///
/// # Errors
///
/// As [`Consumer::run`], and when there is no such channel.
pub fn run<S>(
    name: &str,
    consumer: Consumer,
    source: S,
    news: &mut dyn FnMut(News<'_>),
) -> Result<Report, Failure>
where
    S: Source<Message = Message, Error: Into<Failure>> + Send + 'static,
    S::Lane: Lane<Error: Into<Failure>>,
{
    struct Run<'a, S> {
        name: &'a str,
        own: Option<(Consumer, S)>,
        news: &'a mut dyn FnMut(News<'_>),
        known: Vec<&'static str>,
        result: Option<Result<Report, Failure>>,
    }
    impl<S> Visitor for Run<'_, S>
    where
        S: Source<Message = Message, Error: Into<Failure>> + Send + 'static,
        S::Lane: Lane<Error: Into<Failure>>,
    {
        fn visit<C: Channel>(&mut self) {
            self.known.push(C::INFO.name);
            if C::INFO.name == self.name
                && let Some((consumer, source)) = self.own.take()
            {
                self.result = Some(consumer.run::<C, S>(source, self.news));
            }
        }
    }
    let mut run = Run { name, own: Some((consumer, source)), news, known: Vec::new(), result: None };
    adapters::each(&mut run);
    run.result.unwrap_or_else(|| Err(unknown(name, &run.known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_that_cannot_carry_it_is_named_with_the_reason() {
        let error = |name, workers| check(name, workers, 64).expect_err("it cannot").to_string();
        let known =
            "unknown channel go: expected one of mutex-deque, std, crossbeam, crossfire, flume, kanal";
        assert_eq!(error("go", 1), known);
        let std = error("std", 2);
        assert!(
            std.starts_with("std cannot carry 2 workers over capacity 64, for lack of several consumers ("),
            "{std}"
        );
        check("std", 1, 64).expect("one worker");
        check(DEFAULT, 64, 0).expect("a rendezvous");
    }
}
