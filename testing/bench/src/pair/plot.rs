//! The pictures of the page: one file for each, of panels side by side, drawn from the medians of
//! the runs. Both axes are logarithmic: what is flat is flat, and a factor is the same everywhere.
//! Pure functions of the results.

use plotters::coord::Shift;
use plotters::prelude::*;

use oxmq_testing::{Doing, Result};

use super::Outcome;
use super::scenario::Side;

/// Pixels of one panel.
const PANEL: (u32, u32) = (420, 320);

/// A picture.
pub(super) struct Picture {
    /// Its file, without folder and ending.
    pub(super) file: &'static str,
    pub(super) title: &'static str,
    panels: &'static [Panel],
}

/// One of its diagrams: the scenarios whose name is the prefix and a number, which is the abscissa.
struct Panel {
    title: &'static str,
    prefix: &'static str,
    /// What is drawn of each.
    key: &'static str,
    across: &'static str,
}

const fn panel(
    title: &'static str,
    prefix: &'static str,
    key: &'static str,
    across: &'static str,
) -> Panel {
    Panel { title, prefix, key, across }
}

const BYTES: &str = "bytes of a message";
const SUBSCRIBERS: &str = "subscribers";

/// Every picture, in the order of the page.
pub(super) const PICTURES: &[Picture] = &[
    Picture {
        file: "rate",
        title: "Messages per second against message size",
        panels: &[
            panel("tcp, messages/s", "thr/tcp/", "msgs_per_s", BYTES),
            panel("ipc, messages/s", "thr/ipc/", "msgs_per_s", BYTES),
            panel("inproc, messages/s", "thr/inproc/", "msgs_per_s", BYTES),
        ],
    },
    Picture {
        file: "cpu",
        title: "Processor time of both ends for a message of a stream, against its size",
        panels: &[
            panel("tcp, CPU us", "thr/tcp/", "cpu_us", BYTES),
            panel("ipc, CPU us", "thr/ipc/", "cpu_us", BYTES),
            panel("inproc, CPU us", "thr/inproc/", "cpu_us", BYTES),
        ],
    },
    Picture {
        file: "latency",
        title: "Median round trip on one processor, against message size",
        panels: &[
            panel("tcp, us", "lat/one/tcp/", "p50_us", BYTES),
            panel("ipc, us", "lat/one/ipc/", "p50_us", BYTES),
            panel("inproc, us", "lat/one/inproc/", "p50_us", BYTES),
        ],
    },
    Picture {
        file: "fanout",
        title: "Deliveries per second against the number of subscribers",
        panels: &[
            panel("subscribers are sockets", "pub/tcp/", "deliveries_per_s", SUBSCRIBERS),
            panel("subscribers are plain TCP", "pub/raw/", "deliveries_per_s", SUBSCRIBERS),
        ],
    },
    Picture {
        file: "peers",
        title: "Cost of a ROUTER against the number of its peers",
        panels: &[
            panel("CPU us for a message", "peers/", "near_cpu_us", "peers"),
            panel("bytes for a peer", "peers/", "bind_bytes", "peers"),
        ],
    },
    Picture {
        file: "subscriptions",
        title: "Cost of a publisher against the number of subscriptions",
        panels: &[
            panel("CPU us for a message", "subs/", "near_cpu_us", "subscriptions"),
            panel("bytes for a subscription", "subs/", "bytes_each", "subscriptions"),
        ],
    },
    Picture {
        file: "connections",
        title: "Memory of an idle connection over tcp, against their number",
        panels: &[
            panel("bytes, binding side", "conn/tcp/", "bind_bytes", "connections"),
            panel("bytes, connecting side", "conn/tcp/", "connect_bytes", "connections"),
        ],
    },
];

/// A curve.
struct Curve {
    label: &'static str,
    color: RGBColor,
    points: Vec<(f64, f64)>,
}

impl Panel {
    fn curves(&self, outcomes: &[Outcome]) -> Vec<Curve> {
        let sides = [
            (Side::Oxmq, "oxmq", RGBColor(200, 60, 20)),
            (Side::Other, "libzmq", RGBColor(30, 90, 170)),
            (Side::Ceiling, "ceiling", RGBColor(130, 130, 130)),
        ];
        let curves = sides.map(|(side, label, color)| {
            let points = outcomes.iter().filter_map(|outcome| {
                let at: f64 = outcome.scenario.name.strip_prefix(self.prefix)?.parse().ok()?;
                let value = outcome.median(side, self.key)?;
                // An amount below what can be measured has no place on a logarithmic axis.
                (value > 0.0).then_some((at, value))
            });
            let mut points: Vec<(f64, f64)> = points.collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            Curve { label, color, points }
        });
        curves.into_iter().filter(|curve| !curve.points.is_empty()).collect()
    }
}

