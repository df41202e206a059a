//! Records long histories for the fast checker: producers that send, consumers that receive.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::dice::Dice;
use super::history::{Action, Answer, History, Operation};
use super::record::Stamps;
use harness::channel::{Capability, Capacity, Channel, Info, Receiver, Sender, TryRecvError, receivers};
use harness::crew::{Crew, CrewError, Member};
use harness::workload::Size;

/// How long a random stream may go on.
const LIMIT: Duration = Duration::from_secs(2);

/// A producer looks at the time once in so many messages.
const LOOK_EVERY: usize = 32;

/// A long stream of messages.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The channel's capacity, as asked for.
    pub capacity: Capacity,
    /// Threads that send.
    pub producers: usize,
    /// Threads that receive.
    pub consumers: usize,
    /// Messages of each producer.
    pub messages: usize,
    /// No producer begins to send after so long: a stream is as long as a busy machine lets it be, and does not look like a hang.
    pub limit: Duration,
    /// Of a consumer's receives, so many in a hundred do not wait.
    pub hasty: usize,
    /// Before so many in a hundred of its receives a consumer asks for the length.
    pub asks: usize,
    /// Decides which.
    pub seed: u64,
}

impl std::fmt::Display for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Stream { capacity, producers, consumers, messages, hasty, asks, .. } = self;
        write!(
            f,
            "capacity {capacity}; {producers} producer(s) send {messages} messages each; {consumers} consumer(s) receive, \
             {hasty} in 100 times with try_recv"
        )?;
        match asks {
            0 => Ok(()),
            asks => write!(f, ", and ask {asks} in 100 times for the length before"),
        }
    }
}

impl Stream {
    /// A random stream of `messages` messages in all that a channel can do; `capacities` are those that it has.
    pub fn random(info: &Info, capacities: &[Capacity], messages: usize, dice: &mut Dice) -> Self {
        let several = info.require(Capability::MultiConsumer).is_ok();
        let producers = 1 + dice.below(3);
        Stream {
            capacity: dice.pick(capacities),
            producers,
            consumers: if several { 1 + dice.below(3) } else { 1 },
            messages: messages / producers,
            limit: LIMIT,
            hasty: dice.pick(&[0, 10, 50]),
            asks: if info.require(Capability::Len).is_ok() { dice.pick(&[0, 5, 30]) } else { 0 },
            seed: dice.below(usize::MAX) as u64,
        }
    }

    /// Runs it over the channel `C` and records it.
    ///
    /// # Errors
    ///
    /// [`CrewError`] when it did not come to its end by the deadline.
    ///
    /// # Panics
    ///
    /// When the channel lacks what the stream asks for.
    pub fn record<C: Channel>(&self, deadline: Duration) -> Result<History, CrewError> {
        let (sender, receiver) = C::open::<u64>(self.capacity).expect("the channel has this capacity");
        let receivers = receivers(receiver, self.consumers).expect("the channel has so many consumers");
        let stamps = Arc::new(Stamps::default());
        let mut crew = Crew::new(self.producers + self.consumers, Size { deadline, ..Size::of(1) })?;
        let mut members: Vec<Member<Vec<Operation>>> = Vec::new();
        for thread in 0..self.producers {
            let (sender, stamps, stream) = (sender.clone(), Arc::clone(&stamps), self.clone());
            members.push(crew.spawn(format!("producer {thread}"), move |gate| {
                let mut operations = Vec::with_capacity(stream.messages + 1);
                gate.pass();
                produce(thread, sender, &stream, &stamps, &mut operations);
                operations
            })?);
        }
        drop(sender);
        for (index, receiver) in receivers.into_iter().enumerate() {
            let (thread, stamps) = (self.producers + index, Arc::clone(&stamps));
            let (hasty, asks) = (self.hasty, self.asks);
            let mut dice = Dice::new(self.seed.wrapping_add(index as u64));
            let about = 2 * self.producers * self.messages / self.consumers;
            members.push(crew.spawn(format!("consumer {index}"), move |gate| {
                let mut operations = Vec::with_capacity(about);
                gate.pass();
                consume(thread, receiver, [hasty, asks], &mut dice, &stamps, &mut operations);
                operations
            })?);
        }
        crew.join()?;
        let operations = members.into_iter().flat_map(Member::result).collect();
        let slots = C::effective_capacity(self.capacity).slots();
        Ok(History { slots, senders: self.producers, receivers: self.consumers, operations })
    }
}

