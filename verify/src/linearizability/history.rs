//! A concurrent history: the operations of each thread on a channel, their answers, and the order of
//! invocations and returns.
//!
//! Stamps order the events of all threads. One operation is before another if and only if its return has a
//! *smaller* stamp than the invocation of the other. Operations with equal stamps overlap, so that no order
//! is claimed that was not observed.

use std::fmt;
use std::str::FromStr;

use records::verify::ThreadSteps;

/// An operation on a channel. The numbers are messages, each sent once in a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Sends, waiting while the channel is full.
    Send(u64),
    /// Sends without waiting.
    TrySend(u64),
    /// Sends, waiting for a limited time.
    SendTimeout(u64),
    /// Receives, waiting while the channel is empty.
    Recv,
    /// Receives without waiting.
    TryRecv,
    /// Receives, waiting for a limited time.
    RecvTimeout,
    /// Reads the number of queued messages from a receiver.
    Len,
    /// Makes another sender.
    CloneSender,
    /// Drops a sender; the last one disconnects.
    DropSender,
    /// Makes another receiver.
    CloneReceiver,
    /// Drops a receiver; the last one disconnects.
    DropReceiver,
}

impl Action {
    /// The message that it sends.
    pub fn sends(self) -> Option<u64> {
        match self {
            Action::Send(message) | Action::TrySend(message) | Action::SendTimeout(message) => Some(message),
            _ => None,
        }
    }

    /// Whether it is a receive.
    pub fn receives(self) -> bool {
        matches!(self, Action::Recv | Action::TryRecv | Action::RecvTimeout)
    }

    fn name(self) -> &'static str {
        match self {
            Action::Send(_) => "send",
            Action::TrySend(_) => "try_send",
            Action::SendTimeout(_) => "send_timeout",
            Action::Recv => "recv",
            Action::TryRecv => "try_recv",
            Action::RecvTimeout => "recv_timeout",
            Action::Len => "len",
            Action::CloneSender => "clone_sender",
            Action::DropSender => "drop_sender",
            Action::CloneReceiver => "clone_receiver",
            Action::DropReceiver => "drop_receiver",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        self.sends().map_or(Ok(()), |message| write!(f, " {message}"))
    }
}

/// The answer to an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Sent, cloned or dropped.
    Done,
    /// This message.
    Received(u64),
    /// The number of queued messages.
    Length(u64),
    /// Not sent: no room.
    Full,
    /// Nothing received: no message.
    Empty,
    /// Neither sent nor received before the time limit.
    Timeout,
    /// Every handle of the other side is gone, and for a receive no message is left.
    Disconnected,
    /// A failed send returned no message or another one, or a message arrived damaged. Never legal.
    Damaged,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Received(number) | Answer::Length(number) => write!(f, "{number}"),
            Answer::Done => f.write_str("ok"),
            Answer::Full => f.write_str("full"),
            Answer::Empty => f.write_str("empty"),
            Answer::Timeout => f.write_str("timeout"),
            Answer::Disconnected => f.write_str("disconnected"),
            Answer::Damaged => f.write_str("damaged"),
        }
    }
}

/// The return stamp of an operation that did not return.
pub const NEVER: u64 = u64::MAX;

/// One operation of one thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The thread's index.
    pub thread: usize,
    /// The action.
    pub action: Action,
    /// The answer; `None` while it is pending.
    pub answer: Option<Answer>,
    /// The stamp of its invocation.
    pub invoked: u64,
    /// The stamp of its return; [`NEVER`] while it is pending.
    pub returned: u64,
}

impl Operation {
    /// The message of a send that succeeded.
    pub fn sent(&self) -> Option<u64> {
        (self.answer == Some(Answer::Done)).then(|| self.action.sends()).flatten()
    }

    /// The message that it received.
    pub fn received(&self) -> Option<u64> {
        match self.answer {
            Some(Answer::Received(message)) => Some(message),
            _ => None,
        }
    }

    /// The length that it reported.
    pub fn length(&self) -> Option<u64> {
        match self.answer {
            Some(Answer::Length(length)) => Some(length),
            _ => None,
        }
    }

    /// The message that it sends, whether it succeeded or not, or that it received.
    pub fn message(&self) -> Option<u64> {
        self.action.sends().or(self.received())
    }

