use baseline::MutexDeque;
use contract::channel::*;
use service_otel::{Settings, Spans, Tracing, adopt};
use service_trace::traced::Traced;
use std::time::Duration;
fn main() {
    let tracing = Tracing::start(&Settings::to("http://127.0.0.1:45318")).expect("started");
    let (s, r) = Traced::<MutexDeque, Spans>::open::<u64>(Capacity::from_slots(4)).expect("open");
    adopt(Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")).expect("ok");
    s.send(1).expect("r");
    r.recv().expect("s");
    println!("{}", tracing.close(Duration::from_secs(5)));
}
