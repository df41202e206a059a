//! What services under a limit granted: a table for the terminal, and a drawing.

use std::time::Duration;

use plotters::style::RGBColor;
use workloads::limited_service::{Demand, Limit, Service};

use super::charts::canvas::{self, Anchor, Canvas, GRID, INK, MUTED};
use super::charts::scale::Scale;
use super::colours::Colours;
use wording::numbers;

/// A way to keep a limit, and what it granted.
#[derive(Clone, Debug)]
pub struct LimitedService {
    /// The channel of its tokens, or the crate.
    pub name: String,
    /// What it did; the reason when it did nothing.
    pub service: Result<Service, String>,
}

impl LimitedService {
    /// Whether some window certainly had more grants than the limit allows.
    pub fn broke(&self, limit: Limit) -> bool {
        // A grant is a whole one; the rest is the rounding of a window's length.
        self.service.as_ref().is_ok_and(|service| service.burst_needed(limit) > limit.burst as f64 + 1e-3)
    }
}

/// The table.
pub fn table(limit: Limit, demand: Demand, all: &[LimitedService]) -> String {
    let allowed = limit.allows(demand.lasts).floor() as u64;
    let width = all.iter().map(|one| one.name.len()).max().unwrap_or(0);
    let mut text = format!(
        "asked {} times a second for {} s; the limit: a burst of {}, then {} a second, so at most {} in that time\n\n\
         {:width$}  granted  of what is allowed  burst in the fullest window\n",
        numbers::separated(demand.rate),
        demand.lasts.as_secs_f64(),
        numbers::separated(limit.burst),
        numbers::separated(limit.rate),
        numbers::separated(allowed),
        "",
    );
    for one in all {
        let row = match &one.service {
            Ok(service) => {
                let granted = service.grants.len() as u64;
                let broken = if one.broke(limit) { "  BROKEN" } else { "" };
                format!(
                    "{:>7}  {:>16.1} %  {:>9} of {}{broken}",
                    numbers::separated(granted),
                    granted as f64 / allowed.max(1) as f64 * 100.0,
                    numbers::separated(service.burst_needed(limit).ceil() as u64),
                    numbers::separated(limit.burst),
                )
            }
            Err(reason) => format!("not measured: {reason}"),
        };
        text += &format!("{:width$}  {row}\n", one.name);
    }
    text
}

const WIDTH: u32 = 860;
const HEIGHT: u32 = 360;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 308.0;
const FONT: f64 = 12.5;

/// The points of a curve.
const POINTS: u32 = 80;

/// The colour of the limit.
const LIMIT: RGBColor = RGBColor(0xD1, 0x20, 0x20);

/// One of the two panels.
struct Panel {
    left: f64,
    right: f64,
    lasts: Duration,
    scale: Scale,
}

impl Panel {
    fn at(&self, moment: Duration, count: f64) -> (f64, f64) {
        let x = moment.as_secs_f64() / self.lasts.as_secs_f64();
        (self.left + (self.right - self.left) * x, BOTTOM - (BOTTOM - TOP) * self.scale.place(count))
    }

    fn curve(&self, canvas: &Canvas<'_>, colour: RGBColor, width: f64, count: impl Fn(Duration) -> f64) {
        let moments = (0..=POINTS).map(|point| self.lasts * point / POINTS);
        let points = moments.map(|moment| (moment, count(moment)));
        // What was asked leaves the panel at its top.
        let points = points.take_while(|(_, count)| self.scale.place(*count) <= 1.0);
        let points: Vec<_> = points.map(|(moment, count)| self.at(moment, count)).collect();
        canvas.line(&points, colour, 1.0, width);
    }

    fn axes(&self, canvas: &Canvas<'_>, title: &str, below: &str) {
        canvas.text(title, (self.left, 14.0), Anchor::Start, FONT, INK);
        for count in self.scale.ticks() {
            let (_, y) = self.at(Duration::ZERO, count);
            canvas.line(&[(self.left, y), (self.right, y)], GRID, 1.0, 1.0);
            let label = numbers::separated(count.round() as u64);
            canvas.text(&label, (self.left - 8.0, y), Anchor::End, FONT - 1.5, MUTED);
        }
        for quarter in 0..=4 {
            let moment = self.lasts * quarter / 4;
            let (x, _) = self.at(moment, 0.0);
            let label = format!("{} s", moment.as_secs_f64());
            canvas.text(&label, (x, BOTTOM + 14.0), Anchor::Middle, FONT - 1.5, MUTED);
        }
        canvas.text(
            below,
            ((self.left + self.right) / 2.0, BOTTOM + 33.0),
            Anchor::Middle,
            FONT - 1.0,
            MUTED,
        );
    }
}

