//! Random scenarios: what each of a few threads does with its handles.
//!
//! Over a correct channel a scenario ends under every schedule. Every thread drops all its handles at the
//! end, and no thread waits without a limit while it holds a handle of the other side. Suppose some threads
//! waited for ever. If all of them were senders, no receiver would be left; if all were receivers, no sender;
//! and senders and receivers would serve each other.

use std::fmt;
use std::time::Duration;

use super::dice::Dice;
use super::history::Action;
use contract::channel::{Capability, Capacity, Info};

/// The maximum number of threads.
pub const MAX_THREADS: usize = 4;
/// The maximum number of operations of a thread, not counting the final drops of its handles.
pub const MAX_STEPS: usize = 5;

/// A delay before an operation, which varies how the threads meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// This many idle turns of a few nanoseconds.
    Turns(usize),
    /// Yields the processor.
    Yield,
}

/// One operation of a script.
#[derive(Clone, Copy, Debug)]
pub struct ScriptedOperation {
    /// The operation.
    pub action: Action,
    /// The timeout of an operation that has one.
    pub timeout: Duration,
    /// The delay before it.
    pub pause: Pause,
}

/// The operations of one thread.
#[derive(Clone, Debug)]
pub struct Script {
    /// The number of senders it begins with.
    pub senders: usize,
    /// The number of receivers it begins with.
    pub receivers: usize,
    /// The operations. They drop every handle.
    pub steps: Vec<ScriptedOperation>,
}

/// The scripts of a few threads that share one channel.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The requested capacity.
    pub capacity: Capacity,
    /// Whether the messages are several words long instead of one. Channels may move them differently.
    pub long: bool,
    /// One for each thread.
    pub scripts: Vec<Script>,
}

impl Scenario {
    /// A random scenario within the capabilities of a channel, at one of the given capacities.
    pub fn random(info: &Info, capacities: &[Capacity], dice: &mut Dice) -> Self {
        let threads = 2 + dice.below(MAX_THREADS - 1);
        let several = info.require(Capability::MultiConsumer).is_ok();
        let mut handles: Vec<(usize, usize)> = (0..threads)
            .map(|_| match dice.below(5) {
                0 | 1 => (1, 0),
                2 | 3 => (0, 1),
                _ => (1, 1),
            })
            .collect();
        if !several {
            // One thread has the only receiver and possibly a sender.
            let only = dice.below(threads);
            handles.fill((1, 0));
            handles[only] = (usize::from(dice.percent(20)), 1);
        }
        if handles.iter().all(|(senders, _)| *senders == 0) {
            handles[0] = (1, 0);
        }
        if handles.iter().all(|(_, receivers)| *receivers == 0) {
            handles[threads - 1] = (0, 1);
        }
        let capacity = dice.pick(capacities);
        let long = dice.percent(30);
        let mut messages = 0;
        let mut scripts = Vec::with_capacity(threads);
        for (senders, receivers) in handles {
            let mut author = Author { info, held: (senders, receivers), messages, dice: &mut *dice };
            let steps = author.steps();
            messages = author.messages;
            scripts.push(Script { senders, receivers, steps });
        }
        Scenario { capacity, long, scripts }
    }

    /// The number of senders and of receivers at the beginning.
    pub fn handles(&self) -> (usize, usize) {
        self.scripts.iter().fold((0, 0), |(senders, receivers), script| {
            (senders + script.senders, receivers + script.receivers)
        })
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "capacity {}", self.capacity)?;
        if self.long {
            f.write_str(", long messages")?;
        }
        for (thread, script) in self.scripts.iter().enumerate() {
            write!(f, "; thread {thread}: ")?;
            let actions: Vec<String> = script.steps.iter().map(|step| step.action.to_string()).collect();
            f.write_str(&actions.join(", "))?;
        }
        Ok(())
    }
}

/// Writes one thread's script.
struct Author<'a> {
    info: &'a Info,
    /// The senders and receivers that the thread holds at this point.
    held: (usize, usize),
    /// The number of messages in the scenario so far.
    messages: u64,
    dice: &'a mut Dice,
}

