//! `chanlab bucket`: a limit before a service that is asked for more, over each channel and beside a crate for it.

use std::io::Write;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Args, value_parser};
use contract::channel::{Channel, Visitor};
use engine::progress::Progress;
use engine::replace;
use governor::{Quota, RateLimiter};
use records::files::target_dir;
use records::text;
use reports::exit::{Exit, ExitWith, stopped};
use reports::gate;
use reports::render::bucket::{LimitedService, drawing, table};
use wording::terminal::stdout;
use workloads::limited_service::{Demand, Limit, Service, ask, serve};

use super::measure::stop_request;

/// The name of the crate in the table.
const GOVERNOR: &str = "governor";

#[derive(Args)]
pub(crate) struct Arguments {
    /// Grants in a second
    #[arg(long, value_name = "N", default_value_t = 5_000, value_parser = value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// Grants at once
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = value_parser!(u32).range(2..=65_536))]
    burst: u32,
    /// Requests in a second
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = value_parser!(u32).range(1..=200_000))]
    asks: u32,
    /// How long each service is asked
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = value_parser!(u32).range(1..=60))]
    seconds: u32,
    /// The channel of the tokens; may be given several times [default: every channel, and the crate governor]
    #[arg(long = "channel", value_name = "NAME")]
    channels: Vec<String>,
    /// The drawing [default: bucket.svg in the folder target/chanlab]
    #[arg(long, value_name = "FILE.svg")]
    output: Option<PathBuf>,
}

/// A way to serve under a limit.
type Serves = Box<dyn Fn(Limit, Demand) -> Result<Service, String>>;

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let limit = Limit { rate: arguments.rate.into(), burst: arguments.burst.into() };
    let demand = Demand { rate: arguments.asks.into(), lasts: Duration::from_secs(arguments.seconds.into()) };
    let chosen = chosen(&arguments.channels)?;
    let stop = stop_request()?;
    let (began, budget) = (Instant::now(), demand.lasts * chosen.len() as u32);
    let progress = Progress::new(budget);
    let mut all = Vec::new();
    for (name, serves) in chosen {
        // Relaxed: a flag that a signal handler sets; it guards no other data.
        if stop.load(Ordering::Relaxed) {
            progress.end();
            return Err(stopped("nothing is drawn".to_owned()).into());
        }
        progress.at(began.elapsed(), budget, &name);
        let service = serves(limit, demand);
        all.push(LimitedService { name, service });
    }
    progress.end();

    let output = arguments.output.clone().unwrap_or_else(|| target_dir().join("chanlab").join("bucket.svg"));
    replace(&output, drawing(limit, demand, &all).as_bytes()).map_err(ExitWith::from)?;
    write!(stdout(), "{}\n{}\n", table(limit, demand, &all), text::path(&output))?;
    Ok(gate::bucket(limit, &all)?)
}

/// The services that were asked for, each with its name.
fn chosen(names: &[String]) -> Result<Vec<(String, Serves)>> {
    struct Services(Vec<(String, Serves)>);
    impl Visitor for Services {
        fn visit<C: Channel>(&mut self) {
            let serves = |limit, demand| serve::<C>(limit, demand).map_err(|error| error.to_string());
            self.0.push((C::INFO.name.to_owned(), Box::new(serves)));
        }
    }
    let mut services = Services(Vec::new());
    adapters::each(&mut services);
    let mut services = services.0;
    services.push((GOVERNOR.to_owned(), Box::new(|limit, demand| Ok(governed(limit, demand)))));
    let known: Vec<String> = services.iter().map(|(name, _)| name.clone()).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        let message = format!("no channel is named {unknown}: the names are {}", known.join(", "));
        return Err(ExitWith::new(Exit::Usage, message).into());
    }
    services.retain(|(name, _)| names.is_empty() || names.contains(name));
    Ok(services)
}

/// Serves `demand` under `limit`, which the crate governor keeps.
///
/// It reads the clock itself, so the moment of a grant is known to be between the request and the answer.
fn governed(limit: Limit, demand: Demand) -> Service {
    // The arguments are above zero and fit.
    let number =
        |number: u64| u32::try_from(number).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
    let limiter = RateLimiter::direct(Quota::per_second(number(limit.rate)).allow_burst(number(limit.burst)));
    ask(demand, || {
        let asked = Instant::now();
        limiter.check().is_ok().then(|| asked..Instant::now())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn governor_grants_its_burst_and_keeps_the_limit() {
        let (limit, lasts) = (Limit { rate: 5_000, burst: 100 }, Duration::from_millis(100));
        let service = governed(limit, Demand { rate: 10_000, lasts });
        assert!(service.grants.len() >= 100, "{}", service.grants.len());
        assert!(service.burst_needed(limit) <= limit.burst as f64 + 1e-3, "{}", service.burst_needed(limit));
    }
}
