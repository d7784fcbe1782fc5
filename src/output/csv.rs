//! Results as CSV: cadCAD's five columns, time, then every value by name.

use super::{Results, exact};

const FIRST: [&str; 6] = ["simulation", "subset", "run", "substep", "timestep", "time"];

/// A row per kept row. The five columns count as cadCAD counts them: simulation and subset from 0, run from 1, the
/// substep of a row 0 is 0 and of all others the number of the last phase.
pub fn csv(results: &Results) -> String {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    // A value that has the name of one of the six says where it belongs.
    let named = |name: &String| if FIRST.contains(&name.as_str()) { format!("model.{name}") } else { name.clone() };
    let header = FIRST.iter().map(|s| s.to_string()).chain(results.columns.iter().map(|c| named(&c.name)));
    let mut rows = vec![header.collect::<Vec<String>>()];
    for (i, step) in results.steps.iter().enumerate() {
        let substep = if *step == 0 { "0" } else { "1" };
        let mut row: Vec<String> = ["0", "0", "1", substep].iter().map(|s| s.to_string()).collect();
        row.push(step.to_string());
        row.push(exact(results.times[i]));
        row.extend(results.columns.iter().map(|c| exact(c.values.get(i).copied().unwrap_or(f64::NAN))));
        rows.push(row);
    }
    // Writing to memory cannot fail, and all rows have one length.
    for row in rows {
        let _ = writer.write_record(row);
    }
    writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}
