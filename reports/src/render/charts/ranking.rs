//! The ranking of the channels on the same work: one row for each, the fastest at the top. The dot is the
//! median, the bar its confidence interval, and the faint strip every round, which shows a second mode that a
//! median would hide.

use std::collections::BTreeMap;

use super::canvas::{self, Anchor, Canvas, GRID, INK, MUTED};
use super::scale::Scale;
use crate::analyse::cells::Measurement;
use crate::analyse::page::ParamsPage;
use crate::render::colours::Colours;
use wording::numbers;

const WIDTH: u32 = 500;
const LEFT: f64 = 104.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 6.0;
const ROW: f64 = 28.0;
const BOTTOM: f64 = 36.0;
const FONT: f64 = 12.5;

/// The width in pixels of a bin of samples. The more samples a bin holds, the darker it is.
const BIN: f64 = 1.5;

/// The chart; `None` when nothing was measured.
pub(crate) fn chart(workload: &str, params: &ParamsPage, colours: &Colours) -> Option<String> {
    let rows: Vec<(&str, &Measurement)> = params
        .ranking
        .iter()
        .filter_map(|ranked| {
            let cell = &params.cells[ranked.cell];
            Some((cell.channel.as_str(), cell.measurement()?))
        })
        .collect();
    if rows.is_empty() {
        return None;
    }
    let scale = Scale::of(rows.iter().flat_map(|(_, measurement)| {
        let interval = measurement.interval.into_iter();
        interval.chain(measurement.samples.iter().copied())
    }));
    let height = TOP + ROW * rows.len() as f64 + BOTTOM;
    let order: Vec<_> = rows.iter().map(|(channel, _)| *channel).collect();
    let alt = format!(
        "{workload} with {}: time of each message, the fastest channel first: {}",
        params.record.id,
        order.join(", ")
    );
    Some(canvas::draw(WIDTH, height as u32, &alt, |canvas| {
        axis(canvas, scale, params.unit, rows.len());
        for (index, (channel, measurement)) in rows.iter().enumerate() {
            row(canvas, scale, index, channel, measurement, colours);
        }
    }))
}

fn x(scale: Scale, time: f64) -> f64 {
    LEFT + scale.place(time) * (f64::from(WIDTH) - LEFT - RIGHT)
}

fn axis(canvas: &Canvas<'_>, scale: Scale, unit: &str, rows: usize) {
    let bottom = TOP + ROW * rows as f64;
    for tick in scale.ticks() {
        let x = x(scale, tick);
        canvas.line(&[(x, TOP), (x, bottom + 4.0)], GRID, 1.0, 1.0);
        let label = numbers::tick(tick);
        canvas.text(&label, (x, bottom + 12.0), Anchor::Middle, FONT - 1.5, MUTED);
    }
    let right = f64::from(WIDTH) - RIGHT;
    canvas.text(&scale.title(unit), (right, bottom + 28.0), Anchor::End, FONT - 1.5, MUTED);
}

fn row(
    canvas: &Canvas<'_>,
    scale: Scale,
    index: usize,
    channel: &str,
    measurement: &Measurement,
    colours: &Colours,
) {
    let colour = colours.rgb(channel);
    let middle = TOP + ROW * (index as f64 + 0.5);
    canvas.text(channel, (LEFT - 10.0, middle), Anchor::End, FONT, INK);

    let mut bins: BTreeMap<i64, usize> = BTreeMap::new();
    for sample in &measurement.samples {
        *bins.entry((x(scale, *sample) / BIN).floor() as i64).or_default() += 1;
    }
    let most = bins.values().copied().max().unwrap_or(1) as f64;
    for (bin, samples) in bins {
        let left = bin as f64 * BIN;
        let opacity = 0.22 + 0.38 * (samples as f64 / most);
        // Two decimals are enough, and the page is half as long.
        let opacity = (opacity * 100.0).round() / 100.0;
        canvas.block((left, middle - 9.0), (left + BIN, middle + 9.0), colour, opacity);
    }

    let [low, high] = measurement.interval.map(|time| x(scale, time));
    canvas.block((low, middle - 3.0), (high, middle + 3.0), colour, 1.0);
    canvas.dot((x(scale, measurement.median), middle), 4.5, colour);
}
