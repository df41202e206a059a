//! A service behind a limit: it is asked faster than the limit allows, and refuses what is too much.
//!
//! The limit is a bucket of tokens, as in the workload [`token_bucket`](crate::token_bucket), but no caller waits
//! for a token: a request that finds none is refused. So the number of grants shows the limit at work.

use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use contract::channel::{Capacity, Channel, Receiver, TryRecvError};

use crate::pacing::{pause, wait_until};
use crate::token_bucket::{Refill, refill, tick};
use crate::workload::RoundError;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// At most `burst + rate * w` grants in any window of the length `w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Grants in a second. Above zero.
    pub rate: u64,
    /// Grants at once. Above one.
    pub burst: u64,
}

impl Limit {
    /// The time for which a grant is paid, rounded up: never faster than the rate.
    pub fn period(self) -> Duration {
        Duration::from_nanos(NANOS_PER_SECOND.div_ceil(self.rate))
    }

    /// The grants that a window may have.
    pub fn allows(self, window: Duration) -> f64 {
        self.burst as f64 + self.rate as f64 * window.as_secs_f64()
    }
}

/// Requests at a steady pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Requests in a second. Above zero.
    pub rate: u64,
    /// For how long.
    pub lasts: Duration,
}

/// A grant: a moment that is certainly not after it, and one that is certainly not before it, since the first
/// request.
pub type Grant = Range<Duration>;

/// What a service under a limit did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Requests.
    pub asked: u64,
    /// The grants, in their order.
    pub grants: Vec<Grant>,
}

impl Service {
    /// The grants up to a moment since the first request.
    pub fn granted_by(&self, moment: Duration) -> usize {
        self.grants.partition_point(|grant| grant.start <= moment)
    }

    /// The most grants of any window of the length `window`, as far as that is certain.
    pub fn most_within(&self, window: Duration) -> usize {
        let (mut first, mut most) = (0, 0);
        for (last, grant) in self.grants.iter().enumerate() {
            while self.grants[first].start + window < grant.end {
                first += 1;
                if first > last {
                    break;
                }
            }
            most = most.max((last + 1).saturating_sub(first));
        }
        most
    }

    /// The smallest burst for which every window keeps `rate`: the largest number of grants of a window, less
    /// those that the rate allows in it. It is above [`Limit::burst`] when the limit was broken.
    pub fn burst_needed(&self, limit: Limit) -> f64 {
        let rate = limit.rate as f64;
        let (mut least, mut needed) = (f64::INFINITY, 0.0f64);
        for (index, grant) in self.grants.iter().enumerate() {
            least = least.min(index as f64 - rate * grant.start.as_secs_f64());
            needed = needed.max(index as f64 + 1.0 - rate * grant.end.as_secs_f64() - least);
        }
        needed
    }
}

/// Asks at the pace of `demand`. `grants` answers a request: `None` refuses it, and a grant is given by moments that
/// are certainly not after and not before it.
///
/// A late request does not wait for its turn again: the pace of the others stays.
pub fn ask(demand: Demand, mut grants: impl FnMut() -> Option<Range<Instant>>) -> Service {
    let began = Instant::now();
    let mut service = Service::default();
    let interval = |number: u64| {
        Duration::from_nanos(
            (u128::from(number) * u128::from(NANOS_PER_SECOND) / u128::from(demand.rate)) as u64,
        )
    };
    while interval(service.asked) < demand.lasts {
        wait_until(began + interval(service.asked));
        service.asked += 1;
        if let Some(grant) = grants() {
            service.grants.push(grant.start.duration_since(began)..grant.end.duration_since(began));
        }
    }
    service
}

