//! The examples and the files beside them, and what a run of them says.

use std::path::Path;

use flowc::{Checked, MemLoader, Results, Settings, check};

/// The data files of the examples.
pub fn beside() -> MemLoader {
    let files = std::fs::read_dir("examples/data").expect("data").flatten();
    files.fold(MemLoader::default(), |loader, file| {
        let text = std::fs::read_to_string(file.path()).expect("data can be read");
        loader.with(&format!("data/{}", file.file_name().to_string_lossy()), &text)
    })
}

/// An example with its text.
pub fn load(path: &Path, settings: &Settings) -> (String, Checked) {
    let text = std::fs::read_to_string(path).expect("an example can be read");
    let name = path.file_name().expect("a name").to_string_lossy();
    let checked = check(&name, text.as_bytes(), &beside(), settings);
    (text, checked)
}

/// A run of an example.
pub fn run(name: &str, settings: &Settings) -> Results {
    let (_, checked) = load(Path::new(&format!("examples/{name}.flow")), settings);
    assert!(checked.is_sound(), "{name}: {:?}", checked.diagnostics);
    checked.run().expect("a sound model runs")
}

/// A column by its name.
pub fn column<'r>(results: &'r Results, name: &str) -> &'r [f64] {
    let column = results.columns.iter().find(|c| c.name == name);
    &column.unwrap_or_else(|| panic!("no column {name}")).values
}

/// A metric by its name.
pub fn metric(results: &Results, name: &str) -> f64 {
    results.metrics.iter().find(|m| m.name == name).unwrap_or_else(|| panic!("no metric {name}")).value
}
