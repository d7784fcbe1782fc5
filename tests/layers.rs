//! The shape of the source: who may import whom, how long a file may be, what only one place may use.

#![allow(clippy::disallowed_methods)] // Tests read files and compare with the platform's mathematics.

use std::path::{Path, PathBuf};

/// The layers from the bottom. A module sees those before it, and its own.
const LAYERS: &[&[&str]] = &[
    &["source", "diag"],
    &["units"],
    &["data"],
    &["syntax"],
    &["builtins"],
    &["hir"],
    &["check"],
    &["ir"],
    &["exec"],
    &["study"],
    // `output` names what `session` checked, and `session` offers results: one layer of two modules.
    &["output", "session"],
    &["cli"],
];

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("src is there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            // What fuzzing may have built there is not ours.
            if !path.ends_with("fuzz/target") {
                sources(&path, out);
            }
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

fn all(folder: &str) -> Vec<(PathBuf, String)> {
    let mut paths = Vec::new();
    sources(Path::new(folder), &mut paths);
    paths.sort();
    assert!(!paths.is_empty());
    paths.into_iter().map(|p| (p.clone(), std::fs::read_to_string(p).expect("readable"))).collect()
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|l| l.contains(&module))
}

fn module(path: &Path) -> String {
    let part = path.strip_prefix("src").expect("in src").components().next().expect("a part");
    part.as_os_str().to_string_lossy().trim_end_matches(".rs").to_string()
}

#[test]
fn modules_see_only_lower_layers() {
    for (path, text) in all("src") {
        let own = module(&path);
        if ["lib", "main"].contains(&own.as_str()) {
            continue;
        }
        let own_layer = layer(&own).unwrap_or_else(|| panic!("{} is in no layer", path.display()));
        for line in text.lines().filter(|l| !l.trim_start().starts_with("//")) {
            for (at, _) in line.match_indices("crate::") {
                let name: String = line[at + 7..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                // The crate's root re-exports what users need; only the top may take the short way.
                let seen = layer(&name).unwrap_or(LAYERS.len() - 1);
                assert!(seen <= own_layer, "{}: `{own}` may not see `{name}`: {line}", path.display());
            }
        }
    }
}

#[test]
fn each_library_stays_in_its_place() {
    let only = [
        ("chumsky", "src/syntax/parse"),
        ("logos", "src/syntax/token.rs"),
        ("ariadne", "src/cli/render.rs"),
        ("clap", "src/cli"),
    ];
    for (path, text) in all("src") {
        for (library, place) in only {
            let used = text.lines().any(|l| {
                let l = l.trim_start();
                !l.starts_with("//")
                    && (l.starts_with(&format!("use {library}")) || l.contains(&format!("{library}::")))
            });
            assert!(!used || path.starts_with(place), "{} uses {library}, which stays in {place}", path.display());
        }
    }
}

#[test]
fn files_are_short_and_say_what_they_are() {
    for (path, text) in all("src").into_iter().chain(all("tests")) {
        let lines = text.lines().count();
        assert!(lines <= 900, "{} has {lines} lines", path.display());
        assert!(text.starts_with("//!"), "{} does not say what it is", path.display());
    }
}

#[test]
fn the_platforms_mathematics_is_not_used() {
    let names = ["exp", "ln", "powf", "powi", "sin", "cos", "tan", "log10", "exp2", "mul_add", "cbrt", "hypot", "tanh"];
    for (path, text) in all("src") {
        for line in text.lines().filter(|l| !l.trim_start().starts_with("//")) {
            for name in names {
                assert!(!line.contains(&format!(".{name}(")), "{}: use libm in `{line}`", path.display());
            }
        }
    }
}
