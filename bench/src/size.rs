//! The binary's size, stripped as the release profile strips it.

use anyhow::Result;

use crate::{
    machine::Noise,
    report::{Goal, Report},
    server,
};

const MEGABYTE: f64 = 1e6;

pub(crate) fn run() -> Result<()> {
    let noise = Noise::begin();
    let mut report = Report::new("size of the release binary");
    let bytes = std::fs::metadata(server::binary()?)?.len();
    report.goal("headwater", bytes as f64 / MEGABYTE, "MB", Goal::AtMost(25.0));
    report.publish(&noise.end())
}
