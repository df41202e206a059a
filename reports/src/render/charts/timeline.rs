//! A part of a timeline: a row for each thread.

use plotters::style::RGBColor;

use super::canvas::{self, Anchor, GRID, INK, MUTED};
use crate::collect::timelines::TimelinePart;
use wording::numbers;

const WIDTH: u32 = 820;
/// Room for the names of the threads.
const LEFT: f64 = 116.0;
const RIGHT: f64 = 8.0;
const ROW: f64 = 20.0;
const TOP: f64 = 6.0;
/// Room for the time and the legend.
const BOTTOM: f64 = 44.0;
const FONT: f64 = 12.0;

/// The longest name that has room, in characters.
const NAME: usize = 15;

/// The colour of each kind of slice, in the order of the legend.
const KINDS: [(&str, RGBColor); 6] = [
    ("send", RGBColor(0x3B, 0x82, 0xC4)),
    ("blocked in send", RGBColor(0xD1, 0x49, 0x5B)),
    ("receive", RGBColor(0x2F, 0x9E, 0x77)),
    ("blocked in receive", RGBColor(0xD9, 0x7A, 0x1E)),
    ("select", RGBColor(0x9B, 0x6B, 0xD3)),
    ("at work", RGBColor(0xB8, 0xBE, 0xC6)),
];

/// The chart; `None` when nothing was recorded.
pub(crate) fn chart(part: &TimelinePart) -> Option<String> {
    if part.tracks.is_empty() || part.length <= 0.0 {
        return None;
    }
    let bottom = TOP + ROW * part.tracks.len() as f64;
    let width = f64::from(WIDTH) - LEFT - RIGHT;
    let x = |at: f64| LEFT + at / part.length * width;
    let alt =
        format!("{}: what each of {} did", part.title, numbers::count(part.tracks.len() as u64, "thread"));
    Some(canvas::draw(WIDTH, (bottom + BOTTOM) as u32, &alt, |canvas| {
        for (row, track) in part.tracks.iter().enumerate() {
            let top = TOP + ROW * row as f64;
            let name: String = track.name.chars().take(NAME).collect();
            canvas.text(&name, (LEFT - 8.0, top + ROW / 2.0), Anchor::End, FONT, INK);
            canvas.line(&[(LEFT, top + ROW), (LEFT + width, top + ROW)], GRID, 1.0, 1.0);
            for (kind, began, ended) in &track.slices {
                let Some((_, colour)) = KINDS.iter().find(|(name, _)| name == kind) else { continue };
                canvas.block((x(*began), top + 3.0), (x(*ended), top + ROW - 2.0), *colour, 1.0);
            }
        }
        let time = format!("{} µs", numbers::measured(part.length));
        canvas.text("0", (LEFT, bottom + 10.0), Anchor::Start, FONT, MUTED);
        canvas.text(&time, (LEFT + width, bottom + 10.0), Anchor::End, FONT, MUTED);
        let step = width / KINDS.len() as f64;
        for (place, (name, colour)) in KINDS.iter().enumerate() {
            let (left, top) = (LEFT + step * place as f64, bottom + 24.0);
            canvas.block((left, top), (left + 10.0, top + 10.0), *colour, 1.0);
            canvas.text(name, (left + 14.0, top + 5.0), Anchor::Start, FONT - 1.0, MUTED);
        }
    }))
}
