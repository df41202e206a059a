//! Charts as SVG.

pub mod canvas;
pub mod ranking;
pub mod scale;
pub mod scaling;
