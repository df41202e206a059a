//! A run: members that die, and others that come.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use service_kafka::Assignor;

use crate::brokers::{Broker, PARTITIONS};
use crate::cluster::{GROUP, TOPIC};
use crate::judge::Judge;
use crate::process::{Line, Process};
use crate::wait::DEADLINE;

/// Messages that are appended to a partition before each disruption.
const BATCH: u64 = 150;

/// The most messages of all partitions that are not done at a disruption.
const BACKLOG: u64 = 300;

/// Messages after which a member commits.
const COMMIT_EVERY: u64 = 16;

/// A run over a broker.
pub(crate) struct Run<B> {
    broker: B,
    assignor: Assignor,
    random: u64,
    judge: Judge,
    members: BTreeMap<usize, Process>,
    started: usize,
    /// Processes whose output has ended.
    ended: BTreeSet<usize>,
    lines: Receiver<Line>,
    told: Sender<Line>,
    /// The number of the next message of each partition.
    next: u64,
}

impl<B: Broker> Run<B> {
    pub(crate) fn new(broker: B, assignor: Assignor, seed: u64) -> Self {
        let (told, lines) = mpsc::channel();
        Run {
            judge: Judge::new(broker.keeps_metadata()),
            broker,
            assignor,
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15),
            members: BTreeMap::new(),
            started: 0,
            ended: BTreeSet::new(),
            lines,
            told,
            next: 0,
        }
    }

    /// Marsaglia, "Xorshift RNGs" (2003).
    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    /// A run with this number of disruptions, which panics when something is wrong.
    pub(crate) fn of(mut self, disruptions: u64) {
        let started = Instant::now();
        self.start();
        self.start();
        for turn in 0..disruptions {
            self.produce();
            let wanted = (self.next * PARTITIONS.unsigned_abs() as u64).saturating_sub(BACKLOG);
            self.until(&format!("progress before disruption {turn}"), |run| run.judge.done() >= wanted);
            self.disrupt(turn);
        }
        self.produce();
        let next = self.next;
        self.until("everything is done and stored", |run| {
            run.judge.is_complete(PARTITIONS.unsigned_abs() as usize, next)
        });
        for number in self.members.keys().copied().collect::<Vec<_>>() {
            self.terminate(number);
        }
        println!(
            "{:?}, {disruptions} disruptions, {} members: {} messages done, {} of them repeated; {:?}; {:.0} s",
            self.assignor,
            self.started,
            self.judge.done(),
            self.judge.repeated(),
            self.judge.counts,
            started.elapsed().as_secs_f64()
        );
        assert_eq!(self.judge.failures, Vec::<String>::new());
    }

    fn start(&mut self) {
        self.started += 1;
        let assignor = if self.assignor == Assignor::Eager { "eager" } else { "cooperative" };
        let session = self.broker.session().as_millis();
        let arguments = [
            self.broker.address(),
            TOPIC.to_owned(),
            GROUP.to_owned(),
            assignor.to_owned(),
            session.to_string(),
            COMMIT_EVERY.to_string(),
            (self.started as u64).to_string(),
        ];
        let process = Process::start(self.started, &arguments, self.told.clone());
        self.members.insert(self.started, process);
    }

    fn produce(&mut self) {
        let numbers = self.next..self.next + BATCH;
        (0..PARTITIONS).for_each(|partition| self.broker.produce(partition, numbers.clone()));
        self.next = numbers.end;
    }

    fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !is_so(self) {
            match self.lines.recv_timeout(Duration::from_millis(100)) {
                Ok(Line { process, text: None }) => {
                    assert!(!self.members.contains_key(&process), "process {process} has ended by itself");
                    self.ended.insert(process);
                }
                Ok(line) => self.judge.take(&line),
                Err(_) => {}
            }
            assert!(
                Instant::now() < deadline,
                "not within {DEADLINE:?}: {what}; running: {:?}; {:?}\n{}",
                self.members.keys().collect::<Vec<_>>(),
                self.judge.counts,
                self.judge.missing(self.next)
            );
        }
    }

    /// Kills, stops, starts, or injects errors.
    fn disrupt(&mut self, turn: u64) {
        let oldest = self.members.keys().next().copied().expect("there are two");
        let what = match self.random() % 4 {
            // Both happen in each run, however short.
            _ if turn == 0 => 0,
            _ if turn == 1 => 1,
            other => other,
        };
        let told = self.broker.inject(turn).unwrap_or_else(|| "nothing injected".to_owned());
        println!("disruption {turn}: {}, {told}", ["kill", "SIGTERM", "one more", "one less"][what as usize]);
        match what {
            0 => {
                if let Some(process) = self.members.remove(&oldest) {
                    process.kill();
                }
                self.start();
            }
            1 => {
                self.terminate(oldest);
                self.start();
            }
            _ if what == 2 && self.members.len() < 4 => self.start(),
            _ if self.members.len() > 2 => self.terminate(oldest),
            _ => self.start(),
        }
    }

    /// Has a member drain and leave.
    fn terminate(&mut self, number: usize) {
        let Some(mut process) = self.members.remove(&number) else { return };
        process.terminate();
        self.until(&format!("process {number} leaves"), |run| run.ended.contains(&number));
        let status = process.join();
        assert!(status.success(), "process {number}: {status}");
    }
}