/// The drawing, as a file of its own: what was asked and granted over time, and the most grants of any window beside
/// what it may have.
pub fn drawing(limit: Limit, demand: Demand, all: &[LimitedService]) -> String {
    let services: Vec<(&str, &Service)> =
        all.iter().filter_map(|one| Some((one.name.as_str(), one.service.as_ref().ok()?))).collect();
    let colours = Colours::new(services.iter().map(|(name, _)| *name));
    let asked = |moment: Duration| demand.rate as f64 * moment.as_secs_f64();
    let most = limit.allows(demand.lasts).max(1.0);
    let scale = Scale::of([most]);
    let alt = format!(
        "Requests at {} a second under a limit of {} a second and a burst of {}: what was granted over time, and the most \
         grants of any window",
        demand.rate, limit.rate, limit.burst
    );
    let svg = canvas::draw(WIDTH, HEIGHT, &alt, |canvas| {
        let over_time = Panel { left: 60.0, right: 350.0, lasts: demand.lasts, scale };
        over_time.axes(canvas, "Granted since the first request", "time");
        over_time.curve(canvas, MUTED, 1.0, asked);
        let beside = demand.lasts.mul_f64((most * 0.8 / asked(demand.lasts)).min(1.0));
        let (x, y) = over_time.at(beside, asked(beside));
        canvas.text("asked", (x - 6.0, y), Anchor::End, FONT - 1.5, MUTED);
        let in_windows = Panel { left: 430.0, right: 720.0, lasts: demand.lasts, scale };
        in_windows.axes(canvas, "Most granted in any window", "length of the window");
        for panel in [&over_time, &in_windows] {
            panel.curve(canvas, LIMIT, 2.0, |window| limit.allows(window));
        }
        for (name, service) in &services {
            let colour = colours.rgb(name);
            over_time.curve(canvas, colour, 1.5, |moment| service.granted_by(moment) as f64);
            in_windows.curve(canvas, colour, 1.5, |window| service.most_within(window) as f64);
        }
        let legend = [("the limit", LIMIT)].into_iter();
        let legend = legend.chain(services.iter().map(|(name, _)| (*name, colours.rgb(name))));
        for (row, (name, colour)) in legend.enumerate() {
            let y = TOP + 18.0 * row as f64;
            canvas.line(&[(736.0, y), (752.0, y)], colour, 1.0, 2.0);
            canvas.text(name, (758.0, y), Anchor::Start, FONT, INK);
        }
    });
    // A file of its own needs the name space, and has no style sheet that says what the paper is.
    let style = "xmlns=\"http://www.w3.org/2000/svg\" font-family=\"sans-serif\" style=\"background:#fff;";
    svg.replacen("style=\"", style, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, millis: &[u64]) -> LimitedService {
        let grants = millis.iter().map(|&at| Duration::from_millis(at)).map(|at| at..at).collect();
        LimitedService { name: name.to_owned(), service: Ok(Service { asked: 20, grants }) }
    }

    const LIMIT: Limit = Limit { rate: 10, burst: 2 };
    const DEMAND: Demand = Demand { rate: 20, lasts: Duration::from_secs(1) };

    #[test]
    fn a_broken_limit_is_named() {
        let kept = one("kept", &[0, 0, 100, 200]);
        let broken = one("broken", &[0, 500, 500, 500]);
        let none = LimitedService { name: "none".to_owned(), service: Err("no endpoints".to_owned()) };
        assert!(!kept.broke(LIMIT) && broken.broke(LIMIT) && !none.broke(LIMIT));
        let text = table(LIMIT, DEMAND, &[kept, broken, none]);
        assert_eq!(
            text,
            "asked 20 times a second for 1 s; the limit: a burst of 2, then 10 a second, so at most 12 in that time\n\n        \
             granted  of what is allowed  burst in the fullest window\n\
             kept          4              33.3 %          2 of 2\n\
             broken        4              33.3 %          3 of 2  BROKEN\n\
             none    not measured: no endpoints\n"
        );
    }

    #[test]
    fn the_drawing_is_an_image_with_a_curve_for_each_service() {
        let svg = drawing(LIMIT, DEMAND, &[one("std", &[0, 1]), one("governor", &[0, 2])]);
        let document = roxmltree::Document::parse(&svg).expect("well-formed");
        assert_eq!(document.root_element().tag_name().namespace(), Some("http://www.w3.org/2000/svg"));
        let texts: Vec<_> = document.descendants().filter_map(|node| node.text()).map(str::trim).collect();
        for name in ["std", "governor", "the limit", "asked"] {
            assert!(texts.contains(&name), "{name}: {texts:?}");
        }
    }
}
