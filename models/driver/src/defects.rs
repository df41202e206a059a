//! Known and planted defects: what explorations have to find, and whether they do.
//!
//! [`data`] reads the expectations, [`selection`] chooses rows, [`planting`] plants a defect, [`explore`] explores a row,
//! [`judge`] compares what it found with what it has to find, [`results`] keeps that, and [`document`] shows it.

pub mod data;
pub mod document;
pub mod explore;
pub mod judge;
pub mod planting;
pub mod results;
pub mod selection;