/// Serves `demand` under `limit`, which a channel of tokens keeps: a ticker refills it, and each request takes a token
/// that is there.
///
/// A grant has one moment, the later of its token's minting and its request, for which the bound is certain:
/// [`token_bucket`](crate::token_bucket) has the proof.
///
/// # Errors
///
/// When the channel cannot be opened, or its endpoints see a disconnect that is none.
///
/// # Panics
///
/// When the ticker panics.
pub fn serve<C: Channel>(limit: Limit, demand: Demand) -> Result<Service, RoundError> {
    let (bucket, tokens) = C::open::<Instant>(Capacity::from_slots(limit.burst as usize - 1))?;
    let mut held = 0;
    while held < limit.burst - 1 && refill(&bucket, Instant::now()) == Refill::Added {
        held += 1;
    }
    thread::scope(|scope| {
        let ticker = scope.spawn(move || {
            tick(&bucket, held, |_| Instant::now(), |_| {}, || pause(limit.period()));
        });
        let mut is_early = false;
        let service = ask(demand, || {
            let asked = Instant::now();
            match tokens.try_recv() {
                Ok(minted) => {
                    let moment = asked.max(minted);
                    Some(moment..moment)
                }
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => {
                    is_early = true;
                    None
                }
            }
        });
        drop(tokens);
        ticker.join().expect("the ticker does not panic");
        match is_early {
            true => Err(crate::violation::DeliveryViolation::EarlyDisconnect { thread: "service" }.into()),
            false => Ok(service),
        }
    })
}

#[cfg(test)]
mod tests {
    use baseline::MutexDeque;

    use super::*;

    fn service(millis: &[u64]) -> Service {
        let grants = millis.iter().map(|&at| Duration::from_millis(at)).map(|at| at..at).collect();
        Service { asked: millis.len() as u64, grants }
    }

    #[test]
    fn the_fullest_window_is_found_wherever_it_is() {
        let limit = Limit { rate: 10, burst: 2 };
        assert_eq!(service(&[]).burst_needed(limit), 0.0);
        assert_eq!(service(&[0, 0, 100, 200]).burst_needed(limit), 2.0);
        assert_eq!(service(&[0, 1_000, 1_000, 1_000]).burst_needed(limit), 3.0);
        assert!((service(&[0, 1_000, 1_050, 1_100]).burst_needed(limit) - 2.0).abs() < 1e-9);
        assert_eq!(service(&[0, 1_000, 1_050, 1_100]).most_within(Duration::from_millis(60)), 2);
        assert_eq!(service(&[0, 1_000, 1_050, 1_100]).most_within(Duration::from_millis(100)), 3);
        assert_eq!(service(&[0, 1_000]).granted_by(Duration::from_millis(999)), 1);
    }

    /// A moment between two bounds may be any of them: a window that may be longer is no violation.
    #[test]
    fn what_is_not_certain_is_not_counted() {
        let wide = Duration::ZERO..Duration::from_millis(100);
        let service = Service { asked: 2, grants: vec![wide.clone(), wide] };
        assert_eq!(service.burst_needed(Limit { rate: 10, burst: 2 }), 1.0);
    }

    #[test]
    fn a_bucket_keeps_its_limit_under_twice_the_demand() {
        let (limit, lasts) = (Limit { rate: 5_000, burst: 100 }, Duration::from_millis(100));
        let service = serve::<MutexDeque>(limit, Demand { rate: 10_000, lasts }).expect("a service");
        assert_eq!(service.asked, 1_000);
        assert!(service.burst_needed(limit) <= limit.burst as f64, "{}", service.burst_needed(limit));
        assert!((service.grants.len() as f64) <= limit.allows(service.grants.last().expect("some").end));
        // The initial burst at least, whatever the machine does.
        assert!(service.grants.len() >= 99, "{}", service.grants.len());
    }

    #[test]
    fn a_service_without_a_limit_is_caught() {
        let demand = Demand { rate: 10_000, lasts: Duration::from_millis(50) };
        let service = ask(demand, || {
            let now = Instant::now();
            Some(now..now)
        });
        let limit = Limit { rate: 1_000, burst: 10 };
        assert!(service.burst_needed(limit) > limit.burst as f64);
    }
}