/// Does one operation and writes it down.
#[inline(always)]
fn noted(
    thread: usize,
    action: Action,
    stamps: &Stamps,
    operations: &mut Vec<Operation>,
    operation: impl FnOnce() -> Answer,
) -> Answer {
    let invoked = stamps.invocation();
    let answer = operation();
    let returned = stamps.ret();
    operations.push(Operation { thread, action, answer: Some(answer), invoked, returned });
    answer
}

fn produce(
    thread: usize,
    sender: impl Sender<u64>,
    stream: &Stream,
    stamps: &Stamps,
    operations: &mut Vec<Operation>,
) {
    let began = Instant::now();
    for number in 0..stream.messages {
        if number % LOOK_EVERY == 0 && began.elapsed() > stream.limit {
            break;
        }
        let message = (thread * stream.messages + number) as u64;
        let answer =
            noted(thread, Action::Send(message), stamps, operations, || match sender.send(message) {
                Ok(()) => Answer::Done,
                Err(_) => Answer::Disconnected,
            });
        if answer != Answer::Done {
            break;
        }
    }
    noted(thread, Action::DropSender, stamps, operations, || {
        drop(sender);
        Answer::Done
    });
}

fn consume(
    thread: usize,
    receiver: impl Receiver<u64>,
    [hasty, asks]: [usize; 2],
    dice: &mut Dice,
    stamps: &Stamps,
    operations: &mut Vec<Operation>,
) {
    loop {
        if asks > 0 && dice.percent(asks) {
            let length = || receiver.len().expect("a channel that does not tell its length is not asked");
            noted(thread, Action::Len, stamps, operations, || Answer::Length(length() as u64));
        }
        let answer = if dice.percent(hasty) {
            let try_recv = || match receiver.try_recv() {
                Ok(message) => Answer::Received(message),
                Err(TryRecvError::Empty) => Answer::Empty,
                Err(TryRecvError::Disconnected) => Answer::Disconnected,
            };
            noted(thread, Action::TryRecv, stamps, operations, try_recv)
        } else {
            let recv = || receiver.recv().map_or(Answer::Disconnected, Answer::Received);
            noted(thread, Action::Recv, stamps, operations, recv)
        };
        if answer == Answer::Disconnected {
            break;
        }
    }
    noted(thread, Action::DropReceiver, stamps, operations, || {
        drop(receiver);
        Answer::Done
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linearizability::fifo::{self, Violation};
    use harness::channels::mutex_deque::MutexDeque;
    use harness::planted::flawed::{MiscountsWhenFull, Plain};

    /// Sooner or later the channel is full when it is asked.
    #[test]
    fn a_wrong_length_is_seen_in_a_stream() {
        let limit = Duration::from_secs(60);
        let capacity = Capacity::from_slots(2);
        let stream = Stream {
            capacity,
            producers: 2,
            consumers: 2,
            messages: 500,
            limit,
            hasty: 10,
            asks: 50,
            seed: 1,
        };
        let began = Instant::now();
        loop {
            let history = stream.record::<Plain<MiscountsWhenFull>>(limit).expect("it ends");
            match fifo::check(&history) {
                Err(Violation::Miscounted { says, .. }) => {
                    return assert_eq!(history.operations[says].answer, Some(Answer::Length(3)));
                }
                other => assert_eq!(other, Ok(())),
            }
            assert!(began.elapsed() < limit, "it was never full");
        }
    }

    #[test]
    fn a_stream_is_recorded_whole_and_is_legal() {
        let limit = Duration::from_secs(60);
        for capacity in [Capacity::Rendezvous, Capacity::from_slots(3), Capacity::Unbounded] {
            let (producers, consumers, messages) = (2, 2, 500);
            let stream =
                Stream { capacity, producers, consumers, messages, limit, hasty: 30, asks: 20, seed: 1 };
            let history = stream.record::<MutexDeque>(Duration::from_secs(60)).expect("it ends");
            assert_eq!(history.well_formed(), Ok(()));
            let count = |wanted: fn(&Operation) -> bool| {
                history.operations.iter().filter(|operation| wanted(operation)).count()
            };
            assert_eq!(count(|operation| operation.sent().is_some()), producers * messages);
            assert_eq!(count(|operation| operation.received().is_some()), producers * messages);
            let asked = count(|operation| operation.action == Action::Len);
            let (received, least) = (producers * messages, producers * messages / 10);
            assert!(asked > least && asked < received, "{asked} of some {received} times");
            assert_eq!(fifo::check(&history), Ok(()), "{stream}");
            let cut = Stream { limit: Duration::ZERO, ..stream };
            let history = cut.record::<MutexDeque>(Duration::from_secs(60)).expect("it ends");
            assert!(history.operations.len() < 4 * messages, "it ends early");
        }
    }
}
