//! A channel that reports its operations to a recorder.

use std::marker::PhantomData;
use std::time::Duration;

use contract::channel::{
    Capacity, Channel, Handles, Info, Receiver, RecvError, RecvTimeoutError, Selector, SendError,
    SendTimeoutError, Sender, TryRecvError, TrySendError, Unsupported,
};

use crate::recorder::{Ending, Operation, Recorder};

/// The channel `C`, which reports its operations to the recorder `R`. It has the capabilities and differences of `C`.
#[derive(Debug)]
pub struct Traced<C, R>(PhantomData<fn() -> (C, R)>);

/// A message with the context that travels with it.
#[derive(Debug)]
pub struct Carried<T, X> {
    payload: T,
    context: X,
}

type CarriedBy<T, R> = Carried<T, <R as Recorder>::Context>;

impl<C: Channel, R: Recorder> Channel for Traced<C, R> {
    const INFO: Info = C::INFO;
    type Sender<T: Send + 'static> = TracedSender<C::Sender<CarriedBy<T, R>>, R>;
    type Receiver<T: Send + 'static> = TracedReceiver<C::Receiver<CarriedBy<T, R>>, R>;
    type Selector<'a, T: Send + 'static> = TracedSelector<C::Selector<'a, CarriedBy<T, R>>, R>;

    fn open<T: Send + 'static>(capacity: Capacity) -> Result<Handles<Self, T>, Unsupported> {
        let (sender, receiver) = C::open(capacity)?;
        let recorder = R::opened(const { &C::INFO });
        Ok((TracedSender { sender, recorder: recorder.clone() }, TracedReceiver { receiver, recorder }))
    }

    fn effective_capacity(requested: Capacity) -> Capacity {
        C::effective_capacity(requested)
    }

    fn selector<'a, T: Send + 'static>(
        receivers: impl IntoIterator<Item = &'a Self::Receiver<T>>,
    ) -> Result<Self::Selector<'a, T>, Unsupported> {
        let mut recorder = None;
        let own = receivers.into_iter().map(|one| {
            recorder.get_or_insert_with(|| one.recorder.clone());
            &one.receiver
        });
        let selector = C::selector(own)?;
        let recorder = recorder.unwrap_or_else(|| R::opened(const { &C::INFO }));
        Ok(TracedSelector { selector, recorder })
    }
}

/// The sending handle.
#[derive(Clone, Debug)]
pub struct TracedSender<S, R> {
    sender: S,
    recorder: R,
}

impl<T, S, R> Sender<T> for TracedSender<S, R>
where
    T: Send + 'static,
    R: Recorder,
    S: Sender<CarriedBy<T, R>>,
{
    #[inline]
    fn send(&self, message: T) -> Result<(), SendError<T>> {
        let payload = |error: SendError<CarriedBy<T, R>>| SendError {
            message: error.message.map(|carried| carried.payload),
        };
        let (context, begun) = self.recorder.begin_send();
        let mut carried = Carried { payload: message, context };
        let Some(mut begun) = begun else {
            return self.sender.send(carried).map_err(payload);
        };
        carried = match self.sender.try_send(carried) {
            Ok(()) => {
                self.recorder.end_send(begun, Ending::Passed);
                return Ok(());
            }
            Err(TrySendError::Full(carried)) => carried,
            Err(TrySendError::Disconnected(carried)) => {
                self.recorder.end_send(begun, Ending::NotPassed);
                return Err(SendError { message: Some(carried.payload) });
            }
        };
        self.recorder.waits(&mut begun);
        let sent = self.sender.send(carried);
        self.recorder.end_send(begun, ending(&sent));
        sent.map_err(payload)
    }

    #[inline]
    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        let (context, begun) = self.recorder.begin_send();
        let sent = self.sender.try_send(Carried { payload: message, context });
        if let (Ok(()), Some(begun)) = (&sent, begun) {
            self.recorder.end_send(begun, Ending::Passed);
        }
        sent.map_err(|error| match error {
            TrySendError::Full(carried) => TrySendError::Full(carried.payload),
            TrySendError::Disconnected(carried) => TrySendError::Disconnected(carried.payload),
        })
    }

    #[inline]
    fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        let (context, begun) = self.recorder.begin_send();
        let carried = Carried { payload: message, context };
        let sent = match begun {
            None => self.sender.send_timeout(carried, timeout),
            Some(mut begun) => match self.sender.try_send(carried) {
                Ok(()) => {
                    self.recorder.end_send(begun, Ending::Passed);
                    Ok(())
                }
                Err(TrySendError::Disconnected(carried)) => {
                    self.recorder.end_send(begun, Ending::NotPassed);
                    Err(SendTimeoutError::Disconnected(carried))
                }
                Err(TrySendError::Full(carried)) => {
                    self.recorder.waits(&mut begun);
                    let sent = self.sender.send_timeout(carried, timeout);
                    self.recorder.end_send(begun, ending(&sent));
                    sent
                }
            },
        };
        sent.map_err(|error| match error {
            SendTimeoutError::Timeout(carried) => SendTimeoutError::Timeout(carried.payload),
            SendTimeoutError::Disconnected(carried) => SendTimeoutError::Disconnected(carried.payload),
            SendTimeoutError::Unsupported(carried, lack) => {
                SendTimeoutError::Unsupported(carried.payload, lack)
            }
        })
    }
}

