//! The model, in lockstep with a channel.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::time::{Duration, Instant};

use super::{CurrentStep, Operation};
use crate::dyn_channel::{DynChannel, DynReceiver, DynSender};
use crate::messages::{SEQUENCE_DROPS, SequenceMessage};
use crate::violation::Violation;
use contract::channel::{
    Capability, Capacity, Difference, Info, Receiver, RecvError, RecvTimeoutError, SendTimeoutError, Sender,
    TryRecvError, TrySendError,
};

/// Short, because on one thread a wait that times out takes all of it.
const TIMEOUT: Duration = Duration::from_micros(50);

/// Compares an answer with that of the model.
fn is<T: PartialEq + Debug>(what: &str, happened: T, expected: T) -> Result<(), Violation> {
    if happened == expected {
        return Ok(());
    }
    Err(Violation::new(format!("{what}: {expected:?}"), format!("{what}: {happened:?}")))
}

/// The result of a send that failed.
struct Refused {
    returned: Option<usize>,
    disconnected: bool,
}

/// The handles of a channel and the model of its queue.
struct Lockstep<'a> {
    info: &'static Info,
    senders: Vec<DynSender<SequenceMessage>>,
    receivers: Vec<DynReceiver<SequenceMessage>>,
    /// The numbers of the queued messages.
    queue: VecDeque<usize>,
    slots: usize,
    /// The number of messages that can no longer be received and that the channel may keep until its end.
    kept: usize,
    keeps: bool,
    made: usize,
    steps: &'a CurrentStep,
}

/// Performs the operations on the channel and on the model.
pub(super) fn run(
    channel: DynChannel,
    capacity: Capacity,
    operations: &[Operation],
    steps: &CurrentStep,
) -> Result<(), Violation> {
    steps.begin(capacity);
    SEQUENCE_DROPS.with_borrow_mut(Vec::clear);
    let (sender, receiver) = match channel.open::<SequenceMessage>(capacity) {
        Ok(handles) => handles,
        Err(unsupported) => return is("open", Some(unsupported), None),
    };
    let difference = match capacity {
        Capacity::Unbounded => Difference::UnboundedKeepsUndelivered,
        _ => Difference::BoundedKeepsUndelivered,
    };
    let mut lockstep = Lockstep {
        info: channel.info(),
        senders: vec![sender],
        receivers: vec![receiver],
        queue: VecDeque::new(),
        slots: channel.effective_capacity(capacity).slots().unwrap_or(usize::MAX),
        kept: 0,
        keeps: channel.info().declares(difference),
        made: 0,
        steps,
    };
    for &operation in operations {
        lockstep.operate(operation)?;
        lockstep.alive(operation)?;
    }
    steps.step("every handle is dropped".to_owned());
    let Lockstep { senders, receivers, made, .. } = lockstep;
    drop((senders, receivers));
    let dropped = SEQUENCE_DROPS.with_borrow(|dropped| dropped.clone());
    is("how often each message was dropped", dropped, vec![1; made])
}

