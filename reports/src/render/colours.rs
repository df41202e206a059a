//! The colours of channels: a channel has the same colour everywhere on the page.

use plotters::style::RGBColor;

/// Each colour is legible on light and dark backgrounds. The first, grey, is for the baseline.
const CHANNELS: [RGBColor; 10] = [
    RGBColor(0x80, 0x88, 0x92),
    RGBColor(0x3B, 0x82, 0xC4),
    RGBColor(0xD9, 0x7A, 0x1E),
    RGBColor(0xD1, 0x49, 0x5B),
    RGBColor(0x2F, 0x9E, 0x77),
    RGBColor(0x9B, 0x6B, 0xD3),
    RGBColor(0x1F, 0x9D, 0xB5),
    RGBColor(0xC2, 0x5F, 0xA3),
    RGBColor(0x9C, 0x8A, 0x1C),
    RGBColor(0x8F, 0x6A, 0x4E),
];

/// Colours by channel.
#[derive(Clone, Debug)]
pub(crate) struct Colours {
    /// In the order of the page's channels.
    names: Vec<String>,
}

impl Colours {
    /// Colours for these channels, in the page's order.
    pub(crate) fn new<'a>(channels: impl IntoIterator<Item = &'a str>) -> Self {
        Colours { names: channels.into_iter().map(str::to_owned).collect() }
    }

    /// The colour of a channel. From the eleventh channel on, colours repeat.
    pub(crate) fn rgb(&self, channel: &str) -> RGBColor {
        let place = self.names.iter().position(|name| name == channel);
        CHANNELS[place.unwrap_or(0) % CHANNELS.len()]
    }

    /// The colour for CSS.
    pub(crate) fn css(&self, channel: &str) -> String {
        let RGBColor(red, green, blue) = self.rgb(channel);
        format!("#{red:02X}{green:02X}{blue:02X}")
    }
}