fn ending<T, E>(result: &Result<T, E>) -> Ending {
    if result.is_ok() { Ending::Passed } else { Ending::NotPassed }
}

/// The receiving handle.
#[derive(Debug)]
pub struct TracedReceiver<S, R> {
    receiver: S,
    recorder: R,
}

impl<S, R: Recorder> TracedReceiver<S, R> {
    /// Ends a receive that has waited if it had to; the payload of what was received.
    #[inline]
    fn ends<T, E>(&self, begun: R::Begun, received: Result<CarriedBy<T, R>, E>) -> Result<T, E>
    where
        S: Receiver<CarriedBy<T, R>>,
    {
        let context = received.as_ref().ok().map(|carried| &carried.context);
        let depth = || context.and_then(|_| self.receiver.len().ok());
        self.recorder.end_receive(begun, Operation::Receive, context, depth);
        received.map(|carried| carried.payload)
    }
}

impl<T, S, R> Receiver<T> for TracedReceiver<S, R>
where
    T: Send + 'static,
    R: Recorder,
    S: Receiver<CarriedBy<T, R>>,
{
    #[inline]
    fn recv(&self) -> Result<T, RecvError> {
        let mut begun = self.recorder.begin_receive();
        let received = match self.receiver.try_recv() {
            Ok(carried) => Ok(carried),
            // A disconnect may be reported once only.
            Err(TryRecvError::Disconnected) => Err(RecvError),
            Err(TryRecvError::Empty) => {
                self.recorder.waits(&mut begun);
                self.receiver.recv()
            }
        };
        self.ends(begun, received)
    }

    #[inline]
    fn try_recv(&self) -> Result<T, TryRecvError> {
        let begun = self.recorder.begin_receive();
        match self.receiver.try_recv() {
            // It passes nothing and has not waited, so it is not recorded.
            Err(error) => Err(error),
            received => self.ends(begun, received),
        }
    }

    #[inline]
    fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        let mut begun = self.recorder.begin_receive();
        let received = match self.receiver.try_recv() {
            Ok(carried) => Ok(carried),
            Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
            Err(TryRecvError::Empty) => {
                self.recorder.waits(&mut begun);
                self.receiver.recv_timeout(timeout)
            }
        };
        self.ends(begun, received)
    }

    fn try_clone(&self) -> Result<Self, Unsupported> {
        Ok(TracedReceiver { receiver: self.receiver.try_clone()?, recorder: self.recorder.clone() })
    }

    #[inline]
    fn len(&self) -> Result<usize, Unsupported> {
        self.receiver.len()
    }
}

/// The selector.
#[derive(Debug)]
pub struct TracedSelector<S, R> {
    selector: S,
    recorder: R,
}

impl<T, S, R> Selector<T> for TracedSelector<S, R>
where
    R: Recorder,
    S: Selector<CarriedBy<T, R>>,
{
    #[inline]
    fn recv(&mut self) -> Result<T, RecvError> {
        let begun = self.recorder.begin_receive();
        let received = self.selector.recv();
        let context = received.as_ref().ok().map(|carried| &carried.context);
        self.recorder.end_receive(begun, Operation::Select, context, || None);
        received.map(|carried| carried.payload)
    }
}
