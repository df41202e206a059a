//! Draws a history: one lane for each thread, time from left to right, a bar for each operation from its
//! invocation to its return.
//!
//! Events keep their order but not their distance: each bar is as wide as its text. Marked operations have
//! another colour and a thick edge. The picture has its own background, dark if the reader prefers that, so
//! it fits any page.

use std::fmt::Write as _;

use super::history::History;

/// The height of a lane and of the bar in it, in pixels.
const LANE: u32 = 44;
const BAR: u32 = 28;
/// The width of the column with the names of the threads.
const NAMES: u32 = 76;
/// The distance between two events.
const GAP: u32 = 10;
/// The margin around the picture.
const MARGIN: u32 = 12;
/// The approximate width of a letter, rounded up.
const LETTER: u32 = 8;

const STYLE: &str = "\
.chanlab-history{background:#fff;font:13px ui-monospace,Menlo,Consolas,monospace}
.chanlab-history .ground{fill:#fff}
.chanlab-history text{fill:#1a1a1a}
.chanlab-history .lane{stroke:#bbb;stroke-width:1}
.chanlab-history .bar{fill:#dbe9f6;stroke:#2b6cb0;stroke-width:1}
.chanlab-history .pending{stroke-dasharray:5 3}
.chanlab-history .marked{fill:#fde0dc;stroke:#c0392b;stroke-width:3}
@media (prefers-color-scheme:dark){
.chanlab-history{background:#161616}
.chanlab-history .ground{fill:#161616}
.chanlab-history text{fill:#eee}
.chanlab-history .lane{stroke:#555}
.chanlab-history .bar{fill:#1f3a52;stroke:#7db7e8}
.chanlab-history .marked{fill:#5a1f1a;stroke:#ff8a7a}
}";

/// Text with the special characters of SVG escaped.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The width of a bar with this text.
fn width(words: &str) -> u32 {
    LETTER * words.chars().count() as u32 + 2 * GAP
}

/// Draws a history as an SVG document. `marked` has the indices of the marked operations.
pub fn draw(history: &History, title: &str, marked: &[usize]) -> String {
    let words: Vec<String> = history.operations.iter().map(ToString::to_string).collect();
    let events = history.events();
    let mut from = vec![0; words.len()];
    let mut to = vec![None; words.len()];
    let mut right = NAMES;
    for (place, is_return) in events {
        right += GAP;
        if is_return {
            right = right.max(from[place] + width(&words[place]));
            to[place] = Some(right);
        } else {
            from[place] = right;
        }
    }
    // A pending operation reaches the end, where its text needs room.
    for (place, operation) in history.operations.iter().enumerate() {
        if operation.answer.is_none() {
            right = right.max(from[place] + width(&words[place]));
        }
    }
    let threads = history.threads() as u32;
    let (all_width, all_height) = (right + GAP + 2 * MARGIN, threads * LANE + 2 * MARGIN);
    let mut svg = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chanlab-history\" role=\"img\" width=\"{all_width}\" \
         height=\"{all_height}\" viewBox=\"0 0 {all_width} {all_height}\">\n<title>{}</title>\n<style>{STYLE}</style>\n\
         <rect class=\"ground\" width=\"{all_width}\" height=\"{all_height}\"/>\n",
        escaped(title)
    );
    for thread in 0..threads {
        let middle = MARGIN + thread * LANE + LANE / 2;
        let (start, end) = (MARGIN + NAMES, MARGIN + right + GAP);
        let _ = write!(
            svg,
            "<text x=\"{MARGIN}\" y=\"{}\">thread {thread}</text>\n\
             <line class=\"lane\" x1=\"{start}\" y1=\"{middle}\" x2=\"{end}\" y2=\"{middle}\"/>\n",
            middle + 4
        );
    }
    for (place, operation) in history.operations.iter().enumerate() {
        let top = MARGIN + operation.thread as u32 * LANE + (LANE - BAR) / 2;
        let left = MARGIN + from[place];
        let width = to[place].unwrap_or(right + GAP) - from[place];
        let mut class = "bar".to_owned();
        for (kind, is) in [("marked", marked.contains(&place)), ("pending", operation.answer.is_none())] {
            if is {
                class = format!("{class} {kind}");
            }
        }
        let _ = write!(
            svg,
            "<rect class=\"{class}\" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{BAR}\" rx=\"4\"/>\n\
             <text x=\"{}\" y=\"{}\">{}</text>\n",
            left + GAP,
            top + BAR / 2 + 5,
            escaped(&words[place])
        );
    }
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "capacity 1, senders 1, receivers 1
        0 1..4 send 1 -> ok
        0 5..6 send 2 -> ok
        1 2..3 recv -> 2
        2 7.. recv";

    fn parsed(svg: &str) -> roxmltree::Document<'_> {
        roxmltree::Document::parse(svg).expect("well-formed")
    }

    #[test]
    fn every_operation_has_a_bar_in_its_lane() {
        let history: History = TEXT.parse().expect("a history");
        let svg = draw(&history, "a <title> & more", &[2]);
        let document = parsed(&svg);
        let bars: Vec<_> = document
            .descendants()
            .filter(|node| node.attribute("class").is_some_and(|class| class.starts_with("bar")))
            .collect();
        let number = |node: &roxmltree::Node, name: &str| -> u32 {
            node.attribute(name).expect(name).parse().expect("a number")
        };
        assert_eq!(bars.len(), 4);
        let classes: Vec<&str> = bars.iter().filter_map(|bar| bar.attribute("class")).collect();
        assert_eq!(classes, ["bar", "bar", "bar marked", "bar pending"]);
        let lanes: Vec<u32> = bars.iter().map(|bar| number(bar, "y") / LANE).collect();
        assert_eq!(lanes, [0, 0, 1, 2]);
        let span = |bar: &roxmltree::Node| (number(bar, "x"), number(bar, "x") + number(bar, "width"));
        let spans: Vec<(u32, u32)> = bars.iter().map(span).collect();
        // In time order: the receive lies within the first send; the second send comes after both.
        assert!(spans[0].0 < spans[2].0 && spans[2].1 < spans[0].1 && spans[0].1 < spans[1].0, "{spans:?}");
        let all = number(&document.root_element(), "width");
        assert!(spans.iter().all(|(_, end)| *end <= all), "{spans:?} in {all}");
        let words: Vec<&str> = document
            .descendants()
            .filter(|node| node.has_tag_name("text"))
            .filter_map(|node| node.text())
            .collect();
        assert!(
            words.contains(&"recv -> 2") && words.contains(&"thread 2") && words.contains(&"recv (pending)")
        );
        assert!(
            document
                .descendants()
                .any(|node| node.has_tag_name("title") && node.text() == Some("a <title> & more"))
        );
    }

    #[test]
    fn an_empty_history_can_be_drawn() {
        parsed(&draw(&History::default(), "", &[]));
    }
}