impl Lockstep<'_> {
    fn operate(&mut self, operation: Operation) -> Result<(), Violation> {
        match operation {
            Operation::Send
            | Operation::TrySend
            | Operation::SendTimeout
            | Operation::SendTimeoutOfNothing => self.send(operation)?,
            Operation::Recv
            | Operation::TryRecv
            | Operation::RecvTimeout
            | Operation::RecvTimeoutOfNothing => self.receive(operation)?,
            Operation::Drain => {
                while !self.receivers.is_empty() && !self.queue.is_empty() {
                    self.receive(Operation::TryRecv)?;
                }
                self.receive(Operation::TryRecv)?;
            }
            Operation::Len => {
                if let Some(Ok(len)) = self.receivers.last().map(Receiver::len) {
                    self.steps.step(format!("len: {len}"));
                    is("len", len, self.queue.len())?;
                }
            }
            Operation::CloneSender => {
                let clone = self.senders.last().cloned();
                self.step_if(operation, clone.is_some());
                self.senders.extend(clone);
            }
            Operation::CloneReceiver => {
                let clone = self.receivers.last().and_then(|receiver| receiver.try_clone().ok());
                self.step_if(operation, clone.is_some());
                self.receivers.extend(clone);
            }
            Operation::DropSender | Operation::DropFirstSender | Operation::CloseSenders => {
                self.step_if(operation, !self.senders.is_empty());
                goes(&mut self.senders, operation);
                if self.senders.is_empty() && self.receivers.is_empty() {
                    self.kept = 0;
                }
            }
            Operation::DropReceiver | Operation::DropFirstReceiver | Operation::CloseReceivers => {
                let any = !self.receivers.is_empty();
                self.step_if(operation, any);
                goes(&mut self.receivers, operation);
                if any && self.receivers.is_empty() {
                    // These can no longer be received.
                    if self.keeps && !self.senders.is_empty() {
                        self.kept = self.queue.len();
                    }
                    self.queue.clear();
                }
            }
        }
        Ok(())
    }

    fn step_if(&self, operation: Operation, done: bool) {
        if done {
            self.steps.step(operation.to_string());
        }
    }

    /// Checks that as many messages are alive as are queued and that none was dropped twice.
    fn alive(&self, after: Operation) -> Result<(), Violation> {
        let (alive, most) = SEQUENCE_DROPS.with_borrow(|dropped| {
            (dropped.iter().filter(|&&times| times == 0).count(), dropped.iter().copied().max().unwrap_or(0))
        });
        if most > 1 {
            let happened = format!("after {after}: one was dropped {most} times");
            return Err(Violation::new("no message is dropped twice", happened));
        }
        is(&format!("messages alive after {after}"), alive, self.queue.len() + self.kept)
    }

    fn send(&mut self, operation: Operation) -> Result<(), Violation> {
        let Some(sender) = self.senders.last() else { return Ok(()) };
        let (full, gone) = (self.queue.len() >= self.slots, self.receivers.is_empty());
        let timed = matches!(operation, Operation::SendTimeout | Operation::SendTimeoutOfNothing);
        let waits = operation == Operation::Send && full && !gone;
        if waits || (timed && self.info.require(Capability::SendTimeout).is_err()) {
            return Ok(());
        }
        let number = self.made;
        self.made += 1;
        let message = SequenceMessage::new(number);
        self.steps.step(format!("{operation} of message {number}"));
        let began = Instant::now();
        let refused = match operation {
            Operation::Send => sender.send(message).err().map(|error| Refused {
                returned: error.message.map(|message| message.number),
                disconnected: true,
            }),
            Operation::TrySend => sender.try_send(message).err().map(|error| match error {
                TrySendError::Full(message) => {
                    Refused { returned: Some(message.number), disconnected: false }
                }
                TrySendError::Disconnected(message) => {
                    Refused { returned: Some(message.number), disconnected: true }
                }
            }),
            _ => match sender.send_timeout(message, timeout(operation)) {
                Ok(()) => None,
                Err(SendTimeoutError::Timeout(message)) => {
                    not_early(operation, began)?;
                    Some(Refused { returned: Some(message.number), disconnected: false })
                }
                Err(SendTimeoutError::Disconnected(message)) => {
                    Some(Refused { returned: Some(message.number), disconnected: true })
                }
                Err(SendTimeoutError::Unsupported(_, unsupported)) => {
                    return is("send_timeout", Some(unsupported), None);
                }
            },
        };
        let what = format!("{operation} of message {number}");
        let answer = match &refused {
            None => "sent",
            Some(Refused { disconnected: true, .. }) => "disconnected",
            Some(Refused { disconnected: false, .. }) => "full",
        };
        self.steps.answered(format!("{what}: {answer}"));
        let expected = match (gone, full) {
            (true, _) => "disconnected",
            (false, true) => "full",
            (false, false) => "sent",
        };
        is(&what, answer, expected)?;
        match refused {
            None => self.queue.push_back(number),
            Some(refused) => {
                let dropped =
                    operation == Operation::Send && self.info.require(Capability::MessageReturned).is_err();
                is(
                    &format!("the message that {operation} returns"),
                    refused.returned,
                    (!dropped).then_some(number),
                )?;
            }
        }
        Ok(())
    }

    fn receive(&mut self, operation: Operation) -> Result<(), Violation> {
        let Some(receiver) = self.receivers.last() else { return Ok(()) };
        let gone = self.senders.is_empty();
        let timed = matches!(operation, Operation::RecvTimeout | Operation::RecvTimeoutOfNothing);
        let waits = operation == Operation::Recv && self.queue.is_empty() && !gone;
        if waits || (timed && self.info.require(Capability::RecvTimeout).is_err()) {
            return Ok(());
        }
        self.steps.step(operation.to_string());
        let began = Instant::now();
        // The message, or whether there was none because of the disconnect.
        let received: Result<usize, bool> = match operation {
            Operation::Recv => receiver.recv().map(|message| message.number).map_err(|RecvError| true),
            Operation::TryRecv => receiver
                .try_recv()
                .map(|message| message.number)
                .map_err(|error| error == TryRecvError::Disconnected),
            _ => match receiver.recv_timeout(timeout(operation)) {
                Ok(message) => Ok(message.number),
                Err(RecvTimeoutError::Timeout) => {
                    not_early(operation, began)?;
                    Err(false)
                }
                Err(RecvTimeoutError::Disconnected) => Err(true),
                Err(RecvTimeoutError::Unsupported(unsupported)) => {
                    return is("recv_timeout", Some(unsupported), None);
                }
            },
        };
        let words = |received: Result<usize, bool>| match received {
            Ok(number) => format!("message {number}"),
            Err(true) => "disconnected".to_owned(),
            Err(false) => "nothing".to_owned(),
        };
        self.steps.answered(format!("{operation}: {}", words(received)));
        let expected = self.queue.pop_front().ok_or(gone);
        is(&operation.to_string(), words(received), words(expected))
    }
}

fn timeout(operation: Operation) -> Duration {
    match operation {
        Operation::SendTimeout | Operation::RecvTimeout => TIMEOUT,
        _ => Duration::ZERO,
    }
}

fn not_early(operation: Operation, began: Instant) -> Result<(), Violation> {
    let (took, timeout) = (began.elapsed(), timeout(operation));
    if took >= timeout {
        return Ok(());
    }
    Err(Violation::new(
        format!("{operation} of {timeout:?} takes that long"),
        format!("it timed out after {took:?}"),
    ))
}

/// Drops the handles that the operation names.
fn goes<T>(handles: &mut Vec<T>, operation: Operation) {
    match operation {
        Operation::DropFirstSender | Operation::DropFirstReceiver => {
            if !handles.is_empty() {
                handles.remove(0);
            }
        }
        Operation::CloseSenders | Operation::CloseReceivers => handles.clear(),
        _ => {
            handles.pop();
        }
    }
}
