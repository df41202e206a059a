//! Charts as SVG.

pub(crate) mod canvas;
pub(crate) mod ranking;
pub(crate) mod scale;
pub(crate) mod scaling;
pub(crate) mod timeline;
