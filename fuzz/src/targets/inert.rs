//! What is shown of hostile text must be inert: a page, a terminal, a table in Markdown.

use records::text::is_hidden;
use reports::analyse::page::Page;
use reports::render;

/// The elements that a page and its charts have.
const ELEMENTS: &[&str] = &[
    "DOCTYPE",
    "a",
    "article",
    "b",
    "body",
    "br",
    "circle",
    "code",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "h1",
    "h2",
    "h3",
    "h4",
    "head",
    "header",
    "html",
    "i",
    "img",
    "li",
    "line",
    "main",
    "meta",
    "nav",
    "ol",
    "p",
    "path",
    "polygon",
    "polyline",
    "pre",
    "rect",
    "section",
    "span",
    "style",
    "summary",
    "svg",
    "table",
    "tbody",
    "td",
    "text",
    "th",
    "thead",
    "title",
    "tr",
    "ul",
    "wbr",
];

/// Asserts that a page has no elements but its own, no scripts and no hidden characters.
pub(super) fn html(html: &str) {
    assert!(html.ends_with("</html>"), "the page has no end");
    for number in ["NaN×", "inf×"] {
        assert!(!html.contains(number), "{number}");
    }
    let hidden = html.chars().find(|character| *character != '\n' && is_hidden(*character));
    assert_eq!(hidden, None, "the page has a hidden character");
    for tag in html.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap_or_default();
        let name = tag.trim_start_matches(['/', '!']).split([' ', '/', '\n']).next().unwrap_or_default();
        assert!(ELEMENTS.contains(&name), "<{tag}>");
        assert!(!tag.split('"').step_by(2).any(|names| names.contains(" on")), "<{tag}>");
        let links = ["href=\"javascript:", "src=\"javascript:"];
        assert!(!links.iter().any(|link| tag.to_ascii_lowercase().contains(link)), "<{tag}>");
    }
}

/// Asserts that the page and the summary of these records are inert, and that no problem stays without an exit code.
pub(super) fn page(page: &Page) {
    html(&render::page::page(page, "2026-01-02T03:04:05Z"));
    terminal(&render::terminal::table(page));
    render::terminal::summary(page).iter().for_each(|text| line(text));
    if !page.verification.is_empty() {
        terminal(&render::verification::terminal::matrix(&page.verification));
    }
    for problem in &page.problems {
        assert!(!render::problems::line(problem).is_empty());
    }
    for warning in &page.warnings {
        assert!(!render::warnings::words(warning).is_empty());
    }
    assert!(page.problems.is_empty() || reports::gate::report(page).is_err(), "problems, and exit code 0");
}

/// Asserts that a text has no hidden characters but the ends of its lines.
pub(super) fn terminal(text: &str) {
    text.split('\n').for_each(line);
}

/// Asserts that a line has no hidden characters.
pub(super) fn line(line: &str) {
    assert!(!line.contains(is_hidden), "{line:?} has a hidden character");
}
