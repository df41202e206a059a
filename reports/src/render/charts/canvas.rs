//! A drawing surface for charts: a thin layer over plotters' SVG backend, which draws on whole units only.

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Circle, CoordMapper, Drawable, PathElement, PointCollection, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, IntoFont, RGBColor, ShapeStyle};

/// Units in a pixel: plotters rounds to whole ones, and a quarter of a pixel cannot be seen.
const UNITS: f64 = 4.0;

/// Plotters writes a font of size `s` as `s / 1.24`.
const FONT_FACTOR: f64 = 1.24;

const INFALLIBLE: &str = "drawing into a string cannot fail";

/// A placeholder for the colour of text. `style.css` replaces it and the next ones by colours of the light or
/// dark theme.
pub(crate) const INK: RGBColor = RGBColor(0x10, 0x10, 0x10);
/// A placeholder for the colour of axis labels.
pub(crate) const MUTED: RGBColor = RGBColor(0x60, 0x60, 0x60);
/// A placeholder for the colour of grid lines.
pub(crate) const GRID: RGBColor = RGBColor(0xE0, 0xE0, 0xE0);
/// A placeholder for the colour of the page.
pub(crate) const PAPER: RGBColor = RGBColor(0xFE, 0xFE, 0xFE);

/// The part of a text that its point marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// Its start.
    Start,
    /// Its middle.
    Middle,
    /// Its end.
    End,
}

/// A chart being drawn. Coordinates are pixels from the upper left corner.
pub(crate) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

/// Draws a chart of `width` by `height` pixels and returns the SVG element. `alt` describes it in words.
///
/// # Panics
///
/// Never: the drawing surface is a string.
pub(crate) fn draw(width: u32, height: u32, alt: &str, paint: impl FnOnce(&Canvas<'_>)) -> String {
    let mut svg = String::new();
    let size = (width * UNITS as u32, height * UNITS as u32);
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let canvas = Canvas { area };
        paint(&canvas);
        canvas.area.present().expect(INFALLIBLE);
    }
    // The size is the style sheet's business: as wide as there is room, up to the size it was drawn for.
    let drawn = format!("<svg width=\"{}\" height=\"{}\" ", size.0, size.1);
    let wanted = format!(
        "<svg class=\"chart\" role=\"img\" aria-label=\"{}\" style=\"max-width:{width}px\" ",
        escape(alt)
    );
    debug_assert!(svg.starts_with(&drawn), "{}", &svg[..80]);
    svg.replacen(&drawn, &wanted, 1)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn units((x, y): (f64, f64)) -> (i32, i32) {
    ((x * UNITS).round() as i32, (y * UNITS).round() as i32)
}

impl<'a> Canvas<'a> {
    /// A line through `points`.
    pub(crate) fn line(&self, points: &[(f64, f64)], colour: RGBColor, opacity: f64, width: f64) {
        let style = colour.mix(opacity).stroke_width((width * UNITS) as u32);
        let points: Vec<_> = points.iter().copied().map(units).collect();
        self.put(&PathElement::new(points, style));
    }

    /// A filled rectangle between two corners; at least a quarter of a pixel wide and high.
    pub(crate) fn block(
        &self,
        upper_left: (f64, f64),
        lower_right: (f64, f64),
        colour: RGBColor,
        opacity: f64,
    ) {
        let (left, top) = units(upper_left);
        let (right, bottom) = units(lower_right);
        let corners = [(left, top), (right.max(left + 1), bottom.max(top + 1))];
        self.put(&Rectangle::new(corners, colour.mix(opacity).filled()));
    }

    /// A filled dot.
    pub(crate) fn dot(&self, centre: (f64, f64), radius: f64, colour: RGBColor) {
        self.put(&Circle::new(units(centre), (radius * UNITS) as i32, colour.filled()));
    }

    /// A ring on the colour of the page.
    pub(crate) fn ring(&self, centre: (f64, f64), radius: f64, colour: RGBColor) {
        self.dot(centre, radius, PAPER);
        let style: ShapeStyle = colour.stroke_width((1.5 * UNITS) as u32);
        self.put(&Circle::new(units(centre), (radius * UNITS) as i32, style));
    }

    /// A text whose middle height is at `point`.
    pub(crate) fn text(&self, text: &str, point: (f64, f64), anchor: Anchor, size: f64, colour: RGBColor) {
        let h_pos = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let style = ("sans-serif", size * UNITS * FONT_FACTOR)
            .into_font()
            .color(&colour)
            .pos(Pos::new(h_pos, VPos::Center));
        self.put(&Text::new(text.to_owned(), units(point), style));
    }

    fn put<'e, E, B>(&self, element: &'e E)
    where
        B: CoordMapper,
        &'e E: PointCollection<'e, (i32, i32), B>,
        E: Drawable<SVGBackend<'a>, B>,
    {
        self.area.draw(element).expect(INFALLIBLE);
    }
}