    /// Whether it reported that there was no room.
    pub fn says_full(&self) -> bool {
        self.action.sends().is_some() && matches!(self.answer, Some(Answer::Full | Answer::Timeout))
    }

    /// Whether it reported an empty queue, which includes the disconnect of a receive.
    pub fn says_empty(&self) -> bool {
        let nothing = matches!(self.answer, Some(Answer::Empty | Answer::Timeout | Answer::Disconnected));
        self.action.receives() && nothing
    }

    /// Whether it returned before the other was invoked.
    pub fn before(&self, other: &Operation) -> bool {
        self.returned < other.invoked
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.action.fmt(f)?;
        match self.answer {
            Some(answer) => write!(f, " -> {answer}"),
            None => f.write_str(" (pending)"),
        }
    }
}

/// The operations of a few threads on one channel.
///
/// Its text (`Display`, `FromStr`) has a line for the channel and one for each operation: thread, stamps,
/// action, answer.
///
/// ```text
/// capacity 1, senders 1, receivers 1
/// 0 1..3 send 7 -> ok
/// 1 2..5 recv -> 7
/// 1 6.. recv
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The capacity in messages; 0 for a rendezvous, `None` for an unbounded channel.
    pub slots: Option<usize>,
    /// The number of senders at the beginning.
    pub senders: usize,
    /// The number of receivers at the beginning.
    pub receivers: usize,
    /// The operations. Those of each thread are in order.
    pub operations: Vec<Operation>,
}

impl History {
    /// The number of threads.
    pub fn threads(&self) -> usize {
        self.operations.iter().map(|operation| operation.thread + 1).max().unwrap_or(0)
    }

    /// The operations of each thread, as indices into [`History::operations`].
    pub fn by_thread(&self) -> Vec<Vec<usize>> {
        let mut threads = vec![Vec::new(); self.threads()];
        for (place, operation) in self.operations.iter().enumerate() {
            threads[operation.thread].push(place);
        }
        threads
    }

    /// The events in order: the index of the operation, and whether the event is its return.
    pub fn events(&self) -> Vec<(usize, bool)> {
        let mut events = Vec::with_capacity(2 * self.operations.len());
        for (place, operation) in self.operations.iter().enumerate() {
            // At equal stamps the invocation comes first: the two overlap.
            events.push((operation.invoked, false, place));
            if operation.answer.is_some() {
                events.push((operation.returned, true, place));
            }
        }
        events.sort_unstable();
        events.into_iter().map(|(_, is_return, place)| (place, is_return)).collect()
    }

    /// The same history with the stamps 1, 2, 3 and so on, one for each event, and with the operations in the
    /// order of their invocations. Operations that do not overlap keep their order.
    pub fn renumbered(&self) -> History {
        let mut operations = self.operations.clone();
        for (stamp, (place, is_return)) in (1..).zip(self.events()) {
            let operation = &mut operations[place];
            *(if is_return { &mut operation.returned } else { &mut operation.invoked }) = stamp;
        }
        operations.sort_unstable_by_key(|operation| operation.invoked);
        History { operations, ..*self }
    }

    /// The history of only the operations with these indices.
    pub fn only(&self, places: &[usize]) -> History {
        let operations = places.iter().map(|&place| self.operations[place]).collect();
        History { operations, ..*self }
    }

