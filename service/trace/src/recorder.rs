//! What a recorder has to do.

use contract::channel::Info;

/// An operation of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A send.
    Send,
    /// A receive.
    Receive,
    /// A receive from one of several channels.
    Select,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The message passed.
    Passed,
    /// No message passed: a timeout or a disconnect.
    NotPassed,
}

/// Something that channels report their operations to. Each handle of a channel has a clone.
///
/// An operation that is not reported is not recorded: a `try_send` or `try_recv` that passes no message did not wait, and a
/// loop of them would hide everything else.
pub trait Recorder: Clone + Send + Sync + 'static {
    /// What travels with a message.
    type Context: Send + 'static;

    /// An operation that has begun.
    type Begun;

    /// The recorder of a channel that is opened now.
    fn opened(channel: &'static Info) -> Self;

    /// A send begins. The context travels with the message. Without a `Begun` this send is not recorded, and costs no
    /// more than the channel's own.
    fn begin_send(&self) -> (Self::Context, Option<Self::Begun>);

    /// A receive or a select begins.
    fn begin_receive(&self) -> Self::Begun;

    /// The channel was full, or empty: the operation is going to wait.
    fn waits(&self, begun: &mut Self::Begun);

    /// A send has ended.
    fn end_send(&self, begun: Self::Begun, ending: Ending);

    /// A receive or a select has ended: with a message, whose context this is, or without. `depth` is the number of messages
    /// that are still queued, where the channel can say it.
    fn end_receive(
        &self,
        begun: Self::Begun,
        operation: Operation,
        context: Option<&Self::Context>,
        depth: impl FnOnce() -> Option<usize>,
    );
}
