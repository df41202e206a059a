//! Records long histories for the queue patterns: producers send, consumers receive.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::dice::Dice;
use super::history::{Action, Answer, History, Operation};
use super::record::Stamps;
use crate::dyn_channel::DynChannel;
use contract::channel::{Capability, Capacity, Info, Receiver, Sender, TryRecvError, receivers};
use workloads::thread_group::{GroupThread, ThreadGroup, ThreadGroupError};
use workloads::workload::Size;

/// The time limit of the producers of a random stream.
const MAX_SENDING_TIME: Duration = Duration::from_secs(2);

/// A producer reads the clock once in this many messages.
const CLOCK_EVERY: usize = 32;

/// A long stream of messages.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The requested capacity.
    pub capacity: Capacity,
    /// The number of sending threads.
    pub producers: usize,
    /// The number of receiving threads.
    pub consumers: usize,
    /// The number of messages of each producer.
    pub messages: usize,
    /// The time after which producers stop sending, so that a stream on a busy machine is short and does not
    /// look like a hang.
    pub limit: Duration,
    /// The percentage of receives that use `try_recv`.
    pub try_percent: usize,
    /// The percentage of receives before which the consumer calls `len`.
    pub len_percent: usize,
    /// Decides which receives those are.
    pub seed: u64,
}

impl std::fmt::Display for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Stream { capacity, producers, consumers, messages, try_percent, len_percent, .. } = self;
        write!(
            f,
            "capacity {capacity}; {producers} producer(s) send {messages} messages each; {consumers} consumer(s) receive, \
             {try_percent} % of the time with try_recv"
        )?;
        match len_percent {
            0 => Ok(()),
            len_percent => write!(f, ", and call len before {len_percent} % of the receives"),
        }
    }
}

impl Stream {
    /// A random stream of `messages` messages within the capabilities of a channel, at one of the given
    /// capacities.
    pub fn random(info: &Info, capacities: &[Capacity], messages: usize, dice: &mut Dice) -> Self {
        let several = info.require(Capability::MultiConsumer).is_ok();
        let producers = 1 + dice.below(3);
        Stream {
            capacity: dice.pick(capacities),
            producers,
            consumers: if several { 1 + dice.below(3) } else { 1 },
            messages: messages / producers,
            limit: MAX_SENDING_TIME,
            try_percent: dice.pick(&[0, 10, 50]),
            len_percent: if info.require(Capability::Len).is_ok() { dice.pick(&[0, 5, 30]) } else { 0 },
            seed: dice.below(usize::MAX) as u64,
        }
    }

    /// Runs the stream over a channel and records it.
    ///
    /// # Errors
    ///
    /// [`ThreadGroupError`] when it does not end by the deadline.
    ///
    /// # Panics
    ///
    /// When the channel lacks something that the stream uses.
    pub fn record(&self, channel: DynChannel, deadline: Duration) -> Result<History, ThreadGroupError> {
        let (sender, receiver) = channel.open::<u64>(self.capacity).expect("the channel has this capacity");
        let receivers = receivers(receiver, self.consumers).expect("the channel has this many consumers");
        let stamps = Arc::new(Stamps::default());
        let mut group =
            ThreadGroup::new(self.producers + self.consumers, Size { deadline, ..Size::with_messages(1) })?;
        let mut members: Vec<GroupThread<Vec<Operation>>> = Vec::new();
        for thread in 0..self.producers {
            let (sender, stamps, stream) = (sender.clone(), Arc::clone(&stamps), self.clone());
            members.push(group.spawn(format!("producer {thread}"), move |barrier| {
                let mut operations = Vec::with_capacity(stream.messages + 1);
                barrier.wait();
                produce(thread, sender, &stream, &stamps, &mut operations);
                operations
            })?);
        }
        drop(sender);
        for (index, receiver) in receivers.into_iter().enumerate() {
            let (thread, stamps) = (self.producers + index, Arc::clone(&stamps));
            let (try_percent, len_percent) = (self.try_percent, self.len_percent);
            let mut dice = Dice::new(self.seed.wrapping_add(index as u64));
            let about = 2 * self.producers * self.messages / self.consumers;
            members.push(group.spawn(format!("consumer {index}"), move |barrier| {
                let mut operations = Vec::with_capacity(about);
                barrier.wait();
                consume(thread, receiver, [try_percent, len_percent], &mut dice, &stamps, &mut operations);
                operations
            })?);
        }
        group.join()?;
        let operations = members.into_iter().flat_map(GroupThread::result).collect();
        let slots = channel.effective_capacity(self.capacity).slots();
        Ok(History { slots, senders: self.producers, receivers: self.consumers, operations })
    }
}

