//! The time of a message along one axis: a line for each channel, named at its right end.

use super::canvas::{self, Anchor, Canvas, GRID, INK, MUTED};
use super::scale::Scale;
use crate::analyse::page::WorkloadPage;
use crate::analyse::scaling::Series;
use crate::render::colours::Colours;
use wording::numbers;

const WIDTH: u32 = 400;
const HEIGHT: u32 = 240;
const LEFT: f64 = 52.0;
/// Room for the channels' names.
const RIGHT: f64 = 102.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 44.0;
const FONT: f64 = 12.5;

/// The minimum distance of two names, in pixels.
const NAME_DISTANCE: f64 = 15.0;

/// A channel's line.
#[derive(Debug)]
struct Line<'a> {
    channel: &'a str,
    /// The index of the point, its time, and whether the capacity differs from the requested one.
    points: Vec<(usize, f64, bool)>,
}

/// The chart; `None` when nothing was measured along the axis.
pub(crate) fn chart(workload: &WorkloadPage, series: &Series, colours: &Colours) -> Option<String> {
    let lines = lines(workload, series);
    if lines.is_empty() {
        return None;
    }
    let times = || lines.iter().flat_map(|line| &line.points).map(|(_, time, _)| *time);
    let scale = Scale::of(times());
    let alt = format!(
        "{}: time of each message over {}, a line for each of {}",
        workload.name,
        series.axis,
        lines.iter().map(|line| line.channel).collect::<Vec<_>>().join(", ")
    );
    Some(canvas::draw(WIDTH, HEIGHT, &alt, |canvas| {
        axes(canvas, scale, workload.params.first().map_or("", |params| params.unit), series);
        for line in &lines {
            let colour = colours.rgb(line.channel);
            let points: Vec<_> =
                line.points.iter().map(|(index, time, _)| (x(series, *index), y(scale, *time))).collect();
            canvas.line(&points, colour, 1.0, 2.0);
            for (point, (_, _, altered)) in points.iter().zip(&line.points) {
                if *altered {
                    canvas.ring(*point, 4.0, colour);
                } else {
                    canvas.dot(*point, 3.5, colour);
                }
            }
        }
        names(canvas, scale, series, &lines, colours);
    }))
}

/// A line for each channel that was measured at some point of the axis.
fn lines<'a>(workload: &'a WorkloadPage, series: &Series) -> Vec<Line<'a>> {
    let channels = workload.channels.iter();
    channels
        .map(|channel| Line {
            channel,
            points: series
                .points
                .iter()
                .enumerate()
                .filter_map(|(place, (_, params))| {
                    let cells = &workload.params[*params].cells;
                    let cell = cells.iter().find(|cell| cell.channel == *channel)?;
                    let altered = cell.effective_capacity.is_some();
                    Some((place, cell.measurement()?.median, altered))
                })
                .collect(),
        })
        .filter(|line| !line.points.is_empty())
        .collect()
}

/// The axis is ordinal, because capacities and thread counts are few and far apart.
fn x(series: &Series, point: usize) -> f64 {
    let inset = 14.0;
    let room = f64::from(WIDTH) - LEFT - RIGHT - 2.0 * inset;
    let steps = (series.points.len() - 1).max(1) as f64;
    LEFT + inset + room * point as f64 / steps
}

fn y(scale: Scale, time: f64) -> f64 {
    let bottom = f64::from(HEIGHT) - BOTTOM;
    bottom - scale.place(time) * (bottom - TOP)
}

fn axes(canvas: &Canvas<'_>, scale: Scale, unit: &str, series: &Series) {
    let right = f64::from(WIDTH) - RIGHT;
    let bottom = f64::from(HEIGHT) - BOTTOM;
    canvas.text(&scale.title(unit), (4.0, 8.0), Anchor::Start, FONT - 1.5, MUTED);
    for tick in scale.ticks() {
        let y = y(scale, tick);
        canvas.line(&[(LEFT, y), (right, y)], GRID, 1.0, 1.0);
        canvas.text(&numbers::tick(tick), (LEFT - 8.0, y), Anchor::End, FONT - 1.5, MUTED);
    }
    for (point, (label, _)) in series.points.iter().enumerate() {
        let at = (x(series, point), bottom + 14.0);
        canvas.text(label, at, Anchor::Middle, FONT - 1.0, INK);
    }
    let middle = (LEFT + right) / 2.0;
    canvas.text(&series.axis, (middle, bottom + 33.0), Anchor::Middle, FONT - 1.0, MUTED);
}

/// Names each line: in the margin when it reaches the right end of the axis, otherwise next to its last
/// point.
fn names(canvas: &Canvas<'_>, scale: Scale, series: &Series, lines: &[Line<'_>], colours: &Colours) {
    let margin = f64::from(WIDTH) - RIGHT + 14.0;
    for place in 0..series.points.len() {
        let mut ends: Vec<(&str, f64)> = lines
            .iter()
            .filter_map(|line| Some((line.channel, *line.points.last()?)))
            .filter(|(_, (last, ..))| *last == place)
            .map(|(channel, (_, time, _))| (channel, y(scale, time)))
            .collect();
        ends.sort_by(|(_, one), (_, other)| one.total_cmp(other));
        let is_last = place + 1 == series.points.len();
        let end_x = x(series, place);
        let name_x = if is_last { margin } else { end_x + 9.0 };
        let places = apart(&ends.iter().map(|(_, height)| *height).collect::<Vec<_>>());
        for ((channel, height), place) in ends.into_iter().zip(places) {
            let colour = colours.rgb(channel);
            if is_last {
                canvas.line(&[(end_x, height), (name_x - 3.0, place)], colour, 0.45, 0.75);
            }
            canvas.text(channel, (name_x, place), Anchor::Start, FONT, colour);
        }
    }
}

/// Moves ascending heights apart to [`NAME_DISTANCE`], as little as possible and within the chart.
fn apart(heights: &[f64]) -> Vec<f64> {
    let bottom = f64::from(HEIGHT) - BOTTOM;
    let mut places: Vec<f64> = Vec::with_capacity(heights.len());
    for height in heights {
        let least = places.last().map_or(TOP, |above| above + NAME_DISTANCE);
        places.push(height.max(least));
    }
    let mut most = bottom;
    for place in places.iter_mut().rev() {
        *place = place.min(most);
        most = *place - NAME_DISTANCE;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_overlap() {
        let places = apart(&[100.0, 101.0, 102.0, 195.0, 196.0]);
        for pair in places.windows(2) {
            assert!(pair[1] - pair[0] >= NAME_DISTANCE - 1e-9, "{places:?}");
        }
        assert_eq!(places[0], 100.0);
        assert!(places[4] <= f64::from(HEIGHT) - BOTTOM);
    }
}