    /// Checks that each thread does one operation after the other and that no message is sent twice.
    ///
    /// # Errors
    ///
    /// [`InvalidHistory`] with the first violation.
    pub fn well_formed(&self) -> Result<(), InvalidHistory> {
        for places in self.by_thread() {
            let mut previous = None;
            for operation in places.into_iter().map(|place| &self.operations[place]) {
                if operation.invoked > operation.returned
                    || previous.is_some_and(|end| end >= operation.invoked)
                {
                    return Err(InvalidHistory(format!(
                        "thread {}: {operation}: out of order",
                        operation.thread
                    )));
                }
                if operation.answer.is_none() != (operation.returned == NEVER) {
                    return Err(InvalidHistory(format!(
                        "thread {}: {operation}: half pending",
                        operation.thread
                    )));
                }
                previous = Some(operation.returned);
            }
        }
        let mut sent: Vec<u64> =
            self.operations.iter().filter_map(|operation| operation.action.sends()).collect();
        sent.sort_unstable();
        match sent.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(InvalidHistory(format!("message {} is sent twice", pair[0]))),
            None => Ok(()),
        }
    }

    /// One column for each thread. An operation is one step when no other event happened during it, and
    /// otherwise two.
    pub fn steps(&self) -> Vec<ThreadSteps> {
        let mut columns: Vec<ThreadSteps> = (0..self.threads())
            .map(|thread| ThreadSteps { thread: format!("thread {thread}"), steps: Vec::new() })
            .collect();
        let events = self.events();
        for (at, &(place, is_return)) in events.iter().enumerate() {
            let operation = &self.operations[place];
            let undisturbed = |first: usize| events.get(first + 1) == Some(&(place, true));
            let words = match (is_return, operation.answer) {
                (false, Some(_)) if undisturbed(at) => continue,
                (true, _) if undisturbed(at - 1) && events[at - 1] == (place, false) => operation.to_string(),
                (false, None) => operation.to_string(),
                (false, _) => format!("{} ...", operation.action),
                (true, _) => format!("... {operation}"),
            };
            columns[operation.thread].steps.push((at as u64 + 1, words));
        }
        columns.retain(|column| !column.steps.is_empty());
        columns
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.slots {
            Some(slots) => write!(f, "capacity {slots}")?,
            None => write!(f, "capacity unbounded")?,
        }
        writeln!(f, ", senders {}, receivers {}", self.senders, self.receivers)?;
        for operation in &self.operations {
            write!(f, "{} {}..", operation.thread, operation.invoked)?;
            match operation.answer {
                Some(answer) => writeln!(f, "{} {} -> {answer}", operation.returned, operation.action)?,
                None => writeln!(f, " {}", operation.action)?,
            }
        }
        Ok(())
    }
}

/// The text is not a history.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a history: {0}")]
pub struct InvalidHistory(String);

impl FromStr for History {
    type Err = InvalidHistory;

    fn from_str(text: &str) -> Result<Self, InvalidHistory> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let head = lines.next().unwrap_or_default();
        let mut history = header(head).ok_or_else(|| InvalidHistory(format!("`{head}`")))?;
        for line in lines {
            history.operations.push(operation(line).ok_or_else(|| InvalidHistory(format!("`{line}`")))?);
        }
        history.well_formed()?;
        Ok(history)
    }
}

fn header(line: &str) -> Option<History> {
    let mut parts = line.split(", ");
    let capacity = parts.next()?.strip_prefix("capacity ")?;
    let slots = if capacity == "unbounded" { None } else { Some(capacity.parse().ok()?) };
    let senders = parts.next()?.strip_prefix("senders ")?.parse().ok()?;
    let receivers = parts.next()?.strip_prefix("receivers ")?.parse().ok()?;
    parts.next().is_none().then_some(History { slots, senders, receivers, operations: Vec::new() })
}

fn operation(line: &str) -> Option<Operation> {
    let (call, answer) = match line.split_once(" -> ") {
        Some((call, answer)) => (call, Some(answer)),
        None => (line, None),
    };
    let mut words = call.split_whitespace();
    let thread = words.next()?.parse().ok()?;
    let (invoked, returned) = words.next()?.split_once("..")?;
    let name = words.next()?;
    let message = words.next().map(str::parse).transpose().ok()?;
    let returned = if answer.is_some() { returned.parse().ok()? } else { NEVER };
    let action = action(name, message)?;
    let answer = match answer {
        Some(word) => Some(self::answer(action, word)?),
        None => None,
    };
    words.next().is_none().then_some(Operation {
        thread,
        action,
        answer,
        invoked: invoked.parse().ok()?,
        returned,
    })
}

fn action(name: &str, message: Option<u64>) -> Option<Action> {
    Some(match (name, message) {
        ("send", Some(message)) => Action::Send(message),
        ("try_send", Some(message)) => Action::TrySend(message),
        ("send_timeout", Some(message)) => Action::SendTimeout(message),
        ("recv", None) => Action::Recv,
        ("try_recv", None) => Action::TryRecv,
        ("recv_timeout", None) => Action::RecvTimeout,
        ("len", None) => Action::Len,
        ("clone_sender", None) => Action::CloneSender,
        ("drop_sender", None) => Action::DropSender,
        ("clone_receiver", None) => Action::CloneReceiver,
        ("drop_receiver", None) => Action::DropReceiver,
        _ => return None,
    })
}