/// Performs one operation and records it.
#[inline(always)]
fn recorded(
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
        if number % CLOCK_EVERY == 0 && began.elapsed() > stream.limit {
            break;
        }
        let message = (thread * stream.messages + number) as u64;
        let answer =
            recorded(thread, Action::Send(message), stamps, operations, || match sender.send(message) {
                Ok(()) => Answer::Done,
                Err(_) => Answer::Disconnected,
            });
        if answer != Answer::Done {
            break;
        }
    }
    recorded(thread, Action::DropSender, stamps, operations, || {
        drop(sender);
        Answer::Done
    });
}

fn consume(
    thread: usize,
    receiver: impl Receiver<u64>,
    [try_percent, len_percent]: [usize; 2],
    dice: &mut Dice,
    stamps: &Stamps,
    operations: &mut Vec<Operation>,
) {
    loop {
        if len_percent > 0 && dice.percent(len_percent) {
            let length = || receiver.len().expect("len is called only where the channel has it");
            recorded(thread, Action::Len, stamps, operations, || Answer::Length(length() as u64));
        }
        let answer = if dice.percent(try_percent) {
            let try_recv = || match receiver.try_recv() {
                Ok(message) => Answer::Received(message),
                Err(TryRecvError::Empty) => Answer::Empty,
                Err(TryRecvError::Disconnected) => Answer::Disconnected,
            };
            recorded(thread, Action::TryRecv, stamps, operations, try_recv)
        } else {
            let recv = || receiver.recv().map_or(Answer::Disconnected, Answer::Received);
            recorded(thread, Action::Recv, stamps, operations, recv)
        };
        if answer == Answer::Disconnected {
            break;
        }
    }
    recorded(thread, Action::DropReceiver, stamps, operations, || {
        drop(receiver);
        Answer::Done
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linearizability::queue_patterns::{self, QueueViolation};
    use baseline::MutexDeque;
    use testing::{MiscountsWhenFull, Plain};

    /// Sooner or later a consumer calls `len` while the channel is full.
    #[test]
    fn a_wrong_length_is_found_in_a_stream() {
        let limit = Duration::from_secs(60);
        let capacity = Capacity::from_slots(2);
        let stream = Stream {
            capacity,
            producers: 2,
            consumers: 2,
            messages: 500,
            limit,
            try_percent: 10,
            len_percent: 50,
            seed: 1,
        };
        let began = Instant::now();
        loop {
            let history =
                stream.record(DynChannel::new::<Plain<MiscountsWhenFull>>(), limit).expect("it ends");
            match queue_patterns::check(&history) {
                Err(QueueViolation::WrongLength { says, .. }) => {
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
            let stream = Stream {
                capacity,
                producers,
                consumers,
                messages,
                limit,
                try_percent: 30,
                len_percent: 20,
                seed: 1,
            };
            let history =
                stream.record(DynChannel::new::<MutexDeque>(), Duration::from_secs(60)).expect("it ends");
            assert_eq!(history.well_formed(), Ok(()));
            let count = |wanted: fn(&Operation) -> bool| {
                history.operations.iter().filter(|operation| wanted(operation)).count()
            };
            assert_eq!(count(|operation| operation.sent().is_some()), producers * messages);
            assert_eq!(count(|operation| operation.received().is_some()), producers * messages);
            let lengths = count(|operation| operation.action == Action::Len);
            let (received, least) = (producers * messages, producers * messages / 10);
            assert!(lengths > least && lengths < received, "{lengths} lengths for {received} receives");
            assert_eq!(queue_patterns::check(&history), Ok(()), "{stream}");
            let cut = Stream { limit: Duration::ZERO, ..stream };
            let history =
                cut.record(DynChannel::new::<MutexDeque>(), Duration::from_secs(60)).expect("it ends");
            assert!(history.operations.len() < 4 * messages, "it ends early");
        }
    }
}
