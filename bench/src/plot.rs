//! Draws the plots of docs/performance.md, as SVG.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use crate::figures::Figures;
use crate::measurement::{Measurement, Mode};

const SIZE: (u32, u32) = (720, 420);
const FONT: &str = "sans-serif";

/// A point of a line.
type Point = (f64, f64);

/// Draws both plots into the folder.
pub(crate) fn draw(figures: &Figures, folder: &Path) -> Result<()> {
    let rates = Plot {
        title: "Decided orders a second, one hot product",
        x: "buyers at once",
        y: "orders a second",
        lines: lines(&figures.by_concurrency, |one| {
            (one.buyers as f64, one.decided_per_second)
        }),
    };
    rates.draw(&folder.join("throughput.svg"))?;
    let latencies = Plot {
        title: "Submission to decision, p95, one hot product",
        x: "buyers a second",
        y: "milliseconds",
        lines: lines(&figures.by_load, |one| {
            (
                one.offered_per_second.unwrap_or_default(),
                one.decision_ms.p95,
            )
        }),
    };
    latencies.draw(&folder.join("latency.svg"))
}

fn lines(
    measurements: &[Measurement],
    point: impl Fn(&Measurement) -> Point,
) -> Vec<(Mode, Vec<Point>)> {
    let of_mode = |mode: Mode| {
        let measured = measurements.iter().filter(|one| one.mode == mode);
        (mode, measured.map(&point).collect())
    };
    [Mode::Batch, Mode::Naive].map(of_mode).into()
}

struct Plot {
    title: &'static str,
    x: &'static str,
    y: &'static str,
    lines: Vec<(Mode, Vec<Point>)>,
}

impl Plot {
    /// Both axes are logarithmic because the lines differ by orders of magnitude.
    fn draw(&self, file: &Path) -> Result<()> {
        self.try_draw(file)
            .map_err(|error| anyhow!("cannot draw {}: {error}", file.display()))
    }

    fn try_draw(&self, file: &Path) -> Result<(), Box<dyn std::error::Error>> {
        let area = SVGBackend::new(file, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let points = || self.lines.iter().flat_map(|(_, points)| points);
        let (left, right) = range(points().map(|point| point.0));
        let (bottom, top) = range(points().map(|point| point.1));
        let mut chart = ChartBuilder::on(&area)
            .caption(self.title, (FONT, 18))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(64)
            .build_cartesian_2d((left..right).log_scale(), (bottom..top).log_scale())?;
        chart
            .configure_mesh()
            .x_desc(self.x)
            .y_desc(self.y)
            .x_label_formatter(&|value| format!("{value:.0}"))
            .y_label_formatter(&|value| format!("{value:.0}"))
            .label_style((FONT, 13))
            .light_line_style(WHITE)
            .draw()?;
        for (mode, points) in &self.lines {
            let color = color(*mode);
            chart
                .draw_series(
                    LineSeries::new(points.iter().copied(), color.stroke_width(2)).point_size(3),
                )?
                .label(mode.to_string())
                .legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2))
                });
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .border_style(BLACK.mix(0.3))
            .background_style(WHITE)
            .label_font((FONT, 13))
            .draw()?;
        area.present()?;
        Ok(())
    }
}

fn color(mode: Mode) -> RGBColor {
    match mode {
        Mode::Batch => RGBColor(0x1b, 0x7f, 0x5c),
        Mode::Direct => RGBColor(0x4a, 0x6f, 0xa5),
        Mode::Naive => RGBColor(0xc0, 0x39, 0x2b),
    }
}

/// The range of a logarithmic axis: from a little below the lowest value to a little above the highest.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (lowest, highest) = values
        .filter(|value| *value > 0.0)
        .fold((f64::MAX, 1.0_f64), |(low, high), value| {
            (low.min(value), high.max(value))
        });
    (lowest.min(highest) * 0.8, highest * 1.25)
}