fn answer(action: Action, word: &str) -> Option<Answer> {
    Some(match word {
        "ok" => Answer::Done,
        "full" => Answer::Full,
        "empty" => Answer::Empty,
        "timeout" => Answer::Timeout,
        "disconnected" => Answer::Disconnected,
        "damaged" => Answer::Damaged,
        length if action == Action::Len => Answer::Length(length.parse().ok()?),
        message => Answer::Received(message.parse().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "capacity 1, senders 1, receivers 1\n0 1..3 send 7 -> ok\n1 2..5 recv -> 7\n1 6.. recv\n";

    #[test]
    fn a_history_survives_its_text() {
        let history: History = TEXT.parse().expect("a history");
        assert_eq!(history.to_string(), TEXT);
        assert_eq!(history.slots, Some(1));
        assert_eq!(history.operations[2].answer, None);
        for answer in ["ok", "full", "empty", "timeout", "disconnected", "damaged", "9"] {
            let text = format!("capacity unbounded, senders 2, receivers 1\n3 0..0 try_send 1 -> {answer}\n");
            assert_eq!(text.parse::<History>().expect("a history").to_string(), text);
        }
        let text = "capacity 2, senders 1, receivers 1\n0 1..2 recv -> 5\n1 1..3 len -> 5\n";
        let history: History = text.parse().expect("a history");
        assert_eq!(history.to_string(), text);
        assert_eq!(history.operations[1].answer, Some(Answer::Length(5)));
        assert_eq!((history.operations[0].length(), history.operations[1].length()), (None, Some(5)));
        assert_eq!((history.operations[0].received(), history.operations[1].received()), (Some(5), None));
    }

    #[test]
    fn text_that_is_not_a_history_is_refused() {
        for wrong in [
            "",
            "capacity 1",
            "capacity 1, senders 1, receivers 1\n0 1..3 recv 7 -> ok",
            "capacity 1, senders 1, receivers 1\n0 3..1 recv -> 7",
            "capacity 1, senders 1, receivers 1\n0 1..3 recv -> 7\n0 3..4 recv -> 8",
            "capacity 1, senders 1, receivers 1\n0 1.. recv\n0 3..4 recv -> 8",
            "capacity 1, senders 1, receivers 1\n0 1..2 send 7 -> ok\n1 1..2 send 7 -> ok",
        ] {
            assert!(wrong.parse::<History>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn renumbering_keeps_the_order_and_the_overlap_of_operations() {
        let text = "capacity 1, senders 1, receivers 1
            0 10..20 send 1 -> ok
            1 20..30 recv -> 1
            2 21..40 try_recv -> empty
            0 30..30 send 2 -> ok";
        let history: History = text.parse().expect("a history");
        let renumbered = history.renumbered();
        let before = |history: &History| -> Vec<(Action, Action)> {
            let all = &history.operations;
            let mut pairs: Vec<_> = all
                .iter()
                .flat_map(|one| {
                    all.iter().filter(|other| one.before(other)).map(|other| (one.action, other.action))
                })
                .collect();
            pairs.sort_by_key(|pair| format!("{pair:?}"));
            pairs
        };
        assert_eq!(before(&history), before(&renumbered));
        assert_eq!(before(&history).len(), 2);
        assert_eq!(renumbered.operations[3].returned.max(renumbered.operations[2].returned), 8);
    }

    #[test]
    fn columns_show_overlap() {
        let history: History = TEXT.parse().expect("a history");
        let columns: Vec<Vec<(u64, String)>> =
            history.steps().into_iter().map(|column| column.steps).collect();
        let step = |number, words: &str| (number, words.to_owned());
        assert_eq!(columns[0], [step(1, "send 7 ..."), step(3, "... send 7 -> ok")]);
        assert_eq!(columns[1], [step(2, "recv ..."), step(4, "... recv -> 7"), step(5, "recv (pending)")]);
        let alone = history.only(&[0]).steps();
        assert_eq!(alone[0].steps, [step(2, "send 7 -> ok")]);
    }
}