impl Author<'_> {
    fn steps(&mut self) -> Vec<ScriptedOperation> {
        let mut steps = Vec::new();
        for _ in 0..1 + self.dice.below(MAX_STEPS) {
            let Some(action) = self.action() else { break };
            steps.push(self.step(action));
        }
        while self.held != (0, 0) {
            let sender = self.held.1 == 0 || (self.held.0 > 0 && self.dice.percent(50));
            let action = if sender { Action::DropSender } else { Action::DropReceiver };
            self.hold(action);
            steps.push(self.step(action));
        }
        steps
    }

    fn step(&mut self, action: Action) -> ScriptedOperation {
        let timeout = Duration::from_micros(self.dice.pick(&[0, 1, 5, 60]));
        let pause = match self.dice.below(10) {
            0..=5 => Pause::Turns(0),
            6..=8 => Pause::Turns(self.dice.below(200)),
            _ => Pause::Yield,
        };
        ScriptedOperation { action, timeout, pause }
    }

    /// A random operation on a handle that the thread holds; `None` when it holds none.
    fn action(&mut self) -> Option<Action> {
        let message = self.messages + 1;
        let able = |capability| self.info.require(capability).is_ok();
        let (senders, receivers) = self.held;
        let mut choice = Vec::new();
        let mut offer = |times: usize, action: Action, possible: bool| {
            choice.extend(std::iter::repeat_n(action, if possible { times } else { 0 }));
        };
        // A wait without a limit needs a thread without handles of the other side, or the scenario might not
        // end.
        offer(6, Action::Send(message), senders > 0 && receivers == 0);
        offer(4, Action::TrySend(message), senders > 0);
        offer(3, Action::SendTimeout(message), senders > 0 && able(Capability::SendTimeout));
        offer(6, Action::Recv, receivers > 0 && senders == 0);
        offer(4, Action::TryRecv, receivers > 0);
        offer(3, Action::RecvTimeout, receivers > 0 && able(Capability::RecvTimeout));
        // As often as sends and receives, so that most lengths race with those of other threads.
        offer(4, Action::Len, receivers > 0 && able(Capability::Len));
        offer(1, Action::CloneSender, senders > 0);
        offer(1, Action::DropSender, senders > 0);
        offer(1, Action::CloneReceiver, receivers > 0 && able(Capability::MultiConsumer));
        offer(1, Action::DropReceiver, receivers > 0);
        if choice.is_empty() {
            return None;
        }
        let action = self.dice.pick(&choice);
        self.messages += u64::from(action.sends().is_some());
        self.hold(action);
        Some(action)
    }

    fn hold(&mut self, action: Action) {
        match action {
            Action::CloneSender => self.held.0 += 1,
            Action::DropSender => self.held.0 -= 1,
            Action::CloneReceiver => self.held.1 += 1,
            Action::DropReceiver => self.held.1 -= 1,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adapters::std::Adapter as Std;
    use baseline::MutexDeque;
    use contract::channel::Channel;

    fn random(info: &Info, seed: u64) -> Scenario {
        Scenario::random(info, &[Capacity::Rendezvous, Capacity::from_slots(2)], &mut Dice::new(seed))
    }

    #[test]
    fn scenarios_end_by_construction() {
        for info in [&MutexDeque::INFO, &Std::INFO] {
            for seed in 0..2_000 {
                let scenario = random(info, seed);
                let (senders, receivers) = scenario.handles();
                assert!(senders > 0 && receivers > 0, "{scenario}");
                let mut messages = Vec::new();
                for script in &scenario.scripts {
                    let mut held = (script.senders, script.receivers);
                    for step in &script.steps {
                        let (senders, receivers) = held;
                        let allowed = match step.action {
                            Action::Send(_) => senders > 0 && receivers == 0,
                            Action::Recv => receivers > 0 && senders == 0,
                            action if action.sends().is_some() => senders > 0,
                            Action::CloneSender | Action::DropSender => senders > 0,
                            _ => receivers > 0,
                        };
                        assert!(allowed, "{scenario}");
                        match step.action {
                            Action::CloneSender => held.0 += 1,
                            Action::DropSender => held.0 -= 1,
                            Action::CloneReceiver => held.1 += 1,
                            Action::DropReceiver => held.1 -= 1,
                            action => messages.extend(action.sends()),
                        }
                    }
                    assert_eq!(held, (0, 0), "{scenario}");
                }
                let sent = messages.len();
                messages.sort_unstable();
                messages.dedup();
                assert_eq!(messages.len(), sent, "{scenario}");
            }
        }
    }

    #[test]
    fn a_scenario_avoids_what_the_channel_lacks() {
        for seed in 0..2_000 {
            let scenario = random(&Std::INFO, seed);
            assert_eq!(scenario.handles().1, 1, "{scenario}");
            let steps = scenario.scripts.iter().flat_map(|script| &script.steps);
            for step in steps {
                let lacked =
                    matches!(step.action, Action::SendTimeout(_) | Action::CloneReceiver | Action::Len);
                assert!(!lacked, "{scenario}");
            }
        }
    }

    #[test]
    fn every_action_comes_up() {
        let steps = (0..500).flat_map(|seed| random(&MutexDeque::INFO, seed).scripts);
        let actions = steps.flat_map(|script| script.steps).map(|step| step.action);
        let kinds: std::collections::HashSet<_> =
            actions.map(|action| std::mem::discriminant(&action)).collect();
        assert_eq!(kinds.len(), 11);
    }

    #[test]
    fn a_seed_decides_the_scenario() {
        let text = |seed| random(&MutexDeque::INFO, seed).to_string();
        assert_eq!(text(7), text(7));
        assert!((0..100).any(|seed| text(seed) != text(7)));
    }
}