/// A picture as SVG.
pub(super) fn draw(picture: &Picture, outcomes: &[Outcome]) -> Result<String> {
    let mut text = String::new();
    let count = picture.panels.len();
    {
        let size = (PANEL.0 * count as u32, PANEL.1);
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        area.fill(&WHITE).doing("drawing")?;
        for (panel, area) in picture.panels.iter().zip(area.split_evenly((1, count))) {
            draw_panel(panel, &panel.curves(outcomes), &area).doing(panel.title)?;
        }
        area.present().doing("drawing")?;
    }
    Ok(text)
}

fn draw_panel(
    panel: &Panel,
    curves: &[Curve],
    area: &DrawingArea<SVGBackend<'_>, Shift>,
) -> Result<()> {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let range = |values: &mut dyn Iterator<Item = f64>, margin: f64| {
        let (least, most) =
            values.fold((f64::INFINITY, 0.0), |(least, most), v| (v.min(least), v.max(most)));
        (least / margin)..(most * margin)
    };
    if points().next().is_none() {
        return Err("nothing was measured".to_owned());
    }
    let across = range(&mut points().map(|point| point.0), 1.2);
    let up = range(&mut points().map(|point| point.1), 1.6);
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .caption(panel.title, ("sans-serif", 15))
        .x_label_area_size(34)
        .y_label_area_size(52)
        .build_cartesian_2d(across.log_scale(), up.log_scale())
        .doing("axes")?;
    chart
        .configure_mesh()
        .x_desc(panel.across)
        .x_label_formatter(&|value| short(*value))
        .y_label_formatter(&|value| short(*value))
        .light_line_style(RGBColor(240, 240, 240))
        .draw()
        .doing("the mesh")?;
    for curve in curves {
        let style = curve.color.stroke_width(2);
        chart
            .draw_series(LineSeries::new(curve.points.iter().copied(), style))
            .doing("a curve")?
            .label(curve.label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style));
        let dots = curve.points.iter().map(|at| Circle::new(*at, 3, curve.color.filled()));
        chart.draw_series(dots).doing("a curve")?;
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.8))
        .border_style(RGBColor(200, 200, 200))
        .draw()
        .doing("the legend")?;
    Ok(())
}

/// A number as an axis has it.
fn short(value: f64) -> String {
    let (value, unit) = match value {
        value if value >= 1e6 => (value * 1e-6, " M"),
        value if value >= 1e3 => (value * 1e-3, " k"),
        value => (value, ""),
    };
    let text = format!("{value:.3}");
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::super::record::{Record, Run};
    use super::super::{outcomes, scenario};
    use super::*;

    /// Runs of every scenario with every figure.
    fn made_up() -> Vec<Outcome> {
        let mut runs = Vec::new();
        for scenario in scenario::all(1.0) {
            for (side, _) in &scenario.commands {
                let keys = PICTURES.iter().flat_map(|picture| picture.panels).map(|p| p.key);
                let line = keys.map(|key| format!("{key}=7 ")).collect();
                let name = scenario.name.clone();
                runs.push(Run { scenario: name, side: *side, round: 0, line: Some(line) });
            }
        }
        outcomes(&Record { load: 0.0, runs }, 1.0)
    }

    #[test]
    fn every_picture_has_its_curves() {
        let outcomes = made_up();
        for picture in PICTURES {
            for panel in picture.panels {
                let curves = panel.curves(&outcomes);
                assert!(curves.len() >= 2, "{}: {}", picture.file, panel.title);
                assert!(curves.iter().all(|c| c.points.len() >= 3), "{}", panel.title);
            }
            let svg = draw(picture, &outcomes);
            assert!(svg.is_ok_and(|svg| svg.contains("libzmq") && svg.ends_with("</svg>\n")));
        }
    }

    #[test]
    fn numbers_of_an_axis_are_short() {
        assert_eq!(
            [0.125, 1.0, 64.0, 1500.0, 2e6].map(short),
            ["0.125", "1", "64", "1.5 k", "2 M"]
        );
    }
}
