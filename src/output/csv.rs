//! Results as CSV: cadCAD's five columns, time, the date where there is one, then every value by name.

use super::{Results, cell, exact};

const FIRST: [&str; 7] = ["simulation", "subset", "run", "substep", "timestep", "time", "date"];

/// A row per kept row. The five columns count as cadCAD counts them: simulation and subset from 0, run from 1, the
/// substep of a row 0 is 0 and of all others the number of the last phase.
pub fn csv(results: &Results) -> String {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    // A value that has the name of one of the first says where it belongs.
    let named = |name: &String| if FIRST.contains(&name.as_str()) { format!("model.{name}") } else { name.clone() };
    let dated = if results.dates.is_some() { FIRST.len() } else { FIRST.len() - 1 };
    let header = FIRST[..dated].iter().map(|s| s.to_string()).chain(results.columns.iter().map(|c| named(&c.name)));
    // Writing to memory cannot fail, and all rows have one length.
    let mut write = |row: Vec<String>| {
        let _ = writer.write_record(row);
    };
    write(header.collect());
    let replay = &results.replay;
    let (arm, point) = (replay.arm.as_ref().map_or(0, |a| a.0), replay.point.as_ref().map_or(0, |p| p.0 - 1));
    let which = [arm.to_string(), point.to_string(), replay.run.to_string()];
    for (i, step) in results.steps.iter().enumerate() {
        let mut row = which.to_vec();
        row.push(results.substeps[i].to_string());
        row.push(step.to_string());
        row.push(exact(results.times[i]));
        row.extend(results.dates.iter().map(|d| d[i].clone()));
        row.extend(results.columns.iter().map(|c| cell(c.values.get(i).copied().unwrap_or(f64::NAN), &c.labels)));
        write(row);
    }
    writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}
