//! Members in processes of their own, which are killed, stopped and joined by others while a producer goes on: nothing is lost,
//! what a stored commit says is repeated by nobody, and messages of a key stay in order within each ownership.
//!
//! The short form is a test like others. The long form is ignored; `scripts/kafka --long` runs it.

mod brokers;
#[path = "../support/cluster.rs"]
#[expect(dead_code, reason = "a part of what `mock` uses")]
mod cluster;
mod judge;
mod process;
mod run;
#[path = "../support/wait.rs"]
mod wait;

use service_kafka::Assignor;

use crate::brokers::{Mock, Tansu};
use crate::run::Run;

#[test]
fn members_of_a_cooperative_group_may_die() {
    Run::new(Mock::new(), Assignor::Cooperative, 1).of(4);
}

#[test]
fn members_of_an_eager_group_may_die() {
    Run::new(Mock::new(), Assignor::Eager, 2).of(4);
}

#[test]
fn members_may_die_over_a_second_broker() {
    if let Some(tansu) = Tansu::start() {
        Run::new(tansu, Assignor::Cooperative, 3).of(2);
    }
}

#[test]
#[ignore = "ten minutes: scripts/kafka --long"]
fn members_die_fifty_times() {
    Run::new(Mock::new(), Assignor::Cooperative, 4).of(20);
    Run::new(Mock::new(), Assignor::Eager, 5).of(20);
    if let Some(tansu) = Tansu::start() {
        Run::new(tansu, Assignor::Cooperative, 6).of(10);
    }
}
