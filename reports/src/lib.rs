//! The page of chanlab, from what benchmarks and models left behind.
//!
//! Data flows one way: [`collect`] reads the files, [`analyse`] makes of them a [`analyse::page::Page`] that holds
//! everything the page says, [`render`] writes it as one HTML file. Nothing is measured here.

pub mod analyse;
pub mod collect;
pub mod numbers;
pub mod render;
pub mod run;
