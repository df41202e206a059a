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
    struct Check(usize, Capacity, Result<(), Unsupported>);
    impl Visitor for Check {
        fn visit<C: Channel>(&mut self) {
            self.2 = C::open::<u8>(self.1).and_then(|(_, first)| receivers(first, self.0)).map(drop);
        }
    }
    let mut check = Check(workers, Capacity::from_slots(capacity), Ok(()));
    if !adapters::visit_named(name, &mut check) {
        return Err(unknown(name));
    }
    check.2.map_err(|Unsupported { capability, reason }| {
        Failure::Usage(format!(
            "{name} cannot carry {workers} workers over capacity {capacity}, for lack of {capability} ({reason}): \
             name another channel, or change --workers or --capacity"
        ))
    })
}

fn unknown(name: &str) -> Failure {
    Failure::Usage(format!("unknown channel {name}: expected one of {}", adapters::names().join(", ")))
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
        own: Option<(Consumer, S)>,
        news: &'a mut dyn FnMut(News<'_>),
        result: Option<Result<Report, Failure>>,
    }
    impl<S> Visitor for Run<'_, S>
    where
        S: Source<Message = Message, Error: Into<Failure>> + Send + 'static,
        S::Lane: Lane<Error: Into<Failure>>,
    {
        fn visit<C: Channel>(&mut self) {
            self.result = self.own.take().map(|(consumer, source)| consumer.run::<C, S>(source, self.news));
        }
    }
    let mut run = Run { own: Some((consumer, source)), news, result: None };
    adapters::visit_named(name, &mut run);
    run.result.unwrap_or_else(|| Err(unknown(name)))
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
